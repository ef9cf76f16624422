package analyzers

import (
	"golang.org/x/tools/go/analysis"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// BindUse finds bindkey.Use with a key that no bind has.
var BindUse = &analysis.Analyzer{
	Name: "binduse",
	Doc: `find bindkey.Use with a constant that the program does not register

	db.Clauses(bindkey.Use("analitics"))    Register("analytics", …)

It asks where bindknown does.`,
	Requires: []*analysis.Analyzer{program.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		said := pass.ResultOf[program.Analyzer].(*program.Said)
		if !keysVisible(pass, said) {
			return nil, nil
		}
		for _, use := range said.Uses {
			if !isKnown(said, use.Key) {
				pass.Reportf(said.Anchor(pass, use.At), "bindkey.Use(%q)%s names no bind; the program registers only %s",
					use.Key, said.Elsewhere(pass, use.At), knownKeys(said))
			}
		}
		return nil, nil
	},
}
