package bindkey

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"sort"
	"strings"
	"syscall"
)

// Commit commits the branches in stages: check that each is alive, commit
// them in order, report. A failure before the first COMMIT has succeeded rolls
// everything back; one after it is a [*PartialCommitError]. A prepare stage
// and a decision record would stand between check and commit.
func (t *transaction) Commit() error {
	joined, err := t.end()
	if err != nil {
		return err
	}
	branches := t.commitOrder(joined)
	if err := t.check(branches); err != nil {
		return joinErrors(err, rollback(branches), t.rolledBack())
	}
	committed, err := commitInOrder(branches)
	if err == nil {
		return t.committed()
	}
	err = report(branches, committed, err)
	if !errors.Is(err, ErrPartialCommit) {
		err = joinErrors(err, t.rolledBack())
	}
	return err
}

// commitOrder is the order of the COMMITs: the binds of the option
// CommitOrder, then those that joined, in the order they did, and the default
// bind last.
func (t *transaction) commitOrder(joined []*branch) []*branch {
	if len(joined) < 2 {
		return joined
	}
	place := func(b *branch) int {
		for i, key := range t.plugin.order {
			for _, bind := range b.binds {
				if key == bind.key {
					return i
				}
			}
		}
		if hasBind(b.binds, t.plugin.defaultBind()) {
			return len(t.plugin.order) + 1
		}
		return len(t.plugin.order)
	}
	ordered := append([]*branch(nil), joined...)
	sort.SliceStable(ordered, func(i, j int) bool { return place(ordered[i]) < place(ordered[j]) })
	return ordered
}

// check asks every branch for a sign of life, so that a connection already
// lost, a cancelled context or an aborted PostgreSQL transaction is found
// while everything can still be rolled back. One branch alone needs none: its
// COMMIT tells. After the check, the end of the context changes nothing more.
func (t *transaction) check(branches []*branch) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	doomed := t.doomed
	t.mu.Unlock()
	if doomed != nil {
		return doomed
	}
	if len(branches) > 1 {
		for _, b := range branches {
			if err := b.alive(t.ctx); err != nil {
				return b.failed("check before COMMIT", err)
			}
		}
	}
	for _, b := range branches {
		if !b.begun.Load().release() {
			return t.ctx.Err()
		}
	}
	return t.ctx.Err()
}

// alive makes the database answer, in the branch.
func (b *branch) alive(ctx context.Context) error {
	rows, err := b.begun.Load().tx.QueryContext(ctx, "SELECT 1")
	if err != nil {
		return err
	}
	for rows.Next() { // to the end: some drivers tell only there
	}
	return errors.Join(rows.Err(), rows.Close())
}

// commitInOrder commits until one fails, and tells how many did not.
func commitInOrder(branches []*branch) (committed int, err error) {
	for i, b := range branches {
		if err := b.begun.Load().tx.Commit(); err != nil {
			return i, err
		}
	}
	return len(branches), nil
}

// report rolls back what is left after a failed COMMIT, and says which rows
// are where.
func report(branches []*branch, committed int, err error) error {
	failed, rest := branches[committed], branches[committed+1:]
	unknown := lostConnection(err)
	cause := error(failed.failed("COMMIT", err))
	if err := failed.rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		// database/sql is done with it after COMMIT; a pool of another kind may not be
		cause = joinErrors(cause, failed.failed("ROLLBACK", err))
	}
	cause = joinErrors(cause, rollback(rest))
	if committed == 0 && !unknown {
		return cause
	}
	return &PartialCommitError{
		Committed:  keysOf(branches[:committed]),
		Failed:     failed.pool.bind.key,
		Unknown:    unknown,
		RolledBack: keysOf(rest),
		Err:        cause,
	}
}

func keysOf(branches []*branch) []string {
	keys := make([]string, 0, len(branches))
	for _, b := range branches {
		for _, bind := range b.binds {
			keys = append(keys, bind.key)
		}
	}
	return keys
}

// lostConnection reports whether an error says that the connection went away,
// so that nobody knows whether the database did what it was asked.
func lostConnection(err error) bool {
	var netErr net.Error
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.As(err, &netErr) && !errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var state interface{ SQLState() string } // pgx and lib/pq have it
	if errors.As(err, &state) {
		switch code := state.SQLState(); {
		case len(code) == 5 && code[:2] == "08", code == "57P01", code == "57P02":
			return true
		}
	}
	for ; err != nil; err = errors.Unwrap(err) {
		// go-sql-driver/mysql's, without importing it: ErrInvalidConn, and the
		// server's last words when it shuts down or an administrator kills the connection
		switch text := err.Error(); {
		case text == "invalid connection", strings.HasPrefix(text, "Error 1053 "), strings.HasPrefix(text, "Error 1927 "):
			return true
		}
	}
	return false
}
