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
	TwoPhase:  &postgresTwoPhase,
	now:       "CAST(extract(epoch FROM clock_timestamp()) AS bigint)",
	unsafe:    postgresUnsafe,
	Identity:  "SELECT pg_postmaster_start_time() || ' ' || current_setting('port') || ' ' || current_database() || ' ' || current_schema()",
	ForeignKeys: `SELECT con.conname AS name, ref.relname AS refers, refns.nspname AS refers_schema, refns.oid <> ns.oid AS elsewhere
		FROM pg_constraint con
		JOIN pg_class own ON own.oid = con.conrelid JOIN pg_namespace ns ON ns.oid = own.relnamespace
		JOIN pg_class ref ON ref.oid = con.confrelid JOIN pg_namespace refns ON refns.oid = ref.relnamespace
		WHERE con.contype = 'f' AND own.relname = ? AND ns.nspname = COALESCE(NULLIF(?, ''), CURRENT_SCHEMA()) ORDER BY con.conname`,
}

// postgresLost reads the code that pgx and lib/pq have: class 08, or the server's
// last words when an administrator ends it or the connection.
func postgresLost(err error) bool {
	code := sqlState(err)
	return len(code) == 5 && code[:2] == "08" || code == "57P01" || code == "57P02"
}

func sqlState(err error) string {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return ""
	}
	return state.SQLState()
}
