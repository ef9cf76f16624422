package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// observers are those of the option Observe. Each place that tells them looks first
// whether there are any.
type observers []Observer

// installed tells that the plugin's binds are open, and returns what closes.
func (o observers) installed(p *Plugin) (closed func()) {
	var all []func()
	for _, one := range o {
		if one.Installed == nil {
			continue
		}
		if fn := one.Installed(p); fn != nil {
			all = append(all, fn)
		}
	}
	return func() {
		for _, fn := range all {
			fn()
		}
	}
}

// begin tells of a transaction, and returns its context.
func (o observers) begin(ctx context.Context) context.Context {
	for _, one := range o {
		if one.Begin == nil {
			continue
		}
		if with := one.Begin(ctx); with != nil {
			ctx = with
		}
	}
	return ctx
}

// stage tells of a stage of a branch, and returns what tells of its answer.
func (b *branch) stage(stage Stage) (answered func(error)) {
	of, tx := b.tx.plugin.observers, b.tx
	if len(of) == 0 {
		return nil
	}
	sent := BranchStage{Placement: b.pool.placement(), Stage: stage, DB: b.pool.database()}
	tell := func(call func()) { call() }
	if stage == StageCheck || stage == StageCommit || stage == StageRollback {
		tell = tx.uninterrupted
	}
	var all []func(error)
	for _, one := range of {
		one := one
		if one.Stage == nil {
			continue
		}
		var fn func(error)
		tell(func() { fn = one.Stage(tx.xact.Context(), sent) })
		if fn != nil {
			all = append(all, func(err error) { tell(func() { fn(err) }) })
		}
	}
	if all == nil {
		return nil
	}
	return func(err error) { tellAll(all, err) }
}

// uninterrupted calls an observer at the end of a transaction, and keeps its panic: on the way
// it would leave branches with their locks, or some committed and nobody told, and what
// rolls back may be a goroutine on which no program can recover.
func (t *transaction) uninterrupted(call func()) {
	defer func() {
		if value := recover(); value != nil {
			t.panicked.CompareAndSwap(nil, &value)
		}
	}()
	call()
}

// panicLate gives the program the panic of an observer, now that the transaction has ended.
func (t *transaction) panicLate() {
	if value := t.panicked.Swap(nil); value != nil {
		panic(*value)
	}
}

// tellAll tells of the end of what was told last first, as nested spans want.
func tellAll(ends []func(error), err error) {
	for i := len(ends) - 1; i >= 0; i-- {
		ends[i](err)
	}
}

// Ends is of xact.Resource.
func (b *branch) Ends(operation string) func(error) { return b.stage(Stage(operation)) }

// ended is of xact.Hooks.
func (o observers) ended(ctx context.Context, of xact.Outcome) {
	end := TransactionEnd{Outcome: RolledBack, Committed: keysOf(of.Committed), RolledBack: keysOf(of.RolledBack), Err: of.Err}
	switch {
	case of.Partial():
		end.Outcome, end.Failed = Partial, asBranch(of.Failed).pool.bind.key
		if of.Unknown {
			end.Outcome = Unknown
		}
	case of.Doomed != nil || errors.Is(of.Err, ErrRolledBack): // the latter is found by the check before COMMIT
		end.Outcome = Doomed
		if end.Err == nil {
			end.Err = of.Doomed
		}
	case of.Err == nil && !of.Undone:
		end.Outcome = Committed
	}
	tell := func(call func()) { call() }
	for _, branches := range [][]*xact.Branch{of.Committed, {of.Failed}, of.RolledBack} {
		for _, b := range branches {
			if b != nil {
				tell = asBranch(b).tx.uninterrupted
			}
		}
	}
	for _, one := range o {
		if one.End != nil {
			one := one
			tell(func() { one.End(ctx, end) })
		}
	}
}

// refused tells of a statement that is not sent. What fails in a transaction that is
// over, or can't begin, is told by its stages.
func (o observers) refused(ctx context.Context, err error) {
	var stage *BranchError
	if len(o) == 0 || err == nil || errors.As(err, &stage) || errors.Is(err, sql.ErrTxDone) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	for _, one := range o {
		if one.Refused != nil {
			one.Refused(ctx, err)
		}
	}
}

// tellRefused tells of a statement that routing has refused. In DryRun nothing would have
// been sent, and what a subquery is in is told of itself.
func (p *Plugin) tellRefused(db *gorm.DB, err error) {
	if !db.DryRun {
		p.observers.refused(db.Statement.Context, err)
	}
}

// An observedConn is a connection that tells of what is sent there.
type observedConn struct {
	gorm.ConnPool
	plugin *Plugin
	sent   SentStatement
}

// observed is a connection that tells of what is sent there, if anybody wants to know;
// without a key, another pool behind it tells.
func (p *Plugin) observed(conn gorm.ConnPool, sent SentStatement) gorm.ConnPool {
	if sent.Key == "" {
		return conn
	}
	return observedConn{conn, p, sent}
}

func (c observedConn) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	if err := c.refusedValue(ctx, args); err != nil {
		return nil, err
	}
	ctx, answered := c.tell(ctx, query)
	err = errUnanswered
	defer func() { answered(err) }()
	result, err = c.ConnPool.ExecContext(ctx, query, args...)
	return result, err
}

func (c observedConn) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	if err := c.refusedValue(ctx, args); err != nil {
		return nil, err
	}
	ctx, answered := c.tell(ctx, query)
	err = errUnanswered
	defer func() { answered(err) }()
	rows, err = c.ConnPool.QueryContext(ctx, query, args...)
	return rows, err
}

func (c observedConn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := c.refusedValue(ctx, args); err != nil {
		return dbpool.ErrorRow(err)
	}
	ctx, answered := c.tell(ctx, query)
	err := errUnanswered
	defer func() { answered(err) }()
	row := c.ConnPool.QueryRowContext(ctx, query, args...)
	err = row.Err()
	return row
}

// refusedValue is the error of a refused subquery, for which a variable stands that
// can't be sent.
func (c observedConn) refusedValue(ctx context.Context, args []any) error {
	for _, arg := range args {
		if refused, ok := arg.(refusal); ok {
			c.plugin.observers.refused(ctx, refused.err)
			return refused.err
		}
	}
	return nil
}

// errUnanswered is told where a panic, or the end of the goroutine, has come in the place
// of an answer.
var errUnanswered = errors.New("bindkey: no answer, but a panic")

// tell tells of a statement, and what it returns of its answer. Where one of GORM's
// callbacks sends the statement, it reads the answer, too, and tells of the end.
func (c observedConn) tell(ctx context.Context, query string) (context.Context, func(error)) {
	sent := c.sent
	sent.SQL = query
	by, _ := ctx.Value(sendingKey{}).(*sending)
	if by != nil {
		sent.Table = by.table
	}
	var ends []func(error)
	for _, one := range c.plugin.observers {
		if one.Statement == nil {
			continue
		}
		with, end := one.Statement(ctx, sent)
		if with != nil {
			ctx = with
		}
		if end != nil {
			ends = append(ends, end)
		}
	}
	if by == nil || !by.takes(ends) {
		return ctx, func(err error) { tellAll(ends, err) }
	}
	return ctx, by.answered
}

// A sending is one of GORM's callbacks that send a statement and read its answer. The
// context of the statement carries it to the connection.
type sending struct {
	before   context.Context // of the statement
	table    string          // where GORM builds the SQL
	returned bool

	mu   sync.Mutex    // a callback of the program's may have the context in a goroutine of its own
	over bool          // what is sent now is nobody's
	ends []func(error) // of the statement that was sent last
	err  error         // that the database answered it
}

type sendingKey struct{}

// sending puts itself into a statement's context; nil: nobody wants to know.
func (o observers) sending(db *gorm.DB) *sending {
	if len(o) == 0 || db.DryRun {
		return nil
	}
	stmt := db.Statement
	by := &sending{before: stmt.Context}
	if stmt.SQL.Len() == 0 {
		by.table = stmt.Table
	}
	stmt.Context = context.WithValue(stmt.Context, sendingKey{}, by)
	return by
}

// callbackReturned gives the statement its context back, before others change it.
func (s *sending) callbackReturned(db *gorm.DB) {
	s.returned = true
	db.Statement.Context = s.before
}

// done tells of the end, also in a panic.
func (s *sending) done(db *gorm.DB) {
	switch err := db.Error; {
	case !s.returned:
		db.Statement.Context = s.before
		s.end(errUnanswered)
	case errors.Is(err, gorm.ErrRecordNotFound):
		s.end(nil)
	default:
		s.end(err)
	}
}

// takes has the end of a statement be told with that of the callback. A dialect's callback
// may send several: the one before has ended then. It is false once the callback has.
func (s *sending) takes(ends []func(error)) bool {
	s.mu.Lock()
	before, err := s.ends, s.err
	if s.over {
		s.mu.Unlock()
		return false
	}
	s.ends, s.err = ends, nil
	s.mu.Unlock()
	tellAll(before, err)
	return true
}

func (s *sending) answered(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *sending) end(err error) {
	s.mu.Lock()
	s.over = true
	ends, answer := s.ends, s.err
	s.mu.Unlock()
	if answer != nil {
		err = answer
	}
	tellAll(ends, err)
}
