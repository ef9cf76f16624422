package bindkey

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
)

// A gate is the connection pool behind a bound pool of a tenant. What is sent keeps the
// tenant's pools open meanwhile; if they were closed since the statement was routed, it
// opens them again. Rows go on when their pool is closed, since database/sql keeps the
// connection until they are.
type gate struct {
	pool     *boundPool
	prepares bool
}

var (
	_ gorm.ConnPool         = (*gate)(nil)
	_ gorm.ConnPoolBeginner = (*gate)(nil)
	_ gorm.GetDBConnector   = (*gate)(nil)
)

// ofTenant makes a bound pool that of a tenant.
func (b *boundPool) ofTenant(l *tenancy) {
	b.tenant = l
	b.ConnPool = &gate{pool: b, prepares: b.prepares}
}

// plainConn is the connection of who sends without a guard, and prepares nothing.
func (b *boundPool) plainConn() gorm.ConnPool {
	if b.tenant == nil {
		return b.real.Conn
	}
	return &gate{pool: b}
}

// enter enters the tenant's pools: its own, or the same role of those that are open
// now. What is sent must be of its tenant, whatever has become of the context since
// the statement was routed.
func (b *boundPool) enter(ctx context.Context) (*boundPool, error) {
	f := b.bind.family
	if err := f.agrees(ctx, b.tenant.Name); err != nil {
		return nil, err
	}
	if b.tenant.TryEnter() {
		return b, nil
	}
	l, err := f.enter(ctx, b.tenant.Name)
	if err != nil {
		return nil, err
	}
	for _, pool := range l.Value.all() {
		if pool.role == b.role {
			return pool, nil
		}
	}
	l.Leave()
	return nil, &TenantError{Key: f.key, Tenant: b.tenant.Name, Err: errRoleGone}
}

// conn is what is sent to, once the pool is entered.
func (g *gate) conn(entered *boundPool) gorm.ConnPool {
	if g.prepares {
		return entered.real.Prepared()
	}
	return entered.real.Conn
}

func (g *gate) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	pool, err := g.pool.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer pool.tenant.Leave()
	return g.conn(pool).PrepareContext(ctx, query)
}

func (g *gate) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	pool, err := g.pool.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer pool.tenant.Leave()
	return g.conn(pool).ExecContext(ctx, query, args...)
}

func (g *gate) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	pool, err := g.pool.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer pool.tenant.Leave()
	return g.conn(pool).QueryContext(ctx, query, args...)
}

func (g *gate) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	pool, err := g.pool.enter(ctx)
	if err != nil {
		return dbpool.ErrorRow(err)
	}
	defer pool.tenant.Leave()
	return g.conn(pool).QueryRowContext(ctx, query, args...)
}

// BeginTx is of gorm.ConnPoolBeginner, for the migrator. The transaction goes on when
// its pool is closed.
func (g *gate) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	pool, err := g.pool.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer pool.tenant.Leave()
	return pool.real.Begin(ctx, opts)
}

func (g *gate) GetDBConn() (*sql.DB, error) { return g.pool.real.DB() }
