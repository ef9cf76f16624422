package product_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(sqlitedb.DriverName, filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

// SQLite is asked on a connection in a transaction, and on one that is not, which
// is left as it was.
func TestAskSQLite(t *testing.T) {
	db := open(t)
	ask := func(in product.Querier) error { return product.Of("sqlite").Ask(context.Background(), in, true) }
	for i := 0; i < 2; i++ {
		if err := ask(db); !errors.Is(err, product.ErrEnded) {
			t.Errorf("outside of a transaction: %v", err)
		}
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(tx); err != nil {
		t.Errorf("in a transaction: %v", err)
	}
	if _, err := tx.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := ask(tx); !errors.Is(err, product.ErrEnded) {
		t.Errorf("after it was rolled back: %v", err)
	}
	if err := tx.Rollback(); !product.Of("sqlite").RolledBack(err) {
		t.Errorf("ROLLBACK says %v", err)
	}
}

// SQLite takes what stands in MariaDB's comment for one, as MySQL does. A mySQL answers
// what is asked next as MySQL does.
type mySQL struct {
	*sql.DB
	answer error
	asked  *int
}

func (m mySQL) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	*m.asked++
	return nil, m.answer
}

func TestAskMySQL(t *testing.T) {
	inside := errors.New("Error 1568 (25001): Transaction characteristics can't be changed while a transaction is in progress")
	other := errors.New("Error 1227 (42000): Access denied")
	for _, c := range []struct {
		answer, want error
		sure         bool
	}{{inside, nil, true}, {nil, product.ErrEnded, true}, {other, other, true}, {other, nil, false}} {
		asked := 0
		err := product.Of("mysql").Ask(context.Background(), mySQL{open(t), c.answer, &asked}, c.sure)
		if !errors.Is(err, c.want) || c.want == nil && err != nil || (asked == 1) != c.sure {
			t.Errorf("%+v: %v, asked %d times", c, err, asked)
		}
	}
}

func TestAsks(t *testing.T) {
	for name, want := range map[string]bool{"mysql": true, "sqlite": true, "postgres": false, "sqlserver": false, "unknown": false} {
		if product.Of(name).Asks() != want {
			t.Error(name)
		}
		if err := product.Of(name).Ask(context.Background(), mySQL{open(t), nil, new(int)}, false); name != "sqlite" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nobody knows of a COMMIT that KILL QUERY interrupts.
func TestUndecided(t *testing.T) {
	killed := errors.New("Error 1317 (70100): Query execution was interrupted")
	for name, want := range map[string]bool{"mysql": true, "postgres": false, "sqlite": false} {
		if product.Of(name).Undecided(killed) != want || product.Of(name).Lost(killed) || product.Of(name).Undecided(errors.New("Error 1062 (23000): Duplicate entry")) {
			t.Error(name)
		}
	}
}
