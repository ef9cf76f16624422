package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A branch is a transaction's part in one database. It is the connection pool
// of the statements routed there, and begins with the first of them.
type branch struct {
	onDemand
	tx    *transaction
	pool  *boundPool
	binds []*bind // that share it, since they are in one database; the pool's own first

	beginning sync.Mutex
	begun     atomic.Pointer[begunBranch] // nil until BEGIN, and after a savepoint before it is rolled back to
	prepared  preparedBranch

	// What most branches need and no more, in the branch's own memory.
	firstBegun begunBranch
}

// A begunBranch is a branch's transaction in its database.
type begunBranch struct {
	tx gorm.Tx

	// release keeps the end of the transaction's context from rolling back. It
	// is false where that has begun already.
	release    func() bool
	ending     sync.Once
	savepoints int32 // how many the transaction had at BEGIN
	rolledBack error // what ROLLBACK answered

	prepared   atomic.Pointer[gorm.PreparedStmtTX] // the same, with the pool's prepared statements
	preparedTx gorm.PreparedStmtTX
}

// A preparedBranch is a branch for a statement with PrepareStmt.
type preparedBranch struct {
	onDemand
	*branch
}

func (b *branch) init(t *transaction, pool *boundPool) *branch {
	b.tx, b.pool = t, pool
	b.binds = pool.bind.alone
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

func (b *branch) outgoing(_ context.Context, query string, args []any) (string, error) {
	if err := b.controls(query); err != nil {
		return "", err
	}
	return b.pool.bind.outgoing(query, args, b.tx.ambient, false)
}

// controls refuses a statement that would commit the branch behind the
// transaction's back, while others have begun: DDL on MySQL. Alone, the branch is
// as committed as in plain GORM, and no other begins any more.
func (b *branch) controls(query string) error {
	on := b.pool.bind
	if on.written != sqlscan.MySQL || on.plugin.memory.Need(query, on.written)&sqlscan.NeedControl == 0 {
		return nil
	}
	commits := on.plugin.memory.Scan(query, on.written).Commits
	if commits == "" {
		return nil
	}
	t := b.tx
	t.mu.Lock()
	defer t.mu.Unlock()
	err := &ImplicitCommitError{Key: on.key, Statement: commits}
	for _, other := range t.joined {
		if other != b {
			err.Begun = append(err.Begun, other.pool.bind.key)
		}
	}
	if len(err.Begun) > 0 {
		return err
	}
	t.committing = err
	return nil
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
	if prepared := begun.prepared.Load(); prepared != nil {
		return prepared, nil
	}
	p.beginning.Lock()
	defer p.beginning.Unlock()
	if begun.prepared.Load() == nil {
		begun.preparedTx = gorm.PreparedStmtTX{Tx: begun.tx, PreparedStmtDB: p.pool.real.prepared()}
		begun.prepared.Store(&begun.preparedTx)
	}
	return begun.prepared.Load(), nil
}

// begin begins the branch unless it has begun. The context is the
// transaction's, not the statement's. Other branches don't wait for BEGIN, and
// neither does Rollback, since a pool may have no connection for a while.
func (b *branch) begin() (*begunBranch, error) {
	if err := b.tx.ctx.Err(); err != nil {
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
	if err := b.tx.mayBegin(b); err != nil {
		return nil, err
	}
	begun := &b.firstBegun
	if begun.tx != nil {
		begun = new(begunBranch) // again, after a savepoint before it
	}
	if err := b.pool.real.branch(b.tx.ctx, b.tx.opts, begun); err != nil {
		return nil, b.failed("BEGIN", err)
	}
	if err := b.tx.join(b, begun); err != nil {
		return nil, joinErrors(err, begun.rollback())
	}
	return begun, nil
}

// branch begins a transaction that is rolled back when ctx ends, until it is
// released. BEGIN itself has a context that ends with ctx only meanwhile:
// database/sql and drivers keep it for COMMIT and ROLLBACK. If it ended later,
// a branch could be rolled back between the COMMITs of others, database/sql
// would roll back on a goroutine of its own that nobody can wait for, and pgx
// would close the connection in the place of ROLLBACK.
func (r *realPool) branch(ctx context.Context, opts *sql.TxOptions, begun *begunBranch) error {
	if ctx.Done() == nil {
		tx, err := r.begin(ctx, opts)
		begun.tx, begun.release = tx, func() bool { return true }
		return err
	}
	beginCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, cancel)
	tx, err := r.begin(beginCtx, opts)
	if !detach() {
		if err == nil {
			_ = tx.Rollback() // or database/sql does it at this moment; nothing was written
		}
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	begun.tx = tx
	begun.release = context.AfterFunc(ctx, begun.end)
	return nil
}

// end rolls back once; who comes second waits.
func (b *begunBranch) end() {
	b.ending.Do(func() { b.rolledBack = b.tx.Rollback() })
}

func (b *begunBranch) rollback() error {
	b.release()
	b.end()
	return b.rolledBack
}

func (b *branch) rollback() error {
	begun := b.begun.Load()
	if begun == nil {
		return nil
	}
	return begun.rollback()
}

// failed names the bind in a driver's error. It is translated first, where the
// handle wants that, since dialectors look at the error's own type. Where the
// transaction's context has ended, that is the reason, and not that the branch
// is therefore done.
func (b *branch) failed(operation string, err error) *BranchError {
	if ended := b.tx.ctx.Err(); ended != nil && (errors.Is(err, sql.ErrTxDone) || errors.Is(err, context.Canceled)) {
		err = ended
	}
	if plain := b.pool.bind.plain; plain.TranslateError {
		if translator, ok := plain.Dialector.(gorm.ErrorTranslator); ok {
			err = translator.Translate(err)
		}
	}
	return &BranchError{Key: b.pool.bind.key, Operation: operation, Err: err}
}

// answered dooms the transaction where the database answered a statement by
// rolling the branch back. MySQL and MariaDB do so at a deadlock (1213), and
// then run what follows without a transaction; COMMIT would not say a word.
func (b *branch) answered(err error) {
	if !strings.HasPrefix(err.Error(), "Error 1213 ") {
		return
	}
	b.tx.mu.Lock()
	defer b.tx.mu.Unlock()
	b.tx.doom(fmt.Sprintf("a statement in bind %q", b.pool.bind.key), err)
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
