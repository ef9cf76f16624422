// Package onetx keeps all that a program does in a database in one transaction,
// which is rolled back in the end. The program's own transactions become savepoints
// in it. It knows database/sql's drivers, and neither GORM nor the plugin.
//
// While the transaction lasts, all connections of the database's pools are guests of
// the one that has it. A program that needs a second one at the same time gets an
// [Unable], which says why.
package onetx

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
)

// An Unable says what one transaction can't do for the program, and what to do.
type Unable struct{ Reason string }

func (e *Unable) Error() string { return "bindtest: Rollback can't honour this: " + e.Reason }

func unable(format string, args ...any) error { return &Unable{fmt.Sprintf(format, args...)} }

// A Connector opens a database's connections, or guests while a transaction lasts.
type Connector struct {
	driver.Connector
	dialect string // of GORM's dialector

	mu   sync.Mutex
	host *host // nil: connections are the driver's own
}

// New makes a connector of another one, for a database of this dialect.
func New(connector driver.Connector, dialect string) *Connector {
	return &Connector{Connector: connector, dialect: dialect}
}

// Begin begins the transaction. Connections that were open before answer
// [driver.ErrBadConn] from here on, so that database/sql opens others.
func (c *Connector) Begin(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.host != nil {
		return unable("it has begun already")
	}
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return err
	}
	h := &host{conn: conn, dialect: c.dialect}
	if h.tx, err = begin(ctx, conn); err != nil {
		_ = conn.Close()
		return err
	}
	c.host = h
	return nil
}

// End rolls the transaction back, with all that the program has committed. It does
// nothing if none has begun.
func (c *Connector) End() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.host == nil {
		return nil
	}
	h := c.host
	c.host = nil
	return h.end()
}

func (c *Connector) current() *host {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.host
}

// Connect is of [driver.Connector].
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) { return c.connect(ctx, false) }

func (c *Connector) connect(ctx context.Context, aside bool) (driver.Conn, error) {
	if h := c.current(); h != nil {
		return &guest{host: h, of: c, aside: aside}, nil
	}
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &own{conn, c}, nil
}

// Aside is a connector for who looks at the rows from outside, which a transaction
// of the program's does not keep off.
func (c *Connector) Aside() driver.Connector { return aside{c} }

type aside struct{ *Connector }

func (a aside) Connect(ctx context.Context) (driver.Conn, error) { return a.connect(ctx, true) }

func begin(ctx context.Context, conn driver.Conn) (driver.Tx, error) {
	if beginner, ok := conn.(driver.ConnBeginTx); ok {
		return beginner.BeginTx(ctx, driver.TxOptions{})
	}
	//lint:ignore SA1019 the driver has no other
	return conn.Begin() //nolint:staticcheck // all that this driver has
}

// join is errors.Join, but an error alone stays what it is: dialectors look at its
// type.
func join(err, more error) error {
	switch {
	case err == nil:
		return more
	case more == nil:
		return err
	}
	return errors.Join(err, more)
}

// run sends a text without variables.
func run(ctx context.Context, conn driver.Conn, text string) error {
	if execer, ok := conn.(driver.ExecerContext); ok {
		_, err := execer.ExecContext(ctx, text, nil)
		if err != driver.ErrSkip {
			return err
		}
	}
	stmt, err := prepare(ctx, conn, text)
	if err != nil {
		return err
	}
	defer stmt.Close()
	_, err = execStmt(ctx, stmt, nil)
	return err
}

func prepare(ctx context.Context, conn driver.Conn, text string) (driver.Stmt, error) {
	if preparer, ok := conn.(driver.ConnPrepareContext); ok {
		return preparer.PrepareContext(ctx, text)
	}
	return conn.Prepare(text)
}

func execStmt(ctx context.Context, stmt driver.Stmt, args []driver.NamedValue) (driver.Result, error) {
	if execer, ok := stmt.(driver.StmtExecContext); ok {
		return execer.ExecContext(ctx, args)
	}
	//lint:ignore SA1019 the driver has no other
	return stmt.Exec(plain(args)) //nolint:staticcheck // all that this driver has
}

func queryStmt(ctx context.Context, stmt driver.Stmt, args []driver.NamedValue) (driver.Rows, error) {
	if queryer, ok := stmt.(driver.StmtQueryContext); ok {
		return queryer.QueryContext(ctx, args)
	}
	//lint:ignore SA1019 the driver has no other
	return stmt.Query(plain(args)) //nolint:staticcheck // all that this driver has
}

func plain(args []driver.NamedValue) []driver.Value {
	values := make([]driver.Value, len(args))
	for i, arg := range args {
		values[i] = arg.Value
	}
	return values
}
