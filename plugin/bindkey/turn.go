package bindkey

import (
	"bytes"
	"context"
	"database/sql"
	"runtime"
	"strconv"
	"sync"

	"gorm.io/gorm"
)

// A turn lets the goroutines that share a branch take turns: one statement's
// rows are read before the next is sent. database/sql does not see to that in
// a transaction, and drivers answer "busy", mix answers up, or panic.
//
// It is the statement's pool while one of GORM's own callbacks runs it. What
// the same goroutine sends meanwhile (a gorm.Valuer, a sql.Scanner or a
// callback that asks the database) goes with it, as without turns. Rows, Row
// and Scan hand their rows out before they are read: no turn can cover that.
type turn struct {
	gorm.Tx // the branch, prepared or not
	branch  *branch
	taken   bool
	over    bool // the callback has returned; somebody has kept its session
}

// inTurn runs a callback that sends one statement.
func inTurn(callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		stmt := db.Statement
		var t *turn
		switch pool := stmt.ConnPool.(type) {
		case *branch:
			t = &turn{Tx: pool, branch: pool}
		case *preparedBranch:
			t = &turn{Tx: pool, branch: pool.branch}
		}
		if t == nil || db.DryRun {
			callback(db)
			return
		}
		stmt.ConnPool = t
		defer func() {
			stmt.ConnPool = t.Tx
			t.end()
		}()
		callback(db)
	}
}

func (t *turn) begin(ctx context.Context) error {
	if t.taken || t.over {
		return nil
	}
	own := goroutine()
	if t.branch.holder.Load() == own {
		return nil
	}
	if err := t.branch.turns.enter(ctx, t.branch.tx.ctx); err != nil {
		return err
	}
	t.branch.holder.Store(own)
	t.taken = true
	return nil
}

func (t *turn) end() {
	t.over = true
	if t.taken {
		t.taken = false
		t.branch.holder.Store(0)
		t.branch.turns.leave()
	}
}

// A queue lets one in at a time, in the order in which they came.
type queue struct {
	mu      sync.Mutex
	busy    bool
	waiting []chan struct{} // closed when its turn has come
}

// enter waits until the queue is free, or one of the contexts ends.
func (q *queue) enter(ctx, other context.Context) error {
	q.mu.Lock()
	if !q.busy {
		q.busy = true
		q.mu.Unlock()
		return nil
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
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.busy = false
		return
	}
	close(q.waiting[0])
	q.waiting = q.waiting[1:]
}

// goroutine is the number of the goroutine that calls, as panics print it. Go
// has no other name for who holds a lock, and only who holds one himself may
// pass.
func goroutine() uint64 {
	var buffer [40]byte
	text := bytes.TrimPrefix(buffer[:runtime.Stack(buffer[:], false)], []byte("goroutine "))
	number, _, _ := bytes.Cut(text, []byte(" "))
	id, _ := strconv.ParseUint(string(number), 10, 64)
	return id
}

func (t *turn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *turn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return t.Tx.QueryContext(ctx, query, args...)
}

func (t *turn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := t.begin(ctx); err != nil {
		return errorRow(err)
	}
	return t.Tx.QueryRowContext(ctx, query, args...)
}

// GetDBConn is of gorm.GetDBConnector, for DB and Connection.
func (t *turn) GetDBConn() (*sql.DB, error) { return t.branch.GetDBConn() }
