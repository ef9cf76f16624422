// Package bindconflict has models with two keys.
package bindconflict

import (
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"

	"bindconflict/base"
)

type Order struct {
	_  struct{} `bind:"main"` // want `model bindconflict.Order has conflicting bind keys: method Bind is in "archive", tag on field _ is in "main"; keep one of them`
	ID uint
}

const archive = "archive"

func (Order) Bind() string { return archive }

type Promoted struct {
	base.Archived
	Name string `bind:"main"` // want `method Bind is in "archive", tag on field Name is in "main"`
}

type Registered struct {
	ID   uint   `gorm:"primaryKey" bind:"main"`
	Name string `bind:"archive"`
}

var _ = bindkey.New().Register("main", dbresolver.Config{}, Registered{})

type TwoTags struct {
	ID   uint   `gorm:"primaryKey" bind:"main"`
	Name string `bind:"archive"` // want `tag on field ID is in "main", tag on field Name is in "archive"`
}

type TwoBases struct {
	Order2
	base.Archived // Register may say
}

type Order2 struct {
	_  struct{} `bind:"main"`
	ID uint
}

// What agrees, or can't be told.
type (
	Agrees struct {
		_  struct{} `bind:"archive"`
		ID uint
	}
	Computed struct {
		_  struct{} `bind:"main"`
		ID uint
	}
	PromotedComputed struct {
		base.Computed
		Name string `bind:"main"`
	}
	Overrides struct {
		base.Archived
		Order2
	}
	Request struct { // another library's
		Page int `bind:"page"`
		Size int `bind:"size"`
	}
)

func (Agrees) Bind() string    { return "archive" }
func (*Computed) Bind() string { return key() }
func (Overrides) Bind() string { return "elsewhere" }
func key() string              { return "archive" }
