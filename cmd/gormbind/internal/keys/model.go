package keys

import (
	"go/types"
	"reflect"

	"gorm.io/gorm/schema"
)

// ModelType is the named struct behind what a GORM user calls a model: a struct, a
// pointer, a slice or an array of them. It is nil for anything else, and for
// generic types, whose tables GORM names after their arguments.
func ModelType(t types.Type) *types.Named {
	for t != nil {
		t = types.Unalias(t)
		if model, ok := t.(*types.Named); ok {
			if _, ok := model.Underlying().(*types.Struct); ok && model.TypeParams().Len() == 0 && model.TypeArgs().Len() == 0 {
				return model
			}
		}
		switch of := t.Underlying().(type) {
		case *types.Pointer:
			t = of.Elem()
		case *types.Slice:
			t = of.Elem()
		case *types.Array:
			t = of.Elem()
		default:
			return nil
		}
	}
	return nil
}

// Table is the name of a model's table, by its TableName method or by GORM's
// default naming strategy. It is empty where the method is not constant.
func (r Reader) Table(model *types.Named) string {
	method := methodOf(model, "TableName")
	if method == nil {
		return schema.NamingStrategy{}.TableName(model.Obj().Name())
	}
	if !returnsString(method) {
		if params := method.Type().(*types.Signature).Params(); params.Len() == 1 && named(params.At(0).Type(), "gorm.io/gorm/schema", "Namer") {
			return ""
		}
		return schema.NamingStrategy{}.TableName(model.Obj().Name()) // not the method that GORM asks
	}
	name, _ := r.Const(method)
	return name
}

// A Relation is a field that refers to another model.
type Relation struct {
	Name      string
	Field     *types.Var
	Target    types.Type
	JoinTable string // of a many2many relation
	Tag       string // the bind tag on a many2many field
	Tagged    bool
}

// Relations are the relations of a model, those of embedded structs included.
func (r Reader) Relations(t types.Type) []Relation { return r.relations(t, nil) }

func (r Reader) relations(t types.Type, outer []types.Type) (found []Relation) {
	for _, one := range outer {
		if types.Identical(one, t) {
			return nil
		}
	}
	fields, ok := t.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	for i := 0; i < fields.NumFields(); i++ {
		field, settings := fields.Field(i), Settings(fields.Tag(i))
		if isIgnored(settings) || !field.Exported() {
			continue
		}
		if embedded, _ := r.isEmbedded(field, settings); embedded {
			found = append(found, r.relations(elem(field.Type()), append(outer, t))...)
		} else if relation, _ := r.isRelation(field, settings); relation {
			one := Relation{Name: field.Name(), Field: field, Target: related(field.Type())}
			if name := settings["MANY2MANY"]; name != "" {
				one.JoinTable = schema.NamingStrategy{}.JoinTableName(name)
				one.Tag, one.Tagged = reflect.StructTag(fields.Tag(i)).Lookup(r.Tag)
			}
			found = append(found, one)
		}
	}
	return found
}

// LooksLikeModel reports whether a struct says that it is meant for GORM: with a
// gorm tag, gorm.Model or the name of a table, in itself or in what it embeds.
func LooksLikeModel(t types.Type) bool {
	if method := methodOf(t, "TableName"); method != nil && returnsString(method) {
		return true
	}
	return anyField(t, 0, func(field *types.Var, tag string) bool {
		setting, ok := reflect.StructTag(tag).Lookup("gorm")
		return ok && setting != "-" || field.Embedded() && named(elem(field.Type()), "gorm.io/gorm", "Model")
	})
}

// HasID reports whether a struct has the field that GORM takes for a primary key.
func HasID(t types.Type) bool {
	return anyField(t, 0, func(field *types.Var, _ string) bool { return field.Name() == "ID" || field.Name() == "Id" })
}

// Declares reports whether a struct has what no other library asks for: a tag on a
// blank field, or Bind() string.
func (r Reader) Declares(t types.Type) bool {
	return promotesBind(t) || anyField(t, 0, func(field *types.Var, tag string) bool {
		_, ok := reflect.StructTag(tag).Lookup(r.Tag)
		return ok && field.Name() == "_"
	})
}

func anyField(t types.Type, depth int, is func(field *types.Var, tag string) bool) bool {
	fields, ok := t.Underlying().(*types.Struct)
	for i := 0; ok && i < fields.NumFields(); i++ {
		field := fields.Field(i)
		if is(field, fields.Tag(i)) || field.Embedded() && depth < 8 && anyField(elem(field.Type()), depth+1, is) {
			return true
		}
	}
	return false
}
