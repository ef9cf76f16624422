package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

var errChanged = errors.New("the application changed its mind")

func create(tx *gorm.DB, name string, keys ...string) error {
	for _, key := range keys {
		if err := tx.Create(row(key, name)).Error; err != nil {
			return err
		}
	}
	return nil
}

func TestCommitAndRollback(t *testing.T) {
	eachWay(t, func(w *world) {
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			w.must(create(tx, "a", keys...))
			w.expect("") // to others, before the COMMITs
			var names []string
			w.must(tx.Model(&ArchiveRow{}).Pluck("name", &names).Error)
			if len(names) != 1 {
				w.Errorf("the transaction reads %v of its own rows", names)
			}
			return nil
		}))
		w.expect("main: a, analytics: a, archive: a")
		w.idle()

		err := w.db.Transaction(func(tx *gorm.DB) error {
			w.must(create(tx, "b", keys...))
			return errChanged
		})
		if !errors.Is(err, errChanged) {
			w.Errorf("the transaction returned %v", err)
		}
		w.expect("main: a, analytics: a, archive: a")
		w.idle()

		func() {
			defer func() { _ = recover() }()
			_ = w.db.Transaction(func(tx *gorm.DB) error {
				w.must(create(tx, "c", keys...))
				panic("in a transaction")
			})
		}()
		w.expect("main: a, analytics: a, archive: a")
		w.idle()
	})
}

func TestNestedTransaction(t *testing.T) {
	eachWay(t, func(w *world) {
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			w.must(create(tx, "outer", "main"))
			// The swallowed error is the database's, which aborts a PostgreSQL
			// transaction but for the savepoint. analytics joins inside.
			err := tx.Transaction(func(tx *gorm.DB) error {
				w.must(create(tx, "inner", "main", "analytics"))
				return create(tx, "inner", "main")
			})
			if err == nil {
				w.Error("a duplicate name was accepted")
			}
			w.must(tx.Transaction(func(tx *gorm.DB) error { return create(tx, "second", "analytics", "archive") }))
			return create(tx, "last", "main", "archive")
		}))
		w.expect("main: outer last, analytics: second, archive: second last")
	})
}

func TestJoinAfterSavepoint(t *testing.T) {
	eachWay(t, func(w *world) {
		tx := w.db.Begin()
		w.must(create(tx, "1", "main"))
		w.must(tx.SavePoint("first").Error)
		w.must(create(tx, "2", "main", "analytics"))
		w.must(tx.SavePoint("second").Error)
		w.must(create(tx, "3", keys...))
		w.must(tx.RollbackTo("second").Error)
		w.must(create(tx, "4", "main", "archive"))
		w.must(tx.RollbackTo("first").Error)
		if used := w.pools["analytics"].Stats().InUse + w.pools["archive"].Stats().InUse; used != 0 {
			w.Errorf("%d connections are in use for branches that were rolled back whole", used)
		}
		w.must(create(tx, "5", "main", "analytics"))
		w.must(tx.Commit().Error)
		w.expect("main: 1 5, analytics: 5")
	})
}

func TestDefaultTransaction(t *testing.T) {
	eachWay(t, func(w *world) {
		user := User{Name: "ann", Logs: []LogEntry{{Event: "e"}}, Notes: []Note{{Text: strings.Repeat("too long", 10)}}}
		if err := w.db.Create(&user).Error; err == nil {
			w.Error("a note that is too long was accepted")
		}
		for key, table := range map[string]string{"main": "users", "analytics": "logs", "archive": "notes"} {
			var count int64
			w.must(w.plain[key].Table(table).Count(&count).Error)
			if count != 0 {
				w.Errorf("%s has %d %s", key, count, table)
			}
		}
		w.idle()

		var order []string
		w.watchCommits(func(key string) { order = append(order, key) })
		w.must(w.db.Create(&User{Name: "ann", Logs: []LogEntry{{Event: "e"}}, Notes: []Note{{Text: "t"}}}).Error)
		if len(order) != 3 || order[2] != "main" {
			w.Errorf("COMMITs went to %v, want each bind once and main last", order)
		}
	})
}

// A PostgreSQL transaction is aborted by an error, even if the application
// ignores it: COMMIT would answer ROLLBACK, without an error in some drivers.
func TestAbortedTransaction(t *testing.T) {
	eachWayOn(t, []*servers.Server{servers.PostgreSQL}, worldConfig{}, func(w *world) {
		for _, aborted := range keys {
			tx := w.db.Begin()
			w.must(create(tx, "a", keys...))
			if err := create(tx, "a", aborted); err == nil {
				w.Error("a duplicate name was accepted")
			}
			err := tx.Commit().Error
			var refused *pgconn.PgError
			if !errors.As(err, &refused) || refused.Code != "25P02" { // in_failed_sql_transaction
				w.Errorf("COMMIT returned %v", err)
			}
			w.expectBranch(err, aborted, "check before COMMIT")
			w.expect("")
			w.idle()

			// alone, its own COMMIT tells
			tx = w.db.Begin()
			w.must(create(tx, "a", aborted))
			_ = create(tx, "a", aborted)
			w.expectBranch(tx.Commit().Error, aborted, "COMMIT")
			w.expect("")
			w.idle()
		}
	})
}

// The constraint on tickets is asked at COMMIT.
func TestDeferredConstraint(t *testing.T) {
	postgres := []*servers.Server{servers.PostgreSQL}
	eachWayOn(t, postgres, worldConfig{}, func(w *world) {
		violate := func(key string) error {
			w.clean(w.T)
			tx := w.db.Begin()
			w.must(create(tx, "a", keys...))
			w.must(tx.Create(ticketRow(key, "b", 1)).Error)
			w.must(tx.Create(ticketRow(key, "c", 1)).Error)
			err := tx.Commit().Error
			var refused *pgconn.PgError
			if !errors.As(err, &refused) || refused.Code != "23505" {
				w.Errorf("COMMIT returned %v", err)
			}
			w.idle()
			return err
		}
		// The order of the COMMITs is analytics, archive, main.
		w.expectBranch(violate("analytics"), "analytics", "COMMIT")
		w.expect("")

		w.expectPartial(violate("archive"), bindkey.PartialCommitError{
			Committed: []string{"analytics"}, Failed: "archive", RolledBack: []string{"main"}})
		w.expect("analytics: a")

		w.expectPartial(violate("main"), bindkey.PartialCommitError{
			Committed: []string{"analytics", "archive"}, Failed: "main"})
		w.expect("analytics: a, archive: a")
	})
	t.Run("translated", func(t *testing.T) {
		config := worldConfig{gorm: gorm.Config{TranslateError: true}}
		eachWayOn(t, postgres, config, func(w *world) {
			for _, binds := range [][]string{{"main"}, {"analytics", "main"}, {"archive", "main", "analytics"}} {
				for _, key := range binds {
					w.clean(w.T)
					err := w.db.Transaction(func(tx *gorm.DB) error {
						w.must(create(tx, "a", binds...))
						w.must(tx.Create(ticketRow(key, "b", 1)).Error)
						return tx.Create(ticketRow(key, "c", 1)).Error
					})
					if !errors.Is(err, gorm.ErrDuplicatedKey) {
						w.Errorf("COMMIT of %s among %v: %v is not ErrDuplicatedKey", key, binds, err)
					}
				}
			}
			w.clean(w.T)
		})
	})
}

func TestCommitOrder(t *testing.T) {
	config := worldConfig{options: []bindkey.Option{bindkey.CommitOrder("main", "archive")}}
	eachWayOn(t, servers.All(), config, func(w *world) {
		var order []string
		w.watchCommits(func(key string) { order = append(order, key) })
		w.must(w.db.Transaction(func(tx *gorm.DB) error { return create(tx, "a", "analytics", "archive", "main") }))
		if got := fmt.Sprint(order); got != "[main archive analytics]" {
			w.Errorf("COMMITs went to %s", got)
		}
	})
}

func TestLockTimeout(t *testing.T) {
	timeout := map[*servers.Server]string{
		servers.PostgreSQL: "SET LOCAL lock_timeout = '50ms'",
		servers.MariaDB:    "SET STATEMENT innodb_lock_wait_timeout = 0 FOR ",
	}
	eachWay(t, func(w *world) {
		for _, locked := range []string{"main", "analytics"} {
			w.clean(w.T)
			w.must(create(w.db, "old", "main", "analytics"))
			other := w.plain[locked].Begin(&sql.TxOptions{Isolation: sql.LevelReadCommitted}) // else MariaDB locks gaps too
			w.must(other.Exec("UPDATE " + locked + "_rows SET name = 'other'").Error)

			err := w.db.Transaction(func(tx *gorm.DB) error {
				w.must(create(tx, "new", "main", "analytics"))
				update := "UPDATE " + locked + "_rows SET name = 'mine' WHERE name = 'old'"
				if w.server == servers.PostgreSQL {
					w.must(tx.Clauses(bindkey.Use(locked)).Exec(timeout[w.server]).Error)
				} else {
					update = timeout[w.server] + update
				}
				return tx.Clauses(bindkey.Use(locked)).Exec(update).Error
			})
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), "lock") {
				w.Errorf("the transaction returned %v, want a lock timeout", err)
			}
			w.must(other.Rollback().Error)
			w.expect("main: old, analytics: old")
			w.idle()
		}
	})
}

func TestContext(t *testing.T) {
	eachWay(t, func(w *world) {
		// It ends before COMMIT.
		ctx, cancel := context.WithCancel(context.Background())
		tx := w.db.WithContext(ctx).Begin()
		w.must(create(tx, "a", keys...))
		cancel()
		if err := tx.Commit().Error; !errors.Is(err, context.Canceled) && !isDone(err) {
			w.Errorf("COMMIT returned %v", err)
		}
		w.expect("")
		w.idle()

		// It ends between statements.
		ctx, cancel = context.WithCancel(context.Background())
		err := w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			w.must(create(tx, "a", "main"))
			cancel()
			return create(tx, "a", "analytics")
		})
		if !errors.Is(err, context.Canceled) {
			w.Errorf("the transaction returned %v", err)
		}
		w.expect("")
		w.idle()

		// It ends while a statement waits for a lock.
		w.must(create(w.db, "old", "analytics"))
		other := w.plain["analytics"].Begin()
		w.must(other.Exec("UPDATE analytics_rows SET name = 'other'").Error)
		ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
		err = w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			w.must(create(tx, "a", "main"))
			return tx.Model(&AnalyticsRow{}).Where("name = ?", "old").Update("name", "mine").Error
		})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("the transaction returned %v", err)
		}
		w.must(other.Rollback().Error)
		w.expect("analytics: old")
		w.idle()

		// It ends after the check before COMMIT: too late.
		ctx, cancel = context.WithCancel(context.Background())
		var commits int
		w.watchCommits(func(string) {
			if commits++; commits == 2 {
				cancel()
				time.Sleep(20 * time.Millisecond)
			}
		})
		w.must(w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return create(tx, "late", keys...) }))
		w.expect("main: late, analytics: old late, archive: late")
	})
}

// isDone reports whether database/sql says that its transaction is over: it
// rolls back by itself when the context ends.
func isDone(err error) bool {
	return err != nil && strings.Contains(err.Error(), "transaction has already been committed or rolled back")
}

func TestOneConnection(t *testing.T) {
	eachWay(t, func(w *world) {
		w.oneConnection()
		w.watchdog(func() {
			w.must(w.db.Create(&User{Name: "ann", Logs: []LogEntry{{Event: "1"}, {Event: "2"}},
				Notes: []Note{{Text: "t"}}, Tags: []Tag{{Name: "red"}}}).Error)
			w.must(w.db.Transaction(func(tx *gorm.DB) error {
				w.must(tx.Create(&User{Name: "bob", Logs: []LogEntry{{Event: "3"}}}).Error)
				w.must(tx.CreateInBatches([]AnalyticsRow{{Name: "a"}, {Name: "b"}, {Name: "c"}}, 2).Error)
				_ = tx.Transaction(func(tx *gorm.DB) error {
					w.must(tx.Create(&Note{Text: "undone"}).Error)
					return errChanged
				})
				var users []User
				w.must(tx.Preload(clause.Associations).Order("id").Find(&users).Error)
				if len(users) != 2 || len(users[0].Logs) != 2 || len(users[1].Logs) != 1 {
					w.Errorf("read %+v", users)
				}
				sqlTx, err := bindkey.SQLTx(tx, "archive")
				w.must(err)
				var notes int
				w.must(sqlTx.QueryRow("SELECT count(*) FROM notes").Scan(&notes))
				if notes != 1 {
					w.Errorf("%d notes in the transaction", notes)
				}
				return tx.Model(&users[0]).Association("Logs").Append(&LogEntry{Event: "4"})
			}))
			w.must(w.db.CreateInBatches([]MainRow{{Name: "a"}, {Name: "b"}, {Name: "c"}}, 2).Error)
			var users []User
			w.must(w.db.Preload(clause.Associations).FindInBatches(&users, 1, func(tx *gorm.DB, _ int) error { return tx.Error }).Error)
			w.must(w.db.AutoMigrate(&User{}, &LogEntry{}, &Tag{}, &Note{}))
			w.must(w.db.Model(&User{}).Where("name = ?", "bob").Update("name", "rob").Error)
		})
		w.expect("main: a b c, analytics: a b c")
	})
}

// Programs that share a handle share nothing else.
func TestConcurrentTransactions(t *testing.T) {
	eachWay(t, func(w *world) {
		for _, pool := range w.pools {
			pool.SetMaxOpenConns(4)
		}
		w.watchdog(func() {
			var group sync.WaitGroup
			for i := 0; i < 12; i++ {
				name, undo := fmt.Sprint("t", i), i%3 == 0
				group.Add(1)
				go func() {
					defer group.Done()
					err := w.db.Transaction(func(tx *gorm.DB) error {
						if err := create(tx, name, keys...); err != nil || !undo {
							return err
						}
						return errChanged
					})
					if undo != errors.Is(err, errChanged) || !undo && err != nil {
						w.Errorf("%s returned %v", name, err)
					}
				}()
			}
			group.Wait()
		})
		for _, key := range keys {
			var count int64
			w.must(w.plain[key].Table(key + "_rows").Count(&count).Error)
			if count != 8 {
				w.Errorf("%s has %d rows, want 8", key, count)
			}
		}
	})
}

// At a deadlock MariaDB rolls the branch back, and what the application does
// after it would be written without a transaction.
func TestSwallowedDeadlock(t *testing.T) {
	eachWay(t, func(w *world) {
		if w.server != servers.MariaDB {
			w.Skip("PostgreSQL aborts the transaction: TestAbortedTransaction")
		}
		w.must(create(w.db, "x", "analytics"))
		w.must(create(w.db, "y", "analytics"))
		update := func(db *gorm.DB, name string) error {
			return db.Exec("UPDATE analytics_rows SET ticket = 1 WHERE name = ?", name).Error
		}
		other := w.plain["analytics"].Begin(&sql.TxOptions{Isolation: sql.LevelReadCommitted})
		w.must(update(other, "y"))
		for i := 0; i < 50; i++ { // the server rolls back who has done less
			w.must(create(other, fmt.Sprint("heavy", i), "analytics"))
		}
		var deadlock error
		err := w.db.Transaction(func(tx *gorm.DB) error {
			w.must(create(tx, "before", "main", "analytics"))
			w.must(update(tx, "x"))
			waiting := make(chan error, 1)
			go func() { waiting <- update(other, "x") }()
			time.Sleep(100 * time.Millisecond)
			deadlock = update(tx, "y")
			w.must(<-waiting)
			w.must(other.Rollback().Error)
			return create(tx, "after", "main")
		})
		if deadlock == nil || err == nil || !errors.Is(err, deadlock) {
			w.Errorf("the transaction returned %v after %v", err, deadlock)
		}
		w.expect("analytics: x y")
		w.idle()
	})
}
