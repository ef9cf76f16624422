// Package bindkey is a GORM plugin that routes each statement to the database
// of its model. A model names its bind with a tag or a method, as with
// Flask-SQLAlchemy's __bind_key__; every statement that GORM makes for it goes
// there, in associations, hooks, batches, transactions and migrations too, or
// fails with an error that says why. One *gorm.DB serves all databases.
//
//	type User struct {
//		_    struct{} `bind:"main"`
//		ID   uint
//		Logs []LogEntry
//	}
//	func (LogEntry) Bind() string { return "analytics" }
//
//	db, err := gorm.Open(sqlite.Open("main.db"), &gorm.Config{})
//	…
//	err = db.Use(bindkey.New(bindkey.Models(&User{}, &LogEntry{})).
//		Register("analytics", dbresolver.Config{
//			Sources:  []gorm.Dialector{sqlite.Open("analytics.db")},
//		}))
//
// A bind is what a key names: sources and replicas, and the policy that picks
// among them, which are those of [gorm.io/plugin/dbresolver]. The default bind
// is where models without a key live. Its key is "main" unless [Default] names
// another; if that key is not registered, it is the connection that the handle
// was opened with.
//
// # Keys
//
// A model has its key from the first of these that says something:
//
//  1. the model, given to [Plugin.Register] as data
//  2. its Bind method ([Binder]), with a value or pointer receiver
//  3. a bind tag on one of its own fields: a blank field, a column, or an
//     embedded struct, in Go's sense or in GORM's
//  4. the key of a struct that it embeds
//  5. the name of its table, given to [Plugin.Register] as data
//  6. the default bind, or an [*UnboundError] with [Strict]
//
// A method and a tag of one type must agree, and so must two tags; and two
// embedded structs, unless the model has a key of its own. All else is a
// [*ConflictError]. Reflection can't tell a promoted Bind method from a
// declared one, so a tag does not override an embedded struct's method: declare
// a method. An empty key, a Bind method that panics, ends its goroutine or needs
// its own answer (a query of its own model), and a tag on a relation are an
// [*InvalidKeyError]; a key that nobody registered is an [*UnknownBindError].
// Bind is asked once per type, on a zero value.
//
// A model without a key of its own, but with something that only looks like
// one, is an [*InvalidKeyError] too: Bind() (string, error), BindKey() string,
// `gorm:"bind:analytics"`, `bindkey:"analytics"`, `bind: "analytics"`.
//
// A join table that GORM makes lives with the model that declares the many2many
// relation. A tag on the many2many field, a key of the model given to
// [gorm.DB.SetupJoinTable], or data given to Register says otherwise. Two sides
// that declare one join table must agree.
//
// Keys belong to models, not to names of tables: two binds may each have a
// table of one name.
//
// [Plugin.KeyOf] tells a model's key, and [Plugin.Check] and the option
// [Models] the mistakes of all models at once.
//
// # Which bind a statement goes to
//
// A statement goes where the first of these says:
//
//  1. [Use], or dbresolver.Use
//  2. SQL that was given, with Raw, Exec or a join in SQL: its known tables
//  3. Table("…") and clause.From: the known tables, and the binds of the
//     subqueries in Table("(?) AS x", subquery)
//  4. the model, if it has a key, or if its own table is in the statement; else
//     what the rows are scanned into, if that has a key
//  5. the bind of a Use around it, on its transaction or on the statement whose
//     hook or batch callback it runs in; else the default bind
//
// What 2, 3 and 4 say must agree, and so must the models of relations that are
// joined (Joins("Team")): otherwise the statement is refused with a
// [*CrossBindError], and no database is asked. So it is for subqueries, wherever
// they stand. Use silences it, and [AllowCrossBind] lets one through where a
// database reaches all tables. Two binds in one database are no crossing. In
// DryRun the SQL is built, with the error beside it. A model without
// a key says nothing where Table or SQL names the table, so a struct for a few
// columns does not pull the statement to the default bind. A name in Table that
// is not known (logs_2026) says nothing either: the model decides. A subquery
// that is refused takes the statement around it with it.
//
// A table is known in a bind if its name or its model was given to Register, its
// model was given to [Models] or Check or was migrated, or its model has a key
// and a statement, or a relation of a model, has named it; join tables with their
// models. So pass models that are not given to Register to Models: until then, raw
// SQL that names only a table the plugin has not heard of goes to the default
// bind, and an error in the log tells once it is known to live elsewhere. A name
// that is known in several binds, with nothing to tell which, is an
// [*AmbiguousTableError].
//
// Statements that GORM derives from another (associations, preloads) and those
// of hooks have a model or SQL of their own, and go by that. Use holds for
// derived statements of the same bind as the statement's model. In hooks, in the
// callbacks of FindInBatches, in a transaction begun with Use, and in what is
// chained on the result, models with a key go by it, and what has no key goes to
// the bind of the Use: models without a key, their tables, tables that are not
// known, and SQL that names no table.
//
// SQL that names no table (SET LOCAL, SELECT lastval()) asks a session. In a
// transaction without Use it goes to the one branch that has begun, to the default
// bind if none has, and is an [*AmbiguousSessionError] if several have. In a hook,
// and on the result of a query, that statement's bind counts as one that has begun;
// and with a Session that keeps the statement, as WithContext does, its model says
// where to. BEGIN, COMMIT, SAVEPOINT and the like are a [*TransactionControlError],
// in a transaction and outside, but for a script that ends what it begins.
//
// # Reads and writes
//
// Create, Update and Delete go to a source. Queries go to a replica, if the
// bind has any; to a source with a locking clause, or with dbresolver.Write.
// SQL that was given goes to a replica if it changes and locks nothing: its
// text decides, and dbresolver.Write and dbresolver.Read overrule the text. In
// a transaction all statements of a bind go to one source, or to one replica if
// the transaction is read-only ([database/sql.TxOptions]).
//
// Of several sources or replicas the bind's policy picks one, asked once per
// statement, or once per bind in a transaction. The default policy is
// dbresolver's, a random one.
//
// A statement in DryRun, a subquery and [Plugin.Explain] ask no policy and no
// database.
//
// # Transactions
//
// A transaction spans binds. Its part in one database is a branch, which begins
// with the first statement there; Begin and Transaction themselves ask no
// database. The default transaction that GORM puts around each write is of the
// same kind, so a row and its associations in other binds are written together
// or not at all. Clauses(Use("analytics")).Begin() begins that bind's branch at
// once; inside, every model goes by its own key, and what has none goes there.
// With dbresolver.Read, Begin is at replicas. Two binds in one
// database share a branch: on the same connection pool, or with sources of one
// DSN, for SQLite of one file, however it is spelled. (Databases in memory are
// apart, and so is a file's read-only DSN.) It is at the pool of the bind that
// came first; outside of transactions each keeps to its own.
//
// Commit first makes every branch answer, if there are several, and rolls all
// of them back if one does not. Then it commits one after the other: those that
// [CommitOrder] names, the others in the order in which they began, the default
// bind last. If the first COMMIT fails, the others are rolled back. If a later
// one fails, what is committed stays, and the error is a [*PartialCommitError]
// that names the binds; so it is if the connection is lost during a COMMIT, whose
// outcome is then unknown. A context that ends before the first COMMIT rolls
// everything back, and afterwards changes nothing.
//
// DDL on MySQL and MariaDB commits by itself. In a transaction with branches in
// other binds it is an [*ImplicitCommitError], before it is sent.
//
// A savepoint, or a nested Transaction, is set in every branch. A branch that
// began after it is rolled back whole.
//
// [AfterCommit] and [AfterRollback] register functions that wait for the
// outcome in all databases. [SQLTx] is a branch's *sql.Tx.
//
// A *sql.Tx or *sql.Conn that the program itself puts into a statement stays
// there if it belongs to the statement's bind, and is a [*CrossBindError]
// otherwise. One of a database that no bind has serves the default bind, or
// that of Use.
//
// # Migrations
//
// AutoMigrate and the other methods of [gorm.Migrator] go to the bind of the
// model, or of the known table: on its source, or on the transaction's branch.
// Related models and join tables that GORM adds on its own go to theirs.
// Foreign keys that would cross databases are left out, and logged at level
// Info.
//
// [Plugin.Plan] tells what AutoMigrate would run, [Plugin.AutoMigrate] does it
// in some binds only, and [Plugin.Drift] compares models with databases.
//
// # Several dialects
//
// A bind's sources may have another dialect than the handle: PostgreSQL, MySQL,
// MariaDB, SQLite and other databases of GORM stand behind one *gorm.DB. Each
// statement is compiled with its bind's dialector, clause builders and
// callbacks, and its errors are translated by its dialector. SQL that was given
// is sent as it was written; its variables, and the clauses, columns and
// subqueries among its arguments, are written in the bind's dialect. All sources
// and replicas of a bind have one dialect. A dbresolver of the program's own hides
// its dialectors: its binds have the handle's.
//
// [Plugin.Configure] gives a bind settings of its own. The shortest limit of all
// dialects for the length of identifiers holds for all binds, with a warning where
// the naming strategy allows more. With [OpenLate], a bind that is down when the
// plugin is installed is opened later.
//
// # With a dbresolver of your own
//
// A handle that uses a dbresolver already needs no Register:
//
//	err = db.Use(resolver)
//	…
//	err = db.Use(bindkey.New())
//
// A key is then a name given to the resolver's Register. The default bind is
// its global resolver, or the handle's own connection without one. Models
// without a key, but registered there by type or table name, stay there.
// Binds registered with the plugin may stand beside it. The plugins are
// installed in this order: a dbresolver that opens sources after the plugin is
// an error. In [gorm.Config].Plugins the order does not matter.
//
// # Introspection
//
// [Plugin.Explain] tells where a statement would go, and why, and [PlacementOf] where
// one goes, to callbacks, hooks and plugins; with [LogBinds] the log tells it, too. [Observe] has
// observers told of statements, transactions and refusals: OpenTelemetry's is the module
// plugin/bindotel. [Plugin.Keys], [Plugin.Ping] and [Plugin.Stats] see all binds and pools, [Plugin.Pools] are the pools
// themselves, [Plugin.Map] is which model lives where, [Plugin.Resolver]
// is a bind's dbresolver, for pool settings, and [Plugin.Close] closes the pools
// that the plugin opened. [Plugin.SetMaxOpenConns] and its like set all pools.
//
// # Limitations
//
// Statements across binds:
//
//   - Association(…).Find and Count of a many2many relation across binds are two
//     queries. Where these can't be exact they are refused: docs/cross-bind.md
//     says when.
//   - Use on Association(…) of a model in another bind: Find and Count ask the bind of
//     Use, since the statement has it; Append and Replace save the model in its own.
//   - A Use that a nested Transaction was begun with is spent for the rest of the
//     outermost one, also in a session that the program keeps: it then only says
//     where what has no key goes.
//   - GORM keeps the statements of a session with PrepareStmt by their SQL alone. They are
//     those of the default bind, also for what is sent through the session's pool
//     (Statement.ConnPool) and not through its methods.
//   - In a transaction begun with dbresolver.Read, given SQL that writes is sent to the
//     replica, as dbresolver.Read has it elsewhere.
//   - A handle that a hook keeps is for the hook's goroutine while its statement
//     runs: GORM changes that statement's pool meanwhile, and so does the plugin.
//   - bindkey.Use on a handle without the plugin is not seen in a subquery of Raw SQL.
//   - A session question that comes first in a transaction (SET LOCAL …) goes to the
//     default bind: begin with Clauses(Use(key)) where it is meant for another.
//   - The association operations of generics, gorm.G[T](db).Set(…), choose rows with
//     a subquery on the owners, and are refused across binds: docs/cross-bind.md.
//   - Tables are known by name. A subquery of a table that is not known, or a
//     statement TABLE t inside another, is not checked: the database says that it
//     has no such table; or, if it has one of that name, reads that.
//   - A subquery of given SQL that has a Use, Clauses(Use(key)).Raw(…), counts by
//     its text as well. Inside Raw, Exec and gorm.Expr, and in Select, Having and
//     Order, it counts by that alone: GORM takes its text, and shows nobody the Use.
//   - DROP INDEX i, DROP TRIGGER t and the like name no table, and so go to the
//     default bind: use Migrator().DropIndex, or say which with Use.
//   - With SkipDefaultTransaction, associations may be written or deleted before the
//     statement that they belong to is refused.
//   - After SetupJoinTable behind db.Use, a join model without a key that was also
//     given to [Models] stays known in the default bind by its name.
//   - There is no isolation across databases, and no foreign key. What one
//     branch reads may be newer than what another does.
//   - Databases commit one after the other: see [*PartialCommitError].
//
// Raw SQL:
//
//   - The plugin reads the SQL's text, not what is behind it: a view that the
//     migrator did not make, a function or a trigger is unknown, and so is code
//     in a string (DO, EXEC, PREPARE … FROM). A SELECT that calls a function
//     counts as a read, but for a few that all know (nextval, advisory locks):
//     send one that changes something to a source with dbresolver.Write.
//   - It reads the dialect as its server does by default: NO_BACKSLASH_ESCAPES of
//     MySQL, or standard_conforming_strings = off of PostgreSQL, is not seen. A
//     few statements that no program has in its hot path name their table where
//     it is not looked for: PRAGMA main.table_info(t), pragma_table_info('t'),
//     HANDLER, FLUSH TABLES, BULK INSERT, OWNED BY.
//   - Raw(…).Scan(&rows) does not show GORM's callbacks what is scanned into;
//     Raw(…).Find(&rows) does.
//   - Names of tables are compared without regard to case.
//   - A subquery in Table or a join is asked where it goes before GORM renders
//     it, so its Scopes run once more than in plain GORM.
//
// The handle:
//
//   - One plugin serves one handle. Register after db.Use registers nothing, and
//     logs an error. A session made before db.Use is not routed: its statements
//     are refused with [ErrForeignPool].
//   - A pool of another plugin in a statement is an [ErrForeignPool].
//   - A query cache whose keys are a statement's SQL and variables alone, as that of
//     go-gorm/caches is, gives rows of one bind's table for another's of the same
//     name. Name such tables apart, or keep their models out of the cache.
//   - What asserts a dialector's type, db.Dialector.(*mysql.Dialector), does not
//     recognise the handle's: the spans of gorm.io/plugin/opentelemetry lack
//     server.address, and JSON of gorm.io/datatypes has no CAST in MySQL. The model
//     generator of gorm.io/gen wants a plain handle, too. Give such a tool the
//     bind's own, the DB of [Plugin.Resolver].
//   - db.ConnPool.(*sql.DB), db.Dialector.(*sqlite.Dialector),
//     db.Migrator().(sqlite.Migrator) and tx.Statement.ConnPool.(*sql.Tx) do not
//     hold on a routed handle. The ways are DB(), the handle of
//     [Plugin.Resolver], and [SQLTx].
//   - GORM reads NamingStrategy, CreateBatchSize and DefaultContextTimeout before
//     its callbacks: they are the handle's, for all binds. Its Scan logs with the
//     session's logger.
//   - db.Connection takes a connection of the default bind, or that of Use,
//     outside any transaction. Models of other binds are a [*CrossBindError]
//     there.
//   - Methods of [gorm.Migrator] that return a bool, HasTable and its like, log a
//     routing error and answer false. GetTables and CurrentDatabase ask the bind
//     of Use, or of a known Table(…), else the default bind.
//   - db.ToSQL has no error to return where a statement is refused.
//   - GORM's logger looks for the program's line in 13 frames of the stack. The
//     plugin adds one to a call of the migrator, and one to each level of
//     associations, so the line of what is deepest may be missing.
//
// Several dialects:
//
//   - What asks db.Dialector.Name() while a chain is built sees the handle's, or
//     that of the chain's Use; hooks and what renders inside a statement see the
//     bind's.
//   - Until it runs, a statement's SQL is in a neutral form: that of Raw(…), and
//     what Statement.Quote returns. It is for GORM, not for a *sql.DB.
//   - A subquery has the clauses of its own bind's dialect, where that differs from
//     the dialect of a Use around it.
//   - Inside a GormValue of a statement of another dialect, Table("x") and names
//     that Raw quotes are in the dialect of the statement around it.
//   - An application that replaced gorm:create, or another callback that sends a
//     statement, replaced it for the handle's own dialect.
//   - Set("gorm:table_options", …) goes to every table of an AutoMigrate, whatever
//     its dialect: call it for each bind, or with [Plugin.AutoMigrate].
//
// Transactions:
//
//   - A Use inside Scopes is applied to each statement anew, also in a Transaction
//     of the same chain.
//   - With DisableNestedTransaction, GORM asks for no savepoint, so a Use before a
//     nested Transaction holds for everything inside.
//   - Where a result was handed out, or a statement has failed, MySQL, MariaDB and
//     SQLite are asked once more before COMMIT; after SQLTx, before each statement.
//   - A savepoint outside of a transaction is not sent, and only logged: GORM would
//     keep an error in the handle.
//   - Goroutines that share a transaction are as safe as in plain GORM: the driver
//     decides, and few bear two statements at once. The plugin's own state does.
//   - BEGIN that fails may be tried again by the next statement of its bind.
//   - A branch begins late, so an error of BEGIN is that of the first statement,
//     not of Begin.
//   - A transaction without a statement has no branch, so that it commits even
//     where the database is closed.
//   - A panic in a hook or in a callback of GORM's own rolls the default
//     transaction back. One in a callback that another plugin registered, inside
//     the default transaction, leaves its connections in use, as in plain GORM.
//
// Replicas:
//
//   - A read after a write may find a replica that is behind: use
//     dbresolver.Write, or a transaction.
//   - dbresolver.RoundRobinPolicy is not safe for concurrent use;
//     dbresolver.StrictRoundRobinPolicy is.
package bindkey
