// Command benchmarks measures what routing costs: this plugin beside plain
// handles, one for each database, and beside dbresolver.
//
//	go run ./docs/benchmarks
//	go run ./docs/benchmarks -run 'Transactions' -time 10s
//
// docs/benchmarks.md has what it printed, and says how to read it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"regexp"
	"runtime/pprof"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

type settings struct {
	pace     pace
	pattern  *regexp.Regexp
	markdown bool
	svg      string
	dir      string
	page     string
	profile  string
}

// run is the program. Its exit status is 0, 1 for work that failed, or 2 for
// flags that can't be read. A budget that is not met is no failure.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var s settings
	flags.DurationVar(&s.pace.total, "time", 2*time.Second, "how long each piece of work is measured")
	flags.IntVar(&s.pace.sittings, "sittings", 5, "in how many parts of that time the contenders are opened anew")
	flags.DurationVar(&s.pace.slice, "slice", 500*time.Microsecond, "how long one contender works before it is another's turn")
	pattern := flags.String("run", "", "measure only the work whose \"group/name\" matches this regular `expression`")
	flags.BoolVar(&s.markdown, "markdown", false, "print Markdown")
	flags.StringVar(&s.svg, "svg", "", "write a chart to this `file`, too")
	flags.StringVar(&s.dir, "dir", "", "the `folder` for the database files; a temporary one by default, removed at the end")
	flags.StringVar(&s.page, "page", "", "put the tables into this `file`, between its marks, too")
	flags.StringVar(&s.profile, "cpuprofile", "", "write a CPU profile to this `file`; its label \"by\" is the contender")
	flags.BoolVar(&s.pace.once, "smoke", false, "run everything once, to see that it runs; the numbers mean nothing")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "benchmarks takes no arguments, but got %q\n", flags.Args())
		return 2
	}
	var err error
	if s.pattern, err = regexp.Compile(*pattern); err != nil {
		fmt.Fprintln(stderr, "benchmarks:", err)
		return 2
	}
	s.pace.rounds = 5
	if s.pace.once {
		s.pace.total, s.pace.rounds, s.pace.sittings = 0, 1, 1
	}
	if s.pace.sittings < 1 {
		fmt.Fprintln(stderr, "benchmarks: -sittings must be 1 or more")
		return 2
	}
	if err := s.report(stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "benchmarks:", err)
		return 1
	}
	return 0
}

func (s settings) report(stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp(s.dir, "gormbind-benchmarks-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := newLab(dir)
	if err != nil {
		return err
	}
	defer l.close()

	results, err := s.measureAll(l, stderr)
	if err != nil {
		return err
	}
	if err := s.write(stdout, results, s.markdown); err != nil {
		return err
	}
	if s.svg != "" {
		if err := writeFile(s.svg, func(out io.Writer) error { return chart(out, results) }); err != nil {
			return err
		}
	}
	if s.page != "" {
		return fill(s.page, func(out io.Writer) error {
			fmt.Fprintf(out, "%s, %s.\n\n", machine(), s.pace)
			return s.write(out, results, true)
		})
	}
	return nil
}

// write writes the tables, and which budgets are met.
func (s settings) write(out io.Writer, results []result, markdown bool) error {
	for _, t := range tables(results) {
		write := t.print
		if markdown {
			write = t.markdown
		}
		if err := write(out); err != nil {
			return err
		}
	}
	conclusion := summary(results)
	if s.pace.once {
		conclusion = fmt.Sprintf("%d pieces of work ran once: the numbers mean nothing.\n", len(results))
	}
	_, err := fmt.Fprint(out, conclusion)
	return err
}

// measureAll measures the work that was asked for, and tells on stderr what it
// is at.
func (s settings) measureAll(l *lab, stderr io.Writer) (results []result, err error) {
	if s.profile != "" {
		file, err := os.Create(s.profile)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	random := rand.New(rand.NewSource(1))
	for _, w := range allWork() {
		if !s.pattern.MatchString(w.group + "/" + w.name) {
			continue
		}
		fmt.Fprintf(stderr, "%s: %s\n", w.group, w.name)
		samples, err := measure(w, l, s.pace, random)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", w.group, w.name, err)
		}
		results = append(results, result{w, samples})
	}
	return results, nil
}

func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
