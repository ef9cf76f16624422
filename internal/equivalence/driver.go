package equivalence

import (
	"context"
	"database/sql/driver"
	"errors"
	"sort"
	"strings"
	"sync"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/testkit"
)

// ErrNoAuthorizer is the error of a build without cgo.
var ErrNoAuthorizer = errors.New("this asks SQLite's authorizer what statements read, which only github.com/mattn/go-sqlite3 gives, and it needs cgo")

// A rawConn is a connection of mattn's driver.
type rawConn interface {
	driver.Conn
	driver.QueryerContext
	Exec(query string, args []driver.Value) (driver.Result, error)
	RegisterAuthorizer(func(action int, table, column, database string) int)
}

// What SQLite asks its authorizer about (https://www.sqlite.org/c3ref/c_alter_table.html).
const (
	actionDelete = 9
	actionInsert = 18
	actionRead   = 20
	actionUpdate = 23
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
	case actionInsert, actionUpdate, actionDelete:
		r.writes = true
		fallthrough
	case actionRead:
		if !strings.HasPrefix(table, "sqlite_") {
			r.reading[strings.ToLower(table)] = true
		}
	}
	return 0 // SQLITE_OK
}

// call is the hook of the databases' drivers: it records what is sent. SQLite
// says what a statement reads where it is prepared, in a call of its own or in
// that which sends it.
func (r *recorder) call(ctx context.Context, _ *testkit.Conn, call testkit.Call, real testkit.Real) error {
	switch {
	case call.Kind == testkit.Commit || call.Kind == testkit.Rollback:
		return real(ctx)
	case call.Kind == testkit.Begin:
		r.send(sentence{database: call.Database, sql: "BEGIN"})
		return real(ctx)
	case call.Prepared:
		r.mu.Lock()
		s := r.known[call.SQL]
		r.mu.Unlock()
		s.database, s.sql = call.Database, call.SQL
		r.send(s)
		return real(ctx)
	}
	r.reading, r.writes = map[string]bool{}, false
	err := real(ctx)
	s := sentence{database: call.Database, sql: call.SQL, writes: r.writes}
	for table := range r.reading {
		s.tables = append(s.tables, table)
	}
	sort.Strings(s.tables)
	r.mu.Lock()
	r.known[call.SQL] = s
	r.mu.Unlock()
	if !call.Part {
		r.send(s)
	}
	return err
}

func (r *recorder) send(s sentence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, s)
	if s.writes {
		r.dirty[s.database] = true
	}
}

// A connector opens connections of one file, which tell the recorder what their
// statements read.
type connector struct {
	dsn string
	log *recorder
}

func (c *connector) Driver() driver.Driver { return sqlitedb.Driver() }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	opened, err := openRaw(c.dsn)
	if err != nil {
		return nil, err
	}
	opened.RegisterAuthorizer(c.log.authorize)
	return opened, nil
}
