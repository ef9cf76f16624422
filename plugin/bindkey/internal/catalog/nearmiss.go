package catalog

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"gorm.io/gorm/schema"
)

// nearMisses finds what the author of a type most likely meant as its key, and
// what is none: a Bind method of another signature, a tag of another name or
// place, a tag that Go can't read. To pass them over would send the model to
// the default bind in silence.
func (r typeReader) nearMisses(t reflect.Type) []Fault {
	return append(r.nearMethods(t), r.nearTags(t)...)
}

func (r typeReader) nearMethods(t reflect.Type) (faults []Fault) {
	for _, name := range []string{"Bind", "BindKey"} {
		method := methodNamed(t, name)
		if method == nil || !meansKey(method) || name == "Bind" && method == bindType || readsEmbedded(t, name, method) {
			continue
		}
		faults = append(faults, r.nearMiss(t, "", "its method %s%s is not asked for the bind key",
			name, strings.TrimPrefix(WithoutImportPaths(method.String()), "func")))
	}
	return faults
}

// methodNamed is the signature of a method, or nil. The names are constants, so
// that the linker may drop all other methods (cmd/link, deadcode).
func methodNamed(t reflect.Type, name string) reflect.Type {
	method := reflect.New(t).MethodByName("Bind")
	if name == "BindKey" {
		method = reflect.New(t).MethodByName("BindKey")
	}
	if !method.IsValid() {
		return nil
	}
	return method.Type()
}

var (
	bindType    = reflect.TypeOf((func() string)(nil))
	errorType   = reflect.TypeOf((*error)(nil)).Elem()
	contextType = reflect.TypeOf((*context.Context)(nil)).Elem()
)

// meansKey reports whether a method of this signature may be meant to return a
// bind key: a string, or an error beside it, without any input of its own. The
// Bind(*http.Request) error of a web framework is not.
func meansKey(method reflect.Type) bool {
	for i := 0; i < method.NumIn(); i++ {
		if in := method.In(i); in != contextType && !isHandle(in) {
			return false
		}
	}
	switch method.NumOut() {
	case 1:
		return method.Out(0).Kind() == reflect.String
	case 2:
		return method.Out(0).Kind() == reflect.String && method.Out(1) == errorType
	}
	return false
}

// isHandle reports whether a type is *gorm.DB, which has its name only here: the
// catalog knows GORM's schemas, and no handle.
func isHandle(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "gorm.io/gorm" && t.Elem().Name() == "DB"
}

// readsEmbedded reports whether a method of t may be that of a struct that it
// embeds. That struct is read on its own, and may have a key.
func readsEmbedded(t reflect.Type, name string, method reflect.Type) bool {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		if field.Anonymous && isEmbedded(field, schema.ParseTagSetting(field.Tag.Get("gorm"), ";")) &&
			methodNamed(elem(field.Type), name) == method {
			return true
		}
	}
	return false
}

// nearTags looks at the fields that may carry the model's key: not at
// relations, nor at what GORM ignores.
func (r typeReader) nearTags(t reflect.Type) (faults []Fault) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		settings := schema.ParseTagSetting(field.Tag.Get("gorm"), ";")
		if isIgnored(settings) || isRelation(field, settings) {
			continue
		}
		if why, key := r.nearTag(field.Tag, settings); why != "" {
			faults = append(faults, r.nearMiss(t, key, "field %s has the tag `%s`, but %s", field.Name, field.Tag, why))
		}
	}
	return faults
}

// A pair of a struct tag as [reflect.StructTag.Lookup] reads it, which stops
// where it finds none.
var tagPair = regexp.MustCompile(`^ *([^\x00-\x20:"\x7f]+):("(?:[^"\\]|\\.)*")`)

var (
	tagValue = regexp.MustCompile(`"[^"]*"`)
	tagName  = regexp.MustCompile(`([\w-]+)\s*[:="']`)
)

// nearTag tells why a field's tag holds no key, though it looks as if it did,
// and that key where it can be read. Otherwise, why is empty.
func (r typeReader) nearTag(tag reflect.StructTag, settings map[string]string) (why, key string) {
	for name, value := range settings {
		if strings.Contains(name, "BIND") && r.near(name) { // a TagName may be a setting of GORM's
			return "the bind key has a tag of its own, outside that of GORM", value
		}
	}
	rest := string(tag)
	for pair := tagPair.FindStringSubmatch(rest); pair != nil; pair = tagPair.FindStringSubmatch(rest) {
		rest = rest[len(pair[0]):]
		if name := pair[1]; name != r.catalog.source.Tag && r.near(name) {
			return fmt.Sprintf("the tag for the bind key is %s, not %s", r.catalog.source.Tag, name), strings.Trim(pair[2], `"`)
		} else if _, readable := tag.Lookup(r.catalog.source.Tag); name == r.catalog.source.Tag && !readable {
			return "Go can't read its " + r.catalog.source.Tag, ""
		}
	}
	for _, name := range tagName.FindAllStringSubmatch(tagValue.ReplaceAllString(rest, `""`), -1) {
		if name[1] == r.catalog.source.Tag || r.near(name[1]) {
			return "Go can't read it: it wants name:\"value\" without a blank inside, and one blank between two of them", ""
		}
	}
	return "", ""
}

// usualTag is what the tag is called unless the program says otherwise.
const usualTag = "bind"

// near reports whether a name is the tag's, but for capitals and punctuation,
// or "bindkey", which is what the tag is called elsewhere. Where the tag has
// another name, bind is somebody else's.
func (r typeReader) near(name string) bool {
	switch letters := lettersOf(name); letters {
	case "bindkey":
		return true
	case lettersOf(r.catalog.source.Tag):
		return name != usualTag || r.catalog.source.Tag == usualTag
	}
	return false
}

var noLetters = regexp.MustCompile(`[^\pL\pN]+`)

func lettersOf(name string) string { return strings.ToLower(noLetters.ReplaceAllString(name, "")) }

// nearMiss is the error of a near miss. The key is the one to write, if known.
func (r typeReader) nearMiss(t reflect.Type, key, what string, args ...any) Fault {
	if key = strings.TrimSpace(key); key == "" {
		key = "analytics"
	}
	way := fmt.Sprintf("tag a field `%s:%q`", r.catalog.source.Tag, key)
	if name, _, generic := strings.Cut(t.Name(), "["); name != "" {
		if generic {
			name += "[…]"
		}
		way = fmt.Sprintf("write func (%s) Bind() string { return %q }, or ", name, key) + way
	}
	return Invalid{Subject: "model " + TypeName(t), Reason: fmt.Sprintf(what, args...) + "; " + way}
}
