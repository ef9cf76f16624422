package bindotel

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	driver "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Tenants that are closed are forgotten.
func TestClosedTenantsAreForgotten(t *testing.T) {
	const tenants, open = 300, 5
	dir := t.TempDir()
	o := newObserver(nil)
	plugin := bindkey.New(bindkey.Observe(bindkey.Observer{Installed: o.installed, Statement: o.statement}),
		bindkey.Tenants("customer", func(context.Context, string) (dbresolver.Config, error) {
			return dbresolver.Config{Sources: []gorm.Dialector{driver.Open(filepath.Join(dir, "customer.db"))}}, nil
		}, bindkey.TenantLimit(open)))
	db, err := gorm.Open(driver.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	stored := func() (n int) {
		o.places.all.Range(func(any, any) bool { n++; return true })
		return n
	}
	most := 0
	for i := 0; i < tenants; i++ {
		ctx := bindkey.WithTenant(context.Background(), fmt.Sprint("t", i))
		for _, tx := range []*gorm.DB{db, db.WithContext(ctx).Clauses(bindkey.Use("customer"))} {
			if err := tx.Exec("SELECT 1").Error; err != nil {
				t.Fatal(err)
			}
		}
		most = max(most, stored())
	}
	if most > 2*(open+1)+32+1 || o.places.count != stored() {
		t.Errorf("%d places, %d counted, of %d tenants that were open", most, o.places.count, open)
	}
	if o.places.load(bindkey.Placement{Key: "main", Role: "source"}) == nil {
		t.Error("the place of a bind is forgotten")
	}
}
