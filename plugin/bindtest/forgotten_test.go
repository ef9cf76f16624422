package bindtest_test

import (
	"context"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// A test that forgets Tenants has one database for all customers, and is told so, once.
func TestForgottenTenants(t *testing.T) {
	const give = `as in bindtest.Tenants("customer", []string{"acme"})`
	for what, program := range map[string]func(db *gorm.DB) error{
		"a model of the bind": func(db *gorm.DB) error { return of(db, "acme").Find(&[]Order{}).Error },
		"of main alone":       func(db *gorm.DB) error { return of(db, "acme").Find(&[]Customer{}).Error },
		"a write":             func(db *gorm.DB) error { return of(db, "acme").Create(&Order{}).Error },
		"a migration":         func(db *gorm.DB) error { return of(db, "acme").AutoMigrate(&Order{}) },
		"raw SQL": func(db *gorm.DB) error {
			return of(db, "acme").Exec("UPDATE orders SET item = ?", "anvil").Error
		},
		"a key": func(db *gorm.DB) error {
			return db.WithContext(bindkey.WithTenant(context.Background(), "acme", "customer")).Find(&[]Order{}).Error
		},
	} {
		for _, prepare := range []bool{false, true} {
			var said string
			fails(t, func(t bindtest.TB) {
				db := bindtest.Open(t, tenantPlugin(), bindtest.Config(gorm.Config{PrepareStmt: prepare}))
				for range [3]struct{}{} {
					must2(t, program(db))
				}
				said = strings.Join(t.(*fake).said, "\n")
			}, give)
			if n := strings.Count(said, give); n != 1 || !strings.Contains(said, `bindtest: forgotten_test.go:`) || !strings.Contains(said, `the context names the tenant "acme"`) || !strings.Contains(said, "known: customer, main") {
				t.Errorf("%s, prepared %v: it is told %d times:\n%s", what, prepare, n, said)
			}
		}
	}
	// A bind whose key WithTenant names, beside one with tenants.
	type Region struct {
		_  struct{} `bind:"region"`
		ID uint
	}
	both := func(t bindtest.TB) *gorm.DB {
		return bindtest.Open(t, bindkey.New(bindkey.Models(&Customer{}, &Order{}, &Part{}, &Region{})), bindtest.Tenants("customer", threeTenants))
	}
	fails(t, func(t bindtest.TB) {
		must2(t, both(t).WithContext(bindkey.WithTenant(context.Background(), "eu", "region")).Find(&[]Region{}).Error)
	}, `bind "region" has no tenants in this test`, `bindtest.Tenants("region", []string{"eu"})`)
	// What is no mistake: no tenant, or binds that all share, beside one with tenants.
	passes(t, func(t bindtest.TB) {
		must2(t, bindtest.Open(t, tenantPlugin()).Create(&Order{}).Error)
		db := of(both(t), "acme")
		must2(t, db.Create(&Order{Item: "counted"}).Error) // its hook writes to main
		must2(t, db.Find(&[]Region{}).Error)
	})
}
