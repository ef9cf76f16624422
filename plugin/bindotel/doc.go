// Package bindotel makes OpenTelemetry's spans and metrics of what the plugin bindkey does:
// of statements, of transactions over several databases, of connection pools.
//
//	db.Use(bindkey.New(bindkey.Observe(bindotel.New())).
//		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{postgres.Open(dsn)}}))
//
// It uses OpenTelemetry's global providers, or those of [WithTracerProvider] and
// [WithMeterProvider]. It is a module of its own.
//
// # Spans
//
// Each statement that is sent to a database is a span of kind CLIENT, by the stable
// conventions for databases. Its name is db.query.summary ("SELECT users"). In a transaction
// it is a child of the transaction's span, unless its context has a span that the program
// has begun inside the transaction: then it is a child of that, and has a link to the
// transaction's. Row and Rows end theirs before the rows are read; all other finishers of
// GORM end it when the answer has been read.
//
//	transaction                       gormbind.transaction.outcome=committed
//	  BEGIN                           gormbind.bind=main       gormbind.role=source
//	  INSERT users                    gormbind.bind=main       gormbind.role=source
//	  BEGIN                           gormbind.bind=analytics  gormbind.role=source
//	  INSERT log_entries              gormbind.bind=analytics  gormbind.role=source
//	  CHECK, CHECK, COMMIT, COMMIT    of both
//
// The attributes of a statement:
//
//   - gormbind.bind and gormbind.role: the bind's key, and the pool: "source", "replica-2".
//   - gormbind.tenant, of a bind with tenants ([bindkey.Tenants]). Metrics sum up the tenants of
//     a bind, unless [WithTenantMetrics] says otherwise.
//   - db.system.name: postgresql, mysql, mariadb, sqlite, microsoft.sql_server, oracle.db,
//     clickhouse, or other_sql.
//   - db.query.summary: operations and tables, in their order.
//   - db.query.text: the SQL with its placeholders. Literals in it are shown as "?", and comments are
//     left out, since a program may have written values there. Where it is not certain
//     where a literal ends, the text and the summary are left out. See below.
//   - db.operation.name and db.collection.name, where GORM has built the SQL and there is
//     one of each. The conventions do not want them read out of a text.
//   - server.address, server.port and db.namespace: as the driver was configured, for pgx,
//     MySQL's driver and SQL Server's. For PostgreSQL the namespace has the first schema of
//     search_path, if the DSN sets it. A configuration with several hosts has no address.
//   - error.type, and db.response.status_code for what a database has answered: its code
//     (SQLSTATE, or MySQL's, SQL Server's or SQLite's number), else the name of Go's error
//     ("context.Canceled"), or of its type ("bindkey.CrossBindError"), or "_OTHER".
//
// A transaction is a span of kind INTERNAL, named "transaction", also GORM's default one
// around a write. It has gormbind.transaction.outcome: "committed", "rolled back", "doomed",
// "partial" or "unknown" (see [bindkey.Outcome]), and the binds that are committed, rolled
// back, or have failed. Its error is set where a COMMIT did not take place as a whole. A
// transaction that the program never ends has no span.
//
// # No value is told
//
// No variable's value is in a span or a metric, and no text of an error, since MySQL's
// quotes the row. In SQL that the program has put together with values in it, strings,
// numbers and booleans are replaced. Double quotes are strings for MySQL, MariaDB, SQLite
// and systems that are not known, and names for PostgreSQL and SQL Server. A text is left
// out where a setting of the server, or a dialect that is not known, decides where a string
// or comment ends: with a backslash in a string for PostgreSQL and MySQL, for example.
// Names are shown as they are written. A text is cut at 8 KiB.
//
// # Metrics
//
//   - db.client.operation.duration, a histogram in seconds, with the buckets of the
//     conventions: statements and the stages of transactions, with the attributes of their
//     spans but for the text.
//   - db.client.connection.count (by db.client.connection.state: idle, used) and
//     db.client.connection.max (where there is a limit), by db.client.connection.pool.name,
//     which is "analytics/replica-2". What else the conventions have for pools,
//     database/sql does not tell.
//   - gormbind.connection.waits and gormbind.connection.wait_duration (in seconds): counters
//     of what database/sql tells of waiting for a connection. The conventions want a
//     histogram there, which can't be made of a sum. When a tenant is closed, they keep what
//     it has counted; what a pool counts that opens and closes between two collections is
//     lost.
//   - gormbind.transaction.partial_commits: a counter of transactions that were committed in
//     part, by gormbind.transaction.outcome (partial, unknown) and gormbind.transaction.failed.
//   - gormbind.statement.refusals: a counter of statements that bindkey has refused with a
//     typed error, by error.type.
//   - gormbind.prepared.count and gormbind.prepared.age (in seconds, of the oldest), by
//     gormbind.bind: gauges of branches that are prepared, with [WithPrepared] alone.
//
// # Limitations
//
// What the program sends past its *gorm.DB (through a *sql.DB, a *sql.Tx of
// [bindkey.SQLTx], a *sql.Stmt) has no span, nor has what the migrator sends outside of a
// transaction. With GORM's TranslateError
// an error that comes with the rows, as SQLite's and MariaDB's of RETURNING do, has been
// translated: "gorm.ErrDuplicatedKey" in the place of the code.
package bindotel
