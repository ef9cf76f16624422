package bindkey

import (
	"context"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// tellGuess logs that a name which a statement had, and which went to the default
// bind, turns out to live elsewhere.
func (p *Plugin) tellGuess(name string, b *bind) {
	if p.db == nil || b == p.defaultBind() {
		return
	}
	p.db.Logger.Error(context.Background(), "bindkey: table %q was named before it was known to live in bind %q, and that statement went to %q; give its model to bindkey.Models or to Plugin.Register, so that it is known from db.Use on", name, b.key, p.defaultBind().key)
}

// bindsWithTable finds the binds where a folded name is a known table: as it
// stands, or by its last part, since SQL may qualify a table with its schema. A
// table that is known only through a model without a key is the ambient bind's,
// or the default's.
func (p *Plugin) bindsWithTable(name string, ambient *bind) []*bind {
	binds, _ := p.whereIs(name, ambient)
	return binds
}

// whereIs is bindsWithTable, and whether one of the binds has the table by a key.
func (p *Plugin) whereIs(name string, ambient *bind) (binds []*bind, keyed bool) {
	fallback := ambient
	if fallback == nil {
		fallback = p.defaultBind()
	}
	if binds, keyed := p.tables.FindQualified(name, fallback.alone); len(binds) > 0 {
		return binds, keyed
	}
	if b, _ := p.adopted.bind(p, name); b != nil {
		return []*bind{b}, true
	}
	return nil, false
}

// learnParsed makes known what GORM has parsed for the handle since: models that
// a relation names. It reports whether there was something.
func (p *Plugin) learnParsed() (learned bool) {
	p.eachSchema(func(s *schema.Schema) {
		if _, seen := p.learned.LoadOrStore(s, nil); !seen && !p.tables.Has(sqlscan.Fold(s.Table)) {
			if h := p.askHome(s); h.err == nil && h.keyed() {
				learned = true
			}
		}
	})
	return learned
}
