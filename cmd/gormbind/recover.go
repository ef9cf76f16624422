package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

const inDoubtUsage = `Usage: gormbind in-doubt -config FILE [flags]

In-doubt lists the branches of transactions that are prepared in the databases of a
configuration, and what is decided about each. It touches nothing. Branches of
transactions that are just being committed are among them. The file has two_phase.
Databases of tenants have no branches, and are not looked at.

Exit status: 0 if there is none, 1 if there are some, a database does not answer or the
configuration has mistakes, 2 for a wrong command line.

Flags:
`

const recoverUsage = `Usage: gormbind recover -config FILE [flags]

Recover finishes prepared branches of transactions, as they were decided. What was not
decided is rolled back. It leaves alone what is younger than the grace period, and is safe
beside programs that run, and beside their own recovery. The file has two_phase.
Databases of tenants have no branches, and are not looked at.

Exit status: 0 if nothing is left, 1 if something is, a database does not answer or the
configuration has mistakes, 2 for a wrong command line.

Flags:
`

func runInDoubt(args []string, stdout, stderr io.Writer) int {
	return runRecovery("in-doubt", inDoubtUsage, (*bindkey.Plugin).InDoubt, args, stdout, stderr)
}

func runRecover(args []string, stdout, stderr io.Writer) int {
	return runRecovery("recover", recoverUsage, (*bindkey.Plugin).Recover, args, stdout, stderr)
}

func runRecovery(name, usage string, do func(*bindkey.Plugin, context.Context) ([]bindkey.Recovered, error), args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gormbind "+name, flag.ContinueOnError)
	file := flags.String("config", "", "the YAML `file` with the binds, and two_phase")
	timeout := flags.Duration("timeout", 30*time.Second, "how long it may take")
	if done, status := parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	if flags.NArg() > 0 || *file == "" {
		fmt.Fprintf(stderr, "gormbind %s: give the file behind -config, and nothing else\n", name)
		return misuse
	}
	fails := func(err error) int {
		fmt.Fprintf(stderr, "gormbind %s: %v\n", name, err)
		return wrong
	}
	loaded, err := config.Load(config.File(*file))
	if err != nil {
		return fails(err)
	}
	two, ok := loaded.TwoPhase()
	if !ok {
		return fails(fmt.Errorf("%s has no two_phase, so its transactions are not committed in two phases", *file))
	}
	two.Every = -1
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	plugin, db, err := openAll(ctx, loaded, two)
	if err != nil {
		return fails(err)
	}
	defer func() {
		_ = plugin.Close()
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	}()
	found, err := do(plugin, ctx)
	left := printFound(found, stdout)
	if err != nil {
		return fails(err)
	}
	if left {
		return wrong
	}
	return well
}

// openAll opens the databases that answer. It makes no SQLite file, and the decider and
// main must answer.
func openAll(ctx context.Context, loaded *config.Config, two bindkey.TwoPhaseConfig) (*bindkey.Plugin, *gorm.DB, error) {
	decider := two.Decider
	if decider == "" {
		decider = bindkey.DefaultKey
	}
	for _, database := range loaded.Databases() {
		if database.Key != bindkey.DefaultKey && database.Key != decider || database.Role != "source" {
			continue
		}
		if slices.Contains(loaded.Tenanted(), database.Key) {
			continue // a decider with tenants, which the plugin refuses
		}
		if _, _, err := database.Ping(ctx); err != nil {
			return nil, nil, err
		}
	}
	plugin := bindkey.New(bindkey.TwoPhase(two), bindkey.OpenLate())
	db, err := loaded.Open(plugin, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, nil, errors.Join(err, plugin.Close())
	}
	return plugin, db, nil
}

// printFound prints a table, and reports whether something is left.
func printFound(found []bindkey.Recovered, stdout io.Writer) (left bool) {
	if len(found) == 0 {
		fmt.Fprintln(stdout, "nothing is prepared")
		return false
	}
	out := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(out, "TRANSACTION\tBIND\tAGE\tOUTCOME\tWHY")
	for _, one := range found {
		why := "-"
		if one.Err != nil {
			why = one.Err.Error()
		}
		left = left || one.Outcome == bindkey.RecoveryLeft
		fmt.Fprintf(out, "%s\t%s\t%v\t%s\t%s\n", one.GID, one.Bind, one.Age.Round(time.Second), one.Outcome, why)
	}
	out.Flush()
	return left
}
