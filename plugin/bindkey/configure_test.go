package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The models that settings are probed with: each side has a model
// and its parts, with a foreign key.
type (
	probedMain struct {
		_         struct{} `bind:"main"`
		ID        uint
		Name      string `gorm:"unique"`
		CreatedAt time.Time
		Parts     []probedMainPart `gorm:"foreignKey:ParentID"`
	}
	probedMainPart struct {
		_        struct{} `bind:"main"`
		ID       uint
		ParentID uint
		Parent   *probedMain
		Name     string
	}
	probedThere struct {
		_         struct{} `bind:"analytics"`
		ID        uint
		Name      string `gorm:"unique"`
		CreatedAt time.Time
		Parts     []probedTherePart `gorm:"foreignKey:ParentID"`
	}
	probedTherePart struct {
		_        struct{} `bind:"analytics"`
		ID       uint
		ParentID uint
		Parent   *probedThere
		Name     string
	}
)

// A side is a bind's models, and its name in what a probe tells.
type side struct {
	name, table, partTable string
	model                  func(id uint, name string, parts ...string) any
}

var probedSides = []side{
	{"main", "probed_mains", "probed_main_parts", func(id uint, name string, parts ...string) any {
		parent := &probedMain{ID: id, Name: name}
		for i, part := range parts {
			parent.Parts = append(parent.Parts, probedMainPart{ID: uint(i + 1), Name: part})
		}
		return parent
	}},
	{"analytics", "probed_theres", "probed_there_parts", func(id uint, name string, parts ...string) any {
		parent := &probedThere{ID: id, Name: name}
		for i, part := range parts {
			parent.Parts = append(parent.Parts, probedTherePart{ID: uint(i + 1), Name: part})
		}
		return parent
	}},
}

// A probe shows a setting by what it does to statements of one side.
type probe func(w *probeWorld, db *gorm.DB, s side) string

type probeWorld struct {
	*world
	pools map[string]*preparingPool
	logs  map[string]*tracedLog
	inTx  map[string]bool // by table: the last write of it was in a transaction
}

// A preparingPool counts the statements that it is asked to prepare.
type preparingPool struct {
	*sql.DB
	prepared atomic.Int32
}

func (p *preparingPool) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	p.prepared.Add(1)
	return p.DB.PrepareContext(ctx, query)
}

func (p *preparingPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

// A tracedLog keeps the SQL that is logged.
type tracedLog struct {
	logger.Interface
	lines []string
}

func newTracedLog() *tracedLog { return &tracedLog{Interface: logger.Discard} }

func (l *tracedLog) LogMode(logger.LogLevel) logger.Interface { return l }

func (l *tracedLog) Trace(_ context.Context, _ time.Time, line func() (string, int64), _ error) {
	sql, _ := line()
	l.lines = append(l.lines, sql)
}

func (l *tracedLog) take() string {
	lines := strings.Join(l.lines, "\n")
	l.lines = nil
	return lines
}

// newProbeWorld is a world with two binds, the default one not registered, and
// empty tables. configure is called before the plugin is used.
func newProbeWorld(t *testing.T, config gorm.Config, configure func(w *probeWorld)) *probeWorld {
	t.Helper()
	w := &probeWorld{
		world: &world{T: t, plain: map[string]*gorm.DB{}, dir: t.TempDir()},
		pools: map[string]*preparingPool{}, logs: map[string]*tracedLog{"handle": newTracedLog(), "bind": newTracedLog()}, inTx: map[string]bool{},
	}
	for _, name := range []string{"main", "analytics"} {
		conn, err := sql.Open(sqlitedb.DriverName, w.file(name)+"?_synchronous=OFF&_busy_timeout=5000")
		w.must(err)
		t.Cleanup(func() { conn.Close() })
		w.pools[name] = &preparingPool{DB: conn}
		w.plain[name] = openPlain(t, sqlite.New(sqlite.Config{Conn: conn}), &gorm.Config{})
	}
	config.Logger = w.logs["handle"]
	db, err := gorm.Open(sqlite.New(sqlite.Config{Conn: w.pools["main"]}), &config)
	w.must(err)
	w.db = db
	w.plugin = bindkey.New(bindkey.Models(&probedMain{}, &probedThere{})).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: w.pools["analytics"]})}})
	configure(w)
	w.must(db.Use(w.plugin))
	note := func(db *gorm.DB) { _, w.inTx[db.Statement.Table] = db.Statement.ConnPool.(gorm.TxCommitter) }
	w.must(errors.Join(db.Callback().Create().Before("gorm:create").Register("app:note", note),
		db.Callback().Update().Before("gorm:update").Register("app:note", note),
		db.Callback().Delete().Before("gorm:delete").Register("app:note", note)))
	return w
}

// migrated has the tables made, without the handle.
func (w *probeWorld) migrated() {
	w.must(w.plain["main"].AutoMigrate(&probedMainPart{}))
	w.must(w.plain["analytics"].AutoMigrate(&probedTherePart{}))
}

func said(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}

// The probes, by the setting that they show.
var probes = map[string]probe{
	"SkipDefaultTransaction": func(w *probeWorld, db *gorm.DB, s side) string {
		var told []string
		created := s.model(0, "skip")
		for _, write := range []func() error{
			func() error { return db.Create(created).Error },
			func() error { return db.Model(created).Update("name", "x").Error },
			func() error { return db.Delete(created).Error },
		} {
			delete(w.inTx, s.table)
			w.must(write())
			told = append(told, fmt.Sprint(w.inTx[s.table]))
		}
		return strings.Join(told, " ")
	},
	"PrepareStmt": func(w *probeWorld, db *gorm.DB, s side) string {
		before := w.pools[s.name].prepared.Load()
		w.must(db.Where("name <> ?", fmt.Sprint("unprepared", before)).Limit(int(before) + 1).Find(s.model(0, "")).Error)
		return fmt.Sprint(w.pools[s.name].prepared.Load() > before)
	},
	"Logger": func(w *probeWorld, db *gorm.DB, s side) string {
		w.logs["handle"].take()
		w.logs["bind"].take()
		w.must(db.Find(s.model(0, "")).Error)
		var told []string
		for _, name := range []string{"handle", "bind"} {
			if log := w.logs[name].take(); strings.Contains(log, s.table) {
				told = append(told, name)
			} else if log != "" {
				told = append(told, log)
			}
		}
		return strings.Join(told, " ")
	},
	"TranslateError": func(w *probeWorld, db *gorm.DB, s side) string {
		w.must(db.Where("1 = 1").Delete(s.model(0, "")).Error)
		w.must(db.Create(s.model(0, "twice")).Error)
		return fmt.Sprint(errors.Is(db.Create(s.model(0, "twice")).Error, gorm.ErrDuplicatedKey),
			errors.Is(db.Exec("INSERT INTO "+s.table+" (name) VALUES (?)", "twice").Error, gorm.ErrDuplicatedKey))
	},
	"NowFunc": func(w *probeWorld, db *gorm.DB, s side) string {
		w.must(db.Where("1 = 1").Delete(s.model(0, "")).Error)
		w.must(db.Create(s.model(0, "now")).Error)
		var created time.Time
		w.must(w.plain[s.name].Table(s.table).Select("created_at").Limit(1).Row().Scan(&created))
		return fmt.Sprint(created.Year())
	},
	"FullSaveAssociations": func(w *probeWorld, db *gorm.DB, s side) string {
		w.must(errors.Join(w.plain[s.name].Exec("DELETE FROM "+s.partTable).Error, w.plain[s.name].Exec("DELETE FROM "+s.table).Error))
		w.must(w.plain[s.name].Create(s.model(1, "parent", "old")).Error)
		w.must(db.Save(s.model(1, "parent", "new")).Error)
		var name string
		w.must(w.plain[s.name].Table(s.partTable).Pluck("name", &name).Error)
		return name
	},
	"AllowGlobalUpdate": func(w *probeWorld, db *gorm.DB, s side) string {
		w.must(w.plain[s.name].Exec("DELETE FROM " + s.table).Error)
		return said(db.Model(s.model(0, "")).Update("name", "all").Error) + ", " + said(db.Delete(s.model(0, "")).Error)
	},
	"QueryFields": func(w *probeWorld, db *gorm.DB, s side) string {
		return fmt.Sprint(!strings.Contains(db.Session(&gorm.Session{NewDB: true, DryRun: true}).Find(s.model(0, "")).Statement.SQL.String(), "*"))
	},
	"PropagateUnscoped": func(w *probeWorld, db *gorm.DB, s side) string {
		var propagates bool
		w.must(db.Callback().Query().After("gorm:query").Replace("app:unscoped", func(db *gorm.DB) {
			propagates = db.Session(&gorm.Session{NewDB: true}).Model(s.model(0, "")).Statement.Unscoped
		}))
		w.must(db.Unscoped().Find(s.model(0, "")).Error)
		return fmt.Sprint(propagates)
	},
}

// probesOneHandle are the probes that look with no other handle, which would wait
// for a transaction.
var probesOneHandle = map[string]bool{"Logger": true, "QueryFields": true, "PropagateUnscoped": true}

// TestConfigure proves of each setting that it holds for its bind's statements,
// and for no others, whichever bind has it.
func TestConfigure(t *testing.T) {
	never := func() time.Time { return inYear(1970) }
	for name, c := range map[string]struct {
		probe   string
		handle  gorm.Config
		set     func(w *probeWorld, c *gorm.Config)
		on, off string // what the probe tells of the bind, and of the other
	}{
		"SkipDefaultTransaction": {"SkipDefaultTransaction", gorm.Config{},
			func(_ *probeWorld, c *gorm.Config) { c.SkipDefaultTransaction = true }, "false false false", "true true true"},
		"a default transaction": {"SkipDefaultTransaction", gorm.Config{SkipDefaultTransaction: true},
			func(_ *probeWorld, c *gorm.Config) { c.SkipDefaultTransaction = false }, "true true true", "false false false"},
		"PrepareStmt": {"PrepareStmt", gorm.Config{},
			func(_ *probeWorld, c *gorm.Config) { c.PrepareStmt = true }, "true", "false"},
		"no PrepareStmt": {"PrepareStmt", gorm.Config{PrepareStmt: true},
			func(_ *probeWorld, c *gorm.Config) { c.PrepareStmt = false }, "false", "true"},
		"Logger": {"Logger", gorm.Config{},
			func(w *probeWorld, c *gorm.Config) { c.Logger = w.logs["bind"] }, "bind", "handle"},
		"TranslateError": {"TranslateError", gorm.Config{},
			func(_ *probeWorld, c *gorm.Config) { c.TranslateError = true }, "true true", "false false"},
		"no TranslateError": {"TranslateError", gorm.Config{TranslateError: true},
			func(_ *probeWorld, c *gorm.Config) { c.TranslateError = false }, "false false", "true true"},
		"NowFunc": {"NowFunc", gorm.Config{},
			func(_ *probeWorld, c *gorm.Config) { c.NowFunc = never }, "1970", fmt.Sprint(time.Now().Year())},
		"another NowFunc": {"NowFunc", gorm.Config{NowFunc: clock(2001)},
			func(_ *probeWorld, c *gorm.Config) { c.NowFunc = clock(2002) }, "2002", "2001"},
		"FullSaveAssociations": {"FullSaveAssociations", gorm.Config{},
			func(_ *probeWorld, c *gorm.Config) { c.FullSaveAssociations = true }, "new", "old"},
		"no FullSaveAssociations": {"FullSaveAssociations", gorm.Config{FullSaveAssociations: true},
			func(_ *probeWorld, c *gorm.Config) { c.FullSaveAssociations = false }, "old", "new"},
		"AllowGlobalUpdate": {"AllowGlobalUpdate", gorm.Config{},
			func(_ *probeWorld, c *gorm.Config) { c.AllowGlobalUpdate = true }, "done, done", "WHERE conditions required, WHERE conditions required"},
		"no AllowGlobalUpdate": {"AllowGlobalUpdate", gorm.Config{AllowGlobalUpdate: true},
			func(_ *probeWorld, c *gorm.Config) { c.AllowGlobalUpdate = false }, "WHERE conditions required, WHERE conditions required", "done, done"},
		"QueryFields": {"QueryFields", gorm.Config{},
			func(_ *probeWorld, c *gorm.Config) { c.QueryFields = true }, "true", "false"},
		"PropagateUnscoped": {"PropagateUnscoped", gorm.Config{},
			func(_ *probeWorld, c *gorm.Config) { c.PropagateUnscoped = true }, "true", "false"},
	} {
		for _, key := range []string{"analytics", "main"} {
			t.Run(name+" of "+key, func(t *testing.T) {
				w := newProbeWorld(t, c.handle, func(w *probeWorld) {
					w.plugin.Configure(key, func(config *gorm.Config) { c.set(w, config) })
				})
				w.migrated()
				tell := probes[c.probe]
				chained := w.db
				for _, s := range append(probedSides, probedSides...) { // in turns, so that nothing of one stays with the other
					want := c.off
					if s.name == key {
						want = c.on
					}
					if got := tell(w, w.db, s); got != want {
						t.Errorf("%s: %s, want %s", s.name, got, want)
					}
					if got := tell(w, chained.Session(&gorm.Session{NewDB: true}), s); got != want {
						t.Errorf("%s, chained on a result of the other: %s, want %s", s.name, got, want)
					}
					chained = w.db.Find(s.model(0, ""))
					if !probesOneHandle[c.probe] {
						continue
					}
					var inTx string
					w.must(w.db.Transaction(func(tx *gorm.DB) error {
						inTx = tell(w, tx, s)
						return nil
					}))
					if inTx != want {
						t.Errorf("%s, in a transaction: %s, want %s", s.name, inTx, want)
					}
				}
			})
		}
	}
}

// clock is not inlined: all its functions share their code.
//
//go:noinline
func clock(year int) func() time.Time { return func() time.Time { return inYear(year) } }

// TestConfigureMigrations is TestConfigure for the migrator's settings.
func TestConfigureMigrations(t *testing.T) {
	const (
		with    = "foreign key true, its table true"
		without = "foreign key false, its table true"
		alone   = "foreign key false, its table false"
	)
	for name, c := range map[string]struct {
		handle  gorm.Config
		set     func(*gorm.Config)
		on, off string
	}{
		"DisableForeignKeyConstraintWhenMigrating": {gorm.Config{},
			func(c *gorm.Config) { c.DisableForeignKeyConstraintWhenMigrating = true }, without, with},
		"foreign keys": {gorm.Config{DisableForeignKeyConstraintWhenMigrating: true},
			func(c *gorm.Config) { c.DisableForeignKeyConstraintWhenMigrating = false }, with, without},
		"IgnoreRelationshipsWhenMigrating": {gorm.Config{},
			func(c *gorm.Config) { c.IgnoreRelationshipsWhenMigrating = true }, alone, with},
		"relationships": {gorm.Config{IgnoreRelationshipsWhenMigrating: true},
			func(c *gorm.Config) { c.IgnoreRelationshipsWhenMigrating = false }, with, alone},
	} {
		for _, key := range []string{"analytics", "main"} {
			t.Run(name+" of "+key, func(t *testing.T) {
				w := newProbeWorld(t, c.handle, func(w *probeWorld) { w.plugin.Configure(key, c.set) })
				w.must(w.db.AutoMigrate(&probedMainPart{}, &probedTherePart{}))
				for _, s := range probedSides {
					want := c.off
					if s.name == key {
						want = c.on
					}
					var ddl string
					w.must(w.plain[s.name].Raw("SELECT sql FROM sqlite_master WHERE name = ?", s.partTable).Scan(&ddl).Error)
					got := fmt.Sprintf("foreign key %v, its table %v", strings.Contains(ddl, "FOREIGN KEY"), w.plain[s.name].Migrator().HasTable(s.table))
					if got != want {
						t.Errorf("%s: %s, want %s", s.name, got, want)
					}
				}
			})
		}
	}
}

// TestConfigureAcross proves that statements which GORM derives from one of
// another bind have the settings of their own.
func TestConfigureAcross(t *testing.T) {
	logs := map[string]*tracedLog{"main": newTracedLog(), "analytics": newTracedLog(), "archive": newTracedLog()}
	var inTx []string
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.registerAll()
		for key, log := range logs {
			log := log
			w.plugin.Configure(key, func(c *gorm.Config) { c.Logger = log })
		}
		w.plugin.Configure("analytics", func(c *gorm.Config) { c.SkipDefaultTransaction = true })
	}})
	w.must(w.db.Callback().Create().Before("gorm:create").Register("app:note", func(db *gorm.DB) {
		_, in := db.Statement.ConnPool.(gorm.TxCommitter)
		inTx = append(inTx, fmt.Sprint(db.Statement.Table, " ", in))
	}))
	for _, c := range []struct {
		name, logged, inTx string
		run                func(tx *gorm.DB) error
	}{
		{"associations", "main: teams users; analytics: logs; archive: notes", "teams true, users true, logs true, notes true", func(tx *gorm.DB) error {
			return tx.Create(&User{Name: "u", Team: &Team{Name: "t"}, Logs: []LogEntry{{Event: "e"}}, Notes: []Note{{Text: "n"}}}).Error
		}},
		{"an association of a bind without a transaction", "main: users; analytics: logs", "users true, logs false", func(tx *gorm.DB) error {
			return tx.Create(&LogEntry{Event: "e", User: &User{Name: "u"}}).Error
		}},
		{"preloads", "main: users; analytics: logs; archive: notes", "", func(tx *gorm.DB) error {
			return tx.Preload("Logs").Preload("Notes").First(&User{}).Error
		}},
		{"preloads back", "main: teams users; analytics: logs", "", func(tx *gorm.DB) error {
			return tx.Preload("User.Team").First(&LogEntry{}).Error
		}},
		{"hooks", "main: teams users; analytics: logs; archive: notes", "logs true, teams true", func(tx *gorm.DB) error { return tx.Create(&talkative{}).Error }},
		{"Raw and Exec", "main: users; analytics: logs; archive: notes", "", func(tx *gorm.DB) error {
			return errors.Join(tx.Raw("SELECT * FROM users").Find(&[]User{}).Error, tx.Exec("DELETE FROM logs WHERE id = 0").Error,
				tx.Model(&Note{}).Select("text").Limit(1).Row().Scan(new(string)))
		}},
		{"migrations", "main: users; analytics: logs; archive: notes", "", func(tx *gorm.DB) error {
			return errors.Join(tx.Migrator().RenameTable("users", "users"), tx.Migrator().DropColumn(&LogEntry{}, "event"), tx.Migrator().DropTable("notes"))
		}},
	} {
		inTx = nil
		if err := c.run(w.db); err != nil && c.name != "migrations" {
			t.Errorf("%s: %v", c.name, err)
		}
		var told []string
		for _, key := range []string{"main", "analytics", "archive"} {
			log, tables := logs[key].take(), ""
			for _, table := range []string{"logs", "notes", "teams", "users"} {
				for _, verb := range []string{"INTO ", "FROM ", "TABLE ", "EXISTS "} {
					if strings.Contains(log, verb+"`"+table+"`") || strings.Contains(log, verb+table) {
						tables += " " + table
						break
					}
				}
			}
			if tables != "" {
				told = append(told, key+":"+tables)
			}
		}
		if got := strings.Join(told, "; "); got != c.logged {
			t.Errorf("%s: logged %q, want %q", c.name, got, c.logged)
		}
		if got := strings.Join(inTx, ", "); got != c.inTx {
			t.Errorf("%s: in transactions: %q, want %q", c.name, got, c.inTx)
		}
	}
}

// TestSessionOverConfigure proves that what a session sets wins over the bind's
// settings, in statements that GORM derives, too.
func TestSessionOverConfigure(t *testing.T) {
	own := newTracedLog()
	for name, c := range map[string]struct {
		handle  gorm.Config
		set     func(w *probeWorld, c *gorm.Config) // nil: another setting
		session gorm.Session
		probe   string
		want    string
	}{
		"SkipDefaultTransaction": {session: gorm.Session{SkipDefaultTransaction: true}, probe: "SkipDefaultTransaction", want: "false false false"},
		"PrepareStmt":            {session: gorm.Session{PrepareStmt: true}, probe: "PrepareStmt", want: "true"},
		"Logger": {session: gorm.Session{Logger: own}, probe: "Logger", want: "",
			set: func(w *probeWorld, c *gorm.Config) { c.Logger = w.logs["bind"] }},
		"NowFunc": {session: gorm.Session{NowFunc: func() time.Time { return inYear(1999) }}, probe: "NowFunc", want: "1999",
			set: func(_ *probeWorld, c *gorm.Config) { c.NowFunc = clock(2002) }},
		"NowFunc, made as the handle's": {handle: gorm.Config{NowFunc: clock(2001)}, session: gorm.Session{NowFunc: clock(1999)}, probe: "NowFunc", want: "1999"},
		"FullSaveAssociations":          {session: gorm.Session{FullSaveAssociations: true}, probe: "FullSaveAssociations", want: "new"},
		"AllowGlobalUpdate":             {session: gorm.Session{AllowGlobalUpdate: true}, probe: "AllowGlobalUpdate", want: "done, done"},
		"QueryFields":                   {session: gorm.Session{QueryFields: true}, probe: "QueryFields", want: "true"},
		"PropagateUnscoped":             {session: gorm.Session{PropagateUnscoped: true}, probe: "PropagateUnscoped", want: "true"},
	} {
		t.Run(name, func(t *testing.T) {
			set := c.set
			if set == nil {
				set = func(_ *probeWorld, c *gorm.Config) { c.TranslateError = true }
			}
			w := newProbeWorld(t, c.handle, func(w *probeWorld) {
				w.plugin.Configure("analytics", func(config *gorm.Config) { set(w, config) })
			})
			w.migrated()
			for _, s := range probedSides {
				session := c.session
				if got := probes[c.probe](w, w.db.Session(&session), s); got != c.want {
					t.Errorf("%s: %s, want %s", s.name, got, c.want)
				}
			}
		})
	}
	if !strings.Contains(own.take(), "probed_theres") {
		t.Error("the session's logger was not used")
	}

	t.Run("Debug", func(t *testing.T) {
		var log, quiet strings.Builder
		w := newProbeWorld(t, gorm.Config{}, func(w *probeWorld) {
			w.db.Config.Logger = logger.New(printer{&log}, logger.Config{LogLevel: logger.Silent})
			w.plugin.Configure("analytics", func(c *gorm.Config) { c.Logger = logger.New(printer{&quiet}, logger.Config{LogLevel: logger.Silent}) })
		})
		w.migrated()
		w.must(w.db.Debug().Find(&probedThere{}).Error)
		w.must(w.db.Find(&probedThere{}).Error)
		if n := strings.Count(log.String()+quiet.String(), "probed_theres"); n != 1 {
			t.Errorf("Debug and a statement without it are logged %d times", n)
		}
	})

	// What the session has set is not lost on the way through a bind that has the
	// same for itself.
	for name, full := range map[string]bool{"through a bind of another setting": false, "through one of the same": true} {
		w := newWorld(t, worldConfig{install: func(w *world) {
			w.registerAll()
			w.plugin.Configure("analytics", func(c *gorm.Config) { c.FullSaveAssociations, c.QueryFields = full, true })
		}})
		session := w.db.Session(&gorm.Session{FullSaveAssociations: true})
		w.must(session.Save(&LogEntry{ID: 1, UserID: 1, User: &User{ID: 1, Orders: []Order{{ID: 1, Item: "changed"}}}}).Error)
		var item string
		w.must(w.plain["main"].Table("orders").Where("id = 1").Pluck("item", &item).Error)
		if item != "changed" {
			t.Errorf("derived, %s: the order is %q", name, item)
		}
	}
}

// Loggers that Go can't compare, or that a bind's dbresolver has marked, are
// replaced as others are.
func TestConfigureLoggers(t *testing.T) {
	for name, c := range map[string]struct {
		handle logger.Interface
		trace  bool
	}{
		"a pointer":                          {newTracedLog(), false},
		"a struct":                           {struct{ logger.Interface }{logger.Discard}, false},
		"one that can't be compared":         {uncomparable{logger.Discard, []string{"app"}}, false},
		"one in a struct, that can't either": {struct{ logger.Interface }{uncomparable{logger.Discard, []string{"app"}}}, false},
		"with TraceResolverMode":             {newTracedLog(), true},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if panicked := recover(); panicked != nil {
					t.Errorf("panic: %v", panicked)
				}
			}()
			log := newTracedLog()
			w := newWorld(t, worldConfig{gorm: gorm.Config{Logger: c.handle}, install: func(w *world) {
				w.registerBut("archive")
				w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}, TraceResolverMode: c.trace})
				w.plugin.Configure("analytics", func(c *gorm.Config) { c.Logger = log })
			}})
			w.must(w.db.First(&LogEntry{}).Error)
			w.must(w.db.First(&User{}).Error)
			if got := log.take(); !strings.Contains(got, "`logs`") || strings.Contains(got, "`users`") {
				t.Errorf("logged %q", got)
			}
		})
	}
}

// An uncomparable is a logger as some libraries have it: a struct with a slice.
type uncomparable struct {
	logger.Interface
	fields []string
}

func (u uncomparable) LogMode(logger.LogLevel) logger.Interface { return u }

// TestConfigureRefusals: a field that GORM reads before it is known which bind a
// statement goes to is refused, with its name, and the handle stays as it was.
func TestConfigureRefusals(t *testing.T) {
	refusals := map[string]func(*gorm.Config){
		"NamingStrategy":            func(c *gorm.Config) { c.NamingStrategy = schema.NamingStrategy{TablePrefix: "p_"} },
		"CreateBatchSize":           func(c *gorm.Config) { c.CreateBatchSize = 7 },
		"DefaultContextTimeout":     func(c *gorm.Config) { c.DefaultContextTimeout = time.Second },
		"DefaultTransactionTimeout": func(c *gorm.Config) { c.DefaultTransactionTimeout = time.Second },
		"DryRun":                    func(c *gorm.Config) { c.DryRun = true },
		"PrepareStmtMaxSize":        func(c *gorm.Config) { c.PrepareStmtMaxSize = 7 },
		"PrepareStmtTTL":            func(c *gorm.Config) { c.PrepareStmtTTL = time.Second },
		"DisableAutomaticPing":      func(c *gorm.Config) { c.DisableAutomaticPing = true },
		"DisableNestedTransaction":  func(c *gorm.Config) { c.DisableNestedTransaction = true },
		"ClauseBuilders":            func(c *gorm.Config) { c.ClauseBuilders = map[string]clause.ClauseBuilder{} },
		"ConnPool":                  func(c *gorm.Config) { c.ConnPool = nil },
		"Dialector":                 func(c *gorm.Config) { c.Dialector = sqlitedb.Open("other.db") },
		"Plugins":                   func(c *gorm.Config) { c.Plugins = nil },
	}
	for field, set := range refusals {
		t.Run(field, func(t *testing.T) {
			dir := t.TempDir()
			db := openPlain(t, sqlitedb.Open(dir+"/main.db"), &gorm.Config{})
			plugin := bindkey.New().Register("there", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(dir + "/there.db")}})
			plugin.Configure("there", func(c *gorm.Config) { c.PrepareStmt = true }).Configure("there", set)
			err := db.Use(plugin)
			var refused *bindkey.InvalidSettingError
			if !errors.As(err, &refused) || refused.Key != "there" || refused.Field != field || !errors.Is(err, bindkey.ErrInstall) {
				t.Fatalf("err = %v", err)
			}
			if !strings.Contains(err.Error(), field) || !strings.Contains(err.Error(), `"there"`) {
				t.Errorf("says %v", err)
			}
			if err := db.AutoMigrate(&Team{}); err != nil { // the handle is as it was
				t.Errorf("the handle is broken: %v", err)
			}
		})
	}
	t.Run("no field of gorm.Config is forgotten", func(t *testing.T) {
		const allowed = " SkipDefaultTransaction PrepareStmt Logger TranslateError NowFunc FullSaveAssociations PropagateUnscoped AllowGlobalUpdate" +
			" QueryFields DisableForeignKeyConstraintWhenMigrating IgnoreRelationshipsWhenMigrating "
		config := reflect.TypeOf(gorm.Config{})
		for i := 0; i < config.NumField(); i++ {
			field := config.Field(i)
			if field.IsExported() && refusals[field.Name] == nil && !strings.Contains(allowed, " "+field.Name+" ") {
				t.Errorf("%s: is it refused?", field.Name)
			}
		}
	})
	t.Run("a dialector that is not equal to itself", func(t *testing.T) {
		db := openPlain(t, registering{sqlitedb.Open(t.TempDir() + "/main.db"), func(*gorm.DB) error { return nil }}, &gorm.Config{})
		plugin := bindkey.New().Register("there", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(t.TempDir() + "/there.db")}})
		if err := db.Use(plugin.Configure("there", func(*gorm.Config) {})); err != nil {
			t.Errorf("nothing was set: %v", err) // a func in a struct
		}
	})
}

func TestConfigureMistakes(t *testing.T) {
	dir := t.TempDir()
	open := func() (*gorm.DB, *bindkey.Plugin) {
		return openPlain(t, sqlitedb.Open(dir+"/main.db"), &gorm.Config{}),
			bindkey.New().Register("there", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(dir + "/there.db")}})
	}
	t.Run("unknown keys", func(t *testing.T) {
		db, plugin := open()
		nothing := func(*gorm.Config) {}
		err := db.Use(plugin.Configure("nowhere", nothing).Configure("there", nothing).Configure("main", nothing).Configure("elsewhere", nothing))
		var unknown *bindkey.UnknownBindError
		if !errors.As(err, &unknown) || fmt.Sprint(unknown.Known) != "[main there]" {
			t.Fatalf("err = %v", err)
		}
		for _, says := range []string{`"nowhere"`, `"elsewhere"`, "Configure"} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%v does not say %s", err, says)
			}
		}
	})
	t.Run("after Use", func(t *testing.T) {
		db, plugin := open()
		if err := db.Use(plugin); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		db.Config.Logger = logger.New(printer{&log}, logger.Config{LogLevel: logger.Error})
		if plugin.Configure("there", func(*gorm.Config) { t.Error("called") }) != plugin {
			t.Error("Configure returns another plugin")
		}
		if !strings.Contains(log.String(), `"there"`) || !strings.Contains(log.String(), "after db.Use") {
			t.Errorf("logged %q", log.String())
		}
	})
}

// Several calls add up: each sees what the ones before have set.
func TestConfigureAddsUp(t *testing.T) {
	var seen []bool
	w := newProbeWorld(t, gorm.Config{AllowGlobalUpdate: true}, func(w *probeWorld) {
		w.plugin.
			Configure("analytics", func(c *gorm.Config) { seen = append(seen, c.AllowGlobalUpdate); c.QueryFields = true }).
			Configure("main", func(c *gorm.Config) { c.PrepareStmt = true }).
			Configure("analytics", func(c *gorm.Config) { seen = append(seen, c.QueryFields); c.AllowGlobalUpdate = false })
	})
	w.migrated()
	if fmt.Sprint(seen) != "[true true]" {
		t.Errorf("saw %v", seen)
	}
	for _, c := range []struct{ probe, main, there string }{
		{"QueryFields", "false", "true"},
		{"AllowGlobalUpdate", "done, done", "WHERE conditions required, WHERE conditions required"},
		{"PrepareStmt", "true", "false"},
	} {
		for i, want := range []string{c.main, c.there} {
			if got := probes[c.probe](w, w.db, probedSides[i]); got != want {
				t.Errorf("%s of %s: %s, want %s", c.probe, probedSides[i].name, got, want)
			}
		}
	}
}

// A statement of a bind without settings of its own allocates no more for those
// of other binds.
func TestConfigureCostsOthersNothing(t *testing.T) {
	allocations := func(configure bool) map[string]float64 {
		w := newProbeWorld(t, gorm.Config{DryRun: true, SkipDefaultTransaction: true}, func(w *probeWorld) {
			if configure {
				w.plugin.Configure("analytics", func(c *gorm.Config) { c.QueryFields = true })
			}
		})
		w.db.Config.Logger = logger.Discard
		counted := map[string]float64{}
		for name, run := range map[string]func(){
			"First":  func() { w.db.First(&probedMain{}, "id = ?", 1) },
			"Create": func() { w.db.Create(&probedMain{Name: "n"}) },
			"Exec":   func() { w.db.Exec("DELETE FROM probed_mains WHERE id = ?", 1) },
		} {
			counted[name] = testing.AllocsPerRun(200, run)
		}
		return counted
	}
	without, with := allocations(false), allocations(true)
	for name := range without {
		if with[name] > without[name] {
			t.Errorf("%s: %v allocations, %v without Configure", name, with[name], without[name])
		}
	}
}
