package txsuite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gormbind/gormbind/internal/testkit"
)

// The kinds of faults.
type fault string

const (
	answersError fault = "error"                         // the database answers with an error
	staysOpen    fault = "error, transaction stays open" // of COMMIT or ROLLBACK
	losesBefore  fault = "connection lost"               // before the database has done anything
	losesAfter   fault = "connection lost after it"      // it has, but its answer is lost
	cancelled    fault = "context cancelled"             // meanwhile, and the driver gives up
	ignoresEnd   fault = "context cancelled, no heed"    // meanwhile, and the driver does not look
	reallyCut    fault = "connection cut at the server"  // Target.Cut, and the driver's own error
	retriedCut   fault = "connection cut, BEGIN retried" // the same, where database/sql tries another connection
)

// An injectedError is what a database answers.
type injectedError struct{ n int }

func (e *injectedError) Error() string { return fmt.Sprintf("injected error %d", e.n) }

var injected = []error{&injectedError{1}, &injectedError{2}}

// A plan says which calls go wrong.
type plan []aim

// An aim is a call that goes wrong.
type aim struct {
	happens fault
	call    testkit.Call
	at      place
	past    bool  // it is behind the check, where the end of a context changes nothing
	whole   place // if a prepared statement counts as one call, as the model counts
}

// A place is a call by its name, "ROLLBACK beta", and how many such were before it:
// branches roll back at the same time, so that a number would be that of any.
type place struct {
	name string
	nth  int
}

// at makes a call of an earlier run go wrong, too.
func (p plan) at(known []testkit.Call, i int, happens fault) plan {
	return append(p[:len(p):len(p)], aim{happens: happens, call: known[i], at: placeOf(known[:i], known[i]),
		past: known[i].Kind == testkit.Commit || known[i].Kind == testkit.Rollback || isPast(known, i), whole: placeOf(testkit.Whole(known[:i]), known[i])})
}

func placeOf(before []testkit.Call, call testkit.Call) place {
	p := place{name: call.String()}
	for _, c := range before {
		if c.String() == p.name {
			p.nth++
		}
	}
	return p
}

// An injector lets what a plan says happen in the calls of one run.
type injector struct {
	cancel context.CancelFunc // ends the context of the run
	cut    func(ctx context.Context, database string, conn driver.Conn) error

	mu      sync.Mutex
	trouble error // of the harness, or a promise that only shows here
}

// hooks are what the recorder lets make the calls.
func (f *injector) hooks(p plan) func([]testkit.Call, testkit.Call) testkit.Hook {
	if len(p) == 0 {
		return nil
	}
	hooks := map[place]testkit.Hook{}
	for n, aim := range p {
		aim, answer := aim, injected[n]
		hooks[aim.at] = func(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) error {
			return f.make(ctx, on, call, real, aim, answer)
		}
	}
	return func(before []testkit.Call, call testkit.Call) testkit.Hook { return hooks[placeOf(before, call)] }
}

func (f *injector) troubled(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble = errors.Join(f.trouble, fmt.Errorf(format, args...))
}

// make makes a call with what goes wrong in it.
func (f *injector) make(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real, at aim, answer error) error {
	switch at.happens {
	case answersError:
		return testkit.Answers(answer)(ctx, on, call, real)
	case staysOpen:
		return testkit.StaysOpen(answer)(ctx, on, call, real)
	case losesBefore:
		return testkit.LosesBefore(ctx, on, call, real)
	case losesAfter:
		return testkit.LosesAfter(ctx, on, call, real)
	case reallyCut:
		if err := f.cut(context.WithoutCancel(ctx), call.Database, on.Inner()); err != nil {
			f.troubled("cutting a connection of %s: %w", call.Database, err)
		}
		return real(ctx)
	case cancelled, ignoresEnd:
		f.cancel()
		if at.past {
			time.Sleep(2 * time.Millisecond) // what would interrupt it has its chance
			if on.TxContext().Err() != nil && call.Kind == testkit.Commit {
				f.troubled("the context of BEGIN ended during COMMIT in %s: pgx would give up", call.Database)
			}
			return real(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			f.troubled("the end of the context did not reach %s", call)
		}
		if at.happens == cancelled {
			return ctx.Err()
		}
		return real(context.WithoutCancel(ctx))
	default:
		return real(ctx)
	}
}
