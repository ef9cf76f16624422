// Command walkthrough tells the story of docs/walkthrough on servers:
//
//	cd integration && go run ./walkthrough
//
// The databases come from the environment:
//
//	MAIN_DB_URL=postgres://app:secret@db1/app \
//	ANALYTICS_DB_URL=mysql://app:secret@db2/analytics \
//	go run ./walkthrough
//
// The schemes are postgres, postgresql, mysql, mariadb and sqlite. The tables
// stay in these databases. They may hold what an earlier run left, which is
// dropped first; any other table there is an error, and nothing is dropped.
//
// Where a variable is not set, the program makes a database for the run, says
// its name, and drops it at the end: main on PostgreSQL, at the address in
// GORMBIND_POSTGRES_DSN, analytics on MariaDB, at that in GORMBIND_MYSQL_DSN;
// both have the defaults of package servers. The stand-in for a replica is made
// next to analytics, unless REPLICA_DB_URL names a database of the same kind.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/docs/walkthrough/steps"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program. Its exit status is 0, 1 for what failed, or 2 for
// arguments, which it does not take.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintln(stderr, "walkthrough takes no arguments; the databases come from MAIN_DB_URL and ANALYTICS_DB_URL")
		return 2
	}
	if err := tell(stdout); err != nil {
		fmt.Fprintln(stderr, "walkthrough:", err)
		return 1
	}
	return 0
}

// tell runs the steps, and prints them.
func tell(out io.Writer) (err error) {
	cfg, err := config.Load(config.Bind("replica", "sqlite://"))
	if err != nil {
		return err
	}
	var chosen choice
	defer func() { err = errors.Join(err, chosen.drop()) }()
	if err := chosen.make(cfg); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, chosen); err != nil {
		return err
	}
	number := 0
	err = steps.Run(chosen.databases(), func(step steps.Step, output string) error {
		number++
		heading := fmt.Sprintf("%d. %s", number, step.Title)
		_, err := fmt.Fprintf(out, "%s\n%s\n\n%s\n", heading, strings.Repeat("═", len(heading)), output)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(out, chosen.ending())
	return err
}
