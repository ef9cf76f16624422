package tenantload_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/tenantload"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A countingDriver is SQLite's, and counts the connections that are open.
type countingDriver struct{ open atomic.Int64 }

var counting = &countingDriver{}

func init() { sql.Register("counting", counting) }

func (d *countingDriver) Open(dsn string) (driver.Conn, error) {
	passes := func(ctx context.Context, _ *testkit.Conn, _ testkit.Call, real testkit.Real) error { return real(ctx) }
	conn, err := testkit.Wrap("tenant", sqlitedb.Connector(dsn), passes).Connect(context.Background())
	if err != nil {
		return nil, err
	}
	d.open.Add(1)
	return &countedConn{wrapped: conn.(wrapped)}, nil
}

// A wrapped is what a *testkit.Conn can do.
type wrapped interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.Validator
}

type countedConn struct {
	wrapped
	closed atomic.Bool
}

func (c *countedConn) ResetSession(ctx context.Context) error {
	if resets, ok := c.wrapped.(driver.SessionResetter); ok {
		return resets.ResetSession(ctx)
	}
	return nil
}

func (c *countedConn) Close() error {
	if !c.closed.Swap(true) {
		counting.open.Add(-1)
	}
	return c.wrapped.Close()
}

// Fifty tenants in files of SQLite, of which eight may be open, under load: every row is
// where it belongs, and no connection and no goroutine is left.
func TestTenantsStayApart(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string {
		return filepath.Join(dir, name+".db") + "?_busy_timeout=60000&_txlock=immediate&_journal_mode=WAL&_synchronous=OFF"
	}
	before := runtime.NumGoroutine()
	db, err := gorm.Open(sqlitedb.Open(file("main")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	open := func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{&sqlite.Dialector{DriverName: "counting", DSN: file(tenant)}}}, nil
	}
	plugin := bindkey.New(bindkey.Tenants("customer", tenantload.Sometimes(open), bindkey.TenantLimit(8), bindkey.TenantWait(time.Minute)), bindkey.Models(tenantload.Models()...))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	load := tenantload.Load{T: t, DB: db, Plugin: plugin, Tenants: tenantload.Names(50), Goroutines: 16, Rounds: 60}
	load.Run(func(tenant, table string) (map[string]int64, error) {
		plain, err := sql.Open(sqlitedb.DriverName, file(tenant))
		if err != nil {
			return nil, err
		}
		defer plain.Close()
		return tenantload.Counts(plain, table)
	})
	if err := plugin.Close(); err != nil {
		t.Error(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
	for i := 0; i < 200 && (counting.open.Load() > 0 || runtime.NumGoroutine() > before+1); i++ {
		time.Sleep(10 * time.Millisecond) // a store of prepared statements has a goroutine of GORM's that nobody ends
	}
	if n := counting.open.Load(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	if n := runtime.NumGoroutine(); n > before+1 {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines, and before %d\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
	}
}

// To find a tenant costs the same however many are known: ten thousand have been, and a
// hundred are open.
func TestManyTenantsAreKnown(t *testing.T) {
	opened := 0
	shared, err := sql.Open(sqlitedb.DriverName, filepath.Join(t.TempDir(), "shared.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.Default.LogMode(logger.Silent)})
	if err != nil {
		t.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Tenants("customer", func(context.Context, string) (dbresolver.Config, error) {
		opened++
		return dbresolver.Config{Sources: []gorm.Dialector{&sqlite.Dialector{Conn: shared}}}, nil
	}))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	ask := func(tenant string) *gorm.DB {
		return db.WithContext(bindkey.WithTenant(context.Background(), tenant))
	}
	if err := ask("t0").AutoMigrate(&tenantload.Page{}); err != nil {
		t.Fatal(err)
	}
	cost := func() float64 {
		one := ask("t0")
		return testing.AllocsPerRun(100, func() {
			if err := one.Limit(1).Find(&[]tenantload.Page{}).Error; err != nil {
				t.Error(err)
			}
		})
	}
	few := cost()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := 0; i < 10000; i++ {
		if err := ask(fmt.Sprintf("t%d", i)).Limit(1).Find(&[]tenantload.Page{}).Error; err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if open := len(plugin.Stats()); open != 100+1 { // and main
		t.Errorf("%d are open", open)
	}
	if many := cost(); many > few+1 && !raceDetector {
		t.Errorf("%v objects, and %v with few", many, few)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 20<<20 {
		t.Errorf("%d bytes for tenants that are closed", grown)
	}
	if opened < 10000 {
		t.Errorf("%d were opened", opened)
	}
}

var raceDetector bool
