package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/cut"
	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The models. Users have relations into every bind; the three kinds of rows
// are alike, for tests that only ask what is where.
type (
	User struct {
		_     struct{} `bind:"main"`
		ID    uint
		Name  string `gorm:"size:64;uniqueIndex"`
		Logs  []LogEntry
		Notes []Note `gorm:"polymorphic:Owner"`
		Tags  []Tag  `gorm:"many2many:user_tags"`
	}
	LogEntry struct {
		ID     uint
		UserID uint
		Event  string `gorm:"size:64;uniqueIndex"`
	}
	Tag struct {
		ID   uint
		Name string `gorm:"size:64"`
	}
	Note struct {
		ID        uint
		OwnerID   uint
		OwnerType string `gorm:"size:64"`
		Text      string `gorm:"size:64"`
	}

	MainRow struct {
		_      struct{} `bind:"main"`
		ID     uint
		Name   string `gorm:"size:64;uniqueIndex"`
		Ticket *int   // unique at COMMIT, on PostgreSQL
	}
	AnalyticsRow struct {
		_      struct{} `bind:"analytics"`
		ID     uint
		Name   string `gorm:"size:64;uniqueIndex"`
		Ticket *int
	}
	ArchiveRow struct {
		_      struct{} `bind:"archive"`
		ID     uint
		Name   string `gorm:"size:64;uniqueIndex"`
		Ticket *int
	}
)

func (LogEntry) Bind() string      { return "analytics" }
func (LogEntry) TableName() string { return "logs" }
func (Tag) Bind() string           { return "analytics" }
func (Note) Bind() string          { return "archive" }

var (
	keys   = []string{"main", "analytics", "archive"} // main is the default bind
	models = []any{&User{}, &LogEntry{}, &Tag{}, &Note{}, &MainRow{}, &AnalyticsRow{}, &ArchiveRow{}}
)

func row(key, name string) any {
	switch key {
	case "main":
		return &MainRow{Name: name}
	case "analytics":
		return &AnalyticsRow{Name: name}
	default:
		return &ArchiveRow{Name: name}
	}
}

func ticketRow(key, name string, ticket int) any {
	switch key {
	case "main":
		return &MainRow{Name: name, Ticket: &ticket}
	case "analytics":
		return &AnalyticsRow{Name: name, Ticket: &ticket}
	default:
		return &ArchiveRow{Name: name, Ticket: &ticket}
	}
}

func onServers(t *testing.T, list []*servers.Server, test func(*testing.T, *servers.Server)) {
	for _, server := range list {
		server := server
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			server.Need(t)
			test(t, server)
		})
	}
}

// eachWay runs a test on every server, with and without PrepareStmt, in a
// world over one database for each bind.
func eachWay(t *testing.T, test func(*world)) {
	eachWayOn(t, servers.All(), worldConfig{}, test)
}

func eachWayOn(t *testing.T, list []*servers.Server, config worldConfig, test func(*world)) {
	onServers(t, list, func(t *testing.T, server *servers.Server) {
		p := newPlace(t, server)
		for _, prepare := range []bool{false, true} {
			name := map[bool]string{false: "plain", true: "prepared"}[prepare]
			t.Run(name, func(t *testing.T) {
				config := config
				config.gorm.PrepareStmt = prepare
				test(p.newWorld(t, config))
			})
		}
	})
}

// A place is one server's databases, one for each bind, with all tables.
type place struct {
	server    *servers.Server
	databases map[string]*servers.Database
	plain     map[string]*gorm.DB // handles without the plugin
}

// newPlace empties the place that the tests on a server share.
func newPlace(t *testing.T, server *servers.Server) *place {
	t.Helper()
	placing.Lock()
	defer placing.Unlock()
	if p := places[server]; p != nil {
		p.clean(t)
		return p
	}
	p := openPlace(t, server, server.Shared)
	// Through the plugin, so that foreign keys stay inside databases.
	w := p.newWorld(t, worldConfig{})
	w.must(w.db.AutoMigrate(models...))
	if server == servers.PostgreSQL {
		for _, key := range keys {
			for _, ddl := range postgresCommitDDL {
				w.must(p.plain[key].Exec(strings.ReplaceAll(ddl, "rows", key+"_rows")).Error)
			}
		}
	}
	places[server] = p
	return p
}

var (
	placing sync.Mutex
	places  = map[*servers.Server]*place{}
)

// What PostgreSQL does at COMMIT: it refuses tickets that are not unique, and
// cuts its own connection for a row named "suicide".
var postgresCommitDDL = []string{
	"ALTER TABLE rows ADD CONSTRAINT rows_ticket UNIQUE (ticket) DEFERRABLE INITIALLY DEFERRED",
	"CREATE FUNCTION rows_suicide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$",
	"CREATE CONSTRAINT TRIGGER rows_suicide AFTER INSERT ON rows DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.name = 'suicide') EXECUTE FUNCTION rows_suicide()",
}

func TestMain(m *testing.M) { servers.Main(m) }

// emptyPlace has databases of its own, without tables.
func emptyPlace(t *testing.T, server *servers.Server) *place {
	t.Helper()
	p := openPlace(t, server, server.Database)
	t.Cleanup(func() {
		for _, plain := range p.plain {
			pool, err := plain.DB()
			must(t, errors.Join(err, pool.Close()))
		}
	})
	return p
}

func openPlace(t *testing.T, server *servers.Server, database func(testing.TB, string) *servers.Database) *place {
	t.Helper()
	p := &place{server: server, databases: map[string]*servers.Database{}, plain: map[string]*gorm.DB{}}
	for _, key := range keys {
		p.databases[key] = database(t, key)
		plain, err := gorm.Open(server.DialectorOn(sql.OpenDB(p.databases[key].Connector(t, nil))), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		p.plain[key] = plain
	}
	return p
}

// clean empties all tables.
func (p *place) clean(t *testing.T) {
	t.Helper()
	for _, key := range keys {
		tables, err := p.plain[key].Migrator().GetTables()
		if err != nil {
			t.Fatal(err)
		}
		sort.Slice(tables, func(i, j int) bool { return tables[i] == "user_tags" && tables[j] != "user_tags" }) // it refers to the users
		for _, table := range tables {
			must(t, p.plain[key].Exec("DELETE FROM "+table).Error)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rows tells which rows the binds have, to readers without the plugin:
// "main: a b, analytics: c", or "".
func (p *place) rows(t *testing.T) string {
	t.Helper()
	var all []string
	for _, key := range keys {
		var names []string
		must(t, p.plain[key].Table(key+"_rows").Order("id").Pluck("name", &names).Error)
		if len(names) > 0 {
			all = append(all, key+": "+strings.Join(names, " "))
		}
	}
	return strings.Join(all, ", ")
}

// A world is one handle over three binds, each a database of a place.
type world struct {
	*testing.T
	*place
	db     *gorm.DB
	plugin *bindkey.Plugin
	pools  map[string]*sql.DB

	beforeCommit atomic.Pointer[func(key string)] // is called before each COMMIT
	loseAnswers  map[string]*atomic.Bool          // to the COMMITs of a bind
	freezers     map[string]*cut.Freezer          // of a bind
	calls        map[string]testkit.Hook          // makes the calls of a bind; nil: as the driver does
}

type worldConfig struct {
	gorm    gorm.Config
	options []bindkey.Option
	calls   map[string]testkit.Hook
	bare    bool // the driver as it is, whose calls nobody watches
}

func (p *place) newWorld(t *testing.T, config worldConfig) *world {
	t.Helper()
	p.clean(t)
	w := &world{T: t, place: p, pools: map[string]*sql.DB{}, loseAnswers: map[string]*atomic.Bool{}, freezers: map[string]*cut.Freezer{}, calls: config.calls}
	for _, key := range keys {
		w.pools[key] = w.openPool(key, config.bare)
	}
	if config.gorm.Logger == nil {
		config.gorm.Logger = logger.Discard
	}
	var err error
	w.db, err = gorm.Open(w.server.DialectorOn(w.pools["main"]), &config.gorm)
	w.must(err)
	w.plugin = bindkey.New(append([]bindkey.Option{bindkey.Models(models...)}, config.options...)...)
	for _, key := range keys[1:] {
		w.plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{w.server.DialectorOn(w.pools[key])}})
	}
	w.must(w.db.Use(w.plugin))
	t.Cleanup(func() {
		w.idle()
		_ = w.plugin.Close()
	})
	return w
}

// openPool opens a pool of one bind's database, whose COMMITs can be watched unless it is bare.
func (w *world) openPool(key string, bare bool) *sql.DB {
	lose := new(atomic.Bool)
	freezer := new(cut.Freezer)
	w.loseAnswers[key], w.freezers[key] = lose, freezer
	connector := w.databases[key].Connector(w.T, func(dial servers.Dialer) servers.Dialer {
		return func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return freezer.Wrap(cut.LoseCommitAnswer(conn, lose)), nil
		}
	})
	watched := testkit.Wrap(key, connector, func(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) error {
		if hook := w.beforeCommit.Load(); hook != nil && call.Kind == testkit.Commit {
			(*hook)(key)
		}
		if make := w.calls[key]; make != nil {
			return make(ctx, on, call, real)
		}
		return real(ctx)
	})
	if bare {
		watched = connector
	}
	pool := sql.OpenDB(watched)
	w.Cleanup(func() { _ = pool.Close() })
	return pool
}

func (w *world) must(err error) {
	w.Helper()
	must(w.T, err)
}

// expect compares what the binds hold: "main: a b, analytics: c".
func (w *world) expect(want string) {
	w.Helper()
	if got := w.rows(w.T); got != want {
		w.Errorf("the databases hold %q, want %q", got, want)
	}
}

// idle checks that no connection is in use. After the end of a context,
// database/sql gives them back on a goroutine of its own.
func (w *world) idle() {
	w.Helper()
	for key, pool := range w.pools {
		start := time.Now()
		for pool.Stats().InUse > 0 && time.Since(start) < 2*time.Second {
			time.Sleep(time.Millisecond)
		}
		if n := pool.Stats().InUse; n > 0 {
			w.Errorf("%d connections of %s are in use", n, key)
		}
	}
}

// oneConnection gives each pool one connection only.
func (w *world) oneConnection() {
	for _, pool := range w.pools {
		pool.SetMaxOpenConns(1)
	}
}

// watchCommits calls hook before each COMMIT until the test ends.
func (w *world) watchCommits(hook func(key string)) {
	w.beforeCommit.Store(&hook)
	w.Cleanup(func() { w.beforeCommit.Store(nil) })
}

// expectPartial checks every field of a *PartialCommitError.
func (w *world) expectPartial(err error, want bindkey.PartialCommitError) {
	w.Helper()
	var partial *bindkey.PartialCommitError
	if !errors.As(err, &partial) || !errors.Is(err, bindkey.ErrPartialCommit) {
		w.Errorf("%v (%T) is not a *PartialCommitError", err, err)
		return
	}
	describe := func(e bindkey.PartialCommitError) string {
		return fmt.Sprintf("committed %v, failed %s, unknown %t, rolled back %v", e.Committed, e.Failed, e.Unknown, e.RolledBack)
	}
	if got, want := describe(*partial), describe(want); got != want {
		w.Errorf("the error says: %s; want: %s (%v)", got, want, err)
	}
	var failed *bindkey.BranchError
	if !errors.As(err, &failed) || failed.Key != want.Failed || failed.Operation != "COMMIT" {
		w.Errorf("%v does not say that the COMMIT of %s failed", err, want.Failed)
	}
}

// expectBranch checks that an error says which bind's part of a transaction
// failed in what.
func (w *world) expectBranch(err error, key, operation string) {
	w.Helper()
	var failed *bindkey.BranchError
	if !errors.As(err, &failed) || failed.Key != key || failed.Operation != operation {
		w.Errorf("%v does not say that %s in %s failed", err, operation, key)
	}
	if errors.Is(err, bindkey.ErrPartialCommit) {
		w.Errorf("%v says that the transaction is committed in part", err)
	}
}

// watchdog fails the test where something deadlocks.
func (w *world) watchdog(run func()) {
	w.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		run()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		w.Fatal("deadlock: no end after 10 seconds")
	}
}
