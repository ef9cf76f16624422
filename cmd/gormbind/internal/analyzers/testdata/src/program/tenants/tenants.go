// Command tenants has binds with tenants, of each kind, and one model in none.
package main

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

type (
	Order struct {
		_  struct{} `bind:"customer"`
		ID uint
	}
	Street struct {
		_  struct{} `bind:"region"`
		ID uint
	}
	Shelf struct {
		_  struct{} `bind:"shop"`
		ID uint
	}
	Parcel struct{ ID uint }
	Box    struct{ ID uint }
	Lost   struct { // want `model main.Lost has the bind key "custmer", but the program registers only analytics, customer, main, region, shop`
		_  struct{} `bind:"custmer"`
		ID uint
	}
)

func main() {
	loaded, _ := config.Load(config.Bind("shop", "sqlite:///shop_{tenant}.db"), config.Tenants("shop", nil, bindkey.TenantData(&Box{})))
	_, _ = loaded.TwoPhase()
	_, _ = loaded.DatabasesOf(loaded.Tenanted()...)
	db, _ := gorm.Open(nil)
	_ = db.Use(bindkey.New(
		bindkey.Models(&Order{}, &Street{}, &Shelf{}, &Lost{}),
		bindkey.Tenants("customer", nil, bindkey.TenantData(&Parcel{})),
	).RegisterTenants("region", nil))
	db.Clauses(bindkey.Use("customer")).Find(&Parcel{})
	db.Clauses(bindkey.Use("region")).Find(&Street{})
	db.Clauses(bindkey.Use("regions")).Find(&Street{}) // want `bindkey.Use\("regions"\) names no bind`
}
