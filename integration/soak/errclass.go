package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// errorClass is what an error is counted as, so that a run shows which of the
// databases' answers it has had.
func errorClass(err error) string {
	var (
		branch   *bindkey.BranchError
		partial  *bindkey.PartialCommitError
		maria    *mysqldriver.MySQLError
		postgres *pgconn.PgError
	)
	during := ""
	switch {
	case errors.As(err, &partial):
		during = " at COMMIT"
	case errors.As(err, &branch):
		during = " at " + branch.Operation
	}
	switch {
	case errors.As(err, &maria):
		return fmt.Sprintf("MariaDB %d%s", maria.Number, during)
	case errors.As(err, &postgres):
		return fmt.Sprintf("PostgreSQL %s%s", postgres.Code, during)
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline exceeded" + during
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysqldriver.ErrInvalidConn):
		return "bad connection" + during
	default:
		return "other" + during
	}
}
