package xact_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// A branch in doubt is asked before anything else is sent there, once; one whose
// statements nobody sees, at COMMIT alone.
func TestDoubt(t *testing.T) {
	cause, ended := errors.New("a statement has failed"), errEnded
	for name, c := range map[string]struct {
		doubt func(*world)
		then  func(*world) error // after the doubt, before COMMIT
		calls string             // of b
	}{
		"a statement":       {doubt: suspect(cause), then: func(w *world) error { return w.insert("b", "2") }, calls: "BEGIN b, ASK b, COMMIT b"},
		"COMMIT":            {doubt: suspect(cause), calls: "BEGIN b, ASK b, COMMIT b"},
		"SAVEPOINT":         {doubt: suspect(cause), then: func(w *world) error { return w.savepoint("s") }, calls: "BEGIN b, ASK b, SAVEPOINT b, COMMIT b"},
		"nobody knows why":  {doubt: suspect(nil), calls: "BEGIN b, ASK b, COMMIT b"},
		"unseen statements": {doubt: func(w *world) { w.branches["b"].Unseen() }, then: func(w *world) error { return w.insert("b", "2") }, calls: "BEGIN b, ASK b, COMMIT b"},
		"none":              {doubt: func(*world) {}, then: func(w *world) error { return w.insert("b", "2") }, calls: "BEGIN b, COMMIT b"},
	} {
		for _, gone := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, gone=%v", name, gone), func(t *testing.T) {
				w := newWorld(t, context.Background())
				w.must(w.insert("b", "1"))
				c.doubt(w)
				asked := strings.Contains(c.calls, "ASK")
				want := c.calls
				if gone {
					w.fail("b", "ASK", ended)
					if asked {
						want = "BEGIN b, ASK b, ROLLBACK b"
					}
				}
				var err error
				if c.then != nil {
					err = c.then(w)
				}
				o := w.tx.Commit()
				if got := strings.Join(w.calls.all, ", "); got != want {
					t.Errorf("calls: %s\nwant:  %s", got, want)
				}
				if !gone || !asked {
					w.must(errors.Join(err, o.Err))
					return
				}
				if !errors.Is(o.Err, ended) || name != "unseen statements" && c.then != nil && !errors.Is(err, ended) {
					t.Errorf("the statement says %v, COMMIT %v", err, o.Err)
				}
				if (name == "a statement" || name == "COMMIT") && !errors.Is(o.Err, cause) {
					t.Errorf("%v does not say after what", o.Err)
				}
				if fmt.Sprint(w.told) != "[rolled back]" || name != "unseen statements" && w.rows() != "" {
					t.Errorf("rows %q, told %v", w.rows(), w.told)
				}
			})
		}
	}
}

func suspect(cause error) func(*world) {
	return func(w *world) { w.branches["b"].Suspect(cause) }
}

// Who is still at the savepoint is in its transaction, and is not asked again.
func TestDoubtEndsAtASavepoint(t *testing.T) {
	w := newWorld(t, context.Background())
	w.must(w.insert("b", "1"))
	w.must(w.savepoint("s"))
	w.branches["b"].Suspect(errors.New("a statement has failed"))
	w.must(w.rollbackTo("s"))
	w.must(w.insert("b", "2"))
	w.must(w.tx.Commit().Err)
	if got := strings.Join(w.calls.all, ", "); got != "BEGIN b, SAVEPOINT b, ROLLBACK TO b, COMMIT b" {
		t.Error(got)
	}
}

// A statement that has no time left to ask fails alone.
func TestDoubtAndTheStatementsDeadline(t *testing.T) {
	w := newWorld(t, context.Background())
	w.must(w.insert("b", "1"))
	w.branches["b"].Suspect(nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.fail("b", "ASK", context.Canceled)
	if _, err := w.branches["b"].EnsureBegun(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.fail("b", "ASK", nil)
	w.must(w.insert("b", "2"))
	w.must(w.tx.Commit().Err)
}

// A database that does not answer keeps neither the caller nor the other branches.
func TestNoAnswer(t *testing.T) {
	for _, driver := range []struct{ givesUp, known bool }{{}, {givesUp: true}, {givesUp: true, known: true}} {
		for name, c := range map[string]struct {
			end     func(*world) error
			rows    string // of the others
			unknown bool
		}{
			"ROLLBACK":           {end: func(w *world) error { return w.tx.Rollback() }},
			"a check that fails": {end: func(w *world) error { w.fail("c", "PING", errLost); return w.tx.Commit().Err }},
			"COMMIT": {unknown: true, rows: "c:1", end: func(w *world) error {
				o := w.tx.Commit()
				if o.Failed != w.branches["b"] || !o.Unknown || names(o.Committed) != "c" || names(o.RolledBack) != "a" {
					w.Errorf("outcome %+v", o)
				}
				return o.Err
			}},
		} {
			t.Run(fmt.Sprintf("%s, driver %+v", name, driver), func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				w := newWorld(t, ctx)
				silent := w.files[1]
				silent.silent, silent.givesUp, silent.known = make(chan struct{}), driver.givesUp, driver.known
				for _, file := range []string{"a", "b", "c"} {
					w.must(w.insert(file, "1"))
				}
				err := c.end(w)
				if !errors.Is(err, xact.ErrNoAnswer) || !strings.Contains(err.Error(), " in b") {
					t.Errorf("error %v", err)
				}
				free := func(why string) {
					t.Helper()
					for deadline := time.Now().Add(20 * time.Second); silent.db.Stats().InUse > 0; time.Sleep(time.Millisecond) {
						if time.Now().After(deadline) {
							t.Fatal(why + ", and the connection is in use")
						}
					}
				}
				if driver.givesUp {
					free("the driver has given up")
				}
				close(silent.silent)
				free("the answer has come")
				got := strings.ReplaceAll(w.rows(), "b:1 ", "") // committed late, or not
				if got != c.rows {
					t.Errorf("rows %q, want %q", got, c.rows)
				}
			})
		}
	}
}

// The limit begins when the context ends, if that has a deadline.
func TestNoAnswerByADeadline(t *testing.T) {
	for _, known := range []bool{false, true} {
		t.Run(fmt.Sprintf("known=%v", known), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 4*limit)
			defer cancel()
			w := newWorld(t, ctx)
			w.files[1].silent, w.files[1].givesUp, w.files[1].known = make(chan struct{}), known, known
			defer close(w.files[1].silent)
			w.must(w.insert("b", "1"))
			if err := w.tx.Rollback(); !errors.Is(err, xact.ErrNoAnswer) || ctx.Err() == nil {
				t.Errorf("%v, and the context: %v", err, ctx.Err())
			}
		})
	}
}

// BEGIN waits no longer than the statement, and may be tried again.
func TestBeginAndTheStatementsDeadline(t *testing.T) {
	w := newWorld(t, context.Background())
	db := w.files[1].db
	db.SetMaxOpenConns(1)
	taken, err := db.Conn(context.Background())
	w.must(err)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if _, err := w.branches["b"].EnsureBegun(ctx); !errors.Is(err, context.DeadlineExceeded) || w.branches["b"].HasBegun() {
		t.Error(err)
	}
	w.must(taken.Close())
	w.must(w.insert("b", "1"))
	w.must(w.tx.Commit().Err)
	if w.rows() != "b:1" {
		t.Error(w.rows())
	}
}

// A database that can't tell, while the program reads rows for example, refuses the
// statement, and the next one asks again.
func TestDoubtStays(t *testing.T) {
	w := newWorld(t, context.Background())
	w.must(w.insert("b", "1"))
	w.branches["b"].Suspect(nil)
	busy := errors.New("busy")
	w.fail("b", "ASK", busy)
	if err := w.insert("b", "2"); !errors.Is(err, busy) {
		t.Errorf("while it is busy: %v", err)
	}
	w.fail("b", "ASK", nil)
	w.must(w.insert("b", "3"))
	if o := w.tx.Commit(); o.Err != nil || o.Partial() {
		t.Errorf("COMMIT: %+v", o)
	}
	if rows := w.rows(); rows != "b:1,3" {
		t.Errorf("rows %s", rows)
	}
}
