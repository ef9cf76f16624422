package analyzers_test

import (
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/analyzers"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

func TestAll(t *testing.T) {
	if err := analysis.Validate(analyzers.All()); err != nil {
		t.Error(err)
	}
}

func TestBindTag(t *testing.T) {
	analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), analyzers.BindTag, "bindtag")
	analysistest.Run(t, analysistest.TestData(), analyzers.BindTag, "tagname")
}

func TestBindConflict(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), analyzers.BindConflict, "bindconflict")
}

func TestBindRelation(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), analyzers.BindRelation, "bindrelation")
}

func TestBindJoins(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), analyzers.BindJoins, "bindjoins", "bindjoins/crossing")
}

func TestBindTx(t *testing.T) {
	analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), analyzers.BindTx, "bindtx")
}

// silent are programs where not all can be seen, and one where all is right.
var silent = []string{"program/right", "program/computed", "program/option", "program/ignored", "program/loaded", "program/value", "program/noplugin"}

// The three analyzers of whole programs share program/wrong, whose comments are of
// all of them, so they run as one.
func TestPrograms(t *testing.T) {
	all := &analysis.Analyzer{Name: "programs", Doc: "all of a program", Requires: []*analysis.Analyzer{program.Analyzer},
		Run: func(pass *analysis.Pass) (any, error) {
			for _, one := range []*analysis.Analyzer{analyzers.BindKnown, analyzers.BindUse, analyzers.BindModels} {
				if _, err := one.Run(pass); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}}
	analysistest.Run(t, analysistest.TestData(), all, append(silent, "program/wrong", "program/tenants")...)
}

func TestBindModels(t *testing.T) {
	analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), analyzers.BindModels, "program/fix")
}
