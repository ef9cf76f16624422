package bindkey

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// AfterCommit has fn called once the outermost transaction that tx is in is
// committed in every database: for mails, messages and caches that must not
// tell of rows that are then rolled back. Outside a transaction it calls fn at
// once, as Rails' after_all_transactions_commit does; in a hook, the
// transaction is the default one around the statement. Functions are called in
// the order of registration, on the goroutine that commits, with the
// transaction's context, which no longer ends. tx itself is over by then.
//
// fn is not called if the transaction, or a savepoint before the
// registration, is rolled back, nor after a [*PartialCommitError]. An error
// that it returns comes back from Commit or Transaction as an
// [*AfterCommitError]: the rows are committed.
//
// AfterCommit returns fn's error where it called it, [gorm.ErrInvalidTransaction]
// where tx is in a transaction that is not the plugin's, and
// [database/sql.ErrTxDone] where the transaction is over.
func AfterCommit(tx *gorm.DB, fn func(context.Context) error) error {
	t, err := outcomeOf(tx)
	if err != nil {
		return err
	}
	if t == nil {
		return fn(context.WithoutCancel(tx.Statement.Context))
	}
	return t.xact.AfterCommit(t.afterwards(fn))
}

// AfterRollback has fn called once the outermost transaction that tx is in is
// rolled back in every database. It is not called if the transaction is
// committed, nor after a [*PartialCommitError]; one that was registered since
// a savepoint is forgotten when the transaction rolls back to that. Outside a
// transaction it does nothing. An error that fn returns is joined to that of
// the rollback. AfterRollback itself returns what [AfterCommit] does.
func AfterRollback(tx *gorm.DB, fn func(context.Context) error) error {
	t, err := outcomeOf(tx)
	if err != nil || t == nil {
		return err
	}
	return t.xact.AfterRollback(t.afterwards(fn))
}

// afterwards is a function that is called when the transaction is over: it keeps no
// tenant then, which the function might wait for the room of.
func (t *transaction) afterwards(fn func(context.Context) error) func(context.Context) error {
	if len(t.plugin.families) == 0 {
		return fn
	}
	return func(ctx context.Context) error {
		t.leaveTenants()
		return fn(ctx)
	}
}

// An AfterCommitError says that a transaction is committed, and that functions
// registered with [AfterCommit] failed afterwards.
type AfterCommitError struct {
	Err error // what the functions returned, joined
}

func (e *AfterCommitError) Error() string {
	return fmt.Sprintf("bindkey: the transaction is committed, but an AfterCommit function failed: %v", e.Err)
}

// Unwrap returns what the functions returned.
func (e *AfterCommitError) Unwrap() error { return e.Err }

// outcomeOf is the transaction whose outcome decides, or nil outside one.
func outcomeOf(tx *gorm.DB) (*transaction, error) {
	if t := transactionOf(tx); t != nil {
		return t, nil
	}
	if _, ok := unwrap(tx.Statement.ConnPool).(gorm.TxCommitter); ok {
		return nil, gorm.ErrInvalidTransaction
	}
	return nil, nil
}
