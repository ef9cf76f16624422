package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSmoke runs everything once, and looks at all that the program writes.
func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	svg, page := filepath.Join(dir, "chart.svg"), filepath.Join(dir, "page.md")
	if err := os.WriteFile(page, []byte("before\n"+pageBegins+"old\n"+pageEnds+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-smoke", "-dir", dir, "-svg", svg, "-page", page}, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d\n%s", status, stderr.String())
	}
	drawn, err := os.ReadFile(svg)
	if err != nil {
		t.Fatal(err)
	}
	filled, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(filled); !strings.HasPrefix(text, "before\n"+pageBegins) || !strings.HasSuffix(text, pageEnds+"after\n") || strings.Contains(text, "old") {
		t.Errorf("the page is\n%s", text)
	}
	for _, w := range allWork() {
		for what, text := range map[string]string{"output": stdout.String(), "page": string(filled)} {
			if !strings.Contains(text, w.name) || !strings.Contains(text, w.group) {
				t.Errorf("the %s does not have %s: %s", what, w.group, w.name)
			}
		}
	}
	for decoder := xml.NewDecoder(bytes.NewReader(drawn)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the chart is no XML: %v", err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "gormbind-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestRightDatabase runs all work on files that lack the tables of the other
// bind: what goes to the wrong one fails. A ratio means something only between
// contenders that do the same.
func TestRightDatabase(t *testing.T) {
	l, err := newLab(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	lacking := map[*contender]bool{}
	for _, w := range allWork() {
		if w.make == nil || w.setup.dryRun {
			continue
		}
		contenders, err := l.open(w, []int{0, 1, 2, 3, 4})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range contenders {
			if strings.HasSuffix(w.name, "in one file") && (c.name == plain || c.name == again) {
				continue
			}
			lacking[c] = true
			drop(t, c)
			if err := (runner{c.name, []task{w.make(c)}}).run(2, func(run func()) { run() }); err != nil {
				t.Errorf("%s: %s: %v", w.group, w.name, err)
			}
		}
	}
	for c := range lacking {
		for file, count := range map[string]string{
			home:  "SELECT (SELECT count(*) FROM users) || ' ' || (SELECT count(*) FROM evens)",
			other: "SELECT (SELECT count(*) FROM logs) || ' ' || (SELECT count(*) FROM odds)",
		} {
			var counted string
			if err := c.pools[file].QueryRow(count).Scan(&counted); err != nil {
				t.Error(err)
			}
			if want := map[string]string{home: "100 4", other: "1000 4"}[file]; counted != want {
				t.Errorf("%s: %s has %s rows, not %s: the work does not clean up", c.name, file, counted, want)
			}
		}
	}
}

// drop takes out of each file the tables whose home it is not. The source of
// analytics keeps its logs where reads have replicas: writes go there.
func drop(t *testing.T, c *contender) {
	t.Helper()
	for file := range c.pools {
		tables := []string{"users", "evens"}
		if file == home {
			tables = []string{"logs", "odds"}
		}
		for _, table := range tables {
			if err := c.exec(file, "DROP TABLE "+table); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestWorkNames: a name that comes twice would be one benchmark to benchstat.
func TestWorkNames(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range allWork() {
		name := slug(w.group + " " + w.name)
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
	}
}

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		args   []string
		status int
	}{
		{[]string{"-h"}, 0},
		{[]string{"-run", "("}, 2},
		{[]string{"-nothing"}, 2},
		{[]string{"more"}, 2},
		{[]string{"-sittings", "0"}, 2},
		{[]string{"-dir", "no such folder"}, 1},
		{[]string{"-smoke", "-run", "DryRun/First$", "-markdown"}, 0},
		{[]string{"-smoke", "-run", "DryRun/First$", "-page", "no such page"}, 1},
		{[]string{"-smoke", "-run", "DryRun/First$", "-svg", "no such folder/chart.svg"}, 1},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(test.args, &stdout, &stderr); status != test.status {
			t.Errorf("%q: status %d\n%s", test.args, status, stderr.String())
		}
	}
}

// TestMeasure: all runners do as much, are in turn, and an error ends it.
func TestMeasure(t *testing.T) {
	counts := map[string]int{}
	counting := func(name string) runner {
		return runner{name, []task{{op: func(int) error { counts[name]++; return nil }}}}
	}
	both := &work{runners: func() ([]runner, error) { return []runner{counting("a"), counting("b")}, nil }}
	samples, err := measure(both, &lab{}, pace{slice: time.Microsecond, rounds: 7, sittings: 3}, rand.New(rand.NewSource(1)))
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) != 2 || samples[0].name != "a" || len(samples[0].times) != 3 || len(samples[0].times[2]) != 7 || len(samples[1].times[0]) != 7 {
		t.Errorf("%+v", samples)
	}
	if counts["b"] == 0 || counts["a"] < counts["b"] {
		t.Errorf("%v", counts)
	}
	wrong := errors.New("wrong")
	failing := &work{runners: func() ([]runner, error) {
		return []runner{{"c", []task{{op: func(int) error { return wrong }}, {op: func(int) error { return nil }}}}}, nil
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
		if got := dryBudget.verdict(test.ratio, test.allocs, test.bytes); got != test.want {
			t.Errorf("%+v: %q, want %q", test, got, test.want)
		}
	}
	if got := noBudget.verdict(ratio{medians: 2}, 100, 100); got != "" {
		t.Errorf("without a budget: %q", got)
	}
	if text := dryBudget.String(); text != "≤ 1.03, +1, +64 B" {
		t.Error(text)
	}
}
