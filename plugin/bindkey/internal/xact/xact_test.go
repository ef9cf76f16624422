package xact_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

var (
	errLost  = errors.New("connection lost")
	errEnded = errors.New("ended")
)

// A file is a SQLite file with a table of texts, as a resource whose calls can fail.
type file struct {
	name  string
	db    *sql.DB
	fails map[string]error // operation → what it answers
	calls *calls

	silent  chan struct{} // nil: it answers; else COMMIT and ROLLBACK wait until it is closed
	givesUp bool          // its driver looks at the context of BEGIN meanwhile
	known   bool          // and is known to
}

// calls are recorded from the goroutines that roll back, too.
type calls struct {
	mu      sync.Mutex
	all     []string
	answers []string // to COMMIT and ROLLBACK, as who observes is told
}

type fileTx struct {
	*sql.Tx
	of  *file
	ctx context.Context
}

// wait waits for the answer of a database.
func (t fileTx) wait() error {
	if t.of.silent == nil {
		return nil
	}
	gaveUp := t.ctx.Done()
	if !t.of.givesUp {
		gaveUp = nil
	}
	select {
	case <-t.of.silent:
		return nil
	case <-gaveUp:
		return t.ctx.Err()
	}
}

func (f *file) call(operation string) error {
	f.calls.mu.Lock()
	defer f.calls.mu.Unlock()
	f.calls.all = append(f.calls.all, operation+" "+f.name)
	return f.fails[operation]
}

func (f *file) BeginTx(ctx context.Context, opts *sql.TxOptions) (xact.Tx, error) {
	if err := f.call("BEGIN"); err != nil {
		return nil, err
	}
	tx, err := f.db.BeginTx(ctx, opts)
	return fileTx{tx, f, ctx}, err
}

func (f *file) Ended(err error) bool { return errors.Is(err, errEnded) }
func (f *file) LookAtRows(bool)      {}

// Ends has what is told of an end stand between the calls.
func (f *file) Ends(operation string) func(error) {
	return func(err error) {
		f.calls.mu.Lock()
		defer f.calls.mu.Unlock()
		f.calls.answers = append(f.calls.answers, fmt.Sprintf("%s %s: %v", operation, f.name, err))
	}
}

func (f *file) Ask(_ context.Context, _ xact.Tx, sure bool) error {
	if sure {
		return f.call("ASK")
	}
	return f.call("PING")
}

func (f *file) Undecided(err error) bool { return errors.Is(err, errLost) }
func (f *file) Waits() bool              { return f.silent != nil }
func (f *file) Interruptible() bool      { return f.known }
func (f *file) Failed(operation string, err error) error {
	return fmt.Errorf("%s in %s: %w", operation, f.name, err)
}

func (t fileTx) Commit() error {
	if err := t.of.call("COMMIT"); err != nil {
		_ = t.Tx.Rollback()
		return err
	}
	if err := t.wait(); err != nil {
		_ = t.Tx.Rollback()
		return err
	}
	return t.Tx.Commit()
}

func (t fileTx) Rollback() error {
	if err := t.of.call("ROLLBACK"); err != nil {
		_ = t.Tx.Rollback()
		return err
	}
	if err := t.wait(); err != nil {
		_ = t.Tx.Rollback()
		return err
	}
	return t.Tx.Rollback()
}

// limit is long enough for a test of what does not come at all.
const limit = 50 * time.Millisecond

// A world is a transaction over three files.
type world struct {
	*testing.T
	tx       *xact.Transaction
	files    []*file
	branches map[string]*xact.Branch
	calls    calls
	told     []string // what waited for the outcome
	outcomes []xact.Outcome
}

func newWorld(t *testing.T, ctx context.Context) *world {
	w := &world{T: t, tx: new(xact.Transaction), branches: map[string]*xact.Branch{}}
	w.tx.Init(ctx, nil, &xact.Hooks{Order: func(joined []*xact.Branch) []*xact.Branch { // by name, backwards
		ordered := append([]*xact.Branch(nil), joined...)
		sort.Slice(ordered, func(i, j int) bool {
			return ordered[i].Resource.(*file).name > ordered[j].Resource.(*file).name
		})
		return ordered
	}, Ended: func(_ context.Context, o xact.Outcome) { w.outcomes = append(w.outcomes, o) }}, limit)
	for _, name := range []string{"a", "b", "c"} {
		db, err := sql.Open(sqlitedb.DriverName, filepath.Join(t.TempDir(), name+".db"))
		w.must(err)
		t.Cleanup(func() { _ = db.Close() })
		_, err = db.Exec("CREATE TABLE rows (text)")
		w.must(err)
		f := &file{name: name, db: db, fails: map[string]error{}, calls: &w.calls}
		w.files = append(w.files, f)
		w.branches[name] = new(xact.Branch)
		w.branches[name].Init(w.tx, f)
	}
	w.must(w.tx.AfterCommit(func(context.Context) error { w.told = append(w.told, "committed"); return nil }))
	w.must(w.tx.AfterRollback(func(context.Context) error { w.told = append(w.told, "rolled back"); return nil }))
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) fail(file, operation string, err error) {
	for _, f := range w.files {
		if f.name == file {
			f.fails[operation] = err
		}
	}
}

func (w *world) insert(file, text string) error {
	begun, err := w.branches[file].EnsureBegun(context.Background())
	if err != nil {
		return err
	}
	_, err = begun.Tx.(fileTx).Exec("INSERT INTO rows VALUES (?)", text)
	return err
}

// rows are the texts in all files: "a:1,2 c:3".
func (w *world) rows() string {
	w.Helper()
	var all []string
	for _, f := range w.files {
		var texts sql.NullString
		w.must(f.db.QueryRow("SELECT group_concat(text) FROM rows").Scan(&texts))
		if texts.Valid {
			all = append(all, f.name+":"+texts.String)
		}
		if n := f.db.Stats().InUse; n != 0 {
			w.Errorf("%d connections of %s are in use", n, f.name)
		}
	}
	return strings.Join(all, " ")
}

func names(branches []*xact.Branch) string {
	var all []string
	for _, b := range branches {
		all = append(all, b.Resource.(*file).name)
	}
	return strings.Join(all, "")
}

func (w *world) savepoint(name string) error {
	return w.tx.Savepoint(context.Background(), name, func(_ context.Context, b *xact.Branch, tx xact.Tx) error {
		if err := b.Resource.(*file).call("SAVEPOINT"); err != nil {
			return err
		}
		_, err := tx.(fileTx).Exec("SAVEPOINT " + name)
		return err
	})
}

func (w *world) rollbackTo(name string) error {
	return w.tx.RollbackTo(context.Background(), name, func(_ context.Context, b *xact.Branch, tx xact.Tx) error {
		if err := b.Resource.(*file).call("ROLLBACK TO"); err != nil {
			return err
		}
		_, err := tx.(fileTx).Exec("ROLLBACK TO " + name)
		return err
	})
}

func TestCommit(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		file, operation      string
		err                  error
		rows, told           string
		committed, rolled    string
		failed               string
		unknown, fails, only bool
	}{
		"all is well":                     {rows: "a:1 b:1 c:1", told: "[committed]", committed: "cba"},
		"the check of one":                {file: "b", operation: "PING", err: boom, told: "[rolled back]", rolled: "cba", fails: true},
		"the first COMMIT":                {file: "c", operation: "COMMIT", err: boom, told: "[rolled back]", rolled: "cba", fails: true},
		"the first COMMIT, lost":          {file: "c", operation: "COMMIT", err: errLost, told: "[]", failed: "c", rolled: "ba", unknown: true, fails: true},
		"a later COMMIT":                  {file: "b", operation: "COMMIT", err: boom, rows: "c:1", told: "[]", committed: "c", failed: "b", rolled: "a", fails: true},
		"the last COMMIT, lost":           {file: "a", operation: "COMMIT", err: errLost, rows: "b:1 c:1", told: "[]", committed: "cb", failed: "a", unknown: true, fails: true},
		"one branch is asked for no life": {file: "b", operation: "PING", err: boom, rows: "b:1", told: "[committed]", committed: "b", only: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, context.Background())
			for _, file := range []string{"a", "b", "c"} {
				if !c.only || file == "b" {
					w.must(w.insert(file, "1"))
				}
			}
			if c.file != "" {
				w.fail(c.file, c.operation, c.err)
			}
			o := w.tx.Commit()
			if got := w.rows(); got != c.rows {
				t.Errorf("rows %q, want %q", got, c.rows)
			}
			if fmt.Sprint(w.told) != c.told {
				t.Errorf("told %v, want %s", w.told, c.told)
			}
			if (o.Err != nil) != c.fails || c.fails && !errors.Is(o.Err, c.err) {
				t.Errorf("error %v", o.Err)
			}
			failed := ""
			if o.Failed != nil {
				failed = names([]*xact.Branch{o.Failed})
			}
			if names(o.Committed) != c.committed || failed != c.failed || names(o.RolledBack) != c.rolled || o.Unknown != c.unknown || o.Partial() != (c.failed != "") {
				t.Errorf("outcome %+v", o)
			}
			if len(w.outcomes) != 1 || fmt.Sprint(w.outcomes[0].Committed, w.outcomes[0].Failed, w.outcomes[0].RolledBack) != fmt.Sprint(o.Committed, o.Failed, o.RolledBack) || w.outcomes[0].Doomed != nil {
				t.Errorf("told %+v, and returned %+v", w.outcomes, o)
			}
			if again := w.tx.Commit(); !errors.Is(again.Err, sql.ErrTxDone) {
				t.Errorf("Commit again: %v", again.Err)
			}
			if err := w.insert("a", "2"); !errors.Is(err, sql.ErrTxDone) && w.branches["a"].HasBegun() == false {
				t.Errorf("a branch begins afterwards: %v", err)
			}
		})
	}
}

// The branches commit in the host's order, after each has answered.
func TestStages(t *testing.T) {
	w := newWorld(t, context.Background())
	w.must(w.insert("b", "1"))
	w.must(w.insert("c", "1"))
	w.must(w.insert("a", "1"))
	w.must(w.tx.Commit().Err)
	if got := strings.Join(w.calls.all, ", "); got != "BEGIN b, BEGIN c, BEGIN a, PING c, PING b, PING a, COMMIT c, COMMIT b, COMMIT a" {
		t.Errorf("calls: %s", got)
	}
	if got := strings.Join(w.calls.answers, ", "); got != "COMMIT c: <nil>, COMMIT b: <nil>, COMMIT a: <nil>" {
		t.Errorf("told: %s", got)
	}

	// What follows a COMMIT that failed is no call of its own.
	w = newWorld(t, context.Background())
	w.must(w.insert("a", "1"))
	w.must(w.insert("b", "1"))
	w.must(w.insert("c", "1"))
	w.fail("b", "COMMIT", errLost)
	if o := w.tx.Commit(); !o.Unknown {
		t.Errorf("%+v", o)
	}
	if got := strings.Join(w.calls.answers, ", "); got != "COMMIT c: <nil>, COMMIT b: connection lost, ROLLBACK a: <nil>" {
		t.Errorf("told: %s", got)
	}
}

func TestRollback(t *testing.T) {
	boom := errors.New("boom")
	w := newWorld(t, context.Background())
	w.must(w.insert("a", "1"))
	w.must(w.insert("b", "1"))
	w.fail("a", "ROLLBACK", boom)
	if err := w.tx.Rollback(); !errors.Is(err, boom) || !strings.Contains(err.Error(), "ROLLBACK in a") {
		t.Error(err)
	}
	if w.rows() != "" || fmt.Sprint(w.told) != "[rolled back]" {
		t.Errorf("rows %q, told %v", w.rows(), w.told)
	}
	sort.Strings(w.calls.answers)
	if got := strings.Join(w.calls.answers, ", "); got != "ROLLBACK a: boom, ROLLBACK b: <nil>" {
		t.Errorf("told: %s", got)
	}
	if o := w.outcomes; len(o) != 1 || names(o[0].RolledBack) != "ab" || !errors.Is(o[0].Err, boom) {
		t.Errorf("told %+v", o)
	}
}

// A savepoint reaches the branches that have begun; one that begins behind it is
// rolled back whole, and may begin again.
func TestSavepoints(t *testing.T) {
	w := newWorld(t, context.Background())
	w.must(w.insert("a", "1"))
	w.must(w.savepoint("s"))
	w.must(w.tx.AfterCommit(func(context.Context) error { w.told = append(w.told, "forgotten"); return nil }))
	w.must(w.insert("a", "2"))
	w.must(w.insert("b", "2"))
	w.must(w.rollbackTo("S"))
	if w.branches["b"].HasBegun() || names(w.tx.Begun()) != "a" {
		t.Errorf("begun: %s", names(w.tx.Begun()))
	}
	w.must(w.insert("b", "3"))
	w.must(w.insert("a", "3"))
	w.must(w.tx.Commit().Err)
	if got := w.rows(); got != "a:1,3 b:3" || fmt.Sprint(w.told) != "[committed]" {
		t.Errorf("rows %q, told %v", got, w.told)
	}
}

// What GORM drops dooms the transaction.
func TestDoomed(t *testing.T) {
	boom := errors.New("boom")
	for name, fails := range map[string]func(*world) error{
		"SAVEPOINT": func(w *world) error { w.fail("a", "SAVEPOINT", boom); return w.savepoint("s") },
		"ROLLBACK TO": func(w *world) error {
			w.must(w.savepoint("s"))
			w.fail("a", "ROLLBACK TO", boom)
			return w.rollbackTo("s")
		},
		"an unknown savepoint": func(w *world) error { return w.rollbackTo("nowhere") },
		"Doom":                 func(w *world) error { w.tx.Doom("a statement", boom); return boom },
	} {
		w := newWorld(t, context.Background())
		w.must(w.insert("a", "1"))
		err := fails(w)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		calls := len(w.calls.all)
		for what, refused := range map[string]error{"a statement": w.insert("a", "2"), "a branch": w.insert("b", "2"), "SAVEPOINT": w.savepoint("t"), "ROLLBACK TO": w.rollbackTo("s")} {
			if refused == nil || !errors.Is(refused, err) && !strings.Contains(refused.Error(), err.Error()) {
				t.Errorf("%s: %s is refused with %v, want %v", name, what, refused, err)
			}
		}
		if len(w.calls.all) != calls {
			t.Errorf("%s: sent nevertheless: %v", name, w.calls.all[calls:])
		}
		o := w.tx.Commit()
		if len(w.outcomes) != 1 || w.outcomes[0].Doomed == nil {
			t.Errorf("%s: told %+v", name, w.outcomes)
		}
		if !errors.Is(o.Err, err) && !strings.Contains(o.Err.Error(), err.Error()) || w.rows() != "" || fmt.Sprint(w.told) != "[rolled back]" {
			t.Errorf("%s: %v, rows %q, told %v", name, o.Err, w.rows(), w.told)
		}
	}
	w := newWorld(t, context.Background())
	w.must(w.insert("a", "1"))
	w.fail("a", "SAVEPOINT", xact.ErrNoSavepoints) // a database without them
	if err := w.savepoint("s"); !errors.Is(err, xact.ErrNoSavepoints) {
		t.Error(err)
	}
	w.must(w.tx.Commit().Err)
}

// The end of the context rolls every branch back, until the check lets go of it.
func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w := newWorld(t, ctx)
	w.must(w.insert("a", "1"))
	w.must(w.insert("b", "1"))
	cancel()
	for deadline := time.Now().Add(20 * time.Second); w.files[0].db.Stats().InUse+w.files[1].db.Stats().InUse > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the branches stay open")
		}
	}
	if err := w.insert("c", "1"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if o := w.tx.Commit(); !errors.Is(o.Err, context.Canceled) || w.rows() != "" || fmt.Sprint(w.told) != "[rolled back]" {
		t.Errorf("%v, rows %q, told %v", o.Err, w.rows(), w.told)
	}
}
