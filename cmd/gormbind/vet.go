package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis/multichecker"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/analyzers"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
)

const vetUsage = `Usage: gormbind vet [flags] [packages]

Vet reads Go packages, by default that of the working directory, and reports
mistakes in the use of gormbind. It is silent where the source does not tell.

%s
gormbind vet help NAME tells more of one of them. Flags:

	-NAME           only this check; -NAME=false: all but this one
	-tagname=TAG    the struct tag that holds a key, for programs with bindkey.TagName
	-fix            apply the suggested fixes
	-diff           with -fix: print the changes, and change nothing
	-json           print JSON
	-test=false     leave test files out

Exit status: 0, 1 if the packages can't be read, 2 for a wrong command line, 3 if
there are mistakes. With -json and -fix, it is 0 if there are mistakes.

go vet runs the same: go vet -vettool=$(which gormbind) ./...
`

// runVet prints a help text, or hands over to the driver of analyzers, which ends
// the process.
func runVet(args []string, stdout, stderr io.Writer) int {
	for _, arg := range args {
		if arg == "-h" || arg == "-help" || arg == "--help" {
			printVetUsage(stdout)
			return well
		}
	}
	if !slices.ContainsFunc(args, func(arg string) bool { return !strings.HasPrefix(arg, "-") }) {
		args = append(args, ".") // flags have their value behind "="
	}
	vet(args)
	return well
}

// vet is the program as a driver of analyzers knows it. It does not return.
func vet(args []string) {
	os.Args = append([]string{"gormbind"}, args...)
	flag.StringVar(&keys.TagName, "tagname", keys.UsualTag, "the struct `tag` that holds a bind key")
	multichecker.Main(analyzers.All()...)
}

func printVetUsage(to io.Writer) {
	var checks strings.Builder
	for _, one := range analyzers.All() {
		title, _, _ := strings.Cut(one.Doc, "\n")
		fmt.Fprintf(&checks, "\t%-15s %s\n", one.Name, title)
	}
	fmt.Fprintf(to, vetUsage, checks.String())
}
