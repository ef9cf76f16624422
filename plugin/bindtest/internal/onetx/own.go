package onetx

import (
	"context"
	"database/sql/driver"
)

// own is a connection of the driver's. It is over once a transaction has begun in
// its database, since what it did would not be part of that.
type own struct {
	driver.Conn
	of *Connector
}

var (
	_ driver.ConnBeginTx        = (*own)(nil)
	_ driver.ConnPrepareContext = (*own)(nil)
	_ driver.ExecerContext      = (*own)(nil)
	_ driver.QueryerContext     = (*own)(nil)
	_ driver.NamedValueChecker  = (*own)(nil)
	_ driver.Pinger             = (*own)(nil)
	_ driver.Validator          = (*own)(nil)
	_ driver.SessionResetter    = (*own)(nil)
)

func (c *own) over() bool { return c.of.current() != nil }

func (c *own) IsValid() bool {
	validator, ok := c.Conn.(driver.Validator)
	return !c.over() && (!ok || validator.IsValid())
}

func (c *own) ResetSession(ctx context.Context) error {
	if c.over() {
		return driver.ErrBadConn
	}
	if resetter, ok := c.Conn.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

func (c *own) Ping(ctx context.Context) error {
	if c.over() {
		return driver.ErrBadConn
	}
	if pinger, ok := c.Conn.(driver.Pinger); ok {
		return pinger.Ping(ctx)
	}
	return nil
}

func (c *own) CheckNamedValue(value *driver.NamedValue) error { return check(c.Conn, value) }

func check(by any, value *driver.NamedValue) error {
	if checker, ok := by.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

func (c *own) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.over() {
		return nil, driver.ErrBadConn
	}
	if beginner, ok := c.Conn.(driver.ConnBeginTx); ok {
		return beginner.BeginTx(ctx, opts)
	}
	//lint:ignore SA1019 the driver has no other
	return c.Conn.Begin() //nolint:staticcheck // all that this driver has
}

func (c *own) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if c.over() {
		return nil, driver.ErrBadConn
	}
	return prepare(ctx, c.Conn, text)
}

func (c *own) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if c.over() {
		return nil, driver.ErrBadConn
	}
	if execer, ok := c.Conn.(driver.ExecerContext); ok {
		return execer.ExecContext(ctx, text, args)
	}
	return nil, driver.ErrSkip
}

func (c *own) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if c.over() {
		return nil, driver.ErrBadConn
	}
	if queryer, ok := c.Conn.(driver.QueryerContext); ok {
		return queryer.QueryContext(ctx, text, args)
	}
	return nil, driver.ErrSkip
}
