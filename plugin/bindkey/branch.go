package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// A branch is a transaction's part in one database. It is the connection pool
// of the statements routed there, and begins with the first of them.
type branch struct {
	onDemand
	xact  xact.Branch
	tx    *transaction
	pool  *boundPool
	binds []*bind // that share it, since they are in one database; the pool's own first

	prepared preparedBranch

	firstTx dbpool.Tx                 // enough for most branches, in its own memory
	calling atomic.Int32              // callbacks that send a statement, and see to its rows
	handed  atomic.Pointer[handedOut] // nil: nothing was
	wrote   atomic.Bool               // it may have written; noted where COMMIT may be in two phases
}

var _ xact.Participant = (*branch)(nil)

// asBranch is the branch of a transaction's.
func asBranch(b *xact.Branch) *branch { return b.Resource.(*branch) }

// A preparedBranch is a branch for a statement with PrepareStmt.
type preparedBranch struct {
	onDemand
	*branch

	preparing sync.Mutex
	of        *xact.Begun // whose statements these are
	txs       atomic.Pointer[gorm.PreparedStmtTX]
	first     gorm.PreparedStmtTX // enough for most branches, in its own memory
}

func (b *branch) init(t *transaction, pool *boundPool) *branch {
	b.tx, b.pool = t, pool
	b.xact.Init(&t.xact, b)
	b.binds = pool.bind.itself
	b.finder = b
	b.prepared.branch = b
	b.prepared.onDemand.finder = &b.prepared
	return b
}

// preparedIf is the branch as a statement's pool.
func (b *branch) preparedIf(prepare bool) gorm.ConnPool {
	if prepare {
		return &b.prepared
	}
	return b
}

func (b *branch) guard(ctx context.Context, query string, args []any) (string, error) {
	if err := b.refuseControl(query); err != nil {
		return "", err
	}
	if err := b.ofItsTenant(ctx); err != nil {
		return "", err
	}
	return b.pool.bind.guard(ctx, query, args, b.tx.ambient, false)
}

func (b *branch) sends() SentStatement {
	return SentStatement{Placement: b.pool.placement(), DB: b.pool.database(), Transaction: b.tx.xact.Context()}
}

func (b *branch) owner() *Plugin { return b.tx.plugin }

func (b *branch) conn(ctx context.Context) (gorm.ConnPool, error) {
	begun, err := b.ensureBegun(ctx)
	if err != nil {
		return nil, err
	}
	return txOf(begun.Tx), nil
}

// txOf is what statements of a branch are sent to.
func txOf(tx xact.Tx) gorm.Tx { return tx.(*dbpool.Tx).Tx }

func (p *preparedBranch) conn(ctx context.Context) (gorm.ConnPool, error) {
	begun, err := p.ensureBegun(ctx)
	if err != nil {
		return nil, err
	}
	if begun.Tx.(*dbpool.Tx).Named() {
		return txOf(begun.Tx), nil // of no pool that has prepared statements
	}
	if txs := p.txs.Load(); txs != nil && txs.Tx == txOf(begun.Tx) {
		return txs, nil
	}
	p.preparing.Lock()
	defer p.preparing.Unlock()
	if p.of != begun {
		txs := &p.first
		if p.of != nil {
			txs = new(gorm.PreparedStmtTX) // it has begun again
		}
		*txs = gorm.PreparedStmtTX{Tx: txOf(begun.Tx), PreparedStmtDB: p.pool.real.Prepared()}
		p.txs.Store(txs)
		p.of = begun
	}
	return p.txs.Load(), nil
}

func (b *branch) prepares(ctx context.Context) (gorm.ConnPool, *dbpool.Pool, error) {
	conn, err := b.conn(ctx)
	return conn, b.pool.real, err
}

// ensureBegun begins the branch unless it has begun.
func (b *branch) ensureBegun(ctx context.Context) (*xact.Begun, error) {
	if !b.xact.HasBegun() {
		if err := b.tx.mayBegin(b); err != nil {
			return nil, err
		}
		if c := b.tx.commitment; c != nil {
			c.ready(ctx)
		}
	} else {
		b.LookAtRows(false)
	}
	return b.xact.EnsureBegun(ctx)
}

// named reports whether the branch has begun by name (XA START).
func (b *branch) named() bool {
	begun := b.xact.InDatabase()
	return begun != nil && begun.Tx.(*dbpool.Tx).Named()
}

// BeginTx is of xact.Resource.
func (b *branch) BeginTx(ctx context.Context, opts *sql.TxOptions) (begun xact.Tx, err error) {
	b.tx.mu.Lock()
	if !hasBranch(b.tx.branches, b) {
		b.tx.branches = append(b.tx.branches, b) // of a statement in DryRun
	}
	b.tx.mu.Unlock()
	tx := &b.firstTx
	if tx.Tx != nil {
		tx = new(dbpool.Tx) // again, after a savepoint before it
	}
	if answered := b.stage(StageBegin); answered != nil {
		defer func() { answered(err) }()
	}
	if err := b.beginTx(ctx, opts, tx); err != nil {
		return nil, err
	}
	return tx, nil
}

// Ask makes the database answer, in the branch.
func (b *branch) Ask(ctx context.Context, tx xact.Tx, sure bool) error {
	b.tx.mu.Lock()
	committing := b.tx.committing
	b.tx.mu.Unlock()
	if committing != nil {
		return nil // by the program's own DDL, as in plain GORM
	}
	answered := b.stage(StageCheck)
	err := b.pool.bind.product.Ask(ctx, txOf(tx), sure)
	if answered != nil {
		answered(err)
	}
	if b.handed.Load() == nil {
		return err
	}
	return b.endOfRows(err)
}

// Ended is of xact.Resource.
func (b *branch) Ended(err error) bool { return errors.Is(err, ErrRolledBack) }

// Undecided is of xact.Resource.
func (b *branch) Undecided(err error) bool { return b.pool.bind.product.Undecided(err) }

// Waits is of xact.Resource.
func (b *branch) Waits() bool { return !b.pool.bind.product.Inside }

// Interruptible is of xact.Resource.
func (b *branch) Interruptible() bool { return b.pool.real.Interruptible }

// Failed is of xact.Resource.
func (b *branch) Failed(operation string, err error) error { return b.failed(operation, err) }

// failed names the bind in a driver's error. It is translated first, where the
// handle wants that, since dialectors look at the error's own type. Where the
// transaction's context has ended, that is the reason, and not that the branch
// is therefore done.
func (b *branch) failed(operation string, err error) *BranchError {
	if ended := b.tx.xact.Context().Err(); ended != nil && (errors.Is(err, sql.ErrTxDone) || errors.Is(err, context.Canceled)) {
		err = ended
	}
	if plain := b.pool.bind.plain; plain.TranslateError {
		if translator, ok := plain.Dialector.(gorm.ErrorTranslator); ok {
			err = translator.Translate(err)
		}
	}
	return &BranchError{Key: b.pool.bind.key, Tenant: b.pool.placement().Tenant, Operation: operation, Err: err}
}

// StmtContext is of gorm.Tx, for the PreparedStmtTX that Session makes; a
// routed statement never gets here.
func (b *branch) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	begun, err := b.ensureBegun(ctx)
	if err != nil {
		return stmt
	}
	b.expose()
	return txOf(begun.Tx).StmtContext(ctx, stmt)
}

func (b *branch) GetDBConn() (*sql.DB, error) { return b.pool.GetDBConn() }
