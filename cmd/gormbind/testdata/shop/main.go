// Command shop is an example for gormbind where.
package main

import (
	"log"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/cmd/gormbind/testdata/shop/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A Visit is registered, so it needs no key.
type Visit struct {
	ID     uint
	UserID uint
}

func main() {
	db, err := gorm.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Models(&models.User{})).
		Register("analytics", dbresolver.Config{}, &Visit{}).
		Register("archive", dbresolver.Config{})
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	if err := db.Create(&Visit{UserID: 1}).Error; err != nil {
		log.Fatal(err)
	}
}
