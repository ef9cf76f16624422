package xact

import (
	"context"
	"errors"
	"fmt"
)

// A database may roll a transaction back by itself, and runs what follows outside of
// one: MariaDB after a deadlock, SQLite when a write is interrupted. Not every error
// says so for sure, and rows that a program reads tell it alone. So the database is
// asked: before the next statement if one has failed, before COMMIT if one may have.

// A suspicion is that the database has rolled a branch back.
type suspicion struct{ cause error } // nil: not known

// Suspect has the database asked whether the branch is still in its transaction,
// before anything else is sent there. The cause is the error of a statement, or nil.
func (b *Branch) Suspect(cause error) {
	if begun := b.begun.Load(); begun != nil && begun.suspicion.Load() == nil {
		begun.suspicion.Store(&suspicion{cause})
	}
}

// Unseen has it asked before a savepoint and COMMIT, since statements may have failed
// there without anybody telling.
func (b *Branch) Unseen() {
	if begun := b.begun.Load(); begun != nil {
		begun.unseen.Store(true)
	}
}

// Expose has it asked before each statement from now on: the program has what it can
// send statements with that nobody sees.
func (b *Branch) Expose() {
	if begun := b.begun.Load(); begun != nil {
		begun.unseen.Store(true)
		begun.exposed.Store(true)
	}
}

// makeSure asks if there is a suspicion, or always. What is not in its transaction any
// more dooms the whole. Where the database can't tell, while the program reads rows for
// example, the statement fails as it would have, and the next one asks again.
func (b *Branch) makeSure(ctx context.Context, begun *Begun, always bool) error {
	if begun.suspicion.Load() == nil && !always {
		return nil
	}
	b.beginning.Lock()
	defer b.beginning.Unlock()
	if begun.suspicion.Load() == nil && !always {
		return nil // by another goroutine
	}
	err := b.ask(ctx, begun, "check after a failed statement", true)
	if err == nil {
		begun.suspicion.Store(nil)
		return nil
	}
	if !b.Resource.Ended(err) {
		return err
	}
	b.t.Doom("a statement", err)
	return b.t.refused()
}

func (b *Branch) ask(ctx context.Context, begun *Begun, operation string, sure bool) error {
	err := b.Resource.Ask(ctx, begun.Tx, sure)
	if err == nil {
		return nil
	}
	if s := begun.suspicion.Load(); s != nil && s.cause != nil && !errors.Is(err, s.cause) {
		err = fmt.Errorf("%w, after: %w", err, s.cause)
	}
	return b.Resource.Failed(operation, err)
}
