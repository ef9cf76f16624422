package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// What PostgreSQL does not prepare rolls all back, and says why. What it does prepare is
// in the transaction: a new table, or locked rows.
func TestPhasesThatPostgreSQLRefuses(t *testing.T) {
	eachPhase(t, young, func(w *phaseWorld) {
		archive := func(tx *gorm.DB, statement string) error {
			return tx.Clauses(bindkey.Use("archive")).Exec(statement).Error
		}
		for _, c := range []struct{ statement, says string }{
			{"CREATE TEMPORARY TABLE phase_temp (id INT)", "temporary"},
			{"CREATE TEMPORARY TABLE phase_temp (id INT) ON COMMIT DROP", "temporary"},
			{"LISTEN phase", "LISTEN"},
			{"NOTIFY phase", "NOTIFY"},
			{"DECLARE phase CURSOR WITH HOLD FOR SELECT 1", "WITH HOLD"},
		} {
			ran := ""
			err := w.db.Transaction(func(tx *gorm.DB) error {
				must(w.T, bindkey.AfterRollback(tx, func(context.Context) error { ran += "rollback"; return nil }))
				return errors.Join(create(tx, "a", keys...), archive(tx, c.statement))
			})
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), `PREPARE in bind "archive"`) || ran != "rollback" {
				w.Errorf("%s: %v, and %q ran", c.statement, err, ran)
			}
			w.expect("")
			if did := w.recover(); did != "" {
				w.Errorf("%s: recovery %s", c.statement, did)
			}
			w.idle()
		}

		_, err := w.plain["archive"].Exec("DROP TABLE IF EXISTS phase_new")
		must(w.T, err)
		must(w.T, w.db.Transaction(func(tx *gorm.DB) error {
			return errors.Join(archive(tx, "CREATE TABLE phase_new (id INT)"), create(tx, "a", "main"))
		}))
		_, err = w.plain["archive"].Exec("DROP TABLE phase_new")
		must(w.T, err)
		w.clean()

		// A statement that has failed, and whose error the program drops.
		err = w.db.Transaction(func(tx *gorm.DB) error {
			must(w.T, create(tx, "a", keys...))
			_ = archive(tx, "SELECT nothing FROM nowhere")
			return nil
		})
		if err == nil {
			w.Error("no error")
		}
		w.expect("")
		w.idle()
	})
}

// With one connection for each bind nobody waits for himself, however it ends.
func TestPhasesOnOneConnection(t *testing.T) {
	eachPhase(t, young, func(w *phaseWorld) {
		for _, pool := range w.pools {
			pool.SetMaxOpenConns(1)
		}
		must(w.T, w.db.Create(&[]MainRow{{Name: "warm"}}).Error)
		for _, c := range []struct {
			bind, call string
			done       bool
			want       string
		}{
			{"", "", false, everywhere},
			{"main", "INSERT INTO gormbind_decisions", false, ""},
			{"main", "INSERT INTO gormbind_decisions", true, ""},
			{"main", "COMMIT", false, ""},
			{"main", "COMMIT", true, everywhere},
			{"archive", "PREPARE TRANSACTION", true, ""},
			{"analytics", "XA COMMIT", false, everywhere},
			{"archive", "COMMIT PREPARED", false, everywhere},
		} {
			w.clean()
			w.when(c.bind, c.call, func(on *testkit.Conn, real func() error) error { return lost(on, real, c.done) })
			start := time.Now()
			_, err := w.all("a")
			w.hook.Store(nil)
			if errors.Is(err, bindkey.ErrInDoubt) || time.Since(start) > 4*time.Second {
				w.Errorf("%s %s: %v after %v", c.bind, c.call, err, time.Since(start))
			}
			w.recover()
			w.expect(c.want)
			w.idle()
		}
	})
}

// Programs whose names begin alike, and a second handle of one program, on one set of
// databases.
func TestPhasesOfSeveralPrograms(t *testing.T) {
	app := fmt.Sprint("shop", time.Now().UnixNano()%1e9)
	config := young
	config.two.App = app
	w := newPhaseWorld(t, config)
	w.when("archive", "COMMIT PREPARED", func(on *testkit.Conn, real func() error) error { return lost(on, real, false) })
	if _, err := w.all("a"); !errors.Is(err, bindkey.ErrPending) {
		t.Fatal(err)
	}
	w.hook.Store(nil)
	for _, other := range []string{app + "-2", app[:len(app)-1], strings.ToUpper(app)} {
		config.two.App = other
		found, err := newPhaseWorld3(t, config).plugin.Recover(context.Background())
		if err != nil || len(found) != 0 {
			t.Errorf("%s finds %v, %v", other, found, err)
		}
	}
	config.two.App = app
	if did := newPhaseWorld3(t, config).recover(); did != "archive committed" {
		t.Errorf("recovery: %q", did)
	}
	w.expect(everywhere)
}

// newPhaseWorld3 is another program on the same databases, which leaves the rows.
func newPhaseWorld3(t *testing.T, config phaseConfig) *phaseWorld {
	config.noTables, config.keepRows = true, true
	return newPhaseWorld(t, config)
}

// GORM's own transaction around a write and its associations, over two binds.
func TestPhasesOfAssociations(t *testing.T) {
	type Item struct {
		_       struct{} `bind:"analytics"`
		ID      uint
		OrderID uint
	}
	type Order struct {
		ID    uint
		Items []Item `gorm:"foreignKey:OrderID;constraint:-"`
	}
	eachPhase(t, young, func(w *phaseWorld) {
		must(w.T, w.db.Migrator().DropTable(&Order{}, &Item{}))
		must(w.T, w.db.AutoMigrate(&Order{}, &Item{}))
		must(w.T, w.db.Create(&Order{ID: 1, Items: []Item{{ID: 1}}}).Error)
		w.sent()
		w.when("main", "COMMIT", func(on *testkit.Conn, real func() error) error { return lost(on, real, false) })
		if err := w.db.Create(&Order{ID: 2, Items: []Item{{ID: 2}}}).Error; err == nil {
			w.Error("no error")
		}
		if sent := w.sent(); !strings.Contains(sent, "XA PREPARE analytics") || !strings.Contains(sent, "XA ROLLBACK analytics") {
			w.Errorf("sent is %s", sent)
		}
		w.when("analytics", "XA COMMIT", func(on *testkit.Conn, real func() error) error { return lost(on, real, true) })
		if err := w.db.Create(&Order{ID: 3, Items: []Item{{ID: 3}}}).Error; !errors.Is(err, bindkey.ErrPending) {
			w.Errorf("%v", err)
		}
		var orders, items []uint
		must(w.T, errors.Join(w.db.Model(&Order{}).Order("id").Pluck("id", &orders).Error, w.db.Model(&Item{}).Order("id").Pluck("id", &items).Error))
		if got := fmt.Sprint(orders, items); got != "[1 3] [1 3]" {
			w.Errorf("orders and items are %s", got)
		}
	})
}

// Close ends recovery, also while a database does not answer it.
func TestCloseWhileRecovering(t *testing.T) {
	config := young
	config.two.Every = time.Millisecond
	config.gorm.Logger = nil
	w := newPhaseWorld(t, config)
	reached, once := make(chan struct{}), make(chan struct{}, 1)
	hook := func(_ *testkit.Conn, call testkit.Call, real func() error) error {
		if strings.Contains(call.SQL, "pg_prepared_xacts") {
			select {
			case once <- struct{}{}:
				close(reached)
				time.Sleep(50 * time.Millisecond)
			default:
			}
		}
		return real()
	}
	w.hook.Store(&hook)
	<-reached
	ended := make(chan error, 1)
	go func() { ended <- w.plugin.Close() }()
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("Close hangs")
	}
	if _, err := w.pools["archive"].Exec("SELECT 1"); errors.Is(err, sql.ErrConnDone) {
		t.Errorf("the program's own pool: %v", err)
	}
}

// A second bind in the decider's database needs no PREPARE, and its branch is the decider's.
func TestPhasesBesideTheDecider(t *testing.T) {
	config := young
	config.register = func(w *phaseWorld, plugin *bindkey.Plugin) {
		plugin.Register("beside", dbresolver.Config{Sources: []gorm.Dialector{w.at["main"].Server.DialectorOn(w.pools["main"])}})
	}
	w := newPhaseWorld(t, config)
	must(t, create(w.db, "warm", "main"))
	w.clean()
	w.sent()
	must(t, w.db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(tx.Clauses(bindkey.Use("beside")).Exec("INSERT INTO main_rows (name) VALUES ('a')").Error, create(tx, "a", "archive"))
	}))
	if sent := w.sent(); strings.Count(sent, "PREPARE TRANSACTION") != 1 || !strings.Contains(sent, "DECIDE main, COMMIT main") {
		t.Errorf("sent is %s", sent)
	}
	w.expect("main: a, archive: a")
}

// Rows that a branch has locked stay locked until the decision is there: it is prepared.
func TestPhasesAndLockedRows(t *testing.T) {
	w := newPhaseWorld(t, young)
	must(t, create(w.db, "locked", keys...))
	for _, lock := range []string{"FOR UPDATE", "LOCK IN SHARE MODE", "FOR UPDATE NOWAIT", "FOR SHARE"} {
		for key, sent := range map[string]string{"analytics": "XA PREPARE analytics", "archive": "PREPARE TRANSACTION archive"} {
			if (lock == "LOCK IN SHARE MODE") != (key == "analytics") && strings.Contains(lock, "SHARE") {
				continue // the other product's
			}
			w.sent()
			must(t, w.db.Transaction(func(tx *gorm.DB) error {
				var names []string
				return errors.Join(tx.Raw("SELECT name FROM "+key+"_rows WHERE name = 'locked' "+lock).Scan(&names).Error, create(tx, key+lock, "main"))
			}))
			if got := w.sent(); !strings.Contains(got, sent) {
				t.Errorf("%s %s: sent is %s", key, lock, got)
			}
		}
	}
}
