package bindkey

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// A transaction spans binds: its part in one database is a branch, as in XA.
// It is what Begin returns as a statement's connection pool. Package xact has its
// states; here is which bind's branch is where, and how GORM uses it as a pool.
type transaction struct {
	onDemand // past GORM's callbacks: the default bind's branch
	xact     xact.Transaction
	plugin   *Plugin
	ambient  *bind               // where what has no key goes: the bind of its Use, or of the Use around it; or nil
	reads    bool                // it was begun with dbresolver.Read: its branches are at replicas
	number   uint64              // in the log, with LogBinds; else 0
	panicked atomic.Pointer[any] // what an observer has panicked with at the end

	mu          sync.Mutex
	branches    []*branch            // handed out, begun or not
	committing  *ImplicitCommitError // what has committed its only branch; or nil
	beganWith   []*use               // Uses that it, and nested ones, were begun with
	tenants     *heldTenants         // that it keeps open until it ends; nil: none
	tenantsLeft bool                 // it has ended, and keeps none any more
	commitment  *commitment          // of COMMIT in two phases; or nil

	// What a transaction in one database needs, in the transaction's own memory.
	first         branch
	firstBranches [1]*branch
}

func newTransaction(p *Plugin, ctx context.Context, opts *sql.TxOptions) *transaction {
	tx := &transaction{plugin: p}
	tx.finder = tx
	tx.branches = tx.firstBranches[:0]
	tx.xact.Init(p.observers.begin(ctx), opts, &p.xacts, p.endTimeout)
	if p.twoPhase != nil {
		p.coordinated(ctx, tx)
	}
	if p.logBinds {
		tx.number = p.transactions.Add(1)
	}
	return tx
}

// giveUp ends a transaction that the program does not get, since it could not begin.
func (t *transaction) giveUp(why error) {
	t.xact.GiveUp(why)
	t.leaveTenants()
}

func (t *transaction) owner() *Plugin { return t.plugin }

// databaseFailed is told by the connection of itself.
func (t *transaction) databaseFailed(err error) {
	if b, itselfErr := t.itself(); itselfErr == nil {
		b.databaseFailed(err)
	}
}

func (t *transaction) given(answer any, text string) {
	if b, err := t.itself(); err == nil {
		b.given(answer, text)
	}
}

// itself is the branch that is asked where the transaction's own pool is, past
// GORM's callbacks: that of its Use, or the default bind's.
func (t *transaction) itself() (*branch, error) {
	if t.ambient != nil {
		return t.branchOf(t.xact.Context(), t.ambient)
	}
	return t.branchOf(t.xact.Context(), t.plugin.defaultBind())
}

func (t *transaction) guard(ctx context.Context, query string, args []any) (string, error) {
	b, err := t.itself()
	if err != nil {
		return "", err
	}
	return b.guard(ctx, query, args)
}

func (t *transaction) conn(ctx context.Context) (gorm.ConnPool, error) {
	b, err := t.itself()
	if err != nil {
		return nil, err
	}
	return b.conn(ctx)
}

func (t *transaction) prepares(ctx context.Context) (gorm.ConnPool, *dbpool.Pool, error) {
	b, err := t.itself()
	if err != nil {
		return nil, nil, err
	}
	return b.prepares(ctx)
}

func (t *transaction) sends() SentStatement {
	b, err := t.itself()
	if err != nil {
		return SentStatement{}
	}
	return b.sends()
}

func (t *transaction) GetDBConn() (*sql.DB, error) {
	b, err := t.itself()
	if err != nil {
		return nil, err
	}
	return b.GetDBConn()
}

// StmtContext is of gorm.Tx, for the PreparedStmtTX that Session makes; a
// routed statement never gets here.
func (t *transaction) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	b, err := t.itself()
	if err != nil {
		return stmt
	}
	return b.StmtContext(ctx, stmt)
}

// branchOf is the transaction's branch in a bind, begun or not, for a statement's
// context, which may name its tenant. A bind with several pools picks one, which
// stays; a bind that is in the database of a branch of another shares that branch,
// since SQLite would deadlock on itself, and a server would hide the transaction's own
// rows.
func (t *transaction) branchOf(ctx context.Context, b *bind) (*branch, error) {
	set, err := t.poolsOf(ctx, b)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, branch := range t.branches {
		if hasBind(branch.binds, b) {
			return branch, nil
		}
	}
	if branch := t.branchIn(set); branch != nil {
		branch.binds = append(branch.binds, b)
		return branch, nil
	}
	pool, _, err := set.pickFor(t.xact.Context(), b, t.operation())
	if err != nil {
		return nil, err
	}
	return t.addBranch(pool), nil
}

// branchIn is the branch that the transaction has in the database of one of the pools,
// or nil.
func (t *transaction) branchIn(set *poolSet) *branch {
	pools := set.pools(t.operation())
	for _, branch := range t.branches {
		for _, pool := range pools {
			if branch.pool.real.Same(pool.real) {
				return branch
			}
		}
	}
	return nil
}

// dryBranch is the branch of a statement in DryRun, for which no policy is asked.
// Nothing is sent there, but for a dialect whose callbacks know no DryRun.
func (t *transaction) dryBranch(b *bind) *branch {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, branch := range t.branches {
		if hasBind(branch.binds, b) {
			return branch
		}
	}
	if branch := t.branchIn(&b.poolSet); branch != nil {
		return branch
	}
	return new(branch).init(t, b.pools(t.operation())[0])
}

// branchAt is the first branch of a transaction that GORM begins around a
// statement, at a pool already picked.
func (t *transaction) branchAt(pool *boundPool) *branch {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.addBranch(pool)
}

// sessions are the binds of the branches that have begun, in that order.
func (t *transaction) sessions() (binds []*bind) {
	for _, b := range t.xact.Begun() {
		binds = append(binds, asBranch(b).pool.bind)
	}
	return binds
}

func (t *transaction) addBranch(pool *boundPool) *branch {
	b := &t.first
	if b.tx != nil {
		b = new(branch)
	}
	t.branches = append(t.branches, b.init(t, pool))
	return b
}

// operation tells which of a bind's pools its branch is at, all its life.
func (t *transaction) operation() dbresolver.Operation {
	if t.reads || t.readOnly() {
		return reading
	}
	return writing
}

func (t *transaction) readOnly() bool { return t.xact.ReadOnly() }

// mayBegin is the error of a branch that must not begin any more.
func (t *transaction) mayBegin(b *branch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.committing; c != nil && c.Key != b.pool.bind.key {
		return &ImplicitCommitError{Key: c.Key, Statement: c.Statement, Begun: []string{b.pool.bind.key}}
	}
	return nil
}

func (t *transaction) isCommitting() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.committing != nil
}

func hasBranch(branches []*branch, b *branch) bool {
	for _, one := range branches {
		if one == b {
			return true
		}
	}
	return false
}

// SQLTx is the *sql.Tx of the transaction's branch in a bind, for libraries
// that want one; the branch begins, if it has not. The transaction still owns
// it: don't commit it. It returns [gorm.ErrInvalidTransaction] where tx is not
// in a transaction of this plugin, and an [*UnknownBindError]. A branch in MySQL or
// MariaDB that was begun for [TwoPhase] has none that others could use: that is
// [ErrNoSQLTx].
func SQLTx(tx *gorm.DB, key string) (*sql.Tx, error) {
	t := transactionOf(tx)
	if t == nil {
		return nil, gorm.ErrInvalidTransaction
	}
	b, err := t.plugin.lookup(key, "")
	if err != nil {
		return nil, err
	}
	br, err := t.branchOf(tx.Statement.Context, b)
	if err != nil {
		return nil, err
	}
	conn, err := br.conn(tx.Statement.Context)
	if err != nil {
		return nil, err
	}
	if br.named() {
		return nil, fmt.Errorf("%w: bind %q", ErrNoSQLTx, key)
	}
	br.expose()
	if sqlTx, ok := conn.(*sql.Tx); ok {
		return sqlTx, nil
	}
	return nil, gorm.ErrInvalidTransaction
}

// transactionOf is the plugin's transaction that a handle is in, or nil.
func transactionOf(db *gorm.DB) *transaction { return transactionIn(db.Statement.ConnPool) }

func transactionIn(pool gorm.ConnPool) *transaction {
	switch pool := unwrap(pool).(type) {
	case *transaction:
		return pool
	case *branch:
		return pool.tx
	case *preparedBranch:
		return pool.tx
	default:
		return nil
	}
}
