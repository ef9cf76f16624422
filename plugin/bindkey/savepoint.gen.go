// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files, and itself, when it looks for the line of the program that
// made a statement (utils.CallerFrame). That of a savepoint is behind all of
// this.

package bindkey

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// SavePoint sets a savepoint in every branch of the transaction.
func (d *dialector) SavePoint(db *gorm.DB, name string) error {
	if t := transactionOf(db); t != nil {
		if err := t.beginNested(db); err != nil {
			return err
		}
		return t.savePoint(db, name)
	}
	if outside(db, name) {
		return nil
	}
	return d.onOwnConnection(db, name, gorm.SavePointerDialectorInterface.SavePoint)
}

// RollbackTo rolls every branch of the transaction back to a savepoint.
func (d *dialector) RollbackTo(db *gorm.DB, name string) error {
	if t := transactionOf(db); t != nil {
		return t.rollbackTo(db, name)
	}
	if outside(db, name) {
		return nil
	}
	return d.onOwnConnection(db, name, gorm.SavePointerDialectorInterface.RollbackTo)
}

// outside reports whether a savepoint is asked for outside of a transaction. It would be
// of whatever connection is free, and so nothing is sent. That is logged: an error would
// stay in the handle for good (finisher_api.go, SavePoint).
func outside(db *gorm.DB, name string) bool {
	if routedBy(db.Statement.ConnPool) == nil {
		return false
	}
	db.Logger.Error(db.Statement.Context, "bindkey: savepoint %q is asked for outside of a transaction, and nothing was sent; begin one with db.Transaction or db.Begin, and use its *gorm.DB", name)
	return true
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

// savePoint sets a savepoint in every branch that has begun.
func (t *transaction) savePoint(db *gorm.DB, name string) error {
	err := t.xact.Savepoint(db.Statement.Context, name, func(ctx context.Context, b *xact.Branch, tx xact.Tx) error {
		return asBranch(b).onSavePoint(ctx, db, tx, StageSavepoint, name, gorm.SavePointerDialectorInterface.SavePoint)
	})
	if errors.Is(err, xact.ErrNoSavepoints) {
		return gorm.ErrUnsupportedDriver
	}
	return err
}

// rollbackTo undoes what every branch did since the savepoint.
func (t *transaction) rollbackTo(db *gorm.DB, name string) error {
	return t.xact.RollbackTo(db.Statement.Context, name, func(ctx context.Context, b *xact.Branch, tx xact.Tx) error {
		return asBranch(b).onSavePoint(ctx, db, tx, StageRollbackTo, name, gorm.SavePointerDialectorInterface.RollbackTo)
	})
}

type savePointFunc func(gorm.SavePointerDialectorInterface, *gorm.DB, string) error

// onSavePoint lets the branch's own dialector do it, on a plain handle of the
// bind. Dialectors run Exec and may drop its error, which the handle keeps.
func (b *branch) onSavePoint(ctx context.Context, db *gorm.DB, tx xact.Tx, stage Stage, name string, run savePointFunc) error {
	plain := b.pool.bind.plainSession(db, txOf(tx))
	if plain.Statement.Context = ctx; b.tx.plugin.logBinds {
		plain.Statement.Context = placedAt(ctx, b.pool, b.tx)
	}
	dialect, ok := plain.Dialector.(gorm.SavePointerDialectorInterface)
	if !ok {
		return xact.ErrNoSavepoints
	}
	answered := b.stage(stage)
	err := run(dialect, plain, name)
	if err == nil {
		err = plain.Error
	}
	if answered != nil {
		answered(err)
	}
	if err != nil {
		return b.failed(string(stage), err)
	}
	return nil
}
