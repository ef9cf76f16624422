package integration

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// outcome runs a transaction with rows in main and analytics, and in compares its
// error and outcome with the table in docs/transactions.md.
func (w *world) outcome(about, rows string, body func(tx *gorm.DB) error) (err error) {
	w.Helper()
	var committed, rolledBack int
	w.watchdog(func() {
		err = w.db.Transaction(func(tx *gorm.DB) error {
			w.must(errors.Join(
				bindkey.AfterCommit(tx, func(context.Context) error { committed++; return nil }),
				bindkey.AfterRollback(tx, func(context.Context) error { rolledBack++; return nil }),
				create(tx, "before", "main", "analytics")))
			return body(tx)
		})
	})
	for _, freezer := range w.freezers {
		freezer.Thaw()
	}
	w.idle()
	if rows != "?" {
		w.expect(rows)
	}
	testkit.CheckOutcome(w.T, about, err, committed, rolledBack)
	return err
}

// refused says that the next statements of a transaction are not sent.
func (w *world) refused(tx *gorm.DB, err error) {
	w.Helper()
	if err == nil {
		w.Error("nothing has failed")
	}
	for _, key := range []string{"analytics", "main", "archive"} {
		if err := create(tx, "after", key); err == nil {
			w.Errorf("a statement of %s was sent", key)
		}
	}
}

// A deadlock in the middle of a result, of which the first rows have arrived: the
// error comes with the rows, and MariaDB runs what follows outside of a transaction.
func TestDeadlockInAResult(t *testing.T) {
	const closedEarly = "Rows, closed early"
	ways := map[string]func(tx *gorm.DB) error{
		"Find": func(tx *gorm.DB) error { return tx.Raw(lockAll).Find(&[]AnalyticsRow{}).Error },
		"Rows": func(tx *gorm.DB) error {
			rows, err := tx.Raw(lockAll).Rows()
			if err != nil {
				return err
			}
			for rows.Next() {
			}
			return errors.Join(rows.Err(), rows.Close())
		},
		closedEarly: func(tx *gorm.DB) error {
			rows, err := tx.Raw(lockAll).Rows()
			if err != nil {
				return err
			}
			return rows.Close()
		},
		"Scan": func(tx *gorm.DB) error { return tx.Raw(lockAll).Scan(&[]AnalyticsRow{}).Error },
		"the pool itself": func(tx *gorm.DB) error {
			rows, err := tx.Model(&AnalyticsRow{}).Clauses(bindkey.Use("analytics")).Statement.ConnPool.QueryContext(context.Background(), lockAll)
			if err != nil {
				return err
			}
			for rows.Next() {
			}
			return rows.Err()
		},
	}
	eachWayOn(t, []*servers.Server{servers.MariaDB}, worldConfig{}, func(w *world) {
		plain := w.plain["analytics"]
		for name, read := range ways {
			w.clean(w.T)
			var rows []AnalyticsRow
			for i := 0; i < 3000; i++ {
				rows = append(rows, AnalyticsRow{Name: fmt.Sprintf("%05d%s", i, strings.Repeat("x", 50))})
			}
			w.must(plain.CreateInBatches(&rows, 1000).Error)
			first, last := rows[0].ID, rows[len(rows)-1].ID

			other := plain.Begin()
			w.must(other.Exec("UPDATE analytics_rows SET ticket = 1 WHERE id = ?", last).Error)
			for i := 0; i < 50; i++ { // the server rolls back who has done less
				w.must(other.Exec("INSERT INTO logs (user_id, event) SELECT 1, CONCAT(?, seq) FROM seq_1_to_100", fmt.Sprint("heavy", i, "-")).Error)
			}
			waiter, waiting := make(chan int64), make(chan error, 1)
			go func() {
				w.awaitLock(<-waiter)
				waiting <- other.Exec("UPDATE analytics_rows SET ticket = 2 WHERE id = ?", first).Error
			}()
			about := "MariaDB: a deadlock in the middle of a result"
			if name == closedEarly {
				about = "MariaDB: a deadlock in a result that is closed early"
			}
			err := w.outcome(about, "?", func(tx *gorm.DB) error {
				sqlTx, err := bindkey.SQLTx(tx, "analytics")
				w.must(err)
				waiter <- w.server.ConnectionID(w.T, sqlTx)
				failed := read(tx)
				w.must(<-waiting)
				w.must(other.Rollback().Error)
				if name == closedEarly && failed == nil {
					failed = errors.New("it tells nobody")
				}
				w.refused(tx, failed)
				return nil
			})
			if err == nil {
				w.Errorf("%s: no error", name)
			}
			for _, key := range keys {
				var n int64
				w.must(w.plain[key].Table(key+"_rows").Where("name IN ?", []string{"before", "after"}).Count(&n).Error)
				if n > 0 {
					w.Errorf("%s: %d rows of the transaction are in %s", name, n, key)
				}
			}
		}
	})
}

const lockAll = "SELECT * FROM analytics_rows WHERE id > 0 ORDER BY id FOR UPDATE"

// MariaDB's settings decide whether some errors roll back: 1205 with
// innodb_rollback_on_timeout, 1020 with innodb_snapshot_isolation.
func TestRolledBackBySettings(t *testing.T) {
	for about, code := range map[string]uint16{"MariaDB: 1205 with innodb_rollback_on_timeout": 1205, "MariaDB: 1020 with innodb_snapshot_isolation": 1020} {
		about, code := about, code
		calls := func(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) error {
			if call.Kind == testkit.Statement && strings.Contains(call.SQL, "the server's mind") && !call.Part {
				// what the setting makes the server do
				if _, err := on.Inner().(driver.ExecerContext).ExecContext(ctx, "ROLLBACK", nil); err != nil {
					return err
				}
				return &mysql.MySQLError{Number: code, SQLState: [5]byte{'H', 'Y', '0', '0', '0'}, Message: "as the setting has it"}
			}
			return real(ctx)
		}
		eachWayOn(t, []*servers.Server{servers.MariaDB}, worldConfig{calls: map[string]testkit.Hook{"analytics": calls}}, func(w *world) {
			for _, nested := range []bool{false, true} {
				err := w.outcome(about, "", func(tx *gorm.DB) error {
					statement := func(tx *gorm.DB) error {
						return tx.Exec("UPDATE analytics_rows /* the server's mind */ SET ticket = 1").Error
					}
					err := statement(tx)
					if nested {
						err = tx.Transaction(statement)
					}
					w.refused(tx, err)
					return nil
				})
				var told *mysql.MySQLError
				if !errors.Is(err, bindkey.ErrRolledBack) || !errors.As(err, &told) || told.Number != code {
					w.Errorf("%v is no ErrRolledBack because of %d", err, code)
				}
			}
		})
	}
}

// A statement that fails by itself alone dooms nothing on MariaDB; a transaction with
// rows left open commits.
func TestStatementsThatOnlyFail(t *testing.T) {
	eachWay(t, func(w *world) {
		if w.server == servers.MariaDB {
			w.must(w.outcome("MariaDB: a statement that only fails", "main: before after, analytics: before after", func(tx *gorm.DB) error {
				if create(tx, "before", "analytics") == nil {
					w.Error("nothing has failed")
				}
				return create(tx, "after", "main", "analytics")
			}))
			w.clean(w.T)
		}
		w.must(w.outcome("rows that the program leaves open", "main: before, analytics: before", func(tx *gorm.DB) error {
			rows, err := tx.Model(&AnalyticsRow{}).Rows()
			w.Cleanup(func() { _ = rows.Close() })
			return err
		}))
		if w.server == servers.PostgreSQL {
			w.clean(w.T)
			err := w.outcome("PostgreSQL: a statement fails", "", func(tx *gorm.DB) error {
				if create(tx, "before", "analytics") == nil {
					w.Error("nothing has failed")
				}
				return nil
			})
			if err == nil {
				w.Error("no error")
			}
			w.clean(w.T)
			w.must(w.outcome("PostgreSQL: a statement fails, and ROLLBACK TO follows", "main: before after, analytics: before after", func(tx *gorm.DB) error {
				_ = tx.Transaction(func(tx *gorm.DB) error { return create(tx, "before", "analytics") })
				return create(tx, "after", "main", "analytics")
			}))
		}
	})
}

// KILL QUERY leaves the transaction open whose COMMIT it interrupts: nobody else may
// get that connection, whose next BEGIN would commit it.
func TestKilledInCommit(t *testing.T) {
	onServers(t, []*servers.Server{servers.MariaDB}, func(t *testing.T, server *servers.Server) {
		w := emptyWorld(t, server)
		w.oneConnection()
		var id int64
		w.watchCommits(func(key string) {
			if key == "analytics" {
				w.killInCommit(id, "KILL QUERY")
			}
		})
		err := w.outcome("MariaDB: KILL QUERY interrupts a COMMIT", "", func(tx *gorm.DB) error {
			sqlTx, err := bindkey.SQLTx(tx, "analytics")
			w.must(err)
			id = w.server.ConnectionID(w.T, sqlTx)
			return nil
		})
		w.expectPartial(err, bindkey.PartialCommitError{Failed: "analytics", Unknown: true, RolledBack: []string{"main"}})
		w.beforeCommit.Store(nil)
		w.must(w.db.Transaction(func(tx *gorm.DB) error { return create(tx, "next", "analytics") }))
		w.expect("analytics: next")
	})
}

// emptyWorld is a world with databases of its own.
func emptyWorld(t *testing.T, server *servers.Server) *world {
	p := emptyPlace(t, server)
	for _, key := range keys {
		must(t, p.plain[key].AutoMigrate(row(key, "")))
	}
	return p.newWorld(t, worldConfig{})
}

// A restart ends the connections of all branches. The next transaction works.
func TestRestartBeforeCommit(t *testing.T) {
	eachWay(t, func(w *world) {
		err := w.outcome("a server restarts before COMMIT", "", func(tx *gorm.DB) error {
			for _, key := range []string{"main", "analytics"} {
				sqlTx, err := bindkey.SQLTx(tx, key)
				w.must(err)
				w.server.Cut(w.T, w.server.ConnectionID(w.T, sqlTx))
			}
			return nil
		})
		w.expectBranch(err, "analytics", "check before COMMIT")
		w.must(w.outcome("a server has restarted", "main: before, analytics: before", func(*gorm.DB) error { return nil }))
	})
}

// A server that accepts and does not answer keeps neither the caller nor the locks of
// the other branches.
func TestServerDoesNotAnswer(t *testing.T) {
	for name, bare := range map[string]bool{"watched": false, "bare": true} {
		config := worldConfig{bare: bare, options: []bindkey.Option{bindkey.EndTimeout(200 * time.Millisecond)}}
		t.Run(name, func(t *testing.T) { serverDoesNotAnswer(t, config) })
	}
}

// A driver that is wrapped is not known to give up when a context ends, as pgx is.
func serverDoesNotAnswer(t *testing.T, config worldConfig) {
	eachWayOn(t, servers.All(), config, func(w *world) {
		err := w.outcome("a server does not answer the check", "", func(tx *gorm.DB) error {
			w.freezers["analytics"].Freeze()
			return nil
		})
		if err == nil {
			w.Error("no error")
		}
		w.clean(w.T)

		// ROLLBACK, while the others' locks are let go.
		tx := w.db.Begin()
		w.must(create(tx, "locked", "main", "analytics"))
		w.freezers["analytics"].Freeze()
		over := make(chan error, 1)
		go func() { over <- tx.Rollback().Error }()
		w.watchdog(func() { w.must(create(w.plain["main"], "locked", "main")) }) // waits for the lock of the transaction's row
		w.watchdog(func() { err = <-over })
		w.freezers["analytics"].Thaw()
		testkit.CheckOutcome(w.T, "a server does not answer ROLLBACK", err, 0, 1)
		if !errors.Is(err, bindkey.ErrNoAnswer) {
			w.Errorf("%v is no ErrNoAnswer", err)
		}
		w.idle()
		w.expect("main: locked")
		w.clean(w.T)

		// COMMIT, of which nobody knows then whether it took place.
		tx = w.db.Begin()
		w.must(create(tx, "unknown", "analytics"))
		w.freezers["analytics"].Freeze()
		w.watchdog(func() { err = tx.Commit().Error })
		w.freezers["analytics"].Thaw()
		testkit.CheckOutcome(w.T, "a server does not answer COMMIT", err, 0, 0)
		w.expectPartial(err, bindkey.PartialCommitError{Failed: "analytics", Unknown: true})
		w.idle()
		w.clean(w.T)

		// The end of the context rolls back.
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		tx = w.db.WithContext(ctx).Begin()
		w.must(create(tx, "deadline", "main", "analytics"))
		w.freezers["analytics"].Freeze()
		<-ctx.Done()
		w.watchdog(func() { w.must(create(w.plain["main"], "deadline", "main")) })
		w.watchdog(func() { err = tx.Commit().Error })
		w.freezers["analytics"].Thaw()
		testkit.CheckOutcome(w.T, "a deadline ends while a server does not answer", err, 0, 1)
		w.idle()
		w.expect("main: deadline")
	})
}

// awaitLock waits until a connection waits for a lock. InnoDB looks again only for who
// has not asked for 100 ms.
func (w *world) awaitLock(id int64) {
	admin := w.server.Admin(w.T)
	for start := time.Now(); time.Since(start) < 8*time.Second; time.Sleep(150 * time.Millisecond) {
		var n int
		if err := admin.QueryRow("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_mysql_thread_id = ?", id).Scan(&n); err != nil {
			w.Error(err)
			return
		}
		if n > 0 {
			return
		}
	}
	w.Error("nobody waits for a lock")
}
