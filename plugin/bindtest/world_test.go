package bindtest_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

type (
	User struct {
		_    struct{} `bind:"main"`
		ID   uint
		Name string
		Logs []LogEntry
	}
	LogEntry struct {
		ID     uint
		UserID uint
		Event  string
	}
)

func (LogEntry) Bind() string      { return "analytics" }
func (LogEntry) TableName() string { return "logs" }

func plugin(options ...bindkey.Option) *bindkey.Plugin {
	return bindkey.New(append(options, bindkey.Models(&User{}, &LogEntry{}))...)
}

func open(t bindtest.TB, options ...bindtest.Option) *gorm.DB {
	t.Helper()
	return bindtest.Open(t, plugin(), options...)
}

// signUp writes to both binds in one transaction.
func signUp(db *gorm.DB, name string) error {
	return db.Transaction(func(tx *gorm.DB) error {
		user := User{Name: name}
		if err := tx.Create(&user).Error; err != nil {
			return err
		}
		return tx.Create(&LogEntry{UserID: user.ID, Event: "joined"}).Error
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// names are the names of the users, and counts of the log entries, that the databases
// hold: "ada grace, 2 logs".
func holds(t bindtest.TB, db *gorm.DB) string {
	t.Helper()
	var names []string
	for _, user := range bindtest.Rows(t, db, "main", &User{}) {
		names = append(names, user.Name)
	}
	return fmt.Sprintf("%s, %d logs", strings.Join(names, " "), len(bindtest.Rows(t, db, "analytics", &LogEntry{})))
}

// A fake is a test that records what it is told, so that checks that fail can be tested.
type fake struct {
	name string
	dir  string

	mu       sync.Mutex
	cleanups []func()
	failed   bool
	said     []string
}

var _ bindtest.TB = (*fake)(nil)

func (f *fake) Helper()         {}
func (f *fake) Name() string    { return f.name }
func (f *fake) TempDir() string { return f.dir }
func (f *fake) Cleanup(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cleanups = append(f.cleanups, fn)
}
func (f *fake) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}
func (f *fake) say(fails bool, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = f.failed || fails
	f.said = append(f.said, fmt.Sprintf(format, args...))
}
func (f *fake) Logf(format string, args ...any)   { f.say(false, format, args...) }
func (f *fake) Errorf(format string, args ...any) { f.say(true, format, args...) }
func (f *fake) Fatalf(format string, args ...any) {
	f.say(true, format, args...)
	runtime.Goexit()
}

// end runs what the test has left to its end.
func (f *fake) end() {
	for len(f.cleanups) > 0 {
		last := f.cleanups[len(f.cleanups)-1]
		f.cleanups = f.cleanups[:len(f.cleanups)-1]
		last()
	}
}

// try runs a test and its end, and returns what it said, if it failed.
func try(t *testing.T, test func(bindtest.TB)) string {
	t.Helper()
	f := tried(t, test)
	if !f.failed {
		return ""
	}
	return strings.Join(f.said, "\n")
}

func tried(t *testing.T, test func(bindtest.TB)) *fake {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "fake")
	must(t, err)
	f := &fake{name: t.Name() + "/fake", dir: dir}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		test(f)
	}()
	<-ended
	f.end()
	return f
}

// fails fails unless a test fails and says each of some texts.
func fails(t *testing.T, test func(bindtest.TB), texts ...string) {
	t.Helper()
	said := try(t, test)
	if said == "" {
		t.Errorf("the test did not fail; it should say %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("the test does not say %q, but:\n%s", text, said)
		}
	}
}

func passes(t *testing.T, test func(bindtest.TB)) {
	t.Helper()
	if said := try(t, test); said != "" {
		t.Errorf("the test failed:\n%s", said)
	}
}

var lineHere = regexp.MustCompile(`\w+_test\.go:\d+`)

var errDisk = errors.New("disk full")

// mapKeysOf are the keys of a map, sorted.
func mapKeysOf[V any](m map[string]V) string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return strings.Join(keys, " ")
}
