package main

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
		if r.extra != nil {
			row, columns = r.extraRow(), extraColumns
		}
		if len(all) == 0 || all[len(all)-1].title != r.group {
			all = append(all, table{title: r.group, columns: columns})
		}
		last := &all[len(all)-1]
		last.rows = append(last.rows, row)
	}
	return all
}

var ratioColumns = []string{"work", "plain", "again", "dbresolver", "Use", "bindkey", "sittings", "quartiles",
	"allocs", "more", "bytes", "more", "budget", "met", "≤ dbresolver"}

func (r result) row() []string {
	base, own := r.of(plain), r.of(routed)
	other := func(name string) string {
		if r.of(name) == nil {
			return "–"
		}
		return fmt.Sprintf("%.3f", r.ratio(name, plain).medians)
	}
	to := r.ratio(routed, plain)
	return []string{
		r.name, duration(middle(base.times)), other(again), other(resolver), other(using),
		other(routed), fmt.Sprintf("%.3f–%.3f", to.low, to.high), fmt.Sprintf("%.2f–%.2f", to.quarter, to.most),
		fmt.Sprintf("%.0f", base.allocs), fmt.Sprintf("%+.0f", own.allocs-base.allocs),
		fmt.Sprintf("%.0f", base.bytes), fmt.Sprintf("%+.0f", own.bytes-base.bytes),
		r.budget.String(), r.verdict(), r.notSlower(),
	}
}

// notSlower tells whether the plugin is as fast as dbresolver, within what the
// run can tell.
func (r result) notSlower() string {
	answer := ""
	for _, name := range []string{resolver, using} {
		if r.of(name) == nil {
			continue
		}
		if to := r.ratio(routed, name); to.low > 1 && to.medians > 1 {
			return fmt.Sprintf("no: %.3f", to.medians)
		}
		answer = "yes"
	}
	return answer
}

var extraColumns = []string{"work", "plain", "again", "dbresolver", "Use", "bindkey", "ratio", "more", "for each", "allocs", "more", "bytes", "more", "budget", "met", "≤ dbresolver"}

func (r result) extraRow() []string {
	base, own := r.of(plain), r.of(routed)
	time := func(name string) string {
		if r.of(name) == nil {
			return "–"
		}
		return duration(middle(r.of(name).times))
	}
	limit := ""
	if r.extra.budget > 0 {
		limit = "≤ " + duration(float64(r.extra.budget))
	}
	return []string{
		r.name, time(plain), time(again), time(resolver), time(using), time(routed),
		fmt.Sprintf("%.3f", r.ratio(routed, plain).medians), duration(r.more()), r.extra.unit,
		fmt.Sprintf("%.0f", base.allocs), fmt.Sprintf("%+.0f", own.allocs-base.allocs),
		fmt.Sprintf("%.0f", base.bytes), fmt.Sprintf("%+.0f", own.bytes-base.bytes),
		limit, r.verdict(), r.notSlower(),
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

// markdown writes it for a page: the numbers to the right.
func (t table) markdown(out io.Writer) error {
	line := func(cells []string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }
	rules := make([]string, len(t.columns))
	for i := range rules {
		rules[i] = "---:"
	}
	rules[0] = "---"
	fmt.Fprintf(out, "### %s\n\n", t.title)
	line(t.columns)
	line(rules)
	for _, row := range t.rows {
		line(row)
	}
	_, err := fmt.Fprintln(out)
	return err
}

// summary tells which budgets are not met.
func summary(results []result) string {
	var met, unmet int
	var text strings.Builder
	for _, r := range results {
		switch verdict := r.verdict(); {
		case strings.HasPrefix(verdict, "yes"):
			met++
		case verdict != "":
			unmet++
			fmt.Fprintf(&text, "- %s: %s (%s)\n", r.group, r.name, strings.TrimPrefix(verdict, "no: "))
		}
		if slower := r.slower(); slower != "" {
			fmt.Fprintf(&text, "- %s: %s (%s)\n", r.group, r.name, slower)
		}
	}
	return fmt.Sprintf("%d budgets are met, %d are not.\n\n%s", met, unmet, text.String())
}

func (r result) slower() string {
	if answer := r.notSlower(); strings.HasPrefix(answer, "no") {
		return "slower than dbresolver: " + strings.TrimPrefix(answer, "no: ")
	}
	return ""
}
