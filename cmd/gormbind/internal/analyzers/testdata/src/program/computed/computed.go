// Command computed registers a key that the source does not tell.
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
	for _, key := range []string{"biling", "archive"} {
		_ = db.Use(bindkey.New(bindkey.Models(all...)).Register(key, dbresolver.Config{}))
	}
	_ = models.Bill(db)
	_ = models.Archive(db)
}
