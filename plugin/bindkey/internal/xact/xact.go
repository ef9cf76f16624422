// Package xact is a transaction over several databases: its part in each is a
// branch, which begins late; savepoints reach all of them, and COMMIT goes through
// stages to an outcome that is told. It knows database/sql, and no GORM.
package xact

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
)

// A Resource is a database that a transaction may have a branch in.
type Resource interface {
	// Begin begins a transaction there.
	Begin(context.Context, *sql.TxOptions) (Tx, error)
	// Ping has the database answer, in the transaction.
	Ping(context.Context, Tx) error
	// Lost reports whether an error says that the connection went away, so that
	// nobody knows whether the database did what it was asked.
	Lost(error) bool
	// Failed is an error of an operation ("BEGIN", "COMMIT", …) that names the
	// resource.
	Failed(operation string, err error) error
}

// A Tx is a transaction in one database.
type Tx interface {
	Commit() error
	Rollback() error
}

// A Preparer is a Tx that can promise to commit: two-phase commit would prepare
// all branches but one between the stages check and commit.
type Preparer interface {
	Prepare(ctx context.Context, gid string) error
}

// A Transaction spans resources. No branch begins before it is needed, and
// several goroutines may use it.
type Transaction struct {
	ctx  context.Context // of Begin
	opts *sql.TxOptions
	// order puts branches into the order of their COMMITs.
	order func([]*Branch) []*Branch

	mu         sync.Mutex
	done       atomic.Bool // set with mu held
	doomed     error       // why it can only be rolled back
	joined     []*Branch   // begun, in the order of their BEGIN
	savepoints []savepoint // set and not rolled back, in order
	waiting    *waiting    // functions that wait for the outcome; nil: none

	firstJoined [1]*Branch // enough for most transactions, in its own memory
}

// Init makes t a transaction. Its branches begin with opts, and are rolled back
// when ctx ends.
func (t *Transaction) Init(ctx context.Context, opts *sql.TxOptions, order func([]*Branch) []*Branch) {
	t.ctx, t.order = ctx, order
	t.joined = t.firstJoined[:0]
	if opts != nil {
		kept := *opts // BEGIN comes later
		t.opts = &kept
	}
}

// Context is that of Begin.
func (t *Transaction) Context() context.Context { return t.ctx }

// ReadOnly reports whether the transaction was begun for reading alone.
func (t *Transaction) ReadOnly() bool { return t.opts != nil && t.opts.ReadOnly }

// Begun are the branches that have begun, in that order.
func (t *Transaction) Begun() []*Branch {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.joined[:len(t.joined):len(t.joined)]
}

// Rollback rolls every branch back, even if one fails; the failures are joined,
// with what the functions that wait for it return.
func (t *Transaction) Rollback() error {
	joined, err := t.end()
	if err != nil {
		return err
	}
	return Join(rollback(joined), t.rolledBack())
}

// end closes the transaction for statements, and tells its begun branches.
func (t *Transaction) end() ([]*Branch, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done.Load() {
		return nil, sql.ErrTxDone
	}
	t.done.Store(true)
	return t.joined, nil
}

func rollback(branches []*Branch) error {
	var failures []error
	for _, b := range branches {
		if err := b.rollback(); err != nil {
			failures = append(failures, b.Resource.Failed("ROLLBACK", err))
		}
	}
	return Join(failures...)
}

// Join is errors.Join, but an error alone stays what it is.
func Join(errs ...error) error {
	var only error
	for _, err := range errs {
		switch {
		case err == nil:
		case only == nil:
			only = err
		default:
			return errors.Join(errs...)
		}
	}
	return only
}
