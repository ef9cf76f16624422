package bindkey_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The models of the tests: four binds' worth of relations of every kind, all
// of them across binds somewhere.
type (
	User struct {
		_       struct{} `bind:"main"`
		ID      uint
		Name    string
		Origin  string
		TeamID  *uint
		Team    *Team
		Logs    []LogEntry
		Profile *Profile
		Tags    []Tag  `gorm:"many2many:user_tags"`
		Notes   []Note `gorm:"polymorphic:Owner"`
		Orders  []Order
	}
	// Team has no key: it lives in the default bind.
	Team struct {
		ID     uint
		Name   string
		Origin string
	}
	LogEntry struct {
		ID        uint
		UserID    uint
		User      *User
		Event     string
		Origin    string
		DeletedAt gorm.DeletedAt
	}
	Profile struct {
		ID     uint
		UserID uint
		Bio    string
		Origin string
	}
	Tag struct {
		ID     uint
		Name   string
		Origin string
		Users  []User `gorm:"many2many:user_tags" bind:"main"`
	}
	Note struct {
		ID        uint
		OwnerID   uint
		OwnerType string
		Text      string
		Origin    string
	}
	// Order lives in main, next to its user.
	Order struct {
		_      struct{} `bind:"main"`
		ID     uint
		UserID uint
		Item   string
		Origin string
	}
)

func (LogEntry) Bind() string      { return "analytics" }
func (LogEntry) TableName() string { return "logs" }
func (*Profile) Bind() string      { return "analytics" }
func (Tag) Bind() string           { return "analytics" }
func (Note) Bind() string          { return "archive" }

var worldModels = []any{&User{}, &Team{}, &LogEntry{}, &Profile{}, &Tag{}, &Note{}, &Order{}}

// A world is one handle over three binds. Every database file has every table,
// with rows that hold the file's name in their column origin, so that a read
// proves who answered, and a statement in the wrong database shows as a row
// there instead of as an error.
type world struct {
	*testing.T
	db     *gorm.DB
	plugin *bindkey.Plugin
	plain  map[string]*gorm.DB // file name → a handle of its own
	dir    string
	seen   map[string]content // file name → what was read from it last
}

// The content of a file: its bytes, and the tables that they are.
type content struct {
	bytes  []byte
	tables map[string]string
}

// The files of a world: a source for each bind, and replicas.
var worldFiles = []string{"main", "main-replica", "analytics", "analytics-replica", "archive"}

type worldConfig struct {
	gorm    gorm.Config
	options []bindkey.Option
	install func(*world) // nil: registers the binds with the plugin
}

func newWorld(t *testing.T, config worldConfig) *world {
	t.Helper()
	w := &world{T: t, plain: map[string]*gorm.DB{}, dir: t.TempDir()}
	for _, name := range worldFiles {
		w.openSeeded(name)
	}
	if config.gorm.Logger == nil {
		config.gorm.Logger = logger.Discard
	}
	db, err := gorm.Open(w.dialector("main"), &config.gorm)
	w.must(err)
	w.db = db
	t.Cleanup(func() { closeDB(w.db) })
	w.plugin = bindkey.New(append([]bindkey.Option{bindkey.Models(worldModels...)}, config.options...)...)
	if config.install != nil {
		config.install(w)
	} else {
		w.registerAll()
	}
	w.must(db.Use(w.plugin))
	t.Cleanup(func() { _ = w.plugin.Close() })
	return w
}

func (w *world) registerAll() { w.registerBut("") }

// registerBut registers the binds but those of some keys.
func (w *world) registerBut(keys string) {
	for _, bind := range []struct {
		key    string
		config dbresolver.Config
	}{
		{"main", dbresolver.Config{Replicas: []gorm.Dialector{w.dialector("main-replica")}}},
		{"analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{w.dialector("analytics")},
			Replicas: []gorm.Dialector{w.dialector("analytics-replica")},
		}},
		{"archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}},
	} {
		if !strings.Contains(keys, bind.key) || keys == "" {
			w.plugin.Register(bind.key, bind.config)
		}
	}
}

// openSeeded makes a file with the rows of every world, and its plain handle,
// which does not connect before it is used: in most tests it is not.
func (w *world) openSeeded(name string) {
	w.must(os.WriteFile(w.file(name), seededFiles(w.T)[name].bytes, 0o600))
	pool, err := sql.Open(sqlitedb.DriverName, w.file(name)+"?_busy_timeout=5000&_synchronous=OFF")
	w.must(err)
	w.Cleanup(func() { _ = pool.Close() })
	plain, err := gorm.Open(sqlite.New(sqlite.Config{Conn: versionAsked}), &gorm.Config{Logger: logger.Discard})
	w.must(err)
	plain.ConnPool, plain.Statement.ConnPool = pool, pool
	w.plain[name] = plain
}

// versionAsked answers the dialector, which asks for SQLite's version.
var versionAsked = func() *sql.DB {
	pool, err := sql.Open(sqlitedb.DriverName, ":memory:")
	if err != nil {
		panic(err)
	}
	return pool
}()

// seededFiles are the contents of the files, made once.
func seededFiles(t *testing.T) map[string]content {
	seeding.Do(func() {
		w := &world{T: t, dir: t.TempDir()}
		files := map[string]content{}
		for _, name := range worldFiles {
			plain, err := gorm.Open(sqlitedb.Open(w.file(name)+"?_synchronous=OFF"), &gorm.Config{
				Logger: logger.Discard, DisableForeignKeyConstraintWhenMigrating: true})
			w.must(err)
			w.must(plain.AutoMigrate(worldModels...))
			w.seed(plain, name)
			tables := w.read(plain)
			closeDB(plain)
			bytes, err := os.ReadFile(w.file(name))
			w.must(err)
			files[name] = content{bytes, tables}
		}
		seeded = files
	})
	if seeded == nil {
		t.Fatal("the databases could not be seeded")
	}
	return seeded
}

var (
	seeding sync.Once
	seeded  map[string]content
)

func (w *world) seed(plain *gorm.DB, name string) {
	for i := uint(1); i <= 3; i++ {
		team := i
		for _, row := range []any{
			&User{ID: i, Name: fmt.Sprint("user", i), Origin: name, TeamID: &team},
			&Team{ID: i, Name: fmt.Sprint("team", i), Origin: name},
			&LogEntry{ID: i, UserID: 1, Event: fmt.Sprint("event", i), Origin: name},
			&Profile{ID: i, UserID: i, Bio: fmt.Sprint("bio", i), Origin: name},
			&Tag{ID: i, Name: fmt.Sprint("tag", i), Origin: name},
			&Note{ID: i, OwnerID: i, OwnerType: "users", Text: fmt.Sprint("note", i), Origin: name},
			&Order{ID: i, UserID: i, Item: fmt.Sprint("item", i), Origin: name},
		} {
			w.must(plain.Create(row).Error)
		}
	}
	// The join table has no origin: its rows differ instead.
	tags := map[string][]uint{"main": {1, 2}, "main-replica": {1, 2}}[name]
	if tags == nil {
		tags = []uint{3}
	}
	for _, tag := range tags {
		w.must(plain.Exec("INSERT INTO user_tags (user_id, tag_id) VALUES (1, ?)", tag).Error)
	}
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name+".db") }

func (w *world) dialector(name string) gorm.Dialector {
	return sqlitedb.Open(w.file(name) + "?_busy_timeout=5000&_synchronous=OFF")
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// changes runs something and tells which tables of which files changed:
// "analytics.logs", "main.users", sorted.
func (w *world) changes(run func()) string {
	w.Helper()
	before := w.snapshot()
	run()
	var changed []string
	for table, content := range w.snapshot() {
		if before[table] != content {
			changed = append(changed, table)
		}
	}
	sort.Strings(changed)
	return strings.Join(changed, " ")
}

// snapshot is what all tables of all files hold.
func (w *world) snapshot() map[string]string {
	w.Helper()
	contents := map[string]string{}
	for name := range w.plain {
		for table, rows := range w.look(name) {
			contents[name+"."+table] = rows
		}
	}
	return contents
}

// look is what the tables of a file hold. They are read only where the file is
// not, byte for byte, what was read before: reading all of them around each
// statement was a third of the time of all tests.
func (w *world) look(name string) map[string]string {
	w.Helper()
	now, err := os.ReadFile(w.file(name))
	w.must(err)
	for _, known := range []content{w.seen[name], seeded[name]} {
		if known.tables != nil && bytes.Equal(known.bytes, now) {
			return known.tables
		}
	}
	if w.seen == nil {
		w.seen = map[string]content{}
	}
	w.seen[name] = content{now, w.read(w.plain[name])}
	return w.seen[name].tables
}

func (w *world) read(plain *gorm.DB) map[string]string {
	w.Helper()
	pool, err := plain.DB()
	w.must(err)
	tables, err := testkit.Tables(pool)
	w.must(err)
	return tables
}

func closeDB(db *gorm.DB) {
	if sqlDB, err := db.DB(); err == nil {
		_ = sqlDB.Close()
	}
}

// accent is a dialect of its own that SQLite understands: other quotes, and
// numbered variables.
type accent struct{ *sqlite.Dialector }

func (accent) Name() string { return "accent" }

func (accent) BindVarTo(writer clause.Writer, stmt *gorm.Statement, _ any) {
	_, _ = writer.WriteString(fmt.Sprint("?", len(stmt.Vars)))
}

func (accent) QuoteTo(writer clause.Writer, name string) {
	_, _ = writer.WriteString(`"` + strings.ReplaceAll(strings.Trim(name, `"`), ".", `"."`) + `"`)
}

var accented = regexp.MustCompile(`\?(\d+)`)

func (accent) Explain(sql string, vars ...any) string {
	return logger.ExplainSQL(sql, accented, `'`, vars...)
}
