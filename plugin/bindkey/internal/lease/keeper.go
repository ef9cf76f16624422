package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrBusy says that as many things are open as may be, and all are in use.
	ErrBusy = errors.New("as many are open as may be, and all are in use")
	// ErrClosed says that the keeper is closed.
	ErrClosed = errors.New("closed")
)

// A Remembered is a failure that is told again, without another attempt.
type Remembered struct{ Err error }

func (e *Remembered) Error() string { return e.Err.Error() }

// Unwrap returns the failure.
func (e *Remembered) Unwrap() error { return e.Err }

// A Config is what a keeper is made of.
type Config[T any] struct {
	Limit int           // how many may be open
	Wait  time.Duration // how long who wants one waits for it
	// Again is how long a failure is remembered.
	Again time.Duration
	// Open opens what has the lease's name. Its context ends after Wait, and not with
	// who asked. It asks for room once it knows what to open, so that a name that nobody
	// has closes nothing.
	Open func(ctx context.Context, lease *Lease[T], room func() error) (T, error)
	// Close closes it.
	Close func(T) error
	// Idle reports whether nothing is left of those who have been inside.
	Idle func(T) bool
}

// A Keeper keeps what is open. To find it takes no lock.
type Keeper[T any] struct {
	config Config[T]

	open    atomic.Pointer[map[string]*Lease[T]] // replaced whole
	waiting atomic.Int32                         // attempts that wait for a place

	mu       sync.Mutex // never held while something is opened or closed
	places   int        // taken by what is open, being opened or not closed yet
	closed   bool
	leaving  map[*Lease[T]]struct{} // not open any more, and not closed yet
	attempts map[string]*attempt
	failures map[string]failure
	woken    chan struct{} // closed, and made anew, when there may be a place
}

// An attempt to open is made once for all who wait for it.
type attempt struct {
	over    chan struct{} // closed
	outer   *attempt      // that this one is made in, or nil
	waits   atomic.Bool   // for room
	err     error         // once it is over
	evicted bool          // what it opens may not be what it should be any more; the keeper's mu guards it
}

type failure struct {
	err error
	at  time.Time
}

// manyFailures is how many failures are remembered: anybody may ask for any name.
const manyFailures = 1000

// New makes a keeper.
func New[T any](config Config[T]) *Keeper[T] {
	k := &Keeper[T]{config: config, leaving: map[*Lease[T]]struct{}{}, attempts: map[string]*attempt{}, failures: map[string]failure{}, woken: make(chan struct{})}
	k.open.Store(&map[string]*Lease[T]{})
	return k
}

// Peek is the lease of a name, if it is open, or nil.
func (k *Keeper[T]) Peek(name string) *Lease[T] { return (*k.open.Load())[name] }

// Each visits all that is open.
func (k *Keeper[T]) Each(visit func(*Lease[T])) {
	for _, lease := range *k.open.Load() {
		visit(lease)
	}
}

// Enter enters the lease of a name, which it opens first, if it has to.
func (k *Keeper[T]) Enter(ctx context.Context, name string) (*Lease[T], error) {
	if lease := k.Peek(name); lease != nil && lease.TryEnter() {
		return lease, nil
	}
	limit := time.NewTimer(k.config.Wait)
	defer limit.Stop()
	for {
		if err := k.obtain(ctx, name, limit.C); err != nil {
			return nil, err
		}
		if lease := k.Peek(name); lease != nil && lease.TryEnter() {
			return lease, nil
		}
	}
}

// Obtain is the lease of a name, which it opens first, if it has to. It may be retired
// before it is entered.
func (k *Keeper[T]) Obtain(ctx context.Context, name string) (*Lease[T], error) {
	if lease := k.Peek(name); lease != nil {
		return lease, nil
	}
	lease, err := k.Enter(ctx, name)
	if err == nil {
		lease.Leave()
	}
	return lease, err
}

// obtain waits until a name is open.
func (k *Keeper[T]) obtain(ctx context.Context, name string, limit <-chan time.Time) error {
	now, err := k.attemptOf(ctx, name)
	if now == nil {
		return err
	}
	for outer := attemptIn(ctx); outer != nil; outer = outer.outer {
		if outer == now {
			return errInside
		}
	}
	select {
	case <-now.over:
		if errors.Is(now.err, ErrBusy) && !over(limit) {
			return nil // its time is over, and not that of who came later
		}
		return now.err
	case <-ctx.Done():
		return fmt.Errorf("it is not open yet: %w", now.waited(ctx.Err()))
	case <-limit:
		return fmt.Errorf("it is not open after %v: %w", k.config.Wait, now.waited(context.DeadlineExceeded))
	}
}

// attempting is the key of an attempt in the context that it opens with.
type attempting struct{}

func attemptIn(ctx context.Context) *attempt {
	now, _ := ctx.Value(attempting{}).(*attempt)
	return now
}

var errInside = errors.New("it is asked for by what opens it, which would wait for itself; ask there for nothing of it")

func over(limit <-chan time.Time) bool {
	select {
	case <-limit:
		return true
	default:
		return false
	}
}

// waited says what was waited for, if that was room.
func (a *attempt) waited(err error) error {
	if a.waits.Load() {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// attemptOf is the attempt to wait for, or nil where there is none to wait for.
func (k *Keeper[T]) attemptOf(ctx context.Context, name string) (*attempt, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, ErrClosed
	}
	if lease := k.Peek(name); lease != nil && lease.state.Load()&retired == 0 {
		return nil, nil
	}
	if failed, ok := k.failures[name]; ok && time.Since(failed.at) < k.config.Again {
		return nil, &Remembered{failed.err}
	}
	now := k.attempts[name]
	if now == nil {
		now = &attempt{over: make(chan struct{}), outer: attemptIn(ctx)}
		k.attempts[name] = now
		go k.attempt(context.WithValue(context.WithoutCancel(ctx), attempting{}, now), name, now)
	}
	return now, nil
}

// attempt opens what has a name, behind the backs of those who wait.
func (k *Keeper[T]) attempt(ctx context.Context, name string, now *attempt) {
	ctx, cancel := context.WithTimeout(ctx, k.config.Wait)
	defer cancel()
	lease, room := &Lease[T]{Name: name, keeper: k, ended: make(chan struct{})}, &room[T]{keeper: k}
	err := errGoexit // unless Open returns, or panics
	defer func() { k.attempted(name, now, err) }()
	defer func() {
		has := room.kept()
		switch {
		case err == nil && (has || k.tryPlace()):
			err = k.publish(lease, now)
		case err == nil:
			err = errors.Join(fmt.Errorf("%w: %w", ErrBusy, ctx.Err()), k.config.Close(lease.Value))
		case has:
			k.leavePlace()
		}
	}()
	err = k.fill(ctx, lease, func() error {
		now.waits.Store(true)
		err := room.take(ctx)
		now.waits.Store(err != nil)
		return err
	})
}

var errGoexit = errors.New("to open it has ended its goroutine (runtime.Goexit, or FailNow of a test)")

// attempted tells those who wait how an attempt has ended.
func (k *Keeper[T]) attempted(name string, now *attempt, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.attempts, name)
	if err != nil && !errors.Is(err, ErrBusy) {
		k.remember(name, err)
	}
	now.err = err
	close(now.over)
}

// fill opens. A panic would end the program here, and not where it asked.
func (k *Keeper[T]) fill(ctx context.Context, lease *Lease[T], room func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("to open it panics: %v", reason)
		}
	}()
	lease.Value, err = k.config.Open(ctx, lease, room)
	return err
}

// remember remembers a failure. k.mu is held.
func (k *Keeper[T]) remember(name string, err error) {
	if len(k.failures) >= manyFailures {
		for other, failed := range k.failures {
			if time.Since(failed.at) >= k.config.Again {
				delete(k.failures, other)
			}
		}
		if len(k.failures) >= manyFailures {
			k.failures = map[string]failure{}
		}
	}
	k.failures[name] = failure{err, time.Now()}
}

// publish shows what has been opened to those who look for it. If it was evicted
// meanwhile, they make another attempt.
func (k *Keeper[T]) publish(lease *Lease[T], now *attempt) error {
	lease.used.Store(time.Now().UnixNano())
	k.mu.Lock()
	if now.evicted && !k.closed {
		k.mu.Unlock()
		lease.retire()
		return nil
	}
	if !k.closed {
		delete(k.failures, lease.Name)
		k.replace(func(open map[string]*Lease[T]) { open[lease.Name] = lease })
		k.mu.Unlock()
		return nil
	}
	k.mu.Unlock()
	lease.retire()
	return ErrClosed
}

// replace changes what is open. k.mu is held.
func (k *Keeper[T]) replace(change func(map[string]*Lease[T])) {
	was := *k.open.Load()
	open := make(map[string]*Lease[T], len(was)+1)
	for name, lease := range was {
		open[name] = lease
	}
	change(open)
	k.open.Store(&open)
}
