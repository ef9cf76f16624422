package equivalence_test

import (
	"errors"
	"flag"
	"regexp"
	"testing"

	"github.com/gormbind/gormbind/internal/equivalence"
	"github.com/gormbind/gormbind/internal/testkit"
)

var (
	seed  = flag.Int64("equivalence.seed", 1, "the seed of all cases")
	cases = flag.Int("equivalence.cases", 0, "how many cases to run; 0: 1000, or 5000 with GORMBIND_FULL=1")
	only  = flag.Int("equivalence.only", -1, "run the case of this index alone, and print it")
	bad   = flag.Bool("equivalence.invalid", false, "print the calls that are errors in plain GORM, too")
	shape = flag.String("equivalence.shape", "", "run only cases with a call whose shape matches this regular expression")
)

// TestEquivalence compares one database with three behind one handle.
func TestEquivalence(t *testing.T) {
	options := equivalence.Options{Seed: *seed, Cases: *cases, Only: *only, Dir: t.TempDir()}
	if *cases == 0 { // not in the flag's default: go test's cache does not see what is read so early
		options.Cases = 1000
		if testkit.Full() {
			options.Cases = 5000
		}
	}
	if *only >= 0 {
		options.Trace = t.Logf
	}
	if *bad {
		options.Invalid = t.Logf
	}
	if *shape != "" {
		options.Shape = regexp.MustCompile(*shape)
	}
	report, err := equivalence.Run(options)
	if errors.Is(err, equivalence.ErrNoAuthorizer) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report.Summary())
	if testing.Verbose() {
		t.Log("\n" + report.Shapes())
	}
	for _, group := range report.Groups {
		t.Errorf("%s%s", group.Lines(), group.Example)
	}
}
