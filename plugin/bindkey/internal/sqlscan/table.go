package sqlscan

import (
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// Fold makes names comparable. Databases fold them differently; folding
// all of them can only find a table in one bind more, which is an error where
// it matters, never a wrong database.
func Fold(name string) string { return strings.ToLower(name) }

// name handles a name where one is expected.
func (r *reader) name(level *levelState) {
	expect := level.expect
	level.expect = noName
	switch expect {
	case noName:
		r.described(level)
	case tableAlias:
		r.dropTarget()
	case cteName:
		r.define(level)
	default:
		r.table(level, expect)
	}
}

// table reads a table's name.
func (r *reader) table(level *levelState, expect expectation) {
	name, owner := r.unquoted(r.cur), 0 // owner is where the last part begins
	if r.isSign(r.ahead, '.') {
		name, owner = r.qualified(name)
	}
	if level.stage == inGrant && r.isSign(r.cur, '.') {
		return // GRANT … ON database.*
	}
	// MySQL and SQL Server look for the target of UPDATE and DELETE among the
	// tables that the statement reads.
	sought := expect == targetTable && (r.dialect == MySQL || r.dialect == TransactSQL)
	switch {
	case expect == readTable && r.isSign(r.ahead, '('):
		r.effect()
		return // a function; its parenthesis looks for the alias
	case expect == columnTable:
		name = name[:owner]
	}
	if level.aliases && expect == readTable {
		level.expect = tableAlias
	}
	switch {
	case name == "", owner == 0 && (expect == readTable || sought) && r.isCTE(name):
	case sought:
		r.target(name)
	default:
		r.add(name)
	}
}

// qualified reads the other parts of a name, and tells where the last begins.
func (r *reader) qualified(first string) (name string, last int) {
	var parts strings.Builder
	parts.WriteString(first)
	for r.isSign(r.ahead, '.') {
		r.next()
		last = parts.Len()
		switch r.ahead.kind {
		case wordToken, quotedToken, stringToken:
			r.next()
			parts.WriteByte('.')
			parts.WriteString(r.unquoted(r.cur))
		case otherToken:
			if r.isSign(r.ahead, '.') { // database..table
				parts.WriteByte('.')
			}
		}
	}
	return parts.String(), last
}

// dropTarget takes the target of an UPDATE or DELETE back, if the word at hand
// makes it an alias.
func (r *reader) dropTarget() bool {
	if !isName(r.cur) {
		return false
	}
	alias := r.unquoted(r.cur)
	if r.sought != nil {
		i, ok := r.sought[alias]
		if ok {
			r.targets[i] = ""
			delete(r.sought, alias)
		}
		return ok
	}
	for i, target := range r.targets {
		if target == alias {
			r.targets[i] = ""
			return true
		}
	}
	return false
}

// target remembers what UPDATE or DELETE names.
func (r *reader) target(name string) {
	r.targets = append(r.targets, name)
	if len(r.targets) < many {
		return
	}
	if r.sought == nil {
		r.sought = map[string]int{}
		for i, target := range r.targets {
			r.sought[target] = i
		}
	}
	r.sought[name] = len(r.targets) - 1
}

func (r *reader) addTargets() {
	for _, target := range r.targets {
		if target != "" {
			r.add(target)
		}
	}
	r.targets, r.sought = r.targets[:0], nil
}

// unquoted is a name as it compares: folded, without its quotes.
func (r *reader) unquoted(t token) string {
	text := r.src[t.start:t.end]
	if t.kind == wordToken {
		return Fold(text)
	}
	if name, ok := neutral.Name(text); ok {
		return Fold(name)
	}
	quote := text[:1]
	if quote == "[" {
		quote = "]"
	}
	return Fold(strings.ReplaceAll(strings.TrimSuffix(text[1:], quote), quote+quote, quote))
}

// many is how many names are compared one by one before a map does it.
const many = 16

func (r *reader) add(name string) {
	if r.places != nil {
		if _, known := r.places[name]; !known {
			r.places[name] = len(r.names)
			r.names = append(r.names, name)
		}
		return
	}
	for _, known := range r.names {
		if known == name {
			return
		}
	}
	r.names = append(r.names, name)
	if len(r.names) == many {
		r.places = map[string]int{}
		for i, known := range r.names {
			r.places[known] = i
		}
	}
}

// takeBack takes a table back, if it was named since.
func (r *reader) takeBack(name string, since int) {
	if r.places != nil {
		if i, known := r.places[name]; known && i >= since {
			r.names[i] = ""
			delete(r.places, name)
		}
		return
	}
	for i := since; i < len(r.names); i++ {
		if r.names[i] == name {
			r.names[i] = ""
		}
	}
}

// found are the tables, without those taken back.
func (r *reader) found() []string {
	kept := r.names[:0]
	for _, name := range r.names {
		if name != "" {
			kept = append(kept, name)
		}
	}
	return kept
}
