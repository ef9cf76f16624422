// Package conformance proves that one routed handle behaves in each of its
// databases as a plain handle of that database does: the same rows, results
// and errors, and the same SQL in the log, byte for byte, in the dialect of the
// bind.
//
// # The oracle
//
// A case (case.go) is a function that uses a *gorm.DB. It first runs on a
// twin: a plain handle, without the plugin, of a database of the same kind that
// holds the same rows. Then it runs on the routed handle. What it notes, the
// statements in the log, and the rows in the databases afterwards must agree.
// So nobody has to write down what a dialect makes of a statement, and nobody
// can get it wrong. A case that fails on its twin is a mistake in the case.
//
// # Layouts
//
// Where the models live is told when the plugin is installed, so that each case
// runs in several layouts (layout.go): all models in main, all in analytics,
// and those of near in one bind while those of far are in the other, both ways.
// Where models are in two databases, there is a twin of each, and each statement
// of the routed handle must be that of the twin where its tables live.
//
// Every database has every table. Where a model does not live, its table has
// other rows, so that a read from the wrong database shows in the result; and
// they must be there unchanged after each write.
//
// # Running it
//
// [Run] takes a [World]: how to open databases, by kind. It imports only GORM,
// dbresolver and the plugin, so that a nested module runs it with the drivers of
// servers.
//
// # What it can't see
//
// SAVEPOINT and ROLLBACK TO are left out of the comparison: a bind that a
// transaction has not reached yet needs none. internal/txsuite has those, and
// all that fails at COMMIT.
package conformance
