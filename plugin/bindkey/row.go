package bindkey

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"gorm.io/gorm"
)

// errorRow is a *sql.Row whose Scan returns err. GORM's Row returns a nil
// *sql.Row when a callback fails (finisher_api.go), on which Scan panics.
// database/sql has no other way to make a row than to fail a query.
func errorRow(err error) *sql.Row {
	db := sql.OpenDB(failingConnector{err})
	defer db.Close()
	return db.QueryRowContext(context.Background(), "")
}

// A failingPool is a pool that answers with an error.
type failingPool struct{ err error }

func (f failingPool) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, f.err }

func (f failingPool) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, f.err
}

func (f failingPool) QueryContext(context.Context, string, ...any) (*sql.Rows, error) {
	return nil, f.err
}

func (f failingPool) QueryRowContext(context.Context, string, ...any) *sql.Row {
	return errorRow(f.err)
}

// BeginTx is of gorm.ConnPoolBeginner.
func (f failingPool) BeginTx(context.Context, *sql.TxOptions) (gorm.ConnPool, error) {
	return nil, f.err
}

func (f failingPool) GetDBConn() (*sql.DB, error) { return nil, f.err }

type failingConnector struct{ err error }

func (c failingConnector) Connect(context.Context) (driver.Conn, error) { return nil, c.err }
func (c failingConnector) Driver() driver.Driver                        { return nil }
