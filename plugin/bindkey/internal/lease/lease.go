// Package lease keeps what is opened by name, when it is first wanted: once for all
// who wait for it, at most so many at a time, and each until nobody uses it. It does
// not know what that is.
package lease

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Lease is one thing that is open. Who uses it enters before, and leaves behind:
// it is closed once it is retired and nobody is inside.
type Lease[T any] struct {
	Name  string
	Value T

	keeper *Keeper[T]
	state  atomic.Int64 // how many are inside, and retired
	used   atomic.Int64 // when somebody left last
	ending sync.Once
	ended  chan struct{} // closed when the thing is
	failed error         // what closing it returned, once ended is closed
}

// retired is the bit of a lease that nobody enters any more.
const retired = 1 << 62

// TryEnter enters, unless the lease is retired.
func (l *Lease[T]) TryEnter() bool {
	for {
		state := l.state.Load()
		if state&retired != 0 {
			return false
		}
		if l.state.CompareAndSwap(state, state+1) {
			return true
		}
	}
}

// Leave is the end of what a TryEnter, or an Enter of the keeper, has begun.
func (l *Lease[T]) Leave() {
	l.used.Store(time.Now().UnixNano())
	switch state := l.state.Add(-1); {
	case state == retired:
		l.end()
	case state == 0 && l.keeper.waiting.Load() > 0:
		l.keeper.wake()
	}
}

// retireIdle retires the lease if nobody is inside.
func (l *Lease[T]) retireIdle() bool { return l.state.CompareAndSwap(0, retired) }

// retire has nobody enter any more, and closes what nobody is in.
func (l *Lease[T]) retire() {
	for {
		state := l.state.Load()
		if state&retired != 0 {
			return
		}
		if l.state.CompareAndSwap(state, state|retired) {
			if state == 0 {
				l.end()
			}
			return
		}
	}
}

// end closes the thing, once.
func (l *Lease[T]) end() {
	l.ending.Do(func() {
		l.failed = l.keeper.config.Close(l.Value)
		l.keeper.gone(l)
		close(l.ended)
	})
}
