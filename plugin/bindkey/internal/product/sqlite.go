package product

import (
	"context"
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

var sqlite = Profile{
	Name:         "sqlite",
	SQL:          sqlscan.SQLite,
	Variables:    32766,
	Identity:     "SELECT file FROM pragma_database_list WHERE name = 'main'",
	ForeignKeys:  `SELECT DISTINCT '' AS name, "table" AS refers, '' AS refers_schema, 0 AS elsewhere FROM pragma_foreign_key_list(?) WHERE ? IS NOT NULL ORDER BY "table"`,
	AltersByCopy: true,
	Inside:       true,
	ask:          sqliteAsk,
	now:          "CAST(strftime('%s', 'now') AS INTEGER)",
	unsafe:       sqliteUnsafe,
	rolledBack:   func(err error) bool { return strings.Contains(err.Error(), "no transaction is active") },
}

// sqliteAsk begins a transaction, which SQLite refuses inside one. It rolls back by
// itself for RAISE(ROLLBACK) and ON CONFLICT ROLLBACK, a full disk, an I/O error, and
// a write that is interrupted, and no error's code says so for sure. The texts are of
// SQLite, whatever the driver.
func sqliteAsk(ctx context.Context, in Querier, _ bool) error {
	_, err := in.ExecContext(ctx, "BEGIN")
	if err == nil {
		_, _ = in.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return ErrEnded
	}
	if strings.Contains(err.Error(), "cannot start a transaction within a transaction") {
		return nil
	}
	return err
}
