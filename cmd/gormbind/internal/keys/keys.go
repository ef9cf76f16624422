// Package keys reads from a Go type, without running it, which bind key it has.
// Its rules are those of plugin/bindkey/internal/catalog, which reads the same by
// reflection; a test holds one against the other. Where the source does not tell
// (a Bind method that computes its key), it is unsure, and says nothing.
package keys

import (
	"fmt"
	"go/token"
	"go/types"
	"reflect"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/consts"
)

// A Claim is one statement about where a model lives. Without a Key, nothing says.
type Claim struct {
	Key    string
	Why    Why
	Source string    // where it says so: "method Bind", "tag on field ID"
	Pos    token.Pos // of the field or the method
}

// Why says what a key comes from, in the plugin's words.
type Why string

// What a key comes from.
const (
	ByRegister  Why = "registered"
	ByMethod    Why = "method"
	ByTag       Why = "tag"
	ByEmbedded  Why = "embedded"
	ByJoinTable Why = "join table"
	ByDefault   Why = "default"
)

// A Kind is a kind of fault: there is an analyzer for each.
type Kind int

// The kinds.
const (
	Malformed  Kind = iota // an empty key, or what only looks like one
	OnRelation             // a tag on a relation that is no many2many
	Conflict               // two keys that disagree
)

// A Fault is why a key can't be told.
type Fault struct {
	Kind    Kind
	Subject string // "model shop.Order"
	Reason  string // what is wrong, and the way out
	Pos     token.Pos
	Field   *types.Var // whose tag is at fault, or nil

	// Embedded: what it embeds disagrees. Register may say where the model lives
	// all the same.
	Embedded bool
}

// Text is the fault in one sentence.
func (f Fault) Text() string {
	if f.Kind == Conflict {
		return f.Subject + " has conflicting bind keys: " + f.Reason
	}
	return f.Subject + ": " + f.Reason
}

// A Reading is what reading a type came to: a claim, which may be empty, or
// faults, or neither for sure.
type Reading struct {
	Claim  Claim
	Faults []Fault
	Unsure bool
}

// A Reader reads types. It is made for one name of the tag.
type Reader struct {
	Tag   string
	Const consts.Finder
	outer []types.Type // the types around this one, against structs that embed themselves
}

// Read applies the order of evidence inside one type: the Bind method, then the
// type's own tags, then what it embeds.
func (r Reader) Read(t types.Type) Reading {
	t = types.Unalias(t)
	for _, outer := range r.outer {
		if types.Identical(outer, t) {
			return Reading{}
		}
	}
	r.outer = append(r.outer[:len(r.outer):len(r.outer)], t)
	fields, ok := t.Underlying().(*types.Struct)
	if !ok {
		return Reading{}
	}
	method := r.method(t)
	tags, faults, unsure := r.tags(t, fields)
	if faults = join(method.Faults, faults); faults != nil {
		return Reading{Faults: faults}
	}
	if unsure || method.Unsure {
		return Reading{Unsure: true}
	}
	direct := tags
	if method.Claim.Key != "" {
		direct = append([]Claim{method.Claim}, tags...)
	}
	if disagree(direct) {
		return conflict(t, direct,
			"keep one of them (a tag does not override an embedded struct's Bind method: declare a Bind method instead)")
	}
	promoted, unsure := r.mayBePromoted(fields, method.Claim)
	switch {
	case len(tags) > 0 || method.Claim.Key != "" && !promoted && !unsure:
		return Reading{Claim: direct[0]}
	case unsure:
		return Reading{Unsure: true}
	}
	if faults := r.nearMisses(t, fields); faults != nil {
		return Reading{Faults: faults}
	}
	return r.readEmbedded(t, fields, method.Claim)
}

func (r Reader) readEmbedded(t types.Type, fields *types.Struct, method Claim) Reading {
	embedded, faults, unsure := r.embedded(fields)
	switch {
	case faults != nil:
		return Reading{Faults: faults}
	case unsure:
		return Reading{Unsure: true}
	case disagree(embedded):
		way := "give the model a tag or a Bind method of its own, or name it in Plugin.Register"
		if method.Key != "" {
			way = fmt.Sprintf("to keep the key of its Bind method, tag the model `%s:%q`; for another, declare a Bind method, or name the model in Plugin.Register",
				r.Tag, method.Key)
		}
		read := conflict(t, embedded, way)
		read.Faults[0].Embedded = true
		return read
	case method.Key != "":
		return Reading{Claim: method}
	case len(embedded) > 0:
		return Reading{Claim: embedded[0]}
	}
	return Reading{}
}

// tags reads the tags on a type's own fields. One on a many2many field is about
// the join table.
func (r Reader) tags(t types.Type, fields *types.Struct) (claims []Claim, faults []Fault, unsure bool) {
	for i := 0; i < fields.NumFields(); i++ {
		field := fields.Field(i)
		key, ok := reflect.StructTag(fields.Tag(i)).Lookup(r.Tag)
		settings := Settings(fields.Tag(i))
		if !ok || settings["MANY2MANY"] != "" {
			continue
		}
		relation, known := r.isRelation(field, settings)
		switch {
		case !known:
			unsure = true
		case relation:
			faults = append(faults, tagFault(OnRelation, t, field, "field %s has a %s tag, but it is a relation: put the tag on %s",
				field.Name(), r.Tag, TypeName(related(field.Type()))))
		case key == "":
			faults = append(faults, tagFault(Malformed, t, field, "the %s tag on field %s is empty; name a registered bind", r.Tag, field.Name()))
		default:
			claims = append(claims, Claim{key, ByTag, "tag on field " + field.Name(), field.Pos()})
		}
	}
	return claims, faults, unsure
}

func tagFault(kind Kind, t types.Type, field *types.Var, reason string, args ...any) Fault {
	return Fault{Kind: kind, Subject: "model " + TypeName(t), Reason: fmt.Sprintf(reason, args...), Pos: field.Pos(), Field: field}
}

// embedded reads the keys of what a type embeds, in Go's sense or in GORM's.
func (r Reader) embedded(fields *types.Struct) (claims []Claim, faults []Fault, unsure bool) {
	for i := 0; i < fields.NumFields(); i++ {
		field := fields.Field(i)
		of := elem(field.Type())
		inner := Reading{}
		embeds, known := r.isEmbedded(field, Settings(fields.Tag(i)))
		switch {
		case !known:
			unsure = true
		case embeds:
			inner = r.Read(of)
		case field.Embedded() && promotesBind(of):
			inner = r.method(of)
		}
		unsure = unsure || inner.Unsure
		faults = append(faults, inner.Faults...)
		if inner.Claim.Key != "" {
			claims = append(claims, Claim{inner.Claim.Key, ByEmbedded,
				fmt.Sprintf("embedded struct %s (%s)", TypeName(of), inner.Claim.Source), field.Pos()})
		}
	}
	return claims, faults, unsure
}

// Settings are those of a field's gorm tag.
func Settings(tag string) map[string]string {
	return schema.ParseTagSetting(reflect.StructTag(tag).Get("gorm"), ";")
}

func disagree(claims []Claim) bool {
	for _, claim := range claims {
		if claim.Key != claims[0].Key {
			return true
		}
	}
	return false
}

func join(some, more []Fault) []Fault {
	return append(some[:len(some):len(some)], more...)
}
