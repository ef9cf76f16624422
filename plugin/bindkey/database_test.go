package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// chdir is for DSNs with a relative path.
func chdir(t *testing.T, dir string) {
	t.Helper()
	was, err := os.Getwd()
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chdir(was) })
}

// openTwo opens a handle on one DSN, with the bind analytics on another, in
// both ways to install. No statement waits longer than ten seconds.
func openTwo(t *testing.T, handle, analytics gorm.Dialector, adopts bool, config gorm.Config) (*gorm.DB, *bindkey.Plugin) {
	t.Helper()
	if config.Logger == nil {
		config.Logger = logger.Discard
	}
	db, err := gorm.Open(handle, &config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDB(db) })
	plugin := bindkey.New(bindkey.Models(worldModels...))
	bind := dbresolver.Config{Sources: []gorm.Dialector{analytics}}
	if adopts {
		resolver := dbresolver.Register(bind, "analytics", "archive")
		err = db.Use(resolver)
		t.Cleanup(func() {
			_ = resolver.Call(func(pool gorm.ConnPool) error { return pool.(interface{ Close() error }).Close() })
		})
	} else {
		plugin.Register("analytics", bind).Register("archive", bind)
	}
	if err == nil {
		err = db.Use(plugin)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plugin.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return db.WithContext(ctx), plugin
}

// Two keys whose sources are one SQLite file are one branch in a transaction,
// and no crossing, however the file is spelled.
func TestOneDatabaseSpellings(t *testing.T) {
	for name, c := range map[string]struct {
		handle, analytics string // DIR is the directory, which is also the working directory
		apart             bool
	}{
		"the same text":         {"dev.db", "dev.db", false},
		"./":                    {"dev.db", "./dev.db", false},
		"../":                   {"dev.db", "sub/../dev.db", false},
		"an absolute path":      {"dev.db", "DIR/dev.db", false},
		"parameters":            {"dev.db", "dev.db?_busy_timeout=5000&_foreign_keys=1", false},
		"file:":                 {"dev.db", "file:dev.db", false},
		"file: with parameters": {"dev.db?_busy_timeout=3000", "file:dev.db?cache=shared&mode=rwc", false},
		"file:///":              {"dev.db", "file://DIR/dev.db", false},
		"file://localhost":      {"dev.db", "file://localhostDIR/dev.db", false},
		"percent-encoding":      {"a b.db", "file:a%20%62.db", false},
		"no percent-encoding":   {"a%20b.db", "file:a b.db", true},
		"a fragment":            {"dev.db", "file:dev.db#part", false},
		"a symlink":             {"dev.db", "link.db", false},
		"a symlinked directory": {"dev.db", "linked/dev.db", false},
		"a symlink to nothing":  {"later.db", "dangling.db", false},
		"behind a symlink":      {"sub/dev.db", "linked/sub/../sub/dev.db", false},
		".. of a symlink":       {"dev.db", "deep/../dev.db", true}, // it is sub/dev.db
		"mode=memory of a path": {"dev.db", "dev.db?mode=memory", false},
		"the same vfs":          {"dev.db?vfs=unix-none", "file:dev.db?vfs=unix-none", false},

		"another file":          {"dev.db", "other.db", true},
		"another directory":     {"dev.db", "sub/dev.db", true},
		"in memory":             {":memory:", ":memory:", true},
		"in memory, parameters": {":memory:?_busy_timeout=1", ":memory:?_busy_timeout=1", true},
		"in memory, a URI":      {"file::memory:", "file::memory:", true},
		"in memory, shared":     {"file::memory:?cache=shared", "file::memory:?cache=shared", true},
		"in memory, a mode":     {"file:x?mode=memory", "file:x?mode=memory", true},
		"in memory, named":      {"file:x?mode=memory&cache=shared", "file:x?mode=memory&cache=shared", true},
		"in memory, a vfs":      {"file:x?vfs=memdb", "file:x?vfs=memdb", true},
		"temporary":             {"", "", true},
		"another vfs":           {"dev.db", "dev.db?vfs=unix-none", true},
		"a read-only DSN":       {"dev.db", "file:dev.db?mode=ro", true},
		"a query-only DSN":      {"dev.db", "dev.db?_query_only=1", true},
	} {
		for _, way := range []string{"registered", "adopted", "supplied"} {
			t.Run(name+", "+way, func(t *testing.T) {
				dir, err := filepath.EvalSymlinks(t.TempDir())
				for _, err := range []error{err, os.MkdirAll(filepath.Join(dir, "sub", "sub"), 0o700), os.Symlink("dev.db", filepath.Join(dir, "link.db")),
					os.Symlink(".", filepath.Join(dir, "linked")), os.Symlink("sub/sub", filepath.Join(dir, "deep")),
					os.Symlink("later.db", filepath.Join(dir, "dangling.db"))} {
					if err != nil {
						t.Fatal(err)
					}
				}
				chdir(t, dir)
				if strings.Contains(c.analytics, "=ro") || strings.Contains(c.analytics, "_query") {
					if err := os.WriteFile("dev.db", nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				open := func(dsn string) gorm.Dialector {
					dsn = strings.ReplaceAll(dsn, "DIR", dir)
					if way != "supplied" {
						return sqlitedb.Open(dsn)
					}
					pool, err := sql.Open(sqlitedb.DriverName, dsn)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = pool.Close() })
					return sqlite.New(sqlite.Config{Conn: pool})
				}
				db, _ := openTwo(t, open(c.handle), open(c.analytics), way == "adopted", gorm.Config{})
				err = db.Transaction(func(tx *gorm.DB) error {
					one, err := bindkey.SQLTx(tx, "main")
					if err != nil {
						return err
					}
					other, err := bindkey.SQLTx(tx, "analytics")
					if err == nil && (one == other) == c.apart {
						t.Errorf("one branch: %t", one == other)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				err = db.Session(&gorm.Session{DryRun: true}).Joins("User").Find(&[]LogEntry{}).Error
				if errors.Is(err, bindkey.ErrCrossBind) != c.apart {
					t.Errorf("a join of both: %v", err)
				}
				// SQLite's own opinion.
				one, other := fileOfSQLite(t, strings.ReplaceAll(c.handle, "DIR", dir)), fileOfSQLite(t, strings.ReplaceAll(c.analytics, "DIR", dir))
				if !c.apart && (one == "" || one != other) || c.apart && one != "" && one == other && !strings.HasSuffix(name, "-only DSN") && name != "another vfs" {
					t.Errorf("SQLite's files are %q and %q", one, other)
				}
			})
		}
	}
}

func fileOfSQLite(t *testing.T, dsn string) (file string) {
	t.Helper()
	pool, err := sql.Open(sqlitedb.DriverName, dsn)
	if err == nil {
		defer pool.Close()
		err = pool.QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// What a program does in a transaction over two keys of one file, with a pool
// for each key.
func TestOneDatabase(t *testing.T) {
	for _, adopts := range []bool{false, true} {
		for _, prepare := range []bool{false, true} {
			t.Run(fmt.Sprintf("adopted %t, prepared %t", adopts, prepare), func(t *testing.T) {
				chdir(t, t.TempDir())
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				db, plugin := openTwo(t, sqlitedb.Open("dev.db?_busy_timeout=200"), sqlitedb.Open("./dev.db?_busy_timeout=200"), adopts,
					gorm.Config{PrepareStmt: prepare, CreateBatchSize: 2})
				must(db.Transaction(func(tx *gorm.DB) error { return tx.AutoMigrate(worldModels...) }))
				count := func(db *gorm.DB, model any) (n int64) {
					t.Helper()
					must(db.Model(model).Count(&n).Error)
					return n
				}

				// GORM's default transaction, associations and batches.
				must(db.Create(&User{Name: "u", Logs: []LogEntry{{Event: "a"}, {Event: "b"}}, Notes: []Note{{Text: "n"}}, Tags: []Tag{{Name: "t"}}}).Error)
				must(db.CreateInBatches([]User{{Logs: []LogEntry{{Event: "c"}}}, {Logs: []LogEntry{{Event: "d"}}}, {Logs: []LogEntry{{Event: "e"}}}}, 1).Error)
				if users, logs := count(db, &User{}), count(db, &LogEntry{}); users != 4 || logs != 5 {
					t.Fatalf("%d users, %d logs", users, logs)
				}
				must(db.Select("Logs").Delete(&User{ID: 2}).Error)

				// A transaction sees its own rows through either key, until it is rolled back to a savepoint.
				var outcomes atomic.Int32
				must(db.Transaction(func(tx *gorm.DB) error {
					must(bindkey.AfterCommit(tx, func(context.Context) error { outcomes.Add(1); return nil }))
					must(tx.Create(&LogEntry{Event: "mine", UserID: 1}).Error)
					var events []string
					must(tx.Model(&User{}).Where("users.id = 1").Joins("JOIN logs ON logs.user_id = users.id AND logs.event = 'mine'").Pluck("logs.event", &events).Error)
					if fmt.Sprint(events) != "[mine]" {
						t.Errorf("through main: %v", events)
					}
					err := tx.Transaction(func(tx *gorm.DB) error {
						must(tx.Create(&User{Name: "undone", Logs: []LogEntry{{Event: "undone"}}}).Error)
						return errors.New("undo")
					})
					if err == nil || err.Error() != "undo" {
						t.Errorf("nested: %v", err)
					}
					return tx.Create(&User{Name: "kept"}).Error
				}))
				if n := count(db.Where("name = 'undone'"), &User{}) + count(db.Where("event = 'undone'"), &LogEntry{}); n != 0 || outcomes.Load() != 1 {
					t.Errorf("%d rows after the savepoint, %d outcomes", n, outcomes.Load())
				}
				if n := count(db.Where("event = 'mine'"), &LogEntry{}) + count(db.Where("name = 'kept'"), &User{}); n != 2 {
					t.Errorf("%d rows were kept", n)
				}
				tx := db.Begin()
				must(errors.Join(tx.Create(&LogEntry{Event: "back"}).Error, tx.Create(&User{Name: "back"}).Error, tx.Rollback().Error))
				if n := count(db.Where("name = 'back'"), &User{}) + count(db.Where("event = 'back'"), &LogEntry{}); n != 0 {
					t.Errorf("%d rows after Rollback", n)
				}

				// A failing COMMIT is one of all keys: nothing is committed in part.
				must(db.Exec("CREATE TABLE parents (id INTEGER PRIMARY KEY)").Error)
				must(db.Exec("CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)").Error)
				pool, err := db.DB()
				must(err)
				pool.SetMaxOpenConns(1)
				_, err = pool.Exec("PRAGMA foreign_keys = ON")
				must(err)
				err = db.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&User{Name: "refused"}).Error, tx.Create(&LogEntry{Event: "refused"}).Error, tx.Exec("INSERT INTO children VALUES (1)").Error)
				})
				var failed *bindkey.BranchError
				if !errors.As(err, &failed) || failed.Operation != "COMMIT" || errors.Is(err, bindkey.ErrPartialCommit) {
					t.Errorf("COMMIT: %v", err)
				}
				if n := count(db.Where("event = 'refused'"), &LogEntry{}); n != 0 {
					t.Errorf("%d rows after a COMMIT that failed", n)
				}

				// A *sql.Tx of the program's own serves both keys.
				own, err := pool.Begin()
				must(err)
				session := db.Session(&gorm.Session{NewDB: true})
				session.Statement.ConnPool = own
				must(errors.Join(session.Create(&LogEntry{Event: "own", UserID: 1}).Error, session.Create(&Order{Item: "own", UserID: 1}).Error, own.Commit()))

				// Outside of transactions, the pools stay apart.
				stats := plugin.Stats()
				if stats["main"]["source"].MaxOpenConnections != 1 || stats["analytics"]["source"].MaxOpenConnections != 0 {
					t.Errorf("the pools are not apart: %+v", stats)
				}
			})
		}
	}
}

// Of several sources, one that is a database of a branch is the bind's; and a
// read-only transaction has one branch where replicas are one database.
func TestOneDatabaseOfSeveral(t *testing.T) {
	for _, adopts := range []bool{false, true} {
		w := newWorld(t, worldConfig{install: func(w *world) {
			config := func(key string) dbresolver.Config {
				return dbresolver.Config{
					Sources:  []gorm.Dialector{w.dialector("analytics"), w.dialector("archive")},
					Replicas: []gorm.Dialector{w.dialector("main-replica"), w.dialector("analytics-replica")},
				}
			}
			if adopts {
				w.must(w.db.Use(dbresolver.Register(config("analytics"), "analytics").Register(config("archive"), "archive")))
				return
			}
			w.plugin.Register("analytics", config("analytics")).Register("archive", config("archive"))
		}})
		for i := 0; i < 12; i++ { // the policy is a random one
			for _, opts := range []*sql.TxOptions{nil, {ReadOnly: true}} {
				w.must(w.db.Transaction(func(tx *gorm.DB) error {
					var log LogEntry
					var note Note
					w.must(errors.Join(tx.First(&log).Error, tx.First(&note).Error))
					if log.Origin != note.Origin || strings.Contains(log.Origin, "replica") != (opts != nil) {
						t.Fatalf("adopted %t, read-only %t: %q and %q", adopts, opts != nil, log.Origin, note.Origin)
					}
					return nil
				}, opts))
			}
		}
	}
}

// PartialCommitError and CommitOrder know both keys of a branch.
func TestOneDatabaseCommitsInPart(t *testing.T) {
	w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.CommitOrder("archive")}, install: func(w *world) {
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
		w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open("file:" + w.file("archive"))}})
	}})
	pool, err := w.db.DB()
	w.must(err)
	pool.SetMaxOpenConns(1)
	for _, ddl := range []string{"PRAGMA foreign_keys = ON", "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
		"CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)"} {
		w.must(w.db.Exec(ddl).Error)
	}
	err = w.db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(tx.Exec("INSERT INTO children VALUES (1)").Error, tx.Create(&LogEntry{Event: "e"}).Error, tx.Create(&Note{Text: "n"}).Error)
	})
	var partial *bindkey.PartialCommitError
	if !errors.As(err, &partial) || fmt.Sprintf("%v %v %v", partial.Committed, partial.Failed, partial.RolledBack) != "[analytics archive] main []" {
		t.Error(err)
	}
}

// A bind that opens late is in the database too, and counts as there before.
func TestOneDatabaseOpenLate(t *testing.T) {
	wait := bindkey.AttemptSoon(t)
	var up atomic.Bool
	var attempts atomic.Int32
	w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.OpenLate()}, install: func(w *world) {
		w.registerBut("analytics")
		up.Store(false)
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{
			partDialector{sqlitedb.New("file:" + w.file("main")), &up, &attempts, new([]gorm.ConnPool)}}})
	}})
	if err := w.db.Where("id IN (SELECT user_id FROM logs)").Find(&[]User{}).Error; err != nil {
		t.Errorf("while it is down: %v", err)
	}
	up.Store(true)
	time.Sleep(wait)
	if changed := w.changes(func() { w.must(w.db.Create(&User{Name: "u", Logs: []LogEntry{{Event: "e"}}}).Error) }); changed != "main.logs main.users" {
		t.Errorf("changed %s", changed)
	}
}
