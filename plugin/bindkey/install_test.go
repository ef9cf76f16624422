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

func openPlain(t *testing.T, dialector gorm.Dialector, config *gorm.Config) *gorm.DB {
	t.Helper()
	config.Logger = logger.Discard
	db, err := gorm.Open(dialector, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDB(db) })
	return db
}

// failingDialector can't be opened, and says why with its DSN, as drivers do.
type failingDialector struct {
	gorm.Dialector
	DSN string
}

func (d failingDialector) Initialize(*gorm.DB) error {
	return fmt.Errorf("dial %s with password=hunter2: refused", d.DSN)
}

func TestInstallErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) gorm.Dialector { return sqlitedb.Open(filepath.Join(dir, name)) }
	good := dbresolver.Config{Sources: []gorm.Dialector{file("good.db")}}
	for name, c := range map[string]struct {
		plugin *bindkey.Plugin
		is     error
		says   string
	}{
		"no bind":          {bindkey.New(), bindkey.ErrInstall, "Plugin.Register"},
		"key twice":        {bindkey.New().Register("a", good).Register("a", good), bindkey.ErrConflict, `"a"`},
		"empty key":        {bindkey.New().Register("", good), bindkey.ErrInvalidKey, "empty"},
		"empty default":    {bindkey.New(bindkey.Default("")).Register("a", good), bindkey.ErrInvalidKey, "Default"},
		"empty tag name":   {bindkey.New(bindkey.TagName("")).Register("a", good), bindkey.ErrInvalidKey, "TagName"},
		"data of no model": {bindkey.New().Register("a", good, 42), bindkey.ErrInvalidKey, "int"},
		"model in two binds": {bindkey.New().Register("a", good, &Team{}).
			Register("b", good, Team{}), bindkey.ErrConflict, "Team"},
		"unknown key of a model":     {bindkey.New(bindkey.Models(&LogEntry{})).Register("a", good), bindkey.ErrUnknownBind, "analytics"},
		"no EndTimeout":              {bindkey.New(bindkey.EndTimeout(0)).Register("a", good), bindkey.ErrInstall, "EndTimeout"},
		"unknown key in CommitOrder": {bindkey.New(bindkey.CommitOrder("a", "b")).Register("a", good), bindkey.ErrUnknownBind, "CommitOrder"},
		"several mistakes": {bindkey.New(bindkey.Models(&LogEntry{}, &Note{})).Register("a", good),
			bindkey.ErrUnknownBind, "archive"},
	} {
		t.Run(name, func(t *testing.T) {
			db := openPlain(t, file("main.db"), &gorm.Config{})
			err := db.Use(c.plugin)
			if !errors.Is(err, c.is) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("err = %v", err)
			}
			if err := db.AutoMigrate(&Team{}); err != nil { // the handle is as it was
				t.Errorf("the handle is broken: %v", err)
			}
			if err := db.First(&Team{}).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
				t.Errorf("the handle is broken: %v", err)
			}
		})
	}
	t.Run("a source that can't be opened", func(t *testing.T) {
		for role, config := range map[string]dbresolver.Config{
			"source":    {Sources: []gorm.Dialector{failingDialector{file("x.db"), "postgres://u:hunter2@host/db"}}},
			"source-2":  {Sources: []gorm.Dialector{file("x.db"), failingDialector{file("x.db"), "postgres://u:hunter2@host/db"}}},
			"replica":   {Replicas: []gorm.Dialector{failingDialector{file("x.db"), "u:hunter2@tcp(host)/db"}}},
			"replica-2": {Replicas: []gorm.Dialector{file("x.db"), sqlitedb.Open(filepath.Join(dir, "no", "such", "folder.db"))}},
		} {
			var log strings.Builder
			db := openPlain(t, file("main.db"), &gorm.Config{})
			db.Config.Logger = logger.New(printer{&log}, logger.Config{LogLevel: logger.Info})
			err := db.Use(bindkey.New().Register("good", good).Register("broken", config))
			var opening *bindkey.OpenError
			if !errors.As(err, &opening) || opening.Key != "broken" || opening.Role != role || opening.Err == nil {
				t.Errorf("%s: %v", role, err)
			}
			for _, secret := range []string{"hunter2", "host", dir} {
				if strings.Contains(fmt.Sprint(err)+log.String(), secret) {
					t.Errorf("%s: the error tells %q: %v\n%s", role, secret, err, log.String())
				}
			}
		}
	})
	t.Run("twice", func(t *testing.T) {
		db := openPlain(t, file("main.db"), &gorm.Config{})
		plugin := bindkey.New().Register("a", good)
		if err := db.Use(plugin); err != nil {
			t.Fatal(err)
		}
		if err := db.Use(plugin); !errors.Is(err, gorm.ErrRegistered) {
			t.Errorf("the same handle again: %v", err)
		}
		if err := openPlain(t, file("second.db"), &gorm.Config{}).Use(plugin); !errors.Is(err, bindkey.ErrInstall) {
			t.Errorf("another handle: %v", err)
		}
		var log strings.Builder
		db.Config.Logger = logger.New(printer{&log}, logger.Config{LogLevel: logger.Error})
		if plugin.Register("late", good); !strings.Contains(log.String(), "after db.Use") || len(plugin.Keys()) != 2 {
			t.Errorf("Register after Use: %q, keys %v", log.String(), plugin.Keys())
		}
	})
	t.Run("in a transaction", func(t *testing.T) {
		db := openPlain(t, file("main.db"), &gorm.Config{})
		tx := db.Begin()
		defer tx.Rollback()
		if err := tx.Use(bindkey.New().Register("a", good)); !errors.Is(err, bindkey.ErrInstall) {
			t.Errorf("err = %v", err)
		}
	})
}

type printer struct{ *strings.Builder }

func (p printer) Printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func TestInstallThroughConfig(t *testing.T) {
	for way, plugins := range map[string]func(w *world) map[string]gorm.Plugin{
		"the plugin": func(w *world) map[string]gorm.Plugin {
			w.registerAll()
			return map[string]gorm.Plugin{"anything": w.plugin}
		},
		"the plugin and a dbresolver, in any order": func(w *world) map[string]gorm.Plugin {
			return map[string]gorm.Plugin{"bindkey": w.plugin, "gorm:db_resolver": dbresolver.
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "analytics").
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, "archive")}
		},
	} {
		for range [8]int{} { // map order is random
			t.Run(way, func(t *testing.T) {
				w := &world{T: t, dir: t.TempDir(), plugin: bindkey.New()}
				for _, name := range worldFiles {
					w.must(os.WriteFile(w.file(name), seededFiles(t)[name].bytes, 0o600))
				}
				db := openPlain(t, w.dialector("main"), &gorm.Config{Plugins: plugins(w)})
				var log LogEntry
				w.must(db.Clauses(dbresolver.Write).First(&log).Error)
				if log.Origin != "analytics" {
					t.Errorf("%s answered", log.Origin)
				}
				w.must(w.plugin.Close())
			})
		}
	}
}

// A dbresolver that is installed after the plugin opens its sources with the
// handle's plugins, which is an error; where it has none to open, the plugin
// keeps routing.
func TestDBResolverAfterThePlugin(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		err := w.db.Use(dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}))
		if !errors.Is(err, bindkey.ErrInstall) || !strings.Contains(err.Error(), "install dbresolver first") {
			t.Errorf("err = %v", err)
		}
		supplied := w.plain["archive"].ConnPool
		w.must(w.db.Use(dbresolver.Register(dbresolver.Config{}, &User{}).
			Register(dbresolver.Config{Sources: []gorm.Dialector{resolverPool{w.dialector("archive"), supplied}}})))
		for _, c := range readCases() {
			if c.name == "dbresolver.Use" || c.name == "chained on a Row" {
				continue
			}
			t.Run(fmt.Sprintf("%s, PrepareStmt %v", c.name, prepare), func(t *testing.T) {
				testRead(t, w, mode{run: func(db *gorm.DB, statement func(*gorm.DB)) { statement(db) }}, c)
			})
		}
		changed := w.changes(func() {
			w.must(w.db.Create(&User{Name: "u", Logs: []LogEntry{{Event: "e"}}}).Error)
			w.must(w.db.Exec("DELETE FROM notes WHERE id = 1").Error)
			w.must(w.db.Create(&Team{}).Error)
		})
		if changed != "analytics.logs archive.notes main.teams main.users" {
			t.Errorf("changed %s", changed)
		}
	}
}

// Its clauses work, though they no longer call the plugin's callback.
func TestClausesOfDBResolverAfterThePlugin(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(*gorm.DB) *gorm.DB
		want string
	}{
		"Write":                {func(db *gorm.DB) *gorm.DB { return db.Clauses(dbresolver.Write) }, "analytics"},
		"Use":                  {func(db *gorm.DB) *gorm.DB { return db.Clauses(dbresolver.Use("archive")) }, "archive"},
		"Use in a transaction": {func(db *gorm.DB) *gorm.DB { return db.Begin().Clauses(dbresolver.Use("archive")) }, "archive"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldConfig{})
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{})))
			var log LogEntry
			tx := c.run(w.db).First(&log)
			w.must(tx.Error)
			if log.Origin != c.want {
				t.Errorf("%s answered, want %s", log.Origin, c.want)
			}
			tx.Rollback()
		})
	}
}

// resolverPool opens with a pool, without plugins.
type resolverPool struct {
	gorm.Dialector
	pool gorm.ConnPool
}

func (d resolverPool) Initialize(db *gorm.DB) error {
	db.Config.Plugins = nil
	db.ConnPool = d.pool
	return nil
}

func TestSessionsMadeBefore(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		var before []*gorm.DB
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}, install: func(w *world) {
			before = append(before, w.db.Session(&gorm.Session{}), w.db.Debug(), w.db.WithContext(context.Background()))
			w.registerAll()
		}})
		for _, stale := range before {
			if changed := w.changes(func() {
				for name, err := range map[string]error{
					"First":  stale.First(&User{}).Error,
					"Create": stale.Create(&User{Name: "x"}).Error,
					"Exec":   stale.Exec("DELETE FROM logs").Error,
					"Row":    stale.Raw("SELECT 1").Row().Err(),
				} {
					if !errors.Is(err, bindkey.ErrForeignPool) || !strings.Contains(err.Error(), "before the plugin") {
						t.Errorf("%s: %v", name, err)
					}
				}
			}); changed != "" {
				t.Errorf("changed %s", changed)
			}
		}
	}
}

func TestTwoHandlesAreIndependent(t *testing.T) {
	a := newWorld(t, worldConfig{})
	b := newWorld(t, worldConfig{install: func(w *world) {
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
		w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}})
	}})
	var log LogEntry
	a.must(a.db.First(&log).Error)
	if log.Origin != "analytics-replica" {
		t.Errorf("%s answered", log.Origin)
	}
	log = LogEntry{}
	b.must(b.db.First(&log).Error)
	if log.Origin != "archive" {
		t.Errorf("%s answered", log.Origin)
	}
}

type initializedPlugin struct{ times int }

func (*initializedPlugin) Name() string { return "initialized" }

func (p *initializedPlugin) Initialize(*gorm.DB) error { p.times++; return nil }

// Sources are opened with the handle's configuration, but not with its
// plugins, clause builders and prepared statements.
func TestSourcesHaveMapsOfTheirOwn(t *testing.T) {
	earlier := &initializedPlugin{}
	w := newWorld(t, worldConfig{
		gorm: gorm.Config{PrepareStmt: true},
		install: func(w *world) {
			w.must(w.db.Use(earlier))
			w.registerAll()
		},
	})
	if earlier.times != 1 {
		t.Errorf("the earlier plugin was initialised %d times", earlier.times)
	}
	var log LogEntry
	w.must(w.db.Session(&gorm.Session{PrepareStmt: true}).First(&log).Error)
	if log.Origin != "analytics-replica" {
		t.Errorf("%s answered", log.Origin)
	}
}

func TestModelsWithoutKeyStayInTheApplicationsDBResolver(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.must(w.db.Use(dbresolver.
			Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, &Team{}, "archive").
			Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "analytics")))
	}})
	var team Team
	w.must(w.db.First(&team).Error)
	if team.Origin != "archive" {
		t.Errorf("%s answered", team.Origin)
	}
	var origins []string
	w.must(w.db.Raw("SELECT origin FROM teams").Scan(&origins).Error)
	if origins[0] != "archive" {
		t.Errorf("%s answered", origins[0])
	}
	type stranger struct{ ID uint }
	if key, err := w.plugin.KeyOf(&stranger{}); key != "main" || err != nil {
		t.Errorf("%s, %v", key, err)
	}
}

func TestIntrospection(t *testing.T) {
	w, _ := policyWorld(t, gorm.Config{})
	if keys := fmt.Sprint(w.plugin.Keys()); keys != "[analytics archive main]" {
		t.Error(keys)
	}
	stats := w.plugin.Stats()
	var roles []string
	for _, key := range w.plugin.Keys() {
		for _, role := range []string{"source", "source-2", "replica", "replica-2"} {
			if _, ok := stats[key][role]; ok {
				roles = append(roles, key+" "+role)
			}
		}
	}
	if got := fmt.Sprint(roles); got != "[analytics source analytics source-2 analytics replica analytics replica-2 archive source main source]" {
		t.Error(got)
	}
	w.must(w.plugin.Ping(context.Background()))
	w.must(w.plugin.Close())
	err := w.plugin.Ping(context.Background())
	for _, name := range []string{`"analytics": its source `, `"analytics": its source-2 `, `"analytics": its replica `, `"analytics": its replica-2 `, `"archive": its source `} {
		if !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if strings.Contains(fmt.Sprint(err), `"main"`) {
		t.Errorf("the handle's own connection was closed: %v", err)
	}
	if _, err := w.plugin.Resolver("nowhere"); !errors.Is(err, bindkey.ErrUnknownBind) {
		t.Errorf("Resolver: %v", err)
	}
}

func TestCloseLeavesSuppliedPools(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: w.plain["analytics"].ConnPool})}})
		w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
	}})
	w.must(w.plugin.Close())
	w.must(w.plain["analytics"].First(&LogEntry{}).Error)
	w.must(w.db.First(&LogEntry{}).Error)
	if err := w.db.First(&Note{}).Error; err == nil {
		t.Error("archive is open after Close")
	}
}

// The handle of a bind's dbresolver works, and is that bind alone.
func TestResolver(t *testing.T) {
	w := newWorld(t, worldConfig{})
	for key, want := range map[string]string{"main": "main-replica", "analytics": "analytics-replica", "archive": "archive"} {
		resolver, err := w.plugin.Resolver(key)
		w.must(err)
		var user User
		w.must(resolver.DB.First(&user).Error)
		if user.Origin != want {
			t.Errorf("%s answered, want %s", user.Origin, want)
		}
		db, err := resolver.DB.DB()
		w.must(err)
		if origin := originOf(db); origin != key {
			t.Errorf("DB is %s, want %s", origin, key)
		}
		if changed := w.changes(func() { w.must(resolver.DB.Create(&Team{Name: "x"}).Error) }); changed != key+".teams" {
			t.Errorf("changed %s", changed)
		}
	}
}

func TestPoolSettings(t *testing.T) {
	set := func(p *bindkey.Plugin) *bindkey.Plugin {
		return p.SetMaxOpenConns(7).SetMaxIdleConns(3).SetConnMaxLifetime(time.Hour).SetConnMaxIdleTime(time.Minute)
	}
	check := func(t *testing.T, w *world, want int) {
		t.Helper()
		for key, roles := range w.plugin.Stats() {
			for role, stats := range roles {
				if stats.MaxOpenConnections != want {
					t.Errorf("%s of %s: %d connections at most, want %d", role, key, stats.MaxOpenConnections, want)
				}
			}
		}
	}
	before := newWorld(t, worldConfig{install: func(w *world) {
		w.registerAll()
		set(w.plugin)
	}})
	check(t, before, 7)
	after := newWorld(t, worldConfig{})
	check(t, after, 0)
	set(after.plugin)
	check(t, after, 7)
	resolver, err := after.plugin.Resolver("archive")
	after.must(err)
	resolver.SetMaxOpenConns(2)
	if got := after.plugin.Stats()["archive"]["source"].MaxOpenConnections; got != 2 {
		t.Errorf("Resolver: %d", got)
	}
}

// A bind's own settings hold for its pools, source and replicas, and come after
// those of all pools.
func TestConfigurePools(t *testing.T) {
	limit := func(n int) func(*sql.DB) { return func(db *sql.DB) { db.SetMaxOpenConns(n) } }
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.registerBut("main")
		w.plugin.SetMaxOpenConns(7).ConfigurePools("analytics", limit(2)).ConfigurePools("main", limit(3)).ConfigurePools("main", limit(4))
	}})
	w.plugin.ConfigurePools("analytics", limit(9)) // too late, and logged
	seen := 0
	for key, roles := range w.plugin.Stats() {
		want := map[string]int{"main": 4, "analytics": 2}[key]
		if want == 0 {
			want = 7
		}
		for role, stats := range roles {
			seen++
			if stats.MaxOpenConnections != want {
				t.Errorf("%s of %s: %d connections at most, want %d", role, key, stats.MaxOpenConnections, want)
			}
		}
	}
	if len(w.plugin.Stats()["analytics"]) < 2 || seen < 4 {
		t.Errorf("only %d pools seen", seen)
	}

	plugin := bindkey.New().Register("main", dbresolver.Config{}).ConfigurePools("analytic", limit(1)).ConfigurePools("archiv", limit(1))
	db := openPlain(t, sqlitedb.Open(filepath.Join(t.TempDir(), "a.db")), &gorm.Config{})
	if err := db.Use(plugin); !errors.Is(err, bindkey.ErrUnknownBind) || !strings.Contains(err.Error(), `"analytic"`) || !strings.Contains(err.Error(), `"archiv"`) {
		t.Errorf("a key that no bind has: %v", err)
	}
}

// The settings reach every pool that Stats tells of, before and after db.Use,
// in each way to install.
func TestPoolSettingsReachEveryPool(t *testing.T) {
	set := func(p *bindkey.Plugin) {
		p.SetMaxOpenConns(3).SetMaxIdleConns(1).SetConnMaxLifetime(time.Hour).SetConnMaxIdleTime(time.Minute)
	}
	for name, install := range map[string]func(w *world){
		"the handle's own is main's": func(w *world) { w.registerBut("main") },
		"main has its own":           func(w *world) { w.registerAll() },
		"a pool of two binds": func(w *world) {
			w.registerBut("main archive")
			w.plugin.Register("archive", dbresolver.Config{})
		},
		"a *sql.DB behind another pool": func(w *world) {
			w.registerBut("main archive")
			pool, err := w.plain["archive"].DB()
			w.must(err)
			w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: &hidingPool{pool, pool}})}})
		},
		"a dbresolver": func(w *world) {
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{
				Sources: []gorm.Dialector{w.dialector("analytics")}, Replicas: []gorm.Dialector{w.dialector("analytics-replica")}}, "analytics", &Tag{}).
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, &Note{})))
		},
		"a dbresolver with a global": func(w *world) {
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{Replicas: []gorm.Dialector{w.dialector("main-replica")}}).
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "analytics")))
			w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
		},
	} {
		for _, before := range []bool{true, false} {
			w := newWorld(t, worldConfig{install: func(w *world) {
				if strings.HasPrefix(name, "a dbresolver") {
					w.plugin = bindkey.New() // some models of the world have keys that it does not know
				}
				install(w)
				if before {
					set(w.plugin)
				}
			}})
			if !before {
				set(w.plugin)
			}
			pools := 0
			for key, roles := range w.plugin.Stats() {
				for role, stats := range roles {
					pools++
					if stats.MaxOpenConnections != 3 {
						t.Errorf("%s, before %t: %s of %s: %d connections at most", name, before, role, key, stats.MaxOpenConnections)
					}
				}
			}
			own, err := w.db.DB()
			w.must(err)
			if n := own.Stats().MaxOpenConnections; pools < 3 || n != 3 {
				t.Errorf("%s, before %t: %d pools, and main's has %d connections at most", name, before, pools, n)
			}
		}
	}

	// A handle's pool that no bind has is nobody's business, nor one where db.Use failed.
	w := newWorld(t, worldConfig{})
	db := openPlain(t, w.dialector("main"), &gorm.Config{})
	own, err := db.DB()
	w.must(err)
	plugin := bindkey.New().Register("main", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("main")}}).SetMaxOpenConns(3)
	w.must(db.Use(plugin))
	t.Cleanup(func() { _ = plugin.Close() })
	db = openPlain(t, w.dialector("main"), &gorm.Config{})
	other, err := db.DB()
	w.must(err)
	if err := db.Use(bindkey.New(bindkey.CommitOrder("nowhere")).Register("analytics", dbresolver.Config{}).SetMaxOpenConns(3)); err == nil {
		t.Error("db.Use found no mistake")
	}
	if a, b := own.Stats().MaxOpenConnections, other.Stats().MaxOpenConnections; a != 0 || b != 0 {
		t.Errorf("pools of no bind were set: %d, %d", a, b)
	}
}

// A hidingPool has none of a *sql.DB's settings.
type hidingPool struct {
	gorm.ConnPool
	db *sql.DB
}

func (h *hidingPool) GetDBConn() (*sql.DB, error) { return h.db, nil }

// dbresolver's TraceResolverMode marks the log of the handle.
func TestTraceResolverMode(t *testing.T) {
	for _, config := range []dbresolver.Config{{}, {Policy: dbresolver.StrictRoundRobinPolicy()}} {
		var log strings.Builder
		w := newWorld(t, worldConfig{
			gorm: gorm.Config{Logger: logger.New(printer{&log}, logger.Config{LogLevel: logger.Info})},
			install: func(w *world) {
				config.TraceResolverMode = true
				config.Sources, config.Replicas = []gorm.Dialector{w.dialector("analytics")}, []gorm.Dialector{w.dialector("analytics-replica")}
				if config.Policy != nil {
					config.Replicas = append(config.Replicas, w.dialector("analytics-replica"))
				}
				w.plugin.Register("analytics", config)
				w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
			},
		})
		w.must(w.db.First(&LogEntry{}).Error)
		w.must(w.db.Create(&LogEntry{}).Error)
		w.must(w.db.First(&Note{}).Error)
		for _, want := range []string{"[replica] SELECT * FROM `logs`", "[source] INSERT INTO `logs`", "] SELECT * FROM `notes`"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %q in the log:\n%s", want, log.String())
			}
		}
		if strings.Contains(log.String(), "[replica] SELECT * FROM `notes`") {
			t.Error("the mark stays on other binds' statements")
		}
	}
}

// A muteDialector does not translate errors.
type muteDialector struct{ gorm.Dialector }

// GORM's warning of dialectors that don't translate errors is about the
// program's own, once for each source, and not about the plugin's.
func TestTranslateErrorWarnings(t *testing.T) {
	mute := func(w *world, file string) gorm.Dialector { return muteDialector{w.dialector(file)} }
	translating := func(translate bool) func(*gorm.Config) {
		return func(config *gorm.Config) { config.TranslateError = translate }
	}
	for name, c := range map[string]struct {
		install func(*world)
		off     bool
		want    int
	}{
		"all translate": {install: (*world).registerAll},
		"a dbresolver": {install: func(w *world) {
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{Replicas: []gorm.Dialector{w.dialector("main-replica")}}).
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "analytics").
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, "archive")))
		}},
		"a dbresolver, one does not": {want: 1, install: func(w *world) {
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{mute(w, "analytics")}}, "analytics").
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, "archive")))
		}},
		"two do not": {want: 2, install: func(w *world) {
			w.registerBut("analytics archive")
			w.plugin.Register("analytics", dbresolver.Config{
				Sources:  []gorm.Dialector{mute(w, "analytics"), mute(w, "analytics")},
				Replicas: []gorm.Dialector{w.dialector("analytics-replica")}})
			w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
		}},
		"nobody asks": {off: true, install: func(w *world) {
			w.registerBut("archive")
			w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{mute(w, "archive")}})
		}},
		"one bind asks": {off: true, want: 1, install: func(w *world) {
			w.registerBut("archive")
			w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{mute(w, "archive")}}).Configure("archive", translating(true))
		}},
		"one bind does not ask": {install: func(w *world) {
			w.registerBut("archive")
			w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{mute(w, "archive")}}).Configure("archive", translating(false))
		}},
	} {
		var log strings.Builder
		newWorld(t, worldConfig{
			gorm:    gorm.Config{TranslateError: !c.off, Logger: logger.New(printer{&log}, logger.Config{LogLevel: logger.Warn})},
			install: c.install,
		})
		if n := strings.Count(log.String(), "the Dialector sqlite does not implement ErrorTranslator."); n != c.want || strings.Count(log.String(), "TranslateError") != n {
			t.Errorf("%s: %d warnings, want %d:\n%s", name, n, c.want, log.String())
		}
	}
}

// A bind that opens late warns when it is open, once.
func TestTranslateErrorWarningsLate(t *testing.T) {
	wait := bindkey.AttemptSoon(t)
	for _, want := range []int{0, 1} {
		var log strings.Builder
		var sourceUp, replicaUp atomic.Bool
		w := newWorld(t, worldConfig{
			gorm:    gorm.Config{TranslateError: true, Logger: logger.New(printer{&log}, logger.Config{LogLevel: logger.Warn})},
			options: []bindkey.Option{bindkey.OpenLate()},
			install: func(w *world) {
				w.registerBut("analytics")
				part := func(name string, up *atomic.Bool) gorm.Dialector {
					d := partDialector{w.dialector(name).(*sqlite.Dialector), up, new(atomic.Int32), new([]gorm.ConnPool)}
					if want == 1 {
						return muteDialector{d}
					}
					return d
				}
				w.plugin.Register("analytics", dbresolver.Config{
					Sources: []gorm.Dialector{part("analytics", &sourceUp)}, Replicas: []gorm.Dialector{part("analytics-replica", &replicaUp)}})
			}})
		for _, up := range []*atomic.Bool{&sourceUp, &replicaUp} { // in part, and whole
			up.Store(true)
			time.Sleep(wait)
			_ = w.db.First(&LogEntry{}).Error
		}
		w.must(w.db.First(&LogEntry{}).Error)
		if n := strings.Count(log.String(), "TranslateError"); n != want {
			t.Errorf("%d warnings, want %d:\n%s", n, want, log.String())
		}
	}
}

// Models are those of the option and of Register, one of each type.
func TestPluginModels(t *testing.T) {
	plugin := bindkey.New(bindkey.Models(&User{}, &LogEntry{}, User{}), bindkey.Models(&Team{})).
		Register("archive", dbresolver.Config{}, &Note{}, "old_notes", &Team{})
	var got []string
	for _, model := range plugin.Models() {
		got = append(got, fmt.Sprintf("%T", model))
	}
	if want := "*bindkey_test.User *bindkey_test.LogEntry *bindkey_test.Team *bindkey_test.Note"; strings.Join(got, " ") != want {
		t.Errorf("models are %v, want %s", got, want)
	}
}
