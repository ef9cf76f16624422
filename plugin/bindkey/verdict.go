package bindkey

import "github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"

// verdict is the one bind that all evidence agrees on, or nil without any. It
// tells the destination why.
func (e *evidence) verdict(d *decision) (*bind, error) {
	keyed := false
	for _, found := range e.found {
		if !found.bind.shares(e.found[0].bind) {
			return nil, e.crossing(nil)
		}
		keyed = keyed || found.keyed
	}
	if len(e.found) == 0 {
		b, err := e.unanimous()
		d.why, d.keyed = ReasonTable, b != nil
		return b, err
	}
	first := e.found[0]
	for _, table := range e.unsure {
		if !sharesAny(e.plugin.bindsWithTable(table, e.fallback), first.bind) {
			return nil, e.crossing(nil)
		}
	}
	d.why, d.keyed = first.why, keyed
	return first.bind, nil
}

// unanimous is for statements that name only tables of several binds: the one
// bind that has them all.
func (e *evidence) unanimous() (*bind, error) {
	if len(e.unsure) == 0 {
		return nil, nil
	}
	candidates := e.plugin.bindsWithTable(e.unsure[0], e.fallback)
	for _, table := range e.unsure[1:] {
		var both []*bind
		for _, b := range e.plugin.bindsWithTable(table, e.fallback) {
			if sharesAny(candidates, b) {
				both = append(both, b)
			}
		}
		candidates = both
	}
	switch len(candidates) {
	case 0:
		return nil, e.crossing(nil)
	case 1:
		return candidates[0], nil
	default:
		keys := map[string]bool{}
		for _, b := range candidates {
			keys[b.key] = true
		}
		return nil, &AmbiguousTableError{Table: e.unsure[0], Keys: sortedKeys(keys)}
	}
}

// A crossingKind is what a statement that crosses binds does, and so what to do
// instead.
type crossingKind uint8

const (
	modelRead crossingKind = iota
	givenRead
	anyWrite
)

func (k crossingKind) way() string {
	switch k {
	case modelRead:
		return "load the relation with Preload, ask each database in a statement of its own"
	case givenRead:
		return "ask each database in a statement of its own"
	default:
		return "ask for the keys in a statement of their own, such as Pluck, and write with those"
	}
}

// crossingKindOf is that of SQL.
func (p *Plugin) crossingKindOf(text string, written sqlscan.Dialect) crossingKind {
	if p.texts.Scan(text, written).Reads {
		return givenRead
	}
	return anyWrite
}

// crossing is the error of evidence that disagrees: with itself, or with the
// bind that the statement was routed to.
func (e *evidence) crossing(routed *bind) *CrossBindError {
	err := &CrossBindError{Way: e.kind.way() + ", choose one with bindkey.Use, or, if one database has all of it, let the statement through with bindkey.AllowCrossBind"}
	claim := func(key, source string) {
		for _, known := range err.Claims {
			if known.Key == key && known.Source == source {
				return
			}
		}
		err.Claims = append(err.Claims, Claim{Key: key, Source: source})
	}
	if routed != nil {
		claim(routed.key, "the statement")
	}
	for _, found := range e.found {
		if found.table != "" {
			found.source = "table " + quoted(found.table)
		}
		claim(found.bind.key, found.source)
	}
	for _, table := range e.unsure {
		for _, b := range e.plugin.bindsWithTable(table, e.fallback) {
			claim(b.key, "table "+quoted(table))
		}
	}
	return err
}

func sharesAny(binds []*bind, b *bind) bool {
	for _, one := range binds {
		if one.shares(b) {
			return true
		}
	}
	return false
}

func hasBind(binds []*bind, b *bind) bool {
	for _, one := range binds {
		if one == b {
			return true
		}
	}
	return false
}
