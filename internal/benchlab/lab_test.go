package benchlab

import (
	"bytes"
	"errors"
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"
)

// TestMeasure: all runners do as much, are in turn, and an error ends it.
func TestMeasure(t *testing.T) {
	counts := map[string]int{}
	counting := func(name string) Runner {
		return Runner{name, []Task{{Op: func(int) error { counts[name]++; return nil }}}}
	}
	both := &Work{Runners: func() ([]Runner, error) { return []Runner{counting("a"), counting("b")}, nil }}
	samples, err := measure(both, &lab{}, pace{slice: time.Microsecond, rounds: 7, sittings: 3}, rand.New(rand.NewSource(1)))
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) != 2 || samples[0].name != "a" || len(samples[0].times) != 3 || len(samples[0].times[2]) != 7 || len(samples[1].times[0]) != 7 {
		t.Errorf("%+v", samples)
	}
	if counts["b"] < samples[1].ops || counts["a"] < counts["b"] || samples[1].ops < 3*7 {
		t.Errorf("%v, of which %d are timed", counts, samples[1].ops)
	}
	wrong := errors.New("wrong")
	failing := &Work{Runners: func() ([]Runner, error) {
		return []Runner{{"c", []Task{{Op: func(int) error { return wrong }}, {Op: func(int) error { return nil }}}}}, nil
	}}
	if _, err := measure(failing, &lab{}, pace{once: true, rounds: 1, sittings: 1}, rand.New(rand.NewSource(1))); !errors.Is(err, wrong) {
		t.Errorf("error %v", err)
	}
}

func TestRatio(t *testing.T) {
	base := [][]float64{{10, 20, 30, 40, 50}, {10, 10, 10}, {10, 10}}
	times := [][]float64{{11, 22, 33, 44, 55}, {10, 10, 10}, {12, 12}}
	if r := ratioOf(times, base); r.medians != 1.1 || r.quarter != 1.025 || r.most != 1.1 || r.low != 1 || r.high != 1.2 {
		t.Errorf("%+v", r)
	}
	if q := quantile([]float64{3, 1, 2, 4}, 0.25); q != 1.75 {
		t.Errorf("the quartile is %v", q)
	}
}

func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		ratio         ratio
		allocs, bytes float64
		want          string
	}{
		{ratio{medians: 1.01, low: 1, high: 1.02}, 1, 64, "yes"},
		{ratio{medians: 1.01, low: 1, high: 1.05}, 1, 64, "yes?"},
		{ratio{medians: 1.04, low: 1, high: 1.05}, 1, 64, "no: time?"},
		{ratio{medians: 1.2, low: 1.1, high: 1.3}, 2, 65, "no: time, allocations, bytes"},
		{ratio{medians: 0.9, low: 0.8, high: 1}, -4, 176, "no: bytes"},
	} {
		if got := DryBudget.verdict(test.ratio, test.allocs, test.bytes); got != test.want {
			t.Errorf("%+v: %q, want %q", test, got, test.want)
		}
	}
	if got := NoBudget.verdict(ratio{medians: 2}, 100, 100); got != "" {
		t.Errorf("without a budget: %q", got)
	}
	if text := DryBudget.String(); text != "≤ 1.03, +1, +64 B" {
		t.Error(text)
	}
}

// measured is a result with one round of each sitting.
func measured(w Work, times map[string][]float64) result {
	r := result{Work: &w}
	for _, name := range contenderNames {
		if times[name] == nil {
			continue
		}
		s := sample{name: name}
		for _, ns := range times[name] {
			s.times = append(s.times, []float64{ns})
		}
		r.samples = append(r.samples, s)
	}
	return r
}

// TestRivalVerdict: as dbresolver, within what plain handles differ from
// themselves.
func TestRivalVerdict(t *testing.T) {
	for _, test := range []struct {
		again, resolver, using, routed []float64
		want, limit                    string
	}{
		{[]float64{100, 100}, []float64{110, 110}, []float64{150, 150}, []float64{109, 109}, "yes", "≤ dbresolver + 0.0 %, +1"},
		{[]float64{100, 100}, []float64{110, 110}, []float64{150, 150}, []float64{120, 120}, "no: time", "≤ dbresolver + 0.0 %, +1"},
		{[]float64{100, 104}, []float64{110, 110}, []float64{150, 150}, []float64{114, 114}, "yes", "≤ dbresolver + 4.0 %, +1"},
		{[]float64{97, 101}, []float64{110, 110}, []float64{150, 150}, []float64{105, 116}, "yes?", "≤ dbresolver + 3.0 %, +1"},
		{[]float64{60, 160}, []float64{110, 110}, []float64{150, 150}, []float64{120, 120}, "no: time", "≤ dbresolver + 5.0 %, +1"},
		{[]float64{100, 100}, nil, []float64{110, 110}, []float64{120, 120}, "no: time", "≤ dbresolver + 0.0 %, +1"},
	} {
		r := measured(Work{Budget: StatementBudget}, map[string][]float64{
			Plain: {100, 100}, Again: test.again, Resolver: test.resolver, Using: test.using, Routed: test.routed})
		if got := r.verdict(); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
		if got := r.limit(); got != test.limit {
			t.Errorf("%+v: the limit is %q", test, got)
		}
	}
}

// TestCost: a sample counts for the innermost function of a layer, and plain
// handles' time is taken off.
func TestCost(t *testing.T) {
	c := costOf(`File: benchmarks
Type: cpu
Duration: 10s, Total samples = 100ms (1%)
-----------+-------------------------------------------------------
     by:  bindkey
      40ms   runtime.mallocgc
             github.com/gormbind/gormbind/plugin/bindkey/internal/xact.(*Tx).begin
             database/sql.(*DB).BeginTx
             gorm.io/gorm.(*processor).Execute
-----------+-------------------------------------------------------
     by:  bindkey
      30ms   runtime.futex
             database/sql.(*Tx).awaitDone
-----------+-------------------------------------------------------
     by:  plain
      10ms   database/sql.(*Tx).awaitDone
-----------+-------------------------------------------------------
     by:  plain
      50ms   runtime.cgocall
             github.com/mattn/go-sqlite3._Cfunc_step (inline)
             database/sql.(*DB).query
-----------+-------------------------------------------------------
     by:  plain again
      70ms   database/sql.(*Tx).awaitDone
-----------+-------------------------------------------------------
      90ms   runtime.findRunnable
`, map[string]int{Plain: 1000, Routed: 1000})
	for layer, want := range map[string]float64{layerOurs: 40_000, layerSQL: 20_000, layerDriver: -50_000, layerGORM: 0, layerRest: 0} {
		if got := c.layers[layer]; got != want {
			t.Errorf("%s has %v ns, not %v", layer, got, want)
		}
	}
	if got := most(c.functions, 5, duration); got != "`xact.(*Tx).begin` 40 µs, `sql.(*Tx).awaitDone` 20 µs" {
		t.Error(got)
	}
}

// TestSummarize: the result is that of the tables, from the programs' sections.
func TestSummarize(t *testing.T) {
	works := []Work{{Group: "SQLite", Name: "First", Budget: StatementBudget}, {Group: "SQLite", Name: "Delete", Budget: StatementBudget}}
	results := []result{
		measured(works[0], map[string][]float64{Plain: {20_000}, Again: {20_100}, Resolver: {20_400}, Using: {21_000}, Routed: {20_200}}),
		measured(works[1], map[string][]float64{Plain: {30_000}, Again: {29_700}, Resolver: {30_300}, Using: {33_000}, Routed: {36_000}}),
	}
	var text strings.Builder
	for _, table := range append(tables(results), unmetTable(results, nil)) {
		if err := table.markdown(&text); err != nil {
			t.Fatal(err)
		}
	}
	page := "# Page\n<!-- begin: the result -->\n<!-- end: the result -->\n" + text.String()
	got, err := Summarize(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1.0 to 20.0 % with bindkey and 1.0 to 2.0 % with dbresolver on SQLite.",
		"differ by up to 1.0 %. Of 2 budgets, 1 are met.",
		"| First | 20 µs | +2.0 % | +1.0 % | – | – | – | – | – | – |\n",
		"| Delete | 30 µs | +1.0 % | +20.0 % | – |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if again, err := Summarize(got); err != nil || again != got {
		t.Errorf("%v; a second time it is\n%s", err, again)
	}
	if _, err := Summarize("no marks"); err == nil {
		t.Error("a page without marks is no error")
	}
}

// TestMoreBytes: what one runner allocates more is told with its function.
func TestMoreBytes(t *testing.T) {
	runners := func() ([]Runner, error) {
		allocating := func(name string, size int) Runner {
			return Runner{name, []Task{{Op: func(int) error {
				buffer := bytes.NewBuffer(make([]byte, 0, size))
				kept = buffer
				return nil
			}}}}
		}
		return []Runner{allocating(Plain, 1024), allocating(Again, 64), allocating(Routed, 4096)}, nil
	}
	layers = append(layers, struct{ prefix, layer string }{"github.com/gormbind/gormbind/internal/benchlab.TestMoreBytes", layerOurs})
	t.Cleanup(func() { layers = layers[:len(layers)-1] })
	more, err := moreBytes(&Work{Runners: runners}, newLab(t.TempDir()), rand.New(rand.NewSource(1)))
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, bytes := range more {
		sum += bytes
	}
	if math.Abs(sum-3072) > 100 { // what the profile itself takes is of this test here
		t.Errorf("%v", more)
	}
}

var kept *bytes.Buffer
