package bindkey_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamplesAreWhole holds that pkg.go.dev shows each example as a program that can
// be pasted and run. A file example_NAME_test.go is shown whole, types and methods
// included. That asks for one example in it, and nothing that is in another file.
func TestExamplesAreWhole(t *testing.T) {
	fset := token.NewFileSet()
	paths, err := filepath.Glob("*_test.go")
	mustDo(t, err)
	whole, sum := 0, 0
	for _, path := range paths {
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		mustDo(t, err)
		for _, example := range doc.Examples(file) {
			sum++
			if example.Play == nil {
				t.Errorf("%s: Example%s needs what is in another file, so its page shows no whole program", path, example.Name)
			}
			if example.Output == "" {
				t.Errorf("%s: Example%s has no output, so no test runs it", path, example.Name)
			}
			if _, ok := example.Code.(*ast.File); ok {
				whole++
			} else if strings.HasPrefix(path, "example_") && path != "example_test.go" {
				t.Errorf("%s is not shown whole: it has more than one example", path)
			}
		}
	}
	if sum < 25 || whole < 10 {
		t.Errorf("%d examples, %d of them whole files: the test does not read them right", sum, whole)
	}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
