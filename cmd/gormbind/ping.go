package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
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

Of a bind whose URL has {tenant}, it asks the databases of the tenants behind -tenants:

	gormbind ping -tenants acme,globex
	psql -Atc 'SELECT name FROM customers' | gormbind ping -tenants @-

It goes on after failures, and after an interrupt (Ctrl-C) tells what it knows. On a
terminal it shows how far it has come.

No URL and no password is printed. Exit status: 0 if all databases answer, 1 if one
does not or the configuration has mistakes, 2 for a wrong command line.

Flags:
`

func runPing(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gormbind ping", flag.ContinueOnError)
	file := flags.String("config", "", "the YAML `file` with the binds")
	tenants := flags.String("tenants", "", "the `names` of tenants with commas between; or @FILE, with one a line, lines that\nbegin with # left out; or @- for the same from standard input")
	of := flags.String("of", "", "the `key` of the bind that the tenants are of; by default they are of each that has some")
	atOnce := flags.Int("at-once", 8, "how `many` databases are asked at the same time")
	timeout := flags.Duration("timeout", 5*time.Second, "how long each database may take to answer")
	failures := flags.Bool("failures", false, "print only what does not answer")
	var options []config.Option
	flags.Func("bind", "a further bind's `key`, whose URL is in a variable; may be repeated", func(key string) error {
		options = append(options, config.Bind(key, ""))
		return nil
	})
	if done, status := parse(flags, pingUsage, args, stdout, stderr); done {
		return status
	}
	ends := func(status int, format string, args ...any) int {
		fmt.Fprintf(stderr, "gormbind ping: "+format+"\n", args...)
		return status
	}
	if flags.NArg() > 0 {
		return ends(misuse, "%q is no flag; the file comes behind -config", flags.Arg(0))
	}
	if *atOnce < 1 {
		return ends(misuse, "-at-once is %d; it is 1 at least", *atOnce)
	}
	if *file != "" {
		options = append(options, config.File(*file))
	}
	loaded, err := config.Load(options...)
	if err != nil {
		return ends(wrong, "%v", err)
	}
	keys := loaded.Tenanted()
	if len(keys) > 0 && *tenants == "" {
		return ends(misuse, "bind %q has a database for each tenant; name them behind -tenants", keys[0])
	}
	if *of != "" && !slices.Contains(keys, *of) {
		return ends(misuse, "-of names %q, and no bind of this key has {tenant} in its URL", *of)
	}
	names, err := tenantsIn(*tenants, stdin)
	if err != nil {
		return ends(misuse, "%v", err)
	}
	databases, err := databasesOf(loaded, names, *of)
	if err != nil {
		return ends(misuse, "%v", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	answers := pingAll(ctx, databases, *atOnce, *timeout, stderr)
	if *failures {
		printAnswers(slices.DeleteFunc(slices.Clone(answers), func(one answer) bool { return one.err == nil }), stdout)
	} else {
		printAnswers(answers, stdout)
	}
	return sumUp(answers, len(databases), stderr)
}

// printAnswers prints a table, if there is anything to print.
func printAnswers(answers []answer, stdout io.Writer) {
	if len(answers) == 0 {
		return
	}
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

// sumUp tells what has failed, and how much of all that is.
func sumUp(answers []answer, all int, stderr io.Writer) (status int) {
	failed := 0
	for _, one := range answers {
		if one.err != nil {
			fmt.Fprintln(stderr, "gormbind ping:", one.err)
			failed++
		}
	}
	var sum []string
	switch left := all - len(answers); {
	case failed == 0 && left == 0:
		return well
	case failed == 1:
		sum = append(sum, fmt.Sprintf("1 of %d databases does not answer", all))
	case failed > 1:
		sum = append(sum, fmt.Sprintf("%d of %d databases do not answer", failed, all))
	}
	if left := all - len(answers); left > 0 {
		sum = append(sum, fmt.Sprintf("%d of %d were not asked, since it was interrupted", left, all))
	}
	fmt.Fprintln(stderr, "gormbind ping:", strings.Join(sum, "; "))
	return wrong
}

// short is a duration for people.
func short(d time.Duration) string {
	if d < time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(time.Millisecond / 10).String()
}
