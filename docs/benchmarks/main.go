// Command benchmarks measures what routing costs: this plugin beside plain
// handles, one for each database, and beside dbresolver, on SQLite and in
// DryRun. integration/benchmarks does the same on servers.
//
//	go run ./docs/benchmarks
//	go run ./docs/benchmarks -run 'Transactions' -time 10s
//
// docs/benchmarks.md has what it printed, and says how to read it.
package main

import (
	"database/sql"
	"os"

	lab "github.com/gormbind/gormbind/internal/benchlab"
	"github.com/gormbind/gormbind/internal/sqlitedb"
)

var program = lab.Program{
	Name:     "docs/benchmarks",
	Work:     allWork,
	Versions: versionOfSQLite,
}

func versionOfSQLite() string {
	pool, err := sql.Open(sqlitedb.DriverName, ":memory:")
	if err != nil {
		return err.Error()
	}
	defer pool.Close()
	var of string
	if err := pool.QueryRow("SELECT sqlite_version()").Scan(&of); err != nil {
		return err.Error()
	}
	return "SQLite " + of
}

func main() { os.Exit(program.Run(os.Args[1:], os.Stdout, os.Stderr)) }
