// Command option has an option of a later version.
package main

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"

	"program/models"
)

func main() {
	db, _ := gorm.Open(nil)
	all := []any{&models.User{}}
	_ = db.Use(bindkey.New(bindkey.Models(all...), bindkey.Tomorrow()))
	_ = models.Bill(db)
	_ = models.Archive(db)
}
