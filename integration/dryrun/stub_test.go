package dryrun

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
	"sync"
)

// A server stands for a database: it keeps what is sent to it, and answers
// nothing but its version.
type server struct {
	version string // "" for one of many

	mu   sync.Mutex
	sent []string
}

func (s *server) pool() *sql.DB {
	pool := sql.OpenDB(s)
	pool.SetMaxOpenConns(1)
	return pool
}

func (s *server) keep(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, fmt.Sprintf(format, args...))
}

// take is what was sent since the last take, but for transactions in which
// nothing was: GORM begins them in DryRun, and the plugin does not.
func (s *server) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := strings.Join(s.sent, "\n") + "\n"
	s.sent = nil
	return strings.TrimSpace(strings.ReplaceAll(sent, "BEGIN\nCOMMIT\n", ""))
}

func (s *server) Connect(context.Context) (driver.Conn, error) { return stubConn{s}, nil }

func (s *server) Driver() driver.Driver { return nil }

type stubConn struct{ server *server }

func (c stubConn) Prepare(query string) (driver.Stmt, error) {
	c.server.keep("PREPARE %s", query)
	return stubStmt{c.server, query}, nil
}

func (c stubConn) Close() error { return nil }

func (c stubConn) Begin() (driver.Tx, error) {
	c.server.keep("BEGIN")
	return stubTx(c), nil
}

func (c stubConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.server.keep("EXEC %s %v", query, args)
	return driver.RowsAffected(1), nil
}

func (c stubConn) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if strings.Contains(strings.ToLower(query), "version()") {
		if c.server.version != "" {
			return &stubRows{answer: c.server.version}, nil
		}
		return &stubRows{answer: "23.8.1"}, nil
	}
	c.server.keep("QUERY %s %v", query, args)
	return &stubRows{}, nil
}

type stubTx struct{ server *server }

func (t stubTx) Commit() error {
	t.server.keep("COMMIT")
	return nil
}

func (t stubTx) Rollback() error {
	t.server.keep("ROLLBACK")
	return nil
}

type stubStmt struct {
	server *server
	query  string
}

func (stubStmt) Close() error { return nil }

func (stubStmt) NumInput() int { return -1 }

func (s stubStmt) Exec(args []driver.Value) (driver.Result, error) {
	s.server.keep("EXEC PREPARED %s %v", s.query, args)
	return driver.RowsAffected(1), nil
}

func (s stubStmt) Query(args []driver.Value) (driver.Rows, error) {
	s.server.keep("QUERY PREPARED %s %v", s.query, args)
	return &stubRows{}, nil
}

// stubRows is one row with one column, or none.
type stubRows struct{ answer string }

func (*stubRows) Columns() []string { return []string{"answer"} }

func (*stubRows) Close() error { return nil }

func (r *stubRows) Next(row []driver.Value) error {
	if r.answer == "" {
		return io.EOF
	}
	row[0], r.answer = r.answer, ""
	return nil
}
