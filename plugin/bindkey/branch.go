package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// A branch is a transaction's part in one database. It is the connection pool
// of the statements routed there, and begins with the first of them.
type branch struct {
	onDemand
	tx   *transaction
	pool *boundPool

	begun    atomic.Pointer[begunBranch] // nil until BEGIN, and after a savepoint before it is rolled back to
	joinedAt int                         // how many savepoints the transaction had at BEGIN
	prepared preparedBranch
}

// A begunBranch is a branch's transaction in its database.
type begunBranch struct {
	tx gorm.Tx

	preparing sync.Once
	prepared  gorm.PreparedStmtTX // the same, with the pool's prepared statements
}

// A preparedBranch is a branch for a statement with PrepareStmt.
type preparedBranch struct {
	onDemand
	*branch
}

func newBranch(t *transaction, pool *boundPool) *branch {
	b := &branch{tx: t, pool: pool}
	b.finder = b
	b.prepared.branch = b
	b.prepared.onDemand.finder = &b.prepared
	return b
}

// forStatement is the branch as a statement's pool.
func (b *branch) forStatement(prepare bool) gorm.ConnPool {
	if prepare {
		return &b.prepared
	}
	return b
}

func (b *branch) owner() *Plugin { return b.tx.plugin }

func (b *branch) conn(context.Context) (gorm.ConnPool, error) {
	begun, err := b.begin()
	if err != nil {
		return nil, err
	}
	return begun.tx, nil
}

func (p *preparedBranch) conn(context.Context) (gorm.ConnPool, error) {
	begun, err := p.begin()
	if err != nil {
		return nil, err
	}
	begun.preparing.Do(func() {
		begun.prepared = gorm.PreparedStmtTX{Tx: begun.tx, PreparedStmtDB: p.pool.real.prepared()}
	})
	return &begun.prepared, nil
}

// begin begins the branch unless it has begun. The context is the
// transaction's, not the statement's: database/sql rolls back when it ends.
func (b *branch) begin() (*begunBranch, error) {
	if begun := b.begun.Load(); begun != nil {
		return begun, nil
	}
	b.tx.mu.Lock()
	defer b.tx.mu.Unlock()
	if begun := b.begun.Load(); begun != nil {
		return begun, nil
	}
	if b.tx.done {
		return nil, sql.ErrTxDone
	}
	tx, err := b.pool.real.begin(b.tx.branchCtx, b.tx.opts)
	if err != nil {
		if ended := b.tx.ctx.Err(); ended != nil && errors.Is(err, context.Canceled) {
			err = ended // branchCtx is only ever cancelled, even where ctx had a deadline
		}
		return nil, &BranchError{Key: b.pool.bind.key, Operation: "BEGIN", Err: err}
	}
	begun := &begunBranch{tx: tx}
	b.begun.Store(begun)
	b.joinedAt = len(b.tx.savepoints)
	b.tx.joined = append(b.tx.joined, b)
	return begun, nil
}

func (b *branch) rollback() error {
	begun := b.begun.Load()
	if begun == nil {
		return nil
	}
	return begun.tx.Rollback()
}

// Commit and Rollback are the transaction's: GORM calls them on whichever pool
// the statement carries.
func (b *branch) Commit() error { return b.tx.Commit() }

// Rollback rolls the whole transaction back.
func (b *branch) Rollback() error { return b.tx.Rollback() }

// StmtContext is of gorm.Tx, for the PreparedStmtTX that Session makes; a
// routed statement never gets here.
func (b *branch) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	begun, err := b.begin()
	if err != nil {
		return stmt
	}
	return begun.tx.StmtContext(ctx, stmt)
}

func (b *branch) GetDBConn() (*sql.DB, error) { return b.pool.GetDBConn() }

// A BranchError says in which bind a transaction's BEGIN, COMMIT, ROLLBACK or
// savepoint failed.
type BranchError struct {
	Key       string // the bind
	Operation string // "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", …
	Err       error  // what the driver said
}

func (e *BranchError) Error() string {
	return fmt.Sprintf("bindkey: %s in bind %q: %v", e.Operation, e.Key, e.Err)
}

// Unwrap returns the driver's error.
func (e *BranchError) Unwrap() error { return e.Err }
