package txsuite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
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
)

// A Call is one call of a driver.
type Call struct {
	Database string
	Kind     string
	SQL      string           // of a statement
	Options  driver.TxOptions // of BEGIN

	part    bool // PREPARE, or an Exec that the driver wants prepared: another call of the same statement follows
	faulted bool
	dead    bool // the connection was lost in an earlier call
}

func (c Call) String() string { return c.Kind + " " + c.Database }

// The kinds of faults.
type fault string

const (
	answersError fault = "error"                         // the database answers with an error
	losesBefore  fault = "connection lost"               // before the database has done anything
	losesAfter   fault = "connection lost after it"      // it has, but its answer is lost
	cancelled    fault = "context cancelled"             // meanwhile, and the driver gives up
	ignoresEnd   fault = "context cancelled, no heed"    // meanwhile, and the driver does not look
	reallyCut    fault = "connection cut at the server"  // Target.Cut, and the driver's own error
	retriedCut   fault = "connection cut, BEGIN retried" // the same, where database/sql tries another connection
)

// An injectedError is what a database answers.
type injectedError struct{ n int }

func (e *injectedError) Error() string { return fmt.Sprintf("injected error %d", e.n) }

var injected = []error{&injectedError{1}, &injectedError{2}}

// A plan says which calls go wrong: fault by number of the call.
type plan map[int]fault

// A Recorder records the driver's calls of several databases, and makes some
// of them go wrong. Its zero value records nothing until Start.
type Recorder struct {
	mu        sync.Mutex
	recording bool
	calls     []Call
	plan      plan
	hit       int // how many faults have happened
	cancel    context.CancelFunc
	cut       func(ctx context.Context, database string, conn driver.Conn) error
	trouble   error // of the harness, or a promise that only shows here
}

// Start forgets what was recorded and records from here.
func (r *Recorder) Start() { r.start(nil, nil) }

func (r *Recorder) start(p plan, cancel context.CancelFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recording, r.calls, r.plan, r.hit, r.cancel, r.trouble = true, nil, p, 0, cancel, nil
}

// Stop returns the calls since Start, on connections that were alive, one for
// each statement, whether it was prepared or not.
func (r *Recorder) Stop() []Call {
	var whole []Call
	for _, c := range r.stop() {
		if !c.dead && (!c.part || c.faulted) {
			whole = append(whole, c)
		}
	}
	return whole
}

func (r *Recorder) stop() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recording = false
	return r.calls
}

// Trace is the calls as text, for comparison: "BEGIN alpha, …".
func Trace(calls []Call) string {
	texts := make([]string, len(calls))
	for i, c := range calls {
		texts[i] = c.String()
	}
	return strings.Join(texts, ", ")
}

// Wrap makes a database's connections tell the recorder.
func (r *Recorder) Wrap(database string, connector driver.Connector) driver.Connector {
	return &wrappedConnector{connector, r, database}
}

func (r *Recorder) troubled(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble = errors.Join(r.trouble, fmt.Errorf(format, args...))
}

// record notes a call, and tells what happens to it.
func (r *Recorder) record(c Call) (index int, happens fault, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.recording {
		return -1, "", nil
	}
	index = len(r.calls)
	if happens = r.plan[index]; happens != "" {
		c.faulted = true
		err = injected[r.hit]
		r.hit++
	}
	r.calls = append(r.calls, c)
	return index, happens, err
}

// skipped notes that the driver wants a statement prepared.
func (r *Recorder) skipped(index int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if index >= 0 && index < len(r.calls) {
		r.calls[index].part = true
	}
}

func kindOf(query string) string {
	folded := strings.ToUpper(strings.TrimSpace(query))
	switch {
	case strings.HasPrefix(folded, "ROLLBACK TO"):
		return RollbackTo
	case strings.HasPrefix(folded, "SAVEPOINT"):
		return SavePoint
	case folded == "SELECT 1":
		return Check
	default:
		return Statement
	}
}

type wrappedConnector struct {
	driver.Connector
	recorder *Recorder
	database string
}

func (c *wrappedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn := &wrappedConn{Conn: inner, recorder: c.recorder, database: c.database, stmts: map[*wrappedStmt]bool{}}
	if _, ok := inner.(driver.SessionResetter); ok {
		return &resettingConn{conn}, nil // database/sql tells connections that have it apart
	}
	return conn, nil
}

// A wrappedConn is used by one goroutine at a time, as database/sql promises.
type wrappedConn struct {
	driver.Conn
	recorder *Recorder
	database string
	dead     bool
	tx       driver.Tx // the open transaction
	txCtx    context.Context
	stmts    map[*wrappedStmt]bool
	rows     driver.Rows // the last answer
}

type resettingConn struct{ *wrappedConn }

var (
	_ driver.Conn               = (*wrappedConn)(nil)
	_ driver.ConnBeginTx        = (*wrappedConn)(nil)
	_ driver.ConnPrepareContext = (*wrappedConn)(nil)
	_ driver.ExecerContext      = (*wrappedConn)(nil)
	_ driver.QueryerContext     = (*wrappedConn)(nil)
	_ driver.NamedValueChecker  = (*wrappedConn)(nil)
	_ driver.Pinger             = (*wrappedConn)(nil)
	_ driver.Validator          = (*wrappedConn)(nil)
	_ driver.SessionResetter    = (*resettingConn)(nil)
	_ driver.StmtExecContext    = (*wrappedStmt)(nil)
	_ driver.StmtQueryContext   = (*wrappedStmt)(nil)
	_ driver.NamedValueChecker  = (*wrappedStmt)(nil)
)

func (c *resettingConn) ResetSession(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

func (c *wrappedConn) IsValid() bool {
	if c.dead {
		return false
	}
	validator, ok := c.Conn.(driver.Validator)
	return !ok || validator.IsValid()
}

func (c *wrappedConn) Ping(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	if pinger, ok := c.Conn.(driver.Pinger); ok {
		return pinger.Ping(ctx)
	}
	return nil
}

func (c *wrappedConn) Close() error {
	if c.dead {
		return nil
	}
	return c.Conn.Close()
}

// die closes the real connection, as a server does that rolls back what the
// lost connection left open. SQLite does so only once nothing is prepared.
func (c *wrappedConn) die() {
	if c.dead {
		return
	}
	c.dead = true
	for stmt := range c.stmts {
		_ = stmt.Stmt.Close()
	}
	if c.tx != nil {
		_ = c.tx.Rollback()
	}
	_ = c.Conn.Close()
}

// call is one call of the real driver, with what goes wrong in it.
func (c *wrappedConn) call(ctx context.Context, told Call, real func(context.Context) error) error {
	told.Database = c.database
	told.dead = c.dead
	index, happens, answer := c.recorder.record(told)
	if c.dead {
		return driver.ErrBadConn
	}
	err := c.happening(ctx, told, happens, answer, real)
	if errors.Is(err, driver.ErrSkip) {
		c.recorder.skipped(index)
	}
	return err
}

// drain reads the last answer, since SQLite writes while its rows are read.
func (c *wrappedConn) drain() {
	if c.rows == nil {
		return
	}
	values := make([]driver.Value, len(c.rows.Columns()))
	for c.rows.Next(values) == nil {
	}
	_ = c.rows.Close()
}

func (c *wrappedConn) happening(ctx context.Context, told Call, happens fault, answer error, real func(context.Context) error) error {
	ends := told.Kind == Commit || told.Kind == Rollback
	c.rows = nil
	switch happens {
	case answersError:
		if ends && c.tx != nil { // a database that refuses to end a transaction has ended it without its rows
			_ = c.tx.Rollback()
		}
		return answer
	case losesBefore:
		c.die()
		return driver.ErrBadConn
	case losesAfter:
		_ = real(ctx)
		c.drain()
		if ends {
			c.tx = nil
		}
		c.die()
		return io.ErrUnexpectedEOF // not ErrBadConn, which says that nothing was done
	case reallyCut:
		if err := c.recorder.cut(context.WithoutCancel(ctx), c.database, c.Conn); err != nil {
			c.recorder.troubled("cutting a connection of %s: %w", c.database, err)
		}
		return real(ctx)
	case cancelled, ignoresEnd:
		c.recorder.cancel()
		if ends {
			time.Sleep(2 * time.Millisecond) // what would interrupt it has its chance
			if c.txCtx.Err() != nil && told.Kind == Commit {
				c.recorder.troubled("the context of BEGIN ended during COMMIT in %s: pgx would give up", c.database)
			}
			return real(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			c.recorder.troubled("the end of the context did not reach %s", told)
		}
		if happens == cancelled {
			return ctx.Err()
		}
		return real(context.WithoutCancel(ctx))
	default:
		return real(ctx)
	}
}

func (c *wrappedConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *wrappedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	err := c.call(ctx, Call{Kind: Begin, Options: opts}, func(ctx context.Context) (err error) {
		if beginner, ok := c.Conn.(driver.ConnBeginTx); ok {
			c.tx, err = beginner.BeginTx(ctx, opts)
		} else {
			//lint:ignore SA1019 the driver has no other
			c.tx, err = c.Conn.Begin() //nolint:staticcheck // all that this driver has
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c.txCtx = ctx
	return wrappedTx{c}, nil
}

type wrappedTx struct{ conn *wrappedConn }

func (t wrappedTx) Commit() error {
	return t.end(Commit, func(tx driver.Tx) error { return tx.Commit() })
}

func (t wrappedTx) Rollback() error {
	return t.end(Rollback, func(tx driver.Tx) error { return tx.Rollback() })
}

func (t wrappedTx) end(kind string, real func(driver.Tx) error) error {
	tx := t.conn.tx
	err := t.conn.call(context.Background(), Call{Kind: kind}, func(context.Context) error { return real(tx) })
	t.conn.tx = nil
	return err
}

func (c *wrappedConn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

func (c *wrappedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	execer, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	err = c.call(ctx, Call{Kind: kindOf(query), SQL: query}, func(ctx context.Context) (err error) {
		result, err = execer.ExecContext(ctx, query, args)
		return err
	})
	return result, err
}

func (c *wrappedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	queryer, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	err = c.call(ctx, Call{Kind: kindOf(query), SQL: query}, func(ctx context.Context) (err error) {
		rows, err = queryer.QueryContext(ctx, query, args)
		c.rows = rows
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (c *wrappedConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *wrappedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	var inner driver.Stmt
	err := c.call(ctx, Call{Kind: kindOf(query), SQL: query, part: true}, func(ctx context.Context) (err error) {
		if preparer, ok := c.Conn.(driver.ConnPrepareContext); ok {
			inner, err = preparer.PrepareContext(ctx, query)
		} else {
			inner, err = c.Conn.Prepare(query)
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
	conn   *wrappedConn
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
	err = s.conn.call(ctx, Call{Kind: kindOf(s.query), SQL: s.query}, func(ctx context.Context) (err error) {
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
	err = s.conn.call(ctx, Call{Kind: kindOf(s.query), SQL: s.query}, func(ctx context.Context) (err error) {
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
