// Package gormbind_test tests the library from outside: the tutorial's
// program, what dbresolver does without the plugin, and what the documents say.
package gormbind_test

import (
	"context"
	"database/sql"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	driver "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/config"
	sqlite "github.com/gormbind/gormbind/internal/sqlitedb" // the regions are blocks of the documents, which open SQLite so
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

// TestDocumentsNameTests holds the tests and files that the documents name
// against the repository.
func TestDocumentsNameTests(t *testing.T) {
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Example)\w*)\(`)
	must(t, filepath.Walk(".", func(path string, info os.FileInfo, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, name := range declared.FindAllStringSubmatch(string(source), -1) {
			tests[name[1]] = true
		}
		return err
	}))
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		must(t, err)
		for _, name := range regexp.MustCompile(`\b(?:Test|Example)[A-Z_]\w*`).FindAllString(string(text), -1) {
			if !tests[name] {
				t.Errorf("%s names %s, which is no test", document, name)
			}
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, link[1], err)
			}
		}
		for _, file := range regexp.MustCompile("`((?:plugin/bindkey/)?[a-z_]+\\.go)`").FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(string(text), "<!-- file: "+file[1]+" -->") {
				continue // of the program that the page makes
			}
			if _, err := os.Stat(filepath.Join("plugin/bindkey", filepath.Base(file[1]))); err != nil {
				t.Errorf("%s names %s: %v", document, file[1], err)
			}
		}
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
	found, err := db.Query(query)
	must(t, err)
	defer found.Close()
	columns, err := found.Columns()
	must(t, err)
	var lines []string
	for found.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(string)
		}
		must(t, found.Scan(values...))
		for i := range values {
			values[i] = *values[i].(*string)
		}
		lines = append(lines, strings.TrimSuffix(fmt.Sprintln(values...), "\n"))
	}
	must(t, found.Err())
	return strings.Join(lines, ", ")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestQuickStart runs the program of README.md, word for word, with its commands, in
// a module of its own, and compares what it prints and where its rows are.
func TestQuickStart(t *testing.T) {
	if !sqlite.Cgo {
		t.Skip("the program of README.md needs a C compiler, for gorm.io/driver/sqlite")
	}
	program := block(t, "README.md", "go", 0)
	repository, err := os.Getwd()
	must(t, err)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	proxy, err := testkit.GoProxy()
	must(t, err)
	var told strings.Builder
	command := func(line string) string {
		run := exec.Command("sh", "-c", line)
		run.Dir = dir
		run.Env = append(os.Environ(), "GOFLAGS=-mod=mod", proxy, "GOSUMDB=off", "GOWORK=off")
		run.Stderr = &told
		printed, err := run.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, told.String())
		}
		return string(printed)
	}
	var printed string
	for _, line := range strings.Split(strings.TrimSpace(block(t, "README.md", "sh", 1)), "\n") {
		printed = slowSQL.ReplaceAllString(command(line), "")
		if strings.HasPrefix(line, "go mod init ") {
			command("go mod edit -replace github.com/gormbind/gormbind='" + repository + "'") // this version of it
			command(block(t, "README.md", "sh", 0))
		}
	}
	if want := block(t, "README.md", "text", 0); printed != want {
		t.Fatalf("the program of README.md prints\n%s%s; want\n%s", printed, told.String(), want)
	}
	files := map[string]string{"main": filepath.Join(dir, "main.db"), "analytics": filepath.Join(dir, "analytics.db")}
	holds(t, files, "main", "users")
	holds(t, files, "analytics", "logs")
	if got := rows(t, files["main"], "SELECT id, name FROM users ORDER BY id"); got != "1 ada, 2 grace" {
		t.Errorf("main has %s", got)
	}
	if got := rows(t, files["analytics"], "SELECT user_id, event FROM logs ORDER BY id"); got != "1 signed up, 2 joined" {
		t.Errorf("analytics has %s", got)
	}

	// The same with the log, as the page says.
	for of, to := range map[string]string{"bindkey.New(": "bindkey.New(bindkey.LogBinds(), ", "db.Preload(": "db.Debug().Preload("} {
		if strings.Count(program, of) != 1 {
			t.Fatalf("the program of README.md has not one %s", of)
		}
		program = strings.Replace(program, of, to, 1)
	}
	for _, file := range files {
		must(t, os.Remove(file))
	}
	must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	printed = command("go run .")
	var logged strings.Builder
	for _, line := range strings.Split(colours.ReplaceAllString(printed, ""), "\n") {
		if strings.HasPrefix(line, "[") {
			logged.WriteString(line + "\n")
		}
	}
	took := regexp.MustCompile(`(?m)^\[[0-9.]+ms\]`)
	if got, want := took.ReplaceAllString(logged.String(), ""), took.ReplaceAllString(block(t, "README.md", "text", 1), ""); got != want {
		t.Errorf("the log of README.md's program is\n%s\nwant\n%s", got, want)
	}
}

var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// slowSQL is what GORM's default logger prints on a machine that is busy.
var slowSQL = regexp.MustCompile(`\r\n[^\n]*SLOW SQL >= [^\n]*\n[^\n]*\n`)

// block is the nth code block of a document that is marked with a language.
func block(t *testing.T, document, language string, n int) string {
	t.Helper()
	text, err := os.ReadFile(document)
	must(t, err)
	blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) <= n {
		t.Fatalf("%s has %d blocks of %s, want more than %d", document, len(blocks), language, n)
	}
	return blocks[n][1]
}

// TestQuickStartWithReplica runs the example of docs/routing.md, word for word, over a replica with rows of its own that show when it answers.
func TestQuickStartWithReplica(t *testing.T) {
	source, err := os.ReadFile("plugin_test.go")
	must(t, err)
	if block(t, "docs/routing.md", "go", 0) != region(string(source), "replica") {
		t.Error("the first Go block of docs/routing.md is not the region \"replica\" of plugin_test.go")
	}

	dir := t.TempDir()
	before, err := os.Getwd()
	must(t, err)
	must(t, os.Chdir(dir))
	t.Cleanup(func() { _ = os.Chdir(before) })
	replica := openPlain(t, "replica.db")
	must(t, replica.AutoMigrate(&models.LogEntry{}))
	must(t, replica.Create(&[]models.LogEntry{{UserID: 1, Event: "seen by the replica"}, {UserID: 1}, {UserID: 1}}).Error)
	db := openPlain(t, "main.db")

	type (
		User     = models.User
		LogEntry = models.LogEntry
	)
	check := func(err error) { t.Helper(); must(t, err) }
	ada := User{Name: "ada", Logs: []LogEntry{{Event: "joined"}}}
	var user User
	var logs []LogEntry
	var replicaCount, count int64

	// region: replica
	plugin := bindkey.New(bindkey.Models(&User{}, &LogEntry{})).
		Register("analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{sqlite.Open("analytics.db")},
			Replicas: []gorm.Dialector{sqlite.Open("replica.db")},
		})
	check(db.Use(plugin))

	check(db.AutoMigrate(&User{}, &LogEntry{}))                                    // main, source of analytics
	check(db.Create(&ada).Error)                                                   // main, source of analytics
	check(db.Preload("Logs").First(&user).Error)                                   // main, replica of analytics
	check(db.Raw("SELECT count(*) FROM logs").Scan(&replicaCount).Error)           // replica of analytics
	check(db.Exec("UPDATE logs SET event = ? WHERE id = ?", "signed up", 1).Error) // source of analytics
	check(db.Clauses(dbresolver.Write).Find(&logs).Error)                          // source of analytics
	check(db.Clauses(bindkey.Use("analytics")).Raw("SELECT 1").Scan(&count).Error) // replica of analytics, says Use
	// end
	t.Cleanup(func() { _ = plugin.Close() })
	if len(user.Logs) != 3 || user.Logs[0].Event != "seen by the replica" || replicaCount != 3 || count != 1 {
		t.Errorf("the replica did not answer: %+v, %d, %d", user, replicaCount, count)
	}
	must(t, db.Transaction(func(tx *gorm.DB) error {
		grace := User{Name: "grace"}
		if err := tx.Create(&grace).Error; err != nil { // main
			return err
		}
		if err := tx.Create(&LogEntry{UserID: grace.ID}).Error; err != nil { // source of analytics
			return err
		}
		return tx.Model(&LogEntry{}).Count(&count).Error // source of analytics, as all in a transaction
	}))
	if len(logs) != 1 || logs[0].Event != "signed up" || count != 2 {
		t.Errorf("the source did not answer: %+v, %d", logs, count)
	}
	files := map[string]string{"main": "main.db", "analytics": "analytics.db"}
	holds(t, files, "main", "users")
	holds(t, files, "analytics", "logs")
	if got := rows(t, "main.db", "SELECT name FROM users ORDER BY id"); got != "ada, grace" {
		t.Errorf("main has %s", got)
	}
	if got := rows(t, "analytics.db", "SELECT event FROM logs ORDER BY id"); got != "signed up, " {
		t.Errorf("analytics has %s", got)
	}
	if got := rows(t, "replica.db", "SELECT count(*) FROM logs"); got != "3" {
		t.Errorf("the replica has %s rows", got)
	}
}

// TestLimitsPage runs the example of docs/limits.md, word for word.
func TestLimitsPage(t *testing.T) {
	source, err := os.ReadFile("plugin_test.go")
	must(t, err)
	if block(t, "docs/limits.md", "go", 0) != region(string(source), "limits") {
		t.Error("the first Go block of docs/limits.md is not the region \"limits\" of plugin_test.go")
	}
	type (
		User     = models.User
		LogEntry = models.LogEntry
	)
	files := tempFiles(t, "main", "analytics")
	db := openPlain(t, files["main"])
	plugin := bindkey.New(bindkey.Models(&User{}, &LogEntry{})).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(files["analytics"])}})
	must(t, db.Use(plugin))
	t.Cleanup(func() { _ = plugin.Close() })
	must(t, db.AutoMigrate(&User{}, &LogEntry{}))
	must(t, db.Create(&[]User{{Name: "ada", Logs: []LogEntry{{Event: "joined"}}}, {Name: "grace"}}).Error)
	check := func(err error) { t.Helper(); must(t, err) }
	var users []User

	// region: limits
	joined := db.Model(&LogEntry{}).Select("user_id").Where("event = ?", "joined")
	err = db.Where("id IN (?)", joined).Find(&users).Error // an error: the subquery is in analytics
	refused := errors.Is(err, bindkey.ErrCrossBind)        // true, and no database was asked

	var ids []uint
	check(joined.Find(&ids).Error)                     // analytics
	check(db.Where("id IN ?", ids).Find(&users).Error) // main
	// end
	if !refused || len(users) != 1 || users[0].Name != "ada" {
		t.Errorf("refused %v (%v), then found %+v", refused, err, users)
	}
}

// TestLanguages compares README.md with README.ru.md: code, links and tables are
// the same, so that a change to one page reaches the other. A link may lead to a
// page's translation.
func TestLanguages(t *testing.T) {
	var pages [2]map[string][]string
	for i, document := range []string{"README.md", "README.ru.md"} {
		text, err := os.ReadFile(document)
		must(t, err)
		page := map[string][]string{"code": regexp.MustCompile("(?s)```.*?```").FindAllString(string(text), -1)}
		prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(text), "")
		for _, target := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(prose, -1) {
			page["links"] = append(page["links"], strings.Replace(target[1], ".ru.md", ".md", 1))
		}
		for _, line := range strings.Split(prose, "\n") {
			if marks := regexp.MustCompile(`^#+ |\|`).FindAllString(line, -1); marks != nil {
				page["headings and tables"] = append(page["headings and tables"], strings.Join(marks, ""))
			}
		}
		for _, kind := range []string{"code", "links", "headings and tables"} {
			if len(page[kind]) < 5 {
				t.Fatalf("%s has only %d of %s: the test does not read it right", document, len(page[kind]), kind)
			}
		}
		pages[i] = page
	}
	for kind, english := range pages[0] {
		if russian := pages[1][kind]; !reflect.DeepEqual(english, russian) {
			t.Errorf("%s of README.md and README.ru.md differ:\n%q\n%q", kind, english, russian)
		}
	}
}

// TestErrorsPage holds docs/errors.md against the package: it has every sentinel
// and every typed error, and its example is Example_errors.
func TestErrorsPage(t *testing.T) {
	text, err := os.ReadFile("docs/errors.md")
	must(t, err)
	files, err := filepath.Glob("plugin/bindkey/*.go")
	must(t, err)
	var names []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		must(t, err)
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, name := range regexp.MustCompile(`(?m)^\t(Err[A-Z]\w*)\s+= `).FindAllStringSubmatch(string(source), -1) {
			names = append(names, "| `"+name[1]+"` |")
		}
		for _, name := range regexp.MustCompile(`(?m)^type ([A-Z]\w*Error) struct`).FindAllStringSubmatch(string(source), -1) {
			names = append(names, "| `*"+name[1]+"` |")
		}
	}
	if len(names) < 25 {
		t.Fatalf("only %q: the test does not read the package right", names)
	}
	for _, name := range names {
		if !strings.Contains(string(text), name) {
			t.Errorf("docs/errors.md's table lacks %s", name)
		}
	}

	source, err := os.ReadFile("plugin/bindkey/example_test.go")
	must(t, err)
	_, body, _ := strings.Cut(string(source), "func Example_errors() {\n")
	body, _, _ = strings.Cut(body, "\n}\n")
	_, body, _ = strings.Cut(body, "\n\n") // the handle
	code, output, found := strings.Cut(body+"\n", "\t// Output:\n")
	if !found {
		t.Fatal("Example_errors has no output")
	}
	if got, want := block(t, "docs/errors.md", "go", 0), strings.TrimPrefix(strings.ReplaceAll("\n"+code, "\n\t", "\n"), "\n"); got != want {
		t.Errorf("the example of docs/errors.md is\n%s\nwant Example_errors:\n%s", got, want)
	}
	if got, want := block(t, "docs/errors.md", "text", 0), strings.ReplaceAll(output, "\t// ", ""); got != want {
		t.Errorf("the output in docs/errors.md is\n%s\nwant that of Example_errors:\n%s", got, want)
	}
}

// TestAnchors follows the links to headings. (TestDocumentsNameTests follows those
// to files.)
func TestAnchors(t *testing.T) {
	followed := 0
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		must(t, err)
		for _, link := range regexp.MustCompile(`\]\(([^)#:]*)#([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
			target := document
			if link[1] != "" {
				target = filepath.Join(filepath.Dir(document), link[1])
			}
			page, err := os.ReadFile(target)
			must(t, err)
			if followed++; !anchors(string(page))[link[2]] {
				t.Errorf("%s links to %s#%s, which is no heading", document, target, link[2])
			}
		}
	}
	if followed == 0 {
		t.Error("no link to a heading was found")
	}
}

// anchors are a page's headings as GitHub names them in links.
func anchors(page string) map[string]bool {
	names := map[string]bool{}
	page = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(page, "")
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		names[strings.ReplaceAll(name, " ", "-")] = true
	}
	return names
}

// TestIndex holds that docs/README.md leads to every page of docs.
func TestIndex(t *testing.T) {
	index, err := os.ReadFile("docs/README.md")
	must(t, err)
	for _, document := range documents(t) {
		page, err := filepath.Rel("docs", document)
		must(t, err)
		if page != "README.md" && page != "../README.ru.md" && !strings.HasSuffix(page, ".ru.md") && !strings.Contains(string(index), "]("+page) {
			t.Errorf("docs/README.md does not link to %s", page)
		}
	}
}

// TestPictureFile holds that docs/picture.svg is XML that loads nothing: GitHub shows
// an image without what it would load.
func TestPictureFile(t *testing.T) {
	file, err := os.Open("docs/picture.svg")
	must(t, err)
	defer file.Close()
	words := 0
	for decoder := xml.NewDecoder(file); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if element.Name.Local == "text" {
			words++
		}
		for _, attribute := range element.Attr {
			if attribute.Name.Local == "href" || strings.Contains(attribute.Value, "url(") {
				t.Errorf("<%s> loads %s", element.Name.Local, attribute.Value)
			}
		}
	}
	if words == 0 {
		t.Error("the picture has no text")
	}
}

// documents are the pages that a reader is led to.
func documents(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	must(t, err)
	if len(names) < 5 {
		t.Fatalf("only %q in docs", names)
	}
	return append(names, "README.md", "README.ru.md")
}

// region is the text between "// region: name" and "// end", one tab less
// indented.
func region(source, name string) string {
	_, text, _ := strings.Cut(source, "\t// region: "+name+"\n")
	text, _, _ = strings.Cut(text, "\t// end\n")
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n\t", "\n"), "\n")
}
