package bindkey

import (
	"context"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// guard looks at a statement before it is sent to a database of
// the bind: only now is its SQL there, with all its subqueries. It renders what
// was left neutral, and refuses a text that names a table of another bind, unless
// the statement is trusted.
//
// Routing has weighed the model, the joins and Table. So the text is only read
// where it may name another table; see sqlscan.Need.
func (b *bind) guard(ctx context.Context, query string, args []any, ambient *bind, trusted bool) (string, error) {
	query, err := b.ofOneTenant(ctx, query)
	if err != nil {
		return "", err
	}
	seen := b.plugin.texts.Need(query, b.product.SQL)
	if seen == 0 {
		return query, nil
	}
	if !trusted && seen&(sqlscan.NeedTables|sqlscan.NeedMarks) != 0 {
		if crossing := b.crossing(query, ambient, true); crossing != nil {
			return "", crossing
		}
	}
	if seen&sqlscan.NeedMarks != 0 {
		query = neutral.Render(b.dialect, query, args)
	}
	return query, nil
}

// crossing is the error of a text that names a table of another bind, or nil. It is
// sent otherwise, or not.
func (b *bind) crossing(text string, ambient *bind, sends bool) *CrossBindError {
	p := b.plugin
	e := evidence{plugin: p, rawDialect: b.product.SQL, fallback: ambient}
	e.text(text, ReasonTable)
	crosses := false
	for _, found := range e.found {
		crosses = crosses || !found.bind.shares(b)
	}
	for _, table := range e.unsure {
		crosses = crosses || !sharesAny(p.bindsWithTable(table, ambient), b)
	}
	if !crosses {
		if b == p.defaultBind() && len(e.unknown) > 0 && sends {
			p.tables.Guess(e.unknown)
		}
		return nil
	}
	e.kind = p.crossingKindOf(text, b.product.SQL)
	return e.crossing(b)
}
