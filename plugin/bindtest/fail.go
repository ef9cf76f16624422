package bindtest

import (
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
)

// A Point is a kind of call of a database, at which [Fail] lets something happen: the
// first of its kind, or the one that Nth says.
type Point struct {
	kind string
	nth  int
}

// The points of a transaction, and statements in one or outside.
var (
	Begin        = Point{testkit.Begin, 1}
	Statement    = Point{testkit.Statement, 1} // SELECT, INSERT, DDL, …
	Commit       = Point{testkit.Commit, 1}
	RollbackCall = Point{testkit.Rollback, 1} // of a transaction that the program, or the plugin, gives up
)

// Nth is the nth call of the kind from Fail on, counted from 1.
func (p Point) Nth(n int) Point {
	p.nth = n
	return p
}

func (p Point) String() string {
	if p.nth == 1 {
		return p.kind
	}
	return fmt.Sprintf("%s number %d", p.kind, p.nth)
}

// Errors that stand for a connection that is lost. The program gets what database/sql
// makes of it, and not these.
var (
	// ErrLost loses the connection before the database has done anything. Outside of
	// a transaction, and for BEGIN, database/sql then tries another connection, as it
	// does in production.
	ErrLost = errors.New("bindtest: connection lost before the call")
	// ErrLostAfter loses it once the work is done, and before the answer: after COMMIT
	// nobody knows.
	ErrLostAfter = errors.New("bindtest: connection lost after the call")
)

// A fault is what happens in one call.
type fault struct {
	t     TB
	key   string
	point Point
	err   error

	at string // the line that has set it

	seen      int // calls of its kind
	happened  bool
	covered   bool            // another fault was made in its call
	elsewhere map[string]bool // binds that such calls were made in, too
}

// Fail lets one call of a bind's database go wrong: the first BEGIN, statement, COMMIT
// or ROLLBACK from here on, or the nth ([Point.Nth]). The program gets err, as the driver's
// answer; after a COMMIT or ROLLBACK that fails with it, the database has rolled back.
// [ErrLost] and [ErrLostAfter] lose the connection. Of a bind with tenants ([Tenants]),
// "customer/acme" is the database of one, and "customer" is whichever of them is called. Where err is nil, the test fails.
//
//	bindtest.Fail(t, db, "main", bindtest.Commit, errors.New("disk full"))
//
// A fault that has not happened when the test ends fails the test, since it has not
// tested what it says. Savepoints, and the check before COMMIT, are not counted. A statement
// that is prepared first counts once.
func Fail(t TB, db *gorm.DB, key string, at Point, err error) {
	t.Helper()
	k := kitOf(t, db, "Fail")
	if k == nil || !k.hold(t, "Fail") || !k.knows(t, []string{key}, "Fail") {
		return
	}
	switch {
	case at.kind == "" || at.nth < 1:
		t.Fatalf("bindtest: Fail needs a point: bindtest.Begin, Statement, Commit or RollbackCall, or the nth of them from 1 on: bindtest.Statement.Nth(2)")
		return
	case err == nil:
		t.Fatalf("bindtest: Fail needs the error that the database answers, or ErrLost or ErrLostAfter")
		return
	}
	f := &fault{t: t, key: key, point: at, err: err, at: programLine(), elsewhere: map[string]bool{}}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults = append(k.faults, f)
	t.Cleanup(func() { k.missed(f) })
}

// missed fails a test whose fault has not happened.
func (k *kit) missed(f *fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !f.happened {
		f.t.Errorf("bindtest: the fault %q at %s in bind %q (set at %s) has not happened: %s. Correct the point, or take bindtest.Fail out", f.err, f.point, f.key, f.at, f.instead())
	}
}

// instead is what was called in the place of what a fault waits for.
func (f *fault) instead() string {
	calls := counted(f.seen, f.point.kind+" was", f.point.kind+"s were") + " sent there since"
	switch {
	case f.covered:
		return "another fault happened in that call; give each one of its own, with Nth"
	case len(f.elsewhere) > 0:
		return calls + ", and others to " + quotedKeys(mapKeys(f.elsewhere))
	}
	return calls + ", and to no other bind"
}

// fault is what a call is made by if a fault happens in it, and the faults that have
// counted it.
func (k *kit) fault(b *bind, call testkit.Call) (made testkit.Hook, counted []*fault) {
	if call.Part {
		return nil, nil // the statement itself follows
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.faults {
		if f.happened || f.point.kind != call.Kind {
			continue
		}
		if !b.among([]string{f.key}) {
			f.elsewhere[b.String()] = true
			continue
		}
		f.seen++
		counted = append(counted, f)
		switch {
		case f.seen != f.point.nth:
		case made == nil:
			f.happened = true
			made = f.hook()
		default:
			f.covered = true
		}
	}
	return made, counted
}

func (f *fault) hook() testkit.Hook {
	switch f.err {
	case ErrLost:
		return testkit.LosesBefore
	case ErrLostAfter:
		return testkit.LosesAfter
	default:
		return testkit.Answers(f.err)
	}
}

func (k *kit) uncount(counted []*fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range counted {
		f.seen--
	}
}
