package bindkey

import (
	"context"
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"gorm.io/gorm"
)

// outgoing takes the last look at a statement before it is sent to a database of
// the bind: only now is its SQL there, with all its subqueries. It renders what
// was left neutral, and refuses a text that names a table of another bind.
//
// Routing has weighed the model, the joins and Table. So the text is only read
// where it may name another table; see nested.
func (b *bind) outgoing(ctx context.Context, query string, args []any) (string, error) {
	seen := b.plugin.glance(query, b.written)
	if seen == 0 {
		return query, nil
	}
	if seen&glanceMarks != 0 {
		b.plugin.marked.Store(true)
	}
	if ctx.Value(trustedKey{}) == nil {
		if crossing := b.crossing(query); crossing != nil {
			return "", crossing
		}
	}
	if seen&glanceMarks != 0 {
		query = neutral.Render(b.dialect, query, args)
	}
	return query, nil
}

// crossing is the error of a text that names a table of another bind, or nil.
func (b *bind) crossing(text string) *CrossBindError {
	p := b.plugin
	e := evidence{plugin: p, written: b.written}
	e.text(text, ReasonTable)
	for _, found := range e.found {
		if !found.bind.shares(b) {
			return e.crossing(b)
		}
	}
	for _, table := range e.unsure {
		if !sharesAny(p.bindsWithTable(table), b) {
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
	if neutral.Is(text) {
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

// trustedKey marks the context of statements that go where they go whatever
// tables they name: with Use or AllowCrossBind, or of the migrator.
type trustedKey struct{}

func trusted(ctx context.Context) context.Context {
	return context.WithValue(ctx, trustedKey{}, true)
}

// What routing leaves in a statement's Settings for the callback that sends it.
// GORM copies Settings to statements that it derives, so each holds its own
// statement.
const (
	trustedSetting = "bindkey:trusted" // *gorm.Statement
	refusedSetting = "bindkey:refused" // refused
	boundSetting   = "bindkey:bound"   // bound
)

type refused struct {
	stmt *gorm.Statement
	err  *CrossBindError
}

type bound struct {
	stmt *gorm.Statement
	bind *bind
}

// boundTo is the bind that routing found for a statement, or nil, and whether it
// is on a connection of the application's own.
func (p *Plugin) boundTo(db *gorm.DB) (b *bind, own bool) {
	switch pool := unwrap(db.Statement.ConnPool).(type) {
	case *boundPool:
		return pool.bind, false
	case *branch:
		return pool.pool.bind, false
	case *preparedBranch:
		return pool.pool.bind, false
	case routedPool:
		return nil, false
	}
	if kept, ok := db.Statement.Settings.Load(boundSetting); ok && kept.(bound).stmt == db.Statement {
		return kept.(bound).bind, true
	}
	return nil, false
}
