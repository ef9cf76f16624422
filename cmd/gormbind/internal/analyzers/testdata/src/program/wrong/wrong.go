// Command wrong names binds that it does not register.
package main

import (
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"

	"program/models"
)

type Session struct { // want `model main.Session has the bind key "sesions", but the program registers only analytics, main`
	_  struct{} `bind:"sesions"`
	ID uint
}

func main() {
	db, _ := gorm.Open(nil)
	_ = db.Use(bindkey.New(bindkey.Models(&models.User{}), bindkey.Strict()). // want `model models.Invoice \(models/models.go:\d+\) has the bind key "biling", but the program registers only analytics, main` `bindkey.Use\("archive"\) \(models/models.go:\d+\) names no bind; the program registers only analytics, main` `model models.Invoice is used \(models/models.go:\d+\), but not listed`
											Register("analytics", dbresolver.Config{}))
	db.Create(&Session{}) // want `model main.Session is used, but not listed`
	_ = models.Bill(db)
	_ = models.Archive(db)
	db.Clauses(bindkey.Use("reports")).Find(&models.User{}) // want `bindkey.Use\("reports"\) names no bind`
}
