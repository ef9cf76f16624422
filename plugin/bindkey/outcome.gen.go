// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files, and itself, when it looks for the line of the program that
// made a statement (utils.CallerFrame). That of a COMMIT is behind all of this.

package bindkey

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// Commit commits the branches in the stages of package xact. A failure before the
// first COMMIT has succeeded rolls everything back; one after it is a
// [*PartialCommitError].
func (t *transaction) Commit() error {
	defer t.panicLate()
	defer t.leaveTenants()
	switch outcome := t.end(); {
	case outcome.InDoubt != nil || outcome.Unfinished != nil:
		err := t.commitment.told(outcome)
		t.log(err.Error())
		return err
	case outcome.Partial():
		err := &PartialCommitError{
			Committed:  keysOf(outcome.Committed),
			Failed:     asBranch(outcome.Failed).pool.bind.key,
			Unknown:    outcome.Unknown,
			RolledBack: keysOf(outcome.RolledBack),
			Err:        outcome.Err,
			Tenants:    t.tenantNames(),
		}
		t.log(err.Error())
		return err
	case outcome.Waiting != nil:
		return &AfterCommitError{Err: outcome.Waiting}
	default:
		if outcome.Err != nil && outcome.Err != sql.ErrTxDone {
			t.logRolledBack(outcome.Err)
		}
		return outcome.Err
	}
}

// Rollback rolls every branch back, even if one fails; the failures are
// joined, each with its bind's name.
func (t *transaction) Rollback() error {
	defer t.panicLate()
	defer t.leaveTenants()
	err := t.xact.Rollback()
	if err != sql.ErrTxDone { // that itself: the transaction was over. A driver's is wrapped
		t.logRolledBack(err)
	}
	return err
}

// Commit and Rollback are the transaction's: GORM calls them on whichever pool
// the statement carries.
func (b *branch) Commit() error { return b.tx.Commit() }

// Rollback rolls the whole transaction back.
func (b *branch) Rollback() error { return b.tx.Rollback() }

// Commit and Rollback are the pool's.
func (s *statementTx) Commit() error { return s.tx.Commit() }

// Rollback is the pool's.
func (s *statementTx) Rollback() error { return s.tx.Rollback() }

// wrapEnd is GORM's callback that ends the default transaction and gives the statement the
// Config's pool again. It gets its own pool instead, as a statement without a transaction
// keeps it, so that what comes after (callbacks, the log, the result) knows where it went.
func (p *Plugin) wrapEnd(_ statementKind, callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		stmt := db.Statement
		inside, known := unwrapRecord(stmt.ConnPool), recordOf(stmt)
		callback(db)
		br := branchIn(inside)
		if br == nil || stmt.ConnPool != db.Config.ConnPool {
			return // GORM has ended none, or one of the application's own
		}
		_, prepared := inside.(*preparedBranch)
		stmt.ConnPool = br.pool.preparedIf(prepared)
		if known != nil {
			stmt.ConnPool = p.withRecord(stmt.ConnPool, *known)
		}
	}
}

// logRolledBack logs a rollback that the program has not decided on, and one that has
// failed in some branch: a program that does not look at the error would hear of neither.
func (t *transaction) logRolledBack(err error) {
	var back []string
	var failed []error
	for _, b := range t.xact.Begun() {
		if err := b.RolledBack(); err == nil || errors.Is(err, sql.ErrTxDone) { // the latter: it was over already
			back = append(back, keysOf([]*xact.Branch{b})...)
		} else {
			failed = append(failed, b.Resource.Failed("ROLLBACK", err))
		}
	}
	doomed := t.xact.Doomed()
	if doomed == nil && errors.Is(err, ErrRolledBack) {
		doomed = err // found by the check before COMMIT
	}
	if doomed == nil && len(failed) == 0 {
		return
	}
	text := "bindkey: a transaction could not be rolled back everywhere"
	if doomed != nil {
		text = doomed.Error()
	}
	if len(back) > 0 {
		text += fmt.Sprintf("; rows of %s are rolled back", list(back))
	}
	for _, err := range failed {
		text += fmt.Sprintf("; %v, and its connection is given up, so that its database rolls back", err)
	}
	t.log(text)
}

// log logs how the transaction has ended, whatever the program does with the error.
func (t *transaction) log(text string) {
	for _, b := range t.xact.Begun() {
		text = asBranch(b).pool.real.Source.Without(text)
	}
	ctx := t.xact.Context()
	if t.number != 0 {
		ctx = placedAt(ctx, nil, t)
	}
	// A text without data is the whole message of GORM's slog logger, too, which writes none.
	t.plugin.db.Logger.Error(ctx, strings.ReplaceAll(text, "%", "%%"))
}
