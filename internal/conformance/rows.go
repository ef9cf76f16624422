package conformance

import (
	"fmt"
	"reflect"
	"sort"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

const (
	real  = "real"  // the origin of rows where a model lives
	decoy = "decoy" // and of those where it does not

	idsOfCase = 100 // how many ids a case has for its rows
)

// expected are the rows of a table in a database, before each case: those of
// a model that lives there, or decoys, which are more.
func (tb table) expected(lives bool) any {
	if lives {
		return tb.rows(real, 0)
	}
	return tb.rows(decoy, 1)
}

// lives tells whether a table's model lives in a database. In a twin, all do.
func (s *suite) lives(l layout, d *database, tb table) bool {
	for key, twin := range s.twins {
		if d == twin {
			return true
		}
		if d == s.databases[key] {
			return l.bindOf(tb.name) == key
		}
	}
	return false
}

// seed fills all databases for a layout.
func (s *suite) seed(t *testing.T, l layout) {
	t.Helper()
	all := map[string]bool{}
	for _, tb := range tables {
		all[tb.name] = true
	}
	s.lastID += idsOfCase
	s.each(func(d *database) { s.fill(t, l, d, all) })
	s.expectSeed(t, l, nil)
}

// fill gives tables of a database the rows that each case finds. Where names
// says that rows were inserted, the next id is set, too: to the same in all
// databases, so that those of a case are the same everywhere.
func (s *suite) fill(t *testing.T, l layout, d *database, names map[string]bool) {
	t.Helper()
	must(t, d.plain.Transaction(func(tx *gorm.DB) error {
		for i := len(tables) - 1; i >= 0; i-- {
			if _, wanted := names[tables[i].name]; wanted {
				if err := tx.Exec("DELETE FROM " + tables[i].name).Error; err != nil {
					return err
				}
			}
		}
		for _, tb := range tables {
			inserted, wanted := names[tb.name]
			if !wanted {
				continue
			}
			rows := tb.expected(s.lives(l, d, tb))
			session := tx.Session(&gorm.Session{SkipHooks: true}).Omit(clause.Associations)
			if !tb.id && reflect.TypeOf(rows).Elem().Elem().NumField() == 2 {
				session = session.Table(tb.name) // a join table, which has no model
			}
			if err := session.Create(rows).Error; err != nil {
				return err
			}
			if tb.id && inserted {
				if err := d.skipIDs(tx, tb.name, s.lastID); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// skipIDs makes the next id of a table the one after last. Ids only grow:
// MariaDB needs DDL to go back, which is slow.
func (d *database) skipIDs(tx *gorm.DB, name string, last int) error {
	switch d.kind {
	case sqlite:
		return tx.Exec("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", last, name).Error
	case postgres:
		return tx.Exec("SELECT setval(pg_get_serial_sequence(?, 'id'), ?)", name, last).Error
	default:
		if err := tx.Exec("INSERT INTO "+name+" (id) VALUES (?)", last).Error; err != nil {
			return err
		}
		return tx.Exec("DELETE FROM "+name+" WHERE id = ?", last).Error
	}
}

// compareRows compares tables with those of the twin, and the decoys with what
// they were.
func (h *handles) compareRows(t *testing.T, names map[string]bool) {
	t.Helper()
	for _, name := range sorted(names) {
		home := h.layout.bindOf(name)
		if got, want := h.databases[home].rows(t, name), h.suite.twins[home].rows(t, name); got != want {
			t.Errorf("rows of %s:\nrouted\n%s\nplain\n%s", name, got, want)
		}
	}
	h.expectSeed(t, h.layout, func(d *database, tb table) bool {
		_, touched := names[tb.name]
		return touched && !h.lives(h.layout, d, tb)
	})
}

// expectSeed checks that tables have the rows that they had at first. A nil
// filter means all.
func (s *suite) expectSeed(t *testing.T, l layout, filter func(*database, table) bool) {
	t.Helper()
	s.each(func(d *database) {
		for _, tb := range tables {
			if filter != nil && !filter(d, tb) {
				continue
			}
			lives := s.lives(l, d, tb)
			// What a dialect makes of the seed is read once.
			key := fmt.Sprint(d.kind, tb.name, lives)
			got := d.rows(t, tb.name)
			if want, ok := s.seeds[key]; !ok {
				s.seeds[key] = got
			} else if got != want {
				t.Errorf("rows of %s in the database of %s have changed:\n%s\nwere\n%s", tb.name, d.label, got, want)
			}
		}
	})
}

// rows are a table's rows as a text.
func (d *database) rows(t *testing.T, name string) string {
	t.Helper()
	var rows []map[string]any
	must(t, d.plain.Table(name).Order("1, 2").Find(&rows).Error)
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = rendered(row)
	}
	return indent(lines)
}

// restore gives tables their rows back.
func (h *handles) restore(t *testing.T, names map[string]bool) {
	t.Helper()
	if _, touched := names["owners"]; touched {
		names["pets"] = true // which refer to them
	}
	h.lastID += idsOfCase
	h.each(func(d *database) {
		again := map[string]bool{}
		for _, tb := range tables {
			if inserted, touched := names[tb.name]; touched && (h.inUse(d, tb) || t.Failed()) {
				again[tb.name] = inserted || t.Failed()
			}
		}
		if len(again) > 0 {
			h.fill(t, h.layout, d, again)
		}
	})
}

// inUse tells whether cases change a table of a database.
func (h *handles) inUse(d *database, tb table) bool {
	for key := range h.twins {
		if d == h.suite.twins[key] {
			return true
		}
	}
	return d == h.databases[h.layout.bindOf(tb.name)]
}

func sorted(names map[string]bool) []string {
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}
