package catalog

import (
	"fmt"
	"reflect"
	"sync/atomic"

	"gorm.io/gorm/schema"
)

// A reading is what reading a Go type came to: a claim, which may be empty, or
// faults.
type reading struct {
	claim  Claim
	faults []Fault
}

// A knownType is what is remembered of one type: what its Bind method said, and
// the key that results. Only the second is found anew where two goroutines ask
// at once, since it is read without calling the type's code.
type knownType struct {
	method asked
	whole  atomic.Pointer[reading]
}

// read is the key that a type has by itself, read once per type. Only the tag's
// name differs between catalogs, so what is remembered is the catalog's.
func (c *Catalog) read(t reflect.Type) (Claim, []Fault) {
	known := c.known(t)
	whole := known.whole.Load()
	if whole == nil {
		found := typeReader{catalog: c}.read(t)
		whole = &found
		known.whole.Store(whole)
	}
	return whole.claim, whole.faults
}

func (c *Catalog) known(t reflect.Type) *knownType {
	known, ok := c.types.Load(t)
	if !ok {
		known, _ = c.types.LoadOrStore(t, &knownType{})
	}
	return known.(*knownType)
}

// A typeReader reads keys by reflection: GORM's own parser skips blank and
// unexported fields (schema/schema.go), so its schema does not have them all.
type typeReader struct {
	catalog *Catalog
	outer   []reflect.Type // the types around this one, against structs that embed themselves
}

// read applies the order of evidence inside one type: the Bind method, then
// the type's own tags, then the embedded structs. What overrides the embedded
// structs also overrides their mistakes: that is the way out of them. A type
// without a key of its own must not have what only looks like one.
func (r typeReader) read(t reflect.Type) reading {
	for _, outer := range r.outer {
		if outer == t {
			return reading{}
		}
	}
	r.outer = append(r.outer, t)
	if t.Kind() != reflect.Struct {
		return reading{}
	}

	method := r.catalog.readMethod(t)
	tags, faults := r.tags(t)
	if faults = join(method.faults, faults); faults != nil {
		return reading{faults: faults}
	}
	direct := tags
	if method.claim.Key != "" {
		direct = append([]Claim{method.claim}, tags...)
	}
	if disagree(direct) {
		return conflict(t, direct,
			"keep one of them (a tag does not override an embedded struct's Bind method: declare a Bind method instead)")
	}
	if len(tags) > 0 || method.claim.Key != "" && !r.mayBePromoted(t, method.claim) {
		return reading{claim: direct[0]}
	}
	if faults := r.nearMisses(t); faults != nil {
		return reading{faults: faults}
	}
	return r.readEmbedded(t, method.claim)
}

// readEmbedded is the key of a type that has none but of what it embeds. Its Bind
// method may be promoted from there, and then decides only if all else agrees.
func (r typeReader) readEmbedded(t reflect.Type, method Claim) reading {
	embedded, faults := r.embedded(t)
	switch {
	case faults != nil:
		return reading{faults: faults}
	case disagree(embedded):
		way := "give the model a tag or a Bind method of its own, or name it in Plugin.Register"
		if method.Key != "" {
			way = fmt.Sprintf("to keep the key of its Bind method, tag the model `%s:%q`; for another, declare a Bind method, or name the model in Plugin.Register",
				r.catalog.source.Tag, method.Key)
		}
		return conflict(t, embedded, way)
	case method.Key != "":
		return reading{claim: method}
	case len(embedded) > 0:
		return reading{claim: embedded[0]}
	default:
		return reading{}
	}
}

// tags reads the tags on the type's own fields. A tag on a many2many field
// is about the join table (see ofJoinTable), not about the model.
func (r typeReader) tags(t reflect.Type) (claims []Claim, faults []Fault) {
	tag := r.catalog.source.Tag
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		name, ok := field.Tag.Lookup(tag)
		if !ok {
			continue
		}
		settings := schema.ParseTagSetting(field.Tag.Get("gorm"), ";")
		if settings["MANY2MANY"] != "" {
			continue
		}
		switch {
		case isRelation(field, settings):
			faults = append(faults, Invalid{Subject: "model " + TypeName(t), Reason: fmt.Sprintf(
				"field %s has a %s tag, but it is a relation: put the tag on %s", field.Name, tag, TypeName(related(field.Type)))})
		case name == "":
			faults = append(faults, Invalid{Subject: "model " + TypeName(t), Reason: fmt.Sprintf(
				"the %s tag on field %s is empty; name a registered bind", tag, field.Name)})
		default:
			claims = append(claims, Claim{Key: name, Why: ByTag, Source: "tag on field " + field.Name})
		}
	}
	return claims, faults
}

// embedded reads the keys of what t embeds: structs, in Go's sense or in
// GORM's (`gorm:"embedded"`), since GORM makes their columns the model's own;
// and whatever else Go promotes a Bind method from.
func (r typeReader) embedded(t reflect.Type) (claims []Claim, faults []Fault) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		inner, of := reading{}, elem(field.Type)
		if isEmbedded(field, schema.ParseTagSetting(field.Tag.Get("gorm"), ";")) {
			inner = r.read(of)
		} else if field.Anonymous && promotesBind(of) {
			inner = r.catalog.readMethod(of)
		}
		if inner.faults != nil {
			faults = append(faults, inner.faults...)
		} else if inner.claim.Key != "" {
			claims = append(claims, Claim{Key: inner.claim.Key, Why: ByEmbedded,
				Source: fmt.Sprintf("embedded struct %s (%s)", TypeName(of), inner.claim.Source)})
		}
	}
	return claims, faults
}

// join leaves the slices as they are, since one is remembered.
func join(some, more []Fault) []Fault {
	return append(some[:len(some):len(some)], more...)
}

func conflict(t reflect.Type, claims []Claim, way string) reading {
	return reading{faults: []Fault{Conflict{Subject: "model " + TypeName(t), Claims: claims, Way: way}}}
}

func invalid(subject, reason string) reading {
	return reading{faults: []Fault{Invalid{Subject: subject, Reason: reason}}}
}
