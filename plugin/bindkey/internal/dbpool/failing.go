package dbpool

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"gorm.io/gorm"
)

// ErrorRow is a *sql.Row whose Scan returns err. GORM's Row returns a nil
// *sql.Row when a callback fails (finisher_api.go), on which Scan panics.
// database/sql has no other way to make a row than to fail a query.
func ErrorRow(err error) *sql.Row {
	db := sql.OpenDB(failingConnector{err})
	defer db.Close()
	return db.QueryRowContext(context.Background(), "")
}

// A Failing is a pool that answers with an error.
type Failing struct{ Err error }

func (f Failing) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, f.Err }

func (f Failing) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, f.Err
}

func (f Failing) QueryContext(context.Context, string, ...any) (*sql.Rows, error) {
	return nil, f.Err
}

func (f Failing) QueryRowContext(context.Context, string, ...any) *sql.Row {
	return ErrorRow(f.Err)
}

// BeginTx is of gorm.ConnPoolBeginner.
func (f Failing) BeginTx(context.Context, *sql.TxOptions) (gorm.ConnPool, error) {
	return nil, f.Err
}

func (f Failing) GetDBConn() (*sql.DB, error) { return nil, f.Err }

type failingConnector struct{ err error }

func (c failingConnector) Connect(context.Context) (driver.Conn, error) { return nil, c.err }
func (c failingConnector) Driver() driver.Driver                        { return nil }
