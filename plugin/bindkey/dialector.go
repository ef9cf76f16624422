package bindkey

import (
	"errors"

	"gorm.io/gorm"
)

// A dialector stands in the handle's Config in the place of its own, which it
// forwards to, for the two things that GORM asks of a dialector and of no
// callback: the migrator, and savepoints.
type dialector struct {
	gorm.Dialector
	plugin *Plugin
}

var (
	_ gorm.SavePointerDialectorInterface = (*dialector)(nil)
	_ gorm.ErrorTranslator               = (*dialector)(nil)
)

// innerDialector is the dialector behind the plugin's.
func innerDialector(d gorm.Dialector) gorm.Dialector {
	if routed, ok := d.(*dialector); ok {
		return routed.Dialector
	}
	return d
}

// Migrator sends the DDL of each model to its bind.
func (d *dialector) Migrator(db *gorm.DB) gorm.Migrator {
	return migrator{plugin: d.plugin, db: db}
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
	inner, ok := d.Dialector.(gorm.SavePointerDialectorInterface)
	if !ok {
		return gorm.ErrUnsupportedDriver
	}
	plain := d.plugin.defaultBind().plainSession(db, unwrap(db.Statement.ConnPool))
	return errors.Join(run(inner, plain, name), plain.Error)
}

// Translate translates a driver's error. That in a BranchError is translated
// already.
func (d *dialector) Translate(err error) error {
	if translator, ok := d.Dialector.(gorm.ErrorTranslator); ok {
		return translator.Translate(err)
	}
	return err
}
