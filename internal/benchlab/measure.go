package benchlab

import (
	"context"
	"fmt"
	"math/rand"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"time"
)

// A Runner is a contender with its task, one for each goroutine.
type Runner struct {
	Name  string
	Tasks []Task
}

// A sample is what was measured of one contender.
type sample struct {
	name   string
	times  [][]float64 // ns for one op, of each round in each sitting
	ops    int         // in all of them
	allocs float64     // for one op
	bytes  float64
}

// pace is how long is measured.
type pace struct {
	total    time.Duration // for one piece of work
	sittings int           // in which the contenders are opened anew
	slice    time.Duration // of one contender, before it is another's turn
	rounds   int           // in a sitting, at least
	once     bool          // one op of each, to see that it runs
}

func (p pace) String() string {
	return fmt.Sprintf("%v for each piece of work, in %d sittings and slices of %v", p.total, p.sittings, p.slice)
}

// run times n ops. Several goroutines run n each, and the time is that of all.
func (r Runner) run(n int, around func(run func())) error {
	for _, t := range r.Tasks {
		if t.Before != nil {
			if err := t.Before(n); err != nil {
				return err
			}
		}
	}
	var err error
	if len(r.Tasks) == 1 {
		r.labelled(func() { around(func() { err = r.Tasks[0].times(n) }) })
	} else {
		err = r.together(n, around)
	}
	for _, t := range r.Tasks {
		if t.After != nil && err == nil {
			err = t.After()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	return nil
}

// labelled gives a CPU profile the runner's name as a label of what is timed, and
// of goroutines that it starts.
func (r Runner) labelled(run func()) {
	pprof.Do(context.Background(), pprof.Labels("by", r.Name), func(context.Context) { run() })
}

func (t Task) times(n int) error {
	for i := 0; i < n; i++ {
		if err := t.Op(i); err != nil {
			return err
		}
	}
	return nil
}

func (r Runner) together(n int, around func(run func())) error {
	var (
		ready, done sync.WaitGroup
		begin       = make(chan struct{})
		errs        = make([]error, len(r.Tasks))
	)
	for i := range r.Tasks {
		ready.Add(1)
		done.Add(1)
		go func(i int) {
			defer done.Done()
			ready.Done()
			<-begin
			r.labelled(func() { errs[i] = r.Tasks[i].times(n) })
		}(i)
	}
	ready.Wait()
	around(func() {
		close(begin)
		done.Wait()
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// slice is the time of n ops in ns, for one of them.
func (r Runner) slice(n int) (float64, error) {
	var elapsed time.Duration
	err := r.run(n, func(run func()) {
		began := time.Now()
		run()
		elapsed = time.Since(began)
	})
	return float64(elapsed.Nanoseconds()) / float64(n), err
}

// collects is the garbage collector's percentage. It runs seldom, as in a program
// whose memory is larger than what is measured here: the bytes stand for it.
const collects = 1000

// measure measures a work in several sittings.
func measure(w *Work, l *lab, p pace, random *rand.Rand) (samples []sample, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(collects))
	for i := 0; i < p.sittings; i++ {
		runners, err := l.runners(w, random)
		if err != nil {
			return nil, err
		}
		if samples, err = sit(samples, runners, p, random); err != nil {
			return nil, err
		}
		l.close()
	}
	return samples, nil
}

// sit alternates the runners in short slices, in a new order each round, so
// that what else the machine does hits all alike.
func sit(samples []sample, runners []Runner, p pace, random *rand.Rand) ([]sample, error) {
	if samples == nil {
		samples = make([]sample, len(runners))
	}
	n, err := fitting(runners, p)
	if err != nil {
		return nil, err
	}
	times := make([][]float64, len(runners))
	began := time.Now()
	for round := 0; round < p.rounds || time.Since(began) < p.total/time.Duration(p.sittings); round++ {
		for _, i := range random.Perm(len(runners)) {
			took, err := runners[i].slice(n)
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], took)
		}
	}
	for i, r := range runners {
		samples[i].name, samples[i].times = r.Name, append(samples[i].times, times[i])
		samples[i].ops += n * len(times[i]) * len(r.Tasks)
		if samples[i].allocs, samples[i].bytes, err = r.memory(n, p); err != nil {
			return nil, err
		}
	}
	return samples, nil
}

// fitting is how many ops of the first runner take a slice's time. All runners
// do that many, and have done some before they are timed.
func fitting(runners []Runner, p pace) (int, error) {
	n := 1
	for {
		took, err := runners[0].slice(n)
		if err != nil {
			return 0, err
		}
		if p.once {
			return 1, nil
		}
		if total := time.Duration(took * float64(n)); total >= p.slice/2 {
			if n = int(float64(p.slice.Nanoseconds()) / took); n < 1 {
				n = 1
			}
			break
		}
		n *= 2
	}
	for _, r := range runners {
		for i := 0; i < 3; i++ {
			if _, err := r.slice(n); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// memory is what one op allocates, on one goroutine and without the garbage
// collector, which empties pools.
func (r Runner) memory(n int, p pace) (allocs, bytes float64, err error) {
	alone := Runner{Name: r.Name, Tasks: r.Tasks[:1]}
	switch {
	case p.once:
		n = 1
	case n > 500:
		n = 500
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for try := 0; try < 5; try++ {
		var before, after runtime.MemStats
		err := alone.run(n, func(run func()) {
			runtime.ReadMemStats(&before)
			run()
			runtime.ReadMemStats(&after)
		})
		if err != nil {
			return 0, 0, err
		}
		// The least, since goroutines of database/sql allocate now and then.
		a, b := float64(after.Mallocs-before.Mallocs)/float64(n), float64(after.TotalAlloc-before.TotalAlloc)/float64(n)
		if try == 0 || a < allocs {
			allocs = a
		}
		if try == 0 || b < bytes {
			bytes = b
		}
		if p.once {
			break
		}
	}
	return allocs, bytes, nil
}
