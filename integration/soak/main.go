package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/gormbind/gormbind/integration/servers"
)

func main() {
	var (
		r      run
		length = flag.Duration("for", time.Minute, "how long")
		round  = flag.Int64("round", 0, "only this round (-repeat times)")
		repeat = flag.Int("repeat", 1, "how often that round")
		kills  = flag.Int("kill9", 0, "kill the process this often, for each set of databases, in place of all else")
	)
	twoPhase := flag.Bool("twophase", false, "with -kill9: transactions are committed in two phases")
	flag.Int64Var(&r.seed, "seed", time.Now().Unix(), "what all random choices come from")
	flag.DurationVar(&r.bound, "bound", defaultBound, "how long after its deadline a transaction may end")
	flag.StringVar(&r.kind, "kind", "", "rounds of this kind only: "+strings.Join(roundKinds, ", "))
	flag.IntVar(&r.stories, "stories", 3, "how many findings of a kind are told in full")
	flag.StringVar(&r.heapProfile, "heap", "", "a file for a profile of the heap, once the rounds are over")
	flag.Parse()
	r.out = os.Stdout
	var err error
	switch {
	case os.Getenv(victimVariable) != "":
		err = victim()
	case *kills > 0:
		err = errors.Join(kill9(r.out, r.seed, *kills, *twoPhase), servers.StopPrivate())
	case *round > 0:
		err = r.during(func(yield func(int64) bool) {
			for i := 0; i < *repeat && yield(*round); i++ {
			}
		})
	default:
		err = r.lasting(*length)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// defaultBound leaves the library the time that it waits for a database which does
// not answer, and some more.
const defaultBound = 12 * time.Second

// A run is some rounds over the same databases.
type run struct {
	seed    int64
	bound   time.Duration
	stories int
	kind    string // of all rounds, if it is not empty
	out     io.Writer

	databases  []*database
	handles    map[int]*handle
	goroutines int // that are there between rounds
	rounds     int
	heap       uint64
	heapMax    uint64

	heapProfile string

	mu       sync.Mutex
	findings map[string]int
	counts   map[string]int
}

// lasting runs rounds for some time, and at least one.
func (r *run) lasting(length time.Duration) error {
	end := time.Now().Add(length)
	return r.during(func(yield func(int64) bool) {
		for n := int64(1); yield(n) && time.Now().Before(end); n++ {
		}
	})
}

// during runs the rounds that it is given, and tells what it has found.
func (r *run) during(rounds func(func(int64) bool)) (err error) {
	began := time.Now()
	r.findings, r.counts, r.handles = map[string]int{}, map[string]int{}, map[int]*handle{}
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer func() {
		err = errors.Join(err, r.profileHeap())
		for _, h := range r.handles {
			err = errors.Join(err, h.close())
		}
		for _, d := range r.databases {
			err = errors.Join(err, d.close())
		}
	}()
	for _, p := range products {
		d, err := newDatabase(p, dir)
		if err != nil {
			return err
		}
		r.databases = append(r.databases, d)
	}
	stop := make(chan os.Signal, 1) // the databases are dropped then, too
	signal.Notify(stop, os.Interrupt)
	defer signal.Stop(stop)
	r.goroutines = steady() + 2*len(r.databases) // pools of plain connections have some
	var broken error
	rounds(func(number int64) bool {
		broken = r.round(number)
		return broken == nil && len(stop) == 0
	})
	if broken != nil {
		return broken
	}
	return r.result(time.Since(began))
}

// round plays a round, and checks it.
func (r *run) round(number int64) error {
	w, err := r.newWorld(number)
	if err != nil {
		return err
	}
	w.play()
	w.checkPools()
	w.checkIdle()
	w.checkEnds()
	w.rest()
	var places []place
	for _, key := range keys {
		d := w.at[key]
		err = errors.Join(err, d.settle())
		p, failed := read(d.plain, key, d.product.name)
		places, err = append(places, p), errors.Join(err, failed)
	}
	if err != nil {
		return fmt.Errorf("round %d: %w", number, err)
	}
	for _, f := range check(w.stories, places) {
		w.report(f)
	}
	for _, s := range w.stories {
		w.count("told: " + string(s.told.all) + map[bool]string{true: " in part"}[s.told.partial()])
	}
	r.checkGoroutines(w)
	r.checkHeap(w)
	for _, d := range r.databases {
		err = errors.Join(err, d.clear())
	}
	return err
}

// report tells of a finding, in full if it is one of the first of its kind.
func (w *world) report(f finding) {
	r := w.run
	kind := f.kind
	if f.where != "" {
		kind += " (" + f.where + ")"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings[kind]++
	if r.findings[kind] > r.stories {
		return
	}
	fmt.Fprintf(r.out, "FINDING: %s: %s\n", kind, f.text)
	again := fmt.Sprintf("-seed %d -round %d -repeat 20", w.seed, w.number)
	if r.kind != "" {
		again += " -kind " + r.kind
	}
	fmt.Fprintf(r.out, "again: %s\n", again)
	if f.story != nil {
		fmt.Fprintln(r.out, f.story)
	}
	fmt.Fprintf(r.out, "%s\n\n", w)
}

func (w *world) count(what string) {
	w.run.mu.Lock()
	defer w.run.mu.Unlock()
	w.run.counts[what]++
}

// result tells what has been done, and returns an error if there are findings.
func (r *run) result(took time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "seed %d: %d rounds in %v, heap at most %d MB\n", r.seed, r.rounds, took.Round(time.Second), r.heapMax>>20)
	var lines []string
	for what, n := range r.counts {
		lines = append(lines, fmt.Sprintf("  %-48s %d", what, n))
	}
	sort.Strings(lines)
	fmt.Fprintln(r.out, strings.Join(lines, "\n"))
	if len(r.findings) == 0 {
		fmt.Fprintln(r.out, "no findings")
		return nil
	}
	return fmt.Errorf("soak: findings with seed %d:\n%s", r.seed, summary(r.findings))
}

// profileHeap writes what is on the heap between rounds, for who looks for what stays.
func (r *run) profileHeap() error {
	if r.heapProfile == "" {
		return nil
	}
	file, err := os.Create(r.heapProfile)
	if err != nil {
		return err
	}
	runtime.GC()
	return errors.Join(pprof.WriteHeapProfile(file), file.Close())
}
