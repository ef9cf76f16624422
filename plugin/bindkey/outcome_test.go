package bindkey_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Every case of the table of outcomes names a test that there is.
func TestOutcomesAreProved(t *testing.T) {
	var tests strings.Builder
	for _, file := range []string{"outcome_test.go", "late_test.go", "../../integration/outcome_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	for _, row := range testkit.Outcomes(t) {
		name := regexp.QuoteMeta(row.Test)
		if !regexp.MustCompile(`(?m)^func ` + name + `\(t \*testing\.T\)`).MatchString(tests.String()) {
			t.Errorf("%s: there is no %s", row.Case, row.Test)
		}
		if !strings.Contains(tests.String(), `"`+row.Case+`"`) {
			t.Errorf("no test has the case %q", row.Case)
		}
	}
}

// outcome runs a transaction that writes into main and analytics, does something there
// whose error the program ignores, and goes on.
func (w *world) outcome(about, changed string, goesOn bool, in func(tx *gorm.DB) error) {
	w.Helper()
	var (
		committed, rolledBack int
		err, failed, refused  error
	)
	got := w.changes(func() {
		err = w.db.Transaction(func(tx *gorm.DB) error {
			w.must(errors.Join(
				bindkey.AfterCommit(tx, func(context.Context) error { committed++; return nil }),
				bindkey.AfterRollback(tx, func(context.Context) error { rolledBack++; return nil }),
				tx.Create(&User{Name: "before"}).Error,
				tx.Create(&LogEntry{Event: "before"}).Error))
			failed = in(tx)
			refused = errors.Join(tx.Create(&LogEntry{Event: "after"}).Error, tx.Create(&User{Name: "after"}).Error)
			return nil
		})
	})
	if failed == nil {
		w.Errorf("%s: nothing has failed", about)
	}
	if (refused == nil) != goesOn {
		w.Errorf("%s: the next statements say %v", about, refused)
	}
	if !goesOn && err != nil && !errors.Is(err, bindkey.ErrRolledBack) {
		w.Errorf("%s: %v is no ErrRolledBack", about, err)
	}
	if got != changed {
		w.Errorf("%s: changed %q, want %q", about, got, changed)
	}
	testkit.CheckOutcome(w.T, about, err, committed, rolledBack)
	for bind, roles := range w.plugin.Stats() {
		for role, stats := range roles {
			if stats.InUse != 0 {
				w.Errorf("%s: %d connections of %s, %s are in use", about, stats.InUse, bind, role)
			}
		}
	}
}

const raises = "CREATE TRIGGER raises BEFORE INSERT ON logs WHEN NEW.event = 'raise' BEGIN SELECT RAISE(ROLLBACK, 'raised'); END"

// SQLite rolls a transaction back by itself, and runs what follows outside of one.
func TestRolledBackByItself(t *testing.T) {
	const raise = "INSERT INTO logs (event) VALUES ('raise')"
	endless := "INSERT INTO logs (event) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'x' FROM n"
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		w.must(w.plain["analytics"].Exec(raises).Error)
		w.outcome("SQLite: RAISE(ROLLBACK)", "", false, func(tx *gorm.DB) error { return tx.Exec(raise).Error })
		w.outcome("SQLite: RAISE(ROLLBACK) in a result that GORM reads", "", false, func(tx *gorm.DB) error {
			return tx.Raw(raise + " RETURNING id").Find(&[]LogEntry{}).Error
		})
		w.outcome("SQLite: RAISE(ROLLBACK) in a result that the program reads", "", false, func(tx *gorm.DB) error {
			rows, err := tx.Raw(raise + " RETURNING id").Rows()
			if err != nil {
				return err
			}
			for rows.Next() {
			}
			return errors.Join(rows.Err(), rows.Close())
		})
		w.outcome("SQLite: RAISE(ROLLBACK) in a result that the program reads", "", false, func(tx *gorm.DB) error {
			return tx.Raw(raise + " RETURNING id").Scan(new(int)).Error
		})
		w.outcome("SQLite: RAISE(ROLLBACK) in a result that the program reads", "", false, func(tx *gorm.DB) error {
			return tx.Raw(raise + " RETURNING id").Row().Scan(new(int))
		})
		w.outcome("SQLite: ON CONFLICT ROLLBACK", "", false, func(tx *gorm.DB) error {
			return tx.Exec("INSERT OR ROLLBACK INTO logs (id) SELECT id FROM logs").Error
		})
		w.outcome("SQLite: a write that its own deadline interrupts", "", false, func(tx *gorm.DB) error {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			return tx.WithContext(ctx).Exec(endless).Error
		})
		w.outcome("a nested transaction rolls back by itself", "", false, func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error { return tx.Exec(raise).Error })
		})
	}
}

// A statement that only fails changes nothing for the others.
func TestOnlyTheStatementFails(t *testing.T) {
	w := newWorld(t, worldConfig{})
	w.outcome("SQLite: a statement that only fails", "analytics.logs main.users", true, func(tx *gorm.DB) error {
		return tx.Exec("INSERT INTO logs (id) SELECT id FROM logs").Error
	})
	w.outcome("SQLite: a full disk that costs the statement alone", "analytics.logs main.users", true, func(tx *gorm.DB) error {
		w.must(tx.Clauses(bindkey.Use("analytics")).Exec("PRAGMA max_page_count = 1").Error) // no less than it has
		defer tx.Clauses(bindkey.Use("analytics")).Exec("PRAGMA max_page_count = 100000")
		return tx.Exec("INSERT INTO logs (event) SELECT zeroblob(4000000)").Error
	})
	w.outcome("a nested transaction that only fails", "analytics.logs main.users", true, func(tx *gorm.DB) error {
		return tx.Transaction(func(tx *gorm.DB) error { return tx.Exec("INSERT INTO logs (id) SELECT id FROM logs").Error })
	})
}

// What a branch is sent past GORM, through SQLTx, is asked for, too.
func TestRolledBackInSQLTx(t *testing.T) {
	w := newWorld(t, worldConfig{})
	w.must(w.plain["analytics"].Exec(raises).Error)
	err := w.db.Transaction(func(tx *gorm.DB) error {
		w.must(tx.Create(&User{Name: "before"}).Error)
		sqlTx, err := bindkey.SQLTx(tx, "analytics")
		w.must(err)
		if _, err := sqlTx.Exec("INSERT INTO logs (event) VALUES ('raise')"); err == nil {
			t.Error("the trigger does nothing")
		}
		return nil
	})
	testkit.CheckOutcome(t, "a statement in SQLTx makes the database roll back", err, 0, 1)
}

// Files that SQLite can't use fail their statements, and the whole transaction.
func TestUnusableFiles(t *testing.T) {
	for about, file := range map[string]func(w *world) string{
		"SQLite: a file that is no database": func(w *world) string {
			w.must(os.WriteFile(w.file("garbage"), []byte(strings.Repeat("no database ", 1000)), 0o600))
			return w.file("garbage")
		},
		"SQLite: a file that is read-only": func(w *world) string { return "file:" + w.file("analytics") + "?mode=ro" },
	} {
		w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.OpenLate()}, install: func(w *world) {
			w.registerBut("analytics")
			w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(file(w))}})
		}})
		var committed, rolledBack int
		var err error
		if changed := w.changes(func() {
			err = w.db.Transaction(func(tx *gorm.DB) error {
				w.must(errors.Join(
					bindkey.AfterCommit(tx, func(context.Context) error { committed++; return nil }),
					bindkey.AfterRollback(tx, func(context.Context) error { rolledBack++; return nil }),
					tx.Create(&User{Name: "before"}).Error))
				return tx.Create(&LogEntry{Event: "x"}).Error
			})
		}); changed != "" {
			t.Errorf("%s: changed %s", about, changed)
		}
		testkit.CheckOutcome(t, about, err, committed, rolledBack)
	}
}

// A fullConnector is of a server that takes no more connections.
type fullConnector struct {
	driver.Connector
	full *atomic.Bool
}

func (c fullConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.full.Load() {
		return nil, errors.New("Error 1040 (HY000): Too many connections")
	}
	return c.Connector.Connect(ctx)
}

// A branch that gets no connection fails its statement, and the whole transaction.
func TestTooManyConnections(t *testing.T) {
	var full atomic.Bool
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.registerBut("analytics")
		pool := sql.OpenDB(fullConnector{newSQLiteConnector(t, w.file("analytics")), &full})
		pool.SetMaxIdleConns(0)
		t.Cleanup(func() { _ = pool.Close() })
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: pool})}})
	}})
	var committed, rolledBack int
	write := func() error {
		return w.db.Transaction(func(tx *gorm.DB) error {
			w.must(errors.Join(
				bindkey.AfterCommit(tx, func(context.Context) error { committed++; return nil }),
				bindkey.AfterRollback(tx, func(context.Context) error { rolledBack++; return nil }),
				tx.Create(&User{Name: "before"}).Error))
			return tx.Create(&LogEntry{Event: "x"}).Error
		})
	}
	full.Store(true)
	var err error
	if changed := w.changes(func() { err = write() }); changed != "" {
		t.Errorf("changed %s", changed)
	}
	testkit.CheckOutcome(t, "a server has no connection left for a branch", err, committed, rolledBack)
	full.Store(false)
	if changed := w.changes(func() { w.must(write()) }); changed != "analytics.logs main.users" {
		t.Errorf("once it has: changed %s", changed)
	}
}

// A statement that fails while the program reads rows changes nothing for these, as
// with a plain handle of SQLite.
func TestRowsGoOnAfterAFailure(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newTxWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		for id := uint(101); id <= 105; id++ {
			w.must(w.db.Create(&Note{ID: id, Text: "n"}).Error)
		}
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			rows, err := tx.Model(&Note{}).Where("id > 100").Rows()
			if err != nil {
				return err
			}
			read := 0
			for ; rows.Next(); read++ {
				if err := tx.Create(&Note{ID: 101}).Error; err == nil {
					t.Error("a second row has the key of another")
				}
				if err := tx.Model(&Note{}).Where("id = ?", 101+read).Update("text", "read").Error; err != nil {
					t.Error(err)
				}
			}
			if read != 5 {
				t.Errorf("%d rows were read", read)
			}
			return errors.Join(rows.Err(), rows.Close())
		}))
		var n int64
		w.must(w.db.Model(&Note{}).Where("text = ?", "read").Count(&n).Error)
		if n != 5 {
			t.Errorf("PrepareStmt %v: %d rows are written", prepare, n)
		}
		w.idle()
	}
}
