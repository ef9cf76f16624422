// Package models has a type for each rule of bind keys. Some of them are wrong.
package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys/testdata/other"
)

const archive = "archive"

type (
	Plain struct{ ID uint }
	Blank struct {
		_  struct{} `bind:"analytics"`
		ID uint
	}
	Column struct {
		ID uint `gorm:"primaryKey" bind:"analytics"`
	}
	Method  struct{ ID uint }
	Pointer struct{ ID uint }
	Empty   struct {
		ID uint `bind:""`
	}
	EmptyMethod struct{ ID uint }
	Agree       struct {
		ID uint `bind:"archive"`
	}
	Disagree struct {
		ID uint `bind:"analytics"`
	}
	TwoTags struct {
		ID   uint   `bind:"analytics"`
		Name string `bind:"archive"`
	}
	TagOnRelation struct {
		ID     uint
		Plains []Plain `bind:"analytics" gorm:"foreignKey:ID"`
	}
	TagOnPointer struct {
		ID      uint
		PlainID uint
		Plain   *Plain `bind:"analytics"`
	}
	TagOnMany struct {
		ID     uint
		Plains []Plain `bind:"analytics" gorm:"many2many:tagged_plains"`
	}
	TagOnTime struct {
		ID   uint
		When time.Time `bind:"analytics"`
	}
	Moment    time.Time
	TagOnKind struct {
		ID   uint
		When Moment `bind:"analytics"`
	}
	TagOnValuer struct {
		ID   uint
		Name sql.NullString `bind:"analytics"`
	}
	Money    struct{ Cents int }
	TagOnOwn struct {
		ID    uint
		Price Money `bind:"analytics"`
	}
	TagOnJSON struct {
		ID    uint
		Items []Plain `gorm:"serializer:json" bind:"analytics"`
	}
	TagOnIgnored struct {
		ID    uint
		Items []Plain `gorm:"-" bind:"analytics"`
	}
	TagOnPrivate struct {
		ID    uint
		items []Plain `bind:"analytics"`
	}
)

func (Method) Bind() string                  { return archive }
func (*Pointer) Bind() string                { return archive }
func (EmptyMethod) Bind() string             { return "" }
func (Agree) Bind() string                   { return archive }
func (Disagree) Bind() string                { return archive }
func (m Money) Value() (driver.Value, error) { return int64(m.Cents), nil }
func (m *Money) Scan(any) error              { return nil }

// What models embed.
type (
	EmbedsTag    struct{ Blank }
	EmbedsMethod struct{ Method }
	EmbedsOther  struct {
		other.Base
		Name string
	}
	EmbedsOtherTag struct{ other.Tagged }
	EmbedsPointer  struct{ *other.Base }  // nil: panics
	EmbedsPtrRecv  struct{ *Pointer }     // nil, but asked with it
	EmbedsDeep     struct{ *EmbedsOther } // nil on the way
	EmbedsByGORM   struct {
		ID   uint
		Part Blank `gorm:"embedded"`
	}
	EmbedsByGORMPtr struct {
		ID   uint
		Part *Column `gorm:"embedded;embeddedPrefix:part_"`
	}
	EmbedsTwo struct {
		Blank
		Part Method `gorm:"embedded"`
	}
	EmbedsTwoAgree struct {
		Blank
		Part Column `gorm:"embedded"`
	}
	EmbedsBoth struct {
		Blank
		Method
	}
	EmbedsAnd struct {
		Method
		Name string `bind:"archive"`
	}
	EmbedsAgainst struct {
		Method
		Name string `bind:"analytics"`
	}
	EmbedsTagOver struct {
		Blank
		Name string `bind:"archive"`
	}
	EmbedsOverrides struct {
		Blank
		Name string
	}
	EmbedsTagged struct {
		Plain `bind:"archive"`
	}
	EmbedsModel struct {
		gorm.Model
		Name string
	}
	EmbedsTwoMethods struct {
		Method
		other.Base
	}
	EmbedsEmpty       struct{ Empty }
	EmbedsEmptyTagged struct {
		Empty
		Name string `bind:"archive"`
	}
	EmbedsTime struct {
		ID uint
		time.Time
		Name string `bind:"archive"`
	}
)

func (EmbedsOverrides) Bind() string { return archive }

// Near misses.
type (
	Key           string
	NearError     struct{ ID uint }
	NearNamed     struct{ ID uint }
	NearContext   struct{ ID uint }
	NearHandle    struct{ ID uint }
	NearBindKey   struct{ ID uint }
	NearPointer   struct{ ID uint }
	NearEmbeds    struct{ NearError }
	NearEmbedsPtr struct{ *NearEmbeds }
	NearTag       struct {
		ID uint `bindkey:"analytics"`
	}
	NearUnderscore struct {
		ID uint `json:"id" bind_key:"analytics"`
	}
	NearCapital struct {
		ID uint `Bind:"analytics"`
	}
	NearGORM struct {
		ID uint `gorm:"size:20;bind:archive"`
	}
	NearSpace struct {
		ID uint `bind: "main"`
	}
	NearBare struct {
		ID uint `bind:main`
	}
	NearBlank struct {
		_  struct{} `bind="main"`
		ID uint
	}
	NearEscape struct {
		ID uint `bind:"ma\in"`
	}
	NearIgnored struct {
		ID   uint
		Name string `gorm:"-" bindkey:"analytics"`
	}
	NearOwnKey struct {
		ID   uint   `bind:"archive"`
		Name string `bindkey:"analytics"`
	}
	NearHides   struct{ Method }
	NearForeign struct{ ID uint }
	NearNumber  struct{ ID uint }
)

func (NearError) Bind() (string, error)            { return archive, nil }
func (NearNamed) Bind() Key                        { return archive }
func (NearContext) Bind(_ context.Context) string  { return archive }
func (NearHandle) Bind(*gorm.DB) (string, error)   { return archive, nil }
func (NearBindKey) BindKey() string                { return archive }
func (*NearPointer) Bind() (key string, err error) { return archive, nil }
func (NearHides) Bind() (string, error)            { return archive, nil }
func (NearForeign) Bind(any) error                 { return nil }
func (NearNumber) BindKey() int                    { return 1 }

// Models whose tables and relations have names of their own.
type (
	Dynamic  struct{ ID uint }
	LogEntry struct{ ID uint }
	Renamed  struct {
		ID      uint
		PlainID uint
		Plain   Plain
		Logs    []LogEntry  `gorm:"many2many:renamed_logs"`
		Others  []*LogEntry `gorm:"many2many:RenamedOther"`
		Moments []LogEntry  `gorm:"-"`
		private []LogEntry
	}
	RenamedToo struct {
		Renamed
		Name string
	}
)

var where = time.Now().String()

func (Dynamic) Bind() string      { return where }
func (Dynamic) TableName() string { return where }
func (Renamed) TableName() string { return "people" }

// All are the models.
func All() []any {
	return []any{
		Plain{}, Blank{}, Column{}, Method{}, Pointer{}, Empty{}, EmptyMethod{}, Agree{}, Disagree{}, TwoTags{},
		TagOnRelation{}, TagOnPointer{}, TagOnMany{}, TagOnTime{}, TagOnKind{}, TagOnValuer{}, TagOnOwn{}, TagOnJSON{}, TagOnIgnored{}, TagOnPrivate{},
		EmbedsTag{}, EmbedsMethod{}, EmbedsOther{}, EmbedsOtherTag{}, EmbedsPointer{}, EmbedsPtrRecv{}, EmbedsDeep{},
		EmbedsByGORM{}, EmbedsByGORMPtr{}, EmbedsTwo{}, EmbedsTwoAgree{}, EmbedsBoth{}, EmbedsAnd{}, EmbedsAgainst{}, EmbedsTagOver{},
		EmbedsOverrides{}, EmbedsTagged{}, EmbedsModel{}, EmbedsTwoMethods{}, EmbedsEmpty{}, EmbedsEmptyTagged{}, EmbedsTime{},
		NearError{}, NearNamed{}, NearContext{}, NearHandle{}, NearBindKey{}, NearPointer{}, NearEmbeds{}, NearEmbedsPtr{}, NearTag{},
		NearUnderscore{}, NearCapital{}, NearGORM{}, NearSpace{}, NearBare{}, NearBlank{}, NearEscape{}, NearIgnored{}, NearOwnKey{},
		NearHides{}, NearForeign{}, NearNumber{}, LogEntry{}, Renamed{}, RenamedToo{},
	}
}
