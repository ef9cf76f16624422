package txsuite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A promise is what a run of a program must come to.
type promise struct {
	trace   []string            // the calls, in order
	rows    map[string][]string // by bind
	err     *failure            // nil: none
	also    []*failure          // joined to it
	partial *bindkey.PartialCommitError
	outcome string // which outcome functions ran
}

const (
	committed  = "committed"
	rolledBack = "rolled back"
	inDoubt    = "neither"
)

// A failure is an error that the application must find in what it got.
type failure struct {
	kind fault
	n    int    // of an injected error
	bind string // that a BranchError must name, or ""
	late bool   // the context had ended before: a statement may have noticed
}

const application fault = "application"

func (f *failure) in(err error) error {
	var found bool
	switch f.kind {
	case answersError, staysOpen:
		found = errors.Is(err, injected[f.n])
	case losesBefore, losesAfter:
		found = errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF)
	case cancelled:
		found = errors.Is(err, context.Canceled)
	case application:
		found = errors.Is(err, errApplication) || f.late && errors.Is(err, context.Canceled)
	default:
		found = err != nil
	}
	if !found {
		return fmt.Errorf("error is %v, without %s", err, f.kind)
	}
	if f.bind != "" && !namesBind(err, f.bind) {
		return fmt.Errorf("error does not name bind %s: %v", f.bind, err)
	}
	return nil
}

// namesBind looks through joined errors too.
func namesBind(err error, bind string) bool {
	if branch, ok := err.(*bindkey.BranchError); ok && branch.Key == bind {
		return true
	}
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		return namesBind(wrapped.Unwrap(), bind)
	case interface{ Unwrap() []error }:
		for _, err := range wrapped.Unwrap() {
			if namesBind(err, bind) {
				return true
			}
		}
	}
	return false
}

// promised works out, from the rules and not from the library, what a program
// with these faults must come to. The database is asked after a failed statement, or
// tells by itself.
func promised(p program, faults plan, asks bool) promise {
	m := &model{faults: faults, asks: asks, branches: map[string]*modelBranch{}, kept: map[string][]string{}}
	result := m.run(p)
	result.trace, result.rows = m.trace, m.kept
	if m.realCut != nil && result.err != nil {
		result.err, result.also = m.realCut, nil // what the drivers say is not the suite's to know
	}
	return result
}

// A model is a transaction as docs/transactions.md describes it.
type model struct {
	faults    plan
	asks      bool
	trace     []string
	branches  map[string]*modelBranch
	joined    []string
	saves     []modelSave
	doomed    *failure
	cancelled bool
	realCut   *failure
	kept      map[string][]string
}

type modelBranch struct {
	rows    []string
	dead    bool
	suspect bool // a statement has failed there
}

type modelSave struct {
	name string
	rows map[string]int // of the branches that had joined
}

// A modelHandle is a *gorm.DB, which keeps the error of a savepoint.
type modelHandle struct{ err *failure }

func (m *model) run(p program) promise {
	handle := &modelHandle{}
	err := m.steps(handle, p.body)
	if err == nil && p.fails {
		err = &failure{kind: application, late: m.cancelled}
	}
	if err == nil {
		return m.commit()
	}
	also := m.rollback(m.joined)
	if p.way != byHand {
		also = nil // GORM drops them
	}
	return promise{err: err, also: also, outcome: rolledBack}
}

func (m *model) steps(handle *modelHandle, body []step) *failure {
	for _, s := range body {
		var err *failure
		switch s := s.(type) {
		case write:
			err = m.write(handle, s)
		case nested:
			if err = m.nested(handle, s); s.swallows {
				err = nil
			}
		case savePoint:
			err = m.savePoint(handle, string(s))
		case rollBackTo:
			err = m.rollBackTo(handle, string(s))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *model) write(handle *modelHandle, w write) *failure {
	if handle.err != nil {
		return handle.err
	}
	for _, made := range w.made {
		if err := m.begin(made.bind); err != nil {
			return err
		}
		done, err := m.call(made.bind, testkit.Statement)
		if done && made.row != "" {
			b := m.branches[made.bind]
			b.rows = append(b.rows, strings.Fields(made.row)...)
		}
		if err != nil {
			m.branches[made.bind].suspect = m.asks
			err.bind = "" // a statement's error is the driver's own
			return err
		}
	}
	return nil
}

// refused is why nothing more is sent.
func (m *model) refused() *failure {
	if m.cancelled {
		return &failure{kind: cancelled}
	}
	return m.doomed
}

// makeSure asks a branch in doubt, which dooms the transaction if it does not answer.
func (m *model) makeSure(bind string) *failure {
	b := m.branches[bind]
	if !b.suspect {
		return nil
	}
	if _, err := m.call(bind, testkit.Check); err != nil {
		m.doom(err)
		return m.refused()
	}
	b.suspect = false
	return nil
}

func (m *model) begin(bind string) *failure {
	if err := m.refused(); err != nil {
		return err
	}
	if m.branches[bind] != nil {
		return m.makeSure(bind)
	}
	for {
		b := &modelBranch{}
		m.branches[bind] = b
		_, err := m.call(bind, testkit.Begin)
		if b.dead && (err.kind == losesBefore || err.kind == retriedCut) {
			continue // database/sql tries another connection
		}
		if err != nil {
			delete(m.branches, bind)
			if err.kind == cancelled {
				err.bind = bind
			}
			return err
		}
		m.joined = append(m.joined, bind)
		return nil
	}
}

func (m *model) nested(handle *modelHandle, n nested) *failure {
	name := fmt.Sprint("nested ", len(m.trace), len(m.saves))
	if err := m.savePoint(handle, name); err != nil {
		return err
	}
	err := m.steps(&modelHandle{}, n.body)
	if err == nil && n.fails {
		err = &failure{kind: application, late: m.cancelled}
	}
	if err != nil {
		_ = m.rollBackTo(handle, name)
	}
	return err
}

func (m *model) savePoint(handle *modelHandle, name string) *failure {
	if err := m.refused(); err != nil {
		handle.keep(err)
		return handle.err
	}
	save := modelSave{name, map[string]int{}}
	for _, bind := range m.joined {
		if err := m.makeSure(bind); err != nil {
			handle.keep(err)
			return handle.err
		}
		if _, err := m.call(bind, testkit.SavePoint); err != nil {
			m.doom(err)
			handle.keep(err)
			return handle.err
		}
		save.rows[bind] = len(m.branches[bind].rows)
	}
	m.saves = append(m.saves, save)
	return handle.err
}

func (m *model) rollBackTo(handle *modelHandle, name string) *failure {
	if m.doomed != nil {
		handle.keep(m.doomed)
		return handle.err
	}
	at := len(m.saves) - 1
	for m.saves[at].name != name {
		at--
	}
	var (
		stay, gone []string
		failed     *failure
	)
	fails := func(err *failure) {
		if failed == nil {
			failed = err
		}
	}
	for _, bind := range m.joined {
		b := m.branches[bind]
		rows, ok := m.saves[at].rows[bind]
		if !ok {
			gone = append(gone, bind)
			continue
		}
		stay = append(stay, bind)
		done, err := m.call(bind, testkit.RollbackTo)
		if done {
			b.rows = b.rows[:rows]
		}
		switch {
		case err == nil:
			b.suspect = false
		case b.suspect:
			if _, asked := m.call(bind, testkit.Check); asked != nil {
				err = asked
			}
			fallthrough
		default:
			fails(err)
		}
	}
	for _, bind := range gone {
		if _, err := m.call(bind, testkit.Rollback); err != nil {
			fails(err)
		}
		delete(m.branches, bind)
	}
	if failed != nil {
		m.doom(failed)
		handle.keep(failed)
	}
	m.joined, m.saves = stay, m.saves[:at+1]
	return handle.err
}

func (h *modelHandle) keep(err *failure) {
	if h.err == nil {
		h.err = err
	}
}

func (m *model) doom(err *failure) {
	if m.doomed == nil {
		m.doomed = err
	}
}

// commit is check, commit in order, report.
func (m *model) commit() promise {
	var order []string
	for _, bind := range m.joined {
		if bind != alpha {
			order = append(order, bind)
		}
	}
	if m.branches[alpha] != nil {
		order = append(order, alpha)
	}
	if err := m.check(order); err != nil {
		return promise{err: err, also: m.rollback(order), outcome: rolledBack}
	}
	for i, bind := range order {
		done, err := m.call(bind, testkit.Commit)
		if done {
			m.kept[bind] = m.branches[bind].rows
		}
		if err == nil {
			continue
		}
		unknown := err.kind != answersError && err.kind != staysOpen
		result := promise{err: err, also: m.rollback(order[i+1:]), outcome: rolledBack}
		if i > 0 || unknown {
			result.outcome = inDoubt
			result.partial = &bindkey.PartialCommitError{Committed: order[:i], Failed: bind, Unknown: unknown, RolledBack: order[i+1:]}
		}
		return result
	}
	return promise{outcome: committed}
}

func (m *model) check(order []string) *failure {
	if m.cancelled {
		return &failure{kind: cancelled}
	}
	if m.doomed != nil {
		return m.doomed
	}
	for _, bind := range order {
		if len(order) == 1 && !m.branches[bind].suspect {
			continue
		}
		if _, err := m.call(bind, testkit.Check); err != nil {
			return err
		}
	}
	if m.cancelled {
		return &failure{kind: cancelled}
	}
	return nil
}

func (m *model) rollback(order []string) (failures []*failure) {
	for _, bind := range order {
		if _, err := m.call(bind, testkit.Rollback); err != nil {
			failures = append(failures, err)
		}
	}
	return failures
}

// call is one call of a database: whether it did what it was asked, and its
// answer.
func (m *model) call(bind, kind string) (done bool, err *failure) {
	b := m.branches[bind]
	ends := kind == testkit.Commit || kind == testkit.Rollback
	if m.cancelled && !ends {
		return false, &failure{kind: cancelled}
	}
	if b.dead {
		if m.realCut != nil {
			return false, m.realCut // what the drivers say is not the suite's to know
		}
		return false, &failure{kind: losesBefore, bind: bind}
	}
	at := place{name: kind + " " + bind}
	for _, call := range m.trace {
		if call == at.name {
			at.nth++
		}
	}
	m.trace = append(m.trace, at.name)
	err = &failure{bind: bind}
	for n, f := range m.faults {
		if f.whole == at {
			err.kind, err.n = f.happens, n
		}
	}
	happens := err.kind
	switch happens {
	case answersError, staysOpen:
		return false, err
	case losesBefore:
		b.dead = true
		return false, err
	case losesAfter:
		b.dead = true
		return true, err
	case reallyCut, retriedCut:
		b.dead = true
		m.realCut = &failure{kind: reallyCut}
		return false, err
	case cancelled, ignoresEnd:
		m.cancelled = true
		if ends || happens == ignoresEnd && kind != testkit.Begin {
			return true, nil
		}
		err.kind = cancelled
		return false, err
	default:
		return true, nil
	}
}
