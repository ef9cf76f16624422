package bindkey

import (
	linked "container/list"
	"context"
	"database/sql"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// A turn lets the goroutines that share a branch take turns: one statement's
// rows are read before the next is sent. database/sql does not see to that in
// a transaction, and drivers answer "busy", mix answers up, or panic.
//
// It is the statement's pool while one of GORM's own callbacks runs it, and
// begins when that sends. What the same goroutine sends meanwhile (a sql.Scanner
// or a callback that asks the database) goes with it, as without turns. Rows, Row
// and Scan hand their rows out before they are read: no turn can cover that.
type turn struct {
	*branch
	prepares bool
	taken    bool
	seat     seat        // on the stack of the statement's goroutine
	lent     atomic.Bool // of the branch's own: some statement has it
}

// branchInTurn is the branch whose turn a statement needs, or nil.
func branchInTurn(db *gorm.DB) *branch {
	if db.DryRun {
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
func (b *branch) inTurn(db *gorm.DB, callback func(*gorm.DB)) {
	stmt, pool := db.Statement, db.Statement.ConnPool
	t := &b.own // enough, where one goroutine has the transaction
	if !t.lent.CompareAndSwap(false, true) {
		t = new(turn)
	}
	_, t.prepares = pool.(*preparedBranch)
	t.branch, t.seat = b, takeSeat()
	stmt.ConnPool = t
	defer func() {
		stmt.ConnPool = pool
		t.end()
	}()
	t.seat.stand(callback, db)
}

func (t *turn) begin(ctx context.Context) error {
	if t.taken {
		return nil
	}
	if !t.turns.enterFree() {
		if holder(t.holder.Load()).isCaller() {
			return nil
		}
		if err := t.turns.enter(ctx, t.tx.ctx); err != nil {
			return err
		}
	}
	t.taken = true
	t.holder.Store(uint64(t.seat.holder()))
	return nil
}

func (t *turn) end() {
	if t.taken {
		t.taken = false
		t.holder.Store(0)
		t.turns.leave()
	}
	t.seat.leave()
	t.lent.Store(false)
}

// under is the pool that the turn stands for.
func (t *turn) under() gorm.ConnPool { return t.forStatement(t.prepares) }

func (t *turn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return t.under().ExecContext(ctx, query, args...)
}

func (t *turn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return t.under().QueryContext(ctx, query, args...)
}

func (t *turn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := t.begin(ctx); err != nil {
		return errorRow(err)
	}
	return t.under().QueryRowContext(ctx, query, args...)
}

// A queue lets one in at a time, in the order in which they came.
type queue struct {
	state   atomic.Int32
	mu      sync.Mutex   // guards waiting, and the change from and to crowded
	waiting *linked.List // of chan struct{}, closed when its turn has come
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
	if q.waiting == nil {
		q.waiting = linked.New()
	}
	turn := make(chan struct{})
	waits := q.waiting.PushBack(turn)
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
	select {
	case <-turn: // it has come at this moment
		q.mu.Unlock()
		q.leave()
	default:
		q.waiting.Remove(waits)
		q.mu.Unlock()
	}
	return err
}

func (q *queue) leave() {
	if q.state.CompareAndSwap(busy, free) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.waiting.Front()
	if first == nil {
		q.state.Store(free)
		return
	}
	close(q.waiting.Remove(first).(chan struct{}))
}
