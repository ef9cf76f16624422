package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// demo shows a crash and its recovery: a coordinator is killed when it has decided, and
// before it has told anybody.
func demo(out io.Writer) (err error) {
	w, err := newWorld(worlds[0])
	if err != nil {
		return err
	}
	defer func() {
		if closed := w.close(); err == nil {
			err = closed
		}
	}()
	v, err := runVictim(order{World: w, Role: diesDecided, First: 1}, nil, 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "killed in t%d, which is decided, before any database was told\n\n", v.begun[len(v.begun)-1])
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		if gone, err := victimsGone(w); err != nil || gone {
			break
		}
	}
	if err := w.show(out); err != nil {
		return err
	}
	h, err := w.open(false, nil)
	if err != nil {
		return err
	}
	defer h.close()
	found, err := h.plugin.Recover(context.Background())
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "\nplugin.Recover:")
	for _, r := range found {
		fmt.Fprintf(out, "  a branch in %s: %s\n", r.Bind, r.Outcome)
	}
	fmt.Fprintln(out)
	return w.show(out)
}

// show prints what each database holds.
func (w *world) show(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "BIND\tDATABASE\tROWS OF\tPREPARED\tDECISIONS")
	for i, d := range w.Databases {
		rows, err := w.rows(i, d.Key)
		if err != nil {
			return err
		}
		var txns []string
		for id := int64(1); id <= 2; id++ {
			if rows[id] > 0 {
				txns = append(txns, fmt.Sprintf("t%d", id))
			}
		}
		prepared, err := leftPrepared(&world{App: w.App, Databases: w.Databases[i : i+1], plain: w.plain[i : i+1]})
		if err != nil {
			return err
		}
		decisions := "-"
		if i == 0 {
			var n int
			if err := w.plain[0].QueryRow("SELECT count(*) FROM gormbind_decisions WHERE outcome = 'C'").Scan(&n); err != nil {
				return err
			}
			decisions = fmt.Sprint(n, " to commit")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", d.Key, d.Product, strings.Join(txns, " "), prepared, decisions)
	}
	return table.Flush()
}
