// Command mistakes has a mistake for each check of gormbind vet.
package main

import (
	"log"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

func main() {
	db, err := gorm.Open(nil)
	check(err)
	check(db.Use(bindkey.New(bindkey.Models(&Order{}, &Invoice{})).Register("archive", dbresolver.Config{})))

	check(db.Transaction(func(tx *gorm.DB) error {
		return db.Create(&User{}).Error
	}))
	check(db.Clauses(bindkey.Use("reports")).Find(&[]Order{}).Error)
	check(db.Save(&Audit{}).Error)
	check(db.Joins("Customer").Find(&[]Invoice{}).Error)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
