// Package calls names the functions of GORM and gormbind that analyzers look for.
package calls

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/types/typeutil"
)

// The import paths.
const (
	Gorm       = "gorm.io/gorm"
	DBResolver = "gorm.io/plugin/dbresolver"
	Bindkey    = "github.com/gormbind/gormbind/plugin/bindkey"
	Config     = "github.com/gormbind/gormbind/config"
)

// Callee names the function or method that a call calls: its package, the name of
// the receiver's type, or empty, and its own name. It is empty for calls of
// function values and of interfaces' methods.
func Callee(info *types.Info, call *ast.CallExpr) (pkg, receiver, name string) {
	fn := typeutil.StaticCallee(info, call)
	return Func(fn)
}

// Func names a function or method in the same way.
func Func(fn *types.Func) (pkg, receiver, name string) {
	if fn == nil || fn.Pkg() == nil {
		return "", "", ""
	}
	if recv := fn.Type().(*types.Signature).Recv(); recv != nil {
		t := types.Unalias(recv.Type())
		if pointer, ok := t.(*types.Pointer); ok {
			t = types.Unalias(pointer.Elem())
		}
		named, ok := t.(*types.Named)
		if !ok {
			return "", "", ""
		}
		receiver = named.Obj().Name()
	}
	return fn.Pkg().Path(), receiver, fn.Name()
}

// DBMethod is the name of the method of *gorm.DB that a call calls, and the
// expression that it is called on; or empty.
func DBMethod(info *types.Info, call *ast.CallExpr) (name string, on ast.Expr) {
	if pkg, receiver, name := Callee(info, call); pkg == Gorm && receiver == "DB" {
		if selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			return name, selector.X
		}
	}
	return "", nil
}

// IsDB reports whether a type is *gorm.DB.
func IsDB(t types.Type) bool {
	if t == nil {
		return false
	}
	pointer, ok := types.Unalias(t).(*types.Pointer)
	if !ok {
		return false
	}
	named, ok := types.Unalias(pointer.Elem()).(*types.Named)
	return ok && named.Obj().Name() == "DB" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == Gorm
}

// Imports reports whether a package imports one of the paths.
func Imports(pkg *types.Package, paths ...string) bool {
	for _, imported := range pkg.Imports() {
		for _, path := range paths {
			if imported.Path() == path {
				return true
			}
		}
	}
	return false
}

// IsOwn reports whether a package is one of GORM's or gormbind's own, whose calls
// are not a program's.
func IsOwn(path string) bool {
	return strings.HasPrefix(path, "gorm.io/") || path == Bindkey || strings.HasPrefix(path, Bindkey+"/") || path == Config || strings.HasPrefix(path, Config+"/")
}

// Within reports whether a position is in one of the files.
func Within(files []*ast.File, pos token.Pos) bool {
	for _, file := range files {
		if file.FileStart <= pos && pos <= file.FileEnd {
			return true
		}
	}
	return false
}
