package bindkey

import "strings"

// outgoing takes the last look at a statement before it is sent to a database of
// the bind: only now is its SQL there, with all its subqueries. It renders what
// was left neutral, and refuses a text that names a table of another bind, unless
// the statement is trusted.
//
// Routing has weighed the model, the joins and Table. So the text is only read
// where it may name another table; see nested.
func (b *bind) outgoing(query string, args []any, ambient *bind, trusted bool) (string, error) {
	seen := b.plugin.glance(query, b.written)
	if seen == 0 {
		return query, nil
	}
	if !trusted {
		if crossing := b.crossing(query, ambient); crossing != nil {
			return "", crossing
		}
	}
	if seen&glanceMarks != 0 {
		query = renderNeutral(b.dialect, query, args)
	}
	return query, nil
}

// crossing is the error of a text that names a table of another bind, or nil.
func (b *bind) crossing(text string, ambient *bind) *CrossBindError {
	p := b.plugin
	e := evidence{plugin: p, written: b.written, fallback: ambient}
	e.text(text, ReasonTable)
	for _, found := range e.found {
		if !found.bind.shares(b) {
			return e.crossing(b)
		}
	}
	for _, table := range e.unsure {
		if !sharesAny(p.bindsWithTable(table, ambient), b) {
			return e.crossing(b)
		}
	}
	return nil
}

// A glance is what a text has that makes the last look read or render it.
type glance uint8

const (
	glanceNested glance = 1 << iota // it may name a table that routing has not seen
	glanceMarks                     // it is neutral
)

func glanceAt(text string) (seen glance) {
	if nested(text) {
		seen |= glanceNested
	}
	if isNeutral(text) {
		seen |= glanceMarks
	}
	return seen
}

// nested reports whether a text may name a table that routing has not seen: it
// has a SELECT inside, a JOIN, a second FROM, IN without parentheses, or a second
// statement.
func nested(text string) bool {
	froms := 0
	for i := 1; i+1 < len(text); i++ {
		if !leads[text[i]] {
			continue
		}
		switch text[i] | ' ' {
		case 's':
			if is(text, i, "select") {
				return true
			}
		case 'j':
			if is(text, i, "join") {
				return true
			}
		case 'f':
			if is(text, i, "from") {
				if froms++; froms > 1 {
					return true
				}
			}
		case 'i':
			if is(text, i, "in") && text[i-1] == ' ' && bytesOf[text[i+2]] == blankByte && !strings.HasPrefix(strings.TrimLeft(text[i+2:], " \t\r\n"), "(") {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// leads are the bytes that nested looks at: a semicolon, and the first letters of
// its words.
var leads = func() (leads [256]bool) {
	for _, lead := range []byte(";sSjJfFiI") {
		leads[lead] = true
	}
	return leads
}()

// is reports whether a word stands in a text, in any case. Another letter before
// or behind it only means that the text is read for nothing.
func is(text string, at int, word string) bool {
	return at+len(word) < len(text) && strings.EqualFold(text[at:at+len(word)], word)
}
