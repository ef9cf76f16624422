// Package txsuite proves what package bindkey promises of a transaction over
// several databases, by making every call of every database fail in every way.
//
// It runs programs (program.go): transactions over three binds, nested ones,
// savepoints, associations, batches. A driver around the real one ([testkit.Recorder])
// records the calls (BEGIN, statements, SAVEPOINT, COMMIT, …) and makes chosen
// ones fail: with an error, one that leaves the transaction open, a lost connection,
// one lost when the work is done but its answer isn't there, or a context that ends
// meanwhile. The first run
// of a program goes through and tells its calls; then it runs again for each
// call and each fault, and where a failure makes the library roll back, with a
// second fault there.
//
// What each run must come to is worked out by a model of the promises
// (promise.go), which knows nothing of the library: the rows of each database,
// the errors that the application must find and the bind that they name, the
// exact [bindkey.PartialCommitError], which outcome functions run, and the
// order of all calls. No connection may be in use afterwards, none may be
// inside a transaction, no goroutine may be left. Each pool has one
// connection, so that who waits for himself is found too.
//
// # Running it
//
// [Run] takes a [Target]: how the real driver connects to a database, and the
// dialect. Rows are read back past the suite's driver. It imports only GORM,
// the plugin and the standard library, so that a nested module runs it with
// the drivers of servers:
//
//	txsuite.Run(t, txsuite.Target{
//		Connector: func(t testing.TB, database string) driver.Connector {
//			config, err := pgx.ParseConfig(dsns[database])
//			…
//			return stdlib.GetConnector(*config)
//		},
//		Dialector: func(pool gorm.ConnPool) gorm.Dialector {
//			return postgres.New(postgres.Config{Conn: pool})
//		},
//		Cut: func(ctx context.Context, database string, conn driver.Conn) error {
//			pid := conn.(*stdlib.Conn).Conn().PgConn().PID()
//			…pg_terminate_backend(pid), and wait until pg_stat_activity has lost it
//		},
//	})
//
// [RunTwoPhase] does the same with COMMIT in two phases. There the model is smaller: it holds
// what the application was told against the rows of all databases after recovery.
//
// With Cut, each program also runs with its connection really cut before each
// call, and the error is then what the driver makes of it.
package txsuite
