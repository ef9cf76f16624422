// Command gormbind looks at programs that use gormbind, and at their databases.
//
//	gormbind where ./...     the map of a program's models: which lives in which bind
//	gormbind vet ./...       mistakes in the use of gormbind
//	gormbind ping            whether each database answers
//	gormbind in-doubt        prepared branches of transactions, and what is decided
//	gormbind recover         finishes them
//
// go vet runs the same checks: go vet -vettool=$(which gormbind) ./...
//
// docs/command.md describes it.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

const usage = `gormbind looks at programs that use gormbind, and at their databases.

Usage:

	gormbind where [flags] [packages]   the map of a program's models
	gormbind vet [flags] [packages]     mistakes in the use of gormbind
	gormbind ping [flags]               whether each database answers
	gormbind in-doubt -config FILE      prepared branches of transactions
	gormbind recover -config FILE       finishes them, as they were decided

gormbind COMMAND -h tells the flags of a command. go vet can run the checks of
gormbind vet:

	go vet -vettool=$(which gormbind) ./...

Exit status: 0 if all is well, 1 if something is wrong, 2 for a wrong command
line, and 3 if gormbind vet finds mistakes.
`

// The exit statuses.
const (
	well   = 0
	wrong  = 1
	misuse = 2
)

func main() {
	if args := os.Args[1:]; isVetTool(args) {
		vet(args) // does not return
	} else if len(args) > 0 && args[0] == "vet" {
		os.Exit(runVet(args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program, but for gormbind vet, which is a process of its own.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return misuse
	}
	switch args[0] {
	case "where":
		return runWhere(args[1:], stdout, stderr)
	case "ping":
		return runPing(args[1:], os.Stdin, stdout, stderr)
	case "in-doubt":
		return runInDoubt(args[1:], stdout, stderr)
	case "recover":
		return runRecover(args[1:], stdout, stderr)
	case "-h", "-help", "--help", "help":
		fmt.Fprint(stdout, usage)
		return well
	}
	fmt.Fprintf(stderr, "gormbind: there is no command %q\n\n%s", args[0], usage)
	return misuse
}

// isVetTool reports whether go vet runs the command: to ask what it is, or over
// one package.
func isVetTool(args []string) bool {
	return len(args) == 1 && (args[0] == "-V=full" || args[0] == "-flags") ||
		len(args) > 0 && strings.HasSuffix(args[len(args)-1], ".cfg")
}
