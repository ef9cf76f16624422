// Command walkthrough tells what the plugin does, step by step, and prints
// after each step what each database file holds:
//
//	go run ./docs/walkthrough
//	go run ./docs/walkthrough -dir somewhere
//
// docs/walkthrough.md tells the same with the code.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gormbind/gormbind/docs/walkthrough/steps"
	"github.com/gormbind/gormbind/internal/sqlitedb"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program. Its exit status is 0, 1 for a step that failed, or 2 for
// flags that can't be read.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("walkthrough", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "", "the `folder` for the database files; a new temporary one by default")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "walkthrough takes no arguments, but got %q\n", flags.Args())
		flags.Usage()
		return 2
	}
	if err := tell(*dir, stdout); err != nil {
		fmt.Fprintln(stderr, "walkthrough:", err)
		return 1
	}
	return 0
}

// tell runs the steps on files in a folder, and prints them.
func tell(dir string, out io.Writer) error {
	dir, err := folder(dir)
	if err != nil {
		return err
	}
	databases, err := files(dir)
	if err != nil {
		return err
	}
	number := 0
	err = steps.Run(databases, func(step steps.Step, output string) error {
		number++
		heading := fmt.Sprintf("%d. %s", number, step.Title)
		_, err := fmt.Fprintf(out, "%s\n%s\n\n%s\n", heading, strings.Repeat("═", len(heading)), output)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "The files are in %s\n", dir)
	return err
}

// folder makes the folder for the files.
func folder(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "gormbind-walkthrough-")
	}
	if strings.Contains(dir, "?") {
		return "", errors.New("the folder's name has a \"?\", where SQLite's driver reads parameters; choose another")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// files are the databases, which must not exist yet.
func files(dir string) (steps.Databases, error) {
	var exist []string
	file := func(name string) steps.Database {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			exist = append(exist, name)
		}
		return steps.Database{Title: name, Dialector: sqlitedb.Open(path)}
	}
	databases := steps.Databases{Main: file("main.db"), Analytics: file("analytics.db"), Replica: file("replica.db")}
	if len(exist) > 0 {
		return databases, fmt.Errorf("%s exists in %s; choose a folder without it, or remove it", strings.Join(exist, ", "), dir)
	}
	return databases, nil
}
