package sqlitepure

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"
)

// DriverName is the name under which database/sql has the driver: modernc's, with
// two things mended that its versions for Go 1.21 do otherwise than mattn's.
const DriverName = "gormbind-sqlitepure"

func init() { sql.Register(DriverName, pureDriver{}) }

type pureDriver struct{}

var modernc sqlite.Driver

func (pureDriver) Open(name string) (driver.Conn, error) {
	opened, err := modernc.Open(name)
	if err != nil {
		return nil, err
	}
	inner, ok := opened.(moderncConn)
	if !ok {
		_ = opened.Close()
		return nil, errors.New("sqlitepure: this version of modernc.org/sqlite is not known")
	}
	return conn{inner}, nil
}

// A moderncConn is all that database/sql asks of modernc's connections.
type moderncConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type conn struct{ moderncConn }

// ExecContext has a result also where the SQL has no statement; the driver returns
// none, and GORM asks it for its rows (callbacks/raw.go).
func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.moderncConn.ExecContext(ctx, query, args)
	if err == nil && result == nil {
		return driver.RowsAffected(0), nil
	}
	return result, err
}

func (c conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	inner, err := c.moderncConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return tx{inner}, nil
}

type tx struct{ driver.Tx }

// Commit ends the transaction also where it fails. SQLite leaves it open where it
// is busy, or a deferred foreign key does not hold; database/sql takes it for
// ended, and the next statements of the connection would be in it.
func (t tx) Commit() error {
	err := t.Tx.Commit()
	if err != nil {
		_ = t.Tx.Rollback() // fails where SQLite has ended it
	}
	return err
}
