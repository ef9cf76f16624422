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

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// young is a grace period that nothing is too young for.
var young = phaseConfig{two: bindkey.TwoPhaseConfig{Grace: time.Nanosecond}}

// What is sent for a transaction in all databases, in two, in one, and for one that
// writes in one and reads in others.
func TestPhasesThatAreSent(t *testing.T) {
	eachPhase(t, young, func(w *phaseWorld) {
		must(w.T, w.db.Transaction(func(tx *gorm.DB) error { return create(tx, "warm", keys...) }))
		for _, c := range []struct {
			name string
			run  func(tx *gorm.DB) error
			want string
		}{
			{"two", func(tx *gorm.DB) error { return create(tx, "two", "main", "analytics") },
				"BEGIN main, XA START analytics, XA END analytics, XA PREPARE analytics, DECIDE main, COMMIT main, XA COMMIT analytics"},
			{"without the decider", func(tx *gorm.DB) error { return create(tx, "without", "analytics", "archive") },
				"XA START analytics, BEGIN archive, XA END analytics, PREPARE TRANSACTION archive, XA PREPARE analytics, BEGIN main, DECIDE main, COMMIT main, COMMIT PREPARED archive, XA COMMIT analytics, ROLLBACK archive"},
			{"one", func(tx *gorm.DB) error { return create(tx, "one", "analytics") },
				"XA START analytics, XA END analytics, XA COMMIT ONE PHASE analytics"},
			{"the decider alone", func(tx *gorm.DB) error { return create(tx, "alone", "main") }, "BEGIN main, COMMIT main"},
			{"PostgreSQL alone", func(tx *gorm.DB) error { return create(tx, "alone", "archive") }, "BEGIN archive, COMMIT archive"},
			{"reads elsewhere", func(tx *gorm.DB) error {
				return errors.Join(tx.Find(&[]ArchiveRow{}).Error, tx.Model(&AnalyticsRow{}).Count(new(int64)).Error, create(tx, "reads", "main"))
			}, "BEGIN archive, XA START analytics, BEGIN main, COMMIT archive, XA END analytics, XA COMMIT ONE PHASE analytics, COMMIT main"},
			{"reads the decider", func(tx *gorm.DB) error {
				return errors.Join(tx.Find(&[]MainRow{}).Error, create(tx, "read it", "analytics", "archive"))
			}, "BEGIN main, XA START analytics, BEGIN archive, XA END analytics, PREPARE TRANSACTION archive, XA PREPARE analytics, DECIDE main, COMMIT main, COMMIT PREPARED archive, XA COMMIT analytics, ROLLBACK archive"},
			{"writes elsewhere", func(tx *gorm.DB) error {
				return errors.Join(tx.Find(&[]MainRow{}).Error, create(tx, "elsewhere", "archive"))
			}, "BEGIN main, BEGIN archive, COMMIT main, COMMIT archive"},
		} {
			w.sent()
			must(w.T, w.db.Transaction(c.run))
			// Branches prepare at once, so that the order differs.
			if got := w.sent(); words(got) != words(c.want) {
				w.Errorf("%s:\n\t%s\nwant\n\t%s", c.name, got, c.want)
			}
		}
		w.sent()
		must(w.T, w.db.WithContext(bindkey.OnePhase(context.Background())).Transaction(func(tx *gorm.DB) error { return create(tx, "one phase", keys...) }))
		if got := w.sent(); strings.Contains(got, "XA") || strings.Contains(got, "PREPARE") || strings.Contains(got, "DECIDE") {
			w.Errorf("with OnePhase: %s", got)
		}
		must(w.T, w.db.Transaction(func(tx *gorm.DB) error {
			return errors.Join(tx.Find(&[]AnalyticsRow{}).Error, tx.Find(&[]ArchiveRow{}).Error, tx.Find(&[]MainRow{}).Error)
		}, &sql.TxOptions{ReadOnly: true}))
		if got := w.sent(); strings.Contains(got, "XA") || strings.Contains(got, "PREPARE") {
			w.Errorf("read-only: %s", got)
		}
	})
}

// words are the calls in an order of their own.
func words(sent string) string {
	calls := strings.Split(sent, ", ")
	for i := range calls {
		for j := i + 1; j < len(calls); j++ {
			if calls[j] < calls[i] {
				calls[i], calls[j] = calls[j], calls[i]
			}
		}
	}
	return strings.Join(calls, ", ")
}

// Savepoints and nested transactions reach branches that will be prepared.
func TestPhasesAndSavepoints(t *testing.T) {
	eachPhase(t, young, func(w *phaseWorld) {
		must(w.T, w.db.Transaction(func(tx *gorm.DB) error {
			must(w.T, create(tx, "a", "main", "analytics"))
			if err := tx.Transaction(func(tx *gorm.DB) error {
				return errors.Join(create(tx, "b", keys...), errors.New("its own"))
			}); err == nil {
				w.Error("no error")
			}
			must(w.T, tx.Transaction(func(tx *gorm.DB) error { return create(tx, "c", keys...) }))
			tx.SavePoint("here")
			must(w.T, create(tx, "d", keys...))
			return tx.RollbackTo("here").Error
		}))
		w.expect("main: a c, analytics: a c, archive: c")
	})
}

// A *sql.Tx is PostgreSQL's to have; a branch of MariaDB says that it has none.
func TestPhasesAndSQLTx(t *testing.T) {
	eachPhase(t, young, func(w *phaseWorld) {
		must(w.T, w.db.Transaction(func(tx *gorm.DB) error {
			sqlTx, err := bindkey.SQLTx(tx, "archive")
			must(w.T, err)
			_, err = sqlTx.Exec("INSERT INTO archive_rows (name) VALUES ('a')")
			must(w.T, err)
			must(w.T, create(tx, "a", "main", "analytics"))
			if _, err := bindkey.SQLTx(tx, "analytics"); !errors.Is(err, bindkey.ErrNoSQLTx) || !strings.Contains(err.Error(), "analytics") {
				w.Errorf("%v", err)
			}
			return nil
		}))
		w.expect(everywhere)
		one := w.db.WithContext(bindkey.OnePhase(context.Background()))
		must(w.T, one.Transaction(func(tx *gorm.DB) error {
			_, err := bindkey.SQLTx(tx, "analytics")
			return err
		}))
	})
}

// A session with PrepareStmt, rows that the program reads, and those it leaves open.
func TestPhasesAndRows(t *testing.T) {
	eachPhase(t, young, func(w *phaseWorld) {
		for _, key := range keys {
			must(w.T, create(w.db, "before", key))
		}
		must(w.T, w.db.Session(&gorm.Session{PrepareStmt: true}).Transaction(func(tx *gorm.DB) error {
			for i := 0; i < 3; i++ {
				var n int64
				must(w.T, tx.Model(&AnalyticsRow{}).Where("name = ?", "before").Count(&n).Error)
				if n != 1 {
					w.Errorf("%d rows", n)
				}
			}
			must(w.T, create(tx, "after", keys...))
			rows, err := tx.Model(&AnalyticsRow{}).Rows()
			must(w.T, err)
			w.Cleanup(func() { _ = rows.Close() })
			return nil
		}))
		w.expect("main: after before, analytics: after before, archive: after before")
		w.clean()
		if err := w.db.Transaction(func(tx *gorm.DB) error {
			must(w.T, create(tx, "gone", keys...))
			rows, err := tx.Model(&AnalyticsRow{}).Rows()
			must(w.T, err)
			w.Cleanup(func() { _ = rows.Close() })
			return errors.New("its own")
		}); err == nil {
			w.Error("no error")
		}
		w.idle()
		w.expect("")
	})
}

// Before COMMIT the end of the context rolls back; once it prepares, it changes nothing.
func TestPhasesAndContexts(t *testing.T) {
	eachPhase(t, young, func(w *phaseWorld) {
		ctx, cancel := context.WithCancel(context.Background())
		err := w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			must(w.T, create(tx, "a", keys...))
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			w.Errorf("%v", err)
		}
		w.idle()
		w.expect("")

		for _, call := range []string{"XA PREPARE", "XA COMMIT"} {
			w.clean()
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			w.when("analytics", call, func(_ *testkit.Conn, real func() error) error {
				cancel()
				time.Sleep(5 * time.Millisecond)
				return real()
			})
			must(w.T, w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return create(tx, "a", keys...) }))
			w.expect(everywhere)
		}
	})
}

// The isolation that a transaction asks for is that of its XA branch.
func TestPhasesAndIsolation(t *testing.T) {
	w := newPhaseWorld(t, young)
	must(t, create(w.db, "a", "analytics"))
	must(t, w.db.Transaction(func(tx *gorm.DB) error {
		must(t, tx.Find(&[]AnalyticsRow{}).Error)
		must(t, create(w.db, "b", "analytics"))
		var n int64
		must(t, tx.Model(&AnalyticsRow{}).Count(&n).Error)
		if n != 2 {
			w.Errorf("READ COMMITTED sees %d rows", n)
		}
		return nil
	}, &sql.TxOptions{Isolation: sql.LevelReadCommitted}))
	must(t, w.db.Transaction(func(tx *gorm.DB) error {
		must(t, tx.Find(&[]AnalyticsRow{}).Error)
		must(t, create(w.db, "c", "analytics"))
		var n int64
		must(t, tx.Model(&AnalyticsRow{}).Count(&n).Error)
		if n != 2 {
			w.Errorf("REPEATABLE READ sees %d rows", n)
		}
		return nil
	}))
}

// Two keys on one pool have one branch, which is prepared once.
func TestPhasesAndTwoKeysOnOnePool(t *testing.T) {
	config := young
	config.two.App = fmt.Sprint("keys", time.Now().UnixNano()%1e9)
	config.register = func(w *phaseWorld, plugin *bindkey.Plugin) {
		plugin.Register("logs", dbresolver.Config{Sources: []gorm.Dialector{w.at["analytics"].Server.DialectorOn(w.pools["analytics"])}})
	}
	w := newPhaseWorld(t, config)
	w.sent()
	must(t, w.db.Transaction(func(tx *gorm.DB) error {
		must(t, create(tx, "a", "main", "analytics"))
		return tx.Clauses(bindkey.Use("logs")).Exec("INSERT INTO analytics_rows (name) VALUES ('b')").Error
	}))
	w.expect("main: a, analytics: a b")
	if n := strings.Count(w.sent(), "XA PREPARE"); n != 1 {
		w.Errorf("it was prepared %d times", n)
	}
	must(t, w.db.Transaction(func(tx *gorm.DB) error { // the branch has the name of the other key
		return errors.Join(tx.Clauses(bindkey.Use("logs")).Exec("INSERT INTO analytics_rows (name) VALUES ('c')").Error, create(tx, "c", "main"))
	}))
	for _, key := range []string{"analytics", "logs"} {
		old := func() (n int) {
			must(t, w.plain["main"].QueryRow("SELECT count(*) FROM gormbind_decisions WHERE outcome = 'C' AND participants = '"+key+"' AND gid LIKE 'gb1:"+config.two.App+":%'").Scan(&n))
			return n
		}
		_, err := w.plain["main"].Exec("UPDATE gormbind_decisions SET decided_at = 0 WHERE outcome = 'C'")
		must(t, err)
		_, err = w.plugin.Recover(context.Background())
		must(t, err)
		if n := old(); n != 0 {
			w.Errorf("%d old decisions of %s are kept", n, key)
		}
	}
}

// A bind that opens late takes part once it is open. One that can't prepare says so then.
func TestPhasesAndOpenLate(t *testing.T) {
	servers.MariaDB.Need(t)
	server := servers.NeedPreparing(t)
	at := server.Shared(t, "phase_main")
	opened := false
	mariaDSN, err := servers.MariaDB.Shared(t, "phase_analytics").DSN("", nil)
	must(t, err)
	late := &lateDialector{Dialector: servers.MariaDB.DialectorOn(openPool(t, must2(servers.MariaDB.Connector(mariaDSN))(t))), open: &opened}
	db, err := gorm.Open(server.DialectorOn(openPool(t, at.Connector(t, nil))), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	plugin := bindkey.New(bindkey.OpenLate(), bindkey.TwoPhase(bindkey.TwoPhaseConfig{App: "late", Every: -1}))
	must(t, db.Use(plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{late}})))
	t.Cleanup(func() { _ = plugin.Close() })
	if _, err := plugin.InDoubt(context.Background()); err == nil || !strings.Contains(err.Error(), "analytics") {
		t.Errorf("while it is down: %v", err)
	}
	opened = true
	time.Sleep(1100 * time.Millisecond) // between two attempts
	must(t, db.AutoMigrate(&MainRow{}, &AnalyticsRow{}))
	name := fmt.Sprint("late", time.Now().UnixNano())
	must(t, db.Transaction(func(tx *gorm.DB) error { return create(tx, name, "main", "analytics") }))
	for _, key := range []string{"main", "analytics"} {
		if err := db.Where("name = ?", name).Take(row(key, "")).Error; err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

type lateDialector struct {
	gorm.Dialector
	open *bool
}

func (d *lateDialector) Initialize(db *gorm.DB) error {
	if !*d.open {
		return errors.New("is down")
	}
	return d.Dialector.Initialize(db)
}

func must2[V any](value V, err error) func(*testing.T) V {
	return func(t *testing.T) V {
		t.Helper()
		must(t, err)
		return value
	}
}

// DDL on MariaDB is refused in a branch that may be prepared, and alone in its
// transaction does what it does without the option.
func TestPhasesAndDDL(t *testing.T) {
	w := newPhaseWorld(t, young)
	const ddl = "CREATE TABLE IF NOT EXISTS phase_ddl (id INT)"
	err := w.db.Transaction(func(tx *gorm.DB) error {
		must(t, create(tx, "a", "analytics"))
		return tx.Clauses(bindkey.Use("analytics")).Exec(ddl).Error
	})
	if !errors.Is(err, bindkey.ErrImplicitCommit) || !strings.Contains(err.Error(), "OnePhase") {
		w.Errorf("%v", err)
	}
	w.expect("")
	must(t, w.db.Transaction(func(tx *gorm.DB) error { return tx.Clauses(bindkey.Use("analytics")).Exec(ddl).Error }))
}

// Observers are told of PREPARE and of the decision, and of how it ends.
func TestPhasesAreObserved(t *testing.T) {
	var mu sync.Mutex
	var told []string
	tell := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, text)
	}
	config := young
	config.options = []bindkey.Option{bindkey.Observe(bindkey.Observer{
		Stage: func(_ context.Context, s bindkey.BranchStage) func(error) {
			return func(err error) { tell(fmt.Sprintf("%s %s %v", s.Stage, s.Key, err)) }
		},
		End: func(_ context.Context, end bindkey.TransactionEnd) { tell(string(end.Outcome)) },
	})}
	w := newPhaseWorld(t, config)
	must(t, create(w.db, "warm", keys...))
	told = nil
	must(t, w.db.Transaction(func(tx *gorm.DB) error { return create(tx, "a", "main", "analytics") }))
	want := "BEGIN main <nil>, BEGIN analytics <nil>, PREPARE analytics <nil>, DECIDE main <nil>, COMMIT main <nil>, COMMIT analytics <nil>, committed"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("told is\n\t%s\nwant\n\t%s", got, want)
	}
}

// A SELECT that calls a function of the program's own may write: its branch is prepared.
func TestPhasesAndFunctionsThatWrite(t *testing.T) {
	w := newPhaseWorld(t, young)
	for _, of := range []struct{ function, call string }{
		{"phase_write", "SELECT phase_write()"}, {"phase_write", "SELECT phase_write\r\n()"}, {"phase_write", "SELECT phase_write/* it */ ()"},
		{"total", "SELECT total()"}, // the name of a function of another product
	} {
		for _, ddl := range []string{"DROP FUNCTION IF EXISTS " + of.function, "CREATE FUNCTION " + of.function + "() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO analytics_rows (name) VALUES ('a'); RETURN 1; END"} {
			if _, err := w.plain["analytics"].Exec(ddl); err != nil {
				t.Fatal(err)
			}
		}
		w.clean()
		w.sent()
		must(w.T, w.db.Transaction(func(tx *gorm.DB) error {
			var one int
			return errors.Join(tx.Clauses(bindkey.Use("analytics")).Raw(of.call).Scan(&one).Error, create(tx, "a", "main"))
		}))
		if sent := w.sent(); !strings.Contains(sent, "XA PREPARE analytics") {
			w.Errorf("%q: sent is %s", of.call, sent)
		}
		w.expect("main: a, analytics: a")
	}
}

// A server that can't prepare is an error of db.Use that names the setting.
func TestServersThatCannotPrepare(t *testing.T) {
	servers.PostgreSQL.Need(t)
	var most string
	must(t, servers.PostgreSQL.Admin(t).QueryRow("SHOW max_prepared_transactions").Scan(&most))
	if most != "0" {
		t.Skip("this PostgreSQL prepares transactions")
	}
	main, other := servers.PostgreSQL.Database(t, "main"), servers.PostgreSQL.Database(t, "other")
	db, err := gorm.Open(main.Dialector(), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	plugin := bindkey.New(bindkey.TwoPhase(bindkey.TwoPhaseConfig{App: "shop"})).Register("other", dbresolver.Config{Sources: []gorm.Dialector{other.Dialector()}})
	if err := db.Use(plugin); !errors.Is(err, bindkey.ErrCannotPrepare) || !strings.Contains(err.Error(), "max_prepared_transactions is 0") || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("%v", err)
	}
	if pool, err := db.DB(); err == nil {
		_ = pool.Close()
	}
}

// Settings under which a server forgets what it has answered are warned of.
func TestUnsafeSettings(t *testing.T) {
	w := newPhaseWorld(t, young) // databases of tests have synchronous_commit = off
	if log := w.log.text(); !strings.Contains(log, `warning: bindkey: bind "archive": synchronous_commit is off`) || strings.Contains(log, "analytics") {
		w.Errorf("the log is %s", log)
	}
}
