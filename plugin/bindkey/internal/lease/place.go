package lease

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"
)

// betweenLooks is how often who waits for a place looks whether something has become
// idle that nobody tells of, such as rows that are closed.
const betweenLooks = 10 * time.Millisecond

// place takes a place for what is to be opened. If all are taken, it closes what was
// used least recently and is idle, or waits until something is.
func (k *Keeper[T]) place(ctx context.Context) error {
	if k.tryPlace() {
		return nil
	}
	k.waiting.Add(1)
	defer k.waiting.Add(-1)
	look := time.NewTicker(betweenLooks)
	defer look.Stop()
	for {
		k.mu.Lock()
		woken := k.woken
		k.mu.Unlock()
		if k.tryPlace() {
			return nil
		}
		select {
		case <-woken:
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
	}
}

// A room is the place of an attempt. If that takes too long, it is others', and the attempt
// needs another one once it has opened something.
type room[T any] struct {
	keeper *Keeper[T]
	stop   func() bool
	left   chan struct{} // closed once it is others'; nil: it was never taken
}

func (r *room[T]) take(ctx context.Context) error {
	if r.left != nil {
		return nil
	}
	if err := r.keeper.place(ctx); err != nil {
		return err
	}
	left := make(chan struct{})
	r.left, r.stop = left, context.AfterFunc(ctx, func() {
		defer close(left)
		r.keeper.leavePlace()
	})
	return nil
}

// kept ends it, and reports whether there is a place that is not others' yet.
func (r *room[T]) kept() bool {
	if r.left == nil || r.stop() {
		return r.left != nil
	}
	<-r.left
	return false
}

func (k *Keeper[T]) tryPlace() bool {
	k.mu.Lock()
	if k.places < k.config.Limit {
		k.places++
		k.mu.Unlock()
		return true
	}
	idle := k.retireIdle()
	k.mu.Unlock()
	if idle == nil {
		return false
	}
	idle.end() // which gives its place back
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.places < k.config.Limit {
		k.places++
		return true
	}
	return false
}

// retireIdle retires what was used least recently of all that is idle, or returns nil.
// k.mu is held.
func (k *Keeper[T]) retireIdle() *Lease[T] {
	type one struct {
		lease *Lease[T]
		used  int64
	}
	var idle []one
	for _, lease := range *k.open.Load() {
		if lease.state.Load() == 0 {
			idle = append(idle, one{lease, lease.used.Load()})
		}
	}
	sort.Slice(idle, func(i, j int) bool { return idle[i].used < idle[j].used })
	for _, one := range idle {
		if k.config.Idle(one.lease.Value) && one.lease.retireIdle() {
			k.forget(one.lease)
			return one.lease
		}
	}
	return nil
}

// forget hides a lease from those who look for its name. k.mu is held.
func (k *Keeper[T]) forget(lease *Lease[T]) {
	if k.Peek(lease.Name) == lease {
		k.replace(func(open map[string]*Lease[T]) { delete(open, lease.Name) })
		k.leaving[lease] = struct{}{}
	}
}

// gone is told that a lease's thing is closed.
func (k *Keeper[T]) gone(lease *Lease[T]) {
	k.mu.Lock()
	k.forget(lease)
	delete(k.leaving, lease)
	k.mu.Unlock()
	k.leavePlace()
}

func (k *Keeper[T]) leavePlace() {
	k.mu.Lock()
	k.places--
	k.mu.Unlock()
	k.wake()
}

// wake has those who wait for a place look again.
func (k *Keeper[T]) wake() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.woken)
	k.woken = make(chan struct{})
}

// Evict retires what has a name, and what is just being opened, and forgets that it could
// not be opened. The channels are closed once all that had the name is closed, which is at
// once if nobody is inside.
func (k *Keeper[T]) Evict(name string) (closed []<-chan struct{}) {
	k.mu.Lock()
	delete(k.failures, name)
	lease, now := k.Peek(name), k.attempts[name]
	if lease != nil {
		k.forget(lease)
	}
	if now != nil {
		now.evicted = true
		closed = append(closed, now.over)
	}
	for one := range k.leaving {
		if one.Name == name {
			closed = append(closed, one.ended)
		}
	}
	k.mu.Unlock()
	if lease != nil {
		lease.retire()
	}
	return closed
}

// Close closes all that is open, also what somebody is inside of, and opens nothing any
// more. What is being opened is closed as soon as it is open.
func (k *Keeper[T]) Close() error {
	k.mu.Lock()
	k.closed = true
	k.Each(func(lease *Lease[T]) { k.leaving[lease] = struct{}{} })
	k.open.Store(&map[string]*Lease[T]{})
	var open []*Lease[T]
	for lease := range k.leaving {
		open = append(open, lease)
	}
	k.mu.Unlock()
	var failures []error
	for _, lease := range open {
		lease.retire()
		lease.end()
		failures = append(failures, lease.failed)
	}
	return errors.Join(failures...)
}
