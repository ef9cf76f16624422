package bindkey

import (
	"context"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"gorm.io/gorm"
)

// outgoing takes the last look at a statement before it is sent to a database of
// the bind: only now is its SQL there, with all its subqueries. It renders what
// was left neutral, and refuses a text that names a table of another bind.
//
// Routing has weighed the model, the joins and Table. So the text is only read
// where it may name another table; see sqlscan.Need.
func (b *bind) outgoing(ctx context.Context, query string, args []any) (string, error) {
	seen := b.plugin.memory.Need(query, b.written) &^ sqlscan.NeedControl
	if seen == 0 {
		return query, nil
	}
	if seen&sqlscan.NeedMarks != 0 {
		b.plugin.marked.Store(true)
	}
	if ctx.Value(trustedKey{}) == nil {
		if crossing := b.crossing(query); crossing != nil {
			return "", crossing
		}
	}
	if seen&sqlscan.NeedMarks != 0 {
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
