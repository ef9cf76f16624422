// Package bindkey is a GORM plugin that sends each statement to the database of
// its model. A model names its database with a tag or a method. Every statement
// that GORM makes for the model goes there, in associations, hooks, batches,
// transactions and migrations too, or it fails with an error that says why. One
// *gorm.DB serves all databases.
//
//	type User struct {
//		_    struct{} `bind:"main"`
//		ID   uint
//		Name string
//		Logs []LogEntry
//	}
//
//	type LogEntry struct {
//		ID     uint
//		UserID uint
//		Event  string
//	}
//
//	func (LogEntry) Bind() string { return "analytics" }
//
//	db, err := gorm.Open(sqlite.Open("main.db"), &gorm.Config{})
//	…
//	err = db.Use(bindkey.New(bindkey.Models(&User{}, &LogEntry{})).
//		Register("analytics", dbresolver.Config{
//			Sources: []gorm.Dialector{sqlite.Open("analytics.db")},
//		}))
//	…
//	db.AutoMigrate(&User{}, &LogEntry{})                  // each table in its own database
//	db.Create(&User{Logs: []LogEntry{{Event: "joined"}}}) // a row in each, in one transaction
//	db.Preload("Logs").First(&user)                       // main, then analytics
//
// The pages in docs/ have the exact rules: [routing.md] says where a statement
// goes, and [transactions.md], [migrations.md], [errors.md] and [limits.md] say
// the rest. [docs/README.md] is their index.
//
// # Words
//
//   - A key is the name that a model has in its tag or method: "analytics".
//   - A bind is what a key names: sources, replicas, and the policy that picks
//     among them. These are those of [gorm.io/plugin/dbresolver].
//   - The default bind is where models without a key live. Its key is "main",
//     unless [Default] names another. If that key is not registered, it is the
//     connection that the handle was opened with.
//   - A branch is a transaction's part in one database.
//
// # Which key a model has
//
// The first of these that says something:
//
//  1. the model, given to [Plugin.Register] as data
//  2. its Bind method ([Binder])
//  3. a bind tag on one of its own fields, blank ones included
//  4. the key of a struct that it embeds
//  5. the name of its table, given to [Plugin.Register] as data
//  6. the default bind, or an [*UnboundError] with [Strict]
//
// Two that disagree on one level are a [*ConflictError], and a key that nobody
// registered is an [*UnknownBindError]. What only looks like a key, such as
// `bindkey:"analytics"`, is an [*InvalidKeyError]. [Models] finds these mistakes
// in db.Use, [Plugin.Check] in a test, and [Plugin.KeyOf] tells one model's key.
//
// # Which bind a statement goes to
//
// The first of these that says something:
//
//  1. [Use], or dbresolver.Use
//  2. the known tables in SQL that the program gives: Raw, Exec, Joins
//  3. the known table in Table("…"), or the subquery there
//  4. the model, or what the rows are scanned into
//  5. the bind of a Use around it; without one, the default bind
//
// What 2, 3 and 4 say must agree, also in joins and subqueries. Otherwise the
// statement is refused with a [*CrossBindError], and no database is asked. Raw
// SQL goes by tables that are known, so give all models to [Models] or to
// [Plugin.Register]. [Plugin.Explain] tells where a statement would go, and why,
// [PlacementOf] where one goes, to callbacks and plugins, [LogBinds] the log, and
// [Observe] an observer: the module plugin/bindotel has one for OpenTelemetry.
//
// Writes go to a source. Reads go to a replica, if the bind has any, unless they
// lock rows, are in a transaction, or have dbresolver.Write. A bind may have
// another dialect than the handle: each statement is compiled for its own bind.
//
// A handle that uses a dbresolver already needs no Register: db.Use(resolver)
// first, then db.Use(bindkey.New()). A key is then a name given to the resolver's
// Register.
//
// # Transactions
//
// A transaction spans binds: db.Transaction, Begin, and the default transaction
// that GORM puts around a write. A branch begins with the first statement of its
// bind. Commit asks every branch whether it is still there, and rolls all back if
// one is not. Then the databases commit one after the other, in the order of
// [CommitOrder], the default bind last. If a later one fails, what is committed
// stays, and the error is a [*PartialCommitError] that names the binds.
//
// A savepoint is set in every branch. [AfterCommit] and [AfterRollback] register
// functions that wait for the outcome in all databases. [SQLTx] is the *sql.Tx
// of one branch.
//
// # Migrations
//
// AutoMigrate and the other methods of [gorm.Migrator] go to the source of the
// model's bind. Foreign keys that would cross databases are left out, and logged
// at level Info. [Plugin.Plan] tells what AutoMigrate would run,
// [Plugin.AutoMigrate] does it in some binds only, and [Plugin.Drift] finds
// tables that are in the wrong database.
//
// # Tenants
//
// A bind of [Tenants] has a database for each customer, site or shard. Its models have
// its key, as in any bind; the context of a statement says which tenant it is for:
//
//	plugin := bindkey.New(bindkey.Tenants("customer", open))
//	ctx = bindkey.WithTenant(ctx, "acme")
//	db.WithContext(ctx).Preload("Rows").Find(&invoices) // all in acme's database
//
// open names a tenant's sources and replicas; they are opened when they are needed,
// and closed when others need the room, or by [Plugin.Evict]. A statement of the bind
// without a tenant is a [*NoTenantError], one of another tenant in a transaction a
// [*TenantConflictError], and what open refuses a [*TenantError]. Other binds do not
// look at the context.
//
// # Limitations
//
// [limits.md] has all of them, and what to do instead. The most important ones:
//
//   - No statement can join, or have subqueries of, tables in two databases.
//   - The databases commit one after the other. Between two COMMITs one can fail:
//     see [*PartialCommitError]. [TwoPhase] closes that gap, where the databases can.
//     There is no isolation across databases, and no foreign key.
//   - The plugin reads SQL, not what is behind it: it does not know a view, a
//     function or a trigger of your own. A SELECT that calls a function counts as
//     a read. [Use] and dbresolver.Write say otherwise.
//   - Raw SQL of tables that are not known goes to the default bind, or is an error
//     with [Strict]. SQL that names no table, such as SET LOCAL, goes to the default
//     bind if it comes first in a transaction.
//   - A replica may be behind its source. Read in a transaction, or with
//     dbresolver.Write, what has just been written.
//   - One plugin serves one handle. Sessions made before db.Use are refused with
//     [ErrForeignPool].
//   - What asserts the type of db.Dialector or db.ConnPool does not find that type
//     on a routed handle: give it the handle of [Plugin.Resolver], or [SQLTx].
//   - Methods of [gorm.Migrator] that return a bool log a routing error, and
//     answer false.
//
// [routing.md]: https://github.com/gormbind/gormbind/blob/main/docs/routing.md
// [transactions.md]: https://github.com/gormbind/gormbind/blob/main/docs/transactions.md
// [migrations.md]: https://github.com/gormbind/gormbind/blob/main/docs/migrations.md
// [errors.md]: https://github.com/gormbind/gormbind/blob/main/docs/errors.md
// [limits.md]: https://github.com/gormbind/gormbind/blob/main/docs/limits.md
// [docs/README.md]: https://github.com/gormbind/gormbind/blob/main/docs/README.md
package bindkey
