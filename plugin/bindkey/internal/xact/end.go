package xact

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// ErrNoAnswer says that a database has not answered COMMIT or ROLLBACK in time.
var ErrNoAnswer = errors.New("bindkey: the database does not answer, and its connection is given up")

// rollback rolls branches back, all at once: one whose database does not answer must
// not leave the locks of the others.
func rollback(branches []*Branch) error {
	return Join(each(branches, func(b *Branch) error {
		if err := b.end(b.begun.Load()); err != nil {
			return b.Resource.Failed("ROLLBACK", err)
		}
		return nil
	})...)
}

// end rolls back once; who comes second waits.
func (b *Branch) end(begun *Begun) error {
	begun.release()
	b.rollbackOnce(begun)
	return begun.rolledBack
}

// RolledBack is what ROLLBACK has answered in a branch of a transaction that has ended
// so.
func (b *Branch) RolledBack() error {
	if begun := b.begun.Load(); begun != nil {
		return begun.rolledBack
	}
	return nil
}

func (b *Branch) rollbackOnce(begun *Begun) {
	begun.ending.Do(func() {
		operation := "ROLLBACK"
		if begun.committing {
			operation = ""
		}
		begun.rolledBack = b.inTime(begun, operation, begun.Tx.Rollback)
		if err := begun.rolledBack; err != nil && begun.prepared {
			if by, still := b.Resource.(Participant).Elsewhere(err); by && still == nil {
				begun.rolledBack = nil // recovery has done it
			}
		}
	})
}

// inTime tells who observes the operation, if that has a name, and
// waits for a COMMIT or ROLLBACK no longer than the transaction allows. Then a
// driver that still looks at the context of BEGIN, as pgx does, gives up and closes the
// connection. Of another, the goroutine and the connection are left behind until the
// answer comes, or it gives up by itself.
func (b *Branch) inTime(begun *Begun, operation string, call func() error) (err error) {
	if operation != "" {
		if answered := b.Resource.Ends(operation); answered != nil {
			defer func() { answered(err) }()
		}
	}
	if !b.Resource.Waits() {
		return call()
	}
	defer begun.abandon()
	if b.Resource.Interruptible() {
		return b.interrupted(begun, call)
	}
	answer := make(chan error, 1)
	go func() { answer <- call() }()
	if _, ok := b.t.ctx.Deadline(); ok {
		select {
		case err := <-answer:
			return err
		case <-b.t.ctx.Done():
		}
	}
	limit := time.NewTimer(b.t.limit)
	defer limit.Stop()
	select {
	case err := <-answer:
		return err
	case <-limit.C:
	}
	begun.abandon()
	limit.Reset(b.t.limit / 10) // enough to close a connection
	select {
	case err := <-answer:
		return gaveUp(err)
	case <-limit.C:
		return ErrNoAnswer
	}
}

// interrupted waits where a driver is known to give up: a goroutine for the answer wakes
// another thread, which takes longer than the COMMIT itself adds to a short write.
func (b *Branch) interrupted(begun *Begun, call func() error) error {
	var late atomic.Bool
	limit := time.AfterFunc(b.t.limit, func() {
		late.Store(true)
		begun.abandon()
	})
	defer limit.Stop()
	if _, ok := b.t.ctx.Deadline(); ok && limit.Stop() {
		// Once more, should it start after the answer: abandon changes nothing then.
		defer context.AfterFunc(b.t.ctx, func() { limit.Reset(b.t.limit) })()
	}
	err := call()
	if late.Load() {
		return gaveUp(err)
	}
	return err
}

// gaveUp is the outcome of a call that ended when its context was abandoned.
func gaveUp(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(ErrNoAnswer, err)
}

// within is a context that waits for an answer before COMMIT, or for the way back to a
// savepoint, no longer than the transaction allows.
func (t *Transaction) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := t.ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, t.limit)
}
