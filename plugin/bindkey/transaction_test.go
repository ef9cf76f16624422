package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// A txWorld is a world whose pools have one connection each, so that who waits
// for himself is found, and whose calls are recorded.
type txWorld struct {
	*world
	calls testkit.Recorder
	pools map[string]*sql.DB // by file
}

// Hooked lives in analytics, and does in its hooks what the test wants.
type Hooked struct {
	_     struct{} `bind:"analytics"`
	ID    uint
	Text  string
	Child *HookedChild `gorm:"constraint:-"`
	hooks map[string]func(*gorm.DB) error
}

// HookedChild lives in archive.
type HookedChild struct {
	_        struct{} `bind:"archive"`
	ID       uint
	HookedID uint
	hook     func(*gorm.DB) error
}

func (h *Hooked) run(name string, tx *gorm.DB) error {
	if h.hooks[name] == nil {
		return nil
	}
	return h.hooks[name](tx)
}

func (h *Hooked) BeforeCreate(tx *gorm.DB) error { return h.run("BeforeCreate", tx) }
func (h *Hooked) AfterCreate(tx *gorm.DB) error  { return h.run("AfterCreate", tx) }
func (h *Hooked) BeforeSave(tx *gorm.DB) error   { return h.run("BeforeSave", tx) }
func (h *Hooked) AfterSave(tx *gorm.DB) error    { return h.run("AfterSave", tx) }
func (h *Hooked) BeforeUpdate(tx *gorm.DB) error { return h.run("BeforeUpdate", tx) }
func (h *Hooked) AfterUpdate(tx *gorm.DB) error  { return h.run("AfterUpdate", tx) }
func (h *Hooked) BeforeDelete(tx *gorm.DB) error { return h.run("BeforeDelete", tx) }
func (h *Hooked) AfterDelete(tx *gorm.DB) error  { return h.run("AfterDelete", tx) }

func (h *HookedChild) AfterCreate(tx *gorm.DB) error {
	if h.hook == nil {
		return nil
	}
	return h.hook(tx)
}

// newTxWorld makes a world; install registers the binds, if they are not those
// of every world.
func newTxWorld(t *testing.T, config worldConfig, install ...func(*txWorld)) *txWorld {
	t.Helper()
	w := &txWorld{pools: map[string]*sql.DB{}}
	if install == nil {
		install = append(install, (*txWorld).registerAll)
	}
	config.install = func(made *world) {
		w.world = made
		for _, file := range worldFiles {
			pool := sql.OpenDB(w.calls.Wrap(file, newSQLiteConnector(w.file(file))))
			pool.SetMaxOpenConns(1)
			w.pools[file] = pool
			t.Cleanup(func() { _ = pool.Close() })
		}
		install[0](w)
	}
	w.world = newWorld(t, config)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	w.db = w.db.WithContext(ctx) // nothing waits longer for a connection
	w.must(w.db.AutoMigrate(&Hooked{}, &HookedChild{}))
	return w
}

func (w *txWorld) registerAll() {
	w.plugin.Register("main", dbresolver.Config{Sources: w.at("main"), Replicas: w.at("main-replica")})
	w.plugin.Register("analytics", dbresolver.Config{Sources: w.at("analytics"), Replicas: w.at("analytics-replica")})
	w.plugin.Register("archive", dbresolver.Config{Sources: w.at("archive")})
}

// at are the recorded pools of files, as sources or replicas.
func (w *txWorld) at(files ...string) (dialectors []gorm.Dialector) {
	for _, file := range files {
		dialectors = append(dialectors, sqlite.New(sqlite.Config{Conn: w.pools[file]}))
	}
	return dialectors
}

// trace runs something and tells the calls of the drivers.
func (w *txWorld) trace(run func()) string {
	w.calls.Start(nil)
	run()
	return testkit.Trace(testkit.Whole(w.calls.Stop()))
}

// idle waits until no connection is in use, and tries each.
func (w *txWorld) idle() {
	w.Helper()
	for file, pool := range w.pools {
		for deadline := time.Now().Add(10 * time.Second); pool.Stats().InUse > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				w.Fatalf("a connection of %s is in use", file)
			}
		}
		tx, err := pool.Begin()
		w.must(err)
		w.must(tx.Rollback())
	}
}

// free is idle without waiting.
func (w *txWorld) free() error {
	for file, pool := range w.pools {
		if pool.Stats().InUse > 0 {
			return fmt.Errorf("a connection of %s is in use", file)
		}
	}
	return nil
}

var errOwn = errors.New("the application's own error")

func TestTransactionLazy(t *testing.T) {
	log := func() *LogEntry { return &LogEntry{Event: "new"} }
	for _, c := range []struct {
		name string
		run  func(db *gorm.DB) error
		want string
	}{
		{"nothing", func(db *gorm.DB) error { return db.Transaction(func(*gorm.DB) error { return nil }) }, ""},
		{"nothing, by hand", func(db *gorm.DB) error { return db.Begin().Commit().Error }, ""},
		{"nothing, rolled back", func(db *gorm.DB) error { return db.Begin().Rollback().Error }, ""},
		{"nothing, nested", func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Transaction(func(*gorm.DB) error { return nil }) })
		}, ""},
		{"DryRun", func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Session(&gorm.Session{DryRun: true}).Create(log()).Error })
		}, ""},
		{"a refused statement", func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error {
				if err := tx.Clauses(bindkey.Use("nowhere")).First(&User{}).Error; !errors.Is(err, bindkey.ErrUnknownBind) {
					return fmt.Errorf("err = %w", err)
				}
				return nil
			})
		}, ""},
		{"one bind", func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error {
				if err := tx.First(&LogEntry{}).Error; err != nil {
					return err
				}
				return tx.Create(log()).Error
			})
		}, "BEGIN analytics, STATEMENT analytics, STATEMENT analytics, COMMIT analytics"},
		{"one bind, rolled back", func(db *gorm.DB) error {
			tx := db.Begin()
			return errors.Join(tx.Error, tx.Create(log()).Error, tx.Rollback().Error)
		}, "BEGIN analytics, STATEMENT analytics, ROLLBACK analytics"},
		{"two binds", func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error {
				return errors.Join(tx.Create(&User{Name: "u"}).Error, tx.Create(log()).Error)
			})
		}, "BEGIN main, STATEMENT main, BEGIN analytics, STATEMENT analytics, " +
			"CHECK analytics, CHECK main, COMMIT analytics, COMMIT main"},
		{"default", func(db *gorm.DB) error { return db.Create(log()).Error },
			"BEGIN analytics, STATEMENT analytics, COMMIT analytics"},
		{"default, refused by a hook", func(db *gorm.DB) error {
			err := db.Create(&Hooked{hooks: map[string]func(*gorm.DB) error{"BeforeCreate": func(*gorm.DB) error { return errOwn }}}).Error
			if !errors.Is(err, errOwn) {
				return fmt.Errorf("err = %w", err)
			}
			return nil
		}, "BEGIN analytics, ROLLBACK analytics"},
		{"default, refused by GORM", func(db *gorm.DB) error {
			if err := db.Delete(&Note{}).Error; !errors.Is(err, gorm.ErrMissingWhereClause) {
				return fmt.Errorf("err = %w", err)
			}
			return nil
		}, "BEGIN archive, ROLLBACK archive"},
		{"default, with associations", func(db *gorm.DB) error {
			return db.Create(&User{Name: "u", Notes: []Note{{Text: "n"}}, Logs: []LogEntry{{Event: "e"}}}).Error
		}, "BEGIN main, STATEMENT main, BEGIN analytics, STATEMENT analytics, BEGIN archive, STATEMENT archive, " +
			"CHECK analytics, CHECK archive, CHECK main, COMMIT analytics, COMMIT archive, COMMIT main"},
		{"default, where the other bind writes first", func(db *gorm.DB) error {
			return db.Create(&LogEntry{Event: "e", User: &User{Name: "u"}}).Error
		}, "BEGIN analytics, BEGIN main, STATEMENT main, STATEMENT analytics, " +
			"CHECK analytics, CHECK main, COMMIT analytics, COMMIT main"},
		{"SkipDefaultTransaction", func(db *gorm.DB) error {
			return db.Session(&gorm.Session{SkipDefaultTransaction: true}).Create(log()).Error
		}, "STATEMENT analytics"},
		{"batches", func(db *gorm.DB) error { return db.CreateInBatches(batch(3), 2).Error },
			"BEGIN analytics, STATEMENT analytics, STATEMENT analytics, COMMIT analytics"},
		{"a read", func(db *gorm.DB) error { return db.First(&LogEntry{}).Error }, "STATEMENT analytics-replica"},
		{"Use begins at once", func(db *gorm.DB) error {
			return db.Clauses(dbresolver.Use("analytics")).Begin().Commit().Error
		}, "BEGIN analytics, COMMIT analytics"},
		{"Use begins at once, and others go where they live", func(db *gorm.DB) error {
			tx := db.Clauses(dbresolver.Use("analytics")).Begin()
			return errors.Join(tx.Create(&Note{Text: "n"}).Error, tx.Create(&User{Name: "u"}).Error, tx.Commit().Error)
		}, "BEGIN analytics, BEGIN archive, STATEMENT archive, BEGIN main, STATEMENT main, " +
			"CHECK analytics, CHECK archive, CHECK main, COMMIT analytics, COMMIT archive, COMMIT main"},
		{"SQLTx begins", func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error {
				sqlTx, err := bindkey.SQLTx(tx, "archive")
				if err != nil {
					return err
				}
				_, err = sqlTx.Exec("DELETE FROM notes")
				return err
			})
		}, "BEGIN archive, STATEMENT archive, CHECK archive, COMMIT archive"}, // nobody has seen what was sent there
	} {
		for _, prepare := range []bool{false, true} {
			c, prepare := c, prepare
			t.Run(fmt.Sprintf("%s, PrepareStmt %v", c.name, prepare), func(t *testing.T) {
				w := newTxWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
				if got := w.trace(func() { w.must(c.run(w.db)) }); got != c.want {
					t.Errorf("calls %q\nwant  %q", got, c.want)
				}
				w.idle()
			})
		}
	}
}

func TestTransactionOptions(t *testing.T) {
	w := newTxWorld(t, worldConfig{})
	for _, c := range []struct {
		opts sql.TxOptions
		want string
	}{
		{sql.TxOptions{Isolation: sql.LevelSerializable}, "BEGIN main, BEGIN analytics, BEGIN archive"},
		{sql.TxOptions{ReadOnly: true}, "BEGIN main-replica, BEGIN analytics-replica, BEGIN archive"},
	} {
		opts := c.opts
		w.calls.Start(nil)
		tx := w.db.Begin(&opts)
		opts = sql.TxOptions{} // BEGIN comes later, but the options were those of Begin
		w.must(errors.Join(tx.First(&User{}).Error, tx.First(&LogEntry{}).Error, tx.First(&Note{}).Error, tx.Commit().Error))
		var begins []testkit.Call
		for _, call := range testkit.Whole(w.calls.Stop()) {
			if call.Kind == testkit.Begin {
				begins = append(begins, call)
				if call.Options.ReadOnly != c.opts.ReadOnly || sql.IsolationLevel(call.Options.Isolation) != c.opts.Isolation {
					t.Errorf("%s has options %+v", call, call.Options)
				}
			}
		}
		if got := testkit.Trace(begins); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
		w.idle()
	}
}

// The end of the context rolls every branch back, whether anybody calls
// Rollback or not.
func TestTransactionContextEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		want error
		// begin begins a transaction, and end makes its context end.
		begin func(w *txWorld) (tx *gorm.DB, end func())
	}{
		{"cancelled", context.Canceled, func(w *txWorld) (*gorm.DB, func()) {
			ctx, cancel := context.WithCancel(context.Background())
			return w.db.WithContext(ctx).Begin(), cancel
		}},
		{"deadline", context.DeadlineExceeded, func(w *txWorld) (*gorm.DB, func()) {
			ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
			w.Cleanup(cancel)
			return w.db.WithContext(ctx).Begin(), func() { <-ctx.Done() }
		}},
		{"DefaultTransactionTimeout", context.DeadlineExceeded, func(w *txWorld) (*gorm.DB, func()) {
			db := w.db.WithContext(context.Background())
			db.Config.DefaultTransactionTimeout = 250 * time.Millisecond
			return db.Begin(), w.idle // nothing else tells that it has ended
		}},
	} {
		c := c
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newTxWorld(t, worldConfig{})
			for name, finish := range map[string]func(tx *gorm.DB){
				"abandoned": func(*gorm.DB) {},
				"statement": func(tx *gorm.DB) {
					for _, model := range []any{&LogEntry{Event: "late"}, &User{Name: "late"}, &Note{Text: "late"}} {
						if err := tx.Create(model).Error; !errors.Is(err, c.want) {
							t.Errorf("a statement: %v", err)
						}
					}
				},
				"Commit": func(tx *gorm.DB) {
					if err := tx.Commit().Error; !errors.Is(err, c.want) || errors.Is(err, sql.ErrTxDone) {
						t.Errorf("Commit: %v", err)
					}
					w.must(w.free()) // it waited for the rollback
				},
				"Rollback": func(tx *gorm.DB) {
					w.must(tx.Rollback().Error)
					w.must(w.free())
				},
				"SavePoint": func(tx *gorm.DB) {
					if err := tx.SavePoint("sp").Error; !errors.Is(err, c.want) && c.name != "DefaultTransactionTimeout" {
						t.Errorf("SavePoint: %v", err)
					}
					if err := tx.Commit().Error; !errors.Is(err, c.want) {
						t.Errorf("Commit: %v", err)
					}
				},
				"RollbackTo": func(tx *gorm.DB) {
					if err := tx.RollbackTo("early").Error; !errors.Is(err, c.want) {
						t.Errorf("RollbackTo: %v", err)
					}
				},
			} {
				changed := w.changes(func() {
					tx, end := c.begin(w)
					w.must(errors.Join(tx.Create(&LogEntry{Event: "early"}).Error, tx.SavePoint("early").Error, tx.Create(&User{Name: "early"}).Error))
					end()
					finish(tx)
					w.idle()
				})
				if changed != "" {
					t.Errorf("%s: changed %s", name, changed)
				}
			}
		})
	}
}

// The context of a session in a transaction may end without the transaction's.
func TestTransactionSessionContextEnds(t *testing.T) {
	w := newTxWorld(t, worldConfig{})
	changed := w.changes(func() {
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&User{Name: "outer"}).Error; err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(context.Background())
			err := tx.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				err := errors.Join(tx.Create(&User{Name: "inner"}).Error, tx.Create(&LogEntry{Event: "inner"}).Error)
				cancel()
				return errors.Join(err, tx.Create(&Note{Text: "late"}).Error)
			})
			if !errors.Is(err, context.Canceled) {
				return fmt.Errorf("err = %w", err)
			}
			if err := tx.WithContext(ctx).Transaction(func(*gorm.DB) error { return nil }); !errors.Is(err, context.Canceled) {
				return fmt.Errorf("err = %w", err)
			}
			return tx.First(&User{}, "name = ?", "outer").Error
		}))
	})
	if changed != "main.users" {
		t.Errorf("changed %s", changed)
	}
	var users int64
	w.must(w.plain["main"].Model(&User{}).Where("name = ?", "inner").Count(&users).Error)
	if users != 0 {
		t.Error("the nested transaction was not undone")
	}
	w.idle()
}

// Every kind of statement sees what the transaction wrote on its bind, and
// nobody else does.
func TestTransactionReadsItsWrites(t *testing.T) {
	ctx := context.Background()
	found := func(n int, err error) error {
		if err == nil && n != 1 {
			err = fmt.Errorf("found %d", n)
		}
		return err
	}
	reads := map[string]func(tx *gorm.DB) error{
		"First": func(tx *gorm.DB) error { return tx.First(&LogEntry{}, "event = 'mine'").Error },
		"Find": func(tx *gorm.DB) error {
			var logs []LogEntry
			err := tx.Where("event = 'mine'").Find(&logs).Error
			return found(len(logs), err)
		},
		"Count": func(tx *gorm.DB) error {
			var n int64
			err := tx.Model(&LogEntry{}).Where("event = 'mine'").Count(&n).Error
			return found(int(n), err)
		},
		"Pluck": func(tx *gorm.DB) error {
			var events []string
			err := tx.Model(&LogEntry{}).Where("event = 'mine'").Pluck("event", &events).Error
			return found(len(events), err)
		},
		"Raw": func(tx *gorm.DB) error {
			var n int
			err := tx.Raw("SELECT COUNT(*) FROM logs WHERE event = 'mine'").Scan(&n).Error
			return found(n, err)
		},
		"Row": func(tx *gorm.DB) error {
			var n int
			err := tx.Raw("SELECT COUNT(*) FROM logs WHERE event = 'mine'").Row().Scan(&n)
			return found(n, err)
		},
		"Rows": func(tx *gorm.DB) error {
			rows, err := tx.Model(&LogEntry{}).Where("event = 'mine'").Rows()
			if err != nil {
				return err
			}
			n := 0
			for rows.Next() {
				n++
			}
			return found(n, rows.Close())
		},
		"FindInBatches": func(tx *gorm.DB) error {
			n := 0
			var logs []LogEntry
			err := tx.Where("event = 'mine'").FindInBatches(&logs, 1, func(tx *gorm.DB, _ int) error {
				n += len(logs)
				return tx.Session(&gorm.Session{NewDB: true}).First(&User{}, "name = 'mine'").Error
			}).Error
			return found(n, err)
		},
		"Preload": func(tx *gorm.DB) error {
			var user User
			err := tx.Preload("Logs").Preload("Notes").Preload("Tags").Preload("Orders").First(&user, "name = 'mine'").Error
			if err == nil && (len(user.Logs) != 1 || len(user.Notes) != 1 || len(user.Tags) != 1 || len(user.Orders) != 1) {
				err = fmt.Errorf("preloaded %+v", user)
			}
			return err
		},
		"Joins": func(tx *gorm.DB) error {
			return tx.Joins("Team").First(&User{}, "users.name = 'mine' AND Team.name = 'mine'").Error
		},
		"Association": func(tx *gorm.DB) error {
			var user User
			if err := tx.First(&user, "name = 'mine'").Error; err != nil {
				return err
			}
			var logs []LogEntry
			err := tx.Model(&user).Association("Logs").Find(&logs)
			return errors.Join(found(len(logs), err), found(int(tx.Model(&user).Association("Notes").Count()), nil))
		},
		"hook": func(tx *gorm.DB) error {
			return tx.Create(&Hooked{hooks: map[string]func(*gorm.DB) error{"AfterCreate": func(tx *gorm.DB) error {
				return errors.Join(tx.First(&User{}, "name = 'mine'").Error, tx.First(&LogEntry{}, "event = 'mine'").Error)
			}}}).Error
		},
		"generics": func(tx *gorm.DB) error {
			_, err := gorm.G[LogEntry](tx).Where("event = ?", "mine").First(ctx)
			n, err2 := gorm.G[Note](tx).Where("text = ?", "mine").Count(ctx, "*")
			return errors.Join(err, found(int(n), err2))
		},
		"FirstOrCreate": func(tx *gorm.DB) error {
			log := LogEntry{}
			err := tx.Where(LogEntry{Event: "mine"}).Attrs(LogEntry{Origin: "created"}).FirstOrCreate(&log).Error
			if err == nil && log.Origin == "created" {
				err = errors.New("it was not found")
			}
			return err
		},
		"a subquery": func(tx *gorm.DB) error {
			return tx.First(&LogEntry{}, "id IN (?)", tx.Model(&LogEntry{}).Select("id").Where("event = 'mine'")).Error
		},
		"Migrator": func(tx *gorm.DB) error {
			type Fresh struct {
				_  struct{} `bind:"archive"`
				ID uint
			}
			if err := tx.AutoMigrate(&Fresh{}); err != nil {
				return err
			}
			if !tx.Migrator().HasTable(&Fresh{}) || !tx.Migrator().HasColumn(&Fresh{}, "id") {
				return errors.New("no table")
			}
			return errors.Join(tx.Create(&Fresh{}).Error, tx.First(&Fresh{}).Error)
		},
		"SQLTx": func(tx *gorm.DB) error {
			sqlTx, err := bindkey.SQLTx(tx, "analytics")
			if err != nil {
				return err
			}
			var n int
			err = sqlTx.QueryRow("SELECT COUNT(*) FROM logs WHERE event = 'mine'").Scan(&n)
			return found(n, err)
		},
	}
	for _, mode := range modes() {
		if !mode.inTx {
			continue
		}
		for name, read := range reads {
			mode, read := mode, read
			t.Run(mode.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := newTxWorld(t, worldConfig{gorm: mode.config})
				calls := w.trace(func() {
					mode.run(w.db, func(tx *gorm.DB) {
						err := tx.Create(&User{Name: "mine", Team: &Team{Name: "mine"}, Logs: []LogEntry{{Event: "mine"}},
							Notes: []Note{{Text: "mine"}}, Tags: []Tag{{Name: "mine"}}, Orders: []Order{{Item: "mine"}}}).Error
						if err == nil {
							err = read(tx)
						}
						if err != nil {
							t.Error(err)
						}
						for file, model := range map[string]any{"main": &User{}, "analytics": &Tag{}} {
							if err := w.plain[file].First(model, "name = 'mine'").Error; !errors.Is(err, gorm.ErrRecordNotFound) {
								t.Errorf("%s, seen from outside: %v", file, err)
							}
						}
					})
				})
				if strings.Contains(calls, "replica") || strings.Count(calls, "BEGIN") != strings.Count(calls, "COMMIT") {
					t.Error(calls)
				}
				w.idle()
			})
		}
	}
}

// Hooks of the default transaction write to other binds in it.
func TestDefaultTransactionHooks(t *testing.T) {
	for _, fails := range []bool{false, true} {
		w := newTxWorld(t, worldConfig{})
		hooked := Hooked{hooks: map[string]func(*gorm.DB) error{
			"BeforeCreate": func(tx *gorm.DB) error { return tx.Create(&User{Name: "hook"}).Error },
			"AfterCreate": func(tx *gorm.DB) error {
				err := tx.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&Team{Name: "undone"}).Error, tx.Create(&Note{Text: "undone"}).Error, errOwn)
				})
				if !errors.Is(err, errOwn) {
					return fmt.Errorf("err = %w", err)
				}
				if fails {
					return errOwn
				}
				return nil
			},
		}}
		var err error
		changed := w.changes(func() { err = w.db.Create(&hooked).Error })
		if want := map[bool]string{false: "analytics.hookeds main.users"}[fails]; changed != want {
			t.Errorf("fails %v: changed %q, want %q", fails, changed, want)
		}
		if errors.Is(err, errOwn) != fails {
			t.Error(err)
		}
		w.idle()
	}
}

func TestSavepoints(t *testing.T) {
	write := func(tx *gorm.DB, name string) error {
		return errors.Join(tx.Create(&User{Name: name}).Error, tx.Create(&LogEntry{Event: name}).Error)
	}
	for _, c := range []struct {
		name    string
		session gorm.Session
		run     func(tx *gorm.DB) error
		main    string // users that are kept
		logs    string
		failing bool // the transaction can only be rolled back
	}{
		{name: "nested", run: func(tx *gorm.DB) error {
			return errors.Join(write(tx, "outer"), tx.Transaction(func(tx *gorm.DB) error { return write(tx, "inner") }))
		}, main: "outer inner", logs: "outer inner"},
		{name: "nested, undone", run: func(tx *gorm.DB) error {
			err := write(tx, "outer")
			_ = tx.Transaction(func(tx *gorm.DB) error { return errors.Join(write(tx, "inner"), errOwn) })
			return errors.Join(err, write(tx, "after"))
		}, main: "outer after", logs: "outer after"},
		{name: "nested, panics", run: func(tx *gorm.DB) error {
			err := write(tx, "outer")
			func() {
				defer func() { _ = recover() }()
				_ = tx.Transaction(func(tx *gorm.DB) error {
					_ = write(tx, "inner")
					panic("in a nested transaction")
				})
			}()
			return err
		}, main: "outer", logs: "outer"},
		{name: "three deep", run: func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error {
				err := write(tx, "1")
				_ = tx.Transaction(func(tx *gorm.DB) error {
					_ = tx.Transaction(func(tx *gorm.DB) error { return write(tx, "2") })
					return errOwn
				})
				return errors.Join(err, tx.Transaction(func(tx *gorm.DB) error { return write(tx, "3") }))
			})
		}, main: "1 3", logs: "1 3"},
		{name: "a branch joins later", run: func(tx *gorm.DB) error {
			err := tx.Create(&User{Name: "before"}).Error
			_ = tx.Transaction(func(tx *gorm.DB) error { return errors.Join(write(tx, "inner"), errOwn) })
			return errors.Join(err, tx.Find(&[]LogEntry{}).Error)
		}, main: "before"},
		{name: "a branch joins again", run: func(tx *gorm.DB) error {
			err := tx.Create(&User{Name: "before"}).Error
			_ = tx.Transaction(func(tx *gorm.DB) error { return errors.Join(write(tx, "inner"), errOwn) })
			return errors.Join(err, write(tx, "after"))
		}, main: "before after", logs: "after"},
		{name: "by hand", run: func(tx *gorm.DB) error {
			return errors.Join(write(tx, "1"), tx.SavePoint("a").Error, write(tx, "2"), tx.SavePoint("b").Error, write(tx, "3"),
				tx.RollbackTo("b").Error, write(tx, "4"), tx.RollbackTo("A").Error, write(tx, "5"), tx.RollbackTo("a").Error)
		}, main: "1", logs: "1"},
		{name: "before any statement", run: func(tx *gorm.DB) error {
			return errors.Join(tx.SavePoint("a").Error, write(tx, "1"), tx.RollbackTo("a").Error, write(tx, "2"))
		}, main: "2", logs: "2"},
		{name: "the same name twice", run: func(tx *gorm.DB) error {
			return errors.Join(tx.SavePoint("a").Error, write(tx, "1"), tx.SavePoint("a").Error, write(tx, "2"), tx.RollbackTo("a").Error)
		}, main: "1", logs: "1"},
		{name: "unknown", run: func(tx *gorm.DB) error {
			err := write(tx, "1")
			if unknown := tx.Session(&gorm.Session{}).RollbackTo("nowhere").Error; unknown == nil || !strings.Contains(unknown.Error(), "nowhere") {
				return fmt.Errorf("RollbackTo: %w", unknown)
			}
			return err
		}, failing: true},
		{name: "one that was rolled back over", run: func(tx *gorm.DB) error {
			err := errors.Join(tx.SavePoint("a").Error, write(tx, "1"), tx.SavePoint("b").Error, tx.RollbackTo("a").Error)
			if tx.Session(&gorm.Session{}).RollbackTo("b").Error == nil {
				return errors.New("it was there")
			}
			return err
		}, failing: true},
		{name: "one that can't be set", run: func(tx *gorm.DB) error {
			err := write(tx, "1")
			var failed *bindkey.BranchError
			if bad := tx.Session(&gorm.Session{}).SavePoint("no name").Error; !errors.As(bad, &failed) || failed.Operation != "SAVEPOINT" {
				return fmt.Errorf("SavePoint: %w", bad)
			}
			return err
		}, failing: true},
		{name: "DisableNestedTransaction", session: gorm.Session{DisableNestedTransaction: true}, run: func(tx *gorm.DB) error {
			_ = tx.Transaction(func(tx *gorm.DB) error { return errors.Join(write(tx, "inner"), errOwn) })
			return write(tx, "outer")
		}, main: "inner outer", logs: "inner outer"},
	} {
		for i, kit := range []bool{false, true, false, true} {
			c, prepare, kit := c, i < 2, kit
			t.Run(fmt.Sprintf("%s, PrepareStmt %v, in a transaction of the test %v", c.name, prepare, kit), func(t *testing.T) {
				plugin := bindkey.New(bindkey.Models(worldModels...)).SetMaxOpenConns(1)
				db := bindtest.Open(t, plugin, bindtest.Config(gorm.Config{PrepareStmt: prepare}))
				if kit { // which the program does not notice
					bindtest.Rollback(t, db)
				}
				err := db.Session(&c.session).Transaction(c.run)
				if (err != nil) != c.failing {
					t.Errorf("err = %v", err)
				}
				var names, events []string
				for _, user := range bindtest.Rows(t, db, "main", &User{}) {
					names = append(names, user.Name)
				}
				for _, entry := range bindtest.Rows(t, db, "analytics", &LogEntry{}) {
					events = append(events, entry.Event)
				}
				if got := strings.Join(names, " "); got != c.main {
					t.Errorf("users %q, want %q", got, c.main)
				}
				if got := strings.Join(events, " "); got != c.logs {
					t.Errorf("logs %q, want %q", got, c.logs)
				}
				for key, pools := range plugin.Stats() {
					if n := pools["source"].InUse; n > 0 {
						t.Errorf("%d connections of %s are in use", n, key)
					}
				}
			})
		}
	}
}

func TestCommitOrder(t *testing.T) {
	all := func(tx *gorm.DB) error {
		return errors.Join(tx.Find(&[]User{}).Error, tx.Find(&[]Note{}).Error, tx.Find(&[]LogEntry{}).Error)
	}
	for _, c := range []struct {
		options []bindkey.Option
		want    string
	}{
		{nil, "archive analytics main"},
		{[]bindkey.Option{bindkey.Default("archive")}, "main analytics archive"},
		{[]bindkey.Option{bindkey.CommitOrder("main", "analytics")}, "main analytics archive"},
		{[]bindkey.Option{bindkey.CommitOrder("analytics")}, "analytics archive main"},
	} {
		db := bindtest.Open(t, bindkey.New(append(c.options, bindkey.Models(worldModels...))...))
		rec := bindtest.Record(t, db)
		if err := db.Transaction(all); err != nil {
			t.Fatal(err)
		}
		rec.WantCommits(strings.Fields(c.want)...)
	}
}

func TestTransactionIsOverOnce(t *testing.T) {
	ends := map[string]func(*gorm.DB) *gorm.DB{"Commit": (*gorm.DB).Commit, "Rollback": (*gorm.DB).Rollback}
	for first, end := range ends {
		for second, again := range ends {
			for _, statements := range []int{0, 1, 2} {
				w := newTxWorld(t, worldConfig{})
				tx := w.db.Begin()
				for _, model := range []any{&LogEntry{Event: "e"}, &Note{Text: "n"}}[:statements] {
					w.must(tx.Create(model).Error)
				}
				w.must(end(tx.Session(&gorm.Session{})).Error)
				for name, err := range map[string]error{
					second:          again(tx.Session(&gorm.Session{})).Error,
					"SavePoint":     tx.Session(&gorm.Session{}).SavePoint("sp").Error,
					"RollbackTo":    tx.Session(&gorm.Session{}).RollbackTo("sp").Error,
					"Create":        tx.Create(&LogEntry{Event: "late"}).Error,
					"First":         tx.First(&User{}).Error,
					"Transaction":   tx.Session(&gorm.Session{}).Transaction(func(*gorm.DB) error { return nil }),
					"AfterCommit":   bindkey.AfterCommit(tx, func(context.Context) error { return nil }),
					"AfterRollback": bindkey.AfterRollback(tx, func(context.Context) error { return nil }),
				} {
					if !errors.Is(err, sql.ErrTxDone) {
						t.Errorf("%s after %s of %d binds: %v", name, first, statements, err)
					}
				}
				w.idle()
			}
		}
	}
}

// A panic or the end of the goroutine leaves nothing behind.
func TestTransactionPanics(t *testing.T) {
	write := func(tx *gorm.DB) {
		_ = errors.Join(tx.Create(&User{Name: "p"}).Error, tx.Create(&LogEntry{Event: "p"}).Error)
	}
	const old = 9 // a row that is there
	hooked := func(id uint, name string, boom func()) *Hooked {
		return &Hooked{ID: id, Text: "p", Child: &HookedChild{}, hooks: map[string]func(*gorm.DB) error{name: func(tx *gorm.DB) error {
			write(tx)
			boom()
			return nil
		}}}
	}
	cases := map[string]func(db *gorm.DB, boom func()){
		"Transaction": func(db *gorm.DB, boom func()) {
			_ = db.Transaction(func(tx *gorm.DB) error { write(tx); boom(); return nil })
		},
		"nested Transaction": func(db *gorm.DB, boom func()) {
			_ = db.Transaction(func(tx *gorm.DB) error {
				write(tx)
				return tx.Transaction(func(tx *gorm.DB) error { write(tx); boom(); return nil })
			})
		},
		"a hook in a Transaction": func(db *gorm.DB, boom func()) {
			_ = db.Transaction(func(tx *gorm.DB) error { return tx.Create(hooked(0, "AfterCreate", boom)).Error })
		},
		"a hook of an association": func(db *gorm.DB, boom func()) {
			db.Create(&Hooked{Text: "p", Child: &HookedChild{hook: func(tx *gorm.DB) error { write(tx); boom(); return nil }}})
		},
		"a hook in batches": func(db *gorm.DB, boom func()) {
			db.CreateInBatches([]*Hooked{{Text: "p"}, hooked(0, "AfterCreate", boom)}, 1)
		},
		"FirstOrCreate": func(db *gorm.DB, boom func()) {
			db.Clauses(dbresolver.Write).Where("text = 'none'").FirstOrCreate(hooked(0, "AfterCreate", boom))
		},
	}
	for _, name := range []string{"BeforeCreate", "AfterCreate", "BeforeSave", "AfterSave"} {
		name := name
		cases["Create "+name] = func(db *gorm.DB, boom func()) { db.Create(hooked(0, name, boom)) }
	}
	for _, name := range []string{"BeforeUpdate", "AfterUpdate", "BeforeSave", "AfterSave"} {
		name := name
		cases["Save "+name] = func(db *gorm.DB, boom func()) { db.Save(hooked(old, name, boom)) }
		cases["Updates "+name] = func(db *gorm.DB, boom func()) { db.Updates(hooked(old, name, boom)) }
	}
	for _, name := range []string{"BeforeDelete", "AfterDelete"} {
		name := name
		cases["Delete "+name] = func(db *gorm.DB, boom func()) { db.Select("Child").Delete(hooked(old, name, boom)) }
	}
	for name, run := range cases {
		for kind, boom := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
			for _, prepare := range []bool{false, true} {
				run, boom, prepare := run, boom, prepare
				t.Run(fmt.Sprintf("%s, %s, PrepareStmt %v", name, kind, prepare), func(t *testing.T) {
					t.Parallel()
					w := newTxWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
					w.must(w.db.Create(&Hooked{ID: old}).Error)
					changed := w.changes(func() {
						done, went := make(chan struct{}), false
						go func() {
							defer close(done)
							defer func() { _ = recover() }()
							run(w.db, boom)
							went = true
						}()
						<-done
						if went {
							t.Error("it went on")
						}
						w.must(w.free())
					})
					if changed != "" {
						t.Errorf("changed %s", changed)
					}
					w.idle()
				})
			}
		}
	}
}

func TestTransactionGoroutines(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newTxWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		calls := w.trace(func() {
			w.must(w.db.Transaction(func(tx *gorm.DB) error {
				var group sync.WaitGroup
				failures := make([]error, 8)
				for i := range failures {
					i := i
					group.Add(1)
					go func() {
						defer group.Done()
						own := tx.Session(&gorm.Session{})
						for round := 0; round < 5; round++ {
							failures[i] = errors.Join(failures[i],
								own.Create(&User{Name: "g", Logs: []LogEntry{{Event: "g"}}}).Error,
								own.Create(&Note{Text: "g"}).Error,
								own.Preload("Logs").Last(&User{}, "name = 'g'").Error,
								bindkey.AfterCommit(own, func(context.Context) error { return nil }))
						}
					}()
				}
				group.Wait()
				return errors.Join(failures...)
			}))
		})
		if strings.Count(calls, "BEGIN") != 3 || strings.Count(calls, "COMMIT") != 3 {
			t.Error(calls)
		}
		var users, logs, notes int64
		w.must(w.plain["main"].Model(&User{}).Where("name = 'g'").Count(&users).Error)
		w.must(w.plain["analytics"].Model(&LogEntry{}).Where("event = 'g'").Count(&logs).Error)
		w.must(w.plain["archive"].Model(&Note{}).Where("text = 'g'").Count(&notes).Error)
		if users != 40 || logs != 40 || notes != 40 {
			t.Error(users, logs, notes)
		}
		w.idle()
	}
}

// Statements, the transaction's end and the context's end may meet in any order.
func TestTransactionEndsAmongGoroutines(t *testing.T) {
	w := newTxWorld(t, worldConfig{})
	for i := 0; i < 60; i++ {
		i := i
		ctx, cancel := context.WithCancel(context.Background())
		tx := w.db.WithContext(ctx).Begin()
		var group sync.WaitGroup
		start := make(chan struct{})
		for _, run := range []func(own *gorm.DB){
			func(own *gorm.DB) { own.Create(&User{Name: "race"}) },
			func(own *gorm.DB) { own.Create(&LogEntry{Event: "race"}) },
			func(own *gorm.DB) { own.SavePoint("sp"); own.RollbackTo("sp") },
			func(own *gorm.DB) {
				switch i % 3 {
				case 0:
					own.Commit()
				case 1:
					own.Rollback()
				default:
					cancel()
				}
			},
		} {
			run, own := run, tx.Session(&gorm.Session{NewDB: true})
			group.Add(1)
			go func() {
				defer group.Done()
				<-start
				run(own)
			}()
		}
		close(start)
		group.Wait()
		tx.Session(&gorm.Session{NewDB: true}).Rollback()
		cancel()
		w.idle()
	}
}

// A branch that waits for a connection keeps neither the other branches nor
// Rollback waiting.
func TestTransactionWaitsForOneBranchOnly(t *testing.T) {
	w := newTxWorld(t, worldConfig{})
	busy, err := w.pools["analytics"].Conn(context.Background())
	w.must(err)
	tx := w.db.Begin()
	w.must(tx.Create(&User{Name: "u"}).Error)
	waiting := make(chan error)
	go func() { waiting <- tx.Session(&gorm.Session{}).Create(&LogEntry{Event: "e"}).Error }()
	for w.pools["analytics"].Stats().WaitCount == 0 {
		time.Sleep(time.Millisecond)
	}
	changed := w.changes(func() {
		w.must(tx.Create(&Note{Text: "n"}).Error)
		w.must(tx.Rollback().Error)
		w.must(busy.Close())
		if err := <-waiting; !errors.Is(err, sql.ErrTxDone) {
			t.Error(err)
		}
	})
	if changed != "" {
		t.Errorf("changed %s", changed)
	}
	w.idle()

	// BEGIN that waits ends with the context.
	busy, err = w.pools["analytics"].Conn(context.Background())
	w.must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err = w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return tx.Create(&LogEntry{Event: "e"}).Error })
	var failed *bindkey.BranchError
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &failed) || failed.Key != "analytics" || failed.Operation != "BEGIN" {
		t.Error(err)
	}
	w.must(busy.Close())
	w.idle()
}

func TestTransactionStaysAtOneSource(t *testing.T) {
	w := newTxWorld(t, worldConfig{}, func(w *txWorld) {
		w.plugin.Register("main", dbresolver.Config{Sources: w.at("main")})
		w.plugin.Register("archive", dbresolver.Config{Sources: w.at("archive")})
		w.plugin.Register("analytics", dbresolver.Config{Sources: w.at("analytics", "analytics-replica"), Policy: &alternating{}})
	})
	seen := map[string]bool{}
	for i := 0; i < 4; i++ {
		calls := w.trace(func() {
			w.must(w.db.Transaction(func(tx *gorm.DB) error {
				return errors.Join(tx.Create(&LogEntry{Event: "1"}).Error, tx.First(&LogEntry{}, "event = '1'").Error,
					tx.Create(&Profile{Bio: "2"}).Error, tx.Clauses(dbresolver.Write).First(&Profile{}, "bio = '2'").Error)
			}))
		})
		at := strings.TrimPrefix(strings.Split(calls, ",")[0], "BEGIN ")
		seen[at] = true
		if strings.Count(calls, at) != 6 || strings.Count(calls, ",") != 5 {
			t.Error(calls)
		}
	}
	if len(seen) != 2 {
		t.Errorf("the policy chose %v", seen)
	}
}

type alternating struct{ n int }

func (a *alternating) Resolve(pools []gorm.ConnPool) gorm.ConnPool {
	a.n++
	return pools[a.n%len(pools)]
}

// Two keys on one pool have one branch, or SQLite would wait for itself.
func TestTransactionSharedPool(t *testing.T) {
	w := newTxWorld(t, worldConfig{}, func(w *txWorld) {
		w.plugin.Register("main", dbresolver.Config{Sources: w.at("main")})
		w.plugin.Register("analytics", dbresolver.Config{Sources: w.at("archive")})
		w.plugin.Register("archive", dbresolver.Config{Sources: w.at("archive")})
	})
	both := func(tx *gorm.DB) error {
		return errors.Join(tx.Create(&LogEntry{Event: "e"}).Error, tx.Create(&Note{Text: "n"}).Error)
	}
	calls := w.trace(func() { w.must(w.db.Transaction(both)) })
	if calls != "BEGIN archive, STATEMENT archive, STATEMENT archive, COMMIT archive" {
		t.Error(calls)
	}
	changed := w.changes(func() {
		w.must(w.db.Create(&User{Name: "u", Notes: []Note{{Text: "n"}}, Logs: []LogEntry{{Event: "e"}}}).Error)
		w.must(w.db.Transaction(func(tx *gorm.DB) error { return tx.Transaction(both) }))
	})
	if changed != "archive.logs archive.notes main.users" {
		t.Errorf("changed %s", changed)
	}
	w.idle()

	// A partial commit names both.
	w.must(w.db.Exec("CREATE TABLE parents (id INTEGER PRIMARY KEY)").Error)
	w.must(w.db.Exec("CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)").Error)
	_, err := w.pools["main"].Exec("PRAGMA foreign_keys = ON")
	w.must(err)
	err = w.db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(both(tx), tx.Exec("INSERT INTO children VALUES (1)").Error)
	})
	var partial *bindkey.PartialCommitError
	if !errors.As(err, &partial) || fmt.Sprintf("%v %v %v %v", partial.Committed, partial.Failed, partial.Unknown, partial.RolledBack) != "[analytics archive] main false []" {
		t.Error(err)
	}
	w.idle()
}

// The default bind is last, and CommitOrder counts, for whatever shares the pool.
func TestCommitOrderOfSharedPool(t *testing.T) {
	for _, c := range []struct {
		options []bindkey.Option
		models  []any // in the order in which they join
		want    string
	}{
		{nil, []any{&Note{}, &LogEntry{}, &User{}}, "COMMIT analytics, COMMIT main"},
		{[]bindkey.Option{bindkey.CommitOrder("archive")}, []any{&User{}, &LogEntry{}, &Note{}}, "COMMIT main, COMMIT analytics"},
	} {
		w := newTxWorld(t, worldConfig{options: c.options}, func(w *txWorld) {
			w.plugin.Register("main", dbresolver.Config{Sources: w.at("main")})
			w.plugin.Register("archive", dbresolver.Config{Sources: w.at("main")})
			w.plugin.Register("analytics", dbresolver.Config{Sources: w.at("analytics")})
		})
		calls := w.trace(func() {
			w.must(w.db.Transaction(func(tx *gorm.DB) error {
				var err error
				for _, model := range c.models {
					err = errors.Join(err, tx.First(model).Error)
				}
				return err
			}))
		})
		if !strings.HasSuffix(calls, c.want) {
			t.Errorf("calls %s, want %s", calls, c.want)
		}
	}
}

// What SQLite itself answers to COMMIT: a database that somebody reads is
// busy, and a deferred foreign key is found then.
func TestCommitFailures(t *testing.T) {
	t.Run("busy", func(t *testing.T) {
		w := newTxWorld(t, worldConfig{})
		for file, want := range map[string]string{
			"analytics": "",
			"archive":   "[analytics] archive false [main]",
			"main":      "[analytics archive] main false []",
		} {
			_, err := w.pools[file].Exec("PRAGMA busy_timeout = 10")
			w.must(err)
			reader := w.plain[file].Begin()
			rows, err := reader.Raw("SELECT * FROM users").Rows()
			w.must(err)
			rows.Next() // holds a shared lock
			var failed error
			changed := w.changes(func() {
				failed = w.db.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&LogEntry{Event: "b"}).Error, tx.Create(&Note{Text: "b"}).Error, tx.Create(&User{Name: "b"}).Error)
				})
			})
			w.must(errors.Join(rows.Close(), reader.Rollback().Error))
			var branch *bindkey.BranchError
			if !errors.As(failed, &branch) || branch.Key != file || branch.Operation != "COMMIT" || !strings.Contains(branch.Err.Error(), "locked") {
				t.Errorf("%s: %v", file, failed)
			}
			var partial *bindkey.PartialCommitError
			got := ""
			if errors.As(failed, &partial) {
				got = fmt.Sprintf("%v %v %v %v", partial.Committed, partial.Failed, partial.Unknown, partial.RolledBack)
			}
			if got != want {
				t.Errorf("%s: partial commit %q, want %q", file, got, want)
			}
			if kept := map[string]string{"archive": "analytics.logs", "main": "analytics.logs archive.notes"}[file]; changed != kept {
				t.Errorf("%s: changed %q, want %q", file, changed, kept)
			}
			w.idle()
		}
	})
	t.Run("translated", func(t *testing.T) {
		w := newTxWorld(t, worldConfig{gorm: gorm.Config{TranslateError: true}})
		w.must(w.db.Exec("CREATE TABLE parents (id INTEGER PRIMARY KEY)").Error)
		w.must(w.db.Exec("CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)").Error)
		_, err := w.pools["main"].Exec("PRAGMA foreign_keys = ON")
		w.must(err)
		for name, run := range map[string]func(tx *gorm.DB) error{
			"alone": func(tx *gorm.DB) error { return tx.Exec("INSERT INTO children VALUES (1)").Error },
			"partial": func(tx *gorm.DB) error {
				return errors.Join(tx.Create(&Note{}).Error, tx.Exec("INSERT INTO children VALUES (1)").Error)
			},
		} {
			err := w.db.Transaction(run)
			if !errors.Is(err, gorm.ErrForeignKeyViolated) || !strings.Contains(err.Error(), `"main"`) {
				t.Errorf("%s: %v", name, err)
			}
			if errors.Is(err, bindkey.ErrPartialCommit) != (name == "partial") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAfterCommitAndAfterRollback(t *testing.T) {
	type ran struct{ commit, rollback string }
	errAfter := errors.New("an outcome function's error")
	for _, c := range []struct {
		name string
		run  func(db *gorm.DB, after func(tx *gorm.DB, name string)) error
		want ran
		err  error
	}{
		{"outside", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			after(db, "a")
			after(db.Session(&gorm.Session{PrepareStmt: true}), "b")
			return nil
		}, ran{commit: "a b"}, nil},
		{"committed", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			return db.Transaction(func(tx *gorm.DB) error {
				after(tx, "before")
				err := tx.Create(&User{Name: "u"}).Error
				after(tx, "between")
				err = errors.Join(err, tx.Create(&LogEntry{Event: "e"}).Error)
				after(tx.Session(&gorm.Session{PrepareStmt: true}), "end")
				return err
			})
		}, ran{commit: "before between end"}, nil},
		{"without a statement", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			tx := db.Begin()
			after(tx, "a")
			return tx.Commit().Error
		}, ran{commit: "a"}, nil},
		{"rolled back", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			return db.Transaction(func(tx *gorm.DB) error {
				after(tx, "a")
				return errors.Join(tx.Create(&User{Name: "u"}).Error, errOwn)
			})
		}, ran{rollback: "a"}, errOwn},
		{"nested", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			return db.Transaction(func(tx *gorm.DB) error {
				err := tx.Transaction(func(tx *gorm.DB) error { after(tx, "inner"); return nil })
				after(tx, "outer")
				return err
			})
		}, ran{commit: "inner outer"}, nil},
		{"nested, undone", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			return db.Transaction(func(tx *gorm.DB) error {
				after(tx, "1")
				_ = tx.Transaction(func(tx *gorm.DB) error {
					after(tx, "undone")
					_ = tx.Transaction(func(tx *gorm.DB) error { after(tx, "undone too"); return nil })
					return errOwn
				})
				after(tx, "2")
				return nil
			})
		}, ran{commit: "1 2"}, nil},
		{"nested, undone, then all rolled back", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			return db.Transaction(func(tx *gorm.DB) error {
				_ = tx.Transaction(func(tx *gorm.DB) error { after(tx, "undone"); return errOwn })
				after(tx, "2")
				return errOwn
			})
		}, ran{rollback: "2"}, errOwn},
		{"in a hook", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			return db.Create(&Hooked{hooks: map[string]func(*gorm.DB) error{
				"BeforeCreate": func(tx *gorm.DB) error { after(tx, "before"); return nil },
				"AfterCreate":  func(tx *gorm.DB) error { after(tx, "after"); return nil },
			}, Child: &HookedChild{hook: func(tx *gorm.DB) error { after(tx, "child"); return nil }}}).Error
		}, ran{commit: "before child after"}, nil},
		{"in a hook, rolled back", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			return db.Create(&Hooked{hooks: map[string]func(*gorm.DB) error{
				"AfterCreate": func(tx *gorm.DB) error { after(tx, "a"); return errOwn },
			}}).Error
		}, ran{rollback: "a"}, errOwn},
		{"in a hook that panics", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			defer func() { _ = recover() }()
			return db.Create(&Hooked{hooks: map[string]func(*gorm.DB) error{
				"AfterCreate": func(tx *gorm.DB) error { after(tx, "a"); panic("boom") },
			}}).Error
		}, ran{rollback: "a"}, nil},
		{"failing", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			return db.Transaction(func(tx *gorm.DB) error {
				after(tx, "fails")
				after(tx, "runs all the same")
				return tx.Create(&User{Name: "kept"}).Error
			})
		}, ran{commit: "fails runs all the same"}, errAfter},
		{"failing in a hook", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			return db.Create(&Hooked{Text: "kept", hooks: map[string]func(*gorm.DB) error{
				"AfterCreate": func(tx *gorm.DB) error { after(tx, "fails"); return nil },
			}}).Error
		}, ran{commit: "fails"}, errAfter},
		{"failing outside", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			after(db, "fails")
			return nil
		}, ran{commit: "fails"}, nil},
		{"failing after a rollback", func(db *gorm.DB, after func(*gorm.DB, string)) error {
			tx := db.Begin()
			after(tx, "fails")
			return tx.Rollback().Error
		}, ran{rollback: "fails"}, errAfter},
	} {
		for _, prepare := range []bool{false, true} {
			c, prepare := c, prepare
			t.Run(fmt.Sprintf("%s, PrepareStmt %v", c.name, prepare), func(t *testing.T) {
				w := newTxWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
				var got ran
				call := func(ctx context.Context, into *string, name string) error {
					*into = strings.TrimPrefix(*into+" "+name, " ")
					w.must(w.free())
					w.must(ctx.Err())
					w.must(w.db.WithContext(ctx).Create(&Note{Text: "from an outcome function"}).Error) // connections are free
					if name == "fails" {
						return errAfter
					}
					return nil
				}
				after := func(tx *gorm.DB, name string) {
					outside := strings.Contains(c.name, "outside")
					err := bindkey.AfterCommit(tx, func(ctx context.Context) error { return call(ctx, &got.commit, name) })
					if outside && name == "fails" && errors.Is(err, errAfter) {
						err = nil
					}
					w.must(err)
					w.must(bindkey.AfterRollback(tx, func(ctx context.Context) error { return call(ctx, &got.rollback, name) }))
				}
				err := c.run(w.db, after)
				if got != c.want {
					t.Errorf("ran %+v, want %+v", got, c.want)
				}
				if !errors.Is(err, c.err) {
					t.Errorf("err = %v, want %v", err, c.err)
				}
				var afterCommit *bindkey.AfterCommitError
				if errors.As(err, &afterCommit) != (c.err == errAfter && c.want.commit != "") {
					t.Errorf("err = %v", err)
				}
				if strings.HasPrefix(c.name, "failing") && c.want.commit != "" {
					var kept int64
					w.must(w.plain["main"].Model(&User{}).Where("name = 'kept'").Count(&kept).Error)
					if kept == 0 {
						w.must(w.plain["analytics"].Model(&Hooked{}).Where("text = 'kept'").Count(&kept).Error)
					}
					if kept != 1 && c.name != "failing outside" {
						t.Error("the rows are not there")
					}
				}
				w.idle()
			})
		}
	}
}

// The context of the functions does not end with the transaction's, whose
// values it has.
func TestAfterCommitContext(t *testing.T) {
	w := newTxWorld(t, worldConfig{})
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "value"))
	ran := 0
	fn := func(ctx context.Context) error {
		cancel()
		ran++
		if ctx.Value(key{}) != "value" {
			t.Error("the value is missing")
		}
		return ctx.Err()
	}
	w.must(w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return errors.Join(bindkey.AfterCommit(tx, fn), bindkey.AfterCommit(tx, fn), tx.Create(&User{Name: "u"}).Error)
	}))
	w.must(bindkey.AfterCommit(w.db.WithContext(ctx), fn))
	if ran != 3 {
		t.Errorf("ran %d times", ran)
	}
}

// A transaction that is not the plugin's has no outcome functions.
func TestAfterCommitForeignTransaction(t *testing.T) {
	w := newTxWorld(t, worldConfig{})
	foreign, err := w.pools["main"].Begin()
	w.must(err)
	defer func() { _ = foreign.Rollback() }()
	tx := w.db.Session(&gorm.Session{Context: context.Background()})
	tx.Statement.ConnPool = foreign
	fn := func(context.Context) error { t.Error("it ran"); return nil }
	for _, err := range []error{bindkey.AfterCommit(tx, fn), bindkey.AfterRollback(tx, fn)} {
		if !errors.Is(err, gorm.ErrInvalidTransaction) {
			t.Error(err)
		}
	}
}
