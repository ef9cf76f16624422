package bindkey_test

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

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A diary is what an observer was told, and a recorder of what databases were sent.
type diary struct {
	*testing.T
	testkit.Recorder
	db     *gorm.DB
	plugin *bindkey.Plugin

	mu      sync.Mutex
	sent    []string // what a recorder calls them: "BEGIN main"
	tables  []string // of statements
	ends    []string // of transactions
	refused []error
	errs    []error // of statements and stages
	open    int     // statements and stages that have not ended
	closed  bool
}

type inTransaction struct{}

// observer writes the diary.
func (d *diary) observer() bindkey.Observer {
	begins := func(kind, key, role string) func(error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open++
		d.sent = append(d.sent, kind+" "+key+strings.TrimPrefix(role, "source"))
		return func(err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.open--
			if err != nil {
				d.errs = append(d.errs, err)
			}
		}
	}
	pooled := func(at bindkey.Placement, db *sql.DB) {
		for _, pool := range d.plugin.Pools() {
			if pool.Key == at.Key && pool.Role == at.Role && pool.DB == db {
				return
			}
		}
		d.Errorf("%+v is told with another pool", at)
	}
	return bindkey.Observer{
		Installed: func(p *bindkey.Plugin) func() {
			if len(p.Stats()) != 3 {
				d.Errorf("the binds are not open: %v", p.Stats())
			}
			return func() { d.closed = true }
		},
		Statement: func(ctx context.Context, s bindkey.SentStatement) (context.Context, func(error)) {
			if in := ctx.Value(inTransaction{}); in != nil {
				d.Errorf("the statement's context is the transaction's: %v", in)
			}
			if s.Transaction != nil && s.Transaction.Value(inTransaction{}) == nil {
				d.Error("the transaction's context is not that of Begin")
			}
			pooled(s.Placement, s.DB)
			end := begins(testkit.Statement, s.Key, s.Role)
			d.tables = append(d.tables, s.Table)
			if s.SQL == "" {
				d.Error("no SQL")
			}
			return nil, end
		},
		Begin: func(ctx context.Context) context.Context { return context.WithValue(ctx, inTransaction{}, true) },
		Stage: func(ctx context.Context, s bindkey.BranchStage) func(error) {
			if ctx.Value(inTransaction{}) == nil {
				d.Error("the stage's context is not that of Begin")
			}
			kind := string(s.Stage)
			if s.Stage == bindkey.StageRollbackTo {
				kind = testkit.RollbackTo
			}
			pooled(s.Placement, s.DB)
			return begins(kind, s.Key, s.Role)
		},
		End: func(ctx context.Context, end bindkey.TransactionEnd) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if ctx.Value(inTransaction{}) == nil {
				d.Error("the end's context is not that of Begin")
			}
			d.ends = append(d.ends, fmt.Sprintf("%s %v %s %v", end.Outcome, end.Committed, end.Failed, end.RolledBack))
		},
		Refused: func(_ context.Context, err error) { d.refused = append(d.refused, err) },
	}
}

// newDiary is a handle over three binds, analytics with a replica, whose connections
// are recorded.
func newDiary(t *testing.T, config *gorm.Config) *diary {
	d := &diary{T: t}
	dir := t.TempDir()
	open := func(name, file string) gorm.Dialector {
		pool := sql.OpenDB(d.Wrap(name, newSQLiteConnector(filepath.Join(dir, file+".db"))))
		t.Cleanup(func() { _ = pool.Close() })
		dialector := sqlitedb.New("")
		dialector.Conn = pool
		return dialector
	}
	d.db = openPlain(t, open("main", "main"), config)
	nothing := bindkey.Observer{}
	d.plugin = bindkey.New(bindkey.Models(worldModels...), bindkey.Observe(nothing, d.observer())).
		Register("analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{open("analytics", "analytics")},
			Replicas: []gorm.Dialector{open("analyticsreplica", "analytics")},
		}).
		Register("archive", dbresolver.Config{Sources: []gorm.Dialector{open("archive", "archive")}})
	if err := errors.Join(d.db.Use(d.plugin), d.db.AutoMigrate(worldModels...)); err != nil {
		t.Fatal(err)
	}
	return d
}

// compare runs a step, and compares what the observer was told with what the databases
// were sent.
func (d *diary) compare(step func(db *gorm.DB) error) (err error) {
	d.Helper()
	d.sent, d.tables, d.ends, d.refused, d.errs = nil, nil, nil, nil, nil
	d.Start(nil)
	err = step(d.db)
	want := strings.Split(testkit.Trace(testkit.Whole(d.Stop())), ", ")
	got := append([]string(nil), d.sent...)
	if strings.Contains(strings.Join(got, " "), testkit.Rollback) {
		sort.Strings(want) // they are rolled back at once
		sort.Strings(got)
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		d.Errorf("told: %s\nsent: %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	if d.open != 0 {
		d.Errorf("%d statements have not ended", d.open)
	}
	return err
}

func (d *diary) ended(want ...string) {
	d.Helper()
	if fmt.Sprint(d.ends) != fmt.Sprint(want) {
		d.Errorf("ends: %q, want %q", d.ends, want)
	}
}

// An observer is told of each statement that a database sees, once, with the bind and
// role that it goes to, and of each transaction's stages and end.
func TestObserve(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprintf("PrepareStmt=%v", prepare), func(t *testing.T) {
			d := newDiary(t, &gorm.Config{PrepareStmt: prepare, Logger: logger.Discard})
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Error(err)
				}
			}
			must(d.compare(func(db *gorm.DB) error {
				return db.Create(&User{ID: 1, Name: "a", Logs: []LogEntry{{ID: 1, Event: "joined"}}, Profile: &Profile{ID: 1},
					Notes: []Note{{ID: 1}}, Tags: []Tag{{ID: 1}}, Team: &Team{ID: 1}}).Error
			}))
			d.ended("committed [analytics archive main]  []")
			must(d.compare(func(db *gorm.DB) error {
				var user User
				return db.Preload("Logs").Preload("Tags").Preload("Notes").First(&user).Error
			}))
			if got := strings.Join(d.tables, " "); got != "users logs notes user_tags tags" {
				t.Errorf("tables: %s", got)
			}
			must(d.compare(func(db *gorm.DB) error { // in two queries, the first beside the statement
				var tags []Tag
				return db.Model(&User{ID: 1}).Association("Tags").Find(&tags)
			}))
			must(d.compare(func(db *gorm.DB) error {
				rows, err := db.Model(&LogEntry{}).Rows()
				if err != nil {
					return err
				}
				return errors.Join(db.Raw("SELECT name FROM users").Row().Scan(new(string)), db.Exec("UPDATE notes SET text = 'x'").Error, rows.Close())
			}))
			if got := strings.Join(d.tables, " "); got != "logs  " {
				t.Errorf("tables: %q", got)
			}
			must(d.compare(func(db *gorm.DB) error {
				var logs []LogEntry
				return db.FindInBatches(&logs, 1, func(tx *gorm.DB, _ int) error { return tx.Save(&logs).Error }).Error
			}))
			must(d.compare(func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error {
					if !prepare { // past GORM's callbacks; else by a *sql.Stmt
						if err := tx.Statement.ConnPool.QueryRowContext(context.Background(), "SELECT count(*) FROM users").Scan(new(int)); err != nil {
							return err
						}
					}
					_ = tx.Transaction(func(tx *gorm.DB) error {
						return errors.Join(tx.Create(&LogEntry{ID: 7}).Error, tx.Create(&User{ID: 7}).Error, errors.New("back to the savepoint"))
					})
					return errors.Join(tx.Create(&Team{ID: 7}).Error, tx.Create(&Note{ID: 7}).Error)
				})
			}))
			d.ended("committed [archive main]  []")
			_ = d.compare(func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&LogEntry{ID: 8}).Error, tx.Create(&User{ID: 8}).Error, errors.New("back"))
				})
			})
			d.ended("rolled back []  [analytics main]")
			must(d.compare(func(db *gorm.DB) error {
				var count int64
				return errors.Join(db.Session(&gorm.Session{DryRun: true}).Find(&[]User{}).Error, db.Begin().Commit().Error,
					db.Where("id IN (?)", db.Model(&User{}).Select("id")).Model(&Team{}).Count(&count).Error)
			}))
			d.ended("committed []  []")
			must(d.plugin.Close())
			if !d.closed {
				t.Error("the end is not told")
			}
		})
	}
}

// What is refused is told once, and nothing is sent.
func TestObserveRefusals(t *testing.T) {
	d := newDiary(t, &gorm.Config{Logger: logger.Discard})
	for name, step := range map[string]func(db *gorm.DB) error{
		"routing": func(db *gorm.DB) error { return db.Raw("SELECT * FROM users, logs").Scan(&[]User{}).Error },
		"a Use":   func(db *gorm.DB) error { return db.Clauses(bindkey.Use("nowhere")).Find(&[]User{}).Error },
		"a subquery": func(db *gorm.DB) error {
			return db.Where("id IN (?)", db.Model(&LogEntry{}).Select("user_id")).Find(&[]User{}).Error
		},
		"a refused subquery": func(db *gorm.DB) error {
			return db.Where("id IN (?)", db.Clauses(bindkey.Use("nowhere")).Model(&User{}).Select("id")).Find(&[]User{}).Error
		},
		"SQL that controls": func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Exec("COMMIT").Error })
		},
		"a pool of another": func(db *gorm.DB) error {
			tx := db.WithContext(context.Background()) // a statement of its own, and not the handle's
			tx.Statement.ConnPool = struct{ gorm.ConnPool }{}
			return tx.Find(&[]User{}).Error
		},
	} {
		err := d.compare(step)
		if err == nil || len(d.refused) != 1 || !errors.Is(err, d.refused[0]) {
			t.Errorf("%s: %v, told %v", name, err, d.refused)
		}
	}
	_ = d.compare(func(db *gorm.DB) error {
		return db.Session(&gorm.Session{DryRun: true}).Raw("SELECT * FROM users, logs").Scan(&[]User{}).Error
	})
	if len(d.refused) != 0 {
		t.Errorf("in DryRun: %v", d.refused)
	}
}

// Errors are told as the database has answered, where GORM reads the answer, and those
// of a transaction in its end.
func TestObserveErrors(t *testing.T) {
	d := newDiary(t, &gorm.Config{Logger: logger.Discard})
	boom := errors.New("boom")
	fault := func(kind, database string) func([]testkit.Call, testkit.Call) testkit.Hook {
		return func(_ []testkit.Call, call testkit.Call) testkit.Hook {
			if call.Kind != kind || call.Database != database {
				return nil
			}
			return func(_ context.Context, on *testkit.Conn, _ testkit.Call, _ testkit.Real) error {
				on.RollBack()
				return boom
			}
		}
	}
	both := func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			return errors.Join(tx.Create(&LogEntry{}).Error, tx.Create(&Note{}).Error)
		})
	}
	for _, c := range []struct{ kind, database, end string }{
		{testkit.Commit, "archive", "partial [analytics] archive []"},
		{testkit.Commit, "analytics", "rolled back []  [analytics archive]"},
		{testkit.Check, "archive", "rolled back []  [analytics archive]"},
		{testkit.Begin, "archive", "rolled back []  [analytics]"},
		{testkit.Statement, "archive", "rolled back []  [analytics archive]"},
	} {
		err := d.compare(func(db *gorm.DB) error { d.Start(fault(c.kind, c.database)); return both(db) })
		if !errors.Is(err, boom) || len(d.errs) == 0 || !errors.Is(d.errs[0], boom) {
			t.Errorf("%s %s: %v, told %v", c.kind, c.database, err, d.errs)
		}
		d.ended(c.end)
	}
	// A savepoint that fails dooms.
	err := d.compare(func(db *gorm.DB) error {
		d.Start(fault(testkit.SavePoint, "analytics"))
		return db.Transaction(func(tx *gorm.DB) error {
			tx.Create(&LogEntry{})
			return tx.SavePoint("s").Error
		})
	})
	if !errors.Is(err, boom) {
		t.Error(err)
	}
	d.ended("doomed []  [analytics]")

	// The database tells with its rows, and the program sees no record.
	if err := d.db.Create(&User{ID: 1}).Error; err != nil {
		t.Fatal(err)
	}
	err = d.compare(func(db *gorm.DB) error {
		return db.Session(&gorm.Session{SkipDefaultTransaction: true}).Create(&User{ID: 1}).Error
	})
	if err == nil || len(d.errs) != 1 || !errors.Is(err, d.errs[0]) {
		t.Errorf("%v, told %v", err, d.errs)
	}
	err = d.compare(func(db *gorm.DB) error { return db.First(&User{}, 99).Error })
	if !errors.Is(err, gorm.ErrRecordNotFound) || len(d.errs) != 0 {
		t.Errorf("%v, told %v", err, d.errs)
	}
	// What panics has ended.
	panicked := func() (panicked bool) {
		defer func() { panicked = recover() != nil }()
		return d.compare(func(db *gorm.DB) error {
			d.Start(func([]testkit.Call, testkit.Call) testkit.Hook {
				return func(context.Context, *testkit.Conn, testkit.Call, testkit.Real) error { panic("a driver") }
			})
			return db.Exec("UPDATE users SET name = 'x'").Error
		}) == nil
	}()
	if !panicked || d.open != 0 || len(d.errs) != 1 {
		t.Errorf("panicked %v, %d are open, told %v", panicked, d.open, d.errs)
	}
}

// An observer that panics at the end of a transaction does not change how that ends, and the
// program gets its panic.
func TestObserverPanicsAtTheEnd(t *testing.T) {
	undone := errors.New("undone")
	for _, at := range []string{"CHECK", "CHECK answered", "COMMIT", "COMMIT answered", "ROLLBACK", "ROLLBACK answered", "End"} {
		for _, key := range []string{"main", "analytics", "archive"} {
			boom := func(now string) {
				if now == at {
					panic("boom")
				}
			}
			o := bindkey.Observer{
				Stage: func(_ context.Context, s bindkey.BranchStage) func(error) {
					if s.Key != key {
						return nil
					}
					boom(string(s.Stage))
					return func(error) { boom(string(s.Stage) + " answered") }
				},
				End: func(context.Context, bindkey.TransactionEnd) { boom("End") },
			}
			w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.Observe(o)}})
			rollsBack := strings.HasPrefix(at, "ROLLBACK")
			called := 0
			note := func(context.Context) error { called++; return nil }
			var got any
			changed := w.changes(func() {
				defer func() { got = recover() }()
				_ = w.db.Transaction(func(tx *gorm.DB) error {
					w.must(errors.Join(bindkey.AfterCommit(tx, note), bindkey.AfterRollback(tx, note)))
					err := errors.Join(tx.Create(&User{}).Error, tx.Create(&LogEntry{}).Error, tx.Create(&Note{}).Error)
					if rollsBack {
						err = errors.Join(err, undone)
					}
					return err
				})
			})
			want := "analytics.logs archive.notes main.users"
			if rollsBack {
				want = ""
			}
			if got != "boom" || changed != want || called != 1 {
				t.Errorf("%s in %s: panic %v, changed %q, %d functions called", at, key, got, changed, called)
			}
			for _, pool := range w.plugin.Pools() {
				if n := pool.DB.Stats().InUse; n > 0 {
					t.Errorf("%s in %s: %d connections of %s are in use", at, key, n, pool.Key)
				}
			}
		}
	}
}

// Each transaction that an observer is told of ends, also one that begins in no database.
func TestObservedTransactionsEnd(t *testing.T) {
	noArchive := failing(testkit.Begin, false, "archive")
	for _, c := range []struct {
		name   string
		faults func([]testkit.Call, testkit.Call) testkit.Hook
		run    func(db *gorm.DB)
		want   bindkey.Outcome
		failed bool
	}{
		{"Use of no bind", nil, func(db *gorm.DB) { db.Clauses(bindkey.Use("nowhere")).Begin() }, bindkey.RolledBack, true},
		{"BEGIN fails, with Use", noArchive, func(db *gorm.DB) { db.Clauses(bindkey.Use("archive")).Begin() }, bindkey.RolledBack, true},
		{"BEGIN of the default transaction fails", noArchive, func(db *gorm.DB) { db.Create(&Note{}) }, bindkey.RolledBack, true},
		{"a context that has ended", nil, func(db *gorm.DB) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			db.WithContext(ctx).Create(&Note{})
		}, bindkey.RolledBack, true},
		{"nothing, rolled back", nil, func(db *gorm.DB) { db.Begin().Rollback() }, bindkey.RolledBack, false},
		{"nothing, committed", nil, func(db *gorm.DB) { db.Begin().Commit() }, bindkey.Committed, false},
	} {
		for _, prepare := range []bool{false, true} {
			begun, ends := 0, []bindkey.TransactionEnd(nil)
			w := newTxWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}, options: []bindkey.Option{bindkey.Observe(bindkey.Observer{
				Begin: func(context.Context) context.Context { begun++; return nil },
				End:   func(_ context.Context, e bindkey.TransactionEnd) { ends = append(ends, e) },
			})}})
			begun, ends = 0, nil
			w.calls.Start(c.faults)
			c.run(w.db)
			w.calls.Stop()
			if begun != 1 || len(ends) != 1 || ends[0].Outcome != c.want || (ends[0].Err != nil) != c.failed {
				t.Errorf("%s, PrepareStmt %v: %d begun, ends %+v", c.name, prepare, begun, ends)
			}
		}
	}
}

// Who is given a plugin can observe it as who has made it, after those, and until it is
// installed.
func TestObserveOfPlugin(t *testing.T) {
	var told []string
	tell := func(name string) bindkey.Observer {
		return bindkey.Observer{
			Begin: func(ctx context.Context) context.Context { told = append(told, name+" begins"); return ctx },
			End: func(_ context.Context, end bindkey.TransactionEnd) {
				told = append(told, fmt.Sprint(name, " ", end.Outcome))
			},
		}
	}
	file := func(name string) gorm.Dialector { return sqlitedb.Open(filepath.Join(t.TempDir(), name)) }
	for want, plugin := range map[string]*bindkey.Plugin{
		"given begins, given committed":                              bindkey.New().Observe(tell("given")),
		"made begins, given begins, made committed, given committed": bindkey.New(bindkey.Observe(tell("made"))).Observe(tell("given")),
	} {
		told = nil
		log := &strings.Builder{}
		db := openPlain(t, file("main.db"), &gorm.Config{})
		db.Config.Logger = logger.New(printer{log}, logger.Config{LogLevel: logger.Error})
		plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{file("analytics.db")}})
		if err := errors.Join(db.Use(plugin), db.AutoMigrate(&Team{})); err != nil {
			t.Fatal(err)
		}
		if plugin.Observe(tell("late")); !strings.Contains(log.String(), "Observe was called after db.Use") {
			t.Errorf("a late call logs %q", log)
		}
		told = nil
		if err := db.Create(&Team{}).Error; err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(told, ", "); got != want {
			t.Errorf("told: %s, want %s", got, want)
		}
	}
}
