// Package bindrelation has tags on relations.
package bindrelation

import (
	"database/sql/driver"
	"time"
)

type User struct {
	_      struct{} `bind:"main"`
	ID     uint
	Logs   []LogEntry `bind:"analytics"` // want `model bindrelation.User: field Logs has a bind tag, but it is a relation: put the tag on bindrelation.LogEntry`
	TeamID uint
	Team   *Team `bind:""` // want `field Team has a bind tag, but it is a relation`
}

type (
	LogEntry struct{ ID, UserID uint }
	Team     struct{ ID uint }
	Money    struct{ Cents int }

	// A tag on a column, an embedded struct or the field of a join table is right.
	Order struct {
		ID     uint      `gorm:"primaryKey"`
		At     time.Time `bind:"main"`
		Price  Money     `bind:"main"`
		Lines  []Team    `gorm:"serializer:json" bind:"main"`
		Base   Team      `gorm:"embedded" bind:"main"`
		Teams  []Team    `gorm:"many2many:order_teams" bind:"archive"`
		Unused []Team    `gorm:"-" bind:"main"`
	}
)

func (Money) Value() (driver.Value, error) { return nil, nil }
