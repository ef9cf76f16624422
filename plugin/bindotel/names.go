package bindotel

import "go.opentelemetry.io/otel/attribute"

// The names of the database conventions that are stable, written here, so that no version
// of the package semconv has to be chosen for a program.
const (
	dbSystemName     = attribute.Key("db.system.name")
	dbNamespace      = attribute.Key("db.namespace")
	dbCollectionName = attribute.Key("db.collection.name")
	dbOperationName  = attribute.Key("db.operation.name")
	dbQuerySummary   = attribute.Key("db.query.summary")
	dbQueryText      = attribute.Key("db.query.text")
	dbResponseStatus = attribute.Key("db.response.status_code")
	serverAddress    = attribute.Key("server.address")
	serverPort       = attribute.Key("server.port")
	errorTypeName    = attribute.Key("error.type")

	poolName  = attribute.Key("db.client.connection.pool.name")
	poolState = attribute.Key("db.client.connection.state")
)

// Names of our own.
const (
	// BindKey is the attribute with the key of a bind: "analytics".
	BindKey = attribute.Key("gormbind.bind")
	// RoleKey is the attribute with the role of a pool in its bind: "source", "replica-2".
	RoleKey = attribute.Key("gormbind.role")
	// TenantKey is the attribute of a span with the tenant of a bind that has some. Metrics
	// have it with [WithTenantMetrics] alone: there may be too many.
	TenantKey = attribute.Key("gormbind.tenant")
	// OutcomeKey is the attribute of a transaction's span with its outcome: "committed",
	// "rolled back", "doomed", "partial" or "unknown".
	OutcomeKey = attribute.Key("gormbind.transaction.outcome")
	// CommittedKey is the attribute of a transaction's span with the binds that are committed.
	CommittedKey = attribute.Key("gormbind.transaction.committed")
	// RolledBackKey is the attribute of a transaction's span with the binds that are rolled back.
	RolledBackKey = attribute.Key("gormbind.transaction.rolled_back")
	// FailedKey is the attribute of a transaction's span with the bind whose COMMIT failed or
	// is unknown, where the transaction is not rolled back as a whole.
	FailedKey = attribute.Key("gormbind.transaction.failed")
)

// Values of db.system.name that decide how SQL is read.
const (
	postgresql = "postgresql"
	sqlite     = "sqlite"
	sqlServer  = "microsoft.sql_server"
)
