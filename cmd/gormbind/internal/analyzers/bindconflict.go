package analyzers

import (
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// BindConflict finds models with two keys.
var BindConflict = &analysis.Analyzer{
	Name: "bindconflict",
	Doc: `find models whose tags, or tag and Bind method, disagree

	type Order struct {
		_ struct{} ` + "`bind:\"main\"`" + `
	}
	func (Order) Bind() string { return "archive" }

Only methods that return one constant are compared. Two embedded structs that
disagree are not reported, since Register may say where the model lives.`,
	Requires: []*analysis.Analyzer{inspect.Analyzer, keys.Analyzer, program.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		eachFault(pass, keys.Conflict, func(fault keys.Fault) {
			if !fault.Embedded {
				pass.Reportf(fault.Pos, "%s", fault.Text())
			}
		})
		return nil, nil
	},
}
