// Package tenants has a plugin with binds that have tenants, and one that has none.
package tenants

import (
	"context"
	"errors"

	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The models.
type (
	Order struct {
		_     struct{} `bind:"customer"`
		ID    uint
		Items []Item `gorm:"many2many:order_items"`
	}
	Item struct {
		_  struct{} `bind:"customer"`
		ID uint
	}
	Parcel struct{ ID uint }
	Street struct {
		_  struct{} `bind:"region"`
		ID uint
	}
	Shelf struct {
		_  struct{} `bind:"shop"`
		ID uint
	}
	User struct {
		_      struct{} `bind:"main"`
		ID     uint
		Orders []Order `gorm:"many2many:user_orders"`
	}
)

// Models are the models that the plugin knows.
func Models() []any {
	return []any{&Order{}, &Item{}, &Parcel{}, &Street{}, &Shelf{}, &User{}}
}

func open(context.Context, string) (dbresolver.Config, error) {
	return dbresolver.Config{}, errors.New("there is no such tenant")
}

// Plugin is the plugin.
func Plugin() *bindkey.Plugin {
	return bindkey.New(bindkey.Tenants("customer", open, bindkey.TenantData(&Parcel{}))).
		RegisterTenants("region", open).Register("shop", dbresolver.Config{})
}

// Load reads a configuration with one more.
func Load() (*config.Config, error) {
	return config.Load(config.Bind("shop", "sqlite:///shop_{tenant}.db"))
}
