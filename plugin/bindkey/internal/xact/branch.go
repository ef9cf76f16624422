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
	release    func() bool
	ending     sync.Once
	savepoints int32 // how many the transaction had at BEGIN
	rolledBack error // what ROLLBACK answered
}

// Init makes b a branch of a transaction, which has not begun.
func (b *Branch) Init(t *Transaction, r Resource) { b.t, b.Resource = t, r }

// HasBegun reports whether the branch is in its database.
func (b *Branch) HasBegun() bool { return b.begun.Load() != nil }

// Begin begins the branch unless it has begun. The context is the transaction's,
// not the statement's. Other branches don't wait for BEGIN, and neither does
// Rollback, since a pool may have no connection for a while.
func (b *Branch) Begin() (*Begun, error) {
	if err := b.t.ctx.Err(); err != nil {
		return nil, err // else database/sql says that the transaction is done
	}
	if begun := b.begun.Load(); begun != nil {
		return begun, nil
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
	if err := b.begin(begun); err != nil {
		return nil, b.Resource.Failed("BEGIN", err)
	}
	if err := b.t.join(b, begun); err != nil {
		return nil, Join(err, begun.rollback())
	}
	return begun, nil
}

// begin begins a transaction that is rolled back when the transaction's context
// ends, until it is released. BEGIN itself has a context that ends with that only
// meanwhile: database/sql and drivers keep it for COMMIT and ROLLBACK. If it ended
// later, a branch could be rolled back between the COMMITs of others, database/sql
// would roll back on a goroutine of its own that nobody can wait for, and pgx
// would close the connection in the place of ROLLBACK.
func (b *Branch) begin(begun *Begun) error {
	ctx := b.t.ctx
	if ctx.Done() == nil {
		tx, err := b.Resource.Begin(ctx, b.t.opts)
		begun.Tx, begun.release = tx, func() bool { return true }
		return err
	}
	beginCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, cancel)
	tx, err := b.Resource.Begin(beginCtx, b.t.opts)
	if !detach() {
		if err == nil {
			_ = tx.Rollback() // or database/sql does it at this moment; nothing was written
		}
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	begun.Tx = tx
	begun.release = context.AfterFunc(ctx, begun.end)
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

// end rolls back once; who comes second waits.
func (b *Begun) end() {
	b.ending.Do(func() { b.rolledBack = b.Tx.Rollback() })
}

func (b *Begun) rollback() error {
	b.release()
	b.end()
	return b.rolledBack
}

func (b *Branch) rollback() error {
	begun := b.begun.Load()
	if begun == nil {
		return nil
	}
	return begun.rollback()
}
