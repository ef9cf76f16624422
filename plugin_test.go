// Package gormbind_test tests the library from outside: the tutorial's
// program, what dbresolver does without the plugin, and the main limitations. (The
// documents are tested in internal/pages.)
package gormbind_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	driver "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/config"
	sqlite "github.com/gormbind/gormbind/internal/sqlitedb"
	_ "github.com/gormbind/gormbind/internal/sqlitedb/sqliteurl"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// TestTutorial is the tutorial's program: two URLs in the environment, users
// in one database by tag, log entries in the other by method, one handle.
func TestTutorial(t *testing.T) {
	files := tempFiles(t, "main", "analytics")
	t.Setenv("MAIN_DB_URL", "sqlite:///"+files["main"])
	t.Setenv("ANALYTICS_DB_URL", "sqlite:///"+files["analytics"])

	cfg, err := config.Load()
	must(t, err)
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{}))
	db, err := cfg.Open(plugin, &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() { _ = plugin.Close(); closeHandle(db) })

	for model, want := range map[any]string{&models.User{}: "main", &models.LogEntry{}: "analytics"} {
		if key, err := plugin.KeyOf(model); key != want || err != nil {
			t.Errorf("KeyOf(%T) = %q, %v; want %q", model, key, err, want)
		}
	}

	must(t, db.AutoMigrate(&models.User{}, &models.LogEntry{}))
	holds(t, files, "main", "users")
	holds(t, files, "analytics", "logs")

	user := models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}}
	must(t, db.Create(&user).Error)
	must(t, db.Create(&models.LogEntry{UserID: user.ID, Event: "first login"}).Error)
	must(t, db.Model(&user).Update("name", "Ada").Error)
	must(t, db.Where("event = ?", "first login").Delete(&models.LogEntry{}).Error)
	must(t, db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&models.User{Name: "grace"}).Error; err != nil {
			return err
		}
		return tx.Create(&models.LogEntry{UserID: 2, Event: "joined"}).Error
	}))
	if got := rows(t, files["main"], "SELECT id, name FROM users ORDER BY id"); got != "1 Ada, 2 grace" {
		t.Errorf("main has users %s", got)
	}
	if got := rows(t, files["analytics"], "SELECT id, user_id, event FROM logs ORDER BY id"); got != "1 1 joined, 3 2 joined" {
		t.Errorf("analytics has logs %s", got)
	}

	var users []models.User
	must(t, db.Preload("Logs").Order("id").Find(&users).Error)
	if len(users) != 2 || len(users[0].Logs) != 1 || users[0].Logs[0].Event != "joined" {
		t.Errorf("read back: %+v", users)
	}
	holds(t, files, "main", "users") // still
	holds(t, files, "analytics", "logs")
}

// login writes a log entry from a hook.
type login struct {
	ID   uint
	Name string
}

func (login) AfterCreate(tx *gorm.DB) error {
	return tx.Create(&models.LogEntry{Event: "hook"}).Error
}

// logWrites each write one row to the table logs, or several, of a model that
// belongs to analytics.
var logWrites = []struct {
	name string
	run  func(db *gorm.DB) error
	rows int
}{
	{"in a transaction", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error { return tx.Create(&models.LogEntry{Event: "x"}).Error })
	}, 1},
	{"in batches", func(db *gorm.DB) error {
		return db.CreateInBatches([]models.LogEntry{{Event: "a"}, {Event: "b"}, {Event: "c"}}, 2).Error
	}, 3},
	{"as an association", func(db *gorm.DB) error {
		return db.Create(&models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}}).Error
	}, 1},
	{"in a hook", func(db *gorm.DB) error { return db.Create(&login{Name: "ada"}).Error }, 1},
}

// TestWithoutPlugin shows what docs/routing.md says of dbresolver alone: it knows
// that log entries belong to analytics, and writes them to main all the same,
// without an error.
func TestWithoutPlugin(t *testing.T) {
	open := func(t *testing.T) (*gorm.DB, map[string]string) {
		files := tempFiles(t, "main", "analytics")
		db := openPlain(t, files["main"])
		must(t, db.Use(dbresolver.Register(
			dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(files["analytics"])}}, &models.LogEntry{})))
		must(t, openPlain(t, files["analytics"]).AutoMigrate(&models.LogEntry{}))
		return db, files
	}
	t.Run("alone, a Create goes to analytics", func(t *testing.T) {
		db, files := open(t)
		must(t, db.Create(&models.LogEntry{Event: "x"}).Error)
		if got := rows(t, files["analytics"], "SELECT count(*) FROM logs"); got != "1" {
			t.Errorf("%s rows in analytics, want 1", got)
		}
	})
	t.Run("AutoMigrate creates the table in main", func(t *testing.T) {
		db, files := open(t)
		must(t, db.AutoMigrate(&models.LogEntry{}))
		holds(t, files, "main", "logs")
	})
	for _, write := range logWrites {
		t.Run(write.name, func(t *testing.T) {
			db, files := open(t)
			must(t, db.AutoMigrate(&models.User{}, &models.LogEntry{}, &login{}))
			must(t, write.run(db)) // no error
			got := rows(t, files["main"], "SELECT count(*) FROM logs") + " in main, " +
				rows(t, files["analytics"], "SELECT count(*) FROM logs") + " in analytics"
			if want := fmt.Sprintf("%d in main, 0 in analytics", write.rows); got != want {
				t.Errorf("%s; want %s, or correct docs/routing.md", got, want)
			}
		})
	}
}

// TestWithPlugin makes the writes of TestWithoutPlugin with the plugin. A
// table logs in main waits for rows that go astray.
func TestWithPlugin(t *testing.T) {
	for _, write := range logWrites {
		t.Run(write.name, func(t *testing.T) {
			files := tempFiles(t, "main", "analytics")
			db := openPlain(t, files["main"])
			must(t, db.AutoMigrate(&models.LogEntry{}))
			plugin := bindkey.New().Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(files["analytics"])}})
			must(t, db.Use(plugin))
			t.Cleanup(func() { _ = plugin.Close() })
			must(t, db.AutoMigrate(&models.User{}, &models.LogEntry{}, &login{}))
			must(t, write.run(db))
			got := rows(t, files["main"], "SELECT count(*) FROM logs") + " in main, " +
				rows(t, files["analytics"], "SELECT count(*) FROM logs") + " in analytics"
			if want := fmt.Sprintf("0 in main, %d in analytics", write.rows); got != want {
				t.Errorf("%s; want %s", got, want)
			}
		})
	}
}

type (
	member struct {
		_      struct{} `bind:"main"`
		ID     uint
		ClubID uint
		Club   club
		Skills []skill `gorm:"many2many:member_skills"`
	}
	club struct {
		_    struct{} `bind:"analytics"`
		ID   uint
		Name string
	}
	skill struct {
		_    struct{} `bind:"analytics"`
		ID   uint
		Name string
	}
)

// TestLimitations holds the main rows of docs/limits.md against the library. What no
// longer fails here is to be taken out there.
func TestLimitations(t *testing.T) {
	files := tempFiles(t, "main", "analytics")
	db := openPlain(t, files["main"])
	before := db.Session(&gorm.Session{})
	plugin := bindkey.New(bindkey.Models(&member{}, &club{}, &skill{})).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(files["analytics"])}})
	must(t, db.Use(plugin))
	t.Cleanup(func() { _ = plugin.Close() })
	must(t, db.AutoMigrate(&member{}, &club{}, &skill{}))
	must(t, db.Create(&member{Club: club{Name: "c"}, Skills: []skill{{Name: "s"}}}).Error)

	var found member
	over, cancel := context.WithCancel(context.Background())
	cancel()
	late := db.WithContext(over).Begin()
	defer late.Rollback()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a table not known":       {db.Where("club_id IN (SELECT id FROM clubs_2026)").First(&found).Error, "no such table: clubs_2026"},
		"many2many Find":          {db.Model(&member{ID: 1}).Order("member_skills.skill_id").Association("Skills").Find(&[]skill{}), "crosses binds"},
		"a view":                  {db.Raw("SELECT * FROM clubs_view").Scan(&[]club{}).Error, "no such table: clubs_view"},
		"a session of before":     {before.First(&found).Error, "made before the plugin"},
		"Connection":              {db.Connection(func(tx *gorm.DB) error { return tx.First(&club{}).Error }), "crosses binds"},
		"Begin":                   {late.Error, ""},
		"the late error of BEGIN": {late.First(&found).Error, "context canceled"},
	} {
		if c.err == nil && c.want != "" || c.err != nil && (c.want == "" || !strings.Contains(c.err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, c.err, c.want)
		}
	}

	explain := func(tx *gorm.DB) string {
		route, err := plugin.Explain(tx)
		return fmt.Sprint(route.Key, " ", route.Operation, " ", err)
	}
	if got := explain(db.Raw("SELECT close_club(1)")); got != "main read <nil>" {
		t.Errorf("a function counts as %s", got)
	}
	if got := explain(db.Table("CLUBS")); got != "analytics read <nil>" {
		t.Errorf("a name in capitals goes to %s", got)
	}
	if err := db.Raw("SELECT 1 AS id").Find(&[]club{}).Error; err != nil {
		t.Error(err)
	}
	if sql := db.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Joins("JOIN clubs ON true").Find(&[]member{}) }); !strings.Contains(sql, "clubs") {
		t.Errorf("ToSQL of a refused statement: %q", sql)
	}
	if db.Clauses(bindkey.Use("nowhere")).Migrator().HasTable(&member{}) {
		t.Error("HasTable is true where routing fails")
	}
	tables, err := db.Migrator().GetTables()
	if err != nil || strings.Contains(strings.Join(tables, " "), "clubs") {
		t.Errorf("GetTables: %v, %v", tables, err)
	}
	if _, plain := db.Dialector.(*driver.Dialector); plain {
		t.Error("the handle's dialector is a plain one")
	}
	resolver, err := plugin.Resolver("analytics")
	must(t, err)
	if _, plain := resolver.DB.Dialector.(*driver.Dialector); !plain {
		t.Errorf("the dialector of the bind's own handle is a %T", resolver.DB.Dialector)
	}
	dry := db.Session(&gorm.Session{DryRun: true})
	one, other := dry.Table("clubs").Find(&[]map[string]any{}), dry.Table("clubs").Clauses(bindkey.Use("main")).Find(&[]map[string]any{})
	must(t, errors.Join(one.Error, other.Error))
	if one.Statement.SQL.String() != other.Statement.SQL.String() {
		t.Errorf("a query cache tells %q from %q", one.Statement.SQL.String(), other.Statement.SQL.String())
	}

	must(t, db.Preload("Club").Preload("Skills").First(&found).Error) // the way out
	if found.Club.Name != "c" || len(found.Skills) != 1 {
		t.Errorf("%+v", found)
	}

	closeHandle(db)
	must(t, db.Transaction(func(*gorm.DB) error { return nil }))
	if err := db.Transaction(func(tx *gorm.DB) error { return tx.First(&found).Error }); err == nil {
		t.Error("a statement of a closed database runs")
	}
}

func tempFiles(t *testing.T, names ...string) map[string]string {
	t.Helper()
	dir, files := t.TempDir(), map[string]string{}
	for _, name := range names {
		files[name] = filepath.Join(dir, name+".db")
	}
	return files
}

// openPlain is a handle without the plugin.
func openPlain(t *testing.T, file string) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(file), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() { closeHandle(db) })
	return db
}

func closeHandle(db *gorm.DB) {
	if conn, err := db.DB(); err == nil {
		_ = conn.Close()
	}
}

// holds tells a file's tables, read through a plain connection, from one
// table's name.
func holds(t *testing.T, files map[string]string, name, table string) {
	t.Helper()
	got := rows(t, files[name], "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if got != table {
		t.Errorf("%s has the tables %q, want %q", name, got, table)
	}
}

// rows reads a file through a plain connection: "1 ada, 2 grace".
func rows(t *testing.T, file, query string) string {
	t.Helper()
	db, err := sql.Open(sqlite.DriverName, file)
	must(t, err)
	defer db.Close()
	found, err := testkit.Query(db, query)
	must(t, err)
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
