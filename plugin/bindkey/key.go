package bindkey

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
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

// A typeKey is what is remembered of one type: what its Bind method said, and
// the key that results. Only the second is found anew where two goroutines ask
// at once, since it is read without calling the type's code.
type typeKey struct {
	asking sync.Once
	method modelKey
	read   atomic.Pointer[modelKey]
}

// keyOfType reads the key of a model's type, once per type. Only the tag name
// differs between plugins, so the cache is the plugin's.
func (p *Plugin) keyOfType(t reflect.Type) modelKey {
	known := p.typeKeyOf(t)
	if key := known.read.Load(); key != nil {
		return *key
	}
	key := keyReader{plugin: p}.read(t)
	known.read.Store(&key)
	return key
}

func (p *Plugin) typeKeyOf(t reflect.Type) *typeKey {
	known, ok := p.types.Load(t)
	if !ok {
		known, _ = p.types.LoadOrStore(t, &typeKey{})
	}
	return known.(*typeKey)
}

// methodOf is what a type's Bind method says, declared or promoted. It is
// asked once per type.
func (p *Plugin) methodOf(t reflect.Type) modelKey {
	known := p.typeKeyOf(t)
	known.asking.Do(func() { known.method = bindMethod(t) })
	return known.method
}

// A keyReader reads keys by reflection: GORM's own parser skips blank and
// unexported fields (schema/schema.go), so its schema does not have them all.
type keyReader struct {
	plugin *Plugin
	seen   []reflect.Type // the types around this one, against structs that embed themselves
}

// read applies the order of evidence inside one type: the Bind method, then
// the type's own tags, then the embedded structs. What overrides the embedded
// structs also overrides their mistakes: that is the way out of them. A type
// without a key of its own must not have what only looks like one.
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

	method := r.plugin.methodOf(t)
	tagged, err := r.ownTags(t)
	if err := errors.Join(method.err, err); err != nil {
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
	if len(tagged) > 0 || method.key != "" && !r.mayBePromoted(t, method) {
		return own[0]
	}
	if err := r.nearMisses(t); err != nil {
		return modelKey{err: err}
	}

	embedded, err := r.embedded(t)
	switch {
	case err != nil:
		return modelKey{err: err}
	case differ(embedded):
		way := "give the model a tag or a Bind method of its own, or name it in Plugin.Register"
		if method.key != "" {
			way = fmt.Sprintf("to keep the key of its Bind method, tag the model `%s:%q`; for another, declare a Bind method, or name the model in Plugin.Register",
				r.plugin.tag, method.key)
		}
		return modelKey{err: conflict(t, embedded, way)}
	case method.key != "":
		return method
	case len(embedded) > 0:
		return embedded[0]
	default:
		return modelKey{}
	}
}

// bindMethod asks the type's Bind method, on a zero value.
func bindMethod(t reflect.Type) (key modelKey) {
	if t.Kind() == reflect.Interface && t.Implements(binderType) {
		return modelKey{err: &InvalidKeyError{Subject: "interface " + typeName(t),
			Reason: "it has a Bind method, but is nil in a zero value, on which Bind is asked; embed a struct instead"}}
	}
	binder, ok := reflect.New(t).Interface().(Binder)
	if !ok {
		return modelKey{}
	}
	defer func() {
		if recover() != nil {
			key = modelKey{err: &InvalidKeyError{Subject: "model " + typeName(t),
				Reason: "its Bind method panics on a zero value; it is asked once per type, so it must not depend on the receiver, nor on an embedded pointer, which is nil there"}}
		}
	}()
	name := binder.Bind()
	if name == "" {
		return modelKey{err: &InvalidKeyError{Subject: "model " + typeName(t),
			Reason: "its Bind method returns an empty key on a zero value; it is asked once per type, so it must not depend on the receiver"}}
	}
	return modelKey{key: name, why: ReasonMethod, source: "method Bind"}
}

// promotesBind reports whether a model that embeds t may get a Bind method from it.
func promotesBind(t reflect.Type) bool {
	return t.Implements(binderType) || reflect.PointerTo(t).Implements(binderType)
}

// ownTags reads the tags on the type's own fields. A tag on a many2many field
// is about the join table (see joinTableHome), not about the model.
func (r keyReader) ownTags(t reflect.Type) (keys []modelKey, err error) {
	tag := r.plugin.tag
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
			err = errors.Join(err, &InvalidKeyError{Subject: "model " + typeName(t), Reason: fmt.Sprintf(
				"field %s has a %s tag, but it is a relation: put the tag on %s", field.Name, tag, typeName(related(field.Type)))})
		case name == "":
			err = errors.Join(err, &InvalidKeyError{Subject: "model " + typeName(t), Reason: fmt.Sprintf(
				"the %s tag on field %s is empty; name a registered bind", tag, field.Name)})
		default:
			keys = append(keys, modelKey{key: name, why: ReasonTag, source: "tag on field " + field.Name})
		}
	}
	return keys, err
}

// embedded reads the keys of what t embeds: structs, in Go's sense or in
// GORM's (`gorm:"embedded"`), since GORM makes their columns the model's own;
// and whatever else Go promotes a Bind method from.
func (r keyReader) embedded(t reflect.Type) (keys []modelKey, err error) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		inner, of := modelKey{}, elem(field.Type)
		if isEmbedded(field, schema.ParseTagSetting(field.Tag.Get("gorm"), ";")) {
			inner = r.read(of)
		} else if field.Anonymous && promotesBind(of) {
			inner = r.plugin.methodOf(of)
		}
		if inner.err != nil {
			err = errors.Join(err, inner.err)
		} else if inner.key != "" {
			keys = append(keys, modelKey{key: inner.key, why: ReasonEmbedded,
				source: fmt.Sprintf("embedded struct %s (%s)", typeName(of), inner.source)})
		}
	}
	return keys, err
}

// mayBePromoted reports whether the Bind method of t can be that of something
// it embeds. Reflection can't tell a promoted method from a declared one, but
// one that says something else is not promoted, nor is one that two embedded
// types declare, since Go then promotes neither.
func (r keyReader) mayBePromoted(t reflect.Type, method modelKey) bool {
	declared, agree := 0, false
	for _, of := range embeddedBinders(t) {
		if len(embeddedBinders(of)) == 0 {
			declared++
		}
		agree = agree || r.plugin.methodOf(of).key == method.key
	}
	return agree && declared < 2
}

// embeddedBinders are the types that t embeds, in Go's sense, with a Bind
// method.
func embeddedBinders(t reflect.Type) (binders []reflect.Type) {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := 0; i < t.NumField(); i++ {
		if field := t.Field(i); field.Anonymous && promotesBind(elem(field.Type)) {
			binders = append(binders, elem(field.Type))
		}
	}
	return binders
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
	err := &ConflictError{Subject: "model " + typeName(t), Way: way}
	for _, key := range keys {
		err.Claims = append(err.Claims, Claim{Key: key.key, Source: key.source})
	}
	return err
}

// isEmbedded reports whether GORM makes the columns of a field's struct the
// model's own (schema/field.go), or would if it looked at unexported fields.
func isEmbedded(field reflect.StructField, settings map[string]string) bool {
	t := elem(field.Type)
	if t.Kind() != reflect.Struct {
		return false
	}
	if _, ok := settings["EMBEDDED"]; ok {
		return true
	}
	pointer := reflect.PointerTo(t)
	if !field.Anonymous || t.ConvertibleTo(timeType) || pointer.Implements(valuerType) {
		return false
	}
	if pointer.Implements(dataType) {
		switch schema.DataType(reflect.New(t).Interface().(schema.GormDataTypeInterface).GormDataType()) {
		case schema.Time, schema.Bytes:
			return false
		}
	}
	return true
}

// isRelation reports whether GORM makes the field a relation: a struct, or a
// slice of structs, that is no column and not embedded.
func isRelation(field reflect.StructField, settings map[string]string) bool {
	for _, setting := range []string{"SERIALIZER", "JSON", "TYPE"} {
		if _, ok := settings[setting]; ok {
			return false
		}
	}
	if isIgnored(settings) || !field.IsExported() || isEmbedded(field, settings) || isColumn(field.Type) {
		return false
	}
	t := related(field.Type)
	return t.Kind() == reflect.Struct && !isColumn(t)
}

// isIgnored reports whether GORM takes a field for none of the model's.
func isIgnored(settings map[string]string) bool {
	ignored := strings.ToLower(strings.TrimSpace(settings["-"]))
	return ignored == "-" || ignored == "all"
}

var (
	binderType     = reflect.TypeOf((*Binder)(nil)).Elem()
	valuerType     = reflect.TypeOf((*driver.Valuer)(nil)).Elem()
	serializerType = reflect.TypeOf((*schema.SerializerInterface)(nil)).Elem()
	dataType       = reflect.TypeOf((*schema.GormDataTypeInterface)(nil)).Elem()
	timeType       = reflect.TypeOf(time.Time{})
)

// isColumn reports whether GORM stores a value of this type in one column.
func isColumn(t reflect.Type) bool {
	t = elem(t)
	pointer := reflect.PointerTo(t)
	return t.ConvertibleTo(timeType) || pointer.Implements(valuerType) || pointer.Implements(serializerType) || pointer.Implements(dataType)
}

// related is the type that a relation's field refers to.
func related(t reflect.Type) reflect.Type {
	t = elem(t)
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = elem(t.Elem())
	}
	return t
}

// typeName is a type's name for error messages: "models.User", without the
// import paths that reflection puts into the names of generic types.
func typeName(t reflect.Type) string {
	if t.Name() == "" && t.Kind() == reflect.Struct {
		return "struct{…}"
	}
	return withoutImportPaths(t.String())
}

func withoutImportPaths(text string) string { return importPath.ReplaceAllString(text, "$1") }

// importPath is the part of a qualified name that a source file does not show.
var importPath = regexp.MustCompile(`(?:[\w.~+-]+/)+([\w~+-]+\.\w)`)

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
