package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/gormbind/gormbind/config"
	_ "github.com/gormbind/gormbind/config/mysql"
	_ "github.com/gormbind/gormbind/config/postgres"
	_ "github.com/gormbind/gormbind/config/sqlserver"
)

const pingUsage = `Usage: gormbind ping [flags]

Ping connects to each database of a configuration, sources and replicas, and asks it
once more on the open connection: CONNECT is how long the first took, and PING the
second. It makes no SQLite file. The binds are those of the file, or without one those that config.Load finds
in variables: main, analytics and what -bind adds, MAIN_DB_URL and so on.

No URL and no password is printed. Exit status: 0 if all databases answer, 1 if one
does not or the configuration has mistakes, 2 for a wrong command line.

Flags:
`

// An answer is what pinging one database came to.
type answer struct {
	config.Database
	connect, ask time.Duration
	err          error
}

func runPing(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gormbind ping", flag.ContinueOnError)
	file := flags.String("config", "", "the YAML `file` with the binds")
	tenants := flags.String("tenants", "", "the `names` of tenants, with commas between, of binds whose URL has {tenant}")
	timeout := flags.Duration("timeout", 5*time.Second, "how long each database may take to answer")
	var options []config.Option
	flags.Func("bind", "a further bind's `key`, whose URL is in a variable; may be repeated", func(key string) error {
		options = append(options, config.Bind(key, ""))
		return nil
	})
	if done, status := parse(flags, pingUsage, args, stdout, stderr); done {
		return status
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "gormbind ping: %q is no flag; the file comes behind -config\n", flags.Arg(0))
		return misuse
	}
	if *file != "" {
		options = append(options, config.File(*file))
	}
	loaded, err := config.Load(options...)
	if err != nil {
		fmt.Fprintln(stderr, "gormbind ping:", err)
		return wrong
	}
	if keys := loaded.Tenanted(); len(keys) > 0 && *tenants == "" {
		fmt.Fprintf(stderr, "gormbind ping: bind %q has a database for each tenant; name them behind -tenants\n", keys[0])
		return misuse
	}
	databases, err := loaded.DatabasesOf(strings.FieldsFunc(*tenants, func(r rune) bool { return r == ',' })...)
	if err != nil {
		fmt.Fprintln(stderr, "gormbind ping:", err)
		return misuse
	}
	answers := pingAll(databases, *timeout)
	printAnswers(answers, stdout)
	status := well
	for _, one := range answers {
		if one.err != nil {
			fmt.Fprintln(stderr, "gormbind ping:", one.err)
			status = wrong
		}
	}
	return status
}

// pingAll pings all databases at once, so that those that are down cost one timeout.
func pingAll(databases []config.Database, timeout time.Duration) []answer {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	answers := make([]answer, len(databases))
	var pinging sync.WaitGroup
	for i, database := range databases {
		pinging.Add(1)
		go func() {
			defer pinging.Done()
			answers[i].Database = database
			answers[i].connect, answers[i].ask, answers[i].err = database.Ping(ctx)
		}()
	}
	pinging.Wait()
	return answers
}

func printAnswers(answers []answer, stdout io.Writer) {
	out := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(out, "BIND\tROLE\tSCHEME\tCONNECT\tPING")
	for _, one := range answers {
		connect, ask := short(one.connect), short(one.ask)
		if one.err != nil {
			connect, ask = "-", "fails"
		}
		key := one.Key
		if one.Tenant != "" {
			key += "/" + one.Tenant
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", key, one.Role, one.Scheme, connect, ask)
	}
	out.Flush()
}

// short is a duration for people.
func short(d time.Duration) string {
	if d < time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(time.Millisecond / 10).String()
}
