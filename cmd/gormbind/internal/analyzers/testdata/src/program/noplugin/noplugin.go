// Command noplugin has no plugin: its models are another program's.
package main

import (
	"gorm.io/gorm"

	"program/models"
)

func main() {
	db, _ := gorm.Open(nil)
	_ = models.Bill(db)
}
