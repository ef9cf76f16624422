// Package program finds what a whole program says of its binds: what it registers,
// which models it lists and uses. Packages hand it on to those that import them, so
// that package main knows all of it, as an analyzer sees one package at a time.
package program

import (
	"go/token"
	"maps"
	"slices"
)

// A Fact is what a package and all that it imports say.
type Fact struct {
	Plugin   bool     // bindkey.New is called
	Keys     []string // that Register, Default or config name
	Tenanted []string // of these, those whose bind has a database for each tenant
	Opaque   string   // why not all keys are visible, or empty
	Default  string   // of bindkey.Default, or empty
	TagName  string   // of bindkey.TagName, or empty

	Listed       map[string]bool   // models in Models, Check and Register, and what their relations refer to
	ListedOpaque bool              // not all of them are visible
	Registered   map[string]string // models in Register → their key
	Tables       map[string]string // names in Register, in lower case → their key, or empty if there are several
	Touched      map[string]bool   // types that GORM or the plugin is given
	Models       []Model           // that are used or listed, and have a key
	Uses         []Use             // of constants in bindkey.Use
	Joined       map[string]string // "Type.Field" of SetupJoinTable → the join model
	Crossing     bool              // a handle with AllowCrossBind or Use is kept
}

// A Model is one with a key of its own.
type Model struct {
	Type     string // with its import path
	Name     string // for people
	Key      string
	Declared Place
	Written  Place // where a statement or the migrator gets it, if one does
}

// A Use is a bindkey.Use.
type Use struct {
	Key string
	At  Place
}

// A Place is a position, for people where it is in another package.
type Place struct {
	Text string    // "models/user.go:12"
	pos  token.Pos // lost on the way to another package, in go vet
}

// AFact marks it as a fact.
func (*Fact) AFact() {}

func (f *Fact) String() string { return "what the program says of its binds" }

// opaque notes the first reason why not all keys are visible.
func (f *Fact) opaque(why string) {
	if f.Opaque == "" {
		f.Opaque = why
	}
}

// Add adds what another package says. Both may have it from a third.
func (f *Fact) Add(other *Fact) {
	f.Plugin = f.Plugin || other.Plugin
	f.Crossing = f.Crossing || other.Crossing
	f.ListedOpaque = f.ListedOpaque || other.ListedOpaque
	if other.Opaque != "" {
		f.opaque(other.Opaque)
	}
	f.setDefault(other.Default)
	f.setTagName(other.TagName)
	f.key(other.Keys...)
	f.tenanted(other.Tenanted...)
	maps.Copy(f.Listed, other.Listed)
	maps.Copy(f.Registered, other.Registered)
	maps.Copy(f.Joined, other.Joined)
	maps.Copy(f.Touched, other.Touched)
	for table, key := range other.Tables {
		f.table(table, key)
	}
	for _, model := range other.Models {
		f.model(model)
	}
	for _, use := range other.Uses {
		if !slices.Contains(f.Uses, use) {
			f.Uses = append(f.Uses, use)
		}
	}
}

func (f *Fact) key(keys ...string) {
	for _, key := range keys {
		if !slices.Contains(f.Keys, key) {
			f.Keys = append(f.Keys, key)
		}
	}
	slices.Sort(f.Keys)
}

// tenanted notes keys of binds with tenants.
func (f *Fact) tenanted(keys ...string) {
	for _, key := range keys {
		if f.key(key); !slices.Contains(f.Tenanted, key) {
			f.Tenanted = append(f.Tenanted, key)
		}
	}
}

func (f *Fact) setDefault(key string) {
	if key != "" && f.Default != "" && f.Default != key {
		f.opaque("two plugins have default binds of different keys")
	}
	f.Default = max(f.Default, key)
}

func (f *Fact) setTagName(name string) {
	if name != "" && f.TagName != "" && f.TagName != name {
		f.opaque("two plugins have different tag names")
	}
	f.TagName = max(f.TagName, name)
}

func (f *Fact) table(name, key string) {
	if known, ok := f.Tables[name]; ok && known != key {
		key = ""
	}
	f.Tables[name] = key
}

func (f *Fact) model(model Model) {
	for i := range f.Models {
		if f.Models[i].Type == model.Type {
			if f.Models[i].Written.Text == "" {
				f.Models[i].Written = model.Written
			}
			return
		}
	}
	f.Models = append(f.Models, model)
}

// NewFact is one that says nothing.
func NewFact() *Fact {
	return &Fact{Listed: map[string]bool{}, Registered: map[string]string{}, Joined: map[string]string{},
		Tables: map[string]string{}, Touched: map[string]bool{}}
}

func (f *Fact) empty() bool {
	return !f.Plugin && len(f.Keys) == 0 && f.Opaque == "" && f.Default == "" && f.TagName == "" && !f.Crossing &&
		len(f.Listed) == 0 && !f.ListedOpaque && len(f.Models) == 0 && len(f.Uses) == 0 && len(f.Joined) == 0 && len(f.Registered) == 0 &&
		len(f.Tables) == 0 && len(f.Touched) == 0
}
