package bindkey

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
)

// A chainPool is the root pool after a Use, Read or Write in the chain: GORM asks
// the pool, and no callback, for DB, Connection and Begin.
type chainPool struct {
	onDemand
	plugin  *Plugin
	use     *use  // nil: none
	reads   bool  // dbresolver.Read: a transaction that begins here is at replicas
	ambient *bind // of the statement around, without a Use of its own
}

func (c *chainPool) owner() *Plugin { return c.plugin }

func (c *chainPool) databaseFailed(error) {}

func (c *chainPool) given(any, string) {}

func (c *chainPool) sends() SentStatement { return SentStatement{} }

func (c *chainPool) guard(_ context.Context, query string, _ []any) (string, error) {
	return query, nil
}

// bind is where what has no key goes.
func (c *chainPool) bind() (*bind, error) {
	switch {
	case c.use != nil:
		return c.plugin.lookup(c.use.key, "")
	case c.ambient != nil:
		return c.ambient, nil
	default:
		return c.plugin.defaultBind(), nil
	}
}

func (c *chainPool) conn(ctx context.Context) (gorm.ConnPool, error) {
	b, err := c.bind()
	if err != nil {
		return nil, err
	}
	op := writing
	if c.reads {
		op = reading
	}
	pool, _, err := b.pick(ctx, op)
	return pool, err
}

func (c *chainPool) prepares(ctx context.Context) (gorm.ConnPool, *dbpool.Pool, error) {
	b, err := c.bind()
	if err != nil {
		return nil, nil, err
	}
	return b.prepares(ctx)
}

// BeginTx begins a transaction and, at once, its branch on the bind of Use, which
// is the transaction's ambient bind. Where GORM begins it on its own account, the
// Use of the finisher around which it does holds inside, too.
func (c *chainPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	tx := newTransaction(c.plugin, ctx, opts)
	tx.reads, tx.ambient = c.reads, c.ambient
	if c.use == nil {
		return tx, nil
	}
	b, err := c.bind()
	if err != nil {
		tx.giveUp(err)
		return nil, err
	}
	tx.ambient = b
	if _, gorms := transactionCaller(); !gorms {
		tx.beganWith = []*use{c.use.origin()}
	}
	br, err := tx.branchOf(ctx, b)
	if err == nil {
		_, err = br.conn(ctx)
	}
	if err != nil {
		tx.giveUp(err)
		return nil, err
	}
	return tx, nil
}

func (c *chainPool) GetDBConn() (*sql.DB, error) {
	conn, err := c.conn(context.Background())
	if err != nil {
		return nil, withoutContext(err)
	}
	return dbpool.DBOf(conn)
}
