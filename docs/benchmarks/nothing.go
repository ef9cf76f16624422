package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
)

// nothingPool is a pool with no database behind it, for DryRun. All there is
// to do is what GORM does in DryRun, too: BEGIN and COMMIT around a Create, and
// the question for SQLite's version when the handle is opened.
func nothingPool() *sql.DB {
	pool := sql.OpenDB(nothing{})
	pool.SetMaxIdleConns(16)
	return pool
}

type nothing struct{}

var (
	_ driver.Connector      = nothing{}
	_ driver.QueryerContext = nothing{}
	_ driver.ConnBeginTx    = nothing{}
)

func (n nothing) Connect(context.Context) (driver.Conn, error) { return n, nil }
func (n nothing) Driver() driver.Driver                        { return n }
func (n nothing) Open(string) (driver.Conn, error)             { return n, nil }
func (n nothing) Close() error                                 { return nil }
func (n nothing) Begin() (driver.Tx, error)                    { return n, nil }
func (n nothing) Commit() error                                { return nil }
func (n nothing) Rollback() error                              { return nil }
func (n nothing) Prepare(string) (driver.Stmt, error)          { return nil, errNothing }

// BeginTx is of driver.ConnBeginTx.
func (n nothing) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return n, nil }

// QueryContext is of driver.QueryerContext.
func (n nothing) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if query != "select sqlite_version()" {
		return nil, errNothing
	}
	return &version{}, nil
}

// A version is the one answer.
type version struct{ read bool }

func (v *version) Columns() []string { return []string{"version"} }
func (v *version) Close() error      { return nil }
func (v *version) Next(values []driver.Value) error {
	if v.read {
		return io.EOF
	}
	v.read, values[0] = true, "3.45.1"
	return nil
}

type nothingError struct{}

func (nothingError) Error() string { return "a statement was sent, though there is no database behind" }

var errNothing error = nothingError{}
