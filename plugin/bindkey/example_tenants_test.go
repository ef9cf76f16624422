package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A Delivery lives in the database of its customer.
type Delivery struct {
	_    struct{} `bind:"customer"`
	ID   uint
	Item string
}

// A customer's database is chosen by the context.
func ExampleTenants() {
	dir, err := os.MkdirTemp("", "tenants")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := gorm.Open(sqlitedb.Open(dir+"/main.db"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		log.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(dir + "/" + tenant + ".db")}}, nil
	}))
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	defer plugin.Close()

	for _, tenant := range []string{"acme", "globex"} {
		ctx := bindkey.WithTenant(context.Background(), tenant)
		var orders []Delivery
		err := errors.Join(
			db.WithContext(ctx).AutoMigrate(&Delivery{}),
			db.WithContext(ctx).Create(&Delivery{Item: "for " + tenant}).Error,
			db.WithContext(ctx).Find(&orders).Error,
		)
		fmt.Println(tenant, len(orders), orders[0].Item, err)
	}
	fmt.Println(errors.Is(db.First(&Delivery{}).Error, bindkey.ErrNoTenant))
	// Output:
	// acme 1 for acme <nil>
	// globex 1 for globex <nil>
	// true
}
