package main

import (
	"context"
	"fmt"
	"io"
	"sort"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// cost measures transactions that insert one row into each of some binds: as without the
// option, and in two phases, in turn. It prints a table.
func cost(out io.Writer, times int) error {
	fmt.Fprintln(out, "| transaction writes in | one after the other | in two phases | more |")
	fmt.Fprintln(out, "| --- | ---: | ---: | ---: |")
	for _, c := range []struct {
		products []string
		binds    []int // of the world's
	}{
		{worlds[1], []int{0}},
		{worlds[1], []int{1}},
		{worlds[2], []int{1}},
		{worlds[1], []int{0, 1}},
		{worlds[2], []int{0, 1}},
		{worlds[0], []int{0, 1}},
		{worlds[0], []int{0, 1, 2}},
	} {
		w, err := newWorld(c.products)
		if err != nil {
			return err
		}
		err = w.cost(out, times, c.binds)
		if closed := w.close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) cost(out io.Writer, times int, binds []int) error {
	h, err := w.open(false, nil)
	if err != nil {
		return err
	}
	defer h.close()
	took := map[bool][]time.Duration{}
	for id := int64(1); id <= int64(2*times+20); id++ {
		one := id%2 == 0
		ctx := context.Background()
		if one {
			ctx = bindkey.OnePhase(ctx)
		}
		began := time.Now()
		if err := h.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			for _, i := range binds {
				if err := tx.Create(rowOf(keys[i], id, 0)).Error; err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		if id > 20 { // connections are there, and statements are known
			took[one] = append(took[one], time.Since(began))
		}
	}
	name := ""
	for n, i := range binds {
		if n > 0 {
			name += ", "
		}
		name += w.Databases[i].Product
		if i == 0 {
			name += " (decides)"
		}
	}
	plain, two := median(took[true]), median(took[false])
	fmt.Fprintf(out, "| %s | %s | %s | %s |\n", name, short(plain), short(two), short(two-plain))
	return nil
}

func median(took []time.Duration) time.Duration {
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	return took[len(took)/2]
}

func short(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
