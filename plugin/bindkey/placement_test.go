package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// placed is where a handle's statement is, as text.
func placed(tx *gorm.DB) string {
	at, ok := bindkey.PlacementOf(tx)
	if !ok {
		if at != (bindkey.Placement{}) {
			return fmt.Sprint("unknown, and yet ", at)
		}
		return "unknown"
	}
	return at.Key + " " + at.Role
}

// watchPlaces notes the places that callbacks before and after each statement see.
func watchPlaces(w *world) func() string {
	var seen []string
	note := func(when string) func(*gorm.DB) {
		return func(tx *gorm.DB) { seen = append(seen, when+" "+placed(tx)) }
	}
	of := w.db.Callback()
	for _, err := range []error{
		of.Create().Before("gorm:create").Register("t:before", note("create")), of.Create().After("gorm:create").Register("t:after", note("created")),
		of.Query().Before("gorm:query").Register("t:before", note("query")), of.Query().After("gorm:query").Register("t:after", note("queried")),
		of.Update().Before("gorm:update").Register("t:before", note("update")), of.Update().After("gorm:update").Register("t:after", note("updated")),
		of.Delete().Before("gorm:delete").Register("t:before", note("delete")), of.Delete().After("gorm:delete").Register("t:after", note("deleted")),
		of.Row().Before("gorm:row").Register("t:before", note("row")), of.Row().After("gorm:row").Register("t:after", note("rowed")),
		of.Raw().Before("gorm:raw").Register("t:before", note("raw")), of.Raw().After("gorm:raw").Register("t:after", note("rawed")),
	} {
		w.must(err)
	}
	return func() string {
		defer func() { seen = nil }()
		return strings.Join(seen, ", ")
	}
}

// Callbacks before and after a statement, and its result, know where it goes; with
// prepared statements or without, in GORM's default transaction or without one.
func TestPlacementOf(t *testing.T) {
	for config, settings := range map[string]gorm.Config{"default": {}, "PrepareStmt": {PrepareStmt: true}, "SkipDefaultTransaction": {SkipDefaultTransaction: true}} {
		w := newWorld(t, worldConfig{gorm: settings})
		seen := watchPlaces(w)
		for _, c := range []struct {
			name   string
			run    func(db *gorm.DB) *gorm.DB
			seen   string
			result string
		}{
			{"First", func(db *gorm.DB) *gorm.DB { return db.First(&LogEntry{}) }, "query analytics replica, queried analytics replica", "analytics replica"},
			{"not found", func(db *gorm.DB) *gorm.DB { return db.First(&LogEntry{}, 99) }, "query analytics replica, queried analytics replica", "analytics replica"},
			{"without a key", func(db *gorm.DB) *gorm.DB { return db.Find(&[]Team{}) }, "query main replica, queried main replica", "main replica"},
			{"Create", func(db *gorm.DB) *gorm.DB { return db.Create(&Note{}) }, "create archive source, created archive source", "archive source"},
			{"Update", func(db *gorm.DB) *gorm.DB { return db.Model(&LogEntry{ID: 1}).Update("event", "x") },
				"update analytics source, updated analytics source", "analytics source"},
			{"Delete", func(db *gorm.DB) *gorm.DB { return db.Delete(&Order{ID: 3}) }, "delete main source, deleted main source", "main source"},
			{"Exec", func(db *gorm.DB) *gorm.DB { return db.Exec("UPDATE notes SET text = ?", "y") }, "raw archive source, rawed archive source", "archive source"},
			{"Raw", func(db *gorm.DB) *gorm.DB { return db.Raw("SELECT id FROM logs").Scan(&[]uint{}) }, "row analytics replica, rowed analytics replica", "analytics replica"},
			{"Use", func(db *gorm.DB) *gorm.DB { return db.Clauses(bindkey.Use("archive")).Find(&[]LogEntry{}) },
				"query archive source, queried archive source", "archive source"},
			{"Use to create", func(db *gorm.DB) *gorm.DB { return db.Clauses(bindkey.Use("archive")).Create(&LogEntry{}) },
				"create archive source, created archive source", "archive source"},
			{"Write", func(db *gorm.DB) *gorm.DB { return db.Clauses(dbresolver.Write).Find(&[]LogEntry{}) },
				"query analytics source, queried analytics source", "analytics source"},
			{"an association", func(db *gorm.DB) *gorm.DB { return db.Create(&User{Logs: []LogEntry{{Event: "new"}}}) },
				"create main source, create analytics source, created analytics source, created main source", "main source"},
			{"a preload", func(db *gorm.DB) *gorm.DB { return db.Preload("Notes").Find(&[]User{}) },
				"query main replica, query archive source, queried archive source, queried main replica", "main replica"},
			{"DryRun", func(db *gorm.DB) *gorm.DB { return db.Session(&gorm.Session{DryRun: true}).Find(&[]Note{}) },
				"query archive source, queried archive source", "archive source"},
			{"chained", func(db *gorm.DB) *gorm.DB { return db.Find(&[]LogEntry{}).Count(new(int64)) },
				"query analytics replica, queried analytics replica, query analytics replica, queried analytics replica", "analytics replica"},
			{"chained on a write", func(db *gorm.DB) *gorm.DB { return db.Create(&LogEntry{}).Find(&[]LogEntry{}) },
				"create analytics source, created analytics source, query analytics replica, queried analytics replica", "analytics replica"},
			{"refused", func(db *gorm.DB) *gorm.DB { return db.Exec("DELETE FROM logs WHERE id IN (SELECT id FROM notes)") }, "raw unknown, rawed unknown", "unknown"},
			{"a new chain", func(db *gorm.DB) *gorm.DB { return db.Where("id = 1") }, "", "unknown"},
		} {
			result := c.run(w.db)
			if at := placed(result); at != c.result {
				t.Errorf("%s, %s: the result is at %s, want %s", config, c.name, at, c.result)
			}
			if got := seen(); got != c.seen {
				t.Errorf("%s, %s: callbacks saw %s\nwant %s", config, c.name, got, c.seen)
			}
		}
	}
	if at := placed(nil); at != "unknown" {
		t.Error("nil: ", at)
	}
	if at := placed(&gorm.DB{}); at != "unknown" {
		t.Error("nothing: ", at)
	}
}

// In a transaction each statement is at its bind's branch, and the handle of the
// transaction at none.
func TestPlacementInTransaction(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		want := func(at, want string) {
			t.Helper()
			if at != want {
				t.Errorf("PrepareStmt %v: at %s, want %s", prepare, at, want)
			}
		}
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			want(placed(tx), "unknown")
			want(placed(tx.First(&LogEntry{})), "analytics source")
			want(placed(tx.Create(&Note{})), "archive source")
			want(placed(tx.Clauses(bindkey.Use("main")).Find(&[]LogEntry{})), "main source")
			want(placed(tx.Exec("DELETE FROM logs WHERE id IN (SELECT id FROM notes)")), "unknown")
			return tx.Transaction(func(tx *gorm.DB) error {
				want(placed(tx.Find(&[]Team{})), "main source")
				return nil
			})
		}))
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			want(placed(tx.First(&LogEntry{})), "analytics replica")
			return nil
		}, &sql.TxOptions{ReadOnly: true}))
	}
}

// A statement on a connection of the program's own is at the pool that it is of, if
// a bind has that.
func TestPlacementOnOwnConnection(t *testing.T) {
	w := newWorld(t, worldConfig{})
	on := func(conn gorm.ConnPool) *gorm.DB {
		db := w.db.Session(&gorm.Session{NewDB: true, Context: context.Background(), SkipDefaultTransaction: true})
		db.Statement.ConnPool = conn
		return db
	}
	for _, pool := range w.plugin.Pools() {
		conn, err := pool.DB.Conn(context.Background())
		w.must(err)
		statement := func(db *gorm.DB) *gorm.DB { return db.Find(&[]Note{}) }
		switch pool.Key {
		case "main":
			statement = func(db *gorm.DB) *gorm.DB { return db.Find(&[]User{}) }
		case "analytics":
			statement = func(db *gorm.DB) *gorm.DB { return db.Find(&[]LogEntry{}) }
		}
		result := statement(on(conn))
		if at := placed(result); result.Error != nil || at != pool.Key+" "+pool.Role {
			t.Errorf("on a connection of the %s of %s: %s, %v", pool.Role, pool.Key, at, result.Error)
		}
		w.must(conn.Close())
	}

	stranger, err := sql.Open(sqlitedb.DriverName, w.file("archive")+"?_query_only=1")
	w.must(err)
	defer stranger.Close()
	conn, err := stranger.Conn(context.Background())
	w.must(err)
	defer conn.Close()
	result := on(conn).Find(&[]Team{})
	if at := placed(result); result.Error != nil || at != "unknown" {
		t.Errorf("on a connection of no bind: %s, %v", at, result.Error)
	}
}

// placeHooked writes down in its hooks where it is.
type placeHooked struct {
	ID uint
	at []string
}

func (*placeHooked) Bind() string { return "archive" }

func (h *placeHooked) note(tx *gorm.DB) error { h.at = append(h.at, placed(tx)); return nil }

func (h *placeHooked) BeforeCreate(tx *gorm.DB) error { return h.note(tx) }
func (h *placeHooked) AfterCreate(tx *gorm.DB) error  { return h.note(tx) }
func (h *placeHooked) AfterFind(tx *gorm.DB) error    { return h.note(tx) }

func TestPlacementInHooks(t *testing.T) {
	w := newWorld(t, worldConfig{})
	w.must(w.db.AutoMigrate(&placeHooked{}))
	row := &placeHooked{}
	w.must(w.db.Create(row).Error)
	w.must(w.db.First(row).Error)
	if want := []string{"archive source", "archive source", "archive source"}; !reflect.DeepEqual(row.at, want) {
		t.Errorf("hooks saw %v, want %v", row.at, want)
	}
}

// A statement's place costs nothing to ask for.
func TestPlacementAllocatesNothing(t *testing.T) {
	w := newWorld(t, worldConfig{gorm: gorm.Config{Logger: logger.Default.LogMode(logger.Silent)}})
	tx := w.db.Begin()
	defer tx.Rollback()
	for name, db := range map[string]*gorm.DB{
		"a result":            w.db.First(&LogEntry{}),
		"a write":             w.db.Create(&Note{}),
		"in a transaction":    tx.First(&Note{}),
		"with Use":            w.db.Clauses(bindkey.Use("archive")).Find(&[]LogEntry{}),
		"with PrepareStmt":    w.db.Session(&gorm.Session{PrepareStmt: true}).First(&LogEntry{}),
		"what was not routed": w.db,
	} {
		if n := testing.AllocsPerRun(100, func() { bindkey.PlacementOf(db) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func poolNames(pools []bindkey.Pool) string {
	var names []string
	for _, pool := range pools {
		name := pool.Key + "/" + pool.Role
		if len(pool.Shared) > 0 {
			name += " (" + strings.Join(pool.Shared, " ") + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// Each pool is listed once, and asks the database that its name says.
func TestPools(t *testing.T) {
	for name, c := range map[string]struct {
		install func(w *world)
		want    string
	}{
		"each bind": {(*world).registerAll, "analytics/source, analytics/replica, archive/source, main/source, main/replica"},
		"shared": {func(w *world) {
			pool, err := sql.Open(sqlitedb.DriverName, w.file("archive"))
			w.must(err)
			w.Cleanup(func() { _ = pool.Close() })
			shared := sqlite.New(sqlite.Config{Conn: pool})
			w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{shared}, Replicas: []gorm.Dialector{shared}})
			w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: pool})}})
			w.plugin.Register("also", dbresolver.Config{}) // has the handle's own
		}, "analytics/source (archive), main/source (also)"},
		"a replica shared with a bind before": {func(w *world) {
			pool, err := sql.Open(sqlitedb.DriverName, w.file("analytics"))
			w.must(err)
			w.Cleanup(func() { _ = pool.Close() })
			shared := sqlite.New(sqlite.Config{Conn: pool})
			w.plugin.Register("main", dbresolver.Config{Replicas: []gorm.Dialector{w.dialector("main-replica"), shared}})
			w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{shared}})
			w.plugin.Register("archive", dbresolver.Config{})
		}, "main/source (archive), main/replica, main/replica-2 (analytics)"},
		"two pools of one database": {func(w *world) {
			w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
			w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
		}, "analytics/source, archive/source, main/source"},
		"an adopted dbresolver": {func(w *world) {
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{Replicas: []gorm.Dialector{w.dialector("main-replica")}}).
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "analytics", &LogEntry{}, &Profile{}, "tags").
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, "archive")))
		}, "analytics/source, archive/source, main/source, main/replica"},
	} {
		w := newWorld(t, worldConfig{install: c.install})
		pools := w.plugin.Pools()
		if got := poolNames(pools); got != c.want {
			t.Errorf("%s: %s\nwant %s", name, got, c.want)
		}
		for _, pool := range pools {
			var origin string
			w.must(pool.DB.QueryRow("SELECT origin FROM teams WHERE id = 1").Scan(&origin))
			want := map[string]string{"main/source": "main", "main/replica": "main-replica", "analytics/replica": "analytics-replica", "main/replica-2": "analytics"}[pool.Key+"/"+pool.Role]
			if want == "" {
				want = pool.Key
			}
			if name == "shared" && pool.Key == "analytics" || name == "two pools of one database" && pool.Key != "main" {
				want = "archive"
			}
			if origin != want {
				t.Errorf("%s: %s/%s asks %s", name, pool.Key, pool.Role, origin)
			}
		}
	}
	if pools := bindkey.New().Pools(); pools != nil {
		t.Error("before it is installed: ", pools)
	}
}

// A bind that opens late has its pools from then on.
func TestPoolsOfOpenLate(t *testing.T) {
	w, down, _ := lateWorld(t)
	if got := poolNames(w.plugin.Pools()); got != "archive/source, main/source, main/replica" {
		t.Error("before: ", got)
	}
	down.Store(false)
	time.Sleep(1100 * time.Millisecond)
	w.must(w.db.First(&LogEntry{}).Error)
	if got := poolNames(w.plugin.Pools()); got != "analytics/source, analytics/replica, archive/source, main/source, main/replica" {
		t.Error("after: ", got)
	}
}

// Ping's errors name the pool, and find what the driver said.
func TestPingNamesThePool(t *testing.T) {
	w := newWorld(t, worldConfig{})
	w.must(w.plugin.Ping(context.Background()))
	pools := w.plugin.Pools()
	w.must(pools[1].DB.Close())
	var ping *bindkey.PingError
	if err := w.plugin.Ping(context.Background()); !errors.As(err, &ping) || ping.Key != pools[1].Key || ping.Role != pools[1].Role || ping.Err == nil || !strings.Contains(err.Error(), `bind "analytics": its replica does not answer`) {
		t.Errorf("the error is %v", err)
	}
}
