// Package puresqlite makes of modernc.org/sqlite, which is SQLite without C, a
// driver that can stand where mattn's does: it takes its DSNs, and its errors are
// those that GORM's dialector reads. It is given modernc's driver and imports
// nothing of it, so that a build with cgo compiles none of it.
package puresqlite

import (
	"context"
	"database/sql/driver"
	"errors"
)

// Driver is modernc's driver, with what its versions for Go 1.21 do otherwise than
// mattn's mended.
func Driver(modernc driver.Driver) driver.Driver { return mended{modernc} }

type mended struct{ modernc driver.Driver }

func (d mended) Open(name string) (driver.Conn, error) {
	name, err := DSN(name)
	if err != nil {
		return nil, err
	}
	opened, err := d.modernc.Open(name)
	if err != nil {
		return nil, coded(err)
	}
	inner, ok := opened.(moderncConn)
	if !ok {
		_ = opened.Close()
		return nil, errors.New("puresqlite: this version of modernc.org/sqlite is not known")
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
	return resultOf(c.moderncConn.ExecContext(ctx, query, args))
}

func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return rowsOf(c.moderncConn.QueryContext(ctx, query, args))
}

func (c conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	prepared, err := c.moderncConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, coded(err)
	}
	return stmt{prepared.(moderncStmt)}, nil
}

func (c conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	inner, err := c.moderncConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, coded(err)
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
	return coded(err)
}

func (t tx) Rollback() error { return coded(t.Tx.Rollback()) }

type moderncStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stmt struct{ moderncStmt }

func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return resultOf(s.moderncStmt.ExecContext(ctx, args))
}

func (s stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return rowsOf(s.moderncStmt.QueryContext(ctx, args))
}

func resultOf(result driver.Result, err error) (driver.Result, error) {
	if err == nil && result == nil {
		return driver.RowsAffected(0), nil
	}
	return result, coded(err)
}

func rowsOf(opened driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		return nil, coded(err)
	}
	return rows{opened.(moderncRows)}, nil
}

type moderncRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

type rows struct{ moderncRows }

func (r rows) Next(dest []driver.Value) error { return coded(r.moderncRows.Next(dest)) }
