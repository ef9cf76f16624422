// Command loaded reads its binds from a file.
package main

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/plugin/bindkey"

	"program/models"
)

func main() {
	db, _ := gorm.Open(nil)
	all := []any{&models.User{}}
	_, _ = config.Tomorrow()
	_ = db.Use(bindkey.New(bindkey.Models(all...)))
	_ = models.Bill(db)
	_ = models.Archive(db)
}
