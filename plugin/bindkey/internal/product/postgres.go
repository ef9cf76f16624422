package product

import (
	"errors"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// PostgreSQL aborts a transaction in which a statement fails, and says so to all
// that follows, COMMIT included.
var postgres = Profile{
	Name:      "postgres",
	SQL:       sqlscan.Postgres,
	Variables: 65535,
	lost:      postgresLost,
}

// postgresLost reads the code that pgx and lib/pq have: class 08, or the server's
// last words when an administrator ends it or the connection.
func postgresLost(err error) bool {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return false
	}
	code := state.SQLState()
	return len(code) == 5 && code[:2] == "08" || code == "57P01" || code == "57P02"
}
