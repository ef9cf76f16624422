package main

import (
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"time"
)

const (
	workers       = 6
	txnsPerWorker = 6
	txnsPerRound  = 1000 // a transaction's number tells its round
)

// roundKinds are what goes wrong for all transactions of a round.
var roundKinds = []string{"calm", "calm", "killed", "stalled", "frozen", "locked", "tight"}

// A world is a round: a handle, and transactions in it.
type world struct {
	*handle
	run    *run
	seed   int64
	number int64
	kind   string
	faulty float64 // how likely a transaction has a fault of its own
	frozen string  // the bind that freezes in a round of that kind

	mu      sync.Mutex
	notes   []string
	stories []*story
}

// newWorld begins a round. All is drawn from the seed and the round's number.
func (r *run) newWorld(number int64) (*world, error) {
	rng := rand.New(rand.NewSource(r.seed<<20 + number*txnsPerRound + txnsPerRound - 1))
	w := &world{run: r, seed: r.seed, number: number}
	w.kind = roundKinds[rng.Intn(len(roundKinds))]
	if r.kind != "" {
		w.kind = r.kind
	}
	w.faulty = []float64{0, 0.3, 0.7}[rng.Intn(3)]
	w.frozen = keys[rng.Intn(len(keys))]
	// In a row, the orders come in turn, and in the end all with all kinds.
	h, err := r.handle(int(number) % numHandles)
	if err != nil {
		return nil, err
	}
	w.handle = h
	sqlite := r.databases[0]
	journal := []string{"WAL", "DELETE"}[rng.Intn(2)]
	if _, err := sqlite.plain.Exec("PRAGMA journal_mode = " + journal); err != nil {
		return nil, err
	}
	w.note("kind %s, faulty %v, SQLite's journal %s", w.kind, w.faulty, journal)
	// All transactions find a connection, or have a deadline: or they would wait for
	// each other for ever.
	connections := workers + 2
	if w.kind == "tight" {
		connections = 2
	}
	h.wake(connections)
	return w, nil
}

// play runs the transactions, and whatever disturbs them.
func (w *world) play() {
	over, disturbed, played := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(disturbed)
		w.disturb(over, rand.New(rand.NewSource(w.seed<<20+w.number*txnsPerRound+txnsPerRound-2)))
	}()
	var working sync.WaitGroup
	for i := 0; i < workers; i++ {
		first := w.number*txnsPerRound + int64(i)*100
		working.Add(1)
		go func() {
			defer working.Done()
			for i := int64(0); i < txnsPerWorker; i++ {
				t := w.newTxn(first + i)
				w.mu.Lock()
				w.stories = append(w.stories, t.story)
				w.mu.Unlock()
				t.run()
			}
		}()
	}
	go func() {
		working.Wait()
		close(played)
	}()
	w.watch(played)
	close(over)
	<-disturbed
	w.thaw()
}

// watch waits for the transactions, and reports those that do not end: the round
// must get on, so servers answer again then.
func (w *world) watch(played <-chan struct{}) {
	check := time.NewTicker(time.Second)
	defer check.Stop()
	for {
		select {
		case <-played:
			return
		case <-check.C:
		}
		w.mu.Lock()
		stories := append([]*story(nil), w.stories...)
		w.mu.Unlock()
		for _, s := range stories {
			if !s.overdue() {
				continue
			}
			s.reported = true
			w.report(finding{kind: "does not end", story: s, text: stacks()})
			w.thaw()
			select {
			case <-played:
			case <-time.After(2 * patience):
				panic("soak: transactions do not end although servers answer\n" + stacks())
			}
			return
		}
	}
}

// overdue reports whether a transaction has not ended long after its deadline, or
// without one for very long.
func (s *story) overdue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended.IsZero() || s.began.IsZero() {
		return false
	}
	if s.deadline.IsZero() {
		return time.Since(s.began) > 8*s.round.run.bound
	}
	return time.Since(s.deadline) > s.round.run.bound
}

func (w *world) thaw() {
	for _, d := range w.at {
		if d.proxy != nil {
			d.proxy.thaw()
		}
	}
}

// deadline is how long a transaction may take; 0: as long as it likes.
func (w *world) deadline(rng *rand.Rand, sure bool) time.Duration {
	d := []time.Duration{time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 300 * time.Millisecond}[rng.Intn(4)]
	d += time.Duration(rng.Int63n(int64(d)))
	if w.kind == "frozen" || w.kind == "tight" {
		return d + 200*time.Millisecond
	}
	if sure || rng.Intn(3) == 0 {
		return d
	}
	return 0
}

// note adds a line to the round's own story.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, fmt.Sprintf("%s  ", time.Now().Format("15:04:05.000000"))+fmt.Sprintf(format, args...))
}

func (w *world) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("seed %d, round %d: %s\n  %s", w.seed, w.number, w.handle, strings.Join(w.notes, "\n  "))
}
