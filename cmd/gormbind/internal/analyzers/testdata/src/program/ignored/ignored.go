// Command ignored registers in a file that is not built here.
package main

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"

	"program/models"
)

func main() {
	db, _ := gorm.Open(nil)
	all := []any{&models.User{}}
	_ = db.Use(register(bindkey.New(bindkey.Models(all...))))
	_ = models.Bill(db)
	_ = models.Archive(db)
}
