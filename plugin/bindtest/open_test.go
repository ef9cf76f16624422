package bindtest_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

func TestOpen(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprintf("PrepareStmt=%v", prepare), func(t *testing.T) {
			for i := 0; i < 3; i++ { // the first migrates, the others copy
				db := open(t, bindtest.Config(gorm.Config{PrepareStmt: prepare}))
				if got := holds(t, db); got != ", 0 logs" {
					t.Errorf("fresh databases hold %s", got)
				}
				must(t, signUp(db, "ada"))
				if got := holds(t, db); got != "ada, 1 logs" {
					t.Errorf("the databases hold %s", got)
				}
			}
		})
	}
}

// A handle leaves no goroutine behind, with a recording and a rollback in it.
func TestOpenEnds(t *testing.T) {
	use := func() {
		passes(t, func(t bindtest.TB) {
			db := open(t, bindtest.Config(gorm.Config{PrepareStmt: true}), bindtest.Replica("analytics"))
			bindtest.Rollback(t, db)
			bindtest.Record(t, db)
			must2(t, signUp(db, "ada"))
			holds(t, db)
			tenants := openTenants(t, bindtest.Config(gorm.Config{PrepareStmt: true}))
			must2(t, ship(of(tenants, "acme"), "anvil"))
			items(t, tenants)
		})
	}
	use()
	before := runtime.NumGoroutine()
	for i := 0; i < 10; i++ {
		use()
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+5; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, and %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// Each parallel test has databases of its own.
func TestOpenInParallel(t *testing.T) {
	for i := 0; i < 4; i++ {
		name := fmt.Sprint("user", i)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			bindtest.Only(t, db, "main", "analytics")
			rec := bindtest.Record(t, db)
			var all sync.WaitGroup
			for range [4]struct{}{} {
				all.Add(1)
				go func() {
					defer all.Done()
					if err := signUp(db, name); err != nil && !strings.Contains(err.Error(), "locked") {
						t.Error(err)
					}
				}()
			}
			all.Wait()
			for _, user := range bindtest.Rows(t, db, "main", &User{}) {
				if user.Name != name {
					t.Errorf("%s sees %s", name, user.Name)
				}
			}
			if len(rec.Transactions()) != 4 {
				t.Errorf("transactions:\n%s", rec)
			}
		})
	}
}

// Handles that are migrated in another way do not share what was migrated.
func TestTemplates(t *testing.T) {
	type Note struct {
		_    struct{} `bind:"notes"`
		ID   uint
		Text string
	}
	prefixed := gorm.Config{NamingStrategy: schema.NamingStrategy{TablePrefix: "app_"}}
	for i := 0; i < 2; i++ {
		open(t)
		db := bindtest.Open(t, plugin(), bindtest.Config(prefixed))
		must(t, db.Create(&User{Name: "ada"}).Error)
		if !strings.Contains(bindtest.Look(t, db).String(), "main: app_users\n") {
			t.Errorf("the tables are\n%s", bindtest.Look(t, db))
		}
		notes := bindtest.Open(t, bindkey.New(bindkey.Models(&Note{})))
		must(t, notes.Create(&Note{Text: "n"}).Error)
		if got := bindtest.Rows(t, notes, "notes", &Note{}); len(got) != 1 {
			t.Errorf("rows: %v", got)
		}
	}
}

func seed(db *gorm.DB) error {
	seeds++
	return errors.Join(db.AutoMigrate(&User{}, &LogEntry{}), signUp(db, "ada"))
}

var seeds int

func TestMigrate(t *testing.T) {
	literals := 0
	for i := 1; i <= 3; i++ {
		if got := holds(t, open(t, bindtest.Migrate(seed))); got != "ada, 1 logs" {
			t.Errorf("the databases hold %s", got)
		}
		name := fmt.Sprint("user", i)
		db := open(t, bindtest.Migrate(func(db *gorm.DB) error {
			literals++
			return errors.Join(db.AutoMigrate(&User{}, &LogEntry{}), signUp(db, name))
		}))
		if got := holds(t, db); got != name+", 1 logs" {
			t.Errorf("the databases hold %s", got)
		}
	}
	if seeds != 1 || literals != 3 {
		t.Errorf("the function ran %d times, the literal %d times", seeds, literals)
	}
	fails(t, func(t bindtest.TB) {
		open(t, bindtest.Migrate(func(*gorm.DB) error { return errDisk }))
	}, "migrating", "disk full")
}

// Models and tables that the program gives to Register, and a default bind of another
// name.
func TestBind(t *testing.T) {
	type Plain struct {
		ID   uint
		Name string
	}
	type Home struct{ ID uint }
	db := bindtest.Open(t, bindkey.New(bindkey.Default("home"), bindkey.Models(&Home{}, &Plain{})),
		bindtest.Bind("archive", &Plain{}, "old_rows"), bindtest.Bind("empty"))
	rec := bindtest.Record(t, db)
	must(t, errors.Join(db.Create(&Plain{Name: "p"}).Error, db.Create(&Home{}).Error))
	rec.WantBinds("home", "archive")
	rec.Reset()
	if err := db.Exec("DELETE FROM old_rows").Error; err == nil {
		t.Error("there is no table old_rows")
	}
	rec.WantBinds("archive")
	must(t, db.Clauses(bindkey.Use("empty")).Exec("CREATE TABLE x (id INTEGER)").Error)
}

// A model that only a relation leads to has a bind, and, if AutoMigrate adds it, a table.
func TestRelatedBinds(t *testing.T) {
	type Library struct {
		_  struct{} `bind:"libraries"`
		ID uint
	}
	type Book struct {
		_        struct{} `bind:"books"`
		ID       uint
		ReaderID uint
	}
	type Reader struct {
		ID        uint
		LibraryID uint
		Library   Library
		Books     []Book
	}
	db := bindtest.Open(t, bindkey.New(bindkey.Models(&Reader{})))
	must(t, db.Create(&Reader{Library: Library{ID: 7}}).Error)
	if got := bindtest.Rows(t, db, "libraries", &Library{}); len(got) != 1 {
		t.Errorf("libraries has %v", got)
	}
	if err := db.Find(&[]Book{}).Error; err == nil || errors.Is(err, bindkey.ErrUnknownBind) {
		t.Errorf("a table that nobody has migrated: %v", err)
	}
}

func TestReplica(t *testing.T) {
	db := open(t, bindtest.Replica("analytics", "main"))
	must(t, signUp(db, "ada"))
	rec := bindtest.Record(t, db)
	var users []User
	must(t, db.Preload("Logs").Find(&users).Error)
	must(t, db.Clauses(dbresolver.Write).Find(&users).Error)
	var got []string
	for _, s := range rec.Statements() {
		got = append(got, s.Key+" "+s.Role)
	}
	if want := "main replica, analytics replica, main source"; strings.Join(got, ", ") != want {
		t.Errorf("the statements went to %v, want %s", got, want)
	}
	if len(users) != 1 {
		t.Errorf("a replica does not have the rows of its source: %v", users)
	}
}

func TestOpenRefuses(t *testing.T) {
	other := sqlitedb.Open(filepath.Join(t.TempDir(), "other.db"))
	for name, c := range map[string]struct {
		plugin  *bindkey.Plugin
		options []bindtest.Option
		want    string
	}{
		"no plugin":       {nil, nil, "bindkey.New(bindkey.Models(…))"},
		"registered":      {plugin().Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{other}}), nil, "give it a plugin without Register"},
		"registered main": {plugin().Register("main", dbresolver.Config{Sources: []gorm.Dialector{other}}), nil, `the plugin has binds already: "main"`},
		"a dbresolver": {plugin(), []bindtest.Option{bindtest.Config(gorm.Config{Plugins: map[string]gorm.Plugin{
			"gorm:db_resolver": dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{other}}, "reports")}})}, `bindtest.Bind`},
		"a global dbresolver": {plugin(), []bindtest.Option{bindtest.Config(gorm.Config{Plugins: map[string]gorm.Plugin{
			"gorm:db_resolver": dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{other}})}})}, `a dbresolver of the program's own`},
		"no models":        {bindkey.New(), nil, "bindkey.New(bindkey.Models(…)), or name binds with bindtest.Bind"},
		"an unknown bind":  {plugin(), []bindtest.Option{bindtest.Replica("analytic")}, `bindtest.Bind("analytic")`},
		"an empty server":  {plugin(), []bindtest.Option{bindtest.On(bindtest.Server{})}, "needs Driver, DSN and Dialector"},
		"an unknown kind":  {plugin(), []bindtest.Option{bindtest.On(bindtest.Server{Driver: sqlitedb.DriverName, DSN: func(string) string { return "" }, Dialector: func(gorm.ConnPool) gorm.Dialector { return sqlitedb.Open("") }})}, `the dialect "sqlite"`},
		"a mistaken model": {bindkey.New(bindkey.Models(&struct{ ID int }{}, 3)), nil, "bindkey"},
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, func(t bindtest.TB) { bindtest.Open(t, c.plugin, c.options...) }, "bindtest: Open: ", c.want)
		})
	}
	used := plugin()
	bindtest.Open(t, used)
	fails(t, func(t bindtest.TB) { bindtest.Open(t, used) }, "the plugin has binds already")
}

// A handle that was opened in another way, or a bind that it does not have.
func TestOtherHandles(t *testing.T) {
	stranger, err := gorm.Open(sqlitedb.Open(filepath.Join(t.TempDir(), "a.db")), &gorm.Config{})
	must(t, err)
	pool, err := stranger.DB()
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	db := open(t)
	for name, use := range map[string]func(bindtest.TB, *gorm.DB, string){
		"Only":       func(t bindtest.TB, db *gorm.DB, key string) { bindtest.Only(t, db, key) },
		"Fail":       func(t bindtest.TB, db *gorm.DB, key string) { bindtest.Fail(t, db, key, bindtest.Commit, errDisk) },
		"Rows":       func(t bindtest.TB, db *gorm.DB, key string) { bindtest.Rows(t, db, key, &User{}) },
		"Record":     func(t bindtest.TB, db *gorm.DB, _ string) { bindtest.Record(t, db) },
		"Rollback":   func(t bindtest.TB, db *gorm.DB, _ string) { bindtest.Rollback(t, db) },
		"Look":       func(t bindtest.TB, db *gorm.DB, _ string) { bindtest.Look(t, db) },
		"Same":       func(t bindtest.TB, db *gorm.DB, _ string) { bindtest.Same(t, db, bindtest.State{}) },
		"SameAsFile": func(t bindtest.TB, db *gorm.DB, _ string) { bindtest.SameAsFile(t, db, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			for _, other := range []*gorm.DB{stranger, nil} {
				fails(t, func(t bindtest.TB) { use(t, other, "main") }, "bindtest: "+name+" needs a *gorm.DB that bindtest.Open has made")
			}
			if name == "Only" || name == "Fail" || name == "Rows" {
				fails(t, func(t bindtest.TB) { use(t, db, "nowhere") }, `"nowhere"`, "known: analytics, main")
			}
		})
	}
}

// Keys that are alike as names of files have databases of their own.
func TestKeysThatAreAlike(t *testing.T) {
	db := bindtest.Open(t, plugin(), bindtest.Bind("a-b"), bindtest.Bind("a_b"), bindtest.Bind("A-B"))
	for _, key := range []string{"a-b", "a_b", "A-B"} {
		must(t, db.Clauses(bindkey.Use(key)).Exec("CREATE TABLE x (id INTEGER)").Error)
	}
}
