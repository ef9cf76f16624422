package bindkey

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// errorRow is a *sql.Row whose Scan returns err. GORM's Row returns a nil
// *sql.Row when a callback fails (finisher_api.go), on which Scan panics.
// database/sql has no other way to make a row than to fail a query.
func errorRow(err error) *sql.Row {
	db := sql.OpenDB(failingConnector{err})
	defer db.Close()
	return db.QueryRowContext(context.Background(), "")
}

type failingConnector struct{ err error }

func (c failingConnector) Connect(context.Context) (driver.Conn, error) { return nil, c.err }
func (c failingConnector) Driver() driver.Driver                        { return nil }
