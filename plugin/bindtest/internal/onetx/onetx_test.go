package onetx_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindtest/internal/onetx"
)

func open(t *testing.T) (*onetx.Connector, *sql.DB, *sql.DB) {
	t.Helper()
	connector := onetx.New(sqlitedb.Connector(filepath.Join(t.TempDir(), "a.db")), "sqlite")
	pool, aside := sql.OpenDB(connector), sql.OpenDB(connector.Aside())
	t.Cleanup(func() { _, _, _ = connector.End(), pool.Close(), aside.Close() })
	_, err := pool.Exec("CREATE TABLE numbers (n INTEGER)")
	must(t, err)
	return connector, pool, aside
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, pool *sql.DB) (n int) {
	t.Helper()
	must(t, pool.QueryRow("SELECT count(*) FROM numbers").Scan(&n))
	return n
}

// All is gone at the end: what is committed, what is prepared, and on connections that
// were open before.
func TestEnd(t *testing.T) {
	connector, pool, aside := open(t)
	prepared, err := pool.Prepare("INSERT INTO numbers VALUES (?)")
	must(t, err)
	for round := 0; round < 3; round++ {
		must(t, connector.Begin(context.Background()))
		if err := connector.Begin(context.Background()); err == nil {
			t.Error("it began twice")
		}
		tx, err := pool.Begin()
		must(t, err)
		_, err = tx.Stmt(prepared).Exec(1)
		must(t, err)
		if n := count(t, aside); n != 1 {
			t.Errorf("from aside, there are %d rows in the midst of a transaction", n)
		}
		must(t, tx.Commit())
		_, err = prepared.Exec(2)
		must(t, err)
		tx, err = pool.Begin()
		must(t, err)
		_, err = tx.Exec("INSERT INTO numbers VALUES (3)")
		must(t, err)
		must(t, tx.Rollback())
		if n := count(t, pool); n != 2 {
			t.Errorf("%d rows", n)
		}
		must(t, connector.End())
		must(t, connector.End())
		if n := count(t, pool) + count(t, aside); n != 0 {
			t.Errorf("round %d left %d rows", round, n)
		}
	}
	_, err = prepared.Exec(4)
	must(t, err)
	if n := count(t, aside); n != 1 {
		t.Errorf("afterwards there are %d rows", n)
	}
}

// A context that has ended, and a connection that is lost, undo no more than their own.
func TestLost(t *testing.T) {
	connector, pool, aside := open(t)
	must(t, connector.Begin(context.Background()))
	_, err := pool.Exec("INSERT INTO numbers VALUES (1)")
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := pool.ExecContext(ctx, "INSERT INTO numbers VALUES (2)"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that had ended: %v", err)
	}
	lost, err := connector.Connect(context.Background())
	must(t, err)
	_, err = lost.(driver.ConnBeginTx).BeginTx(context.Background(), driver.TxOptions{})
	must(t, err)
	_, err = lost.(driver.ExecerContext).ExecContext(context.Background(), "INSERT INTO numbers VALUES (3)", nil)
	must(t, err)
	if n := count(t, aside); n != 2 {
		t.Errorf("%d rows", n)
	}
	must(t, lost.Close())
	if _, err := lost.(driver.ExecerContext).ExecContext(context.Background(), "SELECT 1", nil); !errors.Is(err, driver.ErrBadConn) {
		t.Errorf("a connection that is closed: %v", err)
	}
	if n := count(t, pool); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// The columns of an answer are what the driver tells of them.
func TestColumns(t *testing.T) {
	connector, pool, _ := open(t)
	read := func() string {
		rows, err := pool.Query("SELECT n, 'a' AS word, x'00ff' AS bytes, NULL AS none FROM numbers")
		must(t, err)
		defer rows.Close()
		types, err := rows.ColumnTypes()
		must(t, err)
		var text []string
		for _, c := range types {
			nullable, ok := c.Nullable()
			text = append(text, c.Name(), c.DatabaseTypeName(), strings.Repeat("?", map[bool]int{true: 1}[nullable && ok]))
			if _, ok := c.Length(); ok {
				text = append(text, "length")
			}
			if _, _, ok := c.DecimalSize(); ok {
				text = append(text, "decimal")
			}
		}
		for rows.Next() {
			var n int
			var word string
			var bytes []byte
			var nothing *string
			must(t, rows.Scan(&n, &word, &bytes, &nothing))
			text = append(text, word, string(bytes))
		}
		if rows.NextResultSet() {
			t.Error("a second answer")
		}
		return strings.Join(text, " ")
	}
	_, err := pool.Exec("INSERT INTO numbers VALUES (1), (2)")
	must(t, err)
	plain := read()
	must(t, connector.Begin(context.Background()))
	if inside := read(); inside != plain || !strings.Contains(plain, "INTEGER") {
		t.Errorf("inside, the answer is\n%s\nand outside\n%s", inside, plain)
	}
}
