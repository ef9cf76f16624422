package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Each failure of docs/two-phase.md: what the caller is told, which functions run, what
// recovery does, and what the databases hold in the end.
func TestPhasesThatFail(t *testing.T) {
	cut := func(done bool) func(*testkit.Conn, func() error) error {
		return func(on *testkit.Conn, real func() error) error { return lost(on, real, done) }
	}
	for _, c := range []struct {
		name          string
		bind, call    string
		happens       func(*testkit.Conn, func() error) error
		want          error // nil: none
		says, ran     string
		did, holds    string
		recoverDuring bool // before the call
	}{
		{name: "before PREPARE", bind: "analytics", call: "XA PREPARE", happens: cut(false), want: io.ErrUnexpectedEOF, says: `PREPARE in bind "analytics"`, ran: "rollback"},
		{name: "after PREPARE", bind: "analytics", call: "XA PREPARE", happens: cut(true), want: io.ErrUnexpectedEOF, says: `PREPARE in bind "analytics"`, ran: "rollback", did: "analytics rolled back"},
		{name: "before PREPARE TRANSACTION", bind: "archive", call: "PREPARE TRANSACTION", happens: cut(false), want: io.ErrUnexpectedEOF, says: `PREPARE in bind "archive"`, ran: "rollback"},
		{name: "after PREPARE TRANSACTION", bind: "archive", call: "PREPARE TRANSACTION", happens: cut(true), want: io.ErrUnexpectedEOF, says: `PREPARE in bind "archive"`, ran: "rollback", did: "archive rolled back"},
		{name: "before the decision", bind: "main", call: "INSERT INTO gormbind_decisions", happens: cut(false), want: io.ErrUnexpectedEOF, says: `writing the decision in bind "main"`, ran: "rollback"},
		{name: "before the decider's COMMIT", bind: "main", call: "COMMIT", happens: cut(false), want: io.ErrUnexpectedEOF, says: `COMMIT in bind "main"`, ran: "rollback"},
		{name: "after the decider's COMMIT", bind: "main", call: "COMMIT", happens: cut(true), ran: "commit", holds: everywhere},
		{name: "before XA COMMIT", bind: "analytics", call: "XA COMMIT", happens: cut(false), want: bindkey.ErrPending, says: "analytics", ran: "commit", did: "analytics committed", holds: everywhere},
		{name: "after XA COMMIT", bind: "analytics", call: "XA COMMIT", happens: cut(true), want: bindkey.ErrPending, says: "analytics", ran: "commit", holds: everywhere},
		{name: "before COMMIT PREPARED", bind: "archive", call: "COMMIT PREPARED", happens: cut(false), want: bindkey.ErrPending, says: "archive", ran: "commit", did: "archive committed", holds: everywhere},
		{name: "recovery before the decision", bind: "main", call: "INSERT INTO gormbind_decisions", recoverDuring: true, want: bindkey.ErrAbortedByRecovery, says: "may be run again", ran: "rollback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newPhaseWorld(t, young)
			must(w.T, create(w.db, "warm", "main"))
			w.clean()
			happens := c.happens
			if c.recoverDuring {
				happens = func(_ *testkit.Conn, real func() error) error {
					_, err := w.plugin.Recover(context.Background())
					must(w.T, err)
					return real()
				}
			}
			w.when(c.bind, c.call, happens)
			ran, err := w.all("a")
			if !errors.Is(err, c.want) || c.want == nil && err != nil || ran != c.ran {
				w.Errorf("told %v, and %q ran", err, ran)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				w.Errorf("%q is not in: %v", c.says, err)
			}
			if c.recoverDuring && (strings.Contains(err.Error(), "ROLLBACK") || strings.Contains(w.log.text(), "error: ")) {
				w.Errorf("what recovery has rolled back is told as a failure: %v\n%s", err, w.log.text())
			}
			if did := w.recover(); did != c.did {
				w.Errorf("recovery: %q, want %q", did, c.did)
			}
			w.expect(c.holds)
			w.hook.Store(nil)
			must(w.T, w.db.Transaction(func(tx *gorm.DB) error { return create(tx, "next", keys...) }))
		})
	}
}

// The decider's COMMIT has no answer, and the decider can't be asked: in doubt, until it
// is back.
func TestInDoubt(t *testing.T) {
	for _, done := range []bool{false, true} {
		t.Run(fmt.Sprint("committed ", done), func(t *testing.T) {
			config := young
			config.options = []bindkey.Option{bindkey.EndTimeout(300 * time.Millisecond)}
			w := newPhaseWorld(t, config)
			down := false
			hook := func(on *testkit.Conn, call testkit.Call, real func() error) error {
				if call.Database != "main" {
					return real()
				}
				if call.Kind == testkit.Commit {
					down = true
					return lost(on, real, done)
				}
				if down {
					return lost(on, real, false)
				}
				return real()
			}
			w.hook.Store(&hook)
			ran, err := w.all("a")
			var doubt *bindkey.InDoubtError
			if !errors.As(err, &doubt) || !errors.Is(err, bindkey.ErrInDoubt) || ran != "" {
				t.Fatalf("told %v, and %q ran", err, ran)
			}
			if doubt.Decider != "main" || len(doubt.Binds) != 2 || !strings.Contains(err.Error(), doubt.GID) || !strings.Contains(err.Error(), "do not run the transaction again") {
				t.Errorf("%+v: %v", doubt, err)
			}
			found, err := w.plugin.InDoubt(context.Background())
			if err != nil || len(found) != 2 || found[0].GID != doubt.GID || found[0].Outcome != bindkey.RecoveryLeft || found[0].Err == nil {
				t.Errorf("%v, %v", found, err)
			}
			w.hook.Store(nil)
			want, holds := "analytics rolled back, archive rolled back", ""
			if done {
				want, holds = "analytics committed, archive committed", everywhere
			}
			if did := w.recover(); did != want {
				t.Errorf("recovery: %q", did)
			}
			w.expect(holds)
			if found, err := w.plugin.InDoubt(context.Background()); err != nil || len(found) != 0 {
				t.Errorf("afterwards %v, %v", found, err)
			}
		})
	}
}

// A branch that has only read and can't be committed rolls all back, before anything is
// prepared.
func TestReaderThatFails(t *testing.T) {
	w := newPhaseWorld(t, young)
	w.when("archive", "COMMIT", func(on *testkit.Conn, real func() error) error { return lost(on, real, false) })
	w.sent()
	err := w.db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(tx.Find(&[]ArchiveRow{}).Error, create(tx, "a", "main", "analytics"))
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, bindkey.ErrPartialCommit) || !strings.Contains(err.Error(), `COMMIT in bind "archive"`) || strings.Contains(err.Error(), "already been committed") {
		t.Errorf("%v", err)
	}
	if sent := w.sent(); strings.Contains(sent, "PREPARE") {
		t.Errorf("sent is %s", sent)
	}
	w.expect("")
}

// An operator who finishes a branch by hand while its coordinator is at it: an error that
// says so, a log line, and a decision that stays.
func TestFinishedByHand(t *testing.T) {
	w := newPhaseWorld(t, phaseConfig{}) // a grace period of a minute: nobody else may be at it
	w.when("archive", "COMMIT PREPARED", func(_ *testkit.Conn, real func() error) error {
		var name string
		must(t, w.plain["archive"].QueryRow("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()").Scan(&name))
		_, err := w.plain["archive"].Exec("ROLLBACK PREPARED '" + name + "'")
		must(t, err)
		return real()
	})
	ran, err := w.all("a")
	var by *bindkey.HeuristicError
	if !errors.As(err, &by) || !errors.Is(err, bindkey.ErrHeuristic) || by.Bind != "archive" || ran != "" {
		t.Fatalf("told %v, and %q ran", err, ran)
	}
	w.expect("main: a, analytics: a")
	if log := w.log.text(); !strings.Contains(log, by.GID) {
		t.Errorf("the log is %s", log)
	}
	var outcome string
	must(t, w.plain["main"].QueryRow("SELECT outcome FROM gormbind_decisions WHERE gid = '"+by.GID+"'").Scan(&outcome))
	if outcome != "H" {
		t.Errorf("the decision is %q", outcome)
	}
}

// Recovery leaves alone what is younger than the grace period, and what was begun with
// another table of decisions.
func TestBranchesThatRecoveryLeaves(t *testing.T) {
	w := newPhaseWorld(t, phaseConfig{})
	w.when("archive", "COMMIT PREPARED", func(on *testkit.Conn, real func() error) error { return lost(on, real, false) })
	if _, err := w.all("a"); !errors.Is(err, bindkey.ErrPending) {
		t.Fatal(err)
	}
	w.hook.Store(nil)
	found, err := w.plugin.Recover(context.Background())
	if err != nil || len(found) != 1 || found[0].Outcome != bindkey.RecoveryLeft || !strings.Contains(found[0].Err.Error(), "grace period") {
		t.Errorf("%v, %v", found, err)
	}
	var name string
	must(t, w.plain["archive"].QueryRow("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()").Scan(&name))
	app := strings.Split(name, ":")[1]

	_, err = w.plain["main"].Exec("UPDATE gormbind_decisions SET participants = 'OTHER123' WHERE gid = 'store'") // as a table that was made anew
	must(t, err)
	config := young
	config.two.App = app
	other := newPhaseWorld2(t, config)
	found, err = other.plugin.Recover(context.Background())
	if err != nil || len(found) != 1 || found[0].Outcome != bindkey.RecoveryLeft || !strings.Contains(found[0].Err.Error(), "another table of decisions") {
		t.Errorf("%v, %v", found, err)
	}
	_, err = w.plain["main"].Exec("UPDATE gormbind_decisions SET participants = $1 WHERE gid = 'store'", strings.Split(name, ":")[2])
	must(t, err)
	if did := newPhaseWorld2(t, config).recover(); did != "archive committed" {
		t.Errorf("recovery: %q", did)
	}
}

// newPhaseWorld2 is another process on the same databases.
func newPhaseWorld2(t *testing.T, config phaseConfig) *phaseWorld {
	config.noTables = true
	return newPhaseWorld(t, config)
}

// A branch that MariaDB rolls back for a deadlock rolls back all, and frees its connection.
func TestDeadlockInABranch(t *testing.T) {
	eachPhase(t, young, func(w *phaseWorld) {
		must(w.T, create(w.db, "one", "analytics"))
		must(w.T, create(w.db, "two", "analytics"))
		other, err := w.plain["analytics"].Begin()
		must(w.T, err)
		for i := 0; i < 40; i++ { // the server rolls back who has done less
			_, err = other.Exec("INSERT INTO analytics_rows (name) VALUES (?)", fmt.Sprint("heavy", i))
			must(w.T, err)
		}
		_, err = other.Exec("UPDATE analytics_rows SET ticket = 1 WHERE name = 'two'")
		must(w.T, err)
		waiting := make(chan error, 1)
		err = w.db.Transaction(func(tx *gorm.DB) error {
			must(w.T, create(tx, "a", "main"))
			must(w.T, tx.Exec("UPDATE analytics_rows SET ticket = 2 WHERE name = 'one'").Error)
			go func() {
				_, err := other.Exec("UPDATE analytics_rows SET ticket = 1 WHERE name = 'one'")
				waiting <- err
			}()
			time.Sleep(300 * time.Millisecond)
			_ = tx.Exec("UPDATE analytics_rows SET ticket = 2 WHERE name = 'two'").Error // the program ignores it
			return nil
		})
		must(w.T, <-waiting)
		must(w.T, other.Rollback())
		if err == nil || !strings.Contains(err.Error(), "1213") {
			w.Errorf("%v", err)
		}
		w.idle()
		w.expect("analytics: one two")
	})
}
