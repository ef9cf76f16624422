package calls

import (
	"go/ast"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/inspector"
)

// A Chain is a chain of methods of *gorm.DB: db.Model(&user).Joins("Team").Find(&users).
type Chain struct {
	Base  ast.Expr        // db
	Calls []*ast.CallExpr // in the order in which they run
	Names []string        // of their methods
	info  *types.Info
}

// EachChain visits each chain, as long as it is.
func EachChain(info *types.Info, in *inspector.Inspector, visit func(Chain)) {
	inner := map[*ast.CallExpr]bool{}
	in.Preorder([]ast.Node{(*ast.CallExpr)(nil)}, func(n ast.Node) {
		call := n.(*ast.CallExpr)
		if inner[call] {
			return
		}
		if chain := ChainOf(info, call); len(chain.Calls) > 0 {
			for _, call := range chain.Calls {
				inner[call] = true
			}
			visit(chain)
		}
	})
}

// ChainOf is the chain that ends with a call. It has no calls if that is none of a
// method of *gorm.DB.
func ChainOf(info *types.Info, last *ast.CallExpr) Chain {
	chain := Chain{info: info}
	for call := last; call != nil; {
		name, on := DBMethod(info, call)
		if name == "" {
			break
		}
		chain.Base = ast.Unparen(on)
		chain.Calls, chain.Names = append(chain.Calls, call), append(chain.Names, name)
		call, _ = chain.Base.(*ast.CallExpr)
	}
	slices.Reverse(chain.Calls)
	slices.Reverse(chain.Names)
	return chain
}

// Call is the chain's call of a method, or nil.
func (c Chain) Call(name string) *ast.CallExpr {
	if i := slices.Index(c.Names, name); i >= 0 {
		return c.Calls[i]
	}
	return nil
}

// Last is the last call, and the name of its method.
func (c Chain) Last() (*ast.CallExpr, string) {
	return c.Calls[len(c.Calls)-1], c.Names[len(c.Names)-1]
}

// finishers are the methods that send a statement.
var finishers = []string{
	"AutoMigrate", "Association", "Begin", "Connection", "Count", "Create", "CreateInBatches", "Delete", "Exec", "Find", "FindInBatches", "First",
	"FirstOrCreate", "FirstOrInit", "Last", "Migrator", "Pluck", "Row", "Rows", "Save", "Scan", "Take", "Transaction",
	"Update", "UpdateColumn", "UpdateColumns", "Updates",
}

// Finished reports whether the chain sends a statement, so that nothing else is
// chained on it.
func (c Chain) Finished() bool {
	_, name := c.Last()
	return slices.Contains(finishers, name)
}

// Crosses reports whether the chain has what lets statements cross binds.
func (c Chain) Crosses() bool {
	for i, name := range c.Names {
		if name == "Clauses" && slices.ContainsFunc(c.Calls[i].Args, c.crosses) {
			return true
		}
	}
	return false
}

func (c Chain) crosses(arg ast.Expr) bool {
	if call, ok := ast.Unparen(arg).(*ast.CallExpr); ok {
		pkg, _, name := Callee(c.info, call)
		return (pkg == Bindkey || pkg == DBResolver) && name == "Use"
	}
	if selector, ok := ast.Unparen(arg).(*ast.SelectorExpr); ok {
		of := c.info.Uses[selector.Sel]
		return of != nil && of.Pkg() != nil && of.Pkg().Path() == Bindkey
	}
	return false
}
