package bindtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// onServers is what needs a server: the module integration has its example, which is
// also in docs/testing.md.
var onServers = map[string]bool{"On": true}

// TestExamples holds that each function, and each method of a Recording, has an example.
func TestExamples(t *testing.T) {
	functions, examples := map[string]bool{}, map[string]bool{}
	for _, decl := range declared(t) {
		name := decl.Name.Name
		switch {
		case strings.HasPrefix(name, "Example"):
			examples[strings.TrimPrefix(name, "Example")] = true
		case !decl.Name.IsExported() || strings.HasPrefix(name, "Test"):
		case decl.Recv == nil:
			functions[name] = true
		default:
			if star, ok := decl.Recv.List[0].Type.(*ast.StarExpr); ok && star.X.(*ast.Ident).Name == "Recording" {
				functions["Recording_"+name] = true
			}
		}
	}
	for name := range functions {
		if !examples[name] && !onServers[name] {
			t.Errorf("%s has no example", name)
		}
	}
	if len(functions) < 20 || !functions["Recording_WantBinds"] {
		t.Errorf("these functions were found: %v", functions)
	}
}

func declared(t *testing.T) (functions []*ast.FuncDecl) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	must(t, err)
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t, err)
		for _, decl := range file.Decls {
			if function, ok := decl.(*ast.FuncDecl); ok {
				functions = append(functions, function)
			}
		}
	}
	return functions
}
