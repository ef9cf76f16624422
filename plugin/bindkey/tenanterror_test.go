package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// An error of tenants says what the program has done, and the way out.
func TestTenantErrorsHelp(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{}, bindkey.TenantLimit(1), bindkey.TenantWait(100*time.Millisecond))
	acme := w.of("acme")
	const lacks = `, which has a database for each tenant, and its context names no tenant; use db.WithContext(bindkey.WithTenant(ctx, tenant)), in hooks and goroutines too`
	const noPool = `bindkey: DB and Connection can't know the tenant of bind "customer", which has a database for each: GORM asks for the pool without a context; use a transaction and bindkey.SQLTx(tx, "customer"), or DB of a statement's result`
	const misspelt = `, which has a database for each tenant, and its context names one for "custmer" alone (binds with tenants: "customer"); use db.WithContext(bindkey.WithTenant(ctx, tenant)), in hooks and goroutines too`
	const slash = `bindkey: bind key "customer/acme" is not registered (known: customer, main); bind "customer" has tenants, so say that key, as in bindkey.Use("customer"), and name the tenant with db.WithContext(bindkey.WithTenant(ctx, tenant))`
	customer := bindkey.Use("customer")
	wrongKey := w.db.WithContext(bindkey.WithTenant(context.Background(), "acme", "custmer"))
	for name, c := range map[string]struct {
		err  error
		is   error
		text string
	}{
		"DB":         {second(acme.Clauses(customer).DB()), bindkey.ErrNoTenant, noPool},
		"Connection": {acme.Clauses(customer).Connection(func(*gorm.DB) error { return nil }), bindkey.ErrNoTenant, noPool},

		"wrong key":          {wrongKey.First(&Invoice{}).Error, bindkey.ErrNoTenant, `bindkey: model bindkey_test.Invoice lives in bind "customer"` + misspelt},
		"wrong key, of none": {wrongKey.Clauses(customer).Exec("SELECT 1").Error, bindkey.ErrNoTenant, `bindkey: this statement goes to bind "customer"` + misspelt},
		"unnamed again": {wrongKey.WithContext(bindkey.WithTenant(wrongKey.Statement.Context, "", "custmer")).First(&Invoice{}).Error, bindkey.ErrNoTenant,
			`bindkey: model bindkey_test.Invoice lives in bind "customer"` + lacks},

		"Use":             {w.db.Clauses(customer).Find(&[]Rate{}).Error, bindkey.ErrNoTenant, `bindkey: the statement's Use sends model bindkey_test.Rate to bind "customer"` + lacks},
		"Use of its own":  {w.db.Clauses(customer).Find(&[]Invoice{}).Error, bindkey.ErrNoTenant, `bindkey: model bindkey_test.Invoice lives in bind "customer"` + lacks},
		"a table's":       {w.db.Table("invoices").Find(&[]struct{ ID uint }{}).Error, bindkey.ErrNoTenant, `bindkey: this statement of model struct{…} goes to bind "customer"` + lacks},
		"a migration":     {w.db.AutoMigrate(&Invoice{}), bindkey.ErrNoTenant, `bindkey: model bindkey_test.Invoice lives in bind "customer"` + lacks},
		"Use of a tenant": {w.db.Clauses(bindkey.Use("customer/acme")).First(&Invoice{}).Error, bindkey.ErrUnknownBind, slash},
		"OfBinds": {w.plugin.EachTenant(context.Background(), []string{"acme"}, nil, bindkey.OfBinds("main")), bindkey.ErrInstall,
			`bindkey: option OfBinds: bind "main" has no tenants (binds with tenants: "customer")`},
		"AtOnce": {w.plugin.EachTenant(context.Background(), nil, nil, bindkey.AtOnce(0)), bindkey.ErrInstall, `bindkey: option AtOnce: 0 tenants at once; say 1 or more`},
	} {
		if c.err == nil || c.err.Error() != c.text || !errors.Is(c.err, c.is) {
			t.Errorf("%s:\n%v\nwant\n%s", name, c.err, c.text)
		}
	}
	if pool, err := acme.First(&Rate{}).DB(); err != nil || pool == nil {
		t.Error(err)
	}

	w.must(acme.Transaction(func(tx *gorm.DB) error {
		w.must(tx.Find(&[]Invoice{}).Error)
		err := w.db.WithContext(bindkey.WithTenant(context.Background(), "globex")).Find(&[]Invoice{}).Error
		want := `bindkey: tenant "globex" of bind "customer": it is not open after 100ms: as many are open as may be, and all are in use: context deadline exceeded; TenantLimit (tenant_limit in a configuration) is 1: raise it, or end transactions and close rows sooner`
		if other := strings.Replace(want, "it is not open after 100ms: ", "", 1); err == nil || err.Error() != want && err.Error() != other || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v\nwant\n%s", err, want)
		}
		return nil
	}))
	<-w.plugin.Evict("globex") // it may be opened by now, for nobody
}

func second[T any](_ T, err error) error { return err }

// A failure that is told again says so, and is the same failure.
func TestTenantRememberedFailure(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	gone := errors.New("no such customer")
	w.refuses.Store("acme", gone)
	acme := w.db.WithContext(bindkey.WithTenant(context.Background(), "acme"))
	const first = `bindkey: tenant "acme" of bind "customer": no such customer`
	for i, want := range []string{first, first + `; this answer is remembered, for 1s: plugin.Evict("acme") forgets it`} {
		err := acme.Find(&[]Invoice{}).Error
		var failed *bindkey.TenantError
		if !errors.As(err, &failed) || failed.Err != gone || err.Error() != want {
			t.Errorf("%d: %v", i, err)
		}
		w.refuses.Delete("acme") // there is such a customer by now
	}
	w.plugin.Evict("acme")
	w.must(acme.AutoMigrate(&Invoice{}))
}

// What contains an error of a tenant does not say again what that says; the chain has all.
func TestTenantErrorsSayOnce(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	w.dir = filepath.Join(w.dir, "gone") // so that what is opened fails
	w.refuses.Store("refused", errors.New("no such customer"))
	for tenant, do := range map[string]func(db *gorm.DB) error{
		"broken":  func(db *gorm.DB) error { return db.AutoMigrate(&Invoice{}) },
		"refused": func(db *gorm.DB) error { return db.First(&Invoice{}).Error },
	} {
		err := w.plugin.EachTenant(context.Background(), []string{tenant}, func(ctx context.Context) error { return do(w.db.WithContext(ctx)) })
		var (
			failure *bindkey.TenantFailure
			failed  *bindkey.TenantError
			open    *bindkey.OpenError
		)
		if !errors.As(err, &failure) || !errors.As(err, &failed) || errors.As(err, &open) != (tenant == "broken") {
			t.Fatalf("%s: %v", tenant, err)
		}
		text := err.Error()
		if !strings.HasPrefix(text, fmt.Sprintf(`bindkey: tenant %q of bind "customer": `, tenant)) {
			t.Error(text)
		}
		for _, once := range []string{"bindkey: ", fmt.Sprintf("tenant %q", tenant), `bind "customer"`} {
			if n := strings.Count(text, once); n != 1 {
				t.Errorf("%s: %d times %s", text, n, once)
			}
		}
	}
	for want, err := range map[string]error{
		`bindkey: tenant "a": no`:                               &bindkey.TenantFailure{Tenant: "a", Err: errors.New("no")},
		`bindkey: tenant "a": tenant "b" of bind "c": no`:       &bindkey.TenantFailure{Tenant: "a", Err: &bindkey.TenantError{Key: "c", Tenant: "b", Err: errors.New("no")}},
		`bindkey: tenant "a": migrate: bindkey: tenant "a": no`: &bindkey.TenantFailure{Tenant: "a", Err: fmt.Errorf("migrate: %w", &bindkey.TenantFailure{Tenant: "a", Err: errors.New("no")})},
	} {
		if err.Error() != want {
			t.Errorf("%v\nwant\n%s", err, want)
		}
	}
}

// Without a bind of tenants, nothing is done once for each name on what all share.
func TestEachTenantWithoutTenants(t *testing.T) {
	db := openPlain(t, sqlitedb.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.Discard})
	plugin := bindkey.New().Register("shared", dbresolver.Config{})
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	ctx, names := context.Background(), []string{"acme", "globex"}
	calls := 0
	for name, err := range map[string]error{
		"EachTenant":   plugin.EachTenant(ctx, names, func(context.Context) error { calls++; return nil }, bindkey.AtOnce(1)),
		"TenantPlans":  second(plugin.TenantPlans(ctx, names, []any{&Rate{}})),
		"TenantDrifts": second(plugin.TenantDrifts(ctx, names, []any{&Rate{}})),
	} {
		if want := "bindkey: no bind has tenants (known: main, shared); register one with bindkey.Tenants"; !errors.Is(err, bindkey.ErrInstall) || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if calls != 0 {
		t.Errorf("%d calls", calls)
	}
}

// A name that is in the list twice is worked on once, and counts once.
func TestEachTenantTwice(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	names := []string{"globex", "acme", "globex", "acme", "acme"}
	var (
		mu   sync.Mutex
		done []string
		last bindkey.TenantProgress
	)
	w.must(w.plugin.EachTenant(context.Background(), names, func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, bindkey.TenantOf(ctx, "customer"))
		return nil
	}, bindkey.AtOnce(1), bindkey.Progress(func(p bindkey.TenantProgress) { last = p })))
	if want := []string{"globex", "acme"}; !reflect.DeepEqual(done, want) || last.Done != 2 || last.All != 2 {
		t.Errorf("%v, %+v", done, last)
	}
	plans, err := w.plugin.TenantPlans(context.Background(), names, []any{&Invoice{}})
	if differ := plans.Differ(); err != nil || strings.Join(differ, " ") != "globex acme" {
		t.Errorf("%v, %v", differ, err)
	}
	drifts, err := w.plugin.TenantDrifts(context.Background(), names, []any{&Invoice{}})
	if err != nil || len(drifts) != 2 || drifts[0].Tenant != "globex" || drifts[1].Tenant != "acme" {
		t.Errorf("%v, %v", drifts, err)
	}
}

// An Evict with a key that no bind of tenants has closes the tenant everywhere, and logs an error.
func TestEvictWithWrongKey(t *testing.T) {
	for _, key := range []string{"custmer", "main"} {
		var said strings.Builder
		w := newTenantWorld(t, &gorm.Config{})
		w.db.Config.Logger = logger.New(printer{&said}, logger.Config{LogLevel: logger.Error})
		w.of("a")
		w.of("b")
		tx := w.db.WithContext(bindkey.WithTenant(context.Background(), "a")).Begin()
		w.must(tx.Find(&[]Invoice{}).Error)
		done := w.plugin.Evict("a", key)
		select {
		case <-done:
			t.Errorf("%s: done, though a transaction has the tenant's database open", key)
		default:
		}
		w.must(tx.Rollback().Error)
		<-done
		if open := w.openTenants(); open != "b" {
			t.Errorf("%s: %s are open", key, open)
		}
		want := fmt.Sprintf(`bindkey: Evict("a"): bind %q has no tenants (binds with tenants: "customer"); it closes the tenant's pools in all of them`, key)
		if text := said.String(); !strings.Contains(text, want) || strings.Count(text, "Evict") != 1 {
			t.Error(text)
		}
		<-w.plugin.Evict("b", "customer")
		if text := said.String(); strings.Count(text, "Evict") != 1 {
			t.Error(text)
		}
	}
}

// The context alone says which tenant it is, and SQL which bind: neither a row nor a table that
// nobody has told the plugin of does.
func TestTenantIsTheContexts(t *testing.T) {
	type Rate struct { // of main, as the shared model is
		ID       uint
		Invoices []Invoice
	}
	w := newTenantWorld(t, &gorm.Config{})
	acme, globex := w.of("acme"), w.of("globex")
	w.must(w.db.Exec("CREATE TABLE unheard (place text)").Error)
	w.must(acme.Clauses(bindkey.Use("customer")).Exec("CREATE TABLE unheard (place text)").Error)
	w.must(acme.Exec("INSERT INTO unheard VALUES ('main')").Error)
	for db, want := range map[*gorm.DB]int64{w.db: 1, acme.Clauses(bindkey.Use("customer")): 0} {
		var n int64
		if err := db.Raw("SELECT count(*) FROM unheard").Scan(&n).Error; err != nil || n != want {
			t.Errorf("%d rows of %d, %v", n, want, err)
		}
	}

	row := InvoiceRow{Tenant: "acme"}
	w.must(acme.Create(&row).Error)
	w.must(globex.Save(&row).Error)
	if n := w.count(globex, &InvoiceRow{}); n != 1 {
		t.Errorf("%d rows", n)
	}

	w.must(w.db.Create(&Rate{ID: 1}).Error)
	rate := uint(1)
	for tenant, db := range map[string]*gorm.DB{"acme": acme, "globex": globex} {
		w.must(db.Create(&Invoice{Tenant: tenant, RateID: &rate}).Error)
	}
	for tenant, db := range map[string]*gorm.DB{"acme": acme, "globex": globex} {
		var shared Rate
		w.must(db.Preload("Invoices").First(&shared).Error)
		if len(shared.Invoices) != 1 || shared.Invoices[0].Tenant != tenant {
			t.Errorf("%s: %+v", tenant, shared.Invoices)
		}
	}
}
