package equivalence

import (
	"fmt"
	"math/rand"
	"sort"
	"strings"
	"time"
)

// clock is the time of every row: both handles must write the same.
var clock = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// The values are few, so that conditions find rows and rows share values.
var (
	names = []string{"ann", "bob", "cid", "dee", "eve"}
	codes = []string{"aa", "bb", "cc", "dd", "ee", "ff"}
)

// A row is a table's, by column.
type row map[string]any

// rows are random rows of all tables. Most foreign keys refer to a row, some to
// nothing, and a few to a row that is not there.
func randomRows(rng *rand.Rand, s *schema) map[string][]row {
	rows := map[string][]row{}
	for _, t := range s.tables {
		for i, n := 0, 3+rng.Intn(4); i < n; i++ {
			r := row{}
			for _, c := range t.columns {
				if c.primary {
					r[c.name] = primaryValue(rng, t, c, i)
				}
			}
			rows[t.name] = append(rows[t.name], r)
		}
	}
	for _, t := range s.tables {
		seen := map[string]bool{}
		var kept []row
		for _, r := range rows[t.name] {
			fill(rng, t, r, rows)
			key := r.key(t)
			if !seen[key] {
				seen[key] = true
				kept = append(kept, r)
			}
		}
		rows[t.name] = kept
	}
	return rows
}

func primaryValue(rng *rand.Rand, t *table, c column, i int) any {
	switch {
	case c.kind == text:
		return codes[i%len(codes)]
	case c.serial:
		return int64(i + 1)
	default:
		return int64(1 + rng.Intn(3))
	}
}

// fill gives a row its values but for a primary key that refers to nothing.
func fill(rng *rand.Rand, t *table, r row, rows map[string][]row) {
	for _, c := range t.columns {
		if c.primary {
			continue
		}
		switch c.kind {
		case number:
			r[c.name] = int64(rng.Intn(6))
		case text:
			r[c.name] = names[rng.Intn(len(names))]
		case moment:
			r[c.name] = clock
			if c.null {
				r[c.name] = nil
				if rng.Intn(5) == 0 {
					r[c.name] = clock
				}
			}
		}
	}
	for _, i := range rng.Perm(len(t.refs)) {
		ref := t.refs[i]
		nullable := true
		for _, name := range ref.columns {
			nullable = nullable && t.column(name).null
		}
		if ref.typed != "" {
			r[ref.typed] = ref.to.name
		}
		to := rows[ref.to.name][rng.Intn(len(rows[ref.to.name]))]
		dice := rng.Intn(20)
		for n, name := range ref.columns {
			switch {
			case nullable && dice < 4:
				r[name] = nil
			case dice == 4 && t.column(name).kind == number && !t.column(name).primary:
				r[name] = int64(99)
			default:
				r[name] = to[ref.keys[n]]
			}
		}
	}
}

func (r row) key(t *table) string {
	var parts []string
	for _, c := range t.primaries() {
		parts = append(parts, fmt.Sprint(r[c.name]))
	}
	return strings.Join(parts, "|")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
