package tenantschema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// A sharedConn is a connection of the server's driver. What that driver can't do,
// database/sql does in its place, as without us (driver.ErrSkip).
type sharedConn struct {
	driver.Conn
	pool     *Pool
	switched bool // it is, or has been, in a tenant's schema
	lost     bool // nobody knows in what state it is
}

var (
	_ driver.SessionResetter    = (*sharedConn)(nil)
	_ driver.Validator          = (*sharedConn)(nil)
	_ driver.Pinger             = (*sharedConn)(nil)
	_ driver.QueryerContext     = (*sharedConn)(nil)
	_ driver.ExecerContext      = (*sharedConn)(nil)
	_ driver.ConnPrepareContext = (*sharedConn)(nil)
	_ driver.ConnBeginTx        = (*sharedConn)(nil)
	_ driver.NamedValueChecker  = (*sharedConn)(nil)
)

// ResetSession is called for who takes a connection that others have had. One who does
// not switch it himself gets it switched back.
func (c *sharedConn) ResetSession(ctx context.Context) error {
	if inner, ok := c.Conn.(driver.SessionResetter); ok {
		if err := inner.ResetSession(ctx); err != nil {
			return err
		}
	}
	if !c.switched || ctx.Value(switching{}) != nil {
		return nil
	}
	if c.pool.leave == "" || c.run(ctx, c.pool.leave) != nil {
		return driver.ErrBadConn // database/sql takes another
	}
	c.switched = false
	return nil
}

// IsValid is of driver.Validator.
func (c *sharedConn) IsValid() bool {
	if inner, ok := c.Conn.(driver.Validator); ok && !inner.IsValid() {
		return false
	}
	return !c.lost
}

// run sends SQL of our own.
func (c *sharedConn) run(ctx context.Context, query string) error {
	c.switched = true // it may be, also where the answer is lost
	_, err := c.ExecContext(ctx, query, nil)
	return err
}

func (c *sharedConn) Ping(ctx context.Context) error {
	if inner, ok := c.Conn.(driver.Pinger); ok {
		return inner.Ping(ctx)
	}
	return nil
}

func (c *sharedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if inner, ok := c.Conn.(driver.QueryerContext); ok {
		return inner.QueryContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (c *sharedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if inner, ok := c.Conn.(driver.ExecerContext); ok {
		return inner.ExecContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (c *sharedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if inner, ok := c.Conn.(driver.ConnPrepareContext); ok {
		return inner.PrepareContext(ctx, query)
	}
	return c.Conn.Prepare(query)
}

func (c *sharedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if inner, ok := c.Conn.(driver.ConnBeginTx); ok {
		return inner.BeginTx(ctx, opts)
	}
	return nil, errOldDriver
}

// CheckNamedValue is of driver.NamedValueChecker.
func (c *sharedConn) CheckNamedValue(value *driver.NamedValue) error {
	if inner, ok := c.Conn.(driver.NamedValueChecker); ok {
		return inner.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

var errOldDriver = errors.New("tenantschema: the driver is none of those of PostgreSQL and MySQL that this package knows: it has no ExecContext or BeginTx")

// A schemaConn is a shared connection while a tenant has it.
type schemaConn struct {
	*sharedConn
	taken *sql.Conn
	open  bool // a transaction has begun, and not ended well
}

// IsValid has database/sql close the connection when what it was taken for is over, and
// not keep it: others wait for it.
func (c *schemaConn) IsValid() bool { return false }

// ResetSession is never asked: nobody gets a connection that another has had.
func (c *schemaConn) ResetSession(context.Context) error { return driver.ErrBadConn }

func (c *schemaConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.open = true
	tx, err := c.sharedConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return schemaTx{tx, c}, nil
}

// Close gives the connection back, unless it may still be in a transaction.
func (c *schemaConn) Close() error {
	if c.open {
		c.lost = true
		discard(c.taken)
		return nil
	}
	return c.taken.Close()
}

type schemaTx struct {
	driver.Tx
	conn *schemaConn
}

func (t schemaTx) Commit() error   { return t.ended(t.Tx.Commit()) }
func (t schemaTx) Rollback() error { return t.ended(t.Tx.Rollback()) }

func (t schemaTx) ended(err error) error {
	t.conn.open = err != nil
	return err
}
