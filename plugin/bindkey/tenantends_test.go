package bindkey_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// mustClose fails where a tenant is not closed soon.
func (w *tenantWorld) mustClose(tenant string) {
	w.Helper()
	select {
	case <-w.plugin.Evict(tenant):
	case <-time.After(10 * time.Second):
		w.Errorf("%s is held", tenant)
	}
}

// A transaction that has ended without a tenant holds none that it is asked for later.
func TestEndedTransactionHoldsNoTenant(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	acme := w.of("acme")
	for name, end := range map[string]func(*gorm.DB) *gorm.DB{"commit": (*gorm.DB).Commit, "rollback": (*gorm.DB).Rollback} {
		tx := acme.Begin()
		w.must(end(tx).Error)
		if err := tx.First(&Invoice{}).Error; !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("%s: %v", name, err)
		}
		w.mustClose("acme")
	}
}

// What waits for a transaction's end finds room for another tenant.
func TestAfterTransactionThereIsRoom(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{}, bindkey.TenantLimit(1), bindkey.TenantWait(2*time.Second))
	w.of("globex")
	acme, no := w.of("acme"), errors.New("no")
	globex := func(ctx context.Context) error {
		return w.db.WithContext(bindkey.WithTenant(ctx, "globex")).Create(&InvoiceRow{Tenant: "globex"}).Error
	}
	for _, failure := range []error{nil, no} {
		err := acme.Transaction(func(tx *gorm.DB) error {
			w.must(bindkey.AfterCommit(tx, globex))
			w.must(bindkey.AfterRollback(tx, globex))
			w.must(tx.Create(&InvoiceRow{Tenant: "acme"}).Error)
			return failure
		})
		if !errors.Is(err, failure) || errors.Is(err, bindkey.ErrTenant) {
			t.Error(err)
		}
	}
	if n := w.count(w.of("globex"), &InvoiceRow{}); n != 2 {
		t.Errorf("%d rows", n)
	}
}

// Evict waits for all that is open of a tenant, also for what an Evict before has left.
func TestEvictTwice(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	tx := w.of("acme").Begin()
	w.must(tx.Create(&InvoiceRow{Tenant: "acme"}).Error)
	w.plugin.Evict("acme")
	done := w.plugin.Evict("acme")
	select {
	case <-done:
		t.Error("closed, though a transaction runs there")
	case <-time.After(20 * time.Millisecond):
	}
	w.must(tx.Commit().Error)
	<-done
	w.mustClose("acme")
}

// A tenant that is closed meanwhile does not fail a Ping.
func TestPingWhileTenantsClose(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{}, bindkey.TenantLimit(2))
	tenants := []string{"a", "b", "c", "d"}
	for _, tenant := range tenants {
		w.of(tenant)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, tenant := range tenants {
		db := w.db.WithContext(bindkey.WithTenant(context.Background(), tenant))
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := db.Find(&[]InvoiceRow{}).Error; err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for until := time.Now().Add(500 * time.Millisecond); time.Now().Before(until); {
		if err := w.plugin.Ping(context.Background()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	all.Wait()
}

// With OpenLate, a dialect whose server is down is opened when a statement needs it.
func TestTenantDialectLate(t *testing.T) {
	dir := t.TempDir()
	db := openPlain(t, sqlitedb.Open(dir+"/main.db"), &gorm.Config{Logger: logger.Discard})
	plugin := bindkey.New(bindkey.OpenLate(), bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(dir + "/" + tenant + ".db")}}, nil
	}, bindkey.TenantDialect(sqlitedb.Open(dir+"/later/x.db"))))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	acme := db.WithContext(bindkey.WithTenant(context.Background(), "acme"))
	for what, err := range map[string]error{
		"a statement":                    acme.Create(&InvoiceRow{}).Error,
		"one in a transaction":           acme.Transaction(func(tx *gorm.DB) error { return tx.Create(&InvoiceRow{}).Error }),
		"one in a transaction with more": acme.Transaction(func(tx *gorm.DB) error { return errors.Join(tx.Exec("SELECT 1").Error, tx.First(&InvoiceRow{}).Error) }),
		"the migrator":                   acme.AutoMigrate(&InvoiceRow{}),
		"Use":                            acme.Clauses(bindkey.Use("customer")).Exec("SELECT 1").Error,
		"a statement in DryRun":          acme.Session(&gorm.Session{DryRun: true}).Create(&InvoiceRow{}).Error,
	} {
		var failed *bindkey.OpenError
		if !errors.As(err, &failed) || failed.Key != "customer" || failed.Role != "dialect" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(plugin.Stats()) != 1 || len(plugin.Pools()) != 1 {
		t.Errorf("%v", plugin.Stats())
	}
	<-plugin.Evict("acme")
	if err := os.Mkdir(dir+"/later", 0o700); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := acme.AutoMigrate(&InvoiceRow{})
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	var n int64
	if err := errors.Join(acme.Create(&InvoiceRow{Tenant: "acme"}).Error, acme.Model(&InvoiceRow{}).Count(&n).Error); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}

// Pools that open returns, and has not made for the tenant, outlive it: those of another
// bind, and of the program. What was prepared there for the tenant is closed with it.
func TestTenantOnPoolOfOthers(t *testing.T) {
	dir := t.TempDir()
	var prepared atomic.Int64
	own := sql.OpenDB(countingConnector{sqlitedb.Connector(dir + "/own.db"), &prepared})
	defer own.Close()
	db := openPlain(t, sqlitedb.Open(dir+"/main.db"), &gorm.Config{Logger: logger.Discard, PrepareStmt: true})
	plugin := bindkey.New().Register("shared", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(dir + "/shared.db")}}, &Rate{})
	plugin.RegisterTenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		on := sqlitedb.New("")
		on.Conn = own
		if tenant == "shares" {
			shared, err := plugin.Resolver("shared")
			if err != nil {
				return dbresolver.Config{}, err
			}
			if on.Conn, err = shared.DB.DB(); err != nil {
				return dbresolver.Config{}, err
			}
		}
		return dbresolver.Config{Sources: []gorm.Dialector{on}}, nil
	})
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	for _, tenant := range []string{"shares", "has-not", "shares"} {
		tx := db.WithContext(bindkey.WithTenant(context.Background(), tenant))
		if err := errors.Join(tx.AutoMigrate(&InvoiceRow{}), tx.Create(&InvoiceRow{}).Error, tx.Find(&[]InvoiceRow{}).Error); err != nil {
			t.Errorf("%s: %v", tenant, err)
		}
		if tenant != "shares" && prepared.Load() == 0 {
			t.Error("nothing was prepared")
		}
		// Who counts by bind and role does not count the pool in two of them.
		for _, pool := range plugin.Pools() {
			if tenant == "shares" && (pool.Tenant != "" || pool.Key == "shared" && (len(pool.Shared) != 1 || pool.Shared[0] != "customer")) {
				t.Errorf("%s: %+v", tenant, pool)
			}
		}
		<-plugin.Evict(tenant)
	}
	if err := errors.Join(own.Ping(), db.AutoMigrate(&Rate{}), db.Create(&Rate{}).Error); err != nil {
		t.Error(err)
	}
	for try := 0; prepared.Load() != 0; try++ { // GORM closes them behind our back
		if try == 1000 {
			t.Fatalf("%d statements are left", prepared.Load())
		}
		time.Sleep(time.Millisecond)
	}
}

// A countingConnector counts the statements that are prepared and not closed.
type countingConnector struct {
	driver.Connector
	prepared *atomic.Int64
}

type countingConn struct {
	driver.Conn
	prepared *atomic.Int64
}

type countedStmt struct {
	driver.Stmt
	prepared *atomic.Int64
}

func (c countingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return countingConn{conn, c.prepared}, err
}

func (c countingConn) Prepare(query string) (driver.Stmt, error) {
	stmt, err := c.Conn.Prepare(query)
	if err == nil {
		c.prepared.Add(1)
	}
	return countedStmt{stmt, c.prepared}, err
}

func (s countedStmt) Close() error {
	s.prepared.Add(-1)
	return s.Stmt.Close()
}
