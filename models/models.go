// Package models holds the tutorial's two models: one in the bind main, by tag,
// one in the bind analytics, by method.
package models

import "time"

// User lives in the bind main.
type User struct {
	_    struct{} `bind:"main"`
	ID   uint
	Name string
	Logs []LogEntry
}

// LogEntry lives in the bind analytics, in the table logs.
type LogEntry struct {
	ID        uint
	UserID    uint
	Event     string
	CreatedAt time.Time
}

// Bind is the bind key.
func (LogEntry) Bind() string { return "analytics" }

// TableName is the table's name.
func (LogEntry) TableName() string { return "logs" }
