package bindkey

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
)

// rendering is a pool that renders neutral SQL. GORM renders and sends a
// statement in one callback, so that only the pool can come between.
func rendering(d *dialect, pool gorm.ConnPool) gorm.ConnPool {
	if tx, ok := pool.(gorm.Tx); ok {
		return &renderingTx{tx, renderingPool{pool, d}}
	}
	return &renderingPool{pool, d}
}

type renderingPool struct {
	gorm.ConnPool
	dialect *dialect
}

type renderingTx struct {
	gorm.Tx
	pool renderingPool
}

func (r *renderingPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return r.ConnPool.ExecContext(ctx, renderNeutral(r.dialect, query, args), args...)
}

func (r *renderingPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.ConnPool.QueryContext(ctx, renderNeutral(r.dialect, query, args), args...)
}

func (r *renderingPool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return r.ConnPool.QueryRowContext(ctx, renderNeutral(r.dialect, query, args), args...)
}

// BeginTx is for a Valuer or Scanner that begins a transaction.
func (r *renderingPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	return (&realPool{conn: r.ConnPool}).begin(ctx, opts)
}

func (r *renderingPool) GetDBConn() (*sql.DB, error) { return sqlDBOf(r.ConnPool) }

func (r *renderingTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return r.pool.ExecContext(ctx, query, args...)
}

func (r *renderingTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.pool.QueryContext(ctx, query, args...)
}

func (r *renderingTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return r.pool.QueryRowContext(ctx, query, args...)
}

func (r *renderingTx) GetDBConn() (*sql.DB, error) { return r.pool.GetDBConn() }
