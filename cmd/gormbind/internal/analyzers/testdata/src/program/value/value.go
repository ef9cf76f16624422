// Command value hands Register on.
package main

import (
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"

	"program/models"
)

func main() {
	db, _ := gorm.Open(nil)
	all := []any{&models.User{}}
	plugin := bindkey.New(bindkey.Models(all...))
	register := plugin.Register
	register("biling", dbresolver.Config{})
	_ = db.Use(plugin)
	_ = models.Bill(db)
	_ = models.Archive(db)
}
