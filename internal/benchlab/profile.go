package benchlab

import (
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"sort"
	"strings"
	"time"
)

// The layers that a sample of a CPU profile counts for: the innermost function
// of one of them has it, with what it calls of Go's runtime and library.
const (
	layerOurs   = "bindkey"
	layerSQL    = "database/sql"
	layerGORM   = "GORM"
	layerDriver = "driver"
	layerRest   = "the rest"
)

var layerNames = []string{layerOurs, layerSQL, layerGORM, layerDriver, layerRest}

// layers are found by how a function's name begins.
var layers = []struct{ prefix, layer string }{
	{"github.com/gormbind/gormbind/plugin/", layerOurs},
	{"gorm.io/plugin/dbresolver", layerOurs}, // bindkey asks it for pools
	{"database/sql", layerSQL},
	{"gorm.io/", layerGORM},
	{"github.com/jinzhu/", layerGORM},
	{"github.com/mattn/go-sqlite3", layerDriver},
	{"github.com/jackc/", layerDriver},
	{"github.com/go-sql-driver/", layerDriver},
}

// A cost is where the plugin takes more than plain handles, for one op.
type cost struct {
	layers    map[string]float64 // ns of CPU time
	functions map[string]float64 // of it, those of bindkey and database/sql
	sample    float64            // what one sample is worth
	bytes     map[string]float64 // of functions of all layers
}

// A profile takes so much longer than measuring, since it has a sample for
// 10 ms only.
const (
	profiledTimes = 10
	sampleTime    = 10 * time.Millisecond
)

// profileAll does the work again that is over its budget, under a profile of
// what it is over with. The costs are in the order of the results, and empty for
// the others.
func (s settings) profileAll(l *lab, random *rand.Rand, results []result, stderr io.Writer) ([]cost, error) {
	costs := make([]cost, len(results))
	for i, r := range results {
		missed := r.unmet()
		if missed == "" {
			continue
		}
		if s.interrupted.Err() != nil {
			return nil, errors.New("interrupted")
		}
		fmt.Fprintf(stderr, "%s: %s: profile\n", r.Group, r.Name)
		var err error
		if strings.Contains(missed, "time") {
			costs[i], err = s.profile(r.Work, l, random)
		}
		if err == nil && (strings.Contains(missed, "bytes") || strings.Contains(missed, "allocations")) {
			costs[i].bytes, err = moreBytes(r.Work, l, random)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", r.Group, r.Name, err)
		}
	}
	return costs, nil
}

// two are the runners of plain handles and of the plugin alone.
func (l *lab) two(w *Work, random *rand.Rand) (two []Runner, err error) {
	all, err := l.runners(w, random)
	for _, r := range all {
		if r.Name == Plain || r.Name == Routed {
			two = append(two, r)
		}
	}
	return two, err
}

// profile runs a work for the plugin and for plain handles alone, in one profile.
func (s settings) profile(w *Work, l *lab, random *rand.Rand) (c cost, err error) {
	file, err := os.Create(filepath.Join(l.dir, "cpu.prof"))
	if err != nil {
		return c, err
	}
	defer file.Close()
	pace := s.pace
	pace.total *= profiledTimes
	only := *w
	only.Runners = func() ([]Runner, error) { return l.two(w, random) }
	if err := pprof.StartCPUProfile(file); err != nil {
		return c, err
	}
	samples, err := measure(&only, l, pace, random)
	pprof.StopCPUProfile()
	if err != nil {
		return c, err
	}
	traces, err := exec.Command("go", "tool", "pprof", "-traces", file.Name()).Output()
	if err != nil {
		return c, fmt.Errorf("go tool pprof, which -profile needs: %w", withStderr(err))
	}
	ops := map[string]int{}
	for _, sample := range samples {
		ops[sample.name] = sample.ops
	}
	return costOf(string(traces), ops), nil
}

func withStderr(err error) error {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return err
}

// costOf reads what pprof -traces prints: for each sample its labels, its time
// with the innermost function, and the functions that called it.
//
//	-----------+-------------------------------------------------------
//	        by:  bindkey
//	      10ms   runtime.mallocgc
//	             database/sql.(*DB).begin
func costOf(traces string, ops map[string]int) cost {
	c := cost{layers: map[string]float64{}, functions: map[string]float64{}}
	if ops[Routed] > 0 {
		c.sample = float64(sampleTime.Nanoseconds()) / float64(ops[Routed])
	}
	for _, trace := range strings.Split(traces, "-----------+") {
		by, took, stack := "", time.Duration(0), []string(nil)
		for _, line := range strings.Split(trace, "\n") {
			fields := strings.Fields(line)
			switch {
			case len(fields) > 1 && fields[0] == "by:":
				by = strings.Join(fields[1:], " ")
			case took == 0 && len(fields) > 1:
				took, _ = time.ParseDuration(fields[0])
				stack = append(stack, fields[1])
			case took > 0 && len(fields) > 0:
				stack = append(stack, fields[0])
			}
		}
		count := ops[by]
		if took == 0 || count == 0 {
			continue
		}
		each := float64(took.Nanoseconds()) / float64(count)
		if by == Plain {
			each = -each
		}
		layer, function := attribute(stack)
		c.layers[layer] += each
		if layer == layerOurs || layer == layerSQL {
			c.functions[function] += each
		}
	}
	return c
}

// attribute finds the innermost function of a layer.
func attribute(stack []string) (layer, function string) {
	for _, function := range stack {
		for _, l := range layers {
			if strings.HasPrefix(function, l.prefix) {
				receiver := strings.IndexByte(function+"(", '(') // what follows it may have slashes, too
				return l.layer, function[strings.LastIndexByte(function[:receiver], '/')+1:]
			}
		}
	}
	return layerRest, ""
}

// most tells the functions that take the most.
func most(functions map[string]float64, count int, tell func(float64) string) string {
	var names []string
	for name, value := range functions {
		if value >= 1 {
			names = append(names, name)
		}
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := functions[names[i]], functions[names[j]]
		return a > b || a == b && names[i] < names[j]
	})
	if len(names) > count {
		names = names[:count]
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("`%s` %s", name, tell(functions[name]))
	}
	return strings.Join(names, ", ")
}

// unmetTable has the budgets that are not met, and where the time goes.
func unmetTable(results []result, costs []cost) table {
	t := table{title: "Where a budget is not met", columns: []string{"budget of", "budget", "not met", "more"}}
	if costs != nil {
		t.columns = append(append(t.columns, layerNames...), "a sample", "most of it in")
	}
	for i, r := range results {
		missed := r.unmet()
		if missed == "" {
			continue
		}
		more := r.more()
		if r.Extra == nil { // as the ratio that the budget is about
			more = (r.ratio(Routed, Plain).medians - 1) * middle(r.of(Plain).times)
		}
		row := []string{r.Group + ": " + r.Name, r.limit(), missed, duration(more)}
		if costs != nil {
			row = append(row, costs[i].cells()...)
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func (c cost) cells() (cells []string) {
	for _, name := range layerNames {
		cell := ""
		if c.layers != nil {
			cell = duration(c.layers[name])
		}
		cells = append(cells, cell)
	}
	sample, functions := "", most(c.functions, 5, duration)
	if c.layers != nil {
		sample = duration(c.sample)
	}
	if bytes := most(c.bytes, 5, func(value float64) string { return fmt.Sprintf("%.0f B", value) }); bytes != "" {
		functions = strings.TrimPrefix(functions+"; "+bytes, "; ")
	}
	return append(cells, sample, functions)
}
