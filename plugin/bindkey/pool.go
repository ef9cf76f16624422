package bindkey

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
)

// The connection pools that the plugin puts where GORM expects one:
//
//	rootPool       in the handle and its sessions, before a statement is routed
//	chainPool      the same, after a Use, Read or Write in the chain
//	boundPool      around a statement outside transactions: a real pool of a bind
//	transaction    what Begin returns, before a statement is routed
//	branch         around a statement in a transaction
//	statementPool, statementTx  one of these, for a statement that has a record
//
// Not one of them has the BeginTx of a *sql.DB: GORM would match it before
// the one that returns a gorm.ConnPool (finisher_api.go, Begin).
var (
	_ routedPool = (*rootPool)(nil)
	_ routedPool = (*chainPool)(nil)
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
		case *statementPool:
			pool = wrapped.pool
		case *statementTx:
			pool = wrapped.pool
		default:
			return pool
		}
	}
}

// unwrapPrepared is the pool inside those that Session with PrepareStmt makes.
func unwrapPrepared(pool gorm.ConnPool) gorm.ConnPool {
	switch wrapped := pool.(type) {
	case *gorm.PreparedStmtDB:
		return wrapped.ConnPool
	case *gorm.PreparedStmtTX:
		return wrapped.Tx
	default:
		return pool
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
	owner() *Plugin
	conn(context.Context) (gorm.ConnPool, error)
	// prepares is conn for a statement that is prepared, and the pool it is of.
	prepares(context.Context) (gorm.ConnPool, *dbpool.Pool, error)
	// guard looks at what is sent.
	guard(ctx context.Context, query string, args []any) (string, error)
	// sends is where a statement goes that is sent here, for who observes; without a key,
	// another pool behind it tells.
	sends() SentStatement
	// databaseFailed is told what a database answered, if that was an error.
	databaseFailed(error)
	// given is told of what goes to the program past GORM's callbacks: a *sql.Rows, a
	// *sql.Row, a *sql.Stmt, and the text that it answers.
	given(answer any, text string)
}

func (o onDemand) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	query, err := o.finder.guard(ctx, query, nil)
	if err != nil {
		o.finder.owner().observers.refused(ctx, err)
		return nil, err
	}
	conn, real, err := o.finder.prepares(ctx)
	if err != nil {
		return nil, err
	}
	if p := o.finder.owner(); real != p.stored && preparesForStore() {
		return nil, fmt.Errorf("%w: the statements of a session with PrepareStmt are kept by their SQL alone, and are those of bind %q; send this one through the session's own methods, not through its pool", ErrForeignPool, p.defaultKey)
	}
	stmt, err := conn.PrepareContext(ctx, query)
	if err != nil {
		o.finder.databaseFailed(err)
	} else {
		o.finder.given(stmt, query)
	}
	return stmt, err
}

// ready is what a statement is sent as, and to what.
func (o onDemand) ready(ctx context.Context, query string, args []any) (string, gorm.ConnPool, error) {
	query, err := o.finder.guard(ctx, query, args)
	conn := gorm.ConnPool(nil)
	if err == nil {
		conn, err = o.finder.conn(ctx)
	}
	if p := o.finder.owner(); len(p.observers) > 0 {
		if err != nil {
			p.observers.refused(ctx, err)
		} else {
			conn = p.observed(conn, o.finder.sends())
		}
	}
	return query, conn, err
}

func (o onDemand) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	query, conn, err := o.ready(ctx, query, args)
	if err != nil {
		return nil, err
	}
	result, err := conn.ExecContext(ctx, query, args...)
	if err != nil {
		o.finder.databaseFailed(err)
	}
	return result, err
}

func (o onDemand) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	query, conn, err := o.ready(ctx, query, args)
	if err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		o.finder.databaseFailed(err)
	} else {
		o.finder.given(rows, query)
	}
	return rows, err
}

func (o onDemand) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	query, conn, err := o.ready(ctx, query, args)
	if err != nil {
		return dbpool.ErrorRow(err)
	}
	row := conn.QueryRowContext(ctx, query, args...)
	if err := row.Err(); err != nil {
		o.finder.databaseFailed(err)
	} else {
		o.finder.given(row, query)
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

func (r *rootPool) databaseFailed(error) {}

func (r *rootPool) given(any, string) {}

func (r *rootPool) sends() SentStatement { return SentStatement{} }

func (r *rootPool) guard(_ context.Context, query string, _ []any) (string, error) {
	return query, nil
}

func (r *rootPool) conn(ctx context.Context) (gorm.ConnPool, error) {
	return r.plugin.defaultBind().source(ctx)
}

func (r *rootPool) prepares(ctx context.Context) (gorm.ConnPool, *dbpool.Pool, error) {
	return r.plugin.defaultBind().prepares(ctx)
}

// BeginTx begins a transaction that spans binds. No database is asked yet.
func (r *rootPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	return newTransaction(r.plugin, ctx, opts), nil
}

func (r *rootPool) GetDBConn() (*sql.DB, error) {
	pool, err := r.plugin.defaultBind().source(context.Background())
	if err != nil {
		return nil, withoutContext(err)
	}
	return pool.GetDBConn()
}

// A boundPool is a real pool in its role in one bind. There is one for each
// when the bind opens, so that routing a statement allocates nothing.
type boundPool struct {
	gorm.ConnPool // the real pool, or its prepared statements

	plugin   *Plugin
	bind     *bind
	real     *dbpool.Pool
	tenant   *tenancy // nil: the bind has no tenants
	role     string   // "source", "source-2", "replica", …
	replica  bool     // a read's pool, where no transaction begins
	prepares bool     // the statements are prepared
	prepared atomic.Pointer[boundPool]
}

func newBoundPool(b *bind, real *dbpool.Pool, role string, replica bool) *boundPool {
	return &boundPool{ConnPool: real.Conn, plugin: b.plugin, bind: b, real: real, role: role, replica: replica}
}

// preparedIf is the pool as a statement's: the same with prepared
// statements, which is made once, if it wants them.
func (b *boundPool) preparedIf(prepare bool) *boundPool {
	if !prepare {
		return b
	}
	if prepared := b.prepared.Load(); prepared != nil {
		return prepared
	}
	prepared := newBoundPool(b.bind, b.real, b.role, b.replica)
	prepared.prepares = true
	if b.tenant == nil {
		prepared.ConnPool = b.real.Prepared()
	} else {
		prepared.ofTenant(b.tenant)
	}
	b.prepared.CompareAndSwap(nil, prepared)
	return b.prepared.Load()
}

func (b *boundPool) owner() *Plugin { return b.plugin }

// PrepareContext prepares a statement, behind the guard.
func (b *boundPool) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	query, err := b.bind.guard(ctx, query, nil, nil, false)
	if err != nil {
		return nil, err
	}
	return b.ConnPool.PrepareContext(ctx, query)
}

// ready is what a statement is sent as, after a last look at it, and to what.
func (b *boundPool) ready(ctx context.Context, query string, args []any) (string, gorm.ConnPool, error) {
	query, err := b.bind.guard(ctx, query, args, nil, false)
	if len(b.plugin.observers) == 0 {
		return query, b.ConnPool, err
	}
	b.plugin.observers.refused(ctx, err)
	return query, b.plugin.observed(b.ConnPool, b.sends()), err
}

func (b *boundPool) sends() SentStatement {
	return SentStatement{Placement: b.placement(), DB: b.database()}
}

// database is the pool as a *sql.DB, or nil if it is none.
func (b *boundPool) database() *sql.DB {
	db, err := b.GetDBConn()
	if err != nil {
		return nil
	}
	return db
}

// ExecContext, QueryContext and QueryRowContext send a statement.
func (b *boundPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	query, conn, err := b.ready(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return conn.ExecContext(ctx, query, args...)
}

// QueryContext is like ExecContext.
func (b *boundPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	query, conn, err := b.ready(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return conn.QueryContext(ctx, query, args...)
}

// QueryRowContext is like ExecContext.
func (b *boundPool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	query, conn, err := b.ready(ctx, query, args)
	if err != nil {
		return dbpool.ErrorRow(err)
	}
	return conn.QueryRowContext(ctx, query, args...)
}

// BeginTx begins GORM's default transaction around a write, and at once its branch in
// the write's own database, as plain GORM does: database/sql starts a goroutine for
// it, which then does not start in the middle of the statement.
func (b *boundPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	if !b.real.Begins() {
		return nil, gorm.ErrInvalidTransaction // GORM then writes without one
	}
	tx := newTransaction(b.plugin, ctx, opts)
	if b.replica {
		return tx, nil // an application's Begin on the result of a query
	}
	if b.tenant != nil {
		return b.beginOfTenant(ctx, tx)
	}
	if b.bind.family != nil { // of a statement in DryRun, which has no tenant's pool
		return tx.dryBranch(b.bind).preparedIf(b.prepares), nil
	}
	first := tx.branchAt(b)
	if _, err := first.ensureBegun(ctx); err != nil {
		tx.giveUp(err)
		return nil, err
	}
	return first.preparedIf(b.prepares), nil
}

func (b *boundPool) GetDBConn() (*sql.DB, error) { return b.real.DB() }
