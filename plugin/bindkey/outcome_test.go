package bindkey_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	stdlog "log"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
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
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond) // long enough to have begun
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
			w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(file(w))}})
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
		pool := sql.OpenDB(fullConnector{newSQLiteConnector(w.file("analytics")), &full})
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

// A branch that the database has rolled back is found before the next statement or
// savepoint, also where nobody but the program has seen the error: through SQLTx, a
// *sql.Stmt of the transaction's pool, or rows that it was given.
func TestRolledBackUnseen(t *testing.T) {
	const raise = "INSERT INTO logs (event) VALUES ('raise')"
	ctx := context.Background()
	pool := func(tx *gorm.DB) gorm.ConnPool { return tx.Model(&LogEntry{}).First(&LogEntry{}).Statement.ConnPool }
	ways := map[string]func(w *world, tx *gorm.DB) error{
		"SQLTx": func(w *world, tx *gorm.DB) error {
			sqlTx, err := bindkey.SQLTx(tx, "analytics")
			w.must(err)
			_, err = sqlTx.Exec(raise)
			return err
		},
		"a statement of the pool": func(w *world, tx *gorm.DB) error {
			stmt, err := pool(tx).PrepareContext(ctx, raise)
			w.must(err)
			defer stmt.Close()
			_, err = stmt.Exec()
			return err
		},
		"a statement of the bind's pool": func(w *world, tx *gorm.DB) error {
			resolver, err := w.plugin.Resolver("analytics")
			w.must(err)
			db, err := resolver.DB.DB()
			w.must(err)
			stmt, err := db.PrepareContext(ctx, raise)
			w.must(err)
			defer stmt.Close()
			_, err = pool(tx).(gorm.Tx).StmtContext(ctx, stmt).Exec()
			return err
		},
		"rows of the pool": func(w *world, tx *gorm.DB) error {
			rows, err := pool(tx).QueryContext(ctx, raise+" RETURNING id")
			if err != nil {
				return err // modernc.org/sqlite reads the first row with the query
			}
			for rows.Next() {
			}
			return errors.Join(rows.Err(), rows.Close())
		},
		"a row of the pool": func(w *world, tx *gorm.DB) error {
			return pool(tx).QueryRowContext(ctx, raise+" RETURNING id").Scan(new(int))
		},
	}
	afters := map[string]func(tx *gorm.DB) error{
		"a statement": func(tx *gorm.DB) error { return tx.Create(&LogEntry{ID: 77, Event: "after"}).Error },
		"a nested transaction": func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&LogEntry{ID: 77, Event: "after"}).Error })
		},
	}
	for _, prepare := range []bool{false, true} {
		for name, way := range ways {
			for after, run := range afters {
				w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
				w.must(w.plain["analytics"].Exec(raises).Error)
				err := w.db.Transaction(func(tx *gorm.DB) error {
					w.must(tx.Create(&User{ID: 77, Name: "before"}).Error)
					w.must(tx.Create(&LogEntry{ID: 76, Event: "before"}).Error)
					if err := way(w, tx); err == nil {
						t.Errorf("%s: the trigger does nothing", name)
					}
					_ = run(tx) // ignored
					return nil
				})
				if !errors.Is(err, bindkey.ErrRolledBack) {
					t.Errorf("%s, then %s, PrepareStmt %v: %v", name, after, prepare, err)
				}
				testkit.CheckOutcome(t, "what GORM does not see makes the database roll back: SQLTx, a `*sql.Stmt`, rows of the pool; and the program goes on", err, 0, 1)
				for _, count := range []*gorm.DB{w.plain["main"].Model(&User{}).Where("id = 77"), w.plain["analytics"].Model(&LogEntry{}).Where("id IN ?", []int{76, 77})} {
					var n int64
					w.must(count.Count(&n).Error)
					if n != 0 {
						t.Errorf("%s, then %s, PrepareStmt %v: %d rows stay", name, after, prepare, n)
					}
				}
			}
		}
	}
}

// One goroutine reads rows of a transaction while another writes there, as with a plain
// handle of SQLite. The race detector looks on.
func TestRowsOfAnotherGoroutine(t *testing.T) {
	w := newTxWorld(t, worldConfig{})
	for round := 0; round < 20; round++ {
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			rows, err := tx.Model(&LogEntry{}).Rows()
			if err != nil {
				return err
			}
			read := make(chan error, 1)
			go func() {
				for rows.Next() {
				}
				read <- errors.Join(rows.Err(), rows.Close())
			}()
			for i := 0; i < 5; i++ {
				if err := tx.Create(&LogEntry{Event: "n"}).Error; err != nil {
					return err
				}
			}
			return <-read
		}))
	}
	w.idle()
}

// A savepoint outside of a transaction is not sent, and leaves no error in the handle.
func TestSavePointOutside(t *testing.T) {
	var log strings.Builder
	w := newTxWorld(t, worldConfig{gorm: gorm.Config{SkipDefaultTransaction: true, Logger: logger.New(stdlog.New(&log, "", 0), logger.Config{LogLevel: logger.Error})}})
	if got := w.trace(func() {
		w.db.SavePoint("here")
		w.db.Session(&gorm.Session{}).RollbackTo("here")
		w.must(w.db.Create(&LogEntry{Event: "n"}).Error)
	}); got != "STATEMENT analytics" {
		t.Errorf("sent: %s", got)
	}
	if strings.Count(log.String(), `savepoint "here" is asked for outside of a transaction`) != 2 {
		t.Errorf("log: %s", log.String())
	}
}
