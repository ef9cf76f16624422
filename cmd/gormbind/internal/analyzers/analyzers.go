// Package analyzers finds mistakes in programs that use gormbind, a mistake a
// file. They never guess: where a key or a handle can't be read from the source,
// they are silent.
package analyzers

import "golang.org/x/tools/go/analysis"

// All are the analyzers, in the order of the documentation.
func All() []*analysis.Analyzer {
	return []*analysis.Analyzer{BindTag, BindConflict, BindRelation, BindKnown, BindUse, BindModels, BindJoins, BindTx}
}
