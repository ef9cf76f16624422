package main

import "gorm.io/gorm"

// A User lives in main.
type User struct {
	_    struct{} `bind:"main"`
	ID   uint
	Logs []LogEntry `bind:"analytics"`
}

// A LogEntry has a key, but not where it is looked for.
type LogEntry struct {
	gorm.Model `gorm:"bind:analytics"`
	UserID     uint
}

// An Order has two keys.
type Order struct {
	ID uint `bind:"main"`
}

// Bind is the bind key.
func (Order) Bind() string { return "archive" }

// An Invoice has a key that is spelled wrong, and a customer in another bind.
type Invoice struct {
	_          struct{} `bind:"archiv"`
	ID         uint
	CustomerID uint
	Customer   Customer
}

// A Customer lives in main.
type Customer struct {
	_  struct{} `bind:"main"`
	ID uint
}

// An Audit is not in bindkey.Models.
type Audit struct {
	_  struct{} `bind:"archive"`
	ID uint
}
