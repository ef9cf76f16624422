package bindkey

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"time"

	"gorm.io/gorm/schema"
)

// A Binder is a model that says where it lives, as Flask-SQLAlchemy's
// __bind_key__ does. Bind is asked once per type, on a zero value, so it must
// not depend on the receiver's fields; receivers by value and by pointer both
// do. It must not return the empty string.
type Binder interface {
	Bind() string
}

// A modelKey is what a Go type says of its bind: the key, and where it stands.
type modelKey struct {
	key    string // empty: the type says nothing
	why    Reason
	source string // for error messages: "method Bind", "tag on field ID"
	err    error
}

// keyOfType reads the key of a model's type, once per type. Only the tag name
// differs between plugins, so the cache is the plugin's.
func (p *Plugin) keyOfType(t reflect.Type) modelKey {
	if known, ok := p.types.Load(t); ok {
		return known.(modelKey)
	}
	key := keyReader{tag: p.tag}.read(t)
	p.types.Store(t, key)
	return key
}

// A keyReader reads keys by reflection: GORM's own parser skips blank and
// unexported fields (schema/schema.go), so its schema does not have them all.
type keyReader struct {
	tag  string
	seen []reflect.Type // the types around this one, against structs that embed themselves
}

// read applies the order of evidence inside one type: the Bind method, then
// the type's own tags, then the embedded structs.
func (r keyReader) read(t reflect.Type) modelKey {
	for _, outer := range r.seen {
		if outer == t {
			return modelKey{}
		}
	}
	r.seen = append(r.seen, t)
	if t.Kind() != reflect.Struct {
		return modelKey{}
	}

	method, err := bindMethod(t)
	if err != nil {
		return modelKey{err: err}
	}
	tagged, err := r.ownTags(t)
	if err != nil {
		return modelKey{err: err}
	}
	embedded, err := r.embedded(t)
	if err != nil {
		return modelKey{err: err}
	}

	own := tagged
	if method.key != "" {
		own = append([]modelKey{method}, tagged...)
	}
	if differ(own) {
		return modelKey{err: conflict(t, own,
			"keep one of them (a tag does not override an embedded struct's Bind method: declare a Bind method instead)")}
	}
	if len(tagged) == 0 && differ(embedded) && (method.key == "" || mayBePromoted(method, embedded)) {
		return modelKey{err: conflict(t, embedded, "give the model a tag, or name it in Plugin.Register")}
	}
	switch {
	case len(own) > 0:
		return own[0]
	case len(embedded) > 0:
		return embedded[0]
	default:
		return modelKey{}
	}
}

// bindMethod asks the type's Bind method, on a zero value.
func bindMethod(t reflect.Type) (key modelKey, err error) {
	binder, ok := reflect.New(t).Interface().(Binder)
	if !ok {
		return modelKey{}, nil
	}
	defer func() {
		if recover() != nil {
			err = &InvalidKeyError{Subject: "model " + t.String(),
				Reason: "its Bind method panics on a zero value; it is asked once per type, so it must not depend on the receiver"}
		}
	}()
	name := binder.Bind()
	if name == "" {
		return modelKey{}, &InvalidKeyError{Subject: "model " + t.String(),
			Reason: "its Bind method returns an empty key on a zero value; it is asked once per type, so it must not depend on the receiver"}
	}
	return modelKey{key: name, why: ReasonMethod, source: "method Bind"}, nil
}

// ownTags reads the tags on the type's own fields. A tag on a many2many field
// is about the join table (see joinTableOf), not about the model.
func (r keyReader) ownTags(t reflect.Type) ([]modelKey, error) {
	var keys []modelKey
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		name, ok := field.Tag.Lookup(r.tag)
		if !ok {
			continue
		}
		settings := schema.ParseTagSetting(field.Tag.Get("gorm"), ";")
		if _, many2many := settings["MANY2MANY"]; many2many {
			continue
		}
		if isRelation(field, settings) {
			return nil, &InvalidKeyError{Subject: "model " + t.String(), Reason: fmt.Sprintf(
				"field %s has a %s tag, but it is a relation: put the tag on %s", field.Name, r.tag, elem(field.Type))}
		}
		if name == "" {
			return nil, &InvalidKeyError{Subject: "model " + t.String(), Reason: fmt.Sprintf(
				"the %s tag on field %s is empty; name a registered bind", r.tag, field.Name)}
		}
		keys = append(keys, modelKey{key: name, why: ReasonTag, source: "tag on field " + field.Name})
	}
	return keys, nil
}

// embedded reads the keys of the structs that t embeds, in Go's sense or in
// GORM's (`gorm:"embedded"`): GORM makes their columns the model's own.
func (r keyReader) embedded(t reflect.Type) ([]modelKey, error) {
	var keys []modelKey
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		if !isEmbedded(field, schema.ParseTagSetting(field.Tag.Get("gorm"), ";")) {
			continue
		}
		inner := r.read(elem(field.Type))
		if inner.err != nil {
			return nil, inner.err
		}
		if inner.key != "" {
			keys = append(keys, modelKey{key: inner.key, why: ReasonEmbedded,
				source: fmt.Sprintf("embedded struct %s (%s)", elem(field.Type), inner.source)})
		}
	}
	return keys, nil
}

// mayBePromoted reports whether the method set's Bind can be that of an
// embedded struct. Reflection can't tell a promoted method from a declared
// one, so a method that agrees with one of two embedded structs that disagree
// proves nothing.
func mayBePromoted(method modelKey, embedded []modelKey) bool {
	for _, key := range embedded {
		if key.key == method.key {
			return true
		}
	}
	return false
}

func differ(keys []modelKey) bool {
	for _, key := range keys {
		if key.key != keys[0].key {
			return true
		}
	}
	return false
}

func conflict(t reflect.Type, keys []modelKey, way string) error {
	err := &ConflictError{Subject: "model " + t.String(), Way: way}
	for _, key := range keys {
		err.Claims = append(err.Claims, Claim{Key: key.key, Source: key.source})
	}
	return err
}

func isEmbedded(field reflect.StructField, settings map[string]string) bool {
	if _, ok := settings["EMBEDDED"]; ok {
		return elem(field.Type).Kind() == reflect.Struct
	}
	return field.Anonymous && elem(field.Type).Kind() == reflect.Struct && !isColumn(field.Type)
}

// isRelation reports whether GORM makes the field a relation: a struct, or a
// slice of structs, that is no column and not embedded.
func isRelation(field reflect.StructField, settings map[string]string) bool {
	_, ignored := settings["-"]
	_, serialized := settings["SERIALIZER"]
	if ignored || serialized || !field.IsExported() || isEmbedded(field, settings) || isColumn(field.Type) {
		return false
	}
	t := elem(field.Type)
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = elem(t.Elem())
	}
	return t.Kind() == reflect.Struct && !isColumn(t)
}

var (
	valuerType  = reflect.TypeOf((*driver.Valuer)(nil)).Elem()
	scannerType = reflect.TypeOf((*sql.Scanner)(nil)).Elem()
	dataType    = reflect.TypeOf((*schema.GormDataTypeInterface)(nil)).Elem()
	timeType    = reflect.TypeOf(time.Time{})
)

// isColumn reports whether GORM stores a struct of this type in one column.
func isColumn(t reflect.Type) bool {
	t = elem(t)
	pointer := reflect.PointerTo(t)
	return t.ConvertibleTo(timeType) || pointer.Implements(valuerType) || pointer.Implements(scannerType) || pointer.Implements(dataType)
}

// elem is the type behind pointers.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// modelType is the struct type behind what a GORM user calls a model: a
// struct, a pointer, a slice or an array of them. It is nil for anything else.
func modelType(model any) reflect.Type {
	t := reflect.TypeOf(model)
	value := reflect.ValueOf(model)
	for t != nil {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			t = t.Elem()
			if value.IsValid() && value.Kind() == reflect.Pointer {
				value = value.Elem()
			} else {
				value = reflect.Value{}
			}
		case reflect.Interface:
			// a *any with a model in it, as schema.Parse accepts
			if !value.IsValid() || value.IsNil() {
				return nil
			}
			value = value.Elem()
			t = value.Type()
		case reflect.Struct:
			return t
		default:
			return nil
		}
	}
	return nil
}
