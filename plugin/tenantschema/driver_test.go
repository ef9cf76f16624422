package tenantschema_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/plugin/tenantschema"
)

// A bare is a driver with no more than it must have. It answers all, and remembers what
// it was asked.
type bare struct {
	opened int
	sent   []string
	wrap   func(*bareConn) driver.Conn
}

func (b *bare) Driver() driver.Driver { return nil }

func (b *bare) Connect(context.Context) (driver.Conn, error) {
	b.opened++
	return b.wrap(&bareConn{b}), nil
}

type bareConn struct{ *bare }

func (c *bareConn) Prepare(query string) (driver.Stmt, error) { return bareStmt{c, query}, nil }
func (c *bareConn) Close() error                              { return nil }
func (c *bareConn) Begin() (driver.Tx, error)                 { return nil, errors.New("begun without options") }

type bareStmt struct {
	conn  *bareConn
	query string
}

func (s bareStmt) Close() error  { return nil }
func (s bareStmt) NumInput() int { return -1 }
func (s bareStmt) Exec(args []driver.Value) (driver.Result, error) {
	s.conn.sent = append(s.conn.sent, fmt.Sprint("prepared ", s.query, args))
	return driver.RowsAffected(1), nil
}
func (s bareStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errors.New("no rows") }

// An execConn can be switched.
type execConn struct{ *bareConn }

func (c execConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	values := []string{query}
	for _, arg := range args {
		values = append(values, fmt.Sprintf("%d=%T", arg.Ordinal, arg.Value))
	}
	c.sent = append(c.sent, strings.Join(values, " "))
	return driver.RowsAffected(1), nil
}

// A checkConn wants values of its own, and takes one out.
type checkConn struct{ execConn }

func (c checkConn) CheckNamedValue(value *driver.NamedValue) error {
	switch value.Value.(type) {
	case bool:
		return driver.ErrRemoveArgument
	case uint8:
		return errors.New("not a byte")
	case complex64:
		return nil // of the driver's own
	}
	return driver.ErrSkip
}

// A foldConn is on a server that does or does not tell capitals in names of databases.
type foldConn struct {
	execConn
	folds driver.Value
}

func (c foldConn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	c.sent = append(c.sent, query)
	return &oneRow{value: c.folds}, nil
}

type oneRow struct {
	value driver.Value
	read  bool
}

func (r *oneRow) Columns() []string { return []string{"folds"} }
func (r *oneRow) Close() error      { return nil }
func (r *oneRow) Next(to []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read, to[0] = true, r.value
	return nil
}

// A resetConn fails to reset its session.
type resetConn struct {
	execConn
	err error
}

func (c resetConn) ResetSession(context.Context) error { return c.err }

// database/sql uses a connection whose driver fails to reset it, unless it says that it is
// bad: who has no tenant is switched back all the same.
func TestResetFails(t *testing.T) {
	for _, fails := range []error{errors.New("failed"), driver.ErrBadConn} {
		of := &bare{}
		of.wrap = func(c *bareConn) driver.Conn { return resetConn{execConn{c}, fails} }
		pool := tenantschema.MySQL(of, "home")
		pool.DB().SetMaxOpenConns(1)
		db, err := sql.Open(pool.Driver(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		_, first := db.Exec("INSERT")
		_, second := pool.DB().Exec("INSERT")
		if err := errors.Join(first, second, db.Close(), pool.Close()); err != nil {
			t.Error(err)
		}
		want := map[bool]string{false: "USE `acme`, INSERT, USE `home`, INSERT", true: "USE `acme`, INSERT, INSERT"}[of.opened == 2]
		if got := strings.Join(of.sent, ", "); got != want || (of.opened == 2) != (fails == driver.ErrBadConn) {
			t.Errorf("%v: %s, on %d connections", fails, got, of.opened)
		}
	}
}

// Names that differ in capitals alone are two databases, or one of them is an error.
func TestCapitals(t *testing.T) {
	for folds, refused := range map[driver.Value]bool{int64(1): true, int64(0): false, "1": true, "0": false} {
		if text, ok := folds.(string); ok {
			folds = []byte(text)
		}
		of := &bare{}
		of.wrap = func(c *bareConn) driver.Conn { return foldConn{execConn{c}, folds} }
		pool := tenantschema.MySQL(of, "home")
		pool.DB().SetMaxOpenConns(1)
		for _, name := range []string{"acme", "Acme", "ÉTÉ", "acme", "Acme", "日本"} {
			db, err := sql.Open(pool.Driver(), name)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Ping()
			if want := refused && name != strings.ToLower(name); (err != nil) != want || want && (!strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "lower_case_table_names")) {
				t.Errorf("%v, %s: %v", folds, name, err)
			}
			_ = db.Close()
		}
		asked := strings.Count(strings.Join(of.sent, "\n"), "@@lower_case_table_names")
		if stats := pool.DB().Stats(); of.opened != 1 || stats.InUse != 0 || !refused && asked != 1 {
			t.Errorf("%d connections were opened, %d are taken, the server was asked %d times", of.opened, stats.InUse, asked)
		}
		_ = pool.Close()
	}
}

type code string

func (c code) Value() (driver.Value, error) { return strings.ToUpper(string(c)), nil }

// database/sql asks how a driver wants its arguments before there is a connection to
// ask: they are what they would have been with one.
func TestArgumentsOfDrivers(t *testing.T) {
	for name, test := range map[string]struct {
		wrap func(*bareConn) driver.Conn
		args []any
		want string // of the statement; "": it is an error
	}{
		"its own":      {func(c *bareConn) driver.Conn { return checkConn{execConn{c}} }, []any{complex64(1), true, code("a"), 7}, "INSERT 1=complex64 2=string 3=int64"},
		"refused":      {func(c *bareConn) driver.Conn { return checkConn{execConn{c}} }, []any{uint8(1)}, ""},
		"none":         {func(c *bareConn) driver.Conn { return execConn{c} }, []any{code("a"), 7, true, nil}, "INSERT 1=string 2=int64 3=bool 4=<nil>"},
		"none, no way": {func(c *bareConn) driver.Conn { return execConn{c} }, []any{complex64(1)}, ""},
		"switches not": {func(c *bareConn) driver.Conn { return c }, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			of := &bare{wrap: test.wrap}
			pool := tenantschema.MySQL(of, "home")
			defer pool.Close()
			db, err := sql.Open(pool.Driver(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for i, on := range []func() error{
				func() error { _, err := db.Exec("INSERT", test.args...); return err },
				func() error { // with a connection, the second time
					conn, err := db.Conn(context.Background())
					if err != nil {
						return err
					}
					defer conn.Close()
					_, first := conn.ExecContext(context.Background(), "INSERT")
					of.sent = nil
					_, err = conn.ExecContext(context.Background(), "INSERT", test.args...)
					return errors.Join(first, err)
				},
			} {
				of.sent = nil
				if err := on(); (err != nil) != (test.want == "") {
					t.Errorf("%d: %v", i, err)
				} else if sent := strings.Join(of.sent, ", "); test.want != "" && sent != "USE `acme`, "+test.want && sent != test.want {
					t.Errorf("%d: %s, and want %s", i, sent, test.want)
				}
			}
			if _, err := db.Begin(); err == nil || !strings.Contains(err.Error(), "tenantschema: the driver") {
				t.Error(err)
			}
			if n := pool.DB().Stats().InUse; n != 0 {
				t.Errorf("%d connections are taken", n)
			}
		})
	}
}

// A connection is closed after SQL that may leave something on it, and kept after all
// else.
func TestWhatLeavesSomething(t *testing.T) {
	const both, mysql, postgres = 3, 1, 2
	for query, keeps := range map[string]int{
		"SELECT 1": both, " \n(select 1) union (select 2);": both, "/* a */ -- b\nSELECT 1": both, "/* BEGIN */ UPDATE a": both, "-- BEGIN\nDELETE": both,
		"WITH a AS (SELECT 1) SELECT 2": both, "SELECT started_at, begin FROM chain": both, "INSERT INTO a": both, "CREATE TABLE a": both, "ALTER TABLE a": both,
		"SAVEPOINT a": both, "ROLLBACK TO SAVEPOINT a": both, "RELEASE a": both, "rollback to a": both, "SELECT/**/1": both,
		"SELECT temp FROM a": both, "SELECT a INTO b": both, "INSERT INTO temp SELECT 1": both, "-- a\r\nSELECT 1": both, "EXPLAIN SELECT 1": both,
		"SELECT 1 INTO TEMP a": mysql, "select 1 into\npg_temp.a": mysql, "WITH a AS (SELECT 1) SELECT * INTO TEMPORARY b FROM a": mysql,
		"EXPLAIN ANALYZE CREATE TEMP TABLE a AS SELECT 1": mysql, "SET LOCAL search_path TO a": postgres, "SET TRANSACTION READ ONLY": postgres, "SET CONSTRAINTS ALL DEFERRED": postgres,

		"BEGIN": 0, "start transaction": 0, "": 0, "-- a": 0, "/* a */": 0, "/*! BEGIN */": 0, "/*M! BEGIN */": 0, "/*!50000 BEGIN */": 0, "/* /* */ SELECT 1 */ BEGIN": 0,
		"/* /* */ BEGIN": 0, "SELECT 1; BEGIN": 0, "SELECT ';'": 0, "(BEGIN)": 0, "COMMIT AND CHAIN": 0, "ROLLBACK": 0, "ROLLBACK AND CHAIN": 0, "XA START 'a'": 0, "CALL a()": 0,
		"SET search_path TO a": 0, "SET SESSION a = 1": 0, "SET autocommit = 0": 0, "set names utf8": 0, "USE a": 0, "LOCK TABLES a READ": 0, "PREPARE a": 0, "EXECUTE a": 0,
		"CREATE TEMPORARY TABLE a": 0, "create or replace temp view a": 0, "CREATE LOCAL TEMP TABLE a": 0, "LISTEN a": 0, "DECLARE a CURSOR": 0, "DO $$ $$": 0, "RESET ALL": 0,
		"/*/*/ SELECT 1 */ */ BEGIN": 0, "-- a\rPREPARE b AS\nSELECT 1": 0, "# a\nBEGIN": 0, "SELECTION": 0, "RESET": 0,
	} {
		for kind := mysql; kind <= postgres; kind++ {
			of := &bare{wrap: func(c *bareConn) driver.Conn { return execConn{c} }}
			pool := tenantschema.MySQL(of, "home")
			if kind == postgres {
				pool = tenantschema.PostgreSQL(of)
			}
			db, err := sql.Open(pool.Driver(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			for _, on := range []*sql.DB{db, pool.DB()} {
				before := of.opened
				_, first := on.Exec(query)
				stmt, second := on.Prepare(query)
				if err := errors.Join(first, second); err != nil {
					t.Fatal(err)
				}
				_ = stmt.Close()
				_, _ = on.Exec("SELECT 1")
				more := of.opened - before
				if keeps&kind != 0 && more > 1 || keeps&kind == 0 && more < 2 {
					t.Errorf("%q, %d: %d connections were opened", query, kind, more)
				}
			}
			_ = errors.Join(db.Close(), pool.Close())
		}
	}
}
