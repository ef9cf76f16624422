package analyzers

import (
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/calls"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// BindModels finds models that are missing in bindkey.Models.
var BindModels = &analysis.Analyzer{
	Name: "bindmodels",
	Doc: `find models with a key that bindkey.Models does not list

	bindkey.New(bindkey.Models(&User{}))    db.Create(&LogEntry{})

Until a statement has used such a model, raw SQL that names its table goes to the
default bind. It asks in package main, where the program lists models at all, in
Models, Check or Register, and all of them are visible. A model that a relation of a
listed one refers to is known. A model counts if the program creates, saves, deletes
or migrates it, or gives it to Model.`,
	Requires: []*analysis.Analyzer{program.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		said := pass.ResultOf[program.Analyzer].(*program.Said)
		if !said.Complete(pass) || said.ListedOpaque || len(said.Listed) == 0 {
			return nil, nil
		}
		for _, model := range said.Fact.Models {
			if model.Written.Text == "" || said.Listed[model.Type] {
				continue
			}
			diagnostic := analysis.Diagnostic{Pos: said.Anchor(pass, model.Written, model.Declared),
				Message: "model " + model.Name + " is used" + said.Elsewhere(pass, model.Written) +
					", but not listed: until its first use, raw SQL does not know its table; add it to bindkey.Models"}
			if len(said.Lists) == 1 {
				diagnostic.SuggestedFixes = addModel(pass, said.Lists[0], model)
			}
			pass.Report(diagnostic)
		}
		return nil, nil
	},
}

// addModel adds a model to the program's one list, if the file can name it.
func addModel(pass *analysis.Pass, list *ast.CallExpr, model program.Model) []analysis.SuggestedFix {
	dot := strings.LastIndexByte(model.Type, '.')
	path, name := model.Type[:dot], model.Type[dot+1:]
	text := name
	if scope := pass.Pkg.Scope().Innermost(list.Pos()); path != pass.Pkg.Path() {
		if text = importedName(pass, list, path); text == "" || !ast.IsExported(name) {
			return nil
		}
		if _, imported := lookup(scope, text, list).(*types.PkgName); !imported {
			return nil
		}
		text += "." + name
	} else if of, ok := lookup(scope, name, list).(*types.TypeName); !ok || of.Parent() != pass.Pkg.Scope() {
		return nil
	}
	text = "&" + text + "{}"
	if len(list.Args) == 0 {
		return []analysis.SuggestedFix{{Message: "list " + model.Name,
			TextEdits: []analysis.TextEdit{{Pos: list.Rparen, End: list.Rparen, NewText: []byte(text)}}}}
	}
	end := list.Args[len(list.Args)-1].End()
	return []analysis.SuggestedFix{{Message: "list " + model.Name,
		TextEdits: []analysis.TextEdit{{Pos: end, End: end, NewText: []byte(", " + text)}}}}
}

func lookup(scope *types.Scope, name string, at ast.Node) types.Object {
	if scope == nil {
		return nil
	}
	_, found := scope.LookupParent(name, at.Pos())
	return found
}

// importedName is what the file of a call calls a package, or empty.
func importedName(pass *analysis.Pass, at ast.Node, path string) string {
	for _, file := range pass.Files {
		if !calls.Within([]*ast.File{file}, at.Pos()) {
			continue
		}
		for _, spec := range file.Imports {
			if of := pass.TypesInfo.PkgNameOf(spec); of != nil && of.Imported().Path() == path && of.Name() != "." && of.Name() != "_" {
				return of.Name()
			}
		}
	}
	return ""
}
