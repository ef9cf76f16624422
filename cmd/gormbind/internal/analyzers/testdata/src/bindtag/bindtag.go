// Package bindtag has tags and methods that are no keys.
package bindtag

import (
	"context"

	"gorm.io/gorm"
)

type Empty struct {
	ID uint `bind:""` // want `model bindtag.Empty: the bind tag on field ID is empty; name a registered bind`
}

type Blank struct {
	_  struct{} `bind: "main"` // want `model bindtag.Blank: field _ has the tag .* Go can't read it`
	ID uint
}

type Bare struct {
	ID uint `json:"id" bind:main` // want `Go can't read it`
}

type Key struct {
	ID uint `bindkey:"analytics" json:"id"` // want `the tag for the bind key is bind, not bindkey`
}

type InGORM struct {
	ID uint `gorm:"primaryKey;bind:analytics"` // want `the bind key has a tag of its own`
}

type InGORMAlone struct {
	ID uint `gorm:"bind:analytics" json:"id"` // want `the bind key has a tag of its own`
}

type Escape struct {
	ID uint `bind:"ma\in"` // want `Go can't read its bind`
}

type WithError struct{ gorm.Model }

func (WithError) Bind() (string, error) { return "main", nil } // want `its method Bind\(\) \(string, error\) is not asked for the bind key`

type BindKey struct{ gorm.Model }

func (*BindKey) BindKey() string { return "main" } // want `its method BindKey\(\) string is not asked`

type WithContext struct{ gorm.Model }

func (WithContext) Bind(ctx context.Context) string { return "main" } // want `its method Bind\(context.Context\) string`

type EmptyMethod struct{ gorm.Model }

func (EmptyMethod) Bind() string { return "" } // want `its Bind method returns an empty key`

type Nil struct { // want `its Bind method panics on a zero value`
	*Base
	Name string
}

type Base struct{ ID uint }

func (Base) Bind() string { return "main" }

func local() {
	type inside struct {
		gorm.Model
		Name string `bind:""` // want `the bind tag on field Name is empty`
	}
	_ = inside{}
}

type Page[T any] struct {
	ID    uint `bind:""` // want `model bindtag.Page\[T any\]: the bind tag on field ID is empty`
	Items []T  `gorm:"serializer:json"`
}
