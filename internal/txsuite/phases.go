package txsuite

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// RunTwoPhase runs every program with every fault at every call, where COMMIT is in two
// phases: alpha decides, beta and gamma prepare. Its promises are those of
// docs/two-phase.md, and after recovery nothing may be prepared. A sample
// ([testkit.Full]) has one fault at each call, and no prepared statements; so have half of
// the programs where the decider is another product, since the other branches are the same.
func RunTwoPhase(t *testing.T, target Target) {
	for _, prepare := range []bool{false, true} {
		if prepare && (!testkit.Full() || target.Decider != nil) {
			continue
		}
		prepare := prepare
		t.Run(fmt.Sprintf("PrepareStmt=%v", prepare), func(t *testing.T) {
			app := fmt.Sprint("suite", time.Now().UnixNano()%1e12)
			r := newRunner(t, target, prepare, app)
			_, plugin := r.open(t)
			if err := plugin.CreateDecisions(context.Background()); err != nil {
				t.Fatal(err)
			}
			for i, p := range programs {
				if (prepare || target.Decider != nil) && i%2 == 1 {
					continue
				}
				i, p := i, p
				t.Run(p.name, func(t *testing.T) {
					r.phases(t, p, i)
				})
			}
		})
	}
	noGoroutines(t)
}

// phases runs a program without faults, to learn its calls, and then once for each call
// and fault. In a program that is small enough, what follows an error fails, too.
func (r *runner) phases(t *testing.T, p program, offset int) {
	calls := r.phase(t, p, nil)
	if t.Failed() {
		return
	}
	for i, c := range calls {
		if c.Kind == testkit.Aside {
			continue
		}
		faults := r.faults(c)
		if r.prepare || r.target.Decider != nil {
			faults = sampledFully(faults, offset+i)
		}
		for _, f := range sampled(faults, offset+i) {
			i, f := i, f
			t.Run(fmt.Sprintf("%02d %s %s", i, named(c), f), func(t *testing.T) {
				first := plan{}.at(calls, i, f)
				after := r.phase(t, p, first)
				if !p.twice || f != answersError && f != losesAfter || r.prepare || !testkit.Full() || t.Failed() {
					return
				}
				for j := i + 1; j < len(after); j++ {
					if after[j].Dead || after[j].Kind == testkit.Aside || !isPast(after, j) {
						continue
					}
					for _, second := range sampledFully([]fault{answersError, losesBefore, losesAfter}, i+j) {
						r.phase(t, p, first.at(after, j, second))
					}
				}
			})
		}
	}
}

// sampledFully is one of some faults.
func sampledFully(faults []fault, call int) []fault {
	if len(faults) == 0 {
		return faults
	}
	return faults[call%len(faults):][:1]
}

// The calls of two phases, as their texts begin.
var (
	prepares = []string{"PREPARE TRANSACTION", "XA PREPARE"}
	finishes = []string{"COMMIT PREPARED", "XA COMMIT"}
	ends     = append([]string{"SELECT txid_current_if_assigned", "XA END", "ROLLBACK PREPARED", "XA ROLLBACK", "INSERT INTO gormbind_decisions"}, append(prepares, finishes...)...)
)

func begins(c testkit.Call, texts []string) bool {
	for _, text := range texts {
		if strings.HasPrefix(c.SQL, text) && !strings.HasSuffix(c.SQL, "ONE PHASE") {
			return true
		}
	}
	return false
}

// isPast reports whether a call is behind the check before COMMIT.
func isPast(calls []testkit.Call, i int) bool {
	if begins(calls[i], ends) || strings.HasSuffix(calls[i].SQL, "ONE PHASE") {
		return true
	}
	return has(calls[:i], prepares)
}

func has(calls []testkit.Call, texts []string) bool {
	for _, c := range calls {
		if begins(c, texts) {
			return true
		}
	}
	return false
}

// named is a call as a test's name has it.
func named(c testkit.Call) string {
	if !begins(c, ends) {
		return c.String()
	}
	text, _, _ := strings.Cut(c.SQL, " '")
	text, _, _ = strings.Cut(text, " (")
	return text + " " + c.Database
}

// phase runs a program with these faults, recovers, and holds what the program was told
// against what the databases have.
func (r *runner) phase(t *testing.T, p program, faults plan) []testkit.Call {
	t.Helper()
	r.empty(t)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	db, plugin := r.open(t)
	run := &run{handle: db.WithContext(ctx), inUse: r.inUse}
	injector := &injector{cancel: cancel, cut: r.target.Cut}
	r.recorder.Start(injector.hooks(faults))
	err := run.program(p)
	calls := r.recorder.Stop()

	r.idle(t)
	complaints := []error{injector.trouble, r.recovered(plugin)}
	if run.busy != nil && !beganInVain(faults) {
		complaints = append(complaints, run.busy)
	}
	rows := map[string][]string{}
	for _, bind := range binds {
		if texts := r.rows(t, bind); texts != nil {
			rows[bind] = texts
		}
	}
	complaints = append(complaints, r.isTrue(p, run, err, calls, rows, len(faults)))
	if len(faults) == 1 {
		complaints = append(complaints, toldOf(faults[0], calls, err))
	}
	if complaint := errors.Join(complaints...); complaint != nil {
		t.Errorf("%v\nfaults %v\nerr = %v\ncalls %v", complaint, faults, err, testkit.Trace(calls))
	}
	return calls
}

// recovered recovers until nothing is prepared.
func (r *runner) recovered(plugin *bindkey.Plugin) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		found, err := plugin.Recover(ctx)
		left := 0
		for _, f := range found {
			if f.Outcome == bindkey.RecoveryLeft {
				left++
			}
		}
		if err == nil && left == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("recovery leaves %v, %w", found, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// isTrue holds what the program was told against the rows that the databases have.
func (r *runner) isTrue(p program, run *run, err error, calls []testkit.Call, rows map[string][]string, faults int) error {
	all := map[string][]string{}
	for bind, texts := range run.told {
		if len(texts) > 0 {
			all[bind] = texts
		}
	}
	none, whole := len(rows) == 0, reflect.DeepEqual(rows, all)
	var want string
	var fits bool
	switch {
	case err == nil || errors.Is(err, bindkey.ErrPending):
		want, fits = committed, whole
	case errors.Is(err, bindkey.ErrInDoubt):
		if want, fits = inDoubt, whole || none; faults < 2 {
			return errors.New("in doubt, though the decider can be asked")
		}
	case errors.Is(err, bindkey.ErrPartialCommit) && !has(calls, prepares):
		want, fits = inDoubt, whole || none // one database has written, and its answer is lost
	case errors.Is(err, bindkey.ErrPartialCommit), errors.Is(err, bindkey.ErrHeuristic):
		return errors.New("promised none of that between databases that prepare")
	default:
		want, fits = rolledBack, none
	}
	var failures []error
	if !fits {
		failures = append(failures, fmt.Errorf("%s was told, and the databases have %v of %v", want, rows, all))
	}
	if got := run.outcome(); p.way != byDefault && got != want {
		failures = append(failures, fmt.Errorf("outcome functions say %q, promised %q", got, want))
	}
	return errors.Join(failures...)
}

// toldOf is the promise of a single fault in a call of two phases.
func toldOf(f aim, calls []testkit.Call, err error) error {
	if !has(calls, prepares) {
		return nil // one database has written, or all was over before
	}
	harmless := f.happens == cancelled || f.happens == ignoresEnd
	decision := f.call.Kind == testkit.Commit && f.call.Database == alpha
	switch {
	case !f.past:
		return nil // what a program's own statements come to depends on the program
	case harmless:
	case decision && f.happens == losesAfter:
	case decision, begins(f.call, prepares), strings.HasPrefix(f.call.SQL, "INSERT INTO gormbind_decisions"), strings.HasPrefix(f.call.SQL, "XA END"):
		if err == nil || errors.Is(err, bindkey.ErrPending) {
			return fmt.Errorf("told %w, promised that all is rolled back", err)
		}
		return nil
	case begins(f.call, finishes):
		if !errors.Is(err, bindkey.ErrPending) {
			return errors.New("promised a PendingError")
		}
		return nil
	default:
		return nil
	}
	if err != nil {
		return errors.New("promised that it is committed")
	}
	return nil
}
