// Package models has the models of a shop.
package models

import "gorm.io/gorm"

// A User lives in main, by a tag, with its logs in analytics.
type User struct {
	_      struct{} `bind:"main"`
	ID     uint
	Name   string
	Logs   []LogEntry
	Orders []Order
	Teams  []Team `gorm:"many2many:user_teams"`
}

// A LogEntry lives in analytics, by a method.
type LogEntry struct {
	gorm.Model
	UserID uint
	Event  string
}

// Bind is the bind key.
func (LogEntry) Bind() string { return "analytics" }

// TableName is the table.
func (LogEntry) TableName() string { return "logs" }

// Archived is embedded by what lives in archive.
type Archived struct {
	_  struct{} `bind:"archive"`
	ID uint
}

// An Order lives in archive, by what it embeds.
type Order struct {
	Archived
	UserID uint
	Total  int
}

// A Team has no key, and a join table elsewhere.
type Team struct {
	ID    uint
	Tags  []Tag `gorm:"many2many:team_tags" bind:"analytics"`
	Label string
}

// A Tag lives where only the running program knows.
type Tag struct{ ID uint }

var place = "analytics"

// Bind is the bind key.
func (Tag) Bind() string { return place }
