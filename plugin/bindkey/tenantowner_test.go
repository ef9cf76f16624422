package bindkey_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

type (
	tenantBasket struct {
		_     struct{} `bind:"customer"`
		ID    uint
		Lines []basketLine `gorm:"foreignKey:BasketID"`
	}
	basketLine struct { // its author has forgotten the key
		ID       uint
		BasketID uint
		Text     string
	}
	tenantTruck struct {
		_       struct{} `bind:"customer"`
		ID      uint
		Plate   truckPlate    `gorm:"polymorphic:Owner"`
		MadeBy  uint          // of all tenants
		Maker   truckMaker    `gorm:"foreignKey:MadeBy"`
		Drivers []truckDriver `gorm:"many2many:truck_drivers"`
	}
	truckPlate struct {
		ID        uint
		OwnerID   uint
		OwnerType string
	}
	truckMaker  struct{ ID uint }
	truckDriver struct{ ID uint }
)

// A model without a key that a tenant's model has would live in the default bind, where a
// tenant would read the rows of another: its owners have the same ids.
func TestTenantOwnsUnbound(t *testing.T) {
	for name, c := range map[string]struct {
		model, owned any
		names        [2]string
	}{
		"has many":             {&tenantBasket{}, &basketLine{}, [2]string{"basketLine", "tenantBasket"}},
		"has one, polymorphic": {&tenantTruck{}, &truckPlate{}, [2]string{"truckPlate", "tenantTruck"}},
	} {
		t.Run(name, func(t *testing.T) {
			open := func(options []bindkey.Option, ofTenants, ofMain []any) (*gorm.DB, *bindkey.Plugin, error) {
				dir := t.TempDir()
				db := openPlain(t, sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
				plugin := bindkey.New(append(options, bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
					return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, tenant+".db"))}}, nil
				}, bindkey.TenantData(ofTenants...)))...).Register("main", dbresolver.Config{}, ofMain...)
				t.Cleanup(func() { _ = plugin.Close() })
				err := db.Use(plugin)
				return db.WithContext(bindkey.WithTenant(context.Background(), "acme")), plugin, err
			}
			refused := func(what string, err error) {
				t.Helper()
				var unbound *bindkey.UnboundError
				if !errors.Is(err, bindkey.ErrUnbound) || !errors.As(err, &unbound) || !strings.HasSuffix(unbound.Model, c.names[0]) || !strings.HasSuffix(unbound.Owner, c.names[1]) ||
					!strings.Contains(err.Error(), "known: customer, main") {
					t.Errorf("%s: %v", what, err)
				}
			}
			_, _, err := open([]bindkey.Option{bindkey.Models(c.model)}, nil, nil)
			refused("db.Use", err)

			db, plugin, err := open(nil, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			refused("Check", plugin.Check(c.model))
			refused("AutoMigrate", db.AutoMigrate(c.model))
			refused("Create", db.Create(c.model).Error)
			refused("First", db.First(c.model).Error)

			// The program says where it lives: with its owner, or with all others'.
			for _, data := range [][2][]any{{{c.owned}, nil}, {nil, {c.owned}}} {
				db, _, err := open([]bindkey.Option{bindkey.Models(c.model)}, data[0], data[1])
				if err = errors.Join(err, db.AutoMigrate(c.model, c.owned)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
