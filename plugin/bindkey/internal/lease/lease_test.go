package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/lease"
)

// A thing tells whether it is used once it is closed.
type thing struct {
	name   string
	closed atomic.Bool
	busy   atomic.Bool // though nobody is inside
}

// A shop opens things, and counts.
type shop struct {
	mu     sync.Mutex
	opened map[string]int
	open   int
	most   int
	fails  func(name string) error
	hang   chan struct{} // what is called "slow" is open when it is closed
}

func (s *shop) config(limit int, wait, again time.Duration) lease.Config[*thing] {
	s.opened = map[string]int{}
	return lease.Config[*thing]{
		Limit: limit, Wait: wait, Again: again,
		Open: func(_ context.Context, l *lease.Lease[*thing], room func() error) (*thing, error) {
			name := l.Name
			if strings.HasPrefix(name, "nobody") {
				return nil, errNobody
			}
			if err := room(); err != nil {
				return nil, err
			}
			if name == "slow" {
				<-s.hang
			}
			if name == "panics" {
				panic("no")
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.opened[name]++
			if s.fails != nil {
				if err := s.fails(name); err != nil {
					return nil, err
				}
			}
			if s.open++; s.open > s.most {
				s.most = s.open
			}
			return &thing{name: name}, nil
		},
		Close: func(t *thing) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.open--
			if t.closed.Swap(true) {
				return errors.New("closed twice")
			}
			return nil
		},
		Idle: func(t *thing) bool { return !t.busy.Load() },
	}
}

var errNobody = errors.New("nobody has this name")

func (s *shop) times(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened[name]
}

func mustEnter(t *testing.T, k *lease.Keeper[*thing], name string) *lease.Lease[*thing] {
	t.Helper()
	l, err := k.Enter(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if l.Name != name || l.Value.name != name || l.Value.closed.Load() {
		t.Fatalf("asked for %s: %s, %+v", name, l.Name, l.Value)
	}
	return l
}

func wait(all []<-chan struct{}) {
	for _, one := range all {
		<-one
	}
}

// Many who want one thing wait for one attempt; nobody waits for that of another.
func TestOpenedOnceForAll(t *testing.T) {
	s := &shop{hang: make(chan struct{})}
	k := lease.New(s.config(10, time.Minute, time.Minute))
	var all sync.WaitGroup
	for i := 0; i < 20; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			l, err := k.Enter(context.Background(), "slow")
			if err != nil {
				t.Error(err)
				return
			}
			l.Leave()
		}()
	}
	mustEnter(t, k, "a").Leave()
	close(s.hang)
	all.Wait()
	if n := s.times("slow"); n != 1 {
		t.Errorf("opened %d times", n)
	}
}

// Who waits leaves when its context ends, or after the limit; the attempt goes on.
func TestWaitingEnds(t *testing.T) {
	s := &shop{hang: make(chan struct{})}
	k := lease.New(s.config(10, 30*time.Millisecond, time.Minute))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := k.Enter(ctx, "slow"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := k.Enter(context.Background(), "slow"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(s.hang)
	mustEnter(t, k, "slow").Leave()
	if n := s.times("slow"); n != 1 {
		t.Errorf("opened %d times", n)
	}
}

// A failure is told again for a while, and then another attempt is made; Evict makes it
// forgotten at once. Others open meanwhile. A panic is a failure.
func TestFailures(t *testing.T) {
	s := &shop{}
	down := errors.New("down")
	s.fails = func(name string) error {
		if name == "bad" {
			return down
		}
		return nil
	}
	k := lease.New(s.config(2, time.Minute, time.Hour))
	for i := 0; i < 3; i++ {
		if _, err := k.Enter(context.Background(), "bad"); !errors.Is(err, down) {
			t.Error(err)
		}
	}
	if n := s.times("bad"); n != 1 {
		t.Errorf("%d attempts", n)
	}
	mustEnter(t, k, "a").Leave()
	wait(k.Evict("bad"))
	s.fails = nil
	mustEnter(t, k, "bad").Leave()
	if _, err := k.Enter(context.Background(), "panics"); err == nil || !strings.Contains(err.Error(), "panics") {
		t.Error(err)
	}

	s = &shop{fails: func(string) error { return down }}
	k = lease.New(s.config(2, time.Minute, 0))
	for i := 0; i < 3000; i++ {
		if _, err := k.Enter(context.Background(), fmt.Sprint(i%1500)); !errors.Is(err, down) {
			t.Error(err)
		}
	}
	if n := s.times("1"); n != 2 {
		t.Errorf("%d attempts", n)
	}
}

// The least recently used of what is idle makes room; what is in use does not.
func TestRoom(t *testing.T) {
	s := &shop{}
	k := lease.New(s.config(3, time.Minute, time.Minute))
	a := mustEnter(t, k, "a")
	mustEnter(t, k, "b").Leave()
	c := mustEnter(t, k, "c")
	c.Leave()
	c.Value.busy.Store(true)
	mustEnter(t, k, "b").Leave()
	mustEnter(t, k, "d").Leave() // in the place of b: a is entered, and c busy
	if k.Peek("b") != nil || k.Peek("a") == nil || k.Peek("c") == nil {
		t.Error("another one was closed")
	}
	c.Value.busy.Store(false)
	mustEnter(t, k, "d").Leave()
	mustEnter(t, k, "e").Leave() // in the place of c
	if k.Peek("c") != nil || k.Peek("d") == nil {
		t.Error("not the least recently used")
	}
	if a.Value.closed.Load() || s.most != 3 {
		t.Errorf("a is closed: %v; %d were open", a.Value.closed.Load(), s.most)
	}
	a.Leave()
	if err := k.Close(); err != nil || s.open != 0 {
		t.Errorf("%v, %d are open", err, s.open)
	}
	if _, err := k.Enter(context.Background(), "a"); !errors.Is(err, lease.ErrClosed) {
		t.Error(err)
	}
}

// Where all are in use, who wants another waits until one is not, or for the limit.
func TestNoRoom(t *testing.T) {
	s := &shop{}
	k := lease.New(s.config(1, 50*time.Millisecond, time.Hour))
	a := mustEnter(t, k, "a")
	if _, err := k.Enter(context.Background(), "b"); !errors.Is(err, lease.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	got := make(chan error)
	go func() {
		_, err := k.Enter(context.Background(), "b") // it is not remembered that there was no room
		for errors.Is(err, lease.ErrBusy) || errors.Is(err, context.DeadlineExceeded) {
			_, err = k.Enter(context.Background(), "b")
		}
		got <- err
	}()
	a.Leave()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// Evict lets those who are inside end; others get another one.
func TestEvict(t *testing.T) {
	s := &shop{}
	k := lease.New(s.config(5, time.Minute, time.Minute))
	a := mustEnter(t, k, "a")
	done := k.Evict("a")[0]
	again := mustEnter(t, k, "a")
	if again == a || a.TryEnter() || a.Value.closed.Load() {
		t.Error("the evicted one is entered, or closed")
	}
	select {
	case <-done:
		t.Error("done while somebody is inside")
	default:
	}
	a.Leave()
	<-done
	if !a.Value.closed.Load() || again.Value.closed.Load() {
		t.Error("the wrong one is closed")
	}
	if left := k.Evict("nobody"); len(left) > 0 {
		t.Error("what there is not is waited for")
	}
}

// What is evicted while it is being opened is opened anew for those who wait.
func TestEvictWhileOpening(t *testing.T) {
	s := &shop{hang: make(chan struct{})}
	k := lease.New(s.config(5, time.Minute, time.Minute))
	got := make(chan *lease.Lease[*thing])
	go func() {
		l, err := k.Enter(context.Background(), "slow")
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	var done []<-chan struct{}
	for len(done) == 0 { // until the attempt is there
		done = k.Evict("slow")
	}
	close(s.hang)
	wait(done)
	l := <-got
	if n := s.times("slow"); n != 2 || l.Value.closed.Load() || s.open != 1 {
		t.Errorf("opened %d times, and %d are open", n, s.open)
	}
	l.Leave()
}

// Under load, nobody is inside of what is closed, no more are open than may be, and all
// is closed in the end.
func TestLoad(t *testing.T) {
	s := &shop{fails: func(name string) error {
		if rand.Intn(5) == 0 {
			return errors.New("down")
		}
		return nil
	}}
	k := lease.New(s.config(6, time.Minute, 0))
	var all sync.WaitGroup
	for g := 0; g < 8; g++ {
		g := g
		all.Add(1)
		go func() {
			defer all.Done()
			random := rand.New(rand.NewSource(int64(g)))
			for i := 0; i < 2000; i++ {
				name := fmt.Sprint(random.Intn(20))
				if random.Intn(10) == 0 {
					k.Evict(name)
					continue
				}
				l, err := k.Enter(context.Background(), name)
				if err != nil {
					continue
				}
				if l.Value.closed.Load() || l.Value.name != name {
					t.Errorf("%s: inside of %+v", name, l.Value)
				}
				l.Leave()
			}
		}()
	}
	all.Wait()
	if err := k.Close(); err != nil || s.open != 0 || s.most > 6 {
		t.Errorf("%v; %d open, at most %d", err, s.open, s.most)
	}
}

// What was evicted and is still in use is waited for by the next Evict too, and closed by Close.
func TestEvictedAndInUse(t *testing.T) {
	s := &shop{}
	k := lease.New(s.config(5, time.Minute, time.Minute))
	first := mustEnter(t, k, "a")
	k.Evict("a")
	second := mustEnter(t, k, "a")
	all := k.Evict("a")
	if len(all) != 2 || len(k.Evict("a")) != 2 || len(k.Evict("b")) != 0 {
		t.Errorf("%d are waited for", len(all))
	}
	second.Leave()
	if left := k.Evict("a"); len(left) != 1 {
		t.Errorf("%d are waited for", len(left))
	}
	if err := k.Close(); err != nil || s.open != 0 || !first.Value.closed.Load() {
		t.Errorf("%v, and %d are open", err, s.open)
	}
	wait(all)
	first.Leave()
}

// Who opens for longer than may be waited holds up no other: the place is given away. What is
// open at last takes another, or is closed.
func TestHangingHoldsNoPlace(t *testing.T) {
	s := &shop{hang: make(chan struct{})}
	k := lease.New(s.config(1, 50*time.Millisecond, time.Hour))
	if _, err := k.Enter(context.Background(), "slow"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, lease.ErrBusy) {
		t.Error(err)
	}
	var a *lease.Lease[*thing]
	for err := error(lease.ErrBusy); err != nil; a, err = k.Enter(context.Background(), "a") {
		if !errors.Is(err, lease.ErrBusy) {
			t.Fatal(err)
		}
	}
	close(s.hang)
	for s.times("slow") == 0 {
		time.Sleep(time.Millisecond)
	}
	if _, err := k.Enter(context.Background(), "slow"); !errors.Is(err, lease.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	a.Leave()
	mustEnter(t, k, "slow").Leave()
	if err := k.Close(); err != nil || s.open != 0 {
		t.Errorf("%v, and %d are open", err, s.open)
	}
}

// A name that nobody has takes no room: it closes nothing, and waits for nothing.
func TestNobodyTakesNoRoom(t *testing.T) {
	s := &shop{}
	k := lease.New(s.config(1, time.Minute, 0))
	a := mustEnter(t, k, "a")
	for i := 0; i < 2; i++ {
		for n := 0; n < 10; n++ {
			if _, err := k.Enter(context.Background(), fmt.Sprintf("nobody%d", n)); !errors.Is(err, errNobody) {
				t.Error(err)
			}
		}
		if i == 0 {
			a.Leave() // it is idle now, and would be closed for another
		}
	}
	mustEnter(t, k, "a").Leave()
	if n := s.times("a"); n != 1 {
		t.Errorf("it was opened %d times", n)
	}
	mustEnter(t, k, "b").Leave()
	if n := s.times("b"); n != 1 || s.most != 1 {
		t.Errorf("another has found no room: %d, %d", n, s.most)
	}
}

// What ends its goroutine is a failure, and holds no place.
func TestGoexit(t *testing.T) {
	s := &shop{}
	config := s.config(1, time.Minute, time.Minute)
	open := config.Open
	config.Open = func(ctx context.Context, l *lease.Lease[*thing], room func() error) (*thing, error) {
		if l.Name == "bad" {
			runtime.Goexit()
		}
		return open(ctx, l, room)
	}
	k := lease.New(config)
	if _, err := k.Enter(context.Background(), "bad"); err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Error(err)
	}
	mustEnter(t, k, "a").Leave()
}

// What would wait for itself fails at once, also through another's opening.
func TestInside(t *testing.T) {
	s := &shop{}
	config := s.config(5, time.Minute, time.Minute)
	open := config.Open
	var k *lease.Keeper[*thing]
	config.Open = func(ctx context.Context, l *lease.Lease[*thing], room func() error) (*thing, error) {
		if asks := map[string]string{"itself": "itself", "one": "other", "other": "one"}[l.Name]; asks != "" {
			if _, err := k.Enter(ctx, asks); err != nil {
				return nil, err
			}
		}
		return open(ctx, l, room)
	}
	k = lease.New(config)
	for _, name := range []string{"itself", "one"} {
		if _, err := k.Enter(context.Background(), name); err == nil || !strings.Contains(err.Error(), "wait for itself") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who comes late waits as long as all do, and not until the time of the first is over.
func TestLateWaits(t *testing.T) {
	s := &shop{}
	const limit = 400 * time.Millisecond
	k := lease.New(s.config(1, limit, time.Hour))
	a := mustEnter(t, k, "a")
	go func() { _, _ = k.Enter(context.Background(), "b") }()
	time.Sleep(limit / 2)
	time.AfterFunc(limit*3/4, a.Leave) // when the first has left
	mustEnter(t, k, "b").Leave()
}
