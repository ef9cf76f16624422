package dbpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// A held is a connection of a pool that is held as its driver's own, in a database of
// database/sql for itself alone. What begins by name there (XA START) is then a
// *sql.Tx like any other: it ends its rows and statements when it ends, and refuses
// what comes later.
type held struct {
	driver.Conn
	two    *product.TwoPhase
	branch product.Branch

	state atomic.Int32
	over  chan error    // what the connection goes back with
	gone  chan struct{} // closed once it has
	db    *sql.DB
}

const (
	active int32 = iota
	prepared
	abandoned // it is prepared, and left to recovery
)

// hold takes the driver's connection out of conn, until it is let go.
func hold(conn *sql.Conn, two *product.TwoPhase, branch product.Branch) (*held, error) {
	h := &held{two: two, branch: branch, over: make(chan error, 1), gone: make(chan struct{})}
	got := make(chan error, 1)
	go func() {
		defer close(h.gone)
		err := conn.Raw(func(of any) error {
			inner, ok := of.(driver.Conn)
			if !ok {
				got <- errors.New("the driver's connection is none of database/sql/driver")
				return nil
			}
			h.Conn = inner
			got <- nil
			return <-h.over
		})
		select {
		case got <- err: // it was not called
		default:
		}
	}()
	if err := <-got; err != nil {
		<-h.gone
		return nil, err
	}
	h.db = sql.OpenDB(h)
	h.db.SetMaxOpenConns(1)
	return h, nil
}

// letGo gives the connection back, or has it closed.
func (h *held) letGo(discard bool) {
	_ = h.db.Close()
	if discard {
		h.over <- driver.ErrBadConn
	} else {
		h.over <- nil
	}
	<-h.gone
}

// Connect is of driver.Connector.
func (h *held) Connect(context.Context) (driver.Conn, error) { return h, nil }

// Driver is of driver.Connector.
func (h *held) Driver() driver.Driver { return nil }

// Close leaves the connection to letGo.
func (h *held) Close() error { return nil }

func (h *held) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if conn, ok := h.Conn.(driver.ExecerContext); ok {
		return conn.ExecContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (h *held) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if conn, ok := h.Conn.(driver.QueryerContext); ok {
		return conn.QueryContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (h *held) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if conn, ok := h.Conn.(driver.ConnPrepareContext); ok {
		return conn.PrepareContext(ctx, query)
	}
	return h.Conn.Prepare(query)
}

func (h *held) CheckNamedValue(value *driver.NamedValue) error {
	if conn, ok := h.Conn.(driver.NamedValueChecker); ok {
		return conn.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

// BeginTx begins the branch by its name.
func (h *held) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if level := sql.IsolationLevel(opts.Isolation); level != sql.LevelDefault {
		if err := h.exec(ctx, "SET TRANSACTION ISOLATION LEVEL "+level.String()); err != nil {
			return nil, err
		}
	}
	if err := h.exec(ctx, h.two.Begin(h.branch)); err != nil {
		return nil, err
	}
	return &heldTx{h, ctx}, nil
}

func (h *held) exec(ctx context.Context, query string) error {
	_, err := h.ExecContext(ctx, query, nil)
	if !errors.Is(err, driver.ErrSkip) {
		return err
	}
	stmt, err := h.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer stmt.Close()
	if with, ok := stmt.(driver.StmtExecContext); ok {
		_, err = with.ExecContext(ctx, nil)
		return err
	}
	//lint:ignore SA1019 the driver has no other
	_, err = stmt.Exec(nil) //nolint:staticcheck // all that this driver has
	return err
}

// A heldTx ends the branch. Its context is that of BEGIN, which ends where nobody
// waits for the answer any more.
type heldTx struct {
	*held
	ctx context.Context
}

func (t *heldTx) Commit() error {
	if t.state.Load() == prepared {
		err := t.exec(t.ctx, t.two.Commit(t.branch))
		if t.two.Empty(err) {
			return nil
		}
		return err
	}
	if err := t.exec(t.ctx, t.two.End(t.branch)); err != nil {
		return errors.Join(err, t.exec(t.ctx, t.two.Abort(t.branch)))
	}
	return t.exec(t.ctx, t.two.OnePhase(t.branch))
}

func (t *heldTx) Rollback() error {
	switch t.state.Load() {
	case abandoned:
		return nil
	case prepared:
		err := t.exec(t.ctx, t.two.Rollback(t.branch))
		if t.two.Empty(err) {
			return nil
		}
		return err
	}
	_ = t.exec(t.ctx, t.two.End(t.branch)) // refused where the server has ended it, or it has ended before
	return t.exec(t.ctx, t.two.Abort(t.branch))
}
