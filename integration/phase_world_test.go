package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A phaseWorld is a handle that commits in two phases over main, the decider, and archive
// in PostgreSQL, and analytics in MariaDB.
type phaseWorld struct {
	*testing.T
	db     *gorm.DB
	plugin *bindkey.Plugin
	at     map[string]*servers.Database
	plain  map[string]*sql.DB
	pools  map[string]*sql.DB
	log    *phaseLog

	hook  atomic.Pointer[func(on *testkit.Conn, call testkit.Call, real func() error) error]
	mu    sync.Mutex
	trace []string // what was sent, but for what GORM writes
}

type phaseConfig struct {
	two      bindkey.TwoPhaseConfig
	gorm     gorm.Config
	options  []bindkey.Option
	register func(w *phaseWorld, plugin *bindkey.Plugin) // more binds
	noTables bool
	keepRows bool
}

// eachPhase runs a test with and without PrepareStmt.
func eachPhase(t *testing.T, config phaseConfig, test func(*phaseWorld)) {
	for name, prepare := range map[string]bool{"plain": false, "prepared": true} {
		t.Run(name, func(t *testing.T) {
			config := config
			config.gorm.PrepareStmt = prepare
			test(newPhaseWorld(t, config))
		})
	}
}

func newPhaseWorld(t *testing.T, config phaseConfig) *phaseWorld {
	t.Helper()
	servers.MariaDB.Need(t)
	w := &phaseWorld{T: t, at: map[string]*servers.Database{}, plain: map[string]*sql.DB{}, pools: map[string]*sql.DB{}, log: &phaseLog{Interface: logger.Discard}}
	for _, key := range keys {
		server := servers.NeedPreparing(t)
		if key == "analytics" {
			server = servers.MariaDB
		}
		w.at[key] = server.Shared(t, "phase_"+key)
		w.plain[key] = openPool(t, w.at[key].Connector(t, nil))
		w.pools[key] = openPool(t, testkit.Wrap(key, w.at[key].Connector(t, nil), w.call))
	}
	if config.gorm.Logger == nil {
		config.gorm.Logger = w.log
	}
	db, err := gorm.Open(w.at["main"].Server.DialectorOn(w.pools["main"]), &config.gorm)
	must(t, err)
	if config.two.App == "" {
		config.two.App = fmt.Sprintf("test%d", time.Now().UnixNano()%1e9)
	}
	if config.two.Every == 0 {
		config.two.Every = -1
	}
	w.db, w.plugin = db, bindkey.New(append([]bindkey.Option{bindkey.TwoPhase(config.two), bindkey.EndTimeout(5 * time.Second)}, config.options...)...)
	for _, key := range keys[1:] {
		w.plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{w.at[key].Server.DialectorOn(w.pools[key])}})
	}
	if config.register != nil {
		config.register(w, w.plugin)
	}
	must(t, db.Use(w.plugin))
	t.Cleanup(func() {
		for i := 0; i < 100 && t.Failed(); i++ { // what is prepared would keep its locks for good
			if found, err := w.plugin.Recover(context.Background()); err == nil && len(found) == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		must(t, w.plugin.Close())
	})
	if !config.noTables {
		must(t, db.AutoMigrate(&MainRow{}, &AnalyticsRow{}, &ArchiveRow{}))
		must(t, w.plugin.CreateDecisions(context.Background()))
	}
	if !config.keepRows {
		w.clean()
	}
	t.Cleanup(w.idle)
	w.sent()
	return w
}

func openPool(t *testing.T, connector driver.Connector) *sql.DB {
	pool := sql.OpenDB(connector)
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

func (w *phaseWorld) call(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) error {
	text := call.Kind
	switch word, _, _ := strings.Cut(call.SQL, " "); {
	case strings.HasPrefix(call.SQL, "INSERT INTO gormbind_decisions"):
		text = "DECIDE"
	case strings.HasPrefix(call.SQL, "XA "), strings.Contains(call.SQL, "PREPARE"):
		text, _, _ = strings.Cut(call.SQL, " 'gb1")
		if strings.HasSuffix(call.SQL, "ONE PHASE") {
			text += " ONE PHASE"
		}
	case word == "INSERT", word == "SELECT", word == "UPDATE", word == "SHOW", call.Part:
		text = ""
	}
	if text != "" {
		w.mu.Lock()
		w.trace = append(w.trace, text+" "+call.Database)
		w.mu.Unlock()
	}
	if hook := w.hook.Load(); hook != nil {
		return (*hook)(on, call, func() error { return real(ctx) })
	}
	return real(ctx)
}

// sent is what was sent since the last time.
func (w *phaseWorld) sent() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := strings.Join(w.trace, ", ")
	w.trace = nil
	return text
}

// at each call whose text begins so in a bind, something happens once.
func (w *phaseWorld) when(key, begins string, happens func(on *testkit.Conn, real func() error) error) {
	var once atomic.Bool
	hook := func(on *testkit.Conn, call testkit.Call, real func() error) error {
		if text := call.Kind + " " + call.SQL; call.Database == key && strings.Contains(text, begins) && !once.Swap(true) {
			return happens(on, real)
		}
		return real()
	}
	w.hook.Store(&hook)
	w.Cleanup(func() { w.hook.Store(nil) })
}

// lost is what a connection that is lost answers.
func lost(on *testkit.Conn, real func() error, done bool) error {
	if done {
		_ = real()
	}
	on.Lose()
	return io.ErrUnexpectedEOF
}

func (w *phaseWorld) clean() {
	for _, key := range keys {
		if _, err := w.plain[key].Exec("DELETE FROM " + key + "_rows"); err != nil {
			w.Fatal(err)
		}
	}
}

// rows tells which rows the binds have: "main: a b, analytics: c".
func (w *phaseWorld) rows() string {
	var all []string
	for _, key := range keys {
		rows, err := w.plain[key].Query("SELECT name FROM " + key + "_rows ORDER BY name")
		must(w.T, err)
		var names []string
		for rows.Next() {
			var name string
			must(w.T, rows.Scan(&name))
			names = append(names, name)
		}
		must(w.T, rows.Err())
		if len(names) > 0 {
			all = append(all, key+": "+strings.Join(names, " "))
		}
	}
	return strings.Join(all, ", ")
}

func (w *phaseWorld) expect(want string) {
	w.Helper()
	if got := w.rows(); got != want {
		w.Errorf("the databases hold %q, want %q", got, want)
	}
}

const everywhere = "main: a, analytics: a, archive: a"

// idle checks that no connection is in use.
func (w *phaseWorld) idle() {
	for key, pool := range w.pools {
		for start := time.Now(); pool.Stats().InUse > 0 && time.Since(start) < 3*time.Second; time.Sleep(time.Millisecond) {
		}
		if n := pool.Stats().InUse; n > 0 {
			w.Errorf("%d connections of %s are in use", n, key)
		}
	}
}

// recover recovers until nothing is left, and tells what was done.
func (w *phaseWorld) recover() string {
	w.Helper()
	var did []string
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		found, err := w.plugin.Recover(context.Background())
		must(w.T, err)
		left := ""
		for _, r := range found {
			if r.Outcome == bindkey.RecoveryLeft {
				left += fmt.Sprint(r)
			} else {
				did = append(did, fmt.Sprintf("%s %s", r.Bind, r.Outcome))
			}
		}
		if left == "" {
			sort.Strings(did)
			return strings.Join(did, ", ")
		}
		if time.Since(start) > 10*time.Second {
			w.Fatalf("left are %s", left)
		}
	}
}

// all writes into all binds, and tells which outcome functions ran.
func (w *phaseWorld) all(name string) (ran string, err error) {
	err = w.db.Transaction(func(tx *gorm.DB) error {
		must(w.T, bindkey.AfterCommit(tx, func(context.Context) error { ran += "commit"; return nil }))
		must(w.T, bindkey.AfterRollback(tx, func(context.Context) error { ran += "rollback"; return nil }))
		return create(tx, name, keys...)
	})
	return ran, err
}

// A phaseLog keeps warnings and errors.
type phaseLog struct {
	logger.Interface
	mu    sync.Mutex
	lines []string
}

func (l *phaseLog) LogMode(logger.LogLevel) logger.Interface { return l }
func (l *phaseLog) Warn(_ context.Context, format string, args ...any) {
	l.add("warning: "+format, args...)
}
func (l *phaseLog) Error(_ context.Context, format string, args ...any) {
	l.add("error: "+format, args...)
}
func (l *phaseLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}
func (l *phaseLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}
