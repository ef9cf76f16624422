package txsuite

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A Target is the kind of database that the suite runs against.
type Target struct {
	// Connector opens connections of a database by the real driver. The suite
	// asks for three: "alpha", "beta" and "gamma". They may be one database,
	// since the tables are alphas, betas and gammas.
	Connector func(t testing.TB, database string) driver.Connector
	// Dialector speaks the dialect on a pool that is open.
	Dialector func(pool gorm.ConnPool) gorm.Dialector
	// Cut really cuts a connection, as an administrator does
	// (pg_terminate_backend, KILL), and returns once it is gone. conn is the
	// real driver's, to learn its number from. Without Cut, connections are
	// only lost in the suite's driver.
	Cut func(ctx context.Context, database string, conn driver.Conn) error
	// Asks says that a branch is asked whether it is still in its transaction once a
	// statement has failed there, since the database would not tell by itself.
	Asks bool
	// Decider speaks the dialect of alpha, where that decides and is another product's.
	Decider func(pool gorm.ConnPool) gorm.Dialector
	// Short leaves out faults that another run proves: of the calls of a
	// prepared statement, only the last is made to fail.
	Short bool
}

// patience is how long anything may take: who waits longer waits for itself.
const patience = 20 * time.Second

// Run runs every program with every fault at every call; in a sample
// ([testkit.Full]), with every fault at every call without prepared statements,
// and with one at each call with them, and one second fault instead of three.
func Run(t *testing.T, target Target) {
	for _, prepare := range []bool{false, true} {
		prepare := prepare
		t.Run(fmt.Sprintf("PrepareStmt=%v", prepare), func(t *testing.T) {
			for _, p := range programs {
				p := p
				t.Run(p.name, func(t *testing.T) {
					r := newRunner(t, target, prepare, "")
					r.table(p)
				})
			}
		})
	}
	noGoroutines(t)
}

// sampled are those of some faults that are tried at a call.
func sampled(faults []fault, call int) []fault {
	if testkit.Full() || len(faults) == 0 {
		return faults
	}
	return faults[call%len(faults):][:1]
}

// A runner runs one program over and over on its three pools, which have one
// connection each.
type runner struct {
	*testing.T
	target   Target
	prepare  bool
	app      string // with two phases; or ""
	recorder testkit.Recorder
	pools    map[string]*sql.DB // through the recorder
	plain    map[string]*sql.DB // past it
}

func newRunner(t *testing.T, target Target, prepare bool, app string) *runner {
	r := &runner{T: t, target: target, prepare: prepare, app: app,
		pools: map[string]*sql.DB{}, plain: map[string]*sql.DB{}}
	for _, bind := range binds {
		connector := target.Connector(t, bind)
		r.pools[bind] = sql.OpenDB(r.recorder.Wrap(bind, connector))
		r.pools[bind].SetMaxOpenConns(1)
		r.plain[bind] = sql.OpenDB(connector)
		pool, plain := r.pools[bind], r.plain[bind]
		t.Cleanup(func() {
			_ = pool.Close()
			_ = plain.Close()
		})
	}
	if err := r.handle(t).Migrator().DropTable(&Alpha{}, &Beta{}, &Gamma{}); err != nil {
		t.Fatal(err)
	}
	if err := r.handle(t).AutoMigrate(&Alpha{}, &Beta{}, &Gamma{}); err != nil {
		t.Fatal(err)
	}
	return r
}

// handle is a fresh handle on the pools, with no statement prepared yet.
func (r *runner) handle(t testing.TB) *gorm.DB {
	db, _ := r.open(t)
	return db
}

func (r *runner) open(t testing.TB) (*gorm.DB, *bindkey.Plugin) {
	db, err := gorm.Open(r.dialector(alpha), &gorm.Config{Logger: logger.Discard, PrepareStmt: r.prepare})
	if err != nil {
		t.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Default(alpha), bindkey.Models(&Alpha{}, &Beta{}, &Gamma{}))
	if r.app != "" {
		plugin.UseTwoPhase(bindkey.TwoPhaseConfig{App: r.app, Grace: 1, Every: -1})
	}
	for _, bind := range binds {
		plugin.Register(bind, dbresolver.Config{Sources: []gorm.Dialector{r.dialector(bind)}})
	}
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	return db, plugin
}

func (r *runner) dialector(bind string) gorm.Dialector {
	if bind == alpha && r.target.Decider != nil {
		return r.target.Decider(r.pools[bind])
	}
	return r.target.Dialector(r.pools[bind])
}

// table runs a program without faults, to learn its calls, and then once for
// each call and fault.
func (r *runner) table(p program) {
	calls := r.check(r.T, p, nil)
	if r.Failed() {
		return
	}
	for i, c := range calls {
		faults := r.faults(c)
		if r.prepare {
			faults = sampled(faults, i)
		}
		for _, f := range faults {
			i, f := i, f
			r.Run(fmt.Sprintf("%02d %s %s", i, c, f), func(t *testing.T) {
				first := plan{}.at(calls, i, f)
				after := r.check(t, p, first)
				if !p.twice || f != answersError || t.Failed() {
					return
				}
				// What follows a failure is made to fail too.
				for j := i + 1; j < len(after); j++ {
					for _, second := range sampled([]fault{answersError, losesBefore, losesAfter}, i+j) {
						if after[j].Dead || after[j].Kind == testkit.Aside {
							continue
						}
						j, second := j, second
						t.Run(fmt.Sprintf("%02d %s %s", j, after[j], second), func(t *testing.T) {
							r.check(t, p, first.at(after, j, second))
						})
					}
				}
			})
		}
	}
}

func (r *runner) faults(c testkit.Call) []fault {
	if c.Part && r.target.Short {
		return nil
	}
	faults := []fault{answersError, losesBefore, losesAfter, cancelled}
	if !c.Part {
		faults = append(faults, ignoresEnd)
	}
	if c.Kind == testkit.Commit || c.Kind == testkit.Rollback {
		faults = append(faults, staysOpen)
	}
	if r.target.Cut != nil {
		faults = append(faults, reallyCut)
	}
	return faults
}

// check runs a program with these faults, and compares with what was promised.
func (r *runner) check(t *testing.T, p program, faults plan) (calls []testkit.Call) {
	t.Helper()
	r.empty(t)
	var promises []promise
	promises = append(promises, promised(p, faults, r.target.Asks))
	for _, f := range faults {
		if f.happens == reallyCut && f.call.Kind == testkit.Begin {
			f.happens = retriedCut
			promises = append(promises, promised(p, plan{f}, r.target.Asks))
		}
	}

	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	handle := r.handle(t)
	run := &run{handle: handle.WithContext(ctx), inUse: r.inUse}
	injector := &injector{cancel: cancel, cut: r.target.Cut}
	r.recorder.Start(injector.hooks(faults))
	err := run.program(p)
	calls = r.recorder.Stop()

	r.idle(t)
	if injector.trouble != nil {
		t.Error(injector.trouble)
	}
	var complaints []error
	for _, promise := range promises {
		complaint := r.compare(t, p, promise, run, err, calls, faults)
		if complaint == nil {
			return calls
		}
		complaints = append(complaints, complaint)
	}
	t.Errorf("%v\nerr = %v", errors.Join(complaints...), err)
	return calls
}

func (r *runner) compare(t *testing.T, p program, want promise, got *run, err error, calls []testkit.Call, faults plan) error {
	t.Helper()
	var complaints []error
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Errorf(format, args...)) }

	for _, bind := range binds {
		if rows := r.rows(t, bind); !reflect.DeepEqual(rows, want.rows[bind]) {
			complain("%s has rows %v, promised %v", bind, rows, want.rows[bind])
		}
	}
	switch {
	case want.err == nil && err != nil:
		complain("failed, promised to succeed")
	case want.err != nil:
		for _, failure := range append([]*failure{want.err}, want.also...) {
			if problem := failure.in(err); problem != nil {
				complaints = append(complaints, problem)
			}
		}
	}
	var partial *bindkey.PartialCommitError
	switch {
	case !errors.As(err, &partial) && want.partial != nil:
		complain("no PartialCommitError, promised %+v", *want.partial)
	case partial != nil && want.partial == nil:
		complain("PartialCommitError %+v, promised none", *partial)
	case partial != nil:
		complaints = append(complaints, samePartial(partial, want.partial, faults))
	}
	if p.way != byDefault && got.outcome() != want.outcome {
		complain("outcome functions say %q, promised %q", got.outcome(), want.outcome)
	}
	if got.busy != nil && !beganInVain(faults) {
		complaints = append(complaints, got.busy)
	}
	if inOrder(faults) {
		if got, want := ordered(testkit.Trace(testkit.Whole(calls))), ordered(strings.Join(want.trace, ", ")); got != want {
			complain("calls    %s\npromised %s", got, want)
		}
	}
	return errors.Join(complaints...)
}

func samePartial(got, want *bindkey.PartialCommitError, faults plan) error {
	for _, f := range faults {
		if f.happens == reallyCut && got.Failed == want.Failed && len(got.Committed) > 0 {
			got.Unknown = want.Unknown // a driver may know that it sent nothing
		}
	}
	if fmt.Sprint(got.Committed, got.Failed, got.Unknown, got.RolledBack) != fmt.Sprint(want.Committed, want.Failed, want.Unknown, want.RolledBack) {
		return fmt.Errorf("PartialCommitError %v, promised %v %v %v %v", got, want.Committed, want.Failed, want.Unknown, want.RolledBack)
	}
	return nil
}

// ordered is a trace with the ROLLBACKs that follow each other in a fixed order: they
// are sent at the same time.
func ordered(trace string) string {
	calls := strings.Split(trace, ", ")
	from := 0
	for i := range calls {
		if !strings.HasPrefix(calls[i], testkit.Rollback+" ") || strings.HasPrefix(calls[i], testkit.RollbackTo) {
			from = i + 1
			continue
		}
		sort.Strings(calls[from : i+1])
	}
	return strings.Join(calls, ", ")
}

// inOrder reports whether the calls after the faults have an order: the end of
// a context rolls branches back at once.
func inOrder(faults plan) bool {
	for _, f := range faults {
		if f.happens == cancelled || f.happens == ignoresEnd || f.happens == reallyCut {
			return false
		}
	}
	return true
}

// beganInVain reports whether a BEGIN went through although its context had
// ended: database/sql rolls that one back on a goroutine of its own.
func beganInVain(faults plan) bool {
	for _, f := range faults {
		if f.happens == ignoresEnd && f.call.Kind == testkit.Begin {
			return true
		}
	}
	return false
}

func (r *runner) empty(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, bind := range binds {
		if _, err := r.plain[bind].ExecContext(ctx, "DELETE FROM "+tables[bind]); err != nil {
			t.Fatalf("emptying %s: %v", bind, err)
		}
	}
}

func (r *runner) rows(t *testing.T, bind string) (texts []string) {
	t.Helper()
	rows, err := r.plain[bind].Query("SELECT text FROM " + tables[bind] + " ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

// inUse tells of connections that are not back in their pools.
func (r *runner) inUse() error {
	for _, bind := range binds {
		if n := r.pools[bind].Stats().InUse; n != 0 {
			return fmt.Errorf("%d connections of %s are in use", n, bind)
		}
	}
	return nil
}

// idle waits for the connections to be back, and tries each: one that came
// back inside a transaction can't begin another.
func (r *runner) idle(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := r.inUse()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for _, bind := range binds {
		tx, err := r.pools[bind].Begin()
		if err != nil {
			t.Fatalf("%s afterwards: %v", bind, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatalf("%s afterwards: %v", bind, err)
		}
	}
}

// A run is one run of a program.
type run struct {
	handle                    *gorm.DB
	inUse                     func() error
	afterCommit, afterRollack int
	told                      map[string][]string // the rows that the application believes to have
	saved                     map[string]map[string][]string
	busy                      error // what was in use when the outcome functions ran
}

func (r *run) outcome() string {
	switch [2]int{r.afterCommit, r.afterRollack} {
	case [2]int{1, 0}:
		return committed
	case [2]int{0, 1}:
		return rolledBack
	case [2]int{0, 0}:
		return inDoubt
	default:
		return fmt.Sprintf("%d commits, %d rollbacks", r.afterCommit, r.afterRollack)
	}
}

func (r *run) program(p program) error {
	switch p.way {
	case byDefault:
		return r.steps(r.handle, p.body)
	case byHand:
		tx := r.handle.Begin()
		if err := r.body(tx, p); err != nil {
			return errors.Join(err, tx.Rollback().Error)
		}
		return tx.Commit().Error
	default:
		return r.handle.Transaction(func(tx *gorm.DB) error { return r.body(tx, p) })
	}
}

func (r *run) body(tx *gorm.DB, p program) error {
	err := errors.Join(tx.Error,
		bindkey.AfterCommit(tx, func(context.Context) error {
			r.afterCommit++
			r.busy = r.inUse()
			return nil
		}),
		bindkey.AfterRollback(tx, func(context.Context) error {
			r.afterRollack++
			r.busy = r.inUse()
			return nil
		}))
	if err == nil {
		err = r.steps(tx, p.body)
	}
	if err == nil && p.fails {
		err = errApplication
	}
	return err
}

func (r *run) steps(tx *gorm.DB, body []step) error {
	for _, s := range body {
		var err error
		switch s := s.(type) {
		case write:
			if err = s.do(tx); err == nil || errors.Is(err, bindkey.ErrPending) {
				r.wrote(s.made)
			}
		case nested:
			before := copied(r.told)
			err = tx.Transaction(func(tx *gorm.DB) error {
				if err := r.steps(tx, s.body); err != nil {
					return err
				}
				if s.fails {
					return errApplication
				}
				return nil
			})
			if err != nil {
				r.told = before
			}
			if s.swallows {
				err = nil
			}
		case savePoint:
			err = tx.SavePoint(string(s)).Error
			r.saved = map[string]map[string][]string{string(s): copied(r.told)}
		case rollBackTo:
			err = tx.RollbackTo(string(s)).Error
			r.told = copied(r.saved[string(s)])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) wrote(rows []made) {
	if r.told == nil {
		r.told = map[string][]string{}
	}
	for _, made := range rows {
		if made.row != "" {
			r.told[made.bind] = append(r.told[made.bind], strings.Fields(made.row)...)
		}
	}
}

func copied(rows map[string][]string) map[string][]string {
	all := map[string][]string{}
	for bind, texts := range rows {
		all[bind] = append([]string(nil), texts...)
	}
	return all
}

// noGoroutines waits until no transaction has a goroutine any more.
func noGoroutines(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		var left []byte
		for _, stack := range bytes.Split(stacks, []byte("\n\n")) {
			if bytes.Contains(stack, []byte("awaitDone")) || bytes.Contains(stack, []byte("plugin/bindkey.(")) {
				left = stack
			}
		}
		if left == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a goroutine is left:\n%s", left)
		}
	}
}
