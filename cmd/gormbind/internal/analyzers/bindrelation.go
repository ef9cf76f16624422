package analyzers

import (
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// BindRelation finds tags on relations.
var BindRelation = &analysis.Analyzer{
	Name: "bindrelation",
	Doc: `find bind tags on relations

	Logs []LogEntry ` + "`bind:\"analytics\"`" + `

LogEntry says itself where it lives. On a many2many field a tag is right: it
says where the join table lives.`,
	Requires: []*analysis.Analyzer{inspect.Analyzer, keys.Analyzer, program.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		eachFault(pass, keys.OnRelation, func(fault keys.Fault) { pass.Reportf(fault.Pos, "%s", fault.Text()) })
		return nil, nil
	},
}
