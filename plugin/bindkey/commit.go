package bindkey

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"sort"
	"strings"
	"syscall"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// Commit commits the branches in the stages of package xact. A failure before the
// first COMMIT has succeeded rolls everything back; one after it is a
// [*PartialCommitError].
func (t *transaction) Commit() error {
	switch outcome := t.xact.Commit(); {
	case outcome.Partial():
		return &PartialCommitError{
			Committed:  keysOf(outcome.Committed),
			Failed:     branchOf(outcome.Failed).pool.bind.key,
			Unknown:    outcome.Unknown,
			RolledBack: keysOf(outcome.RolledBack),
			Err:        outcome.Err,
		}
	case outcome.Waiting != nil:
		return &AfterCommitError{Err: outcome.Waiting}
	default:
		return outcome.Err
	}
}

// commitOrder is the order of the COMMITs: the binds of the option
// CommitOrder, then those that joined, in the order they did, and the default
// bind last.
func (p *Plugin) commitOrder(joined []*xact.Branch) []*xact.Branch {
	place := func(b *branch) int {
		for i, key := range p.order {
			for _, bind := range b.binds {
				if key == bind.key {
					return i
				}
			}
		}
		if hasBind(b.binds, p.defaultBind()) {
			return len(p.order) + 1
		}
		return len(p.order)
	}
	ordered := append([]*xact.Branch(nil), joined...)
	sort.SliceStable(ordered, func(i, j int) bool { return place(branchOf(ordered[i])) < place(branchOf(ordered[j])) })
	return ordered
}

func keysOf(branches []*xact.Branch) []string {
	keys := make([]string, 0, len(branches))
	for _, b := range branches {
		for _, bind := range branchOf(b).binds {
			keys = append(keys, bind.key)
		}
	}
	return keys
}

// Lost is of xact.Resource.
func (*branch) Lost(err error) bool { return lostConnection(err) }

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
