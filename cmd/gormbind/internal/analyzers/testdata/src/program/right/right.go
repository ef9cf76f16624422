// Command right names binds that it registers, in three ways.
package main

import (
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/plugin/bindkey"

	"program/models"
)

func main() {
	db, _ := gorm.Open(nil)
	_, _ = config.Load(config.Bind("biling", ""))
	resolver := dbresolver.Register(dbresolver.Config{}, "reports", &models.User{}).Register(dbresolver.Config{}, "archive")
	_ = db.Use(resolver)
	_ = db.Use(bindkey.New(bindkey.Models(&models.User{}, models.Invoice{}, new(models.Unused))).Register("nowhere", dbresolver.Config{}))
	_ = models.Bill(db)
	_ = models.Archive(db)
	db.Clauses(bindkey.Use("reports")).Find(&models.User{})
}
