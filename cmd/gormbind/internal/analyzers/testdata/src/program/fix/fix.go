// Command fix lists one of its models.
package main

import (
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"

	"program/models"
)

type Session struct {
	_  struct{} `bind:"analytics"`
	ID uint
}

func main() {
	db, _ := gorm.Open(nil)
	_ = db.Use(bindkey.New(bindkey.Models(&Session{}, &models.Invoice{})).Register("analytics", dbresolver.Config{}))
	db.Save(&models.LogEntry{}) // want `model models.LogEntry is used, but not listed: until its first use, raw SQL does not know its table; add it to bindkey.Models`
	var rows []models.User
	db.Find(&rows) // may be a few columns only
}
