package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A fate is what becomes of something that a transaction did if it is committed.
type fate int

const (
	must  fate = iota // it is there
	may               // its statement failed: nobody says
	never             // it was undone
)

type row struct {
	key  string
	seq  int64
	val  int64 // -1: an update failed, so that nobody knows
	fate fate
}

type bump struct { // of a hot row, by one
	key  string
	fate fate
}

type waiter struct { // for the outcome
	commit bool // or for the rollback
	fate   fate
	ran    atomic.Int32
}

// A story is all that is known of a transaction without asking a database: what
// it did, what it was told, and what it saw.
type story struct {
	id    int64
	round *world
	kind  string

	mu      sync.Mutex
	lines   []string
	rows    []*row
	bumps   []*bump
	waiters []*waiter
	amiss   []finding // that shows while it runs; counts only if it is committed

	reported bool // that it does not end

	told     outcome
	deadline time.Time // of its context; zero: none
	began    time.Time
	ended    time.Time // zero: it has not
}

// note adds a line.
func (s *story) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf("%9.3f ms  ", float64(time.Since(s.began).Microseconds())/1000)+fmt.Sprintf(format, args...))
}

// did notes a step and what it was told.
func (s *story) did(err error, format string, args ...any) error {
	text := "ok"
	if err != nil {
		text = fmt.Sprintf("%v (%T)", err, err)
		s.round.count("error: " + errorClass(err))
	}
	s.note("%s: %s", fmt.Sprintf(format, args...), text)
	return err
}

// register registers a function that waits for the outcome.
func (s *story) register(tx *gorm.DB, commit bool) {
	w := &waiter{commit: commit}
	add, name := bindkey.AfterRollback, "AfterRollback"
	if commit {
		add, name = bindkey.AfterCommit, "AfterCommit"
	}
	s.mu.Lock()
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	err := add(tx, func(context.Context) error {
		w.ran.Add(1)
		s.note("an %s function runs", name)
		return nil
	})
	if s.did(err, "register with %s", name) != nil {
		w.fate = never
	}
}

// A mark is a savepoint: what was so when it was set.
type mark struct {
	rows    []row
	bumps   []bump
	waiters []fate
}

func (s *story) mark() (m mark) {
	for _, r := range s.rows {
		m.rows = append(m.rows, *r)
	}
	for _, b := range s.bumps {
		m.bumps = append(m.bumps, *b)
	}
	for _, w := range s.waiters {
		m.waiters = append(m.waiters, w.fate)
	}
	return m
}

// undo is a rollback to a mark. Whether functions are forgotten is not said of one
// that failed.
func (s *story) undo(m mark, waiters fate) {
	for i, r := range s.rows {
		r.fate = never
		if i < len(m.rows) {
			*r = m.rows[i]
		}
	}
	for i, b := range s.bumps {
		b.fate = never
		if i < len(m.bumps) {
			*b = m.bumps[i]
		}
	}
	for i, w := range s.waiters {
		if i < len(m.waiters) {
			w.fate = m.waiters[i]
		} else if w.fate != never && !w.commit {
			w.fate = waiters
		} else {
			w.fate = never // if that failed, nothing may be committed any more
		}
	}
}

// failed says of all since a mark that nobody knows: the statement failed.
func (s *story) failed(m mark) {
	unsure := func(f *fate) {
		if *f == must {
			*f = may
		}
	}
	for _, r := range s.rows[len(m.rows):] {
		unsure(&r.fate)
	}
	for _, b := range s.bumps[len(m.bumps):] {
		unsure(&b.fate)
	}
	for _, w := range s.waiters[len(m.waiters):] {
		unsure(&w.fate)
	}
}

// A verdict is what the caller was told of a transaction in one bind.
type verdict string

const (
	committed  verdict = "committed"
	rolledBack verdict = "rolled back"
	unknown    verdict = "unknown" // either, but whole
)

// An outcome is what the caller was told of a transaction.
type outcome struct {
	all   verdict
	binds map[string]verdict // where they differ: a partial commit
	err   error
}

func (o outcome) in(key string) verdict {
	if v, ok := o.binds[key]; ok {
		return v
	}
	return o.all
}

func (o outcome) partial() bool { return o.binds != nil }

func (o outcome) String() string {
	text := string(o.all)
	if o.partial() {
		text = fmt.Sprintf("partial %v", o.binds)
	}
	return fmt.Sprintf("%s (error: %v)", text, o.err)
}

// outcomeOf reads an error as docs/transactions.md has it.
func outcomeOf(err error) outcome {
	var (
		partial *bindkey.PartialCommitError
		after   *bindkey.AfterCommitError
	)
	switch {
	case errors.As(err, &partial):
		o := outcome{all: rolledBack, binds: map[string]verdict{}, err: err}
		for _, key := range partial.Committed {
			o.binds[key] = committed
		}
		o.binds[partial.Failed] = rolledBack
		if partial.Unknown {
			o.binds[partial.Failed] = unknown
		}
		for _, key := range partial.RolledBack {
			o.binds[key] = rolledBack
		}
		return o
	case err == nil, errors.As(err, &after):
		return outcome{all: committed, err: err}
	default:
		return outcome{all: rolledBack, err: err}
	}
}

func (s *story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := "has not ended"
	if !s.ended.IsZero() {
		end = fmt.Sprintf("took %v, told: %v", s.ended.Sub(s.began).Round(time.Microsecond), s.told)
	}
	var deadline string
	if !s.deadline.IsZero() {
		deadline = fmt.Sprintf(", deadline after %v", s.deadline.Sub(s.began).Round(time.Microsecond))
	}
	return fmt.Sprintf("t%d, %s%s\n  %s\n  %s", s.id, s.kind, deadline, strings.Join(s.lines, "\n  "), end)
}
