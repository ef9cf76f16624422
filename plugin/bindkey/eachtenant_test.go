package bindkey_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// EachTenant goes on after failures, and names the tenants in them.
func TestEachTenant(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{}, bindkey.TenantLimit(3))
	var tenants []string
	for i := 0; i < 12; i++ {
		tenants = append(tenants, fmt.Sprintf("t%d", i))
	}
	down := errors.New("no such customer")
	w.refuses.Store("t4", down)
	var (
		atOnce, most atomic.Int64
		told         []bindkey.TenantProgress
		line         bytes.Buffer
	)
	err := w.plugin.EachTenant(context.Background(), tenants, func(ctx context.Context) error {
		if n := atOnce.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer atOnce.Add(-1)
		tenant := bindkey.TenantOf(ctx, "customer")
		if tenant == "t7" {
			panic("oh")
		}
		db := w.db.WithContext(ctx)
		if err := db.AutoMigrate(&InvoiceRow{}); err != nil {
			return err
		}
		return db.Create(&InvoiceRow{Tenant: tenant}).Error
	}, bindkey.AtOnce(8), bindkey.Progress(func(p bindkey.TenantProgress) { told = append(told, p) }), bindkey.ProgressTo(&line))

	var failure *bindkey.TenantFailure
	if !errors.Is(err, down) || !errors.As(err, &failure) || failure.Tenant != "t4" {
		t.Error(err)
	}
	if text := err.Error(); !strings.Contains(text, `tenant "t4"`) || !strings.Contains(text, `tenant "t7": panic: oh`) || strings.Count(text, "\n") != 1 {
		t.Error(text)
	}
	if most.Load() > 3 || len(told) != 12 || told[11].Done != 12 || told[11].Failed != 2 || told[11].All != 12 {
		t.Errorf("%d at once; %+v", most.Load(), told)
	}
	if line.String() != "12 of 12 tenants, 2 failed\n" {
		t.Errorf("%q", line.String())
	}
	for _, tenant := range tenants {
		if tenant == "t4" || tenant == "t7" {
			continue
		}
		var found InvoiceRow
		w.must(w.db.WithContext(bindkey.WithTenant(context.Background(), tenant)).First(&found).Error)
		if found.Tenant != tenant {
			t.Errorf("%s: %+v", tenant, found)
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	var ran atomic.Int64
	err = w.plugin.EachTenant(ctx, tenants, func(context.Context) error {
		ran.Add(1)
		cancel()
		return nil
	}, bindkey.AtOnce(1))
	if !errors.Is(err, context.Canceled) || ran.Load() != 1 || !strings.Contains(err.Error(), "11 of 12") {
		t.Errorf("%d ran; %v", ran.Load(), err)
	}
	if err := w.plugin.EachTenant(context.Background(), tenants, func(context.Context) error { return nil }, bindkey.AtOnce(0)); !errors.Is(err, bindkey.ErrInstall) {
		t.Error(err)
	}
	if err := bindkey.New().EachTenant(context.Background(), nil, nil); !errors.Is(err, bindkey.ErrInstall) {
		t.Error(err)
	}
}

// Which tenants' tables are not as the models say, and what would be done about it.
func TestTenantPlansAndDrifts(t *testing.T) {
	type Parcel struct {
		_  struct{} `bind:"customer"`
		ID uint
	}
	type Depot struct {
		_  struct{} `bind:"customer"`
		ID uint
	}
	w := newTenantWorld(t, &gorm.Config{})
	of := func(tenant string) *gorm.DB {
		return w.db.WithContext(bindkey.WithTenant(context.Background(), tenant))
	}
	w.must(of("done").AutoMigrate(&Parcel{}, &Depot{}))
	for _, tenant := range []string{"behind", "late"} {
		w.must(of(tenant).AutoMigrate(&Parcel{}))
	}
	w.must(of("astray").AutoMigrate(&Parcel{}, &Depot{}))
	w.must(of("astray").Clauses(bindkey.Use("customer")).Exec("CREATE TABLE rates (id integer)").Error)
	w.refuses.Store("gone", errors.New("no such customer"))
	tenants := []string{"done", "behind", "gone", "late", "astray"}
	models := []any{&Parcel{}, &Depot{}}

	plans, err := w.plugin.TenantPlans(context.Background(), tenants, models)
	if !errors.Is(err, bindkey.ErrTenant) || len(plans) != 4 || !reflect.DeepEqual(plans.Differ(), []string{"behind", "late"}) {
		t.Errorf("%v, %v", plans.Differ(), err)
	}
	want := "-- tenants done, astray\n-- bind \"customer\": nothing to do\n\n-- tenants behind, late\n-- bind \"customer\"\nCREATE TABLE `depots` (`id` integer PRIMARY KEY AUTOINCREMENT);\n"
	if got := plans.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}

	drifts, err := w.plugin.TenantDrifts(context.Background(), tenants, append(models, &Rate{}))
	if !errors.Is(err, bindkey.ErrTenant) || len(drifts) != 3 {
		t.Errorf("%v, %v", drifts, err)
	}
	want = `tenants behind, late
bind "customer" has no table "depots" for model bindkey_test.Depot

tenant astray
bind "customer" has a table "rates", but model bindkey_test.Rate lives in "main"
`
	if got := drifts.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	// Without a tenant, only the other binds are compared.
	shared, err := w.plugin.Drift(context.Background(), &Rate{})
	if err != nil || len(shared) != 0 {
		t.Errorf("%v, %v", shared, err)
	}
	if _, err := w.plugin.Drift(context.Background(), models...); !errors.Is(err, bindkey.ErrNoTenant) {
		t.Error(err)
	}
	if _, err := w.plugin.Plan(models...); !errors.Is(err, bindkey.ErrNoTenant) {
		t.Error(err)
	}
}

// OfBinds names the tenant for some binds alone.
func TestOfBinds(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	w.of("acme")
	err := w.plugin.EachTenant(context.Background(), []string{"acme"}, func(ctx context.Context) error {
		if customer, other := bindkey.TenantOf(ctx, "customer"), bindkey.TenantOf(ctx, "region"); customer != "acme" || other != "" {
			t.Errorf("%q, %q", customer, other)
		}
		return w.db.WithContext(ctx).Create(&InvoiceRow{Tenant: "acme"}).Error
	}, bindkey.OfBinds("customer"))
	w.must(err)
	ctx := bindkey.WithTenant(context.Background(), "acme") // which a key that says nothing would leave
	for key, want := range map[string]error{"custmer": bindkey.ErrUnknownBind, "main": bindkey.ErrInstall} {
		err = w.plugin.EachTenant(ctx, []string{"globex"}, func(ctx context.Context) error {
			return w.db.WithContext(ctx).Create(&InvoiceRow{Tenant: "globex"}).Error
		}, bindkey.OfBinds(key))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", key, err)
		}
	}
	w.whole("acme")
}

// A function that ends its goroutine, as a test's FailNow does, has failed.
func TestEachTenantGoexit(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	last := bindkey.TenantProgress{}
	err := w.plugin.EachTenant(context.Background(), []string{"acme", "globex", "initech"}, func(ctx context.Context) error {
		if bindkey.TenantOf(ctx, "customer") == "globex" {
			runtime.Goexit()
		}
		return nil
	}, bindkey.Progress(func(p bindkey.TenantProgress) { last = p }))
	var failed *bindkey.TenantFailure
	if !errors.As(err, &failed) || failed.Tenant != "globex" {
		t.Error(err)
	}
	if last.Done != 3 || last.Failed != 1 {
		t.Errorf("%+v", last)
	}
}
