// Package catalog tells which bind key a Go type, a schema, a join table or the
// name of a table has, and why. It knows keys, never binds.
package catalog

import (
	"reflect"
	"sync"

	"gorm.io/gorm/schema"
)

// A Source is what a program says of keys outside of its types, and how to ask
// for what it says elsewhere. Its maps may grow while nobody asks.
type Source struct {
	Tag     string                  // the struct tag that holds a key
	Default string                  // the key of what has none
	Types   map[reflect.Type]string // models that were registered under a key
	Names   map[string][]string     // names of tables that were, folded → keys

	// Parse is GORM's parser, with the schema cache of the handle.
	Parse func(model any) (*schema.Schema, error)
	// HasName reports whether a table's name is itself a key.
	HasName func(table string) bool
	// Resolve is the key of the bind that a key means, since one bind may have
	// several. It reports whether there is such a bind.
	Resolve func(key string) (string, bool)
}

// A Catalog answers for one Source. It is safe for concurrent use.
type Catalog struct {
	source Source
	types  sync.Map // reflect.Type → *knownType
	asking asking
}

// New makes a catalog.
func New(source Source) *Catalog { return &Catalog{source: source} }

// A Claim is one statement about where something lives. Without a Key, nothing
// says.
type Claim struct {
	Key    string
	Why    Why
	Source string // where it says so, for an error: "method Bind", "tag on field ID"
}

// Why says what a key comes from.
type Why string

// What a key comes from.
const (
	ByRegister  Why = "registered" // a model or the name of a table in the Source
	ByMethod    Why = "method"     // the type's Bind method
	ByTag       Why = "tag"        // a tag on one of its own fields
	ByEmbedded  Why = "embedded"   // a struct that it embeds
	ByJoinTable Why = "join table" // the model that declares the many2many relation
	ByDefault   Why = "default"    // nothing says
)

// OfType is the key of a Go type, as the Source or the type itself has it: there
// may be no bind of that key.
func (c *Catalog) OfType(t reflect.Type) (Claim, []Fault) {
	if key, ok := c.source.Types[t]; ok {
		return Claim{Key: key, Why: ByRegister, Source: "Register"}, nil
	}
	return c.read(t)
}

// resolve gives a claim the key of its bind. model is whom an error names.
func (c *Catalog) resolve(claim Claim, model string) (Claim, []Fault) {
	key, ok := c.source.Resolve(claim.Key)
	if !ok {
		return Claim{}, []Fault{Unknown{Key: claim.Key, Model: model}}
	}
	claim.Key = key
	return claim, nil
}

func disagree(claims []Claim) bool {
	for _, claim := range claims {
		if claim.Key != claims[0].Key {
			return true
		}
	}
	return false
}
