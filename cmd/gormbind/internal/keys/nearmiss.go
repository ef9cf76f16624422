package keys

import (
	"fmt"
	"go/types"
	"reflect"
	"regexp"
	"sort"
	"strings"
)

// nearMisses finds what the author of a type most likely meant as its key, and
// what is none. It is plugin/bindkey/internal/catalog/nearmiss.go over types.
func (r Reader) nearMisses(t types.Type, fields *types.Struct) []Fault {
	return append(r.nearMethods(t, fields), r.nearTags(t, fields)...)
}

func (r Reader) nearMethods(t types.Type, fields *types.Struct) (faults []Fault) {
	for _, name := range []string{"Bind", "BindKey"} {
		method := methodOf(t, name)
		if method == nil || !meansKey(method) || name == "Bind" && isBind(method.Type()) || r.readsEmbedded(fields, method) {
			continue
		}
		signature := strings.TrimPrefix(types.TypeString(withoutNames(method), (*types.Package).Name), "func")
		fault := r.nearMiss(t, "", "its method %s%s is not asked for the bind key", name, signature)
		fault.Pos = method.Pos()
		faults = append(faults, fault)
	}
	return faults
}

// meansKey reports whether a method may be meant to return a bind key.
func meansKey(method *types.Func) bool {
	signature := method.Type().(*types.Signature)
	for i := 0; i < signature.Params().Len(); i++ {
		if in := signature.Params().At(i).Type(); !named(in, "context", "Context") && !isHandle(in) {
			return false
		}
	}
	results := signature.Results()
	switch results.Len() {
	case 1:
		return isString(results.At(0).Type())
	case 2:
		return isString(results.At(0).Type()) && isError(results.At(1).Type())
	}
	return false
}

func isString(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Kind() == types.String
}

func isHandle(t types.Type) bool {
	pointer, ok := types.Unalias(t).(*types.Pointer)
	return ok && named(pointer.Elem(), "gorm.io/gorm", "DB")
}

// withoutNames is a method's type as reflection prints it.
func withoutNames(method *types.Func) *types.Signature {
	strip := func(list *types.Tuple) *types.Tuple {
		var unnamed []*types.Var
		for i := 0; i < list.Len(); i++ {
			unnamed = append(unnamed, types.NewParam(list.At(i).Pos(), nil, "", list.At(i).Type()))
		}
		return types.NewTuple(unnamed...)
	}
	signature := method.Type().(*types.Signature)
	return types.NewSignatureType(nil, nil, nil, strip(signature.Params()), strip(signature.Results()), signature.Variadic())
}

// readsEmbedded reports whether a method may be that of a struct that is embedded,
// and is read on its own.
func (r Reader) readsEmbedded(fields *types.Struct, method *types.Func) bool {
	for i := 0; i < fields.NumFields(); i++ {
		field := fields.Field(i)
		if embedded, known := r.isEmbedded(field, Settings(fields.Tag(i))); !field.Embedded() || known && !embedded {
			continue
		}
		if inner := methodOf(elem(field.Type()), method.Name()); inner != nil && types.Identical(inner.Type(), method.Type()) {
			return true
		}
	}
	return false
}

// nearTags looks at the fields that may carry the model's key: not at relations,
// nor at what GORM ignores.
func (r Reader) nearTags(t types.Type, fields *types.Struct) (faults []Fault) {
	for i := 0; i < fields.NumFields(); i++ {
		field, tag := fields.Field(i), fields.Tag(i)
		settings := Settings(tag)
		if relation, known := r.isRelation(field, settings); isIgnored(settings) || relation || !known {
			continue
		}
		if why, key := r.nearTag(reflect.StructTag(tag), settings); why != "" {
			fault := r.nearMiss(t, key, "field %s has the tag `%s`, but %s", field.Name(), tag, why)
			fault.Pos, fault.Field = field.Pos(), field
			faults = append(faults, fault)
		}
	}
	return faults
}

// A pair of a struct tag as [reflect.StructTag.Lookup] reads it.
var tagPair = regexp.MustCompile(`^ *([^\x00-\x20:"\x7f]+):("(?:[^"\\]|\\.)*")`)

var (
	tagValue = regexp.MustCompile(`"[^"]*"`)
	tagName  = regexp.MustCompile(`([\w-]+)\s*[:="']`)
)

// nearTag tells why a field's tag holds no key, though it looks as if it did, and
// that key where it can be read.
func (r Reader) nearTag(tag reflect.StructTag, settings map[string]string) (why, key string) {
	for _, name := range sortedNames(settings) {
		if strings.Contains(name, "BIND") && r.near(name) {
			return "the bind key has a tag of its own, outside that of GORM", settings[name]
		}
	}
	rest := string(tag)
	for pair := tagPair.FindStringSubmatch(rest); pair != nil; pair = tagPair.FindStringSubmatch(rest) {
		rest = rest[len(pair[0]):]
		if name := pair[1]; name != r.Tag && r.near(name) {
			return fmt.Sprintf("the tag for the bind key is %s, not %s", r.Tag, name), strings.Trim(pair[2], `"`)
		} else if _, readable := tag.Lookup(r.Tag); name == r.Tag && !readable {
			return "Go can't read its " + r.Tag, ""
		}
	}
	for _, name := range tagName.FindAllStringSubmatch(tagValue.ReplaceAllString(rest, `""`), -1) {
		if name[1] == r.Tag || r.near(name[1]) {
			return "Go can't read it: it wants name:\"value\" without a blank inside, and one blank between two of them", ""
		}
	}
	return "", ""
}

func sortedNames(settings map[string]string) []string {
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// UsualTag is what the tag is called unless the program says otherwise.
const UsualTag = "bind"

// near reports whether a name is the tag's, but for capitals and punctuation, or
// "bindkey". Where the tag has another name, bind is somebody else's.
func (r Reader) near(name string) bool {
	switch letters := lettersOf(name); letters {
	case "bindkey":
		return true
	case lettersOf(r.Tag):
		return name != UsualTag || r.Tag == UsualTag
	}
	return false
}

var noLetters = regexp.MustCompile(`[^\pL\pN]+`)

func lettersOf(name string) string { return strings.ToLower(noLetters.ReplaceAllString(name, "")) }

// nearMiss is the fault of a near miss. The key is the one to write, if known.
func (r Reader) nearMiss(t types.Type, key, what string, args ...any) Fault {
	if key = strings.TrimSpace(key); key == "" {
		key = "analytics"
	}
	way := fmt.Sprintf("tag a field `%s:%q`", r.Tag, key)
	if of, ok := types.Unalias(t).(*types.Named); ok {
		name := of.Obj().Name()
		if of.TypeArgs().Len() > 0 || of.TypeParams().Len() > 0 {
			name += "[…]"
		}
		way = fmt.Sprintf("write func (%s) Bind() string { return %q }, or ", name, key) + way
	}
	return Fault{Kind: Malformed, Subject: "model " + TypeName(t), Reason: fmt.Sprintf(what, args...) + "; " + way}
}
