package bindkey

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// A realPool is one connection pool of a database, opened by the plugin or
// given by the application. Two binds may share one; it then has one store of
// prepared statements. Pools of one database have one branch in a transaction.
type realPool struct {
	conn     gorm.ConnPool
	opened   bool   // by the plugin, so that Close closes it
	database string // which it is, for comparison with others; or "" (see databaseOf)

	store   func() *gorm.PreparedStmtDB // makes stmts once: each starts a goroutine (internal/lru)
	stmts   atomic.Pointer[gorm.PreparedStmtDB]
	storing sync.Mutex
}

// prepared is the pool's store of prepared statements.
func (r *realPool) prepared() *gorm.PreparedStmtDB {
	if stmts := r.stmts.Load(); stmts != nil {
		return stmts
	}
	r.storing.Lock()
	defer r.storing.Unlock()
	if r.stmts.Load() == nil {
		r.stmts.Store(r.store())
	}
	return r.stmts.Load()
}

// forget closes the prepared statements, which may not fit the tables any more.
func (r *realPool) forget() {
	if stmts := r.stmts.Load(); stmts != nil {
		stmts.Close()
	}
}

// sqlDB is the *sql.DB behind the pool.
func (r *realPool) sqlDB() (*sql.DB, error) { return sqlDBOf(r.conn) }

func sqlDBOf(conn gorm.ConnPool) (*sql.DB, error) {
	switch conn := conn.(type) {
	case *sql.DB:
		return conn, nil
	case gorm.GetDBConnector:
		return conn.GetDBConn()
	default:
		return nil, gorm.ErrInvalidDB
	}
}

// begins reports whether the pool can begin transactions.
func (r *realPool) begins() bool {
	switch r.conn.(type) {
	case gorm.TxBeginner, gorm.ConnPoolBeginner:
		return true
	default:
		return false
	}
}

// begin begins a transaction on the pool, as GORM does (finisher_api.go).
func (r *realPool) begin(ctx context.Context, opts *sql.TxOptions) (gorm.Tx, error) {
	switch beginner := r.conn.(type) {
	case gorm.TxBeginner:
		tx, err := beginner.BeginTx(ctx, opts)
		if err != nil {
			return nil, err // not a nil *sql.Tx in a gorm.Tx
		}
		return tx, nil
	case gorm.ConnPoolBeginner:
		conn, err := beginner.BeginTx(ctx, opts)
		if err != nil {
			return nil, err
		}
		if tx, ok := conn.(gorm.Tx); ok {
			return tx, nil
		}
	}
	return nil, gorm.ErrInvalidTransaction
}

// The connection pools that the plugin puts where GORM expects one:
//
//	rootPool     in the handle and its sessions, before a statement is routed
//	usedPool     the same, after a Use in the chain
//	boundPool    around a statement outside transactions: a real pool of a bind
//	transaction  what Begin returns, before a statement is routed
//	branch       around a statement in a transaction
//
// Not one of them has the BeginTx of a *sql.DB: GORM would match it before
// the one that returns a gorm.ConnPool (finisher_api.go, Begin).
var (
	_ routedPool = (*rootPool)(nil)
	_ routedPool = (*usedPool)(nil)
	_ routedPool = (*boundPool)(nil)
	_ routedPool = (*transaction)(nil)
	_ routedPool = (*branch)(nil)
	_ routedPool = (*preparedBranch)(nil)
)

// A routedPool is one of the plugin's own pools.
type routedPool interface {
	gorm.ConnPool
	gorm.GetDBConnector
	owner() *Plugin
}

// unwrap finds the plugin's pool in what a statement carries: Session with
// PrepareStmt wraps the pool, whose statements are then cached by SQL text
// alone (prepare_stmt.go). The plugin has a store of its own for each real
// pool, so the wrapper only says that statements are to be prepared, which
// Config.PrepareStmt says too.
func unwrap(pool gorm.ConnPool) gorm.ConnPool {
	for {
		switch wrapped := pool.(type) {
		case *gorm.PreparedStmtDB:
			pool = wrapped.ConnPool
		case *gorm.PreparedStmtTX:
			pool = wrapped.Tx
		case *turn:
			pool = wrapped.under()
		case *lookingConn:
			pool = wrapped.ConnPool
		case *lookingTx:
			pool = wrapped.Tx
		default:
			return pool
		}
	}
}

// routedBy is the plugin whose pool this is, or nil.
func routedBy(pool gorm.ConnPool) *Plugin {
	if routed, ok := unwrap(pool).(routedPool); ok {
		return routed.owner()
	}
	return nil
}

// onDemand gives a pool the four methods of gorm.ConnPool over a connection
// that must be found first, which may fail.
type onDemand struct{ finder connFinder }

type connFinder interface {
	conn(context.Context) (gorm.ConnPool, error)
	// outgoing takes the last look at what is sent.
	outgoing(ctx context.Context, query string, args []any) (string, error)
	// answered is told what a database answered, if that was an error.
	answered(error)
}

func (o onDemand) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	conn, err := o.finder.conn(ctx)
	if err != nil {
		return nil, err
	}
	stmt, err := conn.PrepareContext(ctx, query)
	if err != nil {
		o.finder.answered(err)
	}
	return stmt, err
}

func (o onDemand) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	query, err := o.finder.outgoing(ctx, query, args)
	if err != nil {
		return nil, err
	}
	conn, err := o.finder.conn(ctx)
	if err != nil {
		return nil, err
	}
	result, err := conn.ExecContext(ctx, query, args...)
	if err != nil {
		o.finder.answered(err)
	}
	return result, err
}

func (o onDemand) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	query, err := o.finder.outgoing(ctx, query, args)
	if err != nil {
		return nil, err
	}
	conn, err := o.finder.conn(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		o.finder.answered(err)
	}
	return rows, err
}

func (o onDemand) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	query, err := o.finder.outgoing(ctx, query, args)
	if err != nil {
		return errorRow(err)
	}
	conn, err := o.finder.conn(ctx)
	if err != nil {
		return errorRow(err)
	}
	row := conn.QueryRowContext(ctx, query, args...)
	if err := row.Err(); err != nil {
		o.finder.answered(err)
	}
	return row
}

// A rootPool stands in the handle's Config and Statement. What is asked of it
// directly, past GORM's callbacks, goes to a source of the default bind.
type rootPool struct {
	onDemand
	plugin *Plugin
}

func newRootPool(p *Plugin) *rootPool {
	root := &rootPool{plugin: p}
	root.finder = root
	return root
}

func (r *rootPool) owner() *Plugin { return r.plugin }

func (r *rootPool) answered(error) {}

func (r *rootPool) outgoing(_ context.Context, query string, _ []any) (string, error) {
	return query, nil
}

func (r *rootPool) conn(ctx context.Context) (gorm.ConnPool, error) {
	return r.plugin.defaultBind().source(ctx)
}

// BeginTx begins a transaction that spans binds. No database is asked yet.
func (r *rootPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	return newTransaction(r.plugin, ctx, opts, true), nil
}

func (r *rootPool) GetDBConn() (*sql.DB, error) {
	pool, err := r.plugin.defaultBind().source(context.Background())
	if err != nil {
		return nil, err
	}
	return pool.GetDBConn()
}

// A usedPool is the root pool after a Use in the chain: GORM asks the pool,
// and no callback, for DB, Connection and Begin.
type usedPool struct {
	onDemand
	plugin *Plugin
	use    *use
}

func newUsedPool(p *Plugin, u *use) *usedPool {
	used := &usedPool{plugin: p, use: u}
	used.finder = used
	return used
}

func (u *usedPool) owner() *Plugin { return u.plugin }

func (u *usedPool) answered(error) {}

func (u *usedPool) outgoing(_ context.Context, query string, _ []any) (string, error) {
	return query, nil
}

func (u *usedPool) conn(ctx context.Context) (gorm.ConnPool, error) {
	b, err := u.plugin.lookup(u.use.key, "")
	if err != nil {
		return nil, err
	}
	return b.source(ctx)
}

// BeginTx begins a transaction and, at once, its branch on the bind of Use.
func (u *usedPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	b, err := u.plugin.lookup(u.use.key, "")
	if err != nil {
		return nil, err
	}
	tx := newTransaction(u.plugin, ctx, opts, true)
	br, err := tx.branchOf(b)
	if err == nil {
		_, err = br.conn(ctx)
	}
	if err != nil {
		return nil, err
	}
	return tx, nil
}

func (u *usedPool) GetDBConn() (*sql.DB, error) {
	conn, err := u.conn(context.Background())
	if err != nil {
		return nil, err
	}
	return sqlDBOf(conn)
}

// A boundPool is a real pool in its role in one bind. There is one for each
// when the bind opens, so that routing a statement allocates nothing.
type boundPool struct {
	gorm.ConnPool // the real pool, or its prepared statements

	plugin   *Plugin
	bind     *bind
	real     *realPool
	role     string // "source", "source-2", "replica", …
	replica  bool   // a read's pool, where no transaction begins
	prepares bool   // the statements are prepared
	used     bool   // the statement has a Use
	prepared atomic.Pointer[boundPool]
	withUse  atomic.Pointer[boundPool]
}

func newBoundPool(b *bind, real *realPool, role string, replica bool) *boundPool {
	return &boundPool{ConnPool: real.conn, plugin: b.plugin, bind: b, real: real, role: role, replica: replica}
}

// forStatement is the pool as a statement's: the same with prepared
// statements, which is made once, if it wants them.
func (b *boundPool) forStatement(prepare bool) *boundPool {
	if !prepare {
		return b
	}
	if prepared := b.prepared.Load(); prepared != nil {
		return prepared
	}
	prepared := newBoundPool(b.bind, b.real, b.role, b.replica)
	prepared.ConnPool, prepared.prepares = b.real.prepared(), true
	b.prepared.CompareAndSwap(nil, prepared)
	return b.prepared.Load()
}

// forUse is the pool as that of a statement with a Use: a transaction that begins
// there has to tell whose it is.
func (b *boundPool) forUse() *boundPool {
	if known := b.withUse.Load(); known != nil {
		return known
	}
	used := newBoundPool(b.bind, b.real, b.role, b.replica)
	used.ConnPool, used.prepares, used.used = b.ConnPool, b.prepares, true
	b.withUse.CompareAndSwap(nil, used)
	return b.withUse.Load()
}

func (b *boundPool) owner() *Plugin { return b.plugin }

// ExecContext, QueryContext and QueryRowContext send a statement, after a last
// look at it.
func (b *boundPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	query, err := b.bind.outgoing(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return b.ConnPool.ExecContext(ctx, query, args...)
}

// QueryContext is like ExecContext.
func (b *boundPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	query, err := b.bind.outgoing(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return b.ConnPool.QueryContext(ctx, query, args...)
}

// QueryRowContext is like ExecContext.
func (b *boundPool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	query, err := b.bind.outgoing(ctx, query, args)
	if err != nil {
		return errorRow(err)
	}
	return b.ConnPool.QueryRowContext(ctx, query, args...)
}

// BeginTx begins GORM's default transaction around a write: its first branch
// is the write's own, and begins with its first statement, so that a statement
// that is refused never reaches a database.
func (b *boundPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	if !b.real.begins() {
		return nil, gorm.ErrInvalidTransaction // GORM then writes without one
	}
	tx := newTransaction(b.plugin, ctx, opts, b.used)
	if b.replica {
		return tx, nil // an application's Begin on the result of a query
	}
	return tx.branchAt(b).forStatement(b.prepares), nil
}

func (b *boundPool) GetDBConn() (*sql.DB, error) { return b.real.sqlDB() }
