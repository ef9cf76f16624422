package bindtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest/internal/onetx"
)

// A kit is what tests ask of one handle. It is a plugin of the handle, so that all
// its sessions lead to it, and has no part in its statements: it sits in the drivers
// of the databases.
type kit struct {
	t        TB // of Open
	plugin   *bindkey.Plugin
	binds    map[string]*bind // by the names of their places
	spare    *bind            // of the handle's own connection, where the default bind has tenants; or nil
	first    string           // the default bind's key
	tenanted bool             // a bind has tenants

	mu         sync.Mutex
	forgotten  bool // Tenants, and the test was told
	holders    []TB // tests that have asked for something, and have not ended
	rules      []*rule
	faults     []*fault
	recordings []*Recording
	rolling    TB     // the test that has asked for Rollback; or nil
	rollingAt  string // the line that has
	open       map[*testkit.Conn]opened
	trespasses map[*testkit.Conn]*trespass

	scribe atomic.Pointer[scribe] // while Open migrates
}

// A bind is one database, with the pools that the handle has there, and one past them.
type bind struct {
	place
	roles     []string
	dialector func(gorm.ConnPool) gorm.Dialector
	dialect   string
	connector *onetx.Connector
	aside     *sql.DB
	drop      func(TB) // the database, at the end

	mu    sync.Mutex
	pools []*sql.DB // the source's, and the replica's; of a tenant also those that the plugin has closed

	opening sync.Once
	plain   *gorm.DB // on aside, without the plugin
	err     error
}

const pluginName = "bindtest"

// Name is of [gorm.Plugin].
func (k *kit) Name() string { return pluginName }

// Initialize is of [gorm.Plugin].
func (k *kit) Initialize(*gorm.DB) error { return nil }

// kitOf is the kit of a handle that Open made, or nil: then the test has ended.
func kitOf(t TB, db *gorm.DB, what string) *kit {
	t.Helper()
	if db != nil && db.Config != nil {
		if k, ok := db.Config.Plugins[pluginName].(*kit); ok {
			return k
		}
	}
	t.Fatalf("bindtest: %s needs a *gorm.DB that bindtest.Open has made, or a session of one; this one was opened in another way, so that nobody sees what it sends. Give the program the handle of bindtest.Open", what)
	return nil
}

// hold makes a test one that asks something of the handle, until it ends. Tests that
// run at the same time can't share a handle: a statement does not tell which test it
// is of.
func (k *kit) hold(t TB, what string) bool {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, other := range k.holders {
		if other == t {
			return true
		}
		if !related(other.Name(), t.Name()) {
			t.Fatalf("bindtest: %s of %s would mix with %s, which is still running with this handle: open a handle of its own in each parallel test (bindtest.Open)", what, t.Name(), other.Name())
			return false
		}
	}
	k.holders = append(k.holders, t)
	t.Cleanup(func() { k.release(t) })
	return true
}

// related reports whether one of two tests is the other, or has it as a subtest.
func related(one, other string) bool {
	return one == other || strings.HasPrefix(one, other+"/") || strings.HasPrefix(other, one+"/")
}

// release ends what a test has asked for.
func (k *kit) release(t TB) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.holders = without(k.holders, func(held TB) bool { return held == t })
	k.rules = without(k.rules, func(r *rule) bool { return r.t == t })
	k.faults = without(k.faults, func(f *fault) bool { return f.t == t })
	k.recordings = without(k.recordings, func(r *Recording) bool { return r.t == t })
	k.tellTrespasses(t)
}

func without[T any](list []T, gone func(T) bool) (left []T) {
	for _, item := range list {
		if !gone(item) {
			left = append(left, item)
		}
	}
	return left
}

// through is how the calls of a pool are made.
func (k *kit) through(b *bind, role string) testkit.Hook {
	return func(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) error {
		k.tellForgotten(ctx, b, call)
		var m *mark
		if call.Kind == testkit.Begin {
			m = markOf(ctx)
		}
		if call.Dead {
			k.follow(b, on, call, m, driver.ErrBadConn)
			k.record(b, role, on, call, m, driver.ErrBadConn)
			return driver.ErrBadConn
		}
		if call.Kind == testkit.Check && !on.InTransaction() {
			call.Kind = testkit.Statement // the program's own
		}
		if trespasses, err := k.forbid(b, on, call); err != nil {
			return err
		} else if trespasses {
			err = real(ctx)
			k.follow(b, on, call, m, err)
			return err
		}
		made, counted := k.fault(b, call)
		var err error
		if made != nil {
			err = made(ctx, on, call, real)
		} else {
			err = real(ctx)
		}
		if errors.Is(err, driver.ErrSkip) { // the driver wants it prepared: another call follows
			k.uncount(counted)
			return err
		}
		if s := k.scribe.Load(); s != nil && err == nil {
			s.note(b.String(), call)
		}
		k.tellUnable(b, call, err)
		k.follow(b, on, call, m, err)
		k.record(b, role, on, call, m, err)
		return err
	}
}

// open opens the plain handle that reads past the plugin.
func (b *bind) open(like *gorm.DB) (*gorm.DB, error) {
	b.opening.Do(func() {
		b.plain, b.err = gorm.Open(b.dialector(b.aside), &gorm.Config{Logger: logger.Discard, NamingStrategy: like.NamingStrategy, SkipDefaultTransaction: true})
	})
	return b.plain, b.err
}

func (b *bind) close() error {
	err := b.aside.Close()
	for _, pool := range b.opened() {
		err = errors.Join(err, pool.Close())
	}
	return err
}

// opened are the pools of a bind.
func (b *bind) opened() []*sql.DB {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pools[:len(b.pools):len(b.pools)]
}

// told is a call as it is told of: its SQL, or BEGIN, COMMIT, ….
func told(call testkit.Call) string {
	if call.SQL != "" {
		return call.SQL
	}
	return call.Kind
}

// counted is "1 statement" or "2 statements".
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// quotedKeys are keys as they stand in a call.
func quotedKeys(keys []string) string {
	quoted := make([]string, len(keys))
	for i, key := range keys {
		quoted[i] = fmt.Sprintf("%q", key)
	}
	return strings.Join(quoted, ", ")
}
