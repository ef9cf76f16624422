package xact

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A Participant is a resource whose branch may prepare: it then has promised that
// COMMIT will succeed, also after a crash and on another connection.
type Participant interface {
	Resource
	// Wrote reports whether the branch has written, or may have.
	Wrote(ctx context.Context, tx Tx) (bool, error)
	// Prepare has the database make the promise.
	Prepare(ctx context.Context, tx Tx) error
	// Abandon closes the connection of a prepared branch, and leaves the branch as it is.
	Abandon(tx Tx)
	// Elsewhere is what an error of a prepared branch's COMMIT or ROLLBACK means if the branch was
	// finished by others: by recovery, which is no error, or against all rules, which
	// stays one; others are false.
	Elsewhere(err error) (by bool, still error)
}

// A Protocol makes COMMIT of several branches that have written one in two phases:
// prepare, decide, finish. The decider's branch never prepares. Its COMMIT, with the
// decision among what it has written, is the decision.
type Protocol interface {
	// Decider is the branch where the decision is written, begun or not.
	Decider() (*Branch, error)
	// Decide writes the decision to commit into the decider's branch.
	Decide(ctx context.Context, tx Tx, prepared []*Branch) error
	// Refused is why a decision could not be written, if recovery has decided before.
	Refused(ctx context.Context) error
	// Resolve finds out what was decided, where the answer to the decider's COMMIT was
	// lost or was an error: if there is no decision, it decides not to commit.
	Resolve(ctx context.Context) (committed bool, err error)
}

// CommitTwoPhase is Commit in two phases, where several branches have written. The
// resources are Participants.
func (t *Transaction) CommitTwoPhase(p Protocol) Outcome { return t.commit(p) }

// An Unfinished branch is one whose transaction is committed and which is still
// prepared, or was finished by others.
type Unfinished struct {
	Branch *Branch
	Err    error
	Others bool // it was finished, nobody knows how
}

// commitTwoPhase commits branches that have been checked. Each branch is first asked
// whether it has written. Those that have not end before anything is decided; with one
// left, or none, its COMMIT is the transaction's.
func (t *Transaction) commitTwoPhase(protocol Protocol, branches []*Branch) Outcome {
	ctx, cancel := t.afterwards()
	defer cancel()
	readers, writers, err := t.vote(ctx, branches)
	var decider *Branch
	if err == nil && len(writers) > 1 {
		decider, err = protocol.Decider()
	}
	if err != nil {
		return t.undone(err, branches)
	}
	left := branches
	for _, b := range readers {
		if b == decider {
			continue // it has the decision still to come
		}
		left = without(left, b)
		begun := b.begun.Load()
		begun.committing = true
		if err := b.inTime(begun, "COMMIT", begun.Tx.Commit); err != nil {
			_ = b.end(begun) // database/sql is done with it; a pool of another kind may not be
			return t.undone(b.Resource.Failed("COMMIT", err), left)
		}
	}
	if len(writers) < 2 {
		committed, err := commitInOrder(writers)
		if err == nil {
			return t.settle(Outcome{Committed: branches})
		}
		return t.settle(report(writers, committed, err))
	}
	return t.decide(ctx, protocol, decider, writers)
}

func without(branches []*Branch, b *Branch) (others []*Branch) {
	for _, one := range branches {
		if one != b {
			others = append(others, one)
		}
	}
	return others
}

// vote tells branches that have written from those that have only read.
func (t *Transaction) vote(ctx context.Context, branches []*Branch) (readers, writers []*Branch, err error) {
	for _, b := range branches {
		wrote, err := b.Resource.(Participant).Wrote(ctx, b.begun.Load().Tx)
		switch {
		case err != nil:
			return nil, nil, b.Resource.Failed("check before PREPARE", err)
		case wrote:
			writers = append(writers, b)
		default:
			readers = append(readers, b)
		}
	}
	return readers, writers, nil
}

// undone is the outcome of what is rolled back everywhere.
func (t *Transaction) undone(err error, branches []*Branch) Outcome {
	return t.settle(Outcome{RolledBack: branches, Err: Join(err, rollback(branches))})
}

// decide prepares all branches but the decider's, writes the decision there, commits
// it, and finishes the others.
func (t *Transaction) decide(ctx context.Context, protocol Protocol, decider *Branch, writers []*Branch) Outcome {
	var prepared []*Branch
	for _, b := range writers {
		if b != decider {
			prepared = append(prepared, b)
		}
	}
	if err := Join(each(prepared, func(b *Branch) error {
		err := observed(b, "PREPARE", func() error { return b.Resource.(Participant).Prepare(ctx, b.begun.Load().Tx) })
		if err != nil {
			return b.Resource.Failed("PREPARE", err)
		}
		b.begun.Load().prepared = true
		return nil
	})...); err != nil {
		if decider.HasBegun() {
			prepared = append(prepared, decider)
		}
		return t.undone(err, prepared)
	}
	if !decider.HasBegun() {
		if err := decider.beginAlone(ctx); err != nil {
			return t.undone(decider.Resource.Failed("BEGIN", err), prepared)
		}
	}
	begun := decider.begun.Load()
	all := append(prepared[:len(prepared):len(prepared)], decider)
	if err := observed(decider, "DECIDE", func() error { return protocol.Decide(ctx, begun.Tx, prepared) }); err != nil {
		failures := rollback(all) // before anybody is asked: the row may be locked
		ctx, cancel := t.afterwards()
		defer cancel()
		return t.settle(Outcome{RolledBack: all, Err: Join(protocol.Refused(ctx), decider.Resource.Failed("writing the decision", err), failures)})
	}
	begun.committing = true
	if err := decider.inTime(begun, "COMMIT", begun.Tx.Commit); err != nil {
		cause := decider.Resource.Failed("COMMIT", err)
		_ = decider.end(begun) // database/sql is done with it; a pool of another kind may not be
		ctx, cancel := t.afterwards()
		defer cancel()
		committed, err := protocol.Resolve(ctx)
		if err != nil {
			abandon(prepared)
			return t.settle(Outcome{Failed: decider, Unknown: true, InDoubt: prepared, Err: Join(cause, err)})
		}
		if !committed {
			return t.undone(cause, prepared)
		}
	}
	return t.finish(decider, prepared)
}

// observed makes a call, and tells who observes the branch.
func observed(b *Branch, operation string, call func() error) (err error) {
	if answered := b.Resource.Ends(operation); answered != nil {
		defer func() { answered(err) }()
	}
	return call()
}

// abandon leaves the prepared branches to recovery, since nobody knows what was decided.
func abandon(branches []*Branch) {
	each(branches, func(b *Branch) error {
		begun := b.begun.Load()
		begun.ending.Do(func() {
			begun.rolledBack = b.inTime(begun, "", func() error {
				b.Resource.(Participant).Abandon(begun.Tx)
				return nil
			})
		})
		return nil
	})
}

// finish commits prepared branches. The transaction is committed, whatever they answer.
func (t *Transaction) finish(decider *Branch, prepared []*Branch) Outcome {
	failures := each(prepared, func(b *Branch) error {
		begun := b.begun.Load()
		return b.inTime(begun, "COMMIT", begun.Tx.Commit)
	})
	var outcome Outcome
	for i, err := range failures {
		b := prepared[i]
		if err == nil {
			outcome.Committed = append(outcome.Committed, b)
			continue
		}
		by, still := b.Resource.(Participant).Elsewhere(err)
		if by && still != nil {
			outcome.Failed, outcome.Unknown = b, true
		} else {
			outcome.Committed = append(outcome.Committed, b) // by recovery
		}
		if by && still == nil {
			continue
		}
		outcome.Unfinished = append(outcome.Unfinished, Unfinished{b, b.Resource.Failed("COMMIT of what is prepared", err), by})
	}
	outcome.Committed = append(outcome.Committed, decider)
	return t.settle(outcome)
}

// beginAlone begins a branch for the decision alone. The transaction takes no statement
// any more.
func (b *Branch) beginAlone(ctx context.Context) error {
	beginCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, cancel)
	tx, err := b.Resource.BeginTx(beginCtx, nil)
	begun := &Begun{Tx: tx, release: func() bool { return true }, abandon: cancel}
	if alive := detach(); err == nil && !alive {
		err = errors.Join(ctx.Err(), b.inTime(begun, "ROLLBACK", tx.Rollback))
	}
	if err != nil {
		cancel()
		return err
	}
	b.begun.Store(begun)
	return nil
}

// afterwards is a context for what COMMIT sends before the decision, or to find out what
// was decided. Like inTime it ends when the limit has passed since the transaction's own
// has ended, or since now.
func (t *Transaction) afterwards() (context.Context, context.CancelFunc) {
	end := time.Now().Add(t.limit)
	if deadline, ok := t.ctx.Deadline(); ok && deadline.Add(t.limit).After(end) {
		end = deadline.Add(t.limit)
	}
	return context.WithDeadline(context.WithoutCancel(t.ctx), end)
}

// each calls one for each branch, all at once.
func each(branches []*Branch, one func(*Branch) error) []error {
	failures := make([]error, len(branches))
	var all sync.WaitGroup
	for i := 1; i < len(branches); i++ {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			failures[i] = one(branches[i])
		}()
	}
	if len(branches) > 0 {
		failures[0] = one(branches[0])
	}
	all.Wait()
	return failures
}
