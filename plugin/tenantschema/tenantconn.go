package tenantschema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// A tenantConn is a connection of a tenant's *sql.DB. It takes a shared one when
// something is to be sent, and not before: database/sql opens connections for who does
// not wait any more, and would keep a shared one for nobody.
type tenantConn struct {
	schemaConnector
	shared *sharedConn // nil: it has none
	taken  *sql.Conn   // it
	asked  bool        // IsValid was: database/sql does not close it as a bad one
}

var (
	_ driver.SessionResetter    = (*tenantConn)(nil)
	_ driver.Validator          = (*tenantConn)(nil)
	_ driver.Pinger             = (*tenantConn)(nil)
	_ driver.QueryerContext     = (*tenantConn)(nil)
	_ driver.ExecerContext      = (*tenantConn)(nil)
	_ driver.ConnPrepareContext = (*tenantConn)(nil)
	_ driver.ConnBeginTx        = (*tenantConn)(nil)
	_ driver.NamedValueChecker  = (*tenantConn)(nil)
)

// take takes a shared connection, and switches it. One that was lost while it was idle
// shows only then, and nothing of the program's has been sent: it takes another.
func (c *tenantConn) take(ctx context.Context) (*sharedConn, error) {
	if c.shared != nil {
		return c.shared, nil
	}
	for more := c.pool.db.Stats().Idle + 1; ; more-- {
		taken, err := c.pool.db.Conn(context.WithValue(ctx, switching{}, true))
		if err != nil {
			return nil, err
		}
		var shared *sharedConn
		_ = taken.Raw(func(conn any) error {
			shared = conn.(*sharedConn)
			return nil
		})
		if err = shared.enter(ctx, c.schemaConnector); err == nil {
			c.shared, c.taken = shared, taken
			return shared, nil
		}
		if errors.As(err, new(errForbidden)) || errors.As(err, new(errFolded)) {
			_ = taken.Close() // it gives it back
			return nil, err
		}
		lost := errors.Is(err, driver.ErrBadConn) || shared.Ping(ctx) != nil
		_ = taken.Raw(func(any) error { return driver.ErrBadConn }) // this closes it
		if !lost || more == 0 || ctx.Err() != nil {
			return nil, err
		}
	}
}

// switching is in the context of who takes a connection to switch it.
type switching struct{}

// IsValid has database/sql close the connection when what it was taken for is over, and
// not keep it: others wait for it.
func (c *tenantConn) IsValid() bool {
	c.asked = true
	return false
}

// ResetSession is never asked: nobody gets a connection that another has had. With it,
// one whose transaction ends by its context is no bad one (sql.Tx.awaitDone).
func (c *tenantConn) ResetSession(context.Context) error { return driver.ErrBadConn }

// Close gives the shared connection back. It is closed with this one if somebody has said
// that it is bad ([sql.Conn.Raw]).
func (c *tenantConn) Close() error {
	if c.taken == nil {
		return nil
	}
	if !c.asked {
		c.shared.marked = true
	}
	return c.taken.Close()
}

func (c *tenantConn) Ping(ctx context.Context) error {
	shared, err := c.take(ctx)
	if err != nil {
		return err
	}
	return shared.Ping(ctx)
}

func (c *tenantConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	shared, args, err := c.takeFor(ctx, args)
	if err != nil {
		return nil, err
	}
	return shared.QueryContext(ctx, query, args)
}

func (c *tenantConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	shared, args, err := c.takeFor(ctx, args)
	if err != nil {
		return nil, err
	}
	return shared.ExecContext(ctx, query, args)
}

func (c *tenantConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *tenantConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	shared, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	return shared.PrepareContext(ctx, query)
}

func (c *tenantConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *tenantConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	shared, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	return shared.BeginTx(ctx, opts)
}

// CheckNamedValue is of driver.NamedValueChecker. Without a shared connection it leaves
// the work to takeFor.
func (c *tenantConn) CheckNamedValue(value *driver.NamedValue) error {
	if c.shared == nil {
		return nil
	}
	return c.shared.CheckNamedValue(value)
}

// takeFor is take for arguments, which it makes what the driver wants, as database/sql
// would have done if there had been a shared connection.
func (c *tenantConn) takeFor(ctx context.Context, args []driver.NamedValue) (*sharedConn, []driver.NamedValue, error) {
	if c.shared != nil {
		return c.shared, args, nil
	}
	shared, err := c.take(ctx)
	if err != nil {
		return nil, nil, err
	}
	checked := make([]driver.NamedValue, 0, len(args))
	for _, arg := range args {
		err := shared.CheckNamedValue(&arg)
		if err == driver.ErrSkip {
			arg.Value, err = driver.DefaultParameterConverter.ConvertValue(arg.Value)
		}
		if err == driver.ErrRemoveArgument {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("tenantschema: converting argument $%d: %w", arg.Ordinal, err)
		}
		arg.Ordinal = len(checked) + 1
		checked = append(checked, arg)
	}
	return shared, checked, nil
}
