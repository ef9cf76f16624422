package benchlab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"time"
)

// A Program measures a list of work.
type Program struct {
	Name     string // its folder, which is also its section of the page
	Work     func() []*Work
	Versions func() string // of the databases, after the work
	// Required says that a place which is absent is a failure.
	Required bool
}

type settings struct {
	Program
	pace       pace
	pattern    *regexp.Regexp
	markdown   bool
	svg        string
	dir        string
	page       string
	profiled   bool
	cpuprofile string

	interrupted context.Context
}

// Run is the program's main. Its exit status is 0, 1 for work that failed, or 2
// for flags that can't be read. A budget that is not met is no failure.
func (p Program) Run(args []string, stdout, stderr io.Writer) int {
	s := settings{Program: p}
	switch err := s.parse(args, stderr); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	// An interrupt waits for the work that is measured: what places have made is
	// taken away.
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s.interrupted = interrupted
	if err := s.report(stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "benchmarks:", err)
		return 1
	}
	return 0
}

// parse reads the flags. It tells what is wrong with them.
func (s *settings) parse(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&s.pace.total, "time", 2*time.Second, "how long each piece of work is measured")
	flags.IntVar(&s.pace.sittings, "sittings", 5, "in how many parts of that time the contenders are opened anew")
	flags.DurationVar(&s.pace.slice, "slice", 500*time.Microsecond, "how long one contender works before it is another's turn")
	pattern := flags.String("run", "", "measure only the work whose \"group/name\" matches this regular `expression`")
	flags.BoolVar(&s.markdown, "markdown", false, "print Markdown")
	flags.StringVar(&s.svg, "svg", "", "write a chart to this `file`, too")
	flags.StringVar(&s.dir, "dir", "", "the `folder` for the database files; a temporary one by default, removed at the end")
	flags.StringVar(&s.page, "page", "", "put the tables into this `file`, between the program's marks, with -profile, and the result at its top")
	flags.BoolVar(&s.profiled, "profile", false, "tell where the time goes that a budget has not, which takes ten times as long for each")
	flags.StringVar(&s.cpuprofile, "cpuprofile", "", "write a CPU profile to this `file`; its label \"by\" is the contender")
	flags.BoolVar(&s.pace.once, "smoke", false, "run everything once, to see that it runs; the numbers mean nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	s.pattern, err = regexp.Compile(*pattern)
	switch {
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("there are no arguments, but got %q", flags.Args())
	case s.pace.sittings < 1:
		err = errors.New("-sittings must be 1 or more")
	case s.page != "" && *pattern != "":
		err = errors.New("-page writes all of the program's section: leave out -run, or take -markdown instead of -page")
	case s.profiled && s.cpuprofile != "":
		err = errors.New("-profile and -cpuprofile exclude each other")
	}
	if err != nil {
		fmt.Fprintln(stderr, "benchmarks:", err)
		return err
	}
	s.pace.rounds = 5
	if s.pace.once {
		s.pace.total, s.pace.rounds, s.pace.sittings = 0, 1, 1
	}
	s.profiled = s.profiled || s.page != "" && !s.pace.once
	return nil
}

func (s settings) report(stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp(s.dir, "gormbind-benchmarks-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l := newLab(dir)
	defer func() { err = errors.Join(err, l.end()) }()

	random := rand.New(rand.NewSource(1))
	results, err := s.measureAll(l, random, stderr)
	if err != nil {
		return err
	}
	var costs []cost
	if s.profiled {
		if costs, err = s.profileAll(l, random, results, stderr); err != nil {
			return err
		}
	}
	if err := s.write(stdout, results, costs, s.markdown); err != nil {
		return err
	}
	if s.svg != "" {
		if err := writeFile(s.svg, func(out io.Writer) error { return chart(out, results) }); err != nil {
			return err
		}
	}
	if s.page != "" {
		return fill(s.page, s.Name, func(out io.Writer) error {
			fmt.Fprintf(out, "%s, %s, %s.\n\n", machine(), s.Versions(), s.pace)
			return s.write(out, results, costs, true)
		})
	}
	return nil
}

// write writes the tables, and which budgets are met.
func (s settings) write(out io.Writer, results []result, costs []cost, markdown bool) error {
	all := tables(results)
	if unmet := unmetTable(results, costs); len(unmet.rows) > 0 && !s.pace.once {
		all = append(all, unmet)
	}
	for _, t := range all {
		write := t.print
		if markdown {
			write = t.markdown
		}
		if err := write(out); err != nil {
			return err
		}
	}
	conclusion := met(results)
	if s.pace.once {
		conclusion = fmt.Sprintf("%d pieces of work ran once: the numbers mean nothing.\n", len(results))
	}
	_, err := fmt.Fprint(out, conclusion)
	return err
}

// measureAll measures the work that was asked for, and tells on stderr what it
// is at.
func (s settings) measureAll(l *lab, random *rand.Rand, stderr io.Writer) (results []result, err error) {
	if s.cpuprofile != "" {
		file, err := os.Create(s.cpuprofile)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	for _, w := range s.Work() {
		if !s.pattern.MatchString(w.title()) {
			continue
		}
		switch err := l.begin(w.Place); {
		// A section of the page without a place would look like all of it.
		case errors.Is(err, ErrAbsent) && !s.Required && s.page == "":
			fmt.Fprintf(stderr, "%s: %s: left out: %v\n", w.Group, w.Name, err)
			continue
		case err != nil:
			return nil, err
		}
		if s.interrupted.Err() != nil {
			return nil, errors.New("interrupted")
		}
		fmt.Fprintf(stderr, "%s: %s\n", w.Group, w.Name)
		samples, err := measure(w, l, s.pace, random)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", w.Group, w.Name, err)
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
