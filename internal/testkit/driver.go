package testkit

import (
	"context"
	"database/sql/driver"
	"strings"
	"sync/atomic"
)

// What a [Call] does.
const (
	Begin      = "BEGIN"
	Statement  = "STATEMENT"
	Check      = "CHECK" // the sign of life before COMMIT
	SavePoint  = "SAVEPOINT"
	RollbackTo = "ROLLBACK TO"
	Commit     = "COMMIT"
	Rollback   = "ROLLBACK"
	Aside      = "ASIDE" // whether a connection outside of transactions is that
)

// A Call is one call of a driver.
type Call struct {
	Database string
	Kind     string
	SQL      string // of a statement
	Args     []driver.NamedValue
	Options  driver.TxOptions // of BEGIN

	Part     bool // PREPARE, or an Exec that the driver wants prepared: another call of the same statement follows
	Prepared bool // of a statement that was prepared
	Faulted  bool // a [Recorder] let something happen in it
	Dead     bool // the connection was lost in an earlier call
}

func (c Call) String() string { return c.Kind + " " + c.Database }

// Whole reports whether a call stands for its statement alone, and reached its
// database in a transaction.
func (c Call) Whole() bool { return !c.Dead && c.Kind != Aside && (!c.Part || c.Faulted) }

// A Real makes a call as the real driver does.
type Real func(context.Context) error

// A Hook is what makes the calls of wrapped connections, by real or otherwise.
// It returns the call's error. Those of a connection that is lost are told, too,
// and answered by [driver.ErrBadConn] whatever it returns.
type Hook func(ctx context.Context, on *Conn, call Call, real Real) error

// Wrap lets a hook make the calls of a database's connections: BEGIN,
// statements, COMMIT and ROLLBACK.
func Wrap(database string, connector driver.Connector, hook Hook) driver.Connector {
	return &wrappedConnector{connector, hook, database}
}

func kindOf(query string) string {
	folded := strings.ToUpper(strings.TrimSpace(query))
	switch {
	case strings.HasPrefix(folded, "ROLLBACK TO"):
		return RollbackTo
	case strings.HasPrefix(folded, "SAVEPOINT"):
		return SavePoint
	case folded == "SELECT 1", folded == "BEGIN", strings.HasPrefix(folded, "SELECT 1 /*M! AND @@IN_TRANSACTION */"), folded == "SET TRANSACTION READ WRITE":
		return Check // a BEGIN that is a statement: it must fail
	default:
		return Statement
	}
}

type wrappedConnector struct {
	driver.Connector
	hook     Hook
	database string
}

func (c *wrappedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn := &Conn{inner: inner, hook: c.hook, database: c.database, stmts: map[*wrappedStmt]bool{}}
	if _, ok := inner.(driver.SessionResetter); ok {
		return &resettingConn{conn}, nil // database/sql tells connections that have it apart
	}
	return conn, nil
}

// A Conn is a wrapped connection. It is used by one goroutine at a time, as
// database/sql promises.
type Conn struct {
	inner    driver.Conn
	hook     Hook
	database string
	dead     bool
	gone     atomic.Bool
	tx       driver.Tx // the open transaction
	txCtx    context.Context
	stmts    map[*wrappedStmt]bool
	rows     driver.Rows // the last answer
}

type resettingConn struct{ *Conn }

var (
	_ driver.Conn               = (*Conn)(nil)
	_ driver.ConnBeginTx        = (*Conn)(nil)
	_ driver.ConnPrepareContext = (*Conn)(nil)
	_ driver.ExecerContext      = (*Conn)(nil)
	_ driver.QueryerContext     = (*Conn)(nil)
	_ driver.NamedValueChecker  = (*Conn)(nil)
	_ driver.Pinger             = (*Conn)(nil)
	_ driver.Validator          = (*Conn)(nil)
	_ driver.SessionResetter    = (*resettingConn)(nil)
	_ driver.StmtExecContext    = (*wrappedStmt)(nil)
	_ driver.StmtQueryContext   = (*wrappedStmt)(nil)
	_ driver.NamedValueChecker  = (*wrappedStmt)(nil)
)

func (c *resettingConn) ResetSession(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	return c.inner.(driver.SessionResetter).ResetSession(ctx)
}

func (c *Conn) IsValid() bool {
	if c.dead {
		return false
	}
	validator, ok := c.inner.(driver.Validator)
	return !ok || validator.IsValid()
}

func (c *Conn) Ping(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	if pinger, ok := c.inner.(driver.Pinger); ok {
		return pinger.Ping(ctx)
	}
	return nil
}

// Gone reports whether the connection is lost or closed, and with it what was open on
// it. Unlike all else, it may be asked by any goroutine.
func (c *Conn) Gone() bool { return c.gone.Load() }

func (c *Conn) Close() error {
	c.gone.Store(true)
	if c.dead {
		return nil
	}
	return c.inner.Close()
}

// Lose closes the real connection, as a server does that rolls back what the
// lost connection left open. SQLite does so only once nothing is prepared.
func (c *Conn) Lose() {
	if c.dead {
		return
	}
	c.dead = true
	c.gone.Store(true)
	for stmt := range c.stmts {
		_ = stmt.Stmt.Close()
	}
	c.RollBack()
	_ = c.inner.Close()
}

// call is one call of the real driver, made by the hook.
func (c *Conn) call(ctx context.Context, told Call, real Real) error {
	told.Database, told.Dead = c.database, c.dead
	if c.tx == nil && (told.SQL == "BEGIN" || told.SQL == "ROLLBACK") {
		told.Kind = Aside
	}
	c.rows = nil
	err := c.hook(ctx, c, told, func(ctx context.Context) error {
		if told.Dead {
			return driver.ErrBadConn
		}
		return real(ctx)
	})
	if told.Dead {
		return driver.ErrBadConn
	}
	return err
}

// Inner is the real driver's connection.
func (c *Conn) Inner() driver.Conn { return c.inner }

// TxContext is the context of the BEGIN of the open transaction.
func (c *Conn) TxContext() context.Context { return c.txCtx }

// InTransaction reports whether a transaction is open.
func (c *Conn) InTransaction() bool { return c.tx != nil }

// RollBack ends the open transaction without its rows, behind the back of who
// began it.
func (c *Conn) RollBack() {
	if c.tx != nil {
		_ = c.tx.Rollback()
	}
}

// Drain reads the last answer, since SQLite writes while its rows are read.
func (c *Conn) Drain() {
	if c.rows == nil {
		return
	}
	values := make([]driver.Value, len(c.rows.Columns()))
	for c.rows.Next(values) == nil {
	}
	_ = c.rows.Close()
}

func (c *Conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *Conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	err := c.call(ctx, Call{Kind: Begin, Options: opts}, func(ctx context.Context) (err error) {
		if beginner, ok := c.inner.(driver.ConnBeginTx); ok {
			c.tx, err = beginner.BeginTx(ctx, opts)
		} else {
			//lint:ignore SA1019 the driver has no other
			c.tx, err = c.inner.Begin() //nolint:staticcheck // all that this driver has
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c.txCtx = ctx
	return wrappedTx{c}, nil
}

type wrappedTx struct{ conn *Conn }

func (t wrappedTx) Commit() error {
	return t.end(Commit, func(tx driver.Tx) error { return tx.Commit() })
}

func (t wrappedTx) Rollback() error {
	return t.end(Rollback, func(tx driver.Tx) error { return tx.Rollback() })
}

func (t wrappedTx) end(kind string, real func(driver.Tx) error) error {
	tx := t.conn.tx
	err := t.conn.call(context.Background(), Call{Kind: kind}, func(context.Context) error {
		t.conn.tx = nil
		return real(tx)
	})
	t.conn.tx = nil
	return err
}

func (c *Conn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.inner.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

func (c *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	execer, ok := c.inner.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	err = c.call(ctx, Call{Kind: kindOf(query), SQL: query, Args: args}, func(ctx context.Context) (err error) {
		result, err = execer.ExecContext(ctx, query, args)
		return err
	})
	return result, err
}

func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	queryer, ok := c.inner.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	err = c.call(ctx, Call{Kind: kindOf(query), SQL: query, Args: args}, func(ctx context.Context) (err error) {
		rows, err = queryer.QueryContext(ctx, query, args)
		c.rows = rows
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (c *Conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *Conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	var inner driver.Stmt
	err := c.call(ctx, Call{Kind: kindOf(query), SQL: query, Part: true}, func(ctx context.Context) (err error) {
		if preparer, ok := c.inner.(driver.ConnPrepareContext); ok {
			inner, err = preparer.PrepareContext(ctx, query)
		} else {
			inner, err = c.inner.Prepare(query)
		}
		return err
	})
	if err != nil {
		if inner != nil && !c.dead {
			_ = inner.Close()
		}
		return nil, err
	}
	stmt := &wrappedStmt{inner, c, query, inner.NumInput()}
	c.stmts[stmt] = true
	return stmt, nil
}

type wrappedStmt struct {
	driver.Stmt
	conn   *Conn
	query  string
	inputs int
}

// NumInput is remembered, since SQLite's own knows nothing once it is closed.
func (s *wrappedStmt) NumInput() int { return s.inputs }

func (s *wrappedStmt) Close() error {
	if s.conn.dead {
		return nil
	}
	delete(s.conn.stmts, s)
	return s.Stmt.Close()
}

func (s *wrappedStmt) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return s.conn.CheckNamedValue(value)
}

func (s *wrappedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (result driver.Result, err error) {
	err = s.conn.call(ctx, Call{Kind: kindOf(s.query), SQL: s.query, Args: args, Prepared: true}, func(ctx context.Context) (err error) {
		if execer, ok := s.Stmt.(driver.StmtExecContext); ok {
			result, err = execer.ExecContext(ctx, args)
		} else {
			//lint:ignore SA1019 the driver has no other
			result, err = s.Stmt.Exec(plainValues(args)) //nolint:staticcheck // all that this driver has
		}
		return err
	})
	return result, err
}

func (s *wrappedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = s.conn.call(ctx, Call{Kind: kindOf(s.query), SQL: s.query, Args: args, Prepared: true}, func(ctx context.Context) (err error) {
		if queryer, ok := s.Stmt.(driver.StmtQueryContext); ok {
			rows, err = queryer.QueryContext(ctx, args)
		} else {
			//lint:ignore SA1019 the driver has no other
			rows, err = s.Stmt.Query(plainValues(args)) //nolint:staticcheck // all that this driver has
		}
		s.conn.rows = rows
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func plainValues(args []driver.NamedValue) []driver.Value {
	values := make([]driver.Value, len(args))
	for i, arg := range args {
		values[i] = arg.Value
	}
	return values
}
