package tenantschema

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// A sharedConn is a connection of the server's driver. What that driver can't do,
// database/sql does in its place, as without us (driver.ErrSkip).
type sharedConn struct {
	driver.Conn
	pool     *Pool
	switched bool // it is, or has been, in a tenant's schema
	marked   bool // something may be left on it that is not the next user's
	open     bool // a transaction has begun, and not ended well
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
	var told error
	if inner, ok := c.Conn.(driver.SessionResetter); ok {
		// database/sql goes on with the connection after other errors than this.
		if told = inner.ResetSession(ctx); errors.Is(told, driver.ErrBadConn) {
			return told
		}
	}
	if !c.switched || ctx.Value(switching{}) != nil {
		return told
	}
	if c.pool.leave == "" {
		return driver.ErrBadConn // database/sql takes another
	}
	if _, err := c.run(ctx, c.pool.leave); err != nil {
		return driver.ErrBadConn
	}
	c.switched = false
	return told
}

// IsValid has database/sql close the connection in the place of giving it to the next
// user, if something may be left on it.
func (c *sharedConn) IsValid() bool {
	if inner, ok := c.Conn.(driver.Validator); ok && !inner.IsValid() {
		return false
	}
	return !c.marked && !c.open
}

// errForbidden says that the connection is as it was.
type errForbidden struct{ schema string }

func (e errForbidden) Error() string {
	return fmt.Sprintf("tenantschema: the user may not use schema %q, and so would have none: GRANT USAGE ON SCHEMA to it", e.schema)
}

// enter switches the connection.
func (c *sharedConn) enter(ctx context.Context, to schemaConnector) error {
	if strings.ToLower(to.schema) != to.schema && !c.pool.postgres {
		if err := c.tellsApart(ctx, to.schema); err != nil {
			return err
		}
	}
	c.switched = true // it may be, also where the answer is lost
	result, err := c.run(ctx, to.enter)
	if err != nil || !c.pool.postgres {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errForbidden{to.schema}, err)
	}
	return nil
}

// tellsApart is an error if the server reads capitals in names of databases as small
// letters: two tenants would have one database.
func (c *sharedConn) tellsApart(ctx context.Context, schema string) error {
	if c.pool.exact.Load() {
		return nil
	}
	inner, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return errOldDriver
	}
	rows, err := inner.QueryContext(ctx, "SELECT @@lower_case_table_names <> 0", nil)
	if err != nil {
		return err
	}
	folds := make([]driver.Value, 1)
	err = errors.Join(rows.Next(folds), rows.Close())
	text, ok := folds[0].([]byte)
	if !ok {
		text = fmt.Append(nil, folds[0])
	}
	if err == nil && string(text) != "0" {
		return errFolded{schema}
	}
	c.pool.exact.Store(err == nil)
	return err
}

// errFolded says that the connection is as it was.
type errFolded struct{ schema string }

func (e errFolded) Error() string {
	return fmt.Sprintf("tenantschema: this server does not tell %q from %q (lower_case_table_names): give tenants names of databases in small letters", e.schema, strings.ToLower(e.schema))
}

// run sends SQL of our own.
func (c *sharedConn) run(ctx context.Context, query string) (driver.Result, error) {
	inner, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, errOldDriver
	}
	result, err := inner.ExecContext(ctx, query, nil)
	if err == driver.ErrSkip {
		return nil, errOldDriver
	}
	return result, err
}

func (c *sharedConn) Ping(ctx context.Context) error {
	if inner, ok := c.Conn.(driver.Pinger); ok {
		return inner.Ping(ctx)
	}
	return nil
}

// mark is called with all SQL that is not our own.
func (c *sharedConn) mark(query string) { c.marked = c.marked || c.pool.leaves(query) }

func (c *sharedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.mark(query)
	if inner, ok := c.Conn.(driver.QueryerContext); ok {
		return inner.QueryContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (c *sharedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.mark(query)
	if inner, ok := c.Conn.(driver.ExecerContext); ok {
		return inner.ExecContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (c *sharedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.mark(query)
	if inner, ok := c.Conn.(driver.ConnPrepareContext); ok {
		return inner.PrepareContext(ctx, query)
	}
	return c.Conn.Prepare(query)
}

func (c *sharedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	inner, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, errOldDriver
	}
	c.open = true // it may be, also where the answer is lost
	tx, err := inner.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return sharedTx{tx, c}, nil
}

// CheckNamedValue is of driver.NamedValueChecker.
func (c *sharedConn) CheckNamedValue(value *driver.NamedValue) error {
	if inner, ok := c.Conn.(driver.NamedValueChecker); ok {
		return inner.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

var errOldDriver = errors.New("tenantschema: the driver is none of those of PostgreSQL and MySQL that this package knows: it has no ExecContext or BeginTx")

type sharedTx struct {
	driver.Tx
	conn *sharedConn
}

func (t sharedTx) Commit() error   { return t.ended(t.Tx.Commit()) }
func (t sharedTx) Rollback() error { return t.ended(t.Tx.Rollback()) }

func (t sharedTx) ended(err error) error {
	t.conn.open = err != nil
	return err
}
