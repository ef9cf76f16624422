package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

type (
	KitShop struct {
		ID   uint
		Name string `gorm:"size:50;unique"`
	}
	KitOrder struct {
		_     struct{} `bind:"customer"`
		ID    uint
		Item  string `gorm:"size:50;unique"`
		Parts []KitPart
	}
	KitPart struct {
		_          struct{} `bind:"customer"`
		ID         uint
		KitOrderID uint
		Text       string
	}
)

func kitTenant(db *gorm.DB, tenant string) *gorm.DB {
	return db.WithContext(bindkey.WithTenant(context.Background(), tenant))
}

func kitShip(db *gorm.DB, item string) error {
	return db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(tx.Create(&KitOrder{Item: item, Parts: []KitPart{{Text: "of " + item}}}).Error, tx.Create(&KitShop{Name: item}).Error)
	})
}

func kitItems(t bindtest.TB, db *gorm.DB) string {
	t.Helper()
	var all []string
	for _, tenant := range []string{"acme", "globex"} {
		for _, order := range bindtest.Rows(t, db, "customer/"+tenant, &KitOrder{}) {
			all = append(all, tenant+" "+order.Item)
		}
		for _, part := range bindtest.Rows(t, db, "customer/"+tenant, &KitPart{}) {
			all = append(all, tenant+" "+part.Text)
		}
	}
	for _, shop := range bindtest.Rows(t, db, "main", &KitShop{}) {
		all = append(all, shop.Name)
	}
	return strings.Join(all, ", ")
}

// Each tenant has a database on the server, also where main is of another dialect or
// the tenants are: it is migrated once, made again from what was sent, and rolled back.
func TestKitTenants(t *testing.T) {
	onServers(t, servers.All(), func(t *testing.T, server *servers.Server) {
		for name, on := range map[string]bindtest.Option{
			"all":      bindtest.On(testServer(t, server)),
			"customer": bindtest.On(testServer(t, server), "customer"),
			"main":     bindtest.On(testServer(t, server), "main"),
		} {
			t.Run(name, func(t *testing.T) {
				for i := 0; i < 2; i++ { // the first migrates, the second sends it again
					kitTenants(t, on, bindtest.Config(gorm.Config{TranslateError: true, PrepareStmt: name == "customer"}))
				}
			})
		}
	})
}

func kitTenants(t *testing.T, options ...bindtest.Option) {
	t.Helper()
	plugin := bindkey.New(bindkey.Models(&KitShop{}, &KitOrder{}, &KitPart{}))
	db := bindtest.Open(t, plugin, append(options, bindtest.Tenants("customer", []string{"acme", "globex"}, bindkey.TenantLimit(1)))...)
	rec := bindtest.Record(t, db)
	must(t, kitShip(kitTenant(db, "acme"), "anvil"))
	rec.WantTransactions("customer/acme committed, main committed")
	rec.WantStatements(2, "customer/acme")
	rec.WantStatements(2, "customer")
	if err := kitTenant(db, "acme").Create(&KitOrder{Item: "anvil"}).Error; !errors.Is(err, gorm.ErrDuplicatedKey) {
		t.Errorf("a second anvil: %v", err)
	}
	must(t, kitTenant(db, "globex").Create(&KitOrder{Item: "anvil"}).Error)
	const first = "acme anvil, acme of anvil, globex anvil, anvil"
	if got := kitItems(t, db); got != first {
		t.Errorf("the databases hold %s", got)
	}
	before := bindtest.Look(t, db)
	for i := 0; i < 2; i++ {
		t.Run("subtest", func(t *testing.T) {
			bindtest.Rollback(t, db)
			must(t, kitShip(kitTenant(db, "globex"), "laser"))
			must(t, kitShip(kitTenant(db, "acme"), "rope"))
			<-plugin.Evict("globex")
			var orders []KitOrder
			must(t, kitTenant(db, "globex").Preload("Parts").Order("id").Find(&orders).Error)
			if len(orders) != 2 || len(orders[1].Parts) != 1 {
				t.Errorf("globex reads %+v", orders)
			}
			bindtest.Fail(t, db, "main", bindtest.Commit, bindtest.ErrLost)
			if err := kitShip(kitTenant(db, "acme"), "lost"); !errors.Is(err, bindkey.ErrPartialCommit) {
				t.Errorf("the program got %v", err)
			}
			if got := kitItems(t, db); got != "acme anvil, acme rope, acme lost, acme of anvil, acme of rope, acme of lost, globex anvil, globex laser, globex of laser, anvil, laser, rope" {
				t.Errorf("the databases hold %s", got)
			}
		})
		bindtest.Same(t, db, before)
	}
}

// The databases of tenants are dropped, or kept and named.
func TestKitKeepsTenants(t *testing.T) {
	onServers(t, servers.All(), func(t *testing.T, server *servers.Server) {
		on := bindtest.On(testServer(t, server), "customer")
		question := map[*servers.Server]string{servers.PostgreSQL: "SELECT current_database()", servers.MariaDB: "SELECT database()"}[server]
		for _, failing := range []bool{true, false} {
			var names []string
			f := tryKit(t, func(t bindtest.TB) {
				db := bindtest.Open(t, bindkey.New(bindkey.Models(&KitShop{}, &KitOrder{}, &KitPart{})), on, bindtest.Tenants("customer", []string{"acme", "globex"}))
				for _, tenant := range []string{"acme", "globex"} {
					var name string
					if err := kitTenant(db, tenant).Clauses(bindkey.Use("customer")).Raw(question).Scan(&name).Error; err != nil {
						t.Errorf("%v", err)
					}
					names = append(names, name)
				}
				if failing {
					t.Errorf("on purpose")
				}
			})
			for i, tenant := range []string{"acme", "globex"} {
				kept := strings.Contains(strings.Join(f.said, "\n"), fmt.Sprintf("the database %s of bind \"customer/%s\" is kept", names[i], tenant))
				if !strings.HasPrefix(names[i], "bindtest_customer_"+tenant) || exists(t, server, names[i]) != failing || kept != failing {
					t.Errorf("failing %t: %q; the test said %q", failing, names[i], f.said)
				}
			}
			dropKept(t, server, f.said)
		}
	})
}
