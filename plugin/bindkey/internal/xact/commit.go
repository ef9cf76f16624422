package xact

import (
	"context"
	"database/sql"
	"errors"
)

// An Outcome is what has become of a transaction at COMMIT.
type Outcome struct {
	Committed  []*Branch // in the order of their COMMITs
	Failed     *Branch   // whose COMMIT failed, with others committed or unknown; or nil
	Unknown    bool      // nobody knows whether that COMMIT took place
	RolledBack []*Branch // because of it; or all, where nothing is committed
	Undone     bool      // it was rolled back, or not begun, and not committed
	Doomed     error     // why it could only be rolled back; told to Hooks alone
	// In two phases, the transaction being committed: what is not finished.
	Unfinished []Unfinished
	InDoubt    []*Branch // that are prepared, and nobody knows whether to commit them
	// Err is why the transaction is not committed, as a whole; nil: it is.
	Err error
	// Waiting is what the functions that waited for the commit have returned.
	Waiting error
}

// Partial reports whether some branch is committed, or may be, and another is not.
func (o *Outcome) Partial() bool { return o.Failed != nil }

// Commit commits the branches in stages: check that each is alive, commit them in
// order, report. A failure before the first COMMIT has succeeded rolls everything
// back.
func (t *Transaction) Commit() Outcome { return t.commit(nil) }

// commit is Commit, where a protocol takes over behind the check, if there is one and
// several branches.
func (t *Transaction) commit(protocol Protocol) Outcome {
	joined, err := t.end()
	if err != nil {
		return Outcome{Err: err}
	}
	branches := joined
	if len(joined) > 1 {
		branches = t.hooks.Order(joined)
	}
	if err := t.check(branches, protocol == nil); err != nil {
		return t.undone(err, branches)
	}
	if protocol != nil && len(branches) > 1 {
		return t.commitTwoPhase(protocol, branches)
	}
	committed, err := commitInOrder(branches)
	if err == nil {
		return t.settle(Outcome{Committed: branches})
	}
	return t.settle(report(branches, committed, err))
}

// settle tells the outcome, and calls the functions that wait for it.
func (t *Transaction) settle(o Outcome) Outcome {
	t.ended(o)
	switch {
	case o.Partial():
	case o.Err != nil:
		o.Err = Join(o.Err, t.rolledBack())
	default:
		o.Waiting = t.committed()
	}
	return o
}

// check asks every branch for a sign of life, so that a connection already
// lost, a cancelled context or an aborted PostgreSQL transaction is found
// while everything can still be rolled back. One branch alone needs none: its
// COMMIT tells. Where a statement has failed, or may have, the branch is asked whether
// it is still in its transaction, since COMMIT outside of one succeeds as well. Unless all
// are to be asked, only those are. After the check, the end of the context changes nothing more.
func (t *Transaction) check(branches []*Branch, all bool) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if doomed := t.doomed.Load(); doomed != nil {
		return *doomed
	}
	if err := t.checkEach(branches, all); err != nil {
		return err
	}
	for _, b := range branches {
		if !b.begun.Load().release() {
			return t.ctx.Err()
		}
	}
	return t.ctx.Err()
}

func (t *Transaction) checkEach(branches []*Branch, all bool) error {
	ctx, cancel := t.ctx, context.CancelFunc(nil)
	for _, b := range branches {
		begun := b.begun.Load()
		sure := begun.unseen.Load() || begun.suspicion.Load() != nil
		if len(branches) == 1 && !sure {
			continue
		}
		if !all && !sure {
			b.Resource.LookAtRows(true)
			continue // PREPARE asks, and so does the decision
		}
		if cancel == nil {
			ctx, cancel = t.within(t.ctx)
			defer cancel()
		}
		b.Resource.LookAtRows(true) // many drivers answer one query at a time
		if err := b.ask(ctx, begun, "check before COMMIT", sure); err != nil {
			return err
		}
	}
	return nil
}

// commitInOrder commits until one fails, and tells how many did not.
func commitInOrder(branches []*Branch) (committed int, err error) {
	for i, b := range branches {
		begun := b.begun.Load()
		begun.committing = true
		if err := b.inTime(begun, "COMMIT", begun.Tx.Commit); err != nil {
			return i, err
		}
	}
	return len(branches), nil
}

// report rolls back what is left after a failed COMMIT, and says which branches
// are where.
func report(branches []*Branch, committed int, err error) Outcome {
	failed, rest := branches[committed], branches[committed+1:]
	unknown := errors.Is(err, ErrNoAnswer) || failed.Resource.Undecided(err)
	cause := failed.Resource.Failed("COMMIT", err)
	if err := failed.end(failed.begun.Load()); err != nil && !errors.Is(err, sql.ErrTxDone) {
		// database/sql is done with it after COMMIT; a pool of another kind may not be
		cause = Join(cause, failed.Resource.Failed("ROLLBACK", err))
	}
	cause = Join(cause, rollback(rest))
	if committed == 0 && !unknown {
		return Outcome{RolledBack: branches, Err: cause}
	}
	return Outcome{Committed: branches[:committed], Failed: failed, Unknown: unknown, RolledBack: rest, Err: cause}
}
