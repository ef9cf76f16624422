//go:build cgo

package bindkey_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Customer lives in the default bind, main.
type Customer struct {
	ID   uint
	Name string
}

// Use sends one statement to another bind than its model's.
func ExampleUse() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer os.RemoveAll(dir)

	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	check(err)
	plugin := bindkey.New(bindkey.Models(&Customer{})).
		Register("archive", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "archive.db"))},
		})
	check(db.Use(plugin))
	defer plugin.Close()

	check(db.AutoMigrate(&Customer{}))                                 // main
	check(db.Clauses(bindkey.Use("archive")).AutoMigrate(&Customer{})) // archive
	check(db.Create(&Customer{Name: "ada"}).Error)                     // main
	check(db.Clauses(bindkey.Use("archive")).Create(&Customer{Name: "grace, who left"}).Error)

	var customer, archived Customer
	check(db.First(&customer).Error)
	check(db.Clauses(bindkey.Use("archive")).First(&archived).Error)
	fmt.Println(customer.Name)
	fmt.Println(archived.Name)

	err = db.Clauses(bindkey.Use("nowhere")).First(&customer).Error
	fmt.Println(errors.Is(err, bindkey.ErrUnknownBind))
	// Output:
	// ada
	// grace, who left
	// true
}
