package analyzers

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/calls"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/consts"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// BindJoins finds joins of relations across binds.
var BindJoins = &analysis.Analyzer{
	Name: "bindjoins",
	Doc: `find Joins("Relation") between models of two binds

	db.Joins("Team").Find(&users)    User in main, Team in archive

The plugin refuses such a statement, unless both binds are one database. Preload asks
each database on its own. Both models must have a key of their own, the whole chain
must be visible, and it must start at a handle that holds no clauses.`,
	Requires: []*analysis.Analyzer{inspect.Analyzer, keys.Analyzer, program.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		said := pass.ResultOf[program.Analyzer].(*program.Said)
		if said.Crossing || said.OtherTag() {
			return nil, nil
		}
		in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
		j := joins{pass, pass.ResultOf[keys.Analyzer].(keys.Reader), said, assigned(pass, in)}
		calls.EachChain(pass.TypesInfo, in, j.chain)
		return nil, nil
	},
}

type joins struct {
	pass     *analysis.Pass
	reader   keys.Reader
	said     *program.Said
	assigned map[types.Object][]ast.Expr
}

// plain are the methods that change neither the model nor where a statement goes.
var plain = []string{
	"Debug", "Distinct", "Group", "Having", "InnerJoins", "Joins", "Limit", "MapColumns", "Model", "Not", "Offset", "Omit", "Or", "Order",
	"Preload", "Select", "Unscoped", "Where", "WithContext",
}

// intoModel are the finishers that fill a model if the chain has no Model.
var intoModel = []string{"Find", "FindInBatches", "First", "FirstOrCreate", "FirstOrInit", "Last", "Take"}

func (j joins) chain(chain calls.Chain) {
	last, finisher := chain.Last()
	for _, name := range chain.Names[:len(chain.Names)-1] {
		if !slices.Contains(plain, name) {
			return
		}
	}
	if !chain.Finished() || !j.fresh(chain.Base) {
		return
	}
	var model *types.Named
	if call := chain.Call("Model"); call != nil && len(call.Args) == 1 {
		model = keys.ModelType(j.pass.TypesInfo.TypeOf(call.Args[0]))
	} else if slices.Contains(intoModel, finisher) && len(last.Args) > 0 {
		model = keys.ModelType(j.pass.TypesInfo.TypeOf(last.Args[0]))
	}
	for i, name := range chain.Names {
		if call := chain.Calls[i]; model != nil && (name == "Joins" || name == "InnerJoins") && len(call.Args) > 0 {
			if path, ok := consts.Of(j.pass.TypesInfo, call.Args[0]); ok {
				j.join(call.Args[0], model, path)
			}
		}
	}
}

// join follows the relations of one Joins("Team.Owner").
func (j joins) join(at ast.Expr, model *types.Named, path string) {
	for _, name := range strings.Split(path, ".") {
		relations := j.reader.Relations(model)
		i := slices.IndexFunc(relations, func(one keys.Relation) bool { return one.Name == name })
		if i < 0 || relations[i].JoinTable != "" {
			return // SQL
		}
		target := keys.ModelType(relations[i].Target)
		if target == nil {
			return
		}
		one, other := j.key(model), j.key(target)
		if one != "" && other != "" && one != other {
			j.pass.Reportf(at.Pos(), "Joins(%q) joins %s in bind %q with %s in bind %q: no database has both, so the plugin refuses it; use Preload",
				path, keys.TypeName(model), one, keys.TypeName(target), other)
			return
		}
		model = target
	}
}

// key is a model's own, or empty: one without may be registered anywhere.
func (j joins) key(model *types.Named) string {
	if key, ok := j.said.Registered[program.TypeName(model)]; ok {
		return key
	}
	return j.reader.Read(model).Claim.Key
}

// fresh reports whether a handle holds no clauses: a parameter, a field, or a
// variable that is assigned no chain.
func (j joins) fresh(handle ast.Expr) bool {
	switch of := handle.(type) {
	case *ast.SelectorExpr:
		field, ok := j.pass.TypesInfo.Uses[of.Sel].(*types.Var)
		return ok && !j.holdsChain(field)
	case *ast.Ident:
		variable, ok := j.pass.TypesInfo.Uses[of].(*types.Var)
		return ok && !j.holdsChain(variable)
	}
	return false
}

func (j joins) holdsChain(variable *types.Var) bool {
	return slices.ContainsFunc(j.assigned[variable], func(value ast.Expr) bool {
		call, ok := ast.Unparen(value).(*ast.CallExpr)
		if !ok {
			_, handle := j.pass.TypesInfo.Uses[ident(value)].(*types.Var)
			return !handle
		}
		if pkg, receiver, name := calls.Callee(j.pass.TypesInfo, call); pkg == calls.Gorm && receiver == "" && name == "Open" {
			return false
		}
		for _, name := range calls.ChainOf(j.pass.TypesInfo, call).Names {
			if name != "WithContext" && name != "Debug" && name != "Begin" {
				return true
			}
		}
		return len(calls.ChainOf(j.pass.TypesInfo, call).Calls) == 0
	})
}

func ident(expr ast.Expr) *ast.Ident {
	name, _ := ast.Unparen(expr).(*ast.Ident)
	return name
}

// assigned are the values that a package gives to each variable and field.
func assigned(pass *analysis.Pass, in *inspector.Inspector) map[types.Object][]ast.Expr {
	values := map[types.Object][]ast.Expr{}
	give := func(to ast.Expr, value ast.Expr) {
		name := ident(to)
		if selector, ok := to.(*ast.SelectorExpr); ok {
			name = selector.Sel
		}
		if name != nil {
			if of := pass.TypesInfo.ObjectOf(name); of != nil {
				values[of] = append(values[of], value)
			}
		}
	}
	in.Preorder([]ast.Node{(*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.KeyValueExpr)(nil)}, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				give(to, n.Rhs[min(i, len(n.Rhs)-1)])
			}
		case *ast.ValueSpec:
			for i, to := range n.Names {
				if len(n.Values) > 0 {
					give(to, n.Values[min(i, len(n.Values)-1)])
				}
			}
		case *ast.KeyValueExpr:
			if name := ident(n.Key); name != nil {
				give(name, n.Value)
			}
		}
	})
	return values
}
