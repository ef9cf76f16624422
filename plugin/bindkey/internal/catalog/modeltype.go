package catalog

import "reflect"

// ModelType is the struct type behind what a GORM user calls a model: a
// struct, a pointer, a slice or an array of them. It is nil for anything else.
func ModelType(model any) reflect.Type {
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
