package program

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/calls"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
)

// Analyzer collects the facts. Its result is a [*Said].
var Analyzer = &analysis.Analyzer{
	Name:       "bindprogram",
	Doc:        "collect what a program registers, lists and uses",
	Requires:   []*analysis.Analyzer{inspect.Analyzer, keys.Analyzer},
	FactTypes:  []analysis.Fact{new(Fact)},
	ResultType: reflect.TypeOf((*Said)(nil)),
	Run:        run,
}

// Said is what a package and its imports say, and where the package itself does.
type Said struct {
	Fact
	New   token.Pos       // of a bindkey.New in this package
	Lists []*ast.CallExpr // bindkey.Models in this package
}

// Complete reports whether the package is a program, so that nothing that it does
// not import says anything.
func (s *Said) Complete(pass *analysis.Pass) bool {
	if pass.Pkg.Name() != "main" || strings.HasSuffix(pass.Pkg.Path(), ".test") {
		return false
	}
	for _, file := range pass.Files {
		if strings.HasSuffix(pass.Fset.File(file.FileStart).Name(), "_test.go") {
			return false // a test's plugins and models are not the program's
		}
	}
	return s.Plugin && !s.OtherTag()
}

// OtherTag reports whether the program calls its tag otherwise than the command was
// told, so that no key was read right.
func (s *Said) OtherTag() bool { return s.TagName != "" && s.TagName != keys.TagName }

// Anchor is where to report what is at a place: there, if that is in this package,
// since go vet takes no position in another; else where the program makes its
// plugin, or at its package clause.
func (s *Said) Anchor(pass *analysis.Pass, places ...Place) token.Pos {
	for _, at := range places {
		if calls.Within(pass.Files, at.pos) {
			return at.pos
		}
	}
	if s.New.IsValid() {
		return s.New
	}
	return pass.Files[0].Name.Pos()
}

// Elsewhere is a place for people, in brackets, if it is in another package.
func (s *Said) Elsewhere(pass *analysis.Pass, at Place) string {
	if at.Text == "" || calls.Within(pass.Files, at.pos) {
		return ""
	}
	return " (" + at.Text + ")"
}

// A collector reads one package.
type collector struct {
	pass   *analysis.Pass
	reader keys.Reader
	said   *Said
	called map[*ast.Ident]bool // names of functions that are called where they stand
}

func run(pass *analysis.Pass) (any, error) {
	said := &Said{Fact: *NewFact()}
	for _, imported := range pass.Pkg.Imports() {
		var fact Fact
		if pass.ImportPackageFact(imported, &fact) {
			said.Add(&fact)
		}
	}
	if !calls.IsOwn(pass.Pkg.Path()) && calls.Imports(pass.Pkg, calls.Gorm, calls.DBResolver, calls.Bindkey, calls.Config) {
		c := &collector{pass, pass.ResultOf[keys.Analyzer].(keys.Reader), said, map[*ast.Ident]bool{}}
		c.collect(pass.ResultOf[inspect.Analyzer].(*inspector.Inspector))
	}
	if !said.empty() {
		pass.ExportPackageFact(&said.Fact)
	}
	return said, nil
}

func (c *collector) collect(in *inspector.Inspector) {
	in.Preorder([]ast.Node{(*ast.CallExpr)(nil)}, func(n ast.Node) { c.call(n.(*ast.CallExpr)) })
	in.Preorder([]ast.Node{(*ast.Ident)(nil)}, func(n ast.Node) {
		name := n.(*ast.Ident)
		fn, ok := c.pass.TypesInfo.Uses[name].(*types.Func)
		if pkg, _, of := calls.Func(fn); ok && !c.called[name] && (pkg == calls.Bindkey || pkg == calls.DBResolver) && of == "Register" {
			c.said.opaque(fmt.Sprintf("%s is used as a value at %s", of, c.at(name.Pos()).Text))
		} else if ok && !c.called[name] && pkg == calls.Bindkey && of == "Models" {
			c.said.ListedOpaque = true
		}
	})
	calls.EachChain(c.pass.TypesInfo, in, func(chain calls.Chain) {
		if chain.Crosses() && !chain.Finished() {
			c.said.Crossing = true
		}
	})
	for _, name := range c.pass.IgnoredFiles {
		text, err := c.pass.ReadFile(name)
		if err != nil || strings.Contains(string(text), calls.Bindkey) || strings.Contains(string(text), calls.DBResolver) {
			c.said.opaque(filepath.Base(name) + " is not built here")
			c.said.ListedOpaque = true
		}
	}
}

// at is a place in this package.
func (c *collector) at(pos token.Pos) Place {
	position := c.pass.Fset.Position(pos)
	name := filepath.Join(filepath.Base(filepath.Dir(position.Filename)), filepath.Base(position.Filename))
	return Place{fmt.Sprintf("%s:%d", filepath.ToSlash(name), position.Line), pos}
}
