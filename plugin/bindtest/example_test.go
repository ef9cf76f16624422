package bindtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// In a test, t is the *testing.T. An example has none, so that it makes one that
// prints.
type exampleT struct {
	name     string
	cleanups []func()
	failed   bool
}

func newT() *exampleT { return &exampleT{name: "TestExample"} }

func (t *exampleT) Helper()                         {}
func (t *exampleT) Name() string                    { return t.name }
func (t *exampleT) Cleanup(fn func())               { t.cleanups = append(t.cleanups, fn) }
func (t *exampleT) Failed() bool                    { return t.failed }
func (t *exampleT) Logf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (t *exampleT) Errorf(format string, args ...any) {
	t.failed = true
	text := setHere.ReplaceAllString(fmt.Sprintf(format, args...), "set at sign_up_test.go:8")
	text = exampleLine.ReplaceAllString(text, "${1}sign_up.go:12")
	fmt.Println(strings.ReplaceAll(text, "\n\t", "\n"))
}

var exampleLine = regexp.MustCompile(`(^|[ (])example\w*_test\.go:\d+`)

var setHere = regexp.MustCompile(`set at \w+_test\.go:\d+`)

func (t *exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleT) TempDir() string {
	dir, err := os.MkdirTemp("", "bindtest")
	if err != nil {
		panic(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// end is the end of the test.
func (t *exampleT) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

// join is the program: it writes a user to main, and a log entry to analytics.
func join(db *gorm.DB, name string) error {
	return db.Transaction(func(tx *gorm.DB) error {
		user := models.User{Name: name}
		if err := tx.Create(&user).Error; err != nil {
			return err
		}
		return tx.Create(&models.LogEntry{UserID: user.ID, Event: "joined"}).Error
	})
}

func openModels(t bindtest.TB) *gorm.DB {
	return bindtest.Open(t, bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})))
}

func ExampleOpen() {
	t := newT()
	defer t.end()

	db := bindtest.Open(t, bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})))
	fmt.Println(join(db, "ada"))

	var users []models.User
	db.Preload("Logs").Find(&users)
	fmt.Println(users[0].Name, users[0].Logs[0].Event)
	// Output:
	// <nil>
	// ada joined
}

func ExampleOnly() {
	t := newT()
	defer t.end()
	db := openModels(t)

	bindtest.Only(t, db, "main")
	db.Preload("Logs").Find(&[]models.User{}) // no user, so no question to analytics
	db.Find(&[]models.LogEntry{})
	// Output:
	// bindtest: sign_up.go:12: the test allows only "main" (set at sign_up_test.go:8), and this goes to bind "analytics":
	// SELECT * FROM `logs`
	// If it is right to go there, say so: bindtest.Only(t, db, "main", "analytics")
}

func ExampleRollback() {
	t := newT()
	defer t.end()
	db := openModels(t)
	_ = join(db, "ada")

	subtest := &exampleT{name: "TestExample/subtest"}
	bindtest.Rollback(subtest, db)
	_ = db.Transaction(func(tx *gorm.DB) error {
		_ = bindkey.AfterCommit(tx, func(context.Context) error { fmt.Println("committed"); return nil })
		return join(tx, "grace")
	})
	fmt.Println(len(bindtest.Rows(t, db, "main", &models.User{})), "users in the subtest")
	subtest.end()
	fmt.Println(len(bindtest.Rows(t, db, "main", &models.User{})), "user after it")
	// Output:
	// committed
	// 2 users in the subtest
	// 1 user after it
}

func ExampleRecord() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	_ = join(db, "ada")
	rec.WantStatements(2)
	rec.WantBinds("main", "analytics")
	rec.WantCommits("analytics", "main") // the default bind last
	fmt.Println(rec.Transactions())

	// A loop that asks a database for each row shows as a number.
	_ = join(db, "grace")
	rec.Reset()
	var users []models.User
	db.Find(&users)
	for _, user := range users {
		db.Where("user_id = ?", user.ID).Find(&user.Logs)
	}
	rec.WantStatements(2)
	// Output:
	// [main committed, analytics committed]
	// bindtest: the program sent 3 statements to all binds, want 2:
	// main source: SELECT * FROM `users`  (sign_up.go:12)
	// analytics source: SELECT * FROM `logs` WHERE user_id = ?  (sign_up.go:12)
	// analytics source: SELECT * FROM `logs` WHERE user_id = ?  (sign_up.go:12)
	// 2 of them are the same: sign_up.go:12, in "analytics"
}

func ExampleFail() {
	t := newT()
	defer t.end()
	db := openModels(t)

	bindtest.Fail(t, db, "main", bindtest.Commit, errors.New("disk full"))
	var partial *bindkey.PartialCommitError
	if err := join(db, "ada"); errors.As(err, &partial) {
		fmt.Println("committed:", partial.Committed, "failed:", partial.Failed)
	}
	// Output: committed: [analytics] failed: main
}

func ExampleFail_lostConnection() {
	t := newT()
	defer t.end()
	db := openModels(t)

	bindtest.Fail(t, db, "main", bindtest.Commit, bindtest.ErrLostAfter)
	var partial *bindkey.PartialCommitError
	if err := join(db, "ada"); errors.As(err, &partial) {
		fmt.Println("failed:", partial.Failed, "unknown:", partial.Unknown)
	}
	fmt.Println(len(bindtest.Rows(t, db, "main", &models.User{})), "user is there all the same")
	// Output:
	// failed: main unknown: true
	// 1 user is there all the same
}

func ExampleRows() {
	t := newT()
	defer t.end()
	db := openModels(t)

	_ = join(db, "ada")
	for _, entry := range bindtest.Rows(t, db, "analytics", &models.LogEntry{}) {
		fmt.Println(entry.UserID, entry.Event)
	}
	// Output: 1 joined
}

func ExampleSame() {
	t := newT()
	defer t.end()
	db := openModels(t)
	_ = join(db, "ada")

	before := bindtest.Look(t, db, "created_at")
	db.Model(&models.User{}).Where("id = 1").Update("name", "Ada")
	bindtest.Same(t, db, before, "created_at")
	// Output:
	// bindtest: the databases hold something else (- gone, + new):
	// main: users
	//   - id=1 name="ada"
	//   + id=1 name="Ada"
}

func ExampleLook() {
	t := newT()
	defer t.end()
	db := openModels(t)

	_ = join(db, "ada")
	fmt.Print(bindtest.Look(t, db, "created_at"))
	// Output:
	// analytics: logs
	//   id=1 user_id=1 event="joined"
	// main: users
	//   id=1 name="ada"
}

func ExampleSameAsFile() {
	t := newT()
	defer t.end()
	db := openModels(t)
	golden := filepath.Join(t.TempDir(), "joined.golden") // in a test: "testdata/joined.golden"
	_ = os.WriteFile(golden, []byte(strings.Join([]string{
		"analytics: logs",
		`  id=1 user_id=1 event="joined"`,
		"main: users",
		`  id=1 name="ada"`,
	}, "\n")), 0o600)

	_ = join(db, "ada")
	bindtest.SameAsFile(t, db, golden, "created_at")
	fmt.Println("same:", !t.Failed())
	// Output: same: true
}

func ExampleConfig() {
	t := newT()
	defer t.end()

	db := bindtest.Open(t, bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})),
		bindtest.Config(gorm.Config{TranslateError: true}))
	_ = join(db, "ada")
	err := db.Create(&models.LogEntry{ID: 1}).Error // id 1 is taken
	fmt.Println(errors.Is(err, gorm.ErrDuplicatedKey))
	// Output: true
}

// A program registers a model, and a table that has none, in a bind that no model
// names.
func ExampleBind() {
	t := newT()
	defer t.end()
	type Invoice struct{ ID uint }

	plugin := bindkey.New(bindkey.Models(&models.User{}, &Invoice{}))
	db := bindtest.Open(t, plugin, bindtest.Bind("archive", &Invoice{}, "old_invoices"))
	rec := bindtest.Record(t, db)
	db.Create(&Invoice{})
	db.Exec("CREATE TABLE old_invoices (id INTEGER)")
	rec.WantBinds("archive")
	fmt.Println(plugin.Keys(), "failed:", t.Failed())
	// Output: [analytics archive main] failed: false
}

func ExampleReplica() {
	t := newT()
	defer t.end()

	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{}))
	db := bindtest.Open(t, plugin, bindtest.Replica("analytics"))
	rec := bindtest.Record(t, db)
	_ = join(db, "ada")
	db.Find(&[]models.LogEntry{})
	for _, s := range rec.Statements("analytics") {
		fmt.Println(s.Role, strings.Fields(s.SQL)[0])
	}
	// Output:
	// source INSERT
	// replica SELECT
}

// migrateWithAda is declared, so that it runs once for all tests.
func migrateWithAda(db *gorm.DB) error {
	return errors.Join(db.AutoMigrate(&models.User{}, &models.LogEntry{}), join(db, "ada"))
}

func ExampleMigrate() {
	t := newT()
	defer t.end()

	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{}))
	db := bindtest.Open(t, plugin, bindtest.Migrate(migrateWithAda))
	fmt.Println(bindtest.Rows(t, db, "main", &models.User{})[0].Name)
	// Output: ada
}

// The second statement in main fails: the first one was done, and is rolled back.
func ExamplePoint_Nth() {
	t := newT()
	defer t.end()
	db := openModels(t)

	bindtest.Fail(t, db, "main", bindtest.Statement.Nth(2), errors.New("disk full"))
	err := db.Transaction(func(tx *gorm.DB) error {
		for _, name := range []string{"ada", "grace"} {
			if err := join(tx, name); err != nil {
				return err
			}
		}
		return nil
	})
	fmt.Println(err)
	fmt.Println(len(bindtest.Rows(t, db, "analytics", &models.LogEntry{})), "log entries")
	// Output:
	// disk full
	// 0 log entries
}

// A transaction that nobody ends fails the test, since its rows would look as if they were committed.
func ExampleRollback_forgotten() {
	t := newT()
	defer t.end()
	db := openModels(t)

	subtest := &exampleT{name: "TestExample/subtest"}
	bindtest.Rollback(subtest, db)
	db.Begin().Create(&models.User{Name: "ada"})
	fmt.Println(len(bindtest.Rows(subtest, db, "main", &models.User{})), "user")
	subtest.end()
	// Output:
	// 1 user
	// bindtest: the test has ended, and a transaction has not; Commit or Rollback is missing:
	// the transaction begun at sign_up.go:12 is still open in bind "main"
}
