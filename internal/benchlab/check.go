package benchlab

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// InOne ends the names of work that plain handles do in one database.
const InOne = "in one database"

// CheckDatabases runs all work on databases that lack the tables of the other
// bind: what goes to the wrong one fails. A ratio means something only between
// contenders that do the same. All must leave as many rows as they found, and no
// name may come twice, which would be one benchmark to benchstat.
func (p Program) CheckDatabases(t *testing.T) {
	l := newLab(t.TempDir())
	t.Cleanup(func() {
		if err := l.end(); err != nil {
			t.Error(err)
		}
	})
	seen := map[string]bool{}
	for _, w := range p.Work() {
		if seen[slug(w)] {
			t.Errorf("%s is there twice", slug(w))
		}
		seen[slug(w)] = true
		if w.Make != nil && !w.Place.DryRun() {
			w := w
			t.Run(slug(w), func(t *testing.T) { p.check(t, l, w) })
		}
	}
}

func (p Program) check(t *testing.T, l *lab, w *Work) {
	p.begin(t, l, w)
	defer l.close()
	contenders, err := l.open(w, []int{0, 1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contenders {
		if strings.HasSuffix(w.Name, InOne) && (c.Name == Plain || c.Name == Again) {
			continue
		}
		drop(t, c)
		r := Runner{Name: c.Name}
		for i := 0; i < w.goroutines(); i++ {
			r.Tasks = append(r.Tasks, w.Make(c))
		}
		if err := r.run(2, func(run func()) { run() }); err != nil {
			t.Error(err)
		}
		c.expectRows(t)
	}
}

// drop takes out of each database the tables whose home it is not. The source
// of analytics keeps its logs where reads have replicas: writes go there.
func drop(t *testing.T, c *Contender) {
	t.Helper()
	for database := range c.pools {
		tables := []string{"users", "evens"}
		if database == Home {
			tables = []string{"logs", "odds"}
		}
		for _, table := range tables {
			if err := c.exec(database, "DROP TABLE IF EXISTS "+table); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (c *Contender) expectRows(t *testing.T) {
	t.Helper()
	for _, want := range []struct {
		database, table string
		rows            int
	}{{Home, "users", users}, {Home, "evens", chainLength}, {Other, "logs", logs}, {Other, "odds", chainLength}} {
		var counted int
		query := fmt.Sprintf("SELECT count(*) FROM %s", want.table)
		if err := c.pools[want.database].QueryRowContext(context.Background(), query).Scan(&counted); err != nil {
			t.Error(err)
		}
		if counted != want.rows {
			t.Errorf("%s: %s has %d rows in %s, not %d: the work does not clean up", c.Name, want.database, counted, want.table, want.rows)
		}
	}
}
