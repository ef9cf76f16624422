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
	"time"
)

// A Resource is a database that a transaction may have a branch in.
type Resource interface {
	// BeginTx begins a transaction there.
	BeginTx(context.Context, *sql.TxOptions) (Tx, error)
	// Ask has the database answer in the transaction. If it is to be sure, since a
	// statement has failed there or may have, the answer is whether the connection is
	// still in the transaction that was begun.
	Ask(ctx context.Context, tx Tx, sure bool) error
	// Ended reports whether an answer to Ask says that the connection is not.
	Ended(error) bool
	// LookAtRows sees which of the rows that the program was given have ended, and
	// closes those that it has left open, if it is to, as COMMIT does.
	LookAtRows(closing bool)
	// Undecided reports whether nobody knows, after an error that answered COMMIT,
	// whether the database has committed: the connection is lost, for example.
	Undecided(error) bool
	// Waits reports whether the answer to COMMIT or ROLLBACK may never come.
	Waits() bool
	// Interruptible reports whether that wait ends with the context of BEGIN.
	Interruptible() bool
	// Failed is an error of an operation ("BEGIN", "COMMIT", …) that names the
	// resource.
	Failed(operation string, err error) error
	// Ends tells who observes the transaction that it is about to send COMMIT or
	// ROLLBACK, and what it returns is told the answer; nil: nobody wants to know.
	Ends(operation string) (answered func(error))
}

// Hooks are what transactions of one owner have in common.
type Hooks struct {
	// Order puts branches into the order of their COMMITs.
	Order func([]*Branch) []*Branch
	// Ended is told what has become of a transaction, with the context of Begin, before
	// the functions that wait for the outcome are called; nil: nobody wants to know.
	Ended func(context.Context, Outcome)
}

// A Tx is a transaction in one database. Where Commit or Rollback fails, it sees to it
// that nobody else gets its connection. Rollback does not wait for a Commit that has
// no answer yet.
type Tx interface {
	Commit() error
	Rollback() error
}

// A Transaction spans resources. No branch begins before it is needed, and
// several goroutines may use it.
type Transaction struct {
	ctx   context.Context // of Begin
	opts  *sql.TxOptions
	hooks *Hooks
	limit time.Duration // of waiting for COMMIT and ROLLBACK

	mu         sync.Mutex
	done       atomic.Bool           // set with mu held
	doomed     atomic.Pointer[error] // why it can only be rolled back
	joined     []*Branch             // begun, in the order of their BEGIN
	savepoints []savepoint           // set and not rolled back, in order
	waiting    *waiting              // functions that wait for the outcome; nil: none

	firstJoined [1]*Branch // enough for most transactions, in its own memory
}

// Init makes t a transaction. Its branches begin with opts, and are rolled back
// when ctx ends. The answers to COMMIT and ROLLBACK are waited for until the limit
// after ctx has ended; if that has no deadline, until the limit after they were sent.
func (t *Transaction) Init(ctx context.Context, opts *sql.TxOptions, hooks *Hooks, limit time.Duration) {
	t.ctx, t.hooks, t.limit = ctx, hooks, limit
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

// Serializable reports whether the transaction was begun to be, so that reading locks.
func (t *Transaction) Serializable() bool {
	return t.opts != nil && t.opts.Isolation >= sql.LevelSerializable
}

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
	err = rollback(joined)
	t.ended(Outcome{RolledBack: joined, Undone: true, Err: err})
	return Join(err, t.rolledBack())
}

// GiveUp ends a transaction that nobody gets, since its first branch could not begin.
func (t *Transaction) GiveUp(why error) {
	if joined, err := t.end(); err == nil {
		t.ended(Outcome{RolledBack: joined, Undone: true, Err: Join(why, rollback(joined))})
	}
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

// ended tells what has become of the transaction.
func (t *Transaction) ended(o Outcome) {
	if t.hooks.Ended == nil {
		return
	}
	if doomed := t.doomed.Load(); doomed != nil {
		o.Doomed = *doomed
	}
	t.hooks.Ended(t.ctx, o)
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
