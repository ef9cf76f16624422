package analyzers

import (
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
)

// BindConflict finds models with two keys.
var BindConflict = &analysis.Analyzer{
	Name: "bindconflict",
	Doc: `find models whose tag, Bind method or embedded structs disagree

	type Order struct {
		_ struct{} ` + "`bind:\"main\"`" + `
	}
	func (Order) Bind() string { return "archive" }

Only methods that return one constant are compared.`,
	Requires: []*analysis.Analyzer{inspect.Analyzer, keys.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		eachFault(pass, keys.Conflict, func(fault keys.Fault) { pass.Reportf(fault.Pos, "%s", fault.Text()) })
		return nil, nil
	},
}
