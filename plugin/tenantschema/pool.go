// Package tenantschema gives each tenant a schema of PostgreSQL, or a database of MySQL
// or MariaDB, on connections that all tenants share: for many tenants on one server,
// where a pool for each would be too many connections.
//
//	shared := tenantschema.PostgreSQL(stdlib.GetConnector(*pgxConfig))
//	defer shared.Close()
//	shared.DB().SetMaxOpenConns(20) // of all tenants together
//
//	plugin := bindkey.New(bindkey.Tenants("customer", func(ctx context.Context, tenant string) (dbresolver.Config, error) {
//		return dbresolver.Config{Sources: []gorm.Dialector{
//			postgres.New(postgres.Config{DriverName: shared.Driver(), DSN: "customer_" + tenant}),
//		}}, nil
//	}))
//
// A [Pool] is a driver of database/sql, whose DSN is a schema's name. A tenant's own
// *sql.DB has no connection of its own while nothing runs: for a statement, a transaction
// or a *sql.Conn it takes one of the shared ones, which is switched to the schema
// (SET search_path, USE) before anything else is sent, and gives it back at the end.
// There is no way to get one that is not switched: who takes one next, tenant or not, has
// it switched first, whatever was sent on it before. That is one more round trip for
// each statement outside of a transaction, and for each transaction.
//
// # Limitations
//
//   - A tenant keeps to its schema because its statements do not name another. SQL that
//     names one, or sets search_path itself, is as free as the server lets the user be:
//     use roles, or row-level security, where tenants' SQL is not the program's own.
//   - What else a session has (SET, temporary tables, advisory locks) stays on the
//     connection, and may be the next tenant's.
//   - A schema of PostgreSQL that there is not shows when a table is missing; a database
//     of MySQL, when the tenant is opened.
//   - pgx remembers statements for each connection, by their text. PostgreSQL plans them
//     anew when search_path has changed, but refuses those whose result has other
//     columns in this schema ("cached plan must not change result type"). Where tenants'
//     tables may differ, during a migration, say, connect with
//     default_query_exec_mode=exec.
//   - PrepareStmt prepares each statement anew, since a prepared statement is given up
//     with the connection; leave it off ([bindkey.Plugin.Configure]).
//   - A Pool's driver stays registered with database/sql for good: make one for a server,
//     not one for a tenant.
//
// [bindkey.Plugin.Configure]: https://pkg.go.dev/github.com/gormbind/gormbind/plugin/bindkey#Plugin.Configure
package tenantschema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
)

// A Pool is connections that tenants share. Make it with [PostgreSQL] or [MySQL].
type Pool struct {
	db    *sql.DB
	name  string
	enter func(schema string) string // SQL that switches a connection
	leave string                     // SQL that switches it back; "": it can't be
}

// PostgreSQL is a pool of connections to one database of PostgreSQL. A tenant's search
// path is its schema and then those of also, which are the same for all: "public" for
// extensions, say. A table that its own schema has not is then found there, so by
// default there are none.
func PostgreSQL(connector driver.Connector, also ...string) *Pool {
	return newPool(connector, func(schema string) string {
		path := []string{quoted(schema, '"')}
		for _, one := range also {
			path = append(path, quoted(one, '"'))
		}
		return "SET search_path TO " + strings.Join(path, ", ")
	}, "RESET search_path")
}

// MySQL is a pool of connections to a server of MySQL or MariaDB. home is the database
// that the connector names, for statements that are sent with [Pool.DB]; with the
// empty one, a connection that a tenant has had is closed before it is used there.
func MySQL(connector driver.Connector, home string) *Pool {
	leave := ""
	if home != "" {
		leave = "USE " + quoted(home, '`')
	}
	return newPool(connector, func(schema string) string { return "USE " + quoted(schema, '`') }, leave)
}

func quoted(name string, quote byte) string {
	q := string(quote)
	return q + strings.ReplaceAll(name, q, q+q) + q
}

// drivers counts the drivers that are registered.
var drivers atomic.Int64

func newPool(connector driver.Connector, enter func(string) string, leave string) *Pool {
	p := &Pool{enter: enter, leave: leave, name: fmt.Sprintf("tenantschema%d", drivers.Add(1))}
	p.db = sql.OpenDB(&sharedConnector{connector, p})
	sql.Register(p.name, schemaDriver{p})
	return p
}

// Driver is the name of the pool's driver, for the dialector of a tenant. The DSN is
// the schema's name.
func (p *Pool) Driver() string { return p.name }

// DB is the shared connections: for their limits, their statistics, and for statements
// of no tenant.
func (p *Pool) DB() *sql.DB { return p.db }

// Close closes the shared connections. Tenants fail afterwards.
func (p *Pool) Close() error { return p.db.Close() }

// A schemaDriver makes the *sql.DB of a tenant.
type schemaDriver struct{ pool *Pool }

var _ driver.DriverContext = schemaDriver{}

var errName = errors.New("tenantschema: the DSN is the name of a schema, and it is empty or has a zero byte")

// OpenConnector is of driver.DriverContext.
func (d schemaDriver) OpenConnector(schema string) (driver.Connector, error) {
	if schema == "" || strings.ContainsRune(schema, 0) {
		return nil, errName
	}
	return schemaConnector{d.pool, schema}, nil
}

func (d schemaDriver) Open(schema string) (driver.Conn, error) {
	connector, err := d.OpenConnector(schema)
	if err != nil {
		return nil, err
	}
	return connector.Connect(context.Background())
}

// A schemaConnector takes shared connections for one schema.
type schemaConnector struct {
	pool   *Pool
	schema string
}

func (c schemaConnector) Driver() driver.Driver { return schemaDriver{c.pool} }

// Connect takes a shared connection, and switches it. One that was lost while it was idle
// shows only then, and nothing of the program's has been sent: it takes another.
func (c schemaConnector) Connect(ctx context.Context) (driver.Conn, error) {
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
		if err = shared.run(ctx, c.pool.enter(c.schema)); err == nil {
			return &schemaConn{sharedConn: shared, taken: taken}, nil
		}
		lost := errors.Is(err, driver.ErrBadConn) || shared.Ping(ctx) != nil
		discard(taken)
		if !lost || more == 0 || ctx.Err() != nil {
			return nil, err
		}
	}
}

// discard closes a connection in the place of giving it back.
func discard(taken *sql.Conn) {
	_ = taken.Raw(func(any) error { return driver.ErrBadConn })
}

// switching is in the context of who takes a connection to switch it.
type switching struct{}

// A sharedConnector opens the shared connections.
type sharedConnector struct {
	driver.Connector
	pool *Pool
}

func (c *sharedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &sharedConn{Conn: conn, pool: c.pool}, nil
}
