package analyzers

import (
	"go/ast"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/calls"
)

// BindTx finds statements that are meant for a transaction, and are outside of it.
var BindTx = &analysis.Analyzer{
	Name: "bindtx",
	Doc: `find db in place of tx inside a Transaction

	db.Transaction(func(tx *gorm.DB) error {
		return db.Create(&user).Error
	})

The statement takes a connection of its own: it is not rolled back with the
transaction, and may wait for it forever. A handle that is passed to a function, a
chain with Clauses or Session, a subquery, and a function that runs later
(AfterCommit, go) are not looked at.`,
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
		told := map[*ast.CallExpr]bool{}
		begun := begunHandles(pass.TypesInfo, in)
		calls.EachChain(pass.TypesInfo, in, func(chain calls.Chain) {
			for i, name := range chain.Names {
				handle := handleOf(pass.TypesInfo, chain.Base)
				if name != "Transaction" || len(chain.Calls[i].Args) == 0 || len(handle) == 0 || begun[handle[0]] {
					continue
				}
				if body, ok := ast.Unparen(chain.Calls[i].Args[0]).(*ast.FuncLit); ok {
					within{pass, handle, body, told}.look(body.Body)
				}
			}
		})
		return nil, nil
	},
}

// begunHandles are the variables that hold a transaction: what they send inside a
// nested one is in it.
func begunHandles(info *types.Info, in *inspector.Inspector) map[types.Object]bool {
	begun := map[types.Object]bool{}
	in.Preorder([]ast.Node{(*ast.FuncLit)(nil), (*ast.AssignStmt)(nil)}, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.FuncLit:
			for _, param := range n.Type.Params.List {
				for _, name := range param.Names {
					begun[info.Defs[name]] = true
				}
			}
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				call, ok := ast.Unparen(n.Rhs[min(i, len(n.Rhs)-1)]).(*ast.CallExpr)
				if name := ident(to); ok && name != nil && slices.Contains(calls.ChainOf(info, call).Names, "Begin") {
					begun[info.ObjectOf(name)] = true
				}
			}
		}
	})
	return begun
}

// A within looks at the body of one transaction.
type within struct {
	pass   *analysis.Pass
	handle []types.Object // the variable, and the fields on the way, that the transaction began with
	body   *ast.FuncLit
	told   map[*ast.CallExpr]bool // a nested transaction is in the body of another
}

func (w within) look(body ast.Node) {
	if w.assigned() {
		return
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return n == w.body // others run at another time, or are looked at as arguments
		case *ast.GoStmt, *ast.DeferStmt:
			return false
		case *ast.CallExpr:
			w.call(n)
		}
		return true
	})
}

// call looks at one call: at the chain that it ends, and at the functions that a
// method of *gorm.DB calls at once.
func (w within) call(call *ast.CallExpr) {
	chain := calls.ChainOf(w.pass.TypesInfo, call)
	if len(chain.Calls) == 0 {
		return
	}
	if _, name := chain.Last(); name == "Transaction" || name == "FindInBatches" || name == "Connection" {
		for _, arg := range call.Args {
			if inner, ok := ast.Unparen(arg).(*ast.FuncLit); ok {
				w.look(inner.Body)
			}
		}
	}
	if w.told[call] || !chain.Finished() || slices.Contains(chain.Names, "Clauses") || slices.Contains(chain.Names, "Session") ||
		!slices.Equal(handleOf(w.pass.TypesInfo, chain.Base), w.handle) {
		return
	}
	w.told[call] = true
	diagnostic := analysis.Diagnostic{Pos: chain.Base.Pos(), End: chain.Base.End(),
		Message: types.ExprString(chain.Base) + " is used inside its Transaction, so this statement is outside of the transaction"}
	if tx := w.tx(chain.Base); tx != "" {
		diagnostic.Message += "; use " + tx
		diagnostic.SuggestedFixes = []analysis.SuggestedFix{{Message: "use " + tx,
			TextEdits: []analysis.TextEdit{{Pos: chain.Base.Pos(), End: chain.Base.End(), NewText: []byte(tx)}}}}
	}
	w.pass.Report(diagnostic)
}

// tx is the name of the transaction's own handle where it means that at a place,
// and may be written there; or empty.
func (w within) tx(at ast.Expr) string {
	params := w.body.Type.Params.List
	if len(params) != 1 || len(params[0].Names) != 1 || params[0].Names[0].Name == "_" {
		return ""
	}
	param := params[0].Names[0]
	scope := w.pass.Pkg.Scope().Innermost(at.Pos())
	if scope == nil {
		return ""
	}
	if _, found := scope.LookupParent(param.Name, at.Pos()); found == nil || found != w.pass.TypesInfo.Defs[param] {
		return ""
	}
	return param.Name
}

// assigned reports whether the body gives the handle another value.
func (w within) assigned() (found bool) {
	ast.Inspect(w.body.Body, func(n ast.Node) bool {
		if assignment, ok := n.(*ast.AssignStmt); ok {
			for _, to := range assignment.Lhs {
				found = found || slices.Equal(handleOf(w.pass.TypesInfo, to), w.handle)
			}
		}
		return !found
	})
	return found
}

// handleOf tells a handle by its variable and the fields on the way: db, s.db. It
// is nil for what is no such path.
func handleOf(info *types.Info, expr ast.Expr) []types.Object {
	switch expr := ast.Unparen(expr).(type) {
	case *ast.Ident:
		if variable, ok := info.ObjectOf(expr).(*types.Var); ok {
			return []types.Object{variable}
		}
		if pkg, ok := info.ObjectOf(expr).(*types.PkgName); ok {
			return []types.Object{pkg}
		}
	case *ast.SelectorExpr:
		if field, ok := info.Uses[expr.Sel].(*types.Var); ok {
			if on := handleOf(info, expr.X); on != nil {
				return append(on, field)
			}
		}
	}
	return nil
}
