package bindkey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// An InDoubtError says that the answer to the decider's COMMIT was lost, and that the
// decider can't be asked: nobody knows whether the transaction is committed. Its prepared
// branches keep their locks until recovery finds out. The program must not run the
// transaction again before.
type InDoubtError struct {
	GID     string   // the transaction's id, as databases and the table of decisions have it
	Decider string   // the bind that has to be asked
	Binds   []string // whose branches are prepared
	Err     error    // what the databases said
}

func (e *InDoubtError) Error() string {
	return fmt.Sprintf("bindkey: transaction %s is in doubt: the answer to its COMMIT in bind %q is lost, and that can't be asked; its branches in %s stay prepared, and keep their locks, until Plugin.Recover or gormbind recover can ask it; do not run the transaction again before: %v",
		e.GID, e.Decider, list(e.Binds), e.Err)
}

// Is reports whether target is [ErrInDoubt].
func (e *InDoubtError) Is(target error) bool { return target == ErrInDoubt }

// Unwrap returns what the databases said.
func (e *InDoubtError) Unwrap() error { return e.Err }

// A PendingError says that a transaction is committed, and that the rows of some binds
// may not be visible yet: their branches are prepared, and recovery commits them, unless
// they are committed and only the answer was lost. Nothing
// has to be run again. Functions of [AfterCommit] have run.
type PendingError struct {
	GID   string
	Binds []string // whose branches are committed later
	Err   error    // what the databases said, and what functions of AfterCommit returned
}

func (e *PendingError) Error() string {
	return fmt.Sprintf("bindkey: transaction %s is committed, but its rows in %s may not be visible yet: recovery commits them once the database answers; do not run the transaction again: %v",
		e.GID, list(e.Binds), e.Err)
}

// Is reports whether target is [ErrPending].
func (e *PendingError) Is(target error) bool { return target == ErrPending }

// Unwrap returns what the databases said.
func (e *PendingError) Unwrap() error { return e.Err }

// A HeuristicError says that a transaction was decided to be committed, and that others,
// neither its coordinator nor recovery, have finished a branch: an operator by hand, for
// example. Whether that is committed, the database does not tell. The decision stays in
// the table until it is deleted by hand. No functions of AfterCommit have run.
type HeuristicError struct {
	GID  string
	Bind string // the first one, if there are several
	Err  error  // what the databases said
}

func (e *HeuristicError) Error() string {
	return fmt.Sprintf("bindkey: transaction %s is committed, but its branch in bind %q was finished by others: look whether its rows are there, and write them if they are not; its decision is kept: %v", e.GID, e.Bind, e.Err)
}

// Is reports whether target is [ErrHeuristic].
func (e *HeuristicError) Is(target error) bool { return target == ErrHeuristic }

// Unwrap returns what the databases said.
func (e *HeuristicError) Unwrap() error { return e.Err }

// told is the error of a transaction that is in doubt, or committed and not finished.
func (c *commitment) told(outcome xact.Outcome) error {
	if outcome.InDoubt != nil {
		return &InDoubtError{GID: c.gid, Decider: c.on.decider.key, Binds: keysOf(outcome.InDoubt), Err: outcome.Err}
	}
	var (
		pending, others []*xact.Branch
		failures        []error
	)
	for _, left := range outcome.Unfinished {
		failures = append(failures, left.Err)
		if left.Others {
			others = append(others, left.Branch)
		} else {
			pending = append(pending, left.Branch)
		}
	}
	if outcome.Waiting != nil {
		failures = append(failures, &AfterCommitError{Err: outcome.Waiting})
	}
	if len(others) == 0 {
		return &PendingError{GID: c.gid, Binds: keysOf(pending), Err: xact.Join(failures...)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := c.on.store.KeepForGood(ctx, c.gid); err != nil {
		failures = append(failures, fmt.Errorf("the decision could not be kept for good: %w", err))
	}
	err := error(&HeuristicError{GID: c.gid, Bind: asBranch(others[0]).pool.bind.key, Err: xact.Join(failures...)})
	if len(pending) > 0 {
		err = errors.Join(err, &PendingError{GID: c.gid, Binds: keysOf(pending), Err: xact.Join(failures...)})
	}
	return err
}
