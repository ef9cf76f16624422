package catalog

import (
	"fmt"
	"reflect"
	"regexp"

	"gorm.io/gorm/schema"
)

// TypeName is a type's name for errors: "models.User", without the import paths
// that reflection puts into the names of generic types.
func TypeName(t reflect.Type) string {
	if t.Name() == "" && t.Kind() == reflect.Struct {
		return "struct{…}"
	}
	return WithoutImportPaths(t.String())
}

// SchemaName is the name of a schema's model for errors. The types of generated
// join tables have no name of their own.
func SchemaName(s *schema.Schema) string {
	if generated(s) {
		return "of join table " + quoted(s.Table)
	}
	return TypeName(s.ModelType)
}

// WithoutImportPaths shortens the names of types in a text to what a source file
// shows.
func WithoutImportPaths(text string) string { return importPath.ReplaceAllString(text, "$1") }

var importPath = regexp.MustCompile(`(?:[\w.~+-]+/)+([\w~+-]+\.\w)`)

func quoted(name string) string { return fmt.Sprintf("%q", name) }
