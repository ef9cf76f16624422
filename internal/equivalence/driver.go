package equivalence

import (
	"context"
	"database/sql/driver"
	"sort"
	"strings"
	"sync"

	"github.com/mattn/go-sqlite3"
)

// A sentence is one SQL statement that was sent, with the tables that SQLite
// says it reads or writes.
type sentence struct {
	database string
	sql      string
	tables   []string
	writes   bool
}

// A recorder records what is sent to the databases of one handle.
type recorder struct {
	mu      sync.Mutex
	sent    []sentence
	known   map[string]sentence // by text: a prepared statement is read once
	reading map[string]bool     // tables of the statement that is being prepared
	writes  bool
	dirty   map[string]bool // databases that were written to
}

func newRecorder() *recorder {
	return &recorder{known: map[string]sentence{}, reading: map[string]bool{}, dirty: map[string]bool{}}
}

// take returns what was sent since the last take.
func (r *recorder) take() []sentence {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent
	r.sent = nil
	return sent
}

// authorize is SQLite's callback while it prepares a statement.
func (r *recorder) authorize(op int, table, _, _ string) int {
	switch op {
	case sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE:
		r.writes = true
		fallthrough
	case sqlite3.SQLITE_READ:
		if !strings.HasPrefix(table, "sqlite_") {
			r.reading[strings.ToLower(table)] = true
		}
	}
	return sqlite3.SQLITE_OK
}

// prepare runs what makes SQLite prepare a statement, and records it where it
// is sent, too.
func (r *recorder) prepare(database, sql string, send bool, run func() error) error {
	r.reading, r.writes = map[string]bool{}, false
	err := run()
	s := sentence{database: database, sql: sql, writes: r.writes}
	for table := range r.reading {
		s.tables = append(s.tables, table)
	}
	sort.Strings(s.tables)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[sql] = s
	if send {
		r.add(s)
	}
	return err
}

func (r *recorder) add(s sentence) {
	r.sent = append(r.sent, s)
	if s.writes {
		r.dirty[s.database] = true
	}
}

// again records that a prepared statement is sent.
func (r *recorder) again(database, sql string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.known[sql]
	s.database, s.sql = database, sql
	r.add(s)
}

// A connector opens recorded connections of one database.
type connector struct {
	name string
	dsn  string
	log  *recorder
}

func (c *connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	opened, err := openRaw(c.dsn)
	if err != nil {
		return nil, err
	}
	opened.RegisterAuthorizer(c.log.authorize)
	return &conn{SQLiteConn: opened, database: c.name, log: c.log}, nil
}

func openRaw(dsn string) (*sqlite3.SQLiteConn, error) {
	opened, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return opened.(*sqlite3.SQLiteConn), nil
}

type conn struct {
	*sqlite3.SQLiteConn
	database string
	log      *recorder
}

func (c *conn) ExecContext(ctx context.Context, sql string, args []driver.NamedValue) (result driver.Result, err error) {
	_ = c.log.prepare(c.database, sql, true, func() error {
		result, err = c.SQLiteConn.ExecContext(ctx, sql, args)
		return err
	})
	return result, err
}

func (c *conn) QueryContext(ctx context.Context, sql string, args []driver.NamedValue) (rows driver.Rows, err error) {
	_ = c.log.prepare(c.database, sql, true, func() error {
		rows, err = c.SQLiteConn.QueryContext(ctx, sql, args)
		return err
	})
	return rows, err
}

func (c *conn) PrepareContext(ctx context.Context, sql string) (prepared driver.Stmt, err error) {
	_ = c.log.prepare(c.database, sql, false, func() error {
		prepared, err = c.SQLiteConn.PrepareContext(ctx, sql)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &stmt{SQLiteStmt: prepared.(*sqlite3.SQLiteStmt), conn: c, sql: sql}, nil
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.log.mu.Lock()
	c.log.add(sentence{database: c.database, sql: "BEGIN"})
	c.log.mu.Unlock()
	return c.SQLiteConn.BeginTx(ctx, opts)
}

type stmt struct {
	*sqlite3.SQLiteStmt
	conn *conn
	sql  string
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.log.again(s.conn.database, s.sql)
	return s.SQLiteStmt.ExecContext(ctx, args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.conn.log.again(s.conn.database, s.sql)
	return s.SQLiteStmt.QueryContext(ctx, args)
}
