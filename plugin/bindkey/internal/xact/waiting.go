package xact

import (
	"context"
	"database/sql"
)

// waiting are functions that wait for a transaction's outcome. They are replaced,
// and not changed, since savepoints keep what there was.
type waiting struct {
	commit, rollback []func(context.Context) error
}

// AfterCommit has fn called once every branch is committed. It is forgotten when
// the transaction rolls back to a savepoint set before.
func (t *Transaction) AfterCommit(fn func(context.Context) error) error {
	return t.wait(func(w *waiting) { w.commit = append(w.commit[:len(w.commit):len(w.commit)], fn) })
}

// AfterRollback has fn called once every branch is rolled back.
func (t *Transaction) AfterRollback(fn func(context.Context) error) error {
	return t.wait(func(w *waiting) { w.rollback = append(w.rollback[:len(w.rollback):len(w.rollback)], fn) })
}

func (t *Transaction) wait(add func(*waiting)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done.Load() {
		return sql.ErrTxDone
	}
	var w waiting
	if t.waiting != nil {
		w = *t.waiting
	}
	add(&w)
	t.waiting = &w
	return nil
}

func (t *Transaction) committed() error {
	if t.waiting == nil {
		return nil
	}
	return t.call(t.waiting.commit)
}

func (t *Transaction) rolledBack() error {
	if t.waiting == nil {
		return nil
	}
	return t.call(t.waiting.rollback)
}

// call calls functions in the order of registration, with the transaction's
// context, which no longer ends.
func (t *Transaction) call(funcs []func(context.Context) error) error {
	if len(funcs) == 0 {
		return nil
	}
	ctx := context.WithoutCancel(t.ctx)
	failures := make([]error, len(funcs))
	for i, fn := range funcs {
		failures[i] = fn(ctx)
	}
	return Join(failures...)
}
