// Package tenantschema gives each tenant a schema of PostgreSQL, or a database of MySQL
// or MariaDB, on connections that all tenants share: for many tenants on one server,
// where a pool for each would be too many connections.
//
//	pgxConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // tenants' tables may differ, see below
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
// (search_path, USE) before anything else is sent, and gives it back at the end.
// There is no way to get one that is not switched: who takes one next, tenant or not, has
// it switched first, whatever was sent on it before. That is one more round trip for
// each statement outside of a transaction, and for each transaction.
//
// A connection is closed, and not given back, after SQL that may leave something on it: a
// transaction, a setting, a lock, a temporary table. That is all SQL but one statement
// that begins with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, SAVEPOINT or the like,
// or with SET LOCAL in PostgreSQL, and makes no temporary table.
//
// # Limitations
//
//   - A tenant keeps to its schema because its statements do not name another. SQL that
//     names one, or sets search_path itself, is as free as the server lets the user be:
//     use logins of their own where tenants' SQL is not the program's own.
//   - What a function or SELECT does to the session is not seen, and may be the next
//     tenant's: set_config(…, false), advisory locks, variables. A *sql.Conn whose Raw
//     returns [driver.ErrBadConn] is closed.
//   - A pooler between, such as PgBouncer, must not share connections by transaction or by
//     statement: the search path would be others'.
//   - Who holds a connection and needs a second one waits, if all are taken, until the
//     context ends.
//   - pgx remembers statements for each connection, by their text. PostgreSQL plans them
//     anew when search_path has changed, but refuses those whose result has other
//     columns in this schema ("cached plan must not change result type"), also to
//     AutoMigrate. Where tenants' tables may differ, during a migration, say, connect
//     with default_query_exec_mode=exec. A function of PL/pgSQL that all share keeps the
//     columns of a %ROWTYPE from its first call on a connection.
//   - The connection in [sql.Conn.Raw] is of this package: what is pgx's alone, such as
//     CopyFrom and notifications, needs a connection of the program's own.
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

	postgres bool        // enter answers with a row, or the user may not use the schema
	exact    atomic.Bool // MySQL's server tells capitals in names from small letters
}

// PostgreSQL is a pool of connections to one database of PostgreSQL. A tenant's search
// path is its schema and then those of also, which are the same for all: "public" for
// extensions, say. A table that its own schema has not is then found there, so by
// default there are none. A schema that there is not, or that the user may not use, is an
// error, and so is a name that is longer than the server's.
func PostgreSQL(connector driver.Connector, also ...string) *Pool {
	return newPool(connector, true, func(schema string) string {
		path := []string{quoted(schema, '"')}
		for _, one := range also {
			path = append(path, quoted(one, '"'))
		}
		// SET search_path takes a schema that there is not, and cuts a long name: what all
		// share, or another tenant's, would stand in its place. This is an error, or no row.
		// pg_temp is the last, or else a temporary table would hide the next tenant's own.
		path = append(path, "pg_temp")
		return "SELECT pg_catalog.set_config('search_path', " + literal(strings.Join(path, ", ")) + ", false) WHERE pg_catalog.has_schema_privilege(" + literal(schema) + ", 'USAGE')"
	}, "RESET search_path")
}

// MySQL is a pool of connections to a server of MySQL or MariaDB. home is the database
// that the connector names, for statements that are sent with [Pool.DB]; with the
// empty one, a connection that a tenant has had is closed before it is used there, which
// shows as [driver.ErrBadConn] if all are taken. A name with capitals is an error where
// the server takes it for the one without (lower_case_table_names).
func MySQL(connector driver.Connector, home string) *Pool {
	leave := ""
	if home != "" {
		leave = "USE " + quoted(home, '`')
	}
	return newPool(connector, false, func(schema string) string { return "USE " + quoted(schema, '`') }, leave)
}

func quoted(name string, quote byte) string {
	q := string(quote)
	return q + strings.ReplaceAll(name, q, q+q) + q
}

// literal is a string of PostgreSQL, whatever standard_conforming_strings is.
func literal(text string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(text) + "'"
}

// drivers counts the drivers that are registered.
var drivers atomic.Int64

func newPool(connector driver.Connector, postgres bool, enter func(string) string, leave string) *Pool {
	p := &Pool{postgres: postgres, enter: enter, leave: leave, name: fmt.Sprintf("tenantschema%d", drivers.Add(1))}
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

var errName = errors.New(`tenantschema: the DSN is the name of a schema, and it is empty, has a zero byte or is "$user", which PostgreSQL takes for the user's name`)

// OpenConnector is of driver.DriverContext.
func (d schemaDriver) OpenConnector(schema string) (driver.Connector, error) {
	if schema == "" || strings.ContainsRune(schema, 0) || d.pool.postgres && schema == "$user" {
		return nil, errName
	}
	return schemaConnector{d.pool, schema, d.pool.enter(schema)}, nil
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
	enter  string // SQL that switches to it
}

func (c schemaConnector) Driver() driver.Driver { return schemaDriver{c.pool} }

// Connect asks the server for nothing yet.
func (c schemaConnector) Connect(context.Context) (driver.Conn, error) {
	return &tenantConn{schemaConnector: c}, nil
}

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
