package sqlscan

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Each kind of text that grows by one name at a time is read in linear time: four
// times the names take about four times as long, and sixteen times where each is
// compared with all others. The best of several runs counts, so that a busy machine
// does not.
func TestManyNames(t *testing.T) {
	list := func(n int, format string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i))
		}
		return strings.Join(parts, ", ")
	}
	texts := func(n int) map[string]struct {
		text   string
		tables int
	} {
		return map[string]struct {
			text   string
			tables int
		}{
			"CTEs":           {"WITH " + list(n, "w# AS (SELECT 1)") + " SELECT * FROM " + list(n, "w#"), 0},
			"CTEs and names": {"WITH RECURSIVE " + list(n, "w# AS (SELECT * FROM t#)") + " SELECT * FROM " + list(n, "w#"), n},
			"CTEs later":     {"WITH RECURSIVE a AS (SELECT * FROM " + list(n, "w#") + "), " + list(n, "w# AS (SELECT 1)") + " SELECT 1", 0},
			"tables":         {"SELECT * FROM " + list(n, "t#"), n},
			"targets":        {"DELETE " + list(n, "a#") + " FROM " + list(n, "t# a#"), n},
			"other targets":  {"DELETE " + list(n, "a#") + " FROM " + list(n, "t# b#"), 2 * n},
		}
	}
	few, lots := texts(3000), texts(12000)
	for name, c := range lots {
		for _, dialect := range []Dialect{MySQL, Postgres, SQLite} {
			if dialect != MySQL && (name == "targets" || name == "other targets") || dialect == Postgres && name == "CTEs later" {
				continue
			}
			if got := len(scan(c.text, dialect).Tables); got != c.tables {
				t.Errorf("%s in dialect %d: %d tables, want %d", name, dialect, got, c.tables)
			}
			if short, long := best(few[name].text, dialect), best(c.text, dialect); long > 10*short {
				t.Errorf("%s in dialect %d: %v, and four times as many %v", name, dialect, short, long)
			}
		}
	}
}

func best(text string, dialect Dialect) (best time.Duration) {
	for i := 0; i < 7; i++ {
		start := time.Now()
		scan(text, dialect)
		if took := time.Since(start); best == 0 || took < best {
			best = took
		}
	}
	return best
}
