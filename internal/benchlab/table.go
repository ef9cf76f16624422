package benchlab

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// A table has a row for each work of a group.
type table struct {
	title   string
	columns []string
	rows    [][]string
}

// tables are what was measured, group by group.
func tables(results []result) []table {
	var all []table
	for _, r := range results {
		row, columns := r.row(), ratioColumns
		if r.Extra != nil {
			row, columns = r.extraRow(), extraColumns
		}
		if len(all) == 0 || all[len(all)-1].title != r.Group {
			all = append(all, table{title: r.Group, columns: columns})
		}
		last := &all[len(all)-1]
		last.rows = append(last.rows, row)
	}
	return all
}

var ratioColumns = []string{"work", "plain", "again", "dbresolver", "Use", "bindkey", "sittings", "quartiles",
	"allocs", "more", "bytes", "more", "budget", "met", "≤ dbresolver"}

func (r result) row() []string {
	base, own := r.of(Plain), r.of(Routed)
	other := func(name string) string {
		if r.of(name) == nil {
			return "–"
		}
		return fmt.Sprintf("%.3f", r.ratio(name, Plain).medians)
	}
	to := r.ratio(Routed, Plain)
	return []string{
		r.Name, duration(middle(base.times)), other(Again), other(Resolver), other(Using),
		other(Routed), fmt.Sprintf("%.3f–%.3f", to.low, to.high), fmt.Sprintf("%.2f–%.2f", to.quarter, to.most),
		fmt.Sprintf("%.0f", base.allocs), fmt.Sprintf("%+.0f", own.allocs-base.allocs),
		fmt.Sprintf("%.0f", base.bytes), fmt.Sprintf("%+.0f", own.bytes-base.bytes),
		r.limit(), r.verdict(), r.notSlower(),
	}
}

// notSlower tells whether the plugin is as fast as dbresolver, within what the
// run can tell.
func (r result) notSlower() string {
	answer := ""
	for _, name := range []string{Resolver, Using} {
		if r.of(name) == nil {
			continue
		}
		if to := r.ratio(Routed, name); to.low > 1 && to.medians > 1 {
			return fmt.Sprintf("no: %.3f", to.medians)
		}
		answer = "yes"
	}
	return answer
}

var extraColumns = []string{"work", "plain", "again", "dbresolver", "Use", "bindkey", "ratio", "more", "for each", "allocs", "more", "bytes", "more", "budget", "met", "≤ dbresolver"}

func (r result) extraRow() []string {
	base, own := r.of(Plain), r.of(Routed)
	time := func(name string) string {
		if r.of(name) == nil {
			return "–"
		}
		return duration(middle(r.of(name).times))
	}
	return []string{
		r.Name, time(Plain), time(Again), time(Resolver), time(Using), time(Routed),
		fmt.Sprintf("%.3f", r.ratio(Routed, Plain).medians), duration(r.more()), r.Extra.Unit,
		fmt.Sprintf("%.0f", base.allocs), fmt.Sprintf("%+.0f", own.allocs-base.allocs),
		fmt.Sprintf("%.0f", base.bytes), fmt.Sprintf("%+.0f", own.bytes-base.bytes),
		r.limit(), r.verdict(), r.notSlower(),
	}
}

// duration has three digits.
func duration(ns float64) string {
	size := ns
	if size < 0 {
		size = -size
	}
	switch {
	case size < float64(time.Microsecond):
		return fmt.Sprintf("%.0f ns", ns)
	case size < float64(time.Millisecond):
		return fmt.Sprintf("%.3g µs", ns/1e3)
	case size < float64(time.Second):
		return fmt.Sprintf("%.3g ms", ns/1e6)
	default:
		return fmt.Sprintf("%.3g s", ns/1e9)
	}
}

// print writes a table with aligned columns.
func (t table) print(out io.Writer) error {
	fmt.Fprintf(out, "%s\n\n", t.title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.columns}, t.rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out)
	return err
}

// markdown writes it for a page.
func (t table) markdown(out io.Writer) error {
	fmt.Fprintf(out, "### %s\n\n", t.title)
	return t.lines(out)
}

// lines writes it without its title: the numbers to the right.
func (t table) lines(out io.Writer) error {
	line := func(cells []string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }
	rules := make([]string, len(t.columns))
	for i := range rules {
		rules[i] = "---:"
	}
	rules[0] = "---"
	line(t.columns)
	line(rules)
	for _, row := range t.rows {
		line(row)
	}
	_, err := fmt.Fprintln(out)
	return err
}

// met counts the budgets.
func met(results []result) string {
	var met, unmet int
	for _, r := range results {
		switch verdict := r.verdict(); {
		case strings.HasPrefix(verdict, "yes"):
			met++
		case verdict != "":
			unmet++
		}
	}
	return fmt.Sprintf("%d budgets are met, %d are not.\n", met, unmet)
}
