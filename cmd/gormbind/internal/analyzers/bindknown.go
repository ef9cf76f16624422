package analyzers

import (
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// BindKnown finds models whose key no bind has.
var BindKnown = &analysis.Analyzer{
	Name: "bindknown",
	Doc: `find models whose key the program does not register

	_ struct{} ` + "`bind:\"analitics\"`" + `    Register("analytics", …)

It asks in package main, where all is known that the program imports, and only
where each key in Register, Default, package config and dbresolver's Register is a
constant. A model counts if it is listed or written.`,
	Requires: []*analysis.Analyzer{program.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		said := pass.ResultOf[program.Analyzer].(*program.Said)
		if !keysVisible(pass, said) {
			return nil, nil
		}
		for _, model := range said.Fact.Models {
			if _, registered := said.Registered[model.Type]; !registered && !isKnown(said, model.Key) {
				pass.Reportf(said.Anchor(pass, model.Declared), "model %s%s has the bind key %q, but the program registers only %s",
					model.Name, said.Elsewhere(pass, model.Declared), model.Key, knownKeys(said))
			}
		}
		return nil, nil
	},
}

// keysVisible reports whether the keys of all binds of a program are known.
func keysVisible(pass *analysis.Pass, said *program.Said) bool {
	return said.Complete(pass) && said.Opaque == ""
}

func isKnown(said *program.Said, key string) bool {
	return slices.Contains(said.Keys, key) || said.Default == "" && key == "main"
}

// knownKeys are the keys for people.
func knownKeys(said *program.Said) string {
	known := slices.Clone(said.Keys)
	if said.Default == "" && !slices.Contains(known, "main") {
		known = append(known, "main")
	}
	slices.Sort(known)
	return strings.Join(known, ", ")
}
