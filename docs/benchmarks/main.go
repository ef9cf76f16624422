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
	"os"

	"github.com/mattn/go-sqlite3"

	lab "github.com/gormbind/gormbind/internal/benchlab"
)

var program = lab.Program{
	Name: "docs/benchmarks",
	Work: allWork,
	Versions: func() string {
		version, _, _ := sqlite3.Version()
		return "SQLite " + version
	},
}

func main() { os.Exit(program.Run(os.Args[1:], os.Stdout, os.Stderr)) }
