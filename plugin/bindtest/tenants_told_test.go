package bindtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// ship writes an order of the tenant in the context, and a customer to main.
func ship(db *gorm.DB, item string) error {
	return db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&Order{Item: item}).Error; err != nil {
			return err
		}
		return tx.Create(&Customer{Name: item}).Error
	})
}

// A recording names the tenants.
func TestTenantsAreRecorded(t *testing.T) {
	db := openTenants(t)
	rec := bindtest.Record(t, db)
	must(t, ship(of(db, "acme"), "anvil"))
	must(t, of(db, "globex").Find(&[]Order{}).Error)
	rec.WantBinds("main", "customer/acme", "customer/globex")
	rec.WantCommits("customer/acme", "main")
	rec.WantTransactions("customer/acme committed, main committed")
	rec.WantStatements(2, "customer")
	rec.WantStatements(1, "customer/globex")
	rec.WantStatements(0, "customer/initech")
	if s := rec.Statements("customer")[1]; s.Key != "customer" || s.Tenant != "globex" || !strings.HasPrefix(s.String(), "customer/globex source: SELECT") {
		t.Errorf("%+v: %v", s, s)
	}
	if b := rec.Transactions()[0].Branches[0]; b.Key != "customer" || b.Tenant != "acme" {
		t.Errorf("%+v", b)
	}
	for what, check := range map[string]func(rec *bindtest.Recording){
		`WantBinds names the bind "customer", which has a database for each tenant; say whose: "customer/acme", "customer/globex", "customer/initech"`: func(rec *bindtest.Recording) { rec.WantBinds("customer") },
		`WantCommits names the bind "customer", which has a database for each tenant`:                                                                  func(rec *bindtest.Recording) { rec.WantCommits("customer", "main") },
		`Statements names the bind "customer/hooli", which the handle does not have (known: customer/acme, `:                                           func(rec *bindtest.Recording) { rec.Statements("customer/hooli") },
		`the program used the binds ["customer/acme"], want ["customer/globex"]; it sent`:                                                              func(rec *bindtest.Recording) { rec.WantBinds("customer/globex") },
		"2 of them are the same: tenants_told_test.go:":                                                                                                func(rec *bindtest.Recording) { rec.WantStatements(1) },
		`, in "customer/acme"`: func(rec *bindtest.Recording) { rec.WantStatements(1, "customer") },
	} {
		fails(t, func(t bindtest.TB) {
			db := openTenants(t)
			rec := bindtest.Record(t, db)
			for range [2]struct{}{} {
				of(db, "acme").Find(&[]Order{})
			}
			check(rec)
		}, what)
	}
	for key, want := range map[string]string{"customer": `Rows names the bind "customer", which has a database for each tenant; say whose: "customer/acme"`, "main": `the model lives in "customer"`} {
		fails(t, func(t bindtest.TB) { bindtest.Rows(t, openTenants(t), key, &Order{}) }, want)
	}
	fails(t, func(t bindtest.TB) { bindtest.Rows(t, openTenants(t), "customer/acme", &Customer{}) }, `in bind "customer/acme"`, `the model lives in "main"`)
}

// Only allows the database of one tenant, or of all, also to hooks.
func TestTenantsAreForbidden(t *testing.T) {
	passes(t, func(t bindtest.TB) {
		db := openTenants(t)
		bindtest.Only(t, db, "customer")
		must2(t, errors.Join(of(db, "acme").Create(&Order{}).Error, of(db, "globex").Create(&Order{}).Error))
	})
	fails(t, func(t bindtest.TB) {
		db := openTenants(t)
		bindtest.Only(t, db, "customer/acme")
		must2(t, of(db, "acme").Create(&Order{Item: "anvil"}).Error)
		if err := of(db, "acme").Create(&Order{Item: "counted"}).Error; !errors.Is(err, bindtest.ErrForbidden) { // its hook writes to main
			t.Errorf("the program got %v", err)
		}
		if err := of(db, "globex").Find(&[]Order{}).Error; !errors.Is(err, bindtest.ErrForbidden) || !strings.Contains(err.Error(), `"customer/globex"`) {
			t.Errorf("the program got %v", err)
		}
		tx := of(db, "initech").Begin()
		if err := tx.Find(&[]Order{}).Error; !errors.Is(err, bindtest.ErrForbidden) {
			t.Errorf("the program got %v", err)
		}
		tx.Rollback()
		if got := items(t, db); got != "acme: anvil" {
			t.Errorf("the databases hold %s", got)
		}
	}, `the test allows only "customer/acme" (set at tenants_told_test.go:`, `this goes to bind "customer/globex":`,
		`bindtest.Only(t, db, "customer/acme", "customer/globex")`, `bindtest.Only(t, db, "customer/acme", "customer/initech")`, `this goes to bind "main"`)
}

// Faults are made in one tenant's database, or in whichever is called.
func TestTenantsFail(t *testing.T) {
	db := openTenants(t)
	bindtest.Fail(t, db, "customer/acme", bindtest.Commit, errDisk)
	must(t, ship(of(db, "globex"), "laser"))
	if err := ship(of(db, "acme"), "anvil"); !errors.Is(err, errDisk) || errors.Is(err, bindkey.ErrPartialCommit) {
		t.Errorf("the program got %v", err)
	}
	rec := bindtest.Record(t, db)
	bindtest.Fail(t, db, "main", bindtest.Commit, bindtest.ErrLost)
	if err := ship(of(db, "acme"), "rope"); !errors.Is(err, bindkey.ErrPartialCommit) {
		t.Errorf("the program got %v", err)
	}
	rec.WantTransactions("customer/acme committed, main failed")
	bindtest.Fail(t, db, "customer", bindtest.Statement.Nth(2), errDisk)
	must(t, of(db, "globex").Find(&[]Order{}).Error)
	if err := of(db, "initech").Create(&Order{Item: "stapler"}).Error; !errors.Is(err, errDisk) {
		t.Errorf("the program got %v", err)
	}
	if got := items(t, db); got != "acme: rope; globex: laser; main: laser" {
		t.Errorf("the databases hold %s", got)
	}
	fails(t, func(t bindtest.TB) {
		db := openTenants(t)
		bindtest.Fail(t, db, "customer/acme", bindtest.Commit, errDisk)
		must2(t, ship(of(db, "globex"), "laser"))
	}, `in bind "customer/acme"`, `has not happened: 0 COMMITs were sent there since, and others to "customer/globex", "main"`)
}

// Rollback takes back what was done for all tenants, whether they are open or not.
func TestTenantsRollback(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		plugin := tenantPlugin()
		db := bindtest.Open(t, plugin, bindtest.Config(gorm.Config{PrepareStmt: prepare}), bindtest.Tenants("customer", threeTenants, bindkey.TenantLimit(2)))
		must(t, ship(of(db, "acme"), "anvil"))
		before := bindtest.Look(t, db)
		for i := 0; i < 3; i++ {
			t.Run(fmt.Sprint(prepare, i), func(t *testing.T) {
				bindtest.Rollback(t, db)
				for _, tenant := range threeTenants {
					must(t, ship(of(db, tenant), "made for "+tenant))
					if i == 1 {
						<-plugin.Evict(tenant)
					}
				}
				bindtest.Fail(t, db, "customer/globex", bindtest.Commit, errDisk)
				if err := ship(of(db, "globex"), "lost"); err == nil {
					t.Error("no error")
				}
				want := "acme: anvil made for acme; globex: made for globex; initech: made for initech; main: anvil; main: made for acme; main: made for globex; main: made for initech"
				if got := items(t, db); got != want {
					t.Errorf("the databases hold %s", got)
				}
			})
			bindtest.Same(t, db, before)
		}
		must(t, ship(of(db, "globex"), "laser"))
		if got := items(t, db); got != "acme: anvil; globex: laser; main: anvil; main: laser" {
			t.Errorf("afterwards the databases hold %s", got)
		}
	}
	fails(t, func(t bindtest.TB) {
		db := openTenants(t)
		bindtest.Rollback(t, db)
		tx := of(db, "acme").Begin()
		defer tx.Rollback()
		must2(t, tx.Create(&Order{}).Error)
		must2(t, of(db, "globex").Create(&Order{}).Error) // another database
		if err := of(db, "acme").Create(&Order{}).Error; err == nil {
			t.Errorf("no error of a statement beside the transaction")
		}
	}, `in bind "customer/acme", Rollback (set at tenants_told_test.go:`, "Use the transaction's handle")
	fails(t, func(t bindtest.TB) {
		db := openTenants(t)
		tx := of(db, "acme").Begin()
		defer tx.Rollback()
		must2(t, tx.Create(&Order{}).Error)
		bindtest.Rollback(t, db)
	}, `in bind "customer/acme" 1 connection is in use`)
}

// States are of all tenants' databases.
func TestTenantsSame(t *testing.T) {
	fails(t, func(t bindtest.TB) {
		db := openTenants(t)
		must2(t, of(db, "acme").Create(&Order{Item: "anvil"}).Error)
		before := bindtest.Look(t, db)
		bindtest.Same(t, db, before)
		must2(t, of(db, "globex").Create(&Order{Item: "laser"}).Error)
		must2(t, of(db, "acme").Model(&Order{}).Where("id = 1").Update("item", "rope").Error)
		bindtest.Same(t, db, before)
	}, "customer/acme: orders\n  - id=1 item=\"anvil\"\n  + id=1 item=\"rope\"\ncustomer/globex: orders\n  + id=1 item=\"laser\"\n")
}

// A transaction of a tenant's that nobody ends fails the test.
func TestTenantLeaks(t *testing.T) {
	fails(t, func(t bindtest.TB) {
		plugin := tenantPlugin()
		db := bindtest.Open(t, plugin, bindtest.Tenants("customer", threeTenants))
		tx := of(db, "acme").Begin()
		must2(t, tx.Create(&Order{}).Error)
		plugin.Evict("acme") // it goes on
		must2(t, of(db, "acme").Find(&[]Order{}).Error)
	}, "the transaction begun at tenants_told_test.go:", `is still open in bind "customer/acme"`)
}

// Many tenants at a time, and few that may be open.
func TestTenantsInGoroutines(t *testing.T) {
	for i := 0; i < 3; i++ {
		i := i
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			plugin := tenantPlugin()
			db := bindtest.Open(t, plugin, bindtest.Tenants("customer", threeTenants, bindkey.TenantLimit(i+1)))
			bindtest.Only(t, db, "customer")
			rec := bindtest.Record(t, db)
			must(t, plugin.EachTenant(context.Background(), threeTenants, func(ctx context.Context) error {
				return db.WithContext(ctx).Create(&Order{Item: bindkey.TenantOf(ctx, "customer")}).Error
			}))
			var all sync.WaitGroup
			for n := 0; n < 12; n++ {
				tenant := threeTenants[n%3]
				all.Add(1)
				go func() {
					defer all.Done()
					var orders []Order
					if err := of(db, tenant).Find(&orders).Error; err != nil || len(orders) != 1 || orders[0].Item != tenant {
						t.Errorf("%s reads %v, %v", tenant, orders, err)
					}
				}()
			}
			all.Wait()
			for _, tenant := range threeTenants {
				rec.WantStatements(5, "customer/"+tenant)
			}
			if got := items(t, db); got != "acme: acme; globex: globex; initech: initech" {
				t.Errorf("the databases hold %s", got)
			}
		})
	}
}
