// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files when it looks for the line of the program that made a statement
// (utils.CallerFrame), and a savepoint's is behind all of this.

package xact

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// A savepoint is a point that a transaction can roll back to, in all branches.
type savepoint struct {
	name    string
	waiting *waiting // that were registered when it was set
}

// ErrNoSavepoints is of a database that has none.
var ErrNoSavepoints = errors.New("no savepoints")

// Savepoint sets a savepoint in every branch that has begun, as set does in one.
// A branch that begins later is undone whole when the transaction rolls back to it.
func (t *Transaction) Savepoint(ctx context.Context, name string, set func(context.Context, *Branch, Tx) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done.Load() {
		return sql.ErrTxDone
	}
	if err := ctx.Err(); err != nil {
		return err // nothing is sent, and the transaction's own context may go on
	}
	if err := t.refused(); err != nil {
		return err
	}
	for _, b := range t.joined {
		begun := b.begun.Load()
		b.Resource.LookAtRows(false)
		if err := b.makeSure(ctx, begun, begun.unseen.Load()); err != nil {
			return err // outside of a transaction, SQLite begins one, and MySQL does nothing
		}
		if err := set(ctx, b, begun.Tx); err != nil {
			if !errors.Is(err, ErrNoSavepoints) {
				// GORM keeps the error in the handle: no statement runs there any
				// more, and Commit reports it, which must not commit then.
				t.Doom("setting a savepoint", err)
			}
			return err
		}
	}
	t.savepoints = append(t.savepoints, savepoint{name, t.waiting})
	return nil
}

// RollbackTo undoes what every branch did since the savepoint, as undo does in
// one, even if one fails. Branches that began after it are rolled back whole and
// may begin again.
func (t *Transaction) RollbackTo(ctx context.Context, name string, undo func(context.Context, *Branch, Tx) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done.Load() {
		return sql.ErrTxDone
	}
	if doomed := t.doomed.Load(); doomed != nil {
		return *doomed
	}
	at := len(t.savepoints) - 1
	for at >= 0 && !strings.EqualFold(t.savepoints[at].name, name) { // SQL's names know no case
		at--
	}
	if at < 0 {
		err := fmt.Errorf("bindkey: the transaction has no savepoint %q", name)
		t.Doom("rolling back to a savepoint", err)
		return err
	}
	if err := t.ctx.Err(); err != nil {
		return err // and everything is rolled back
	}
	// A session's own deadline must not keep it from undoing its work.
	ctx, cancel := t.within(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	var (
		failures   []error
		stay, gone []*Branch
	)
	for _, b := range t.joined {
		begun := b.begun.Load()
		if int(begun.savepoints) > at {
			gone = append(gone, b)
			continue
		}
		stay = append(stay, b)
		err := undo(ctx, b, begun.Tx)
		if suspected := begun.suspicion.Load() != nil; err != nil && suspected {
			err = Join(b.ask(ctx, begun, "check after a failed statement", true), err) // why it has none
		} else if suspected {
			begun.suspicion.Store(nil) // who still has the savepoint is in the transaction
		}
		failures = append(failures, err)
	}
	failures = append(failures, rollback(gone))
	for _, b := range gone {
		b.begun.Store(nil)
	}
	t.joined, t.savepoints, t.waiting = stay, t.savepoints[:at+1], t.savepoints[at].waiting
	err := Join(failures...)
	if err != nil {
		// GORM's nested Transaction drops this error, and a COMMIT would keep
		// rows that were to be undone.
		t.Doom("rolling back to a savepoint", err)
	}
	return err
}
