package bindkey_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Models whose Bind method does not simply return a key.
type (
	KeyQueries struct{ ID uint }
	KeyAsks    struct{ ID uint }
	KeyLeaves  struct{ ID uint }
)

var (
	keyDB     *gorm.DB
	keyPlugin *bindkey.Plugin
)

func (KeyQueries) Bind() string {
	if keyDB != nil {
		keyDB.Find(&[]KeyQueries{})
	}
	return "analytics"
}

func (KeyAsks) Bind() string {
	if key, err := keyPlugin.KeyOf(KeyAsks{}); err == nil {
		return key
	}
	return "analytics"
}

func (KeyLeaves) Bind() string { runtime.Goexit(); return "analytics" }

// A Bind method that needs its own answer, or ends its goroutine, is an error for
// every question, from many goroutines, and never the default bind.
func TestBindThatNeverReturns(t *testing.T) {
	databases := mustKeyDatabases(t)
	keyPlugin = databases.plugin()
	keyDB = databases.mustOpen(t, keyPlugin)
	t.Cleanup(func() { keyDB, keyPlugin = nil, nil })
	for model, text := range map[any]string{
		&KeyQueries{}: "model bindkey_test.KeyQueries: its Bind method runs a query",
		&KeyAsks{}:    "model bindkey_test.KeyAsks: its Bind method runs a query, or asks for a key",
		&KeyLeaves{}:  "model bindkey_test.KeyLeaves: its Bind method ends its goroutine",
	} {
		apart := func(question func()) { // since some end it
			var wait sync.WaitGroup
			for i := 0; i < 4; i++ {
				wait.Add(1)
				go func() { defer wait.Done(); question() }()
			}
			wait.Wait()
		}
		apart(func() { keyDB.Find(model) })
		apart(func() {
			_, asked := keyPlugin.KeyOf(model)
			for door, err := range map[string]error{
				"KeyOf": asked, "Find": keyDB.Find(model).Error, "Create": keyDB.Create(model).Error, "Check": keyPlugin.Check(model),
			} {
				var invalid *bindkey.InvalidKeyError
				if !errors.As(err, &invalid) || !strings.Contains(err.Error(), text) {
					t.Errorf("%s of %T: %v", door, model, err)
				}
			}
		})
	}
}
