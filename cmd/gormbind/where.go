package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/where"
)

const whereUsage = `Usage: gormbind where [flags] [packages]

Where reads Go packages, by default that of the working directory, and prints the
map of their models: the bind key, what it comes from, the table, and relations to
models in other binds, with how GORM reads them. It runs nothing of the program. "?" is what the program only
knows when it runs, such as the key of a Bind method that computes it.

Exit status: 0, 1 if the packages can't be read or a model's key is a mistake (the
map is printed all the same), 2 for a wrong command line.

Flags:
`

func runWhere(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gormbind where", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print JSON")
	asMarkdown := flags.Bool("markdown", false, "print a table of Markdown")
	asMermaid := flags.Bool("mermaid", false, "print a diagram of Mermaid, with a box for each bind")
	var question where.Question
	flags.StringVar(&question.Dir, "C", "", "the `folder` to start in; the working directory by default")
	flags.StringVar(&question.TagName, "tagname", "", "the struct `tag` that holds a key, if not what bindkey.TagName in the program says, or bind")
	flags.StringVar(&question.Default, "default", "", "the `key` of models without one, if not what bindkey.Default in the program says, or main")
	if done, status := parse(flags, whereUsage, args, stdout, stderr); done {
		return status
	}
	if question.Patterns = flags.Args(); len(question.Patterns) == 0 {
		question.Patterns = []string{"."}
	}
	drawn, err := where.Ask(question)
	if err != nil {
		fmt.Fprintln(stderr, "gormbind where:", err)
		return wrong
	}
	print := drawn.Table
	switch {
	case *asJSON:
		print = drawn.JSON
	case *asMarkdown:
		print = drawn.Markdown
	case *asMermaid:
		print = drawn.Mermaid
	}
	if err := print(stdout); err != nil {
		fmt.Fprintln(stderr, "gormbind where:", err)
		return wrong
	}
	for _, mistake := range drawn.Mistakes {
		fmt.Fprintln(stderr, "gormbind where:", mistake)
	}
	if len(drawn.Mistakes) > 0 {
		return wrong
	}
	return well
}

// parse reads a command's flags. It is done if they ask for help, or can't be read.
func parse(flags *flag.FlagSet, text string, args []string, stdout, stderr io.Writer) (done bool, status int) {
	flags.SetOutput(io.Discard)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		help(flags, text, stdout)
		return true, well
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v\n\n", flags.Name(), err)
		help(flags, text, stderr)
		return true, misuse
	}
	return false, well
}

func help(flags *flag.FlagSet, text string, to io.Writer) {
	fmt.Fprint(to, text)
	flags.SetOutput(to)
	flags.PrintDefaults()
}
