package catalog

import (
	"database/sql/driver"
	"reflect"
	"strings"
	"time"

	"gorm.io/gorm/schema"
)

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

// elem is the type behind pointers.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
