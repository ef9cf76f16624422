// Package models has the models of several programs.
package models

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

type User struct {
	_    struct{} `bind:"main"`
	ID   uint
	Logs []LogEntry
}

type LogEntry struct {
	_      struct{} `bind:"analytics"`
	ID     uint
	UserID uint
}

type Invoice struct {
	_  struct{} `bind:"biling"`
	ID uint
}

type Unused struct {
	_  struct{} `bind:"nowhere"`
	ID uint
}

// Base is no model of its own.
type Base struct {
	_  struct{} `bind:"base"`
	ID uint
}

// Archive reads with Use.
func Archive(db *gorm.DB) (users []User) {
	db.Clauses(bindkey.Use("archive")).Find(&users)
	return users
}

// Bill writes.
func Bill(db *gorm.DB) error { return db.Create(&Invoice{}).Error }
