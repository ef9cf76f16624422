package analyzers

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/calls"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// eachFault visits the faults of one kind of the models that a package declares.
// A fault of an embedded struct is told where that is declared.
func eachFault(pass *analysis.Pass, kind keys.Kind, visit func(keys.Fault)) {
	reader := pass.ResultOf[keys.Analyzer].(keys.Reader)
	said := pass.ResultOf[program.Analyzer].(*program.Said)
	if said.OtherTag() {
		return
	}
	told := map[string]bool{}
	pass.ResultOf[inspect.Analyzer].(*inspector.Inspector).Preorder([]ast.Node{(*ast.TypeSpec)(nil)}, func(n ast.Node) {
		declared := pass.TypesInfo.Defs[n.(*ast.TypeSpec).Name]
		if declared == nil || !isModel(pass.Pkg, reader, declared.Type()) {
			return
		}
		if model := keys.ModelType(declared.Type()); model != nil && said.Registered[program.TypeName(model)] != "" {
			return // Register says where it lives, whatever its type says
		}
		for _, fault := range reader.Read(declared.Type()).Faults {
			if fault.Kind != kind || told[fault.Text()] || !calls.Within(pass.Files, fault.Pos) {
				continue
			}
			told[fault.Text()] = true
			visit(fault)
		}
	})
}

// isModel reports whether a type is a model for sure: other libraries have bind
// tags too, and methods that are named BindKey.
func isModel(pkg *types.Package, reader keys.Reader, t types.Type) bool {
	return keys.LooksLikeModel(t) || reader.Declares(t) || keys.HasID(t) && calls.Imports(pkg, calls.Gorm, calls.Bindkey)
}
