package bindkey

import (
	"context"
	"strings"

	"gorm.io/gorm"
)

// outgoing takes the last look at a statement before it is sent to a database of
// the bind: only now is its SQL there, with all its subqueries. It renders what
// was left neutral, and refuses a text that names a table of another bind.
//
// Routing has weighed the model, the joins and Table. So the text is only read
// where a SELECT stands inside it.
func (b *bind) outgoing(ctx context.Context, query string, args []any) (string, error) {
	marked := isNeutral(query)
	if !marked && !nested(query) {
		return query, nil
	}
	if ctx.Value(trustedKey{}) == nil {
		if crossing := b.crossing(query); crossing != nil {
			return "", crossing
		}
	}
	if marked {
		query = renderNeutral(b.dialect, query, args)
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

// nested reports whether a SELECT stands inside a text, and not only at its
// beginning.
func nested(text string) bool {
	const word = len("select")
	for i := 1; i+word <= len(text); i++ {
		if text[i]|' ' == 's' && text[i+1]|' ' == 'e' && strings.EqualFold(text[i:i+word], "select") {
			return true
		}
	}
	return false
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

// boundTo is the bind that routing found for a statement, or nil.
func (p *Plugin) boundTo(db *gorm.DB) *bind {
	switch pool := unwrap(db.Statement.ConnPool).(type) {
	case *boundPool:
		return pool.bind
	case *branch:
		return pool.pool.bind
	case *preparedBranch:
		return pool.pool.bind
	case routedPool:
		return nil
	}
	if kept, ok := db.Statement.Settings.Load(boundSetting); ok && kept.(bound).stmt == db.Statement {
		return kept.(bound).bind
	}
	return nil
}
