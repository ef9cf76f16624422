package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A World is two databases behind one handle: that of the handle's own
// connection, and that of the bind analytics.
type World struct {
	Main, Analytics Database
	// Tenants: the bind analytics has tenants, and Analytics is the database of one of them,
	// which the context of all cases names.
	Tenants bool
}

// A Database is a kind of database.
type Database struct {
	// Dialect is "sqlite", "postgres" or "mariadb".
	Dialect string
	// Open creates an empty database that no other test has, until the test
	// ends, and returns what makes dialectors for it. Foreign keys must be
	// enforced. The label is for people who look at the server.
	Open func(t testing.TB, label string) func() gorm.Dialector
}

// The kinds of databases.
const (
	sqlite   = "sqlite"
	postgres = "postgres"
	mariadb  = "mariadb"
)

// The binds.
const (
	mainKey      = "main"
	analyticsKey = "analytics"
)

// background is the context of all cases.
var background = bindkey.WithTenant(context.Background(), "acme")

// Run runs the suite in a world: all cases in all layouts, with and without
// prepared statements; in a sample ([testkit.Full]) each in some of them.
func Run(t *testing.T, w World) {
	s := &suite{tenants: w.Tenants, databases: map[string]*database{}, twins: map[string]*database{}, seeds: map[string]string{}, lastID: 1000,
		numbers: map[string]int{}, times: map[string]int{}}
	for key, kind := range map[string]Database{mainKey: w.Main, analyticsKey: w.Analytics} {
		s.databases[key] = openDatabase(t, kind, key)
		s.twins[key] = openDatabase(t, kind, key+"_twin")
	}
	for _, l := range layouts() {
		l := l
		t.Run(l.name, func(t *testing.T) { s.layout(t, l) })
	}
}

// A suite is a world that runs.
type suite struct {
	tenants   bool
	databases map[string]*database // bind → its database
	twins     map[string]*database // bind → a database of the same kind, which the plugin does not know
	lastID    int                  // that no case uses any more
	seeds     map[string]string    // what tables looked like when they were filled

	numbers, times map[string]int // of cases, for a sample
}

// each calls f for all databases.
func (s *suite) each(f func(d *database)) {
	for _, key := range []string{mainKey, analyticsKey} {
		f(s.databases[key])
		f(s.twins[key])
	}
}

// A database is one that was opened, with a plain handle that no case uses: it
// sets the tables up and looks at them.
type database struct {
	kind  string
	label string
	dial  func() gorm.Dialector
	plain *gorm.DB
	name  string // as the server has it; "" where it has none of its own
}

func openDatabase(t *testing.T, kind Database, label string) *database {
	t.Helper()
	d := &database{kind: kind.Dialect, label: label, dial: kind.Open(t, label)}
	d.plain = open(t, d.dial(), &gorm.Config{
		Logger:                                   logger.Discard,
		DisableForeignKeyConstraintWhenMigrating: true,
		SkipDefaultTransaction:                   true,
		PrepareStmt:                              true, // faster
	})
	if d.kind != sqlite {
		d.name = d.plain.Migrator().CurrentDatabase()
	}
	// near before far, so that join tables come with the models that declare them
	must(t, d.plain.AutoMigrate(append(models(false), models(true)...)...))
	must(t, d.plain.Migrator().CreateConstraint(&Owner{}, "Pets"))
	return d
}

// schema is what stands before the dot in the full name of a table.
func (d *database) schema() string {
	switch d.kind {
	case postgres:
		return "public"
	case sqlite:
		return "main"
	default:
		return d.name
	}
}

// config is that of the routed handle, and of its twins.
func config(prepare bool, log *recorder) *gorm.Config {
	return &gorm.Config{
		Logger:         log,
		NowFunc:        func() time.Time { return moment.Add(time.Hour) },
		TranslateError: true,
		PrepareStmt:    prepare,
	}
}

// open opens a handle until the test ends.
func open(t *testing.T, d gorm.Dialector, config *gorm.Config) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(d, config)
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// neutral takes out what is a database's own: its name.
func (s *suite) neutral(text string) string {
	s.each(func(d *database) {
		if d.name != "" {
			text = strings.ReplaceAll(text, d.name, "<database>")
		}
	})
	return text
}

func modeName(prepare bool) string { return fmt.Sprintf("PrepareStmt=%t", prepare) }
