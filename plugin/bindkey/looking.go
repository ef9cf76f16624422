package bindkey

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
)

// looking is the pool of one statement. For a transaction or connection of the
// application's own it takes a last look at what is sent, as the plugin's pools
// do; for a statement with Use or AllowCrossBind it tells them that it is
// trusted, and nobody else, such as a Valuer that asks the database meanwhile.
func looking(b *bind, pool gorm.ConnPool, looks, trusts bool) gorm.ConnPool {
	conn := lookingConn{ConnPool: pool, bind: b, looks: looks, trusts: trusts}
	if tx, ok := pool.(gorm.Tx); ok {
		return &lookingTx{tx, conn}
	}
	return &conn
}

type lookingConn struct {
	gorm.ConnPool
	bind          *bind
	looks, trusts bool
}

func (l *lookingConn) outgoing(ctx context.Context, query string, args []any) (context.Context, string, error) {
	if l.trusts {
		ctx = trusted(ctx)
	}
	var err error
	if l.looks {
		query, err = l.bind.outgoing(ctx, query, args)
	}
	return ctx, query, err
}

type lookingTx struct {
	gorm.Tx
	conn lookingConn
}

func (l *lookingConn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx, query, err := l.outgoing(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return l.ConnPool.ExecContext(ctx, query, args...)
}

func (l *lookingConn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx, query, err := l.outgoing(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return l.ConnPool.QueryContext(ctx, query, args...)
}

func (l *lookingConn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx, query, err := l.outgoing(ctx, query, args)
	if err != nil {
		return errorRow(err)
	}
	return l.ConnPool.QueryRowContext(ctx, query, args...)
}

// BeginTx is for a Valuer or Scanner that begins a transaction.
func (l *lookingConn) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	return (&realPool{conn: l.ConnPool}).begin(ctx, opts)
}

func (l *lookingConn) GetDBConn() (*sql.DB, error) { return sqlDBOf(l.ConnPool) }

func (l *lookingTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return l.conn.ExecContext(ctx, query, args...)
}

func (l *lookingTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return l.conn.QueryContext(ctx, query, args...)
}

func (l *lookingTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return l.conn.QueryRowContext(ctx, query, args...)
}

func (l *lookingTx) GetDBConn() (*sql.DB, error) { return l.conn.GetDBConn() }
