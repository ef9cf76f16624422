package bindtest

import (
	"fmt"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
)

// A rule is which binds a test allows.
type rule struct {
	t    TB
	keys []string
	at   string // the line that has set it
}

// Only lets the program use these binds alone; of one with tenants ([Tenants]), "customer" is
// all of them, and "customer/acme" is one. Any statement, BEGIN or migration in
// another one fails the test, with the program's line and the statement. The statement is not
// run, and the program gets an error that is [ErrForbidden]. Without keys, every bind is
// forbidden.
//
// It holds until the test t ends, for all goroutines. A second Only takes the place of the
// first; one of a subtest does so until the subtest ends. The kit's own reads ([Rows],
// [Same]) are free. A statement that never leaves the plugin (it was refused, or is in DryRun)
// is in no bind.
//
// A transaction in a bind that is forbidden begins, so that the test can name the statement
// that it is for. One without a statement fails the test when it ends, or the test does, and
// the program gets no error.
func Only(t TB, db *gorm.DB, keys ...string) {
	t.Helper()
	k := kitOf(t, db, "Only")
	if k == nil || !k.hold(t, "Only") || !k.knows(t, keys, "Only") {
		return
	}
	at := programLine()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rules = append(k.rules, &rule{t, keys, at})
}

// ErrForbidden is what a program gets for a statement that [Only] does not allow.
var ErrForbidden = fmt.Errorf("bindtest: this test does not allow the bind")

// A trespass is a transaction in a bind that a rule does not allow.
type trespass struct {
	rule  *rule
	place place
	at    string
	told  bool
}

// forbid is the error of a call that the newest rule does not allow, or reports that the
// call is part of a transaction that is not to be there. Its end is always allowed, and so
// is PREPARE: the statement follows, and GORM's Row panics where that fails
// (prepare_stmt.go, QueryRowContext).
func (k *kit) forbid(b *bind, on *testkit.Conn, call testkit.Call) (trespasses bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	within := k.trespasses[on]
	switch call.Kind {
	case testkit.Commit, testkit.Rollback:
		delete(k.trespasses, on)
		if within != nil {
			within.tell()
		}
		return within != nil, nil
	case testkit.Begin:
		r := k.forbidding(b.place)
		if r == nil {
			return false, nil
		}
		if within != nil { // its BEGIN has failed
			within.tell()
		}
		k.trespasses[on] = &trespass{rule: r, place: b.place, at: programLine()}
		return true, nil
	case testkit.Statement:
		r := k.forbidding(b.place)
		if call.Part || r == nil {
			return false, nil
		}
		if within != nil {
			within.told = true
		}
		r.tell(programLine(), b.place, told(call))
		return false, fmt.Errorf("%w %q: %s", ErrForbidden, b.String(), told(call))
	case testkit.SavePoint, testkit.RollbackTo:
		r := k.forbidding(b.place)
		if call.Part || r == nil || within != nil {
			return within != nil, nil
		}
		r.tell(programLine(), b.place, told(call))
		return false, fmt.Errorf("%w %q: %s", ErrForbidden, b.String(), told(call))
	}
	return false, nil
}

// forbidding is the newest rule, if it does not allow a bind; or nil.
func (k *kit) forbidding(at place) *rule {
	if len(k.rules) == 0 {
		return nil
	}
	r := k.rules[len(k.rules)-1]
	if at.among(r.keys) {
		return nil
	}
	return r
}

// tell fails the test for a transaction that no statement has told of.
func (w *trespass) tell() {
	if !w.told {
		w.told = true
		w.rule.tell(w.at, w.place, "BEGIN")
	}
}

// tellTrespasses tells of the transactions that a test's rules don't allow, and that are
// still open.
func (k *kit) tellTrespasses(t TB) {
	for on, w := range k.trespasses {
		if w.rule.t == t {
			w.tell()
		}
		if on.Gone() {
			delete(k.trespasses, on)
		}
	}
}

func (r *rule) tell(line string, at place, statement string) {
	r.t.Helper()
	allowed := "no bind"
	if len(r.keys) > 0 {
		allowed = "only " + quotedKeys(r.keys)
	}
	more := quotedKeys(append(r.keys[:len(r.keys):len(r.keys)], at.String()))
	r.t.Errorf("bindtest: %s: the test allows %s (set at %s), and this goes to bind %q:\n\t%s\nIf it is right to go there, say so: bindtest.Only(t, db, %s)", line, allowed, r.at, at.String(), statement, more)
}
