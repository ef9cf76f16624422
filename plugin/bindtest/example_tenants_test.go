package bindtest_test

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// Orders live in the databases of their customers.
func ExampleTenants() {
	t := newT()
	defer t.end()

	db := bindtest.Open(t, bindkey.New(bindkey.Models(&Customer{}, &Order{}, &Part{})),
		bindtest.Tenants("customer", []string{"acme", "globex"}))
	as := func(tenant string) *gorm.DB {
		return db.WithContext(bindkey.WithTenant(context.Background(), tenant))
	}

	rec := bindtest.Record(t, db)
	as("acme").Create(&Order{Item: "anvil"})
	fmt.Println(rec.Transactions())
	fmt.Println(len(bindtest.Rows(t, db, "customer/acme", &Order{})), "order in acme,",
		len(bindtest.Rows(t, db, "customer/globex", &Order{})), "in globex")

	err := as("initech").Create(&Order{Item: "stapler"}).Error
	fmt.Println(errors.Is(err, bindkey.ErrTenant))

	bindtest.Only(t, db, "customer/acme")
	as("globex").Find(&[]Order{})
	// Output:
	// [customer/acme committed]
	// 1 order in acme, 0 in globex
	// true
	// bindtest: sign_up.go:12: the test allows only "customer/acme" (set at sign_up_test.go:8), and this goes to bind "customer/globex":
	// SELECT * FROM `orders`
	// If it is right to go there, say so: bindtest.Only(t, db, "customer/acme", "customer/globex")
}
