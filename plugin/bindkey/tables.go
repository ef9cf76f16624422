package bindkey

import (
	"context"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// logGuess logs that a name which a statement had, and which went to the default
// bind, turns out to live elsewhere.
func (m *models) logGuess(name string, b *bind) {
	if m.db == nil || b == m.defaultBind() {
		return
	}
	m.db.Logger.Error(context.Background(), "bindkey: table %q was named before it was known to live in bind %q, and that statement went to %q; give its model to bindkey.Models or to Plugin.Register, so that it is known from db.Use on", name, b.key, m.defaultBind().key)
}

// bindsWithTable finds the binds where a folded name is a known table: as it
// stands, or by its last part, since SQL may qualify a table with its schema. A
// table that is known only through a model without a key is the ambient bind's,
// or the default's.
func (m *models) bindsWithTable(name string, ambient *bind) []*bind {
	binds, _ := m.whereIs(name, ambient)
	return binds
}

// whereIs is bindsWithTable, and whether one of the binds has the table by a key.
func (m *models) whereIs(name string, ambient *bind) (binds []*bind, keyed bool) {
	fallback := ambient
	if fallback == nil {
		fallback = m.defaultBind()
	}
	if binds, keyed := m.tables.FindQualified(name, fallback.itself); len(binds) > 0 {
		return binds, keyed
	}
	if b, _ := m.adopted.bind(&m.registry, name); b != nil {
		return []*bind{b}, true
	}
	return nil, false
}

// learnParsed makes known what GORM has parsed for the handle since: models that
// a relation names. It reports whether there was something.
func (m *models) learnParsed() (learned bool) {
	m.eachSchema(func(s *schema.Schema) {
		if _, seen := m.learned.LoadOrStore(s, nil); !seen && !m.tables.Has(sqlscan.Fold(s.Table)) {
			if h := m.peekBindOfModel(s); h.err == nil && h.keyed() {
				learned = true
			}
		}
	})
	return learned
}
