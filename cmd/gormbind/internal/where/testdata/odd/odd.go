// Package odd has a plugin with all that moves models.
package odd

import (
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The models. The tag is db, and bind means something else.
type (
	Author struct {
		ID    uint   `db:"archive" bind:""`
		Books []Book `gorm:"many2many:author_books"`
		Clubs []Club `gorm:"many2many:memberships"`
		Peers []Book `gorm:"many2many:torn"`
	}
	Book struct {
		_       struct{} `db:"archive"`
		ID      uint
		Authors []Author `gorm:"many2many:author_books"`
		Peers   []Author `gorm:"many2many:torn" db:"analytics"`
	}
	Club struct {
		ID   uint
		Fans []Fan `gorm:"many2many:club_fans"`
	}
	Membership struct {
		AuthorID uint `gorm:"primaryKey"`
		ClubID   uint `gorm:"primaryKey"`
	}
	Fan   struct{ ID uint }
	Moved struct {
		ID uint `db:"archive"`
	}
	Twice       struct{ ID uint }
	Base        struct{ ID uint }
	Keyless     struct{ Base }
	Page[T any] struct {
		ID uint `db:"archive"`
	}
)

// Bind is the key of what embeds it.
func (Base) Bind() string { return "archive" }

// TableName is the table.
func (Fan) TableName() string { return "Supporters" }

// Models are the models that the plugin knows.
func Models() []any {
	return []any{&Author{}, &Book{}, &Club{}, &Membership{}, &Fan{}, &Moved{}, &Keyless{}}
}

// Plugin is the plugin.
func Plugin() *bindkey.Plugin {
	return bindkey.New(bindkey.TagName("db"), bindkey.Default("core")).
		Register("archive", dbresolver.Config{}).
		Register("analytics", dbresolver.Config{}, &Moved{}, "supporters", "club_fans", "twices").
		Register("reports", dbresolver.Config{}, "twices")
}

// Setup gives a relation a join model.
func Setup(db *gorm.DB) error { return db.SetupJoinTable(&Author{}, "Clubs", &Membership{}) }
