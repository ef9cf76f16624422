// Package servers gives tests databases of their own on real servers.
//
// A server's address comes from an environment variable, with a default that
// suits a server on this machine without a password. A test that needs a
// server which does not answer skips, or fails where REQUIRE_SERVERS is set.
// The user must be allowed to create databases and to end connections.
package servers

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
)

// A Server is a database server that tests create databases on.
type Server struct {
	Name string // "PostgreSQL", "MariaDB"

	variable string // of the environment, that holds its DSN
	fallback string // the DSN without that variable
	engine   engine

	asking sync.Once
	absent error // why it does not answer
	admin  *sql.DB
}

// An engine is what differs between kinds of servers.
type engine interface {
	// withDatabase is a DSN with another database, and all that tests want of
	// a connection.
	withDatabase(dsn, database string) (string, error)
	connector(dsn string, dial func(Dialer) Dialer) (driver.Connector, error)
	open(dsn string) gorm.Dialector
	address(dsn string) (network, address string, err error)
	// through is a DSN at another address, unless that is empty, with settings.
	through(dsn, address string, settings map[string]string) (string, error)
	on(pool gorm.ConnPool) gorm.Dialector

	version() string             // SQL that asks for the server's version
	create(name string) []string // SQL that creates a database
	drop(name string) string     // and drops it, whoever is still connected
	connectionID() string        // SQL that asks for a connection's id
	idOf(ctx context.Context, conn driver.Conn) (int64, error)
	kill(id int64) string // SQL that ends a connection
	connected() string    // SQL that counts the connections with an id
}

// The servers.
var (
	PostgreSQL = &Server{
		Name:     "PostgreSQL",
		variable: "GORMBIND_POSTGRES_DSN",
		fallback: "host=127.0.0.1 user=postgres dbname=postgres sslmode=disable",
		engine:   postgresEngine{},
	}
	MariaDB = &Server{
		Name:     "MariaDB",
		variable: "GORMBIND_MYSQL_DSN",
		fallback: "root@tcp(127.0.0.1:3306)/",
		engine:   mysqlEngine{},
	}
)

// Version is what the server says that it is.
func (s *Server) Version() (version string, err error) {
	if err = s.Answers(); err == nil {
		err = s.admin.QueryRow(s.engine.version()).Scan(&version)
	}
	return version, err
}

// All are the servers that a test should pass on.
func All() []*Server { return []*Server{PostgreSQL, MariaDB} }

// At is a server of the same kind at an address of its own.
func (s *Server) At(dsn string) *Server {
	return &Server{Name: s.Name, fallback: dsn, engine: s.engine}
}

func (s *Server) dsn() string {
	if dsn := os.Getenv(s.variable); dsn != "" {
		return dsn
	}
	return s.fallback
}

// DialectorOn speaks the server's dialect on a pool that is open.
func (s *Server) DialectorOn(pool gorm.ConnPool) gorm.Dialector { return s.engine.on(pool) }

// Need skips the test if the server does not answer, or fails it where
// REQUIRE_SERVERS is set.
func (s *Server) Need(t testing.TB) {
	t.Helper()
	switch err := s.Answers(); {
	case err == nil:
	case Required():
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// Answers fails if the server does not. Later calls repeat the first answer.
func (s *Server) Answers() error {
	s.asking.Do(func() { s.absent = s.connect() })
	if s.absent != nil {
		return fmt.Errorf("no %s answers at the address in %s (or its default): %w", s.Name, s.variable, s.absent)
	}
	return nil
}

// Required says whether a server that does not answer is a failure.
func Required() bool { return os.Getenv("REQUIRE_SERVERS") != "" }

func (s *Server) connect() error {
	dsn, err := s.engine.withDatabase(s.dsn(), "")
	if err != nil {
		return err
	}
	connector, err := s.engine.connector(dsn, nil)
	if err != nil {
		return err
	}
	s.admin = sql.OpenDB(connector)
	s.admin.SetMaxIdleConns(1)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.admin.PingContext(ctx)
}

// Admin is a pool of connections to the server that belong to no test.
func (s *Server) Admin(t testing.TB) *sql.DB {
	t.Helper()
	s.Need(t)
	return s.admin
}

// A Database is a database of tests alone.
type Database struct {
	Server *Server
	Name   string // unique on its server

	dsn string
}

var (
	process = fmt.Sprintf("gormbind_%d_%d", os.Getpid(), time.Now().UnixNano()%1e9)
	created atomic.Int64
)

// Database creates a database with a unique name, which is dropped when the
// test ends. The label is a part of the name.
func (s *Server) Database(t testing.TB, label string) *Database {
	t.Helper()
	s.Need(t)
	d, err := s.Create(label)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Drop(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// Shared is a database that all tests of a package share under a label: to
// create and drop one takes PostgreSQL longer than most tests. The package's
// TestMain must call [Main], which drops it.
func (s *Server) Shared(t testing.TB, label string) *Database {
	t.Helper()
	s.Need(t)
	sharing.Lock()
	defer sharing.Unlock()
	key := s.Name + " " + label
	if d, ok := shared[key]; ok {
		return d
	}
	d, err := s.Create(label)
	if err != nil {
		t.Fatal(err)
	}
	shared[key] = d
	return d
}

var (
	sharing sync.Mutex
	shared  = map[string]*Database{}
)

// Main runs a package's tests, drops the databases that they shared, and
// exits: func TestMain(m *testing.M) { servers.Main(m) }.
func Main(m *testing.M) {
	code := m.Run()
	for _, d := range shared {
		if err := d.Drop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := StopPrivate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Create is Database for a program: it drops the database itself.
func (s *Server) Create(label string) (*Database, error) {
	if err := s.Answers(); err != nil {
		return nil, err
	}
	d := &Database{Server: s, Name: fmt.Sprintf("%s_%d_%s", process, created.Add(1), label)}
	var err error
	if d.dsn, err = s.engine.withDatabase(s.dsn(), d.Name); err != nil {
		return nil, err
	}
	for _, ddl := range s.engine.create(d.Name) {
		if _, err := s.admin.Exec(ddl); err != nil {
			return nil, fmt.Errorf("create a database on %s: %w", s.Name, err)
		}
	}
	return d, nil
}

// Drop drops the database, whoever is still connected.
func (d *Database) Drop() error {
	if _, err := d.Server.admin.Exec(d.Server.engine.drop(d.Name)); err != nil {
		return fmt.Errorf("drop a database on %s: %w", d.Server.Name, err)
	}
	return nil
}

// Dialector is a dialector of the database with its DSN, as programs have it:
// GORM opens the pool.
func (d *Database) Dialector() gorm.Dialector { return d.Server.engine.open(d.dsn) }

// A Dialer opens a network connection to a server.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Connector makes connections to the database with its server's driver. If
// dial is not nil, it wraps the dialer of their network connections.
func (d *Database) Connector(t testing.TB, dial func(Dialer) Dialer) driver.Connector {
	t.Helper()
	connector, err := d.Server.engine.connector(d.dsn, dial)
	if err != nil {
		t.Fatal(err)
	}
	return connector
}

// Open opens a pool of connections to the database.
func (d *Database) Open() (*sql.DB, error) {
	connector, err := d.Server.engine.connector(d.dsn, nil)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// A Querier is a *sql.DB, *sql.Tx or *sql.Conn.
type Querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// ConnectionID is the id that the server knows a connection by.
func (s *Server) ConnectionID(t testing.TB, q Querier) (id int64) {
	t.Helper()
	if err := q.QueryRowContext(context.Background(), s.engine.connectionID()).Scan(&id); err != nil {
		t.Fatalf("ask %s for a connection's id: %v", s.Name, err)
	}
	return id
}

// Cut ends a connection from the server's side, and returns when it is gone.
func (s *Server) Cut(t testing.TB, id int64) {
	t.Helper()
	if err := s.cut(context.Background(), id); err != nil {
		t.Fatal(err)
	}
}

// CutConn is Cut for a connection of the server's driver, which must not be in
// the middle of an answer.
func (s *Server) CutConn(ctx context.Context, conn driver.Conn) error {
	id, err := s.engine.idOf(ctx, conn)
	if err != nil {
		return fmt.Errorf("ask %s for a connection's id: %w", s.Name, err)
	}
	return s.cut(ctx, id)
}

func (s *Server) cut(ctx context.Context, id int64) error {
	if _, err := s.admin.ExecContext(ctx, s.engine.kill(id)); err != nil {
		return fmt.Errorf("cut a connection of %s: %w", s.Name, err)
	}
	for start := time.Now(); time.Since(start) < 5*time.Second; time.Sleep(time.Millisecond) {
		var count int
		if err := s.admin.QueryRowContext(ctx, s.engine.connected(), id).Scan(&count); err != nil {
			return err
		}
		if count == 0 {
			return nil
		}
	}
	return fmt.Errorf("%s did not cut a connection within 5 seconds", s.Name)
}
