package onetx

import (
	"context"
	"database/sql/driver"
)

// A guest is a connection of a pool while the transaction lasts. It sends what it is
// given over the host's.
type guest struct {
	host  *host
	of    *Connector
	aside bool // of who only looks
	dead  bool // closed; with the host's lock held
}

var (
	_ driver.ConnBeginTx        = (*guest)(nil)
	_ driver.ConnPrepareContext = (*guest)(nil)
	_ driver.ExecerContext      = (*guest)(nil)
	_ driver.QueryerContext     = (*guest)(nil)
	_ driver.NamedValueChecker  = (*guest)(nil)
	_ driver.Validator          = (*guest)(nil)
	_ driver.SessionResetter    = (*guest)(nil)
	_ driver.StmtExecContext    = (*guestStmt)(nil)
	_ driver.StmtQueryContext   = (*guestStmt)(nil)
	_ driver.NamedValueChecker  = (*guestStmt)(nil)
)

func (g *guest) IsValid() bool { return g.of.current() == g.host }

func (g *guest) ResetSession(context.Context) error {
	if !g.IsValid() {
		return driver.ErrBadConn
	}
	return nil
}

// Close undoes a transaction that is open, as a database does whose connection is
// lost.
func (g *guest) Close() error {
	g.host.mu.Lock()
	inside := g.host.inside == g && !g.host.isOver
	g.host.mu.Unlock()
	var err error
	if inside {
		err = g.host.rollback(g)
	}
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	g.dead = true
	return err
}

func (g *guest) CheckNamedValue(value *driver.NamedValue) error {
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	return check(g.host.conn, value)
}

func (g *guest) Begin() (driver.Tx, error) {
	return g.BeginTx(context.Background(), driver.TxOptions{})
}

func (g *guest) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := g.host.begin(ctx, g, opts); err != nil {
		return nil, err
	}
	return guestTx{g}, nil
}

type guestTx struct{ *guest }

func (t guestTx) Commit() error   { return t.host.commit(t.guest) }
func (t guestTx) Rollback() error { return t.host.rollback(t.guest) }

func (g *guest) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (result driver.Result, err error) {
	execer, ok := g.host.conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	err = g.host.call(ctx, g, text, func(ctx context.Context) (err error) {
		result, err = execer.ExecContext(ctx, text, args)
		return err
	})
	return result, err
}

func (g *guest) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (rows driver.Rows, err error) {
	queryer, ok := g.host.conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	err = g.host.call(ctx, g, text, func(ctx context.Context) error {
		answer, err := queryer.QueryContext(ctx, text, args)
		if err == nil {
			rows, err = readAll(answer)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (g *guest) Prepare(text string) (driver.Stmt, error) {
	return g.PrepareContext(context.Background(), text)
}

func (g *guest) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	var stmt driver.Stmt
	err := g.host.call(ctx, g, text, func(ctx context.Context) (err error) {
		stmt, err = prepare(ctx, g.host.conn, text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &guestStmt{stmt, g, text}, nil
}

type guestStmt struct {
	driver.Stmt
	guest *guest
	text  string
}

func (s *guestStmt) CheckNamedValue(value *driver.NamedValue) error {
	if _, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return check(s.Stmt, value)
	}
	return s.guest.CheckNamedValue(value)
}

func (s *guestStmt) Close() error {
	s.guest.host.mu.Lock()
	defer s.guest.host.mu.Unlock()
	if s.guest.host.isOver {
		return nil // closed with its connection
	}
	return s.Stmt.Close()
}

func (s *guestStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (result driver.Result, err error) {
	err = s.guest.host.call(ctx, s.guest, s.text, func(ctx context.Context) (err error) {
		result, err = execStmt(ctx, s.Stmt, args)
		return err
	})
	return result, err
}

func (s *guestStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = s.guest.host.call(ctx, s.guest, s.text, func(ctx context.Context) error {
		answer, err := queryStmt(ctx, s.Stmt, args)
		if err == nil {
			rows, err = readAll(answer)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}
