// Package bindjoins joins relations of models in two binds.
package bindjoins

import (
	"context"

	"gorm.io/gorm"

	"bindjoins/other"
)

type User struct {
	_         struct{} `bind:"main"`
	ID        uint
	CompanyID uint
	Company   other.Company
	Boss      *Boss
	Plain     Plain
	Moved     Moved
	Friends   []Boss `gorm:"many2many:friends"`
}

type (
	Boss struct {
		_       struct{} `bind:"main"`
		ID      uint
		Company *other.Company
	}
	Plain struct{ ID uint } // may be registered anywhere
	Moved struct{ ID uint }
)

func (Moved) Bind() string { return key }

var key = "archive"

type store struct{ db *gorm.DB }

func joins(ctx context.Context, db *gorm.DB, s store) {
	var users []User
	var n int64
	db.Joins("Company").Find(&users)                                              // want `Joins\("Company"\) joins bindjoins.User in bind "main" with other.Company in bind "archive": .* use Preload`
	s.db.WithContext(ctx).Where("id > ?", 1).InnerJoins("Company").First(&User{}) // want `Joins\("Company"\)`
	db.Model(&User{}).Joins("Boss.Company").Count(&n)                             // want `Joins\("Boss.Company"\) joins bindjoins.Boss in bind "main" with other.Company`
	db.Joins("Boss").Joins("Company", db.Where("id = 1")).Find(&users)            // want `Joins\("Company"\)`
	opened, _ := gorm.Open(nil)
	opened.Joins("Company").Find(&users) // want `Joins\("Company"\)`
	_ = db.Transaction(func(tx *gorm.DB) error {
		return tx.Joins("Company").Find(&users).Error // want `Joins\("Company"\)`
	})
}

func right(db *gorm.DB) {
	var users []User
	var rows []struct{ Name string }
	db.Joins("Boss").Find(&users)                   // one bind
	db.Joins("Plain").Find(&users)                  // no key
	db.Joins("Moved").Find(&users)                  // a key that the source does not tell
	db.Joins("JOIN companies ON true").Find(&users) // SQL
	db.Joins("Company").Find(&rows)                 // no model
	db.Table("users").Joins("Company").Find(&users) // the table decides
	db.Scopes(func(db *gorm.DB) *gorm.DB { return db }).Joins("Company").Find(&users)
	query := db.Where("id > ?", 1)
	query.Joins("Company").Find(&users) // what is in query?
	handle(db).Joins("Company").Find(&users)
	name := "Company"
	db.Joins(name).Find(&users)
	db.Model(&Boss{}).Joins("Friends").Find(&users)
	tx := db.Clauses("anything").Begin()
	tx.Joins("Company").Find(&users)
	db.Clauses("anything").Joins("Company").Find(&users)
}

func handle(db *gorm.DB) *gorm.DB { return db }
