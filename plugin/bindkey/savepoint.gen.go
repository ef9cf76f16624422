// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files, and itself, when it looks for the line of the program that
// made a statement (utils.CallerFrame). That of a savepoint is behind all of
// this.

package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// A savepoint is a point that a transaction can roll back to, in all branches.
type savepoint struct {
	name       string
	afterwards *outcomeFuncs // that were registered when it was set
}

// SavePoint sets a savepoint in every branch of the transaction.
func (d *dialector) SavePoint(db *gorm.DB, name string) error {
	if t := transactionOf(db); t != nil {
		if err := t.spend(db); err != nil {
			return err
		}
		return t.savePoint(db, name)
	}
	return d.onOwnConnection(db, name, gorm.SavePointerDialectorInterface.SavePoint)
}

// RollbackTo rolls every branch of the transaction back to a savepoint.
func (d *dialector) RollbackTo(db *gorm.DB, name string) error {
	if t := transactionOf(db); t != nil {
		return t.rollbackTo(db, name)
	}
	return d.onOwnConnection(db, name, gorm.SavePointerDialectorInterface.RollbackTo)
}

// onOwnConnection is for a *sql.Tx of the application's own, which the
// statement stays on.
func (d *dialector) onOwnConnection(db *gorm.DB, name string, run savePointFunc) error {
	conn := unwrap(db.Statement.ConnPool)
	plain := d.plugin.bindAt(conn).plainSession(db, conn)
	inner, ok := plain.Dialector.(gorm.SavePointerDialectorInterface)
	if !ok {
		return gorm.ErrUnsupportedDriver
	}
	return errors.Join(run(inner, plain, name), plain.Error)
}

// savePoint sets a savepoint in every branch that has begun. One that begins
// later is undone whole when the transaction rolls back to it.
func (t *transaction) savePoint(db *gorm.DB, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done.Load() {
		return sql.ErrTxDone
	}
	if err := db.Statement.Context.Err(); err != nil {
		return err // nothing is sent, and the transaction's own context may go on
	}
	for _, b := range t.joined {
		if err := b.onSavePoint(db.Statement.Context, db, "SAVEPOINT", name, gorm.SavePointerDialectorInterface.SavePoint); err != nil {
			if !errors.Is(err, gorm.ErrUnsupportedDriver) {
				// GORM keeps the error in the handle: no statement runs there any
				// more, and Commit reports it, which must not commit then.
				t.doom("setting a savepoint", err)
			}
			return err
		}
	}
	t.savepoints = append(t.savepoints, savepoint{name, t.afterwards})
	return nil
}

// rollbackTo undoes what every branch did since the savepoint, even if one
// fails. Branches that began after it are rolled back whole and may begin
// again.
func (t *transaction) rollbackTo(db *gorm.DB, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done.Load() {
		return sql.ErrTxDone
	}
	at := len(t.savepoints) - 1
	for at >= 0 && !strings.EqualFold(t.savepoints[at].name, name) { // SQL's names know no case
		at--
	}
	if at < 0 {
		err := fmt.Errorf("bindkey: the transaction has no savepoint %q", name)
		t.doom("rolling back to a savepoint", err)
		return err
	}
	if err := t.ctx.Err(); err != nil {
		return err // and everything is rolled back
	}
	// A session's own deadline must not keep it from undoing its work.
	ctx, cancel := context.WithCancel(context.WithoutCancel(db.Statement.Context))
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	var (
		failures []error
		stay     []*branch
	)
	for _, b := range t.joined {
		if int(b.begun.Load().savepoints) <= at {
			failures = append(failures, b.onSavePoint(ctx, db, "ROLLBACK TO SAVEPOINT", name, gorm.SavePointerDialectorInterface.RollbackTo))
			stay = append(stay, b)
			continue
		}
		if err := b.rollback(); err != nil {
			failures = append(failures, b.failed("ROLLBACK", err))
		}
		b.begun.Store(nil)
	}
	t.joined, t.savepoints, t.afterwards = stay, t.savepoints[:at+1], t.savepoints[at].afterwards
	err := joinErrors(failures...)
	if err != nil {
		// GORM's nested Transaction drops this error, and a COMMIT would keep
		// rows that were to be undone.
		t.doom("rolling back to a savepoint", err)
	}
	return err
}

// doom makes every later Commit a rollback that returns the reason.
func (t *transaction) doom(failed string, err error) {
	if t.doomed == nil {
		t.doomed = fmt.Errorf("bindkey: the transaction can only be rolled back, since %s failed: %w", failed, err)
	}
}

type savePointFunc func(gorm.SavePointerDialectorInterface, *gorm.DB, string) error

// onSavePoint lets the branch's own dialector speak, on a plain handle of the
// bind. Dialectors run Exec and may drop its error, which the handle keeps.
func (b *branch) onSavePoint(ctx context.Context, db *gorm.DB, operation, name string, run savePointFunc) error {
	plain := b.pool.bind.plainSession(db, b.begun.Load().tx)
	plain.Statement.Context = ctx
	dialect, ok := plain.Dialector.(gorm.SavePointerDialectorInterface)
	if !ok {
		return gorm.ErrUnsupportedDriver
	}
	err := run(dialect, plain, name)
	if err == nil {
		err = plain.Error
	}
	if err != nil {
		return b.failed(operation, err)
	}
	return nil
}
