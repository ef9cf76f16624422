// Package consts finds methods that always return one constant string, as Bind
// and TableName mostly do, in the package at hand and in those that it imports.
package consts

import (
	"go/ast"
	"go/constant"
	"go/types"
	"reflect"

	"golang.org/x/tools/go/analysis"
)

// Analyzer finds the methods. Its result is a [Finder].
var Analyzer = &analysis.Analyzer{
	Name:       "bindconsts",
	Doc:        "find methods Bind, TableName and GormDataType that return a constant",
	Run:        run,
	FactTypes:  []analysis.Fact{new(Constant)},
	ResultType: reflect.TypeOf(Finder(nil)),
}

// A Constant is the fact of a method that returns nothing else.
type Constant struct{ Value string }

// AFact marks it as a fact.
func (*Constant) AFact() {}

func (c *Constant) String() string { return "returns " + c.Value }

// A Finder is what a method always returns; ok is false where that can't be told.
type Finder func(method *types.Func) (value string, ok bool)

// asked are the methods that a key or a table's name comes from.
var asked = map[string]bool{"Bind": true, "TableName": true, "GormDataType": true}

func run(pass *analysis.Pass) (any, error) {
	own := map[*types.Func]string{}
	for _, file := range pass.Files {
		for _, decl := range file.Decls {
			declared, ok := decl.(*ast.FuncDecl)
			if !ok || declared.Recv == nil || !asked[declared.Name.Name] {
				continue
			}
			method, ok := pass.TypesInfo.Defs[declared.Name].(*types.Func)
			if value, constant := returned(pass.TypesInfo, declared.Body); ok && constant {
				own[method] = value
				pass.ExportObjectFact(method, &Constant{value})
			}
		}
	}
	return Finder(func(method *types.Func) (string, bool) {
		method = method.Origin()
		if method.Pkg() == pass.Pkg {
			value, ok := own[method]
			return value, ok
		}
		var fact Constant
		ok := pass.ImportObjectFact(method, &fact)
		return fact.Value, ok
	}), nil
}

// returned is the constant of a body that is a return of it and nothing else.
func returned(info *types.Info, body *ast.BlockStmt) (string, bool) {
	if body == nil || len(body.List) != 1 {
		return "", false
	}
	statement, ok := body.List[0].(*ast.ReturnStmt)
	if !ok || len(statement.Results) != 1 {
		return "", false
	}
	return Of(info, statement.Results[0])
}

// Of is the value of a constant string.
func Of(info *types.Info, expr ast.Expr) (string, bool) {
	value := info.Types[expr].Value
	if value == nil || value.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(value), true
}
