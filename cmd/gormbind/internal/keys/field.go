package keys

import (
	"go/types"
	"strings"

	"gorm.io/gorm/schema"
)

// isEmbedded reports whether GORM makes the columns of a field's struct the
// model's own. known is false where a method that is not constant decides.
func (r Reader) isEmbedded(field *types.Var, settings map[string]string) (embedded, known bool) {
	t := elem(field.Type())
	if _, ok := t.Underlying().(*types.Struct); !ok {
		return false, true
	}
	if _, ok := settings["EMBEDDED"]; ok {
		return true, true
	}
	if !field.Embedded() || isTime(t) || isValuer(t) {
		return false, true
	}
	if method := methodOf(t, "GormDataType"); method != nil && returnsString(method) {
		name, constant := r.Const(method)
		kind := schema.DataType(name)
		return kind != schema.Time && kind != schema.Bytes, constant
	}
	return true, true
}

// isRelation reports whether GORM makes the field a relation.
func (r Reader) isRelation(field *types.Var, settings map[string]string) (relation, known bool) {
	for _, setting := range []string{"SERIALIZER", "JSON", "TYPE"} {
		if _, ok := settings[setting]; ok {
			return false, true
		}
	}
	if isIgnored(settings) || !field.Exported() || isColumn(field.Type()) {
		return false, true
	}
	if embedded, known := r.isEmbedded(field, settings); embedded || !known {
		return false, known
	}
	t := related(field.Type())
	_, isStruct := t.Underlying().(*types.Struct)
	return isStruct && !isColumn(t), true
}

// isIgnored reports whether GORM takes a field for none of the model's.
func isIgnored(settings map[string]string) bool {
	ignored := strings.ToLower(strings.TrimSpace(settings["-"]))
	return ignored == "-" || ignored == "all"
}

// isColumn reports whether GORM stores a value of this type in one column.
func isColumn(t types.Type) bool {
	t = elem(t)
	data := methodOf(t, "GormDataType")
	return isTime(t) || isValuer(t) || isSerializer(t) || data != nil && returnsString(data)
}

// isTime reports whether values of a type convert to time.Time: its fields are
// those of the standard library's.
func isTime(t types.Type) bool {
	fields, ok := t.Underlying().(*types.Struct)
	if !ok || fields.NumFields() != 3 {
		return false
	}
	last := fields.Field(2)
	return last.Name() == "loc" && last.Pkg() != nil && last.Pkg().Path() == "time"
}

// isValuer reports whether a type implements driver.Valuer.
func isValuer(t types.Type) bool {
	method := methodOf(t, "Value")
	if method == nil {
		return false
	}
	signature := method.Type().(*types.Signature)
	return signature.Params().Len() == 0 && signature.Results().Len() == 2 &&
		named(signature.Results().At(0).Type(), "database/sql/driver", "Value") && isError(signature.Results().At(1).Type())
}

// isSerializer reports whether a type implements schema.SerializerInterface: no
// other type has a Scan and a Value method over a *schema.Field.
func isSerializer(t types.Type) bool {
	for _, name := range []string{"Scan", "Value"} {
		method := methodOf(t, name)
		if method == nil {
			return false
		}
		params := method.Type().(*types.Signature).Params()
		if params.Len() != 4 || !named(elem(params.At(1).Type()), "gorm.io/gorm/schema", "Field") {
			return false
		}
	}
	return true
}

// methodOf is a method of a pointer to t, or nil.
func methodOf(t types.Type, name string) *types.Func {
	if types.IsInterface(t) {
		return nil
	}
	if selected := types.NewMethodSet(types.NewPointer(t)).Lookup(nil, name); selected != nil {
		return selected.Obj().(*types.Func)
	}
	return nil
}

func returnsString(method *types.Func) bool { return isBind(method.Type()) }

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// named reports whether a type is the one of that name.
func named(t types.Type, path, name string) bool {
	of, ok := types.Unalias(t).(*types.Named)
	return ok && of.Obj().Name() == name && of.Obj().Pkg() != nil && of.Obj().Pkg().Path() == path
}

// related is the type that a relation's field refers to.
func related(t types.Type) types.Type {
	t = elem(t)
	switch list := t.Underlying().(type) {
	case *types.Slice:
		return elem(list.Elem())
	case *types.Array:
		return elem(list.Elem())
	}
	return t
}

// elem is the type behind pointers.
func elem(t types.Type) types.Type {
	t = types.Unalias(t)
	for {
		pointer, ok := t.Underlying().(*types.Pointer)
		if !ok {
			return t
		}
		t = types.Unalias(pointer.Elem())
	}
}
