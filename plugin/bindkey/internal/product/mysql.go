package product

import (
	"errors"
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// MySQL and MariaDB have one dialector, and one profile.
var mysql = Profile{
	Name:            "mysql",
	SQL:             sqlscan.MySQL,
	Variables:       65535,
	lost:            mysqlLost,
	endsTransaction: mysqlEndsTransaction,
	Identity:        "SELECT CONCAT_WS(' ', @@hostname, @@port, @@datadir, DATABASE())",
	ForeignKeys: `SELECT DISTINCT CONSTRAINT_NAME AS name, REFERENCED_TABLE_NAME AS refers, REFERENCED_TABLE_SCHEMA AS refers_schema, REFERENCED_TABLE_SCHEMA <> TABLE_SCHEMA AS elsewhere
		FROM information_schema.KEY_COLUMN_USAGE
		WHERE REFERENCED_TABLE_NAME IS NOT NULL AND TABLE_NAME = ? AND TABLE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE()) ORDER BY 1`,
	DropsElsewhere: true,
}

// mysqlLost reads go-sql-driver/mysql's errors, without importing it:
// ErrInvalidConn, and the server's last words when it shuts down or an
// administrator kills the connection.
func mysqlLost(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		switch text := err.Error(); {
		case text == "invalid connection", strings.HasPrefix(text, "Error 1053 "), strings.HasPrefix(text, "Error 1927 "):
			return true
		}
	}
	return false
}

// mysqlEndsTransaction is a deadlock (1213): the server rolls the transaction back, and
// runs what follows without one; COMMIT would not say a word.
func mysqlEndsTransaction(err error) bool { return strings.HasPrefix(err.Error(), "Error 1213 ") }
