// Command benchmarks measures what routing costs on servers, over loopback: the
// work of docs/benchmarks on PostgreSQL, on MariaDB, and with a bind on each.
//
//	go run ./benchmarks
//	go run ./benchmarks -run '^PostgreSQL/' -time 10s
//
// The servers' addresses come from GORMBIND_POSTGRES_DSN and
// GORMBIND_MYSQL_DSN. The program makes databases of its own and drops them at
// the end. Work on a server that does not answer is left out, unless
// REQUIRE_SERVERS is set, which makes that a failure.
//
// docs/benchmarks.md has what it printed, and says how to read it.
package main

import (
	"fmt"
	"os"
	"strings"

	lab "github.com/gormbind/gormbind/internal/benchlab"

	"github.com/gormbind/gormbind/integration/servers"
)

func program() lab.Program {
	return lab.Program{Name: "integration/benchmarks", Work: allWork, Versions: versions, Required: servers.Required()}
}

func main() { os.Exit(program().Run(os.Args[1:], os.Stdout, os.Stderr)) }

// allWork is what is measured, in the order of the table.
func allWork() []*lab.Work {
	postgres := &place{home: servers.PostgreSQL, other: servers.PostgreSQL}
	mariadb := &place{home: servers.MariaDB, other: servers.MariaDB}
	var all []*lab.Work
	for _, p := range []*place{postgres, mariadb} {
		all = append(all, lab.Common(p.home.Name, p)...)
	}
	for _, p := range []*place{postgres, mariadb} {
		first, create := lab.First[lab.LogEntry](lab.Other), lab.Create(lab.Other)
		all = append(all, lab.Of("Settings, "+p.home.Name, []*lab.Work{
			{Name: "two replicas, First", Place: p, Setup: lab.Setup{Replicas: true}, Make: first, Budget: lab.StatementBudget},
			{Name: "PrepareStmt, First", Place: p, Setup: lab.Setup{Prepare: true}, Make: first, Budget: lab.StatementBudget},
			{Name: "PrepareStmt, Create", Place: p, Setup: lab.Setup{Prepare: true}, Make: create, Budget: lab.StatementBudget},
			{Name: "WithContext, First", Place: p, Make: lab.InContext[lab.LogEntry](lab.Other), Budget: lab.StatementBudget},
			{Name: "First, 4 goroutines", Place: p, Goroutines: goroutines, Make: first, Budget: lab.StatementBudget},
			{Name: "Create, 4 goroutines", Place: p, Goroutines: goroutines, Make: create, Budget: lab.StatementBudget},
		}...)...)
	}
	all = append(all, lab.Of("Settings, MariaDB", &lab.Work{Name: "Create on two binds, in two phases", Place: mariadb, Setup: lab.Setup{TwoPhase: true}, Make: lab.TransactionOnBoth, Budget: lab.NoBudget,
		Left: lab.Without(lab.WrongDatabase, lab.Resolver, lab.Using)})...)
	return append(all, twoServers(&place{home: servers.PostgreSQL, other: servers.MariaDB})...)
}

// twoServers is what only two handles do beside the plugin: dbresolver compiles
// all SQL for one dialect.
func twoServers(p *place) []*lab.Work {
	works := []*lab.Work{
		{Name: "First, default bind", Make: lab.First[lab.User](lab.Home)},
		{Name: "First", Make: lab.First[lab.LogEntry](lab.Other)},
		{Name: "Create", Make: lab.Create(lab.Other)},
		{Name: "Update", Make: lab.Update},
		{Name: "Preload across binds; plain: two queries", Make: lab.PreloadByHand},
		{Name: "Create on two binds; plain: two transactions", Make: lab.TransactionOnBoth},
		{Name: "Create on two binds, in two phases; plain: two transactions", Setup: lab.Setup{TwoPhase: true}, Make: lab.TransactionOnBoth},
	}
	for _, w := range works {
		w.Place, w.Budget, w.Left = p, lab.NoBudget, lab.Without(lab.OneDialect, lab.Resolver, lab.Using)
	}
	return lab.Of("PostgreSQL and MariaDB", works...)
}

// versions are those of the servers that answer.
func versions() string {
	var all []string
	for _, server := range servers.All() {
		if version, err := server.Version(); err == nil {
			all = append(all, fmt.Sprint(server.Name, " ", version))
		}
	}
	return strings.Join(all, ", ") + " over loopback"
}
