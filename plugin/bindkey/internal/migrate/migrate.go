// Package migrate sends each call of a [gorm.Migrator] to the database of its
// model, plans what AutoMigrate would run there, and finds tables and foreign
// keys that are in the wrong one. It asks its [Host] where a model lives.
package migrate

import (
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// Migrations are those of one handle.
type Migrations struct {
	host Host

	cutting sync.Mutex             // of relations across binds, in schemas that all sessions share
	cut     map[*schema.Field]bool // their fields that relationCut took out of migrations
}

// New makes the migrations of a host's handle.
func New(host Host) *Migrations {
	return &Migrations{host: host, cut: map[*schema.Field]bool{}}
}

// On is the migrator of a session.
func (m *Migrations) On(db *gorm.DB) Migrator { return Migrator{Migrations: m, db: db} }
