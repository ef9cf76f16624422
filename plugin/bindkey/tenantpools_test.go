package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// openTenants are the tenants whose pools are open.
func (w *tenantWorld) openTenants() string {
	open := ""
	for _, tenant := range []string{"a", "b", "c", "d"} {
		if _, ok := w.plugin.Stats()["customer/"+tenant]; ok {
			open += tenant
		}
	}
	return open
}

// A name that is no tenant's closes nobody's pools, however many are asked for, and needs
// no room.
func TestNobodyClosesTenants(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{}, bindkey.TenantLimit(1))
	a := w.of("a")
	w.must(a.Create(&InvoiceRow{Tenant: "a"}).Error)
	opened := w.opened.Load()
	noSuchTenant := errors.New("there is no such tenant")
	ask := func() {
		t.Helper()
		for i := 0; i < 20; i++ {
			name := fmt.Sprintf("nobody%d", i)
			w.refuses.Store(name, noSuchTenant)
			if err := w.db.WithContext(bindkey.WithTenant(context.Background(), name)).First(&InvoiceRow{}).Error; !errors.Is(err, noSuchTenant) {
				t.Error(err)
			}
			w.plugin.Evict(name) // so that it is asked for anew
		}
	}
	ask()
	w.must(a.Transaction(func(tx *gorm.DB) error {
		ask() // all room is taken
		return tx.Create(&InvoiceRow{Tenant: "a"}).Error
	}))
	if n := w.opened.Load(); n != opened+40 {
		t.Errorf("a was opened again: %d openings after %d", n, opened)
	}
	if open := w.openTenants(); open != "a" {
		t.Error(open)
	}
	w.whole("a")
}

// No more tenants are open than may be: the one that was used least recently, and that
// nothing uses, is closed for another.
func TestTenantLimit(t *testing.T) {
	eachTenantWay(t, func(t *testing.T, config gorm.Config) {
		w := newTenantWorld(t, &config, bindkey.TenantLimit(3), bindkey.TenantWait(300*time.Millisecond))
		db := map[string]*gorm.DB{}
		for _, tenant := range []string{"a", "b", "c", "d"} {
			db[tenant] = w.of(tenant)
			w.must(db[tenant].Create(&InvoiceRow{Tenant: tenant}).Error)
			w.must(db[tenant].Create(&InvoiceRow{Tenant: tenant}).Error)
		}
		if open := w.openTenants(); open != "bcd" {
			t.Error(open)
		}
		w.count(db["b"], &InvoiceRow{})
		w.count(db["a"], &InvoiceRow{}) // in the place of c
		if open := w.openTenants(); open != "abd" {
			t.Error(open)
		}

		tx := db["b"].Begin()
		w.must(tx.Create(&InvoiceRow{Tenant: "b"}).Error)
		rows, err := db["a"].Model(&InvoiceRow{}).Rows()
		w.must(err)
		if !rows.Next() {
			t.Fatal("no row")
		}
		w.count(db["c"], &InvoiceRow{}) // in the place of d, though a and b were used before
		w.count(db["d"], &InvoiceRow{}) // and that in the place of c
		if open := w.openTenants(); open != "abd" {
			t.Error(open)
		}
		held := db["d"].Begin()
		w.must(held.First(&InvoiceRow{}).Error)
		err = db["c"].First(&InvoiceRow{}).Error // there is no room
		if !errors.Is(err, bindkey.ErrTenant) || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		w.must(held.Rollback().Error)
		w.count(db["c"], &InvoiceRow{})

		for more := true; more; more = rows.Next() {
			var row InvoiceRow
			w.must(db["a"].ScanRows(rows, &row))
		}
		w.must(errors.Join(rows.Err(), rows.Close()))
		w.must(tx.Create(&InvoiceRow{Tenant: "b"}).Error)
		w.must(tx.Commit().Error)
		if n := w.count(db["b"], &InvoiceRow{}); n != 4 {
			t.Errorf("%d rows", n)
		}
		w.whole("a", "b", "c", "d")
	})
}

// Evict lets what runs end; what comes later opens anew. So a tenant can be moved.
func TestEvictTenant(t *testing.T) {
	eachTenantWay(t, func(t *testing.T, config gorm.Config) {
		w := newTenantWorld(t, &config)
		a := w.of("a")
		w.must(a.Create(&[]InvoiceRow{{Tenant: "a"}, {Tenant: "a"}}).Error)
		<-w.plugin.Evict("a")
		if open := w.openTenants(); open != "" {
			t.Error(open)
		}
		opened := w.opened.Load()

		tx := a.Begin()
		w.must(tx.Create(&InvoiceRow{Tenant: "a"}).Error)
		rows, err := a.Model(&InvoiceRow{}).Rows()
		w.must(err)
		if !rows.Next() {
			t.Fatal("no row")
		}
		done := w.plugin.Evict("a")
		select {
		case <-done:
			t.Error("done, though a transaction runs")
		default:
		}
		var found []InvoiceRow
		w.must(a.Find(&found).Error) // on new pools
		if n := w.opened.Load() - opened; n != 2 {
			t.Errorf("opened %d times", n)
		}
		w.must(tx.Find(&found).Error)
		w.must(tx.Create(&InvoiceRow{Tenant: "a"}).Error)
		n := 0
		for more := true; more; more = rows.Next() {
			var row InvoiceRow
			w.must(a.ScanRows(rows, &row))
			n++
		}
		w.must(errors.Join(rows.Err(), rows.Close(), tx.Commit().Error))
		<-done
		if n != 2 || w.count(a, &InvoiceRow{}) != 4 {
			t.Errorf("%d rows of %d", n, w.count(a, &InvoiceRow{}))
		}

		// A transaction that is left when its context ends keeps nothing.
		ctx, cancel := context.WithCancel(bindkey.WithTenant(context.Background(), "a"))
		left := w.db.WithContext(ctx).Begin()
		w.must(left.First(&InvoiceRow{}).Error)
		done = w.plugin.Evict("a", "customer")
		cancel()
		<-done

		// A statement that was routed before its pool was closed.
		w.must(w.db.Callback().Query().Before("gorm:query").Register("test:evict", func(db *gorm.DB) {
			<-w.plugin.Evict("a")
		}))
		if n := w.count(a, &InvoiceRow{}); n != 4 {
			t.Errorf("%d rows", n)
		}
		w.must(w.db.Callback().Create().Before("gorm:begin_transaction").Register("test:evict", func(db *gorm.DB) {
			<-w.plugin.Evict("a")
		}))
		w.must(a.Create(&InvoiceRow{Tenant: "a"}).Error)
		<-w.plugin.Evict("nobody")
	})
}

// Pool settings reach each tenant's pools, and a connection of the program's own is of one tenant.
func TestTenantPoolSettings(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	w.of("a")
	w.plugin.SetMaxOpenConns(7) // those that are open, and those that come
	b := w.of("b")
	for _, tenant := range []string{"a", "b"} {
		if got := w.plugin.Stats()["customer/"+tenant]["source"].MaxOpenConnections; got != 7 {
			t.Errorf("%s: %d", tenant, got)
		}
	}
	w.must(b.Create(&InvoiceRow{Tenant: "b"}).Error)
	pool, err := b.First(&InvoiceRow{}).DB()
	w.must(err)
	own, err := pool.Begin()
	w.must(err)
	on := func(ctx context.Context) *gorm.DB {
		db := w.db.WithContext(ctx)
		db.Statement.ConnPool = own
		return db
	}
	if err := on(bindkey.WithTenant(context.Background(), "b")).First(&InvoiceRow{}).Error; err != nil {
		t.Error(err)
	}
	if err := on(bindkey.WithTenant(context.Background(), "a")).First(&InvoiceRow{}).Error; !errors.Is(err, bindkey.ErrTenantConflict) {
		t.Error(err)
	}
	if err := on(context.Background()).First(&InvoiceRow{}).Error; !errors.Is(err, bindkey.ErrNoTenant) {
		t.Error(err)
	}
	w.must(own.Rollback())
	other, err := openPlain(t, sqlitedb.Open(w.file("main")), &gorm.Config{}).DB()
	w.must(err)
	if own, err = other.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := on(bindkey.WithTenant(context.Background(), "a")).Clauses(bindkey.Use("customer")).First(&InvoiceRow{}).Error; !errors.Is(err, bindkey.ErrCrossBind) {
		t.Error(err)
	}
	w.must(own.Rollback())
	if _, err := w.plugin.Resolver("customer"); !errors.Is(err, bindkey.ErrInstall) {
		t.Error(err)
	}

	w.must(w.plugin.Close())
	if err := b.First(&InvoiceRow{}).Error; !errors.Is(err, bindkey.ErrTenant) {
		t.Error(err)
	}
}

// A tenant has replicas, as a bind has; a branch of a transaction for reading is at one.
func TestTenantReplicas(t *testing.T) {
	w := &tenantWorld{T: t, dir: t.TempDir()}
	w.db = openPlain(t, sqlitedb.Open(w.file("main")), &gorm.Config{Logger: logger.Discard})
	w.plugin = bindkey.New(bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{
			Sources:  []gorm.Dialector{sqlitedb.Open(w.file(tenant))},
			Replicas: []gorm.Dialector{sqlitedb.Open(w.file(tenant + "-1")), sqlitedb.Open(w.file(tenant + "-2"))},
		}, nil
	}))
	w.must(w.db.Use(w.plugin))
	defer w.plugin.Close()
	for _, tenant := range []string{"a", "b"} {
		db := w.db.WithContext(bindkey.WithTenant(context.Background(), tenant))
		w.must(db.AutoMigrate(&InvoiceRow{}))
		w.must(db.Create(&InvoiceRow{Tenant: tenant}).Error)
		for _, replica := range []string{tenant + "-1", tenant + "-2"} {
			plain := openPlain(t, sqlitedb.Open(w.file(replica)), &gorm.Config{})
			w.must(errors.Join(plain.AutoMigrate(&InvoiceRow{}), plain.Create(&InvoiceRow{Tenant: tenant + " replica"}).Error))
			closeDB(plain)
		}
		var read, written InvoiceRow
		w.must(db.First(&read).Error)
		w.must(db.Clauses(dbresolver.Write).First(&written).Error)
		if read.Tenant != tenant+" replica" || written.Tenant != tenant {
			t.Errorf("%q, %q", read.Tenant, written.Tenant)
		}
		w.must(db.Transaction(func(tx *gorm.DB) error { return tx.First(&read).Error }, &sql.TxOptions{ReadOnly: true}))
		if read.Tenant != tenant+" replica" {
			t.Error(read.Tenant)
		}
		route, err := w.plugin.Explain(db.Model(&InvoiceRow{}))
		if err != nil || route.Key != "customer" || route.Tenant != tenant || len(route.Roles) != 2 {
			t.Errorf("%+v, %v", route, err)
		}
	}
	if _, err := w.plugin.Explain(w.db.Model(&InvoiceRow{})); !errors.Is(err, bindkey.ErrNoTenant) {
		t.Error(err)
	}
	route, err := w.plugin.Explain(w.db.WithContext(bindkey.WithTenant(context.Background(), "c")).Model(&InvoiceRow{}))
	if err != nil || route.Tenant != "c" || len(route.Roles) != 0 {
		t.Errorf("%+v, %v", route, err)
	}
	if sql := w.db.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Find(&[]InvoiceRow{}) }); sql != "SELECT * FROM `invoice_rows`" {
		t.Error(sql)
	}
}

// A statement of a tenant allocates at most one object more than one of a fixed bind, also
// with many tenants open.
func TestTenantAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools at random; without it, this runs")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for _, prepare := range []bool{false, true} {
		w := newTenantWorld(t, &gorm.Config{PrepareStmt: prepare, Logger: logger.Default.LogMode(logger.Silent)})
		for i := 0; i < 20; i++ {
			w.must(w.db.WithContext(bindkey.WithTenant(context.Background(), fmt.Sprintf("t%d", i))).Clauses(bindkey.Use("customer")).Exec("SELECT 1").Error)
		}
		tenant := w.of("t7")
		fixed := openPlain(t, sqlitedb.Open(w.file("main")), &gorm.Config{PrepareStmt: prepare, Logger: logger.Default.LogMode(logger.Silent)})
		plugin := bindkey.New().Register("customer", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(w.file("fixed"))}})
		w.must(errors.Join(fixed.Use(plugin), fixed.AutoMigrate(&InvoiceLabel{})))
		fixed = fixed.WithContext(tenant.Statement.Context) // a session costs more than a handle
		for name, run := range map[string]func(db *gorm.DB) error{
			"First":  func(db *gorm.DB) error { return db.First(&InvoiceLabel{}, 1).Error },
			"Create": func(db *gorm.DB) error { return db.Create(&InvoiceLabel{}).Error },
			"Transaction": func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error { return tx.First(&InvoiceLabel{}, 1).Error })
			},
		} {
			w.must(errors.Join(fixed.Create(&InvoiceLabel{}).Error, tenant.Create(&InvoiceLabel{}).Error))
			count := func(db *gorm.DB) float64 {
				return testing.AllocsPerRun(100, func() {
					if err := run(db); err != nil {
						t.Error(err)
					}
				})
			}
			tenanted, alone := count(tenant), count(fixed)
			for try := 0; try < 5 && tenanted > alone+1; try++ { // on a busy machine it may end later
				time.Sleep(10 * time.Millisecond)
				tenanted, alone = count(tenant), count(fixed)
			}
			if tenanted > alone+1 {
				t.Errorf("PrepareStmt %v, %s: %v objects, of a fixed bind %v", prepare, name, tenanted, alone)
			}
		}
		w.must(plugin.Close())
	}
}

// Many at once, of few that may be open: each has its own rows.
func TestTenantsAtOnce(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{PrepareStmt: true}, bindkey.TenantLimit(2))
	tenants := []string{"a", "b", "c", "d"}
	for _, tenant := range tenants {
		w.of(tenant)
	}
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		tenant := tenants[i%4]
		all.Add(1)
		go func() {
			defer all.Done()
			db := w.db.WithContext(bindkey.WithTenant(context.Background(), tenant))
			for n := 0; n < 25; n++ {
				if err := db.Create(&Invoice{Tenant: tenant, Rows: []InvoiceRow{{Tenant: tenant}}}).Error; err != nil {
					t.Error(err)
				}
				var found []Invoice
				if err := db.Preload("Rows").Where("tenant <> ?", tenant).Find(&found).Error; err != nil || len(found) > 0 {
					t.Error(found, err)
				}
			}
		}()
	}
	all.Wait()
	for _, tenant := range tenants {
		if n := w.count(w.db.WithContext(bindkey.WithTenant(context.Background(), tenant)), &Invoice{}); n != 50 {
			t.Errorf("%s: %d", tenant, n)
		}
	}
	w.whole(tenants...)
}
