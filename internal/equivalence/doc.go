// Package equivalence proves that one handle over several databases answers as
// one database does. A generator (query.go and the files of the shapes) makes
// random data and random calls of GORM over the models of models.go. Each case
// runs twice: on a plain handle, with all tables in one SQLite database, and on
// a routed one, with the tables spread over three. The answers, the errors and
// the rows of every table must be the same, or the routed call must fail with a
// [bindkey.CrossBindError] where the rules (rules.go) predict one: then nothing
// may have been sent but the BEGIN and ROLLBACK of GORM's default transaction, and no
// table may have changed.
//
// The rules know nothing of the library and read no SQL: the generator says of
// each call which tables its statements name, and where. SQLite's own account
// of what a statement reads (its authorizer) checks the generator.
//
// A case is reproduced by a seed and its index alone: a world (world.go), one
// layout of tables and one set of rows, serves a number of cases, and is reset
// to its rows after each that writes.
//
//	go test ./internal/equivalence -equivalence.cases=10000
//	go test ./internal/equivalence -equivalence.seed=7 -equivalence.only=123
//	go test ./internal/equivalence -equivalence.shape='^association find'
package equivalence
