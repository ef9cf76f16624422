package product

import (
	"context"
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
	ask:            mysqlAsk,
	TwoPhase:       &mysqlTwoPhase,
	now:            "UNIX_TIMESTAMP()",
	unsafe:         mysqlUnsafe,
	undecided:      func(err error) bool { return mysqlHas(err, "1317") },
}

// mysqlLost reads go-sql-driver/mysql's errors, without importing it:
// ErrInvalidConn, and the server's last words when it shuts down or an
// administrator kills the connection.
func mysqlLost(err error) bool {
	for at := err; at != nil; at = errors.Unwrap(at) {
		if at.Error() == "invalid connection" {
			return true
		}
	}
	return mysqlHas(err, "1053", "1927")
}

// mysqlHas reports whether an error has one of these codes. KILL QUERY (1317)
// interrupts a COMMIT anywhere.
func mysqlHas(err error, codes ...string) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		for _, code := range codes {
			if strings.HasPrefix(err.Error(), "Error "+code+" ") {
				return true
			}
		}
	}
	return false
}

// mysqlEndsTransaction is a deadlock (1213) or a full lock table (1206): the server
// rolls the transaction back, and runs what follows without one; COMMIT would not say
// a word. Of other errors settings decide (1205 with innodb_rollback_on_timeout, 1020
// with innodb_snapshot_isolation), so that the server is asked.
func mysqlEndsTransaction(err error) bool { return mysqlHas(err, "1213", "1206") }

// mysqlAsk asks MariaDB for @@in_transaction, which MySQL does not have, and takes
// what stands in this comment for one. MySQL does not let a transaction's
// characteristics be changed inside one (1568).
func mysqlAsk(ctx context.Context, in Querier, sure bool) error {
	var inTransaction, told bool
	if err := numbers(ctx, in, "SELECT 1 /*M! AND @@in_transaction */, 0 /*M! OR 1 */", &inTransaction, &told); err != nil {
		return err
	}
	if !inTransaction {
		return ErrEnded
	}
	if told || !sure {
		return nil
	}
	_, err := in.ExecContext(ctx, "SET TRANSACTION READ WRITE")
	if err == nil {
		return ErrEnded
	}
	if mysqlHas(err, "1568") {
		return nil
	}
	return err
}
