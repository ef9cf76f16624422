package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A moment is where in a transaction a connection is cut.
type moment string

const (
	beforeFirstStatement moment = "before the first statement"
	afterBegin           moment = "after BEGIN"
	betweenStatements    moment = "between statements"
	afterSavepoint       moment = "after a SAVEPOINT"
	beforeCommit         moment = "before COMMIT"
	afterCheck           moment = "between the check and COMMIT"
	duringCommit         moment = "during COMMIT"
	beforeAnswer         moment = "between COMMIT and its answer"
	betweenCommits       moment = "between the COMMITs"
	beforeRollback       moment = "before ROLLBACK"
)

// A temper is what an application does with the errors of its statements.
type temper string

const (
	returnsErrors    temper = "returns errors"
	swallowsErrors   temper = "swallows errors"
	swallowsANesting temper = "swallows the nested transaction's error"
)

// A cutCase is one transaction over some binds, one of which loses its
// connection. The server ends it, asked by another connection; where only the
// answer to COMMIT gets lost, the network does.
type cutCase struct {
	moment moment
	victim string
	binds  []string // in the order in which they join
	temper temper
}

func (c cutCase) String() string {
	return fmt.Sprintf("%s of %d, %s, %s", c.victim, len(c.binds), c.moment, c.temper)
}

func cutCases() (cases []cutCase) {
	two, three := keys[:2], keys
	for _, victim := range two {
		for _, moment := range []moment{beforeFirstStatement, afterBegin, betweenStatements, afterSavepoint, beforeCommit} {
			for _, temper := range []temper{returnsErrors, swallowsErrors, swallowsANesting} {
				cases = append(cases, cutCase{moment, victim, two, temper})
			}
		}
	}
	for _, binds := range [][]string{two, three} {
		for _, victim := range binds {
			for _, moment := range []moment{afterCheck, duringCommit, beforeAnswer, betweenCommits, beforeRollback} {
				cases = append(cases, cutCase{moment, victim, binds, returnsErrors})
			}
		}
	}
	return cases
}

// Connections are really cut, at each step of a transaction, and the outcome
// is the promised one.
func TestCuts(t *testing.T) {
	eachWay(t, func(w *world) {
		w.oneConnection() // what was cut is what the pool has
		outer := w.T
		for _, c := range cutCases() {
			outer.Run(c.String(), func(t *testing.T) {
				w.T = t
				defer func() { w.T = outer }()
				w.clean(t)
				a := &application{world: w, cutCase: c, connections: map[string]int64{}}
				err := a.transaction()
				a.judge(err)
				w.idle()
				a.worksAgain()
			})
		}
	})
}

// An application runs the transaction of a case. It writes the rows 1, 2 and,
// nested, 3 into each bind.
type application struct {
	*world
	cutCase
	connections map[string]int64 // the server's ids, by bind
	written     []string         // "main 1": rows whose statement succeeded
	commits     int
}

func (a *application) transaction() error {
	for _, key := range a.binds {
		a.connections[key] = a.server.ConnectionID(a.T, a.pools[key])
	}
	hook := a.onCommit
	a.world.beforeCommit.Store(&hook)
	defer a.world.beforeCommit.Store(nil)
	defer a.loseAnswers[a.victim].Store(false)

	tx := a.db.Begin()
	if err := a.script(tx); err != nil || a.moment == beforeRollback {
		return errors.Join(err, tx.Rollback().Error)
	}
	return tx.Commit().Error
}

func (a *application) script(tx *gorm.DB) error {
	a.reach(beforeFirstStatement)
	for _, key := range a.binds {
		sqlTx, err := bindkey.SQLTx(tx, key) // BEGIN, and nothing else
		if err == nil {
			a.connections[key] = a.server.ConnectionID(a.T, sqlTx)
		} else if a.temper == returnsErrors {
			return err
		}
	}
	a.reach(afterBegin)
	if err := a.write(tx, "1"); err != nil {
		return err
	}
	a.reach(betweenStatements)
	if err := a.write(tx, "2"); err != nil {
		return err
	}

	before := len(a.written)
	err := tx.Transaction(func(tx *gorm.DB) error {
		a.reach(afterSavepoint)
		return a.write(tx, "3")
	})
	if err != nil {
		a.written = a.written[:before]
		if a.temper == returnsErrors {
			return err
		}
	}
	if a.moment == duringCommit && a.server == servers.PostgreSQL {
		a.must(create(tx, "suicide", a.victim))
	}
	a.reach(beforeCommit)
	a.reach(beforeRollback)
	if a.moment == beforeAnswer {
		a.loseAnswers[a.victim].Store(true)
	}
	return nil
}

// write writes a row into each bind. It returns an error where the application
// would let it end the transaction around it.
func (a *application) write(tx *gorm.DB, name string) error {
	for _, key := range a.binds {
		err := create(tx, name, key)
		switch {
		case err == nil:
			a.written = append(a.written, key+" "+name)
		case a.temper == returnsErrors, a.temper == swallowsANesting && name == "3":
			return err
		}
	}
	return nil
}

// reach cuts if it is the moment.
func (a *application) reach(m moment) {
	if m == a.moment {
		a.server.Cut(a.T, a.connections[a.victim])
	}
}

// onCommit is called before each COMMIT.
func (a *application) onCommit(key string) {
	a.commits++
	switch a.commits {
	case 1:
		a.reach(afterCheck)
	case 2:
		a.reach(betweenCommits)
	}
	if a.moment == duringCommit && key == a.victim && a.server == servers.MariaDB {
		a.killInCommit(a.connections[key])
	}
}

// killInCommit makes MariaDB hold commits back, as for a backup, until it has
// killed a connection whose COMMIT waits for that.
func (a *application) killInCommit(id int64) { a.world.killInCommit(id, "KILL") }

func (a *world) killInCommit(id int64, kill string) {
	admin, err := a.server.Admin(a.T).Conn(context.Background())
	a.must(err)
	exec := func(query string) {
		if _, err := admin.ExecContext(context.Background(), query); err != nil {
			a.Errorf("%s: %v", query, err)
		}
	}
	exec("SET lock_wait_timeout = 10")
	for _, stage := range []string{"START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT"} {
		exec("BACKUP STAGE " + stage)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer admin.Close()
		defer exec("BACKUP STAGE END")
		killed := false
		for start := time.Now(); time.Since(start) < 5*time.Second; time.Sleep(time.Millisecond) {
			var state, doing sql.NullString
			query := "SELECT state, info FROM information_schema.processlist WHERE id = ?"
			err := admin.QueryRowContext(context.Background(), query, id).Scan(&state, &doing)
			switch {
			case killed && errors.Is(err, sql.ErrNoRows):
				return // only now: if the commits went on, this one might too
			case err == nil && !killed && state.String == "Waiting for backup lock" && doing.String == "COMMIT":
				exec(fmt.Sprintf("%s %d", kill, id))
				killed = true
			}
		}
		a.Errorf("no COMMIT was waiting, or it was not killed (%t)", killed)
	}()
	a.Cleanup(func() { <-over })
}

// order is that of the COMMITs: as the binds joined, the default bind last.
func (a *application) order() []string { return append(append([]string{}, a.binds[1:]...), a.binds[0]) }

// judge compares the outcome with the rules.
func (a *application) judge(err error) {
	a.Helper()
	order := a.order()
	position := 0
	for order[position] != a.victim {
		position++
	}
	partial := bindkey.PartialCommitError{
		Committed: order[:position], Failed: a.victim, Unknown: true, RolledBack: order[position+1:]}

	switch a.moment {
	case beforeFirstStatement:
		// The connection was idle: the driver may see that and connect anew,
		// else BEGIN fails. No statement that succeeded may be forgotten.
		if err != nil {
			a.expectBranch(err, a.victim, "BEGIN")
			a.expect("")
		} else {
			a.expect(a.rowsWritten(a.binds...))
		}
	case afterBegin, betweenStatements, afterSavepoint, beforeCommit:
		if err == nil || errors.Is(err, bindkey.ErrPartialCommit) {
			a.Errorf("the transaction returned %v", err)
		}
		// A statement's error is the driver's; what the transaction itself finds
		// out (setting a savepoint, going back to it, the check) names the bind.
		var failed *bindkey.BranchError
		if a.temper != returnsErrors && (!errors.As(err, &failed) || failed.Key != a.victim) {
			a.Errorf("%v does not say that it happened in %s", err, a.victim)
		}
		if a.moment == beforeCommit {
			a.expectBranch(err, a.victim, "check before COMMIT")
		}
		a.expect("")
	case beforeRollback:
		a.expectBranch(err, a.victim, "ROLLBACK")
		a.expect("")
	case afterCheck, duringCommit:
		a.expectPartial(err, partial)
		a.expect(a.rowsWritten(partial.Committed...))
	case beforeAnswer:
		a.expectPartial(err, partial)
		a.expect(a.rowsWritten(order[:position+1]...)) // it was committed, which nobody could know
	case betweenCommits:
		if position == 0 { // it was committed before
			a.must(err)
			a.expect(a.rowsWritten(a.binds...))
			return
		}
		a.expectPartial(err, partial)
		a.expect(a.rowsWritten(partial.Committed...))
	}
}

// rowsWritten is what the binds hold if these are committed, and no other.
func (a *application) rowsWritten(committed ...string) string {
	sort.Slice(committed, func(i, j int) bool { return index(committed[i]) < index(committed[j]) })
	var all []string
	for _, key := range committed {
		var names []string
		for _, written := range a.written {
			if name := strings.TrimPrefix(written, key+" "); name != written {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			all = append(all, key+": "+strings.Join(names, " "))
		}
	}
	return strings.Join(all, ", ")
}

func index(key string) int {
	for i := range keys {
		if keys[i] == key {
			return i
		}
	}
	return -1
}

// worksAgain writes once more through the same pools. pgx does not look at a
// connection that was idle for less than a second, so where an idle one was
// cut, BEGIN may fail once.
func (a *application) worksAgain() {
	a.Helper()
	again := func() error {
		a.clean(a.T)
		return a.db.Transaction(func(tx *gorm.DB) error { return create(tx, "again", keys...) })
	}
	err := again()
	if a.moment == betweenCommits && a.victim == a.order()[0] && a.server == servers.PostgreSQL && err != nil {
		a.expectBranch(err, a.victim, "BEGIN")
		err = again()
	}
	a.must(err)
	a.expect("main: again, analytics: again, archive: again")
}
