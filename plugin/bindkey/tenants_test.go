package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
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

// The models of the tests of tenants: two that each tenant has tables of, and one
// that all share, in main.
type (
	Invoice struct {
		_      struct{} `bind:"customer"`
		ID     uint
		Tenant string // whose it is: a row in another database shows
		Rows   []InvoiceRow
		RateID *uint
		Rate   *Rate
		Labels []InvoiceLabel `gorm:"many2many:invoice_labels_of"`
	}
	InvoiceRow struct {
		_         struct{} `bind:"customer"`
		ID        uint
		InvoiceID uint
		Tenant    string
	}
	InvoiceLabel struct {
		_    struct{} `bind:"customer"`
		ID   uint
		Name string
	}
	Rate struct {
		ID   uint
		Name string
	}
	// Audited writes a row of its own for each Invoice, in a hook.
	Audited struct {
		_      struct{} `bind:"customer"`
		ID     uint
		Tenant string
		Drops  bool `gorm:"-"` // the context
	}
)

func (a *Audited) AfterCreate(tx *gorm.DB) error {
	if a.Drops {
		tx = tx.WithContext(context.Background())
	}
	return tx.Create(&InvoiceRow{Tenant: a.Tenant + "'s hook"}).Error
}

var tenantModels = []any{&Invoice{}, &InvoiceRow{}, &InvoiceLabel{}, &Audited{}, &Rate{}}

// A tenantWorld is a handle with a bind of tenants, in files of SQLite.
type tenantWorld struct {
	*testing.T
	dir        string
	parameters string // of each file's DSN
	db         *gorm.DB
	plugin     *bindkey.Plugin
	opened     atomic.Int64
	refuses    sync.Map // tenant → error
}

func newTenantWorld(t *testing.T, config *gorm.Config, options ...bindkey.TenantOption) *tenantWorld {
	t.Helper()
	return newTenantWorldWith(t, "", config, options...)
}

func newTenantWorldWith(t *testing.T, parameters string, config *gorm.Config, options ...bindkey.TenantOption) *tenantWorld {
	t.Helper()
	w := &tenantWorld{T: t, dir: t.TempDir(), parameters: parameters}
	if config.Logger == nil {
		config.Logger = logger.Discard
	}
	w.db = openPlain(t, sqlitedb.Open(w.file("main")), config)
	w.plugin = bindkey.New(bindkey.Tenants("customer", w.open, options...), bindkey.Models(tenantModels...))
	w.must(w.db.Use(w.plugin))
	t.Cleanup(func() { _ = w.plugin.Close() })
	w.must(w.db.AutoMigrate(&Rate{}))
	return w
}

func (w *tenantWorld) file(name string) string {
	return filepath.Join(w.dir, name+".db") + "?_busy_timeout=10000" + w.parameters
}

func (w *tenantWorld) open(_ context.Context, tenant string) (dbresolver.Config, error) {
	w.opened.Add(1)
	if err, ok := w.refuses.Load(tenant); ok {
		return dbresolver.Config{}, err.(error)
	}
	return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(w.file(tenant))}}, nil
}

func (w *tenantWorld) must(err error, but ...error) {
	w.Helper()
	for _, one := range but {
		if errors.Is(err, one) {
			return
		}
	}
	if err != nil {
		w.Fatal(err)
	}
}

// of is a session of a tenant, whose tables are there.
func (w *tenantWorld) of(tenant string) *gorm.DB {
	w.Helper()
	db := w.db.WithContext(bindkey.WithTenant(context.Background(), tenant))
	w.must(db.AutoMigrate(tenantModels...))
	return db
}

// whole looks into each tenant's file, past the plugin, whether all rows name it.
func (w *tenantWorld) whole(tenants ...string) {
	w.Helper()
	for _, tenant := range tenants {
		plain := openPlain(w.T, sqlitedb.Open(w.file(tenant)), &gorm.Config{Logger: logger.Discard})
		for _, table := range []string{"invoices", "invoice_rows", "auditeds"} {
			var strangers []string
			w.must(plain.Table(table).Where("tenant <> ? AND tenant <> ?", tenant, tenant+"'s hook").Pluck("tenant", &strangers).Error)
			if len(strangers) > 0 {
				w.Errorf("%s of %s has rows of %v", table, tenant, strangers)
			}
		}
		closeDB(plain)
	}
}

func (w *tenantWorld) count(db *gorm.DB, model any) (n int64) {
	w.Helper()
	w.must(db.Model(model).Count(&n).Error)
	return n
}

// eachTenantWay runs a test with and without prepared statements and default transactions.
func eachTenantWay(t *testing.T, test func(t *testing.T, config gorm.Config)) {
	for name, config := range map[string]gorm.Config{
		"plain": {}, "PrepareStmt": {PrepareStmt: true}, "no default transaction": {SkipDefaultTransaction: true, PrepareStmt: true},
	} {
		t.Run(name, func(t *testing.T) { test(t, config) })
	}
}

// Every kind of statement reaches the database of the context's tenant.
func TestTenants(t *testing.T) {
	eachTenantWay(t, func(t *testing.T, config gorm.Config) {
		w := newTenantWorld(t, &config)
		rate := Rate{Name: "all"}
		w.must(w.db.Create(&rate).Error) // needs no tenant
		tenants := []string{"acme", "globex", "initech"}
		for _, tenant := range tenants {
			db := w.of(tenant)
			w.must(db.Create(&Invoice{Tenant: tenant, RateID: &rate.ID, Rows: []InvoiceRow{{Tenant: tenant}, {Tenant: tenant}}, Labels: []InvoiceLabel{{Name: tenant}}}).Error)
			w.must(db.CreateInBatches([]InvoiceRow{{Tenant: tenant}, {Tenant: tenant}, {Tenant: tenant}}, 2).Error)
			w.must(db.Create(&Audited{Tenant: tenant}).Error)
			w.must(db.Exec("INSERT INTO invoice_rows (tenant) VALUES (?)", tenant).Error)
			w.must(db.Table("invoice_rows").Create(map[string]any{"tenant": tenant}).Error)
		}
		for _, tenant := range tenants {
			db := w.of(tenant)
			var invoice Invoice
			w.must(db.Preload("Rows").Preload("Rate").Preload("Labels").First(&invoice).Error)
			if invoice.Tenant != tenant || len(invoice.Rows) != 2 || invoice.Rows[0].Tenant != tenant || invoice.Rate == nil || invoice.Rate.Name != "all" || len(invoice.Labels) != 1 || invoice.Labels[0].Name != tenant {
				t.Errorf("%s: %+v", tenant, invoice)
			}
			var rows []InvoiceRow
			w.must(db.Model(&invoice).Association("Rows").Find(&rows))
			w.must(db.Model(&invoice).Association("Rows").Append(&InvoiceRow{Tenant: tenant}))
			var named []string
			w.must(db.Raw("SELECT tenant FROM invoice_rows GROUP BY tenant ORDER BY tenant").Scan(&named).Error)
			if len(rows) != 2 || strings.Join(named, ",") != tenant+","+tenant+"'s hook" {
				t.Errorf("%s: %v, %v", tenant, rows, named)
			}
			n := 0
			w.must(db.FindInBatches(&rows, 2, func(tx *gorm.DB, _ int) error {
				for _, row := range rows {
					if !strings.HasPrefix(row.Tenant, tenant) {
						t.Errorf("%s: %+v", tenant, row)
					}
				}
				n += len(rows)
				return tx.Model(&Invoice{}).Where("tenant <> ?", tenant).First(&Invoice{}).Error
			}).Error, gorm.ErrRecordNotFound)
			if got := w.count(db, &InvoiceRow{}); got != 9 {
				t.Errorf("%s: %d rows", tenant, got)
			}
			var sums []InvoiceRow
			w.must(db.Where("invoice_id IN (?)", w.db.Model(&Invoice{}).Select("id")).Find(&sums).Error)
			if len(sums) != 3 {
				t.Errorf("%s: %d rows of invoices", tenant, len(sums))
			}
			w.must(db.Clauses(bindkey.Use("customer")).Exec("UPDATE invoice_rows SET tenant = tenant").Error)
			handed, err := db.Model(&InvoiceRow{}).Rows()
			w.must(err)
			for handed.Next() {
				var row InvoiceRow
				w.must(db.ScanRows(handed, &row))
			}
			w.must(handed.Close())
			if !db.Migrator().HasTable(&Invoice{}) || w.db.Migrator().HasTable(&Invoice{}) {
				t.Errorf("%s: no table", tenant)
			}
			w.must(db.Where("1 = 1").Delete(&InvoiceLabel{}).Error)
		}
		w.whole(tenants...)
		if n := w.opened.Load(); n != int64(len(tenants)) {
			t.Errorf("opened %d times", n)
		}
		if got := w.count(w.db, &Rate{}); got != 1 {
			t.Errorf("%d rates", got)
		}
	})
}

// Without a tenant, and with one that there is not, a statement fails, and asks no
// database; where it goes is found without.
func TestNoTenant(t *testing.T) {
	eachTenantWay(t, func(t *testing.T, config gorm.Config) {
		w := newTenantWorld(t, &config)
		w.of("acme")
		before := w.opened.Load()
		statements := map[string]func(db *gorm.DB) error{
			"First":       func(db *gorm.DB) error { return db.First(&Invoice{}).Error },
			"Create":      func(db *gorm.DB) error { return db.Create(&Invoice{}).Error },
			"Raw":         func(db *gorm.DB) error { return db.Raw("SELECT * FROM invoices").Scan(&[]Invoice{}).Error },
			"Exec":        func(db *gorm.DB) error { return db.Exec("DELETE FROM invoices").Error },
			"Table":       func(db *gorm.DB) error { return db.Table("invoices").Find(&[]map[string]any{}).Error },
			"Use":         func(db *gorm.DB) error { return db.Clauses(bindkey.Use("customer")).Exec("SELECT 1").Error },
			"AutoMigrate": func(db *gorm.DB) error { return db.AutoMigrate(&Invoice{}) },
			"AlterColumn": func(db *gorm.DB) error { return db.Migrator().AlterColumn(&Invoice{}, "Tenant") },
			"ColumnTypes": func(db *gorm.DB) error { _, err := db.Migrator().ColumnTypes(&Invoice{}); return err },
			"Row":         func(db *gorm.DB) error { return db.Model(&Invoice{}).Select("id").Row().Scan(new(int)) },
			"Transaction": func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error { return tx.First(&Invoice{}).Error })
			},
			"Use on Begin": func(db *gorm.DB) error {
				return db.Clauses(bindkey.Use("customer")).Transaction(func(tx *gorm.DB) error { return nil })
			},
			"Preload": func(db *gorm.DB) error {
				w.must(db.FirstOrCreate(&Rate{ID: 1}).Error) // of main
				return db.Model(&Invoice{}).Preload("Rows").Find(&[]Invoice{}).Error
			},
			"DB": func(db *gorm.DB) error { _, err := db.Clauses(bindkey.Use("customer")).DB(); return err },
		}
		for name, run := range statements {
			err := run(w.db)
			var missing *bindkey.NoTenantError
			if !errors.Is(err, bindkey.ErrNoTenant) || !errors.As(err, &missing) || missing.Key != "customer" {
				t.Errorf("%s: %v", name, err)
			}
			if models := map[string]bool{"First": true, "AutoMigrate": true, "AlterColumn": true, "ColumnTypes": true}; models[name] && (missing.Model != "bindkey_test.Invoice" || !strings.Contains(err.Error(), missing.Model)) {
				t.Errorf("no model in %v", err)
			}
			if name == "DB" {
				continue
			}
			if err := run(w.db.WithContext(bindkey.WithTenant(bindkey.WithTenant(context.Background(), "acme"), ""))); !errors.Is(err, bindkey.ErrNoTenant) {
				t.Errorf("%s, without a tenant again: %v", name, err)
			}
			if err := run(w.db.WithContext(bindkey.WithTenant(context.Background(), "acme", "region"))); !errors.Is(err, bindkey.ErrNoTenant) {
				t.Errorf("%s, of another bind: %v", name, err)
			}
		}
		if key, err := w.plugin.KeyOf(&Invoice{}); key != "customer" || err != nil {
			t.Error(key, err)
		}
		if n := w.opened.Load(); n != before {
			t.Errorf("%d tenants were opened", n-before)
		}

		gone := errors.New("no such customer")
		w.refuses.Store("gone", gone)
		for tenant, want := range map[string]error{"gone": gone, "../main": nil, "a/b": nil, "-x": nil, "..": nil, "a?mode=memory": nil, strings.Repeat("x", 129): nil} {
			for name, run := range statements {
				err := run(w.db.WithContext(bindkey.WithTenant(context.Background(), tenant)))
				var refused *bindkey.TenantError
				if name == "DB" {
					continue
				}
				if !errors.Is(err, bindkey.ErrTenant) || !errors.As(err, &refused) || refused.Tenant != tenant || refused.Key != "customer" || want != nil && !errors.Is(err, want) {
					t.Errorf("%s of %q: %v", name, tenant, err)
				}
			}
		}
		if n := w.opened.Load(); n != before+1 {
			t.Errorf("%d were asked for", n-before)
		}
		w.refuses.Delete("gone")
		w.plugin.Evict("gone") // the failure is forgotten
		w.of("gone")
	})
}

// A hook or goroutine that drops the context gets an error, and what was written with it
// is rolled back.
func TestTenantDropped(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	acme := w.of("acme")
	if err := acme.Create(&Audited{Tenant: "acme", Drops: true}).Error; !errors.Is(err, bindkey.ErrNoTenant) {
		t.Error(err)
	}
	if n := w.count(acme, &Audited{}); n != 0 {
		t.Errorf("%d rows", n)
	}
	globex := bindkey.WithTenant(context.Background(), "globex")
	w.of("globex")
	err := acme.Transaction(func(tx *gorm.DB) error {
		w.must(tx.Create(&Invoice{Tenant: "acme"}).Error)
		var conflict *bindkey.TenantConflictError
		err := tx.WithContext(globex).Create(&Invoice{Tenant: "globex"}).Error
		if !errors.Is(err, bindkey.ErrTenantConflict) || !errors.As(err, &conflict) || *conflict != (bindkey.TenantConflictError{Key: "customer", Tenant: "globex", Other: "acme"}) {
			t.Error(err)
		}
		if err := tx.WithContext(context.Background()).Create(&Invoice{}).Error; !errors.Is(err, bindkey.ErrNoTenant) {
			t.Error(err)
		}
		if _, err := bindkey.SQLTx(tx.WithContext(globex), "customer"); !errors.Is(err, bindkey.ErrTenantConflict) {
			t.Error(err)
		}
		if _, err := bindkey.SQLTx(tx, "customer"); err != nil {
			t.Error(err)
		}
		return tx.Create(&InvoiceRow{Tenant: "acme"}).Error
	})
	w.must(err)
	if w.count(acme, &Invoice{}) != 1 || w.count(w.db.WithContext(globex), &Invoice{}) != 0 {
		t.Error("rows are missing or elsewhere")
	}
	// The context of a statement that is changed after it was routed.
	w.must(w.db.Callback().Query().Before("gorm:query").Register("test:change", func(db *gorm.DB) {
		if _, ok := db.Get("change"); ok {
			db.Statement.Context = globex
		}
	}))
	if err := acme.Set("change", true).First(&Invoice{}).Error; !errors.Is(err, bindkey.ErrTenantConflict) {
		t.Error(err)
	}
	// A pool that a result is asked for.
	found := acme.First(&Invoice{})
	if _, err := found.Statement.ConnPool.ExecContext(context.Background(), "DELETE FROM invoices"); !errors.Is(err, bindkey.ErrNoTenant) {
		t.Error(err)
	}
}

// A transaction spans the shared database and one tenant's.
func TestTenantTransaction(t *testing.T) {
	eachTenantWay(t, func(t *testing.T, config gorm.Config) {
		w := newTenantWorld(t, &config, bindkey.TenantLimit(1))
		acme, failure := w.of("acme"), errors.New("no")
		in := func(name string, fail error) error {
			return acme.Transaction(func(tx *gorm.DB) error {
				w.must(tx.Create(&Rate{Name: name}).Error)
				w.must(tx.Create(&Invoice{Tenant: "acme", Rows: []InvoiceRow{{Tenant: "acme"}}}).Error)
				_ = tx.Transaction(func(tx *gorm.DB) error {
					w.must(tx.Create(&InvoiceRow{Tenant: "undone"}).Error)
					return failure
				})
				var n int64
				w.must(tx.Table("invoices").Count(&n).Error)
				return fail
			})
		}
		w.must(in("kept", nil))
		if err := in("lost", failure); !errors.Is(err, failure) {
			t.Error(err)
		}
		if w.count(w.db, &Rate{}) != 1 || w.count(acme, &Invoice{}) != 1 || w.count(acme, &InvoiceRow{}) != 1 {
			t.Error("rows are missing, or left")
		}
		w.whole("acme")

		tx := acme.Clauses(bindkey.Use("customer")).Begin()
		w.must(tx.Exec("INSERT INTO invoices (tenant) VALUES ('acme')").Error)
		w.must(tx.Commit().Error)

		// One that begins after its pool was closed.
		ended := acme.Begin()
		w.must(ended.First(&Invoice{}).Error)
		w.must(ended.Rollback().Error)
		if err := ended.First(&Invoice{}).Error; !errors.Is(err, sql.ErrTxDone) {
			t.Error(err)
		}
		w.of("globex") // nobody holds acme any more
	})
}

// Two families: a context has a tenant for each.
func TestTwoFamilies(t *testing.T) {
	type Region struct {
		_    struct{} `bind:"region"`
		ID   uint
		Name string
	}
	dir := t.TempDir()
	open := func(prefix string) func(context.Context, string) (dbresolver.Config, error) {
		return func(_ context.Context, tenant string) (dbresolver.Config, error) {
			return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, prefix+tenant+".db"))}}, nil
		}
	}
	db := openPlain(t, sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	plugin := bindkey.New(bindkey.Tenants("customer", open("c-")), bindkey.Tenants("region", open("r-"), bindkey.TenantData("region_codes")))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	for _, tenant := range []string{"acme", "globex"} {
		ctx := bindkey.WithTenant(bindkey.WithTenant(context.Background(), tenant), "eu", "region")
		tx := db.WithContext(ctx)
		err := errors.Join(tx.AutoMigrate(&InvoiceRow{}, &Region{}), tx.Create(&InvoiceRow{Tenant: tenant}).Error, tx.Create(&Region{Name: tenant}).Error,
			tx.Exec("CREATE TABLE IF NOT EXISTS region_codes (code text)").Error)
		if err != nil {
			t.Fatal(err)
		}
		if bindkey.TenantOf(ctx, "customer") != tenant || bindkey.TenantOf(ctx, "region") != "eu" || bindkey.TenantOf(bindkey.WithTenant(ctx, "x"), "region") != "x" {
			t.Error("another tenant")
		}
	}
	var regions, rows int64
	ctx := bindkey.WithTenant(context.Background(), "eu", "region")
	if err := db.WithContext(ctx).Model(&Region{}).Count(&regions).Error; err != nil || regions != 2 {
		t.Error(regions, err)
	}
	if err := db.WithContext(bindkey.WithTenant(ctx, "acme", "customer")).Model(&InvoiceRow{}).Count(&rows).Error; err != nil || rows != 1 {
		t.Error(rows, err)
	}
	if stats := plugin.Stats(); len(stats) != 4 || stats["region/eu"]["source"].OpenConnections == 0 {
		t.Errorf("%v", stats)
	}
	if err := plugin.Ping(context.Background()); err != nil {
		t.Error(err)
	}
}

// The default bind may have tenants: then what has no key needs one, and the tables of
// all are elsewhere.
func TestDefaultBindOfTenants(t *testing.T) {
	type Plain struct {
		ID     uint
		Tenant string
	}
	dir := t.TempDir()
	for _, prepare := range []bool{false, true} {
		db := openPlain(t, sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard, PrepareStmt: prepare})
		plugin := bindkey.New(bindkey.Tenants("main", func(_ context.Context, tenant string) (dbresolver.Config, error) {
			return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, tenant+".db"))}}, nil
		})).Register("shared", dbresolver.Config{}, &Rate{})
		if err := db.Use(plugin); err != nil {
			t.Fatal(err)
		}
		if err := db.Create(&Plain{}).Error; !errors.Is(err, bindkey.ErrNoTenant) {
			t.Error(err)
		}
		if err := db.Exec("SELECT 1").Error; !errors.Is(err, bindkey.ErrNoTenant) {
			t.Error(err)
		}
		if _, err := db.DB(); !errors.Is(err, bindkey.ErrNoTenant) {
			t.Error(err)
		}
		if err := errors.Join(db.AutoMigrate(&Rate{}), db.Create(&Rate{}).Error); err != nil {
			t.Error(err)
		}
		for _, tenant := range []string{"acme", "globex"} {
			tx := db.WithContext(bindkey.WithTenant(context.Background(), tenant))
			var names []string
			err := errors.Join(tx.AutoMigrate(&Plain{}), tx.Create(&Plain{Tenant: tenant}).Error, tx.Raw("SELECT DISTINCT tenant FROM plains").Scan(&names).Error)
			if err != nil || len(names) != 1 || names[0] != tenant {
				t.Errorf("%v: %v", names, err)
			}
			session := tx.Session(&gorm.Session{PrepareStmt: true})
			if err := session.Model(&Plain{}).Pluck("tenant", &names).Error; err != nil || names[0] != tenant {
				t.Errorf("%v: %v", names, err)
			}
		}
		if err := plugin.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TenantBy takes the tenant from what the context tells already; WithTenant goes before.
func TestTenantBy(t *testing.T) {
	type user struct{}
	w := newTenantWorld(t, &gorm.Config{}, bindkey.TenantBy(func(ctx context.Context) (string, bool) {
		id, ok := ctx.Value(user{}).(int)
		return fmt.Sprintf("shard%d", id%4), ok
	}))
	for id := 0; id < 8; id++ {
		shard := fmt.Sprintf("shard%d", id%4)
		w.of(shard)
		w.must(w.db.WithContext(context.WithValue(context.Background(), user{}, id)).Create(&Invoice{Tenant: shard}).Error)
	}
	w.whole("shard0", "shard1", "shard2", "shard3")
	ctx := context.WithValue(bindkey.WithTenant(context.Background(), "shard3"), user{}, 0)
	var invoice Invoice
	w.must(w.db.WithContext(ctx).First(&invoice).Error)
	if invoice.Tenant != "shard3" {
		t.Error(invoice.Tenant)
	}
	if err := w.db.First(&invoice).Error; !errors.Is(err, bindkey.ErrNoTenant) {
		t.Error(err)
	}
}

// What can't be followed shows when the plugin is installed.
func TestTenantMistakes(t *testing.T) {
	open := func(context.Context, string) (dbresolver.Config, error) { return dbresolver.Config{}, nil }
	for name, c := range map[string]struct {
		plugin *bindkey.Plugin
		want   error
	}{
		"no function":   {bindkey.New(bindkey.Tenants("customer", nil)), bindkey.ErrInstall},
		"no key":        {bindkey.New(bindkey.Tenants("", open)), bindkey.ErrInvalidKey},
		"no limit":      {bindkey.New(bindkey.Tenants("customer", open, bindkey.TenantLimit(0))), bindkey.ErrInstall},
		"no time":       {bindkey.New(bindkey.Tenants("customer", open, bindkey.TenantWait(0))), bindkey.ErrInstall},
		"twice":         {bindkey.New(bindkey.Tenants("customer", open), bindkey.Tenants("customer", open)), bindkey.ErrConflict},
		"and Register":  {bindkey.New(bindkey.Tenants("customer", open)).Register("customer", dbresolver.Config{}), bindkey.ErrConflict},
		"a bad dialect": {bindkey.New(bindkey.Tenants("customer", open, bindkey.TenantDialect(sqlitedb.Open("/no/such/dir/a.db")))), nil},
	} {
		db := openPlain(t, sqlitedb.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.Discard})
		if err := db.Use(c.plugin); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An open that returns no source, or one of another dialect, is no tenant's.
	db := openPlain(t, sqlitedb.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.Discard})
	pidgin := newPidgin("other")
	plugin := bindkey.New(bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		switch tenant {
		case "pidgin":
			pidgin.Dialector = *sqlitedb.New(filepath.Join(t.TempDir(), "other.db"))
			return dbresolver.Config{Sources: []gorm.Dialector{&pidgin}}, nil
		case "panics":
			panic("oh")
		case "nil":
			return dbresolver.Config{Sources: []gorm.Dialector{nil}}, nil
		}
		return dbresolver.Config{}, nil
	}))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	for tenant, want := range map[string]string{"none": "no source", "pidgin": "TenantDialect", "panics": "panics: oh", "nil": "nil"} {
		err := db.WithContext(bindkey.WithTenant(context.Background(), tenant)).First(&Invoice{}).Error
		if !errors.Is(err, bindkey.ErrTenant) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", tenant, err)
		}
	}
}

// One tenant whose database hangs holds up no other, and those who wait for it leave.
func TestTenantHangs(t *testing.T) {
	hang := make(chan struct{})
	dir := t.TempDir()
	db := openPlain(t, sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	plugin := bindkey.New(bindkey.Tenants("customer", func(ctx context.Context, tenant string) (dbresolver.Config, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("open has no deadline")
		}
		if tenant == "hangs" {
			<-hang
		}
		return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, tenant+".db"))}}, nil
	}, bindkey.TenantWait(200*time.Millisecond)))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	ctx, cancel := context.WithCancel(bindkey.WithTenant(context.Background(), "hangs"))
	cancel()
	if err := db.WithContext(ctx).First(&Invoice{}).Error; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := db.WithContext(bindkey.WithTenant(context.Background(), "acme")).AutoMigrate(&Invoice{}); err != nil {
		t.Error(err)
	}
	if err := db.WithContext(bindkey.WithTenant(context.Background(), "hangs")).First(&Invoice{}).Error; !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, bindkey.ErrTenant) {
		t.Error(err)
	}
	close(hang)
	for err := error(bindkey.ErrTenant); errors.Is(err, bindkey.ErrTenant); { // what was opened meanwhile, or is opened again
		err = db.WithContext(bindkey.WithTenant(context.Background(), "hangs")).Exec("SELECT count(*) FROM invoices").Error
	}
}

// The errors of a transaction's end say whose database it is.
func TestTenantInOutcome(t *testing.T) {
	w := newTenantWorldWith(t, "&_foreign_keys=on", &gorm.Config{})
	acme := w.of("acme")
	for _, table := range []string{"CREATE TABLE parents (id integer PRIMARY KEY)", "CREATE TABLE children (parent_id integer REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"} {
		w.must(w.db.Exec(table).Error)
		w.must(acme.Clauses(bindkey.Use("customer")).Exec(table).Error)
	}
	violate := func(key string) error {
		return acme.Transaction(func(tx *gorm.DB) error {
			return errors.Join(tx.Create(&Rate{}).Error, tx.Create(&Invoice{Tenant: "acme"}).Error,
				tx.Clauses(bindkey.Use(key)).Exec("INSERT INTO children VALUES (7)").Error)
		})
	}
	var partial *bindkey.PartialCommitError
	if err := violate("main"); !errors.As(err, &partial) || partial.Tenants["customer"] != "acme" || !strings.Contains(err.Error(), `of "customer", tenant "acme"`) {
		t.Error(err)
	}
	var failed *bindkey.BranchError
	if err := violate("customer"); !errors.As(err, &failed) || failed.Tenant != "acme" || !strings.Contains(err.Error(), `of tenant "acme"`) {
		t.Error(err)
	}
}
