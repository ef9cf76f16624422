package product_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

type stateError string

func (e stateError) Error() string    { return "state " + string(e) }
func (e stateError) SQLState() string { return string(e) }

func TestOf(t *testing.T) {
	for name, sql := range map[string]sqlscan.Dialect{
		"postgres": sqlscan.Postgres, "mysql": sqlscan.MySQL, "sqlite": sqlscan.SQLite,
		"sqlserver": sqlscan.TransactSQL, "clickhouse": sqlscan.Standard, "nobody's": sqlscan.Standard,
	} {
		p := product.Of(name)
		if p.SQL != sql || p.Variables < 100 || p != product.Of(name) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestLost(t *testing.T) {
	all := "postgres mysql sqlite sqlserver clickhouse unknown"
	for _, c := range []struct {
		err error
		by  string
	}{
		{driver.ErrBadConn, all},
		{fmt.Errorf("wrapped: %w", io.ErrUnexpectedEOF), all},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, all},
		{context.DeadlineExceeded, ""},
		{errors.New("syntax error"), ""},
		{stateError("57P01"), "postgres unknown"},
		{stateError("08006"), "postgres unknown"},
		{stateError("23505"), ""},
		{errors.New("invalid connection"), "mysql unknown"},
		{fmt.Errorf("wrapped: %w", errors.New("Error 1927 (70100): Connection was killed")), "mysql unknown"},
		{errors.New("Error 1062 (23000): Duplicate entry"), ""},
	} {
		var by string
		for _, name := range []string{"postgres", "mysql", "sqlite", "sqlserver", "clickhouse", "unknown"} {
			if product.Of(name).Lost(c.err) {
				by += " " + name
			}
		}
		if by != "" {
			by = by[1:]
		}
		if by != c.by {
			t.Errorf("%v: lost for %q, want %q", c.err, by, c.by)
		}
	}
}

func TestEndsTransaction(t *testing.T) {
	deadlock := errors.New("Error 1213 (40001): Deadlock found")
	for name, want := range map[string]bool{"mysql": true, "unknown": true, "postgres": false, "sqlite": false} {
		if product.Of(name).EndsTransaction(deadlock) != want || product.Of(name).EndsTransaction(errors.New("Error 1062")) {
			t.Errorf("%s", name)
		}
	}
}
