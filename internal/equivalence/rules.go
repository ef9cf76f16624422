package equivalence

import (
	"fmt"
	"sort"
	"strings"
)

// A use is a table that a statement names, and where.
type use struct {
	table string
	how   string
	// weak: only the Go type of the statement's model says so, and another table
	// stands in its place (Table, Raw). A model without a key then says nothing.
	weak bool
}

// A statement is one that GORM makes for a call: what it names. The library
// may send it in parts where GORM's SQL joins tables of two binds in a way that
// two queries can answer (Association over many2many): then the tables of each
// part must live in one bind. All other statements have one part.
type statement struct {
	parts [][]use
	// maybe: it depends on the rows whether GORM comes to it.
	maybe bool
	// after: others may have been sent for the same call before it.
	after bool
	// ifShared: if it is sent in parts, and several owners share a row, it is
	// refused: the join would tell the row once for each of them.
	ifShared bool
}

func whole(uses []use) statement { return statement{parts: [][]use{uses}} }

// A verdict is what the rules say of a statement.
type verdict struct {
	crosses bool
	split   bool     // it is sent in parts
	late    bool     // it is known only when a part was sent
	claims  []string // where it names tables of other binds than its first
}

// judge is the rule: tables of two binds can't meet in one part of a statement;
// nor can a statement in parts be exact if it is ifShared and rows are shared.
func (l *layout) judge(s statement, shared bool) verdict {
	var v verdict
	binds := map[string]bool{}
	for _, part := range s.parts {
		first := ""
		claims := map[string]bool{}
		for _, u := range part {
			if u.weak && !l.keyed[u.table] {
				continue
			}
			bind, known := l.binds[u.table]
			if !known {
				panic("no such table: " + u.table)
			}
			binds[bind] = true
			if first == "" {
				first = bind
			}
			if bind != first {
				v.crosses = true
				claims[u.how] = true
			}
		}
		v.claims = append(v.claims, sortedKeys(claims)...)
	}
	v.split = !v.crosses && len(binds) > 1
	if v.split && s.ifShared && shared {
		v = verdict{crosses: true, late: true, claims: []string{"several owners share a row"}}
	}
	return v
}

// describe is for reports: each table, its bind, and where it is named.
func (l *layout) describe(s statement) string {
	var parts []string
	for _, part := range s.parts {
		var names []string
		for _, u := range part {
			weak := ""
			if u.weak {
				weak = ", type only"
			}
			names = append(names, fmt.Sprintf("%s in %s (%s%s)", u.table, l.binds[u.table], u.how, weak))
		}
		sort.Strings(names)
		parts = append(parts, strings.Join(names, ", "))
	}
	return strings.Join(parts, " | ")
}

// reached reports whether GORM came to a statement. The first that names tables is that of
// the call, which may have the same.
func (s statement) reached(sent []sentence) bool {
	for first, one := s.after, 0; one < len(sent); one++ {
		if len(sent[one].tables) > 0 && !first && s.names(sent[one]) {
			return true
		}
		first = first && len(sent[one].tables) == 0
	}
	return false
}

// names reports whether a sentence that the plain side sent is this statement:
// whether it names all of its tables.
func (s statement) names(sent sentence) bool {
	have := map[string]bool{}
	for _, t := range sent.tables {
		have[t] = true
	}
	for _, part := range s.parts {
		for _, u := range part {
			if !have[u.table] && !u.weak {
				return false
			}
		}
	}
	return true
}
