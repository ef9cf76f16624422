package sqlscan

import (
	"fmt"
	"strings"
	"testing"
)

// Each kind of text that grows by one name at a time is read in linear time: each name
// is compared with a few others, and not with all.
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
	const n = 10000
	for name, c := range texts(n) {
		for _, dialect := range []Dialect{MySQL, Postgres, SQLite} {
			if dialect != MySQL && (name == "targets" || name == "other targets") || dialect == Postgres && name == "CTEs later" {
				continue
			}
			r := reader{lexer: lexer{src: c.text, dialect: dialect}, reads: true}
			if got := len(r.facts().Tables); got != c.tables {
				t.Errorf("%s in dialect %d: %d tables, want %d", name, dialect, got, c.tables)
			}
			if r.compared > 2*n {
				t.Errorf("%s in dialect %d: %d names were compared one by one", name, dialect, r.compared)
			}
		}
	}
}
