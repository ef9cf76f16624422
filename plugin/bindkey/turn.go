package bindkey

import (
	"context"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// The goroutines that share a branch take turns: one statement's rows are read
// before the next is sent. database/sql does not see to that in a transaction,
// and drivers answer "busy", mix answers up, or panic.
//
// A turn lasts while one of GORM's own callbacks builds and sends a statement.
// What the same goroutine sends meanwhile (a gorm.Valuer, a sql.Scanner or a
// callback that asks the database) goes with it, as without turns. Rows, Row
// and Scan hand their rows out before they are read: no turn can cover that.

// branchInTurn is the branch whose turn a statement needs, or nil.
func branchInTurn(db *gorm.DB) *branch {
	if db.DryRun || db.Error != nil {
		return nil
	}
	switch pool := db.Statement.ConnPool.(type) {
	case *branch:
		return pool
	case *preparedBranch:
		return pool.branch
	default:
		return nil
	}
}

// inTurn runs a callback that sends a statement of the branch.
func (b *branch) inTurn(db *gorm.DB, callback func(*gorm.DB)) error {
	if !b.turns.enterFree() {
		if standing(b.turns.number) {
			callback(db) // in the turn that its goroutine has
			return nil
		}
		if err := b.turns.enter(db.Statement.Context, b.tx.ctx); err != nil {
			return err
		}
	}
	defer b.turns.leave()
	stands[b.turns.number](callback, db)
	return nil
}

// stands are functions that run a callback, one for each number that a branch can
// have: so the number stands on the stack of the goroutine that has the turn. Go
// has no name for a goroutine that could be kept beside the turn, but one that
// takes as long to print as a statement takes to run. Who finds the turn taken
// looks at the stack; who finds it free, as most do, only leaves the number there.
//
// Branches of one transaction have numbers of their own, and so have those of
// transactions that begin one after the other. That two have one only matters
// where a statement of one sends, while its rows are read, a statement of the
// other, whose turn another goroutine has: it goes as without turns.
var stands = [16]func(run func(*gorm.DB), db *gorm.DB){
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	func(run func(*gorm.DB), db *gorm.DB) { run(db) },
}

// standing reports whether this goroutine is in a turn of the number.
func standing(number uint8) bool {
	name := runtime.FuncForPC(reflect.ValueOf(stands[number]).Pointer()).Name()
	callers := make([]uintptr, 64)
	n := runtime.Callers(2, callers)
	for n == len(callers) {
		callers = make([]uintptr, 2*n)
		n = runtime.Callers(2, callers)
	}
	frames := runtime.CallersFrames(callers[:n])
	for more := n > 0; more; {
		var frame runtime.Frame
		if frame, more = frames.Next(); frame.Function == name {
			return true
		}
	}
	return false
}

// A queue lets one in at a time, in the order in which they came.
type queue struct {
	state   atomic.Int32
	number  uint8           // on the stack of who is in
	mu      sync.Mutex      // guards waiting, and the change from and to crowded
	waiting []chan struct{} // closed when its turn has come
}

// The states of a queue.
const (
	free    int32 = iota
	busy          // and nobody waits
	crowded       // somebody waits, or has
)

// enterFree enters if the queue is free.
func (q *queue) enterFree() bool { return q.state.CompareAndSwap(free, busy) }

// enter waits until the queue is free, or one of the contexts ends.
func (q *queue) enter(ctx, other context.Context) error {
	q.mu.Lock()
	for !q.state.CompareAndSwap(busy, crowded) && q.state.Load() != crowded {
		if q.enterFree() {
			q.mu.Unlock()
			return nil
		}
	}
	turn := make(chan struct{})
	q.waiting = append(q.waiting, turn)
	q.mu.Unlock()
	var err error
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-other.Done():
		err = other.Err()
	}
	q.mu.Lock()
	for i, one := range q.waiting {
		if one == turn {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			q.mu.Unlock()
			return err
		}
	}
	q.mu.Unlock()
	q.leave() // its turn has come at this moment
	return err
}

func (q *queue) leave() {
	if q.state.CompareAndSwap(busy, free) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.state.Store(free)
		return
	}
	close(q.waiting[0])
	q.waiting = q.waiting[1:]
}
