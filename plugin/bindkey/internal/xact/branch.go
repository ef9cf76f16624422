package xact

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
)

// A Branch is a transaction's part in one database, and begins with the first
// statement that needs it.
type Branch struct {
	Resource Resource
	t        *Transaction

	beginning sync.Mutex
	begun     atomic.Pointer[Begun] // nil until BEGIN, and after a savepoint before it is rolled back to

	first Begun // enough for most branches, in its own memory
}

// A Begun is a branch's transaction in its database.
type Begun struct {
	Tx Tx

	// release keeps the end of the transaction's context from rolling back. It
	// is false where that has begun already.
	release func() bool
	// abandon ends the context of BEGIN, which drivers keep for COMMIT and ROLLBACK.
	abandon    context.CancelFunc
	ending     sync.Once
	savepoints int32 // how many the transaction had at BEGIN
	prepared   bool  // it is, in two phases
	committing bool  // COMMIT was sent: the ROLLBACK after one that failed is no call of its own
	rolledBack error // what ROLLBACK answered

	suspicion atomic.Pointer[suspicion] // nil: none
	unseen    atomic.Bool               // statements may have failed without anybody telling
	exposed   atomic.Bool               // the program sends statements past the branch
}

// Init makes b a branch of a transaction, which has not begun.
func (b *Branch) Init(t *Transaction, r Resource) { b.t, b.Resource = t, r }

// HasBegun reports whether the branch is in its database.
func (b *Branch) HasBegun() bool { return b.begun.Load() != nil }

// InDatabase is what has begun there, or nil.
func (b *Branch) InDatabase() *Begun { return b.begun.Load() }

// EnsureBegun begins the branch unless it has begun, and makes sure that it is still in
// its transaction if there is doubt. It waits no longer than ctx, a statement's; what
// it begins goes by the transaction's. Other branches don't wait for BEGIN, and
// neither does Rollback, since a pool may have no connection for a while.
func (b *Branch) EnsureBegun(ctx context.Context) (*Begun, error) {
	if err := b.t.refused(); err != nil {
		return nil, err // else database/sql says that the transaction is done
	}
	if begun := b.begun.Load(); begun != nil {
		return begun, b.makeSure(ctx, begun, begun.exposed.Load())
	}
	b.beginning.Lock()
	defer b.beginning.Unlock()
	if begun := b.begun.Load(); begun != nil {
		return begun, nil
	}
	if b.t.done.Load() {
		return nil, sql.ErrTxDone
	}
	begun := &b.first
	if begun.Tx != nil {
		begun = new(Begun) // again, after a savepoint before it
	}
	if err := b.beginTx(ctx, begun); err != nil {
		return nil, b.Resource.Failed("BEGIN", err)
	}
	if err := b.t.join(b, begun); err != nil {
		return nil, Join(err, b.end(begun))
	}
	return begun, nil
}

// beginTx begins a transaction that is rolled back when the transaction's context
// ends, until it is released. BEGIN itself has a context that ends with that, and
// with the statement's, only meanwhile: database/sql and drivers keep it for COMMIT
// and ROLLBACK. If it ended later, a branch could be rolled back between the COMMITs
// of others, database/sql would roll back on a goroutine of its own that nobody can
// wait for, and pgx would close the connection in the place of ROLLBACK.
func (b *Branch) beginTx(ctx context.Context, begun *Begun) error {
	t := b.t.ctx
	if t.Done() == nil && ctx.Done() == nil && !b.Resource.Waits() {
		tx, err := b.Resource.BeginTx(t, b.t.opts)
		begun.Tx, begun.release, begun.abandon = tx, func() bool { return true }, func() {}
		return err
	}
	beginCtx, cancel := context.WithCancel(context.WithoutCancel(t))
	detach, detachStatement := context.AfterFunc(t, cancel), func() bool { return true }
	if ctx != t && ctx.Done() != nil {
		detachStatement = context.AfterFunc(ctx, cancel)
	}
	tx, err := b.Resource.BeginTx(beginCtx, b.t.opts)
	begun.abandon = cancel
	alive, wanted := detach(), detachStatement()
	if !alive || !wanted {
		if err == nil {
			_ = b.inTime(begun, "ROLLBACK", tx.Rollback) // or database/sql does it at this moment; nothing was written
		}
		if !alive {
			return t.Err()
		}
		return ctx.Err()
	}
	if err != nil {
		cancel()
		return err
	}
	begun.Tx = tx
	begun.release = context.AfterFunc(t, func() { b.rollbackOnce(begun) })
	return nil
}

// join makes a branch that has begun one of the transaction's, unless the
// transaction is over by now.
func (t *Transaction) join(b *Branch, begun *Begun) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done.Load() {
		return sql.ErrTxDone
	}
	begun.savepoints = int32(len(t.savepoints))
	b.begun.Store(begun)
	t.joined = append(t.joined, b)
	return nil
}
