package bindkey

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// knownTables remembers in which binds a table name is known: from Register's
// data, Models, Check, and every model that a statement has named so far. A name
// without a model can only be routed through here. It grows with schemas, not
// with statements.
type knownTables struct {
	writing sync.Mutex
	binds   sync.Map // folded name → *knownTable, replaced whole

	guesses  sync.Map // folded names that went to the default bind while nobody knew them
	nGuesses atomic.Int32
}

type knownTable struct {
	binds []*bind // that have it by a key
	// unkeyed: a model without a key has it, so it is where what has no key goes.
	unkeyed bool
}

// manyGuesses is how many guessed names are remembered: SQL can name anything.
const manyGuesses = 1024

// add makes a table known in a bind. A schema-qualified name is known with and
// without its schema, since SQL names it either way.
func (t *knownTables) add(table string, b *bind) { t.learn(table, b) }

// addUnkeyed makes a table known through a model without a key.
func (t *knownTables) addUnkeyed(table string) { t.learn(table, nil) }

func (t *knownTables) learn(table string, b *bind) {
	t.writing.Lock()
	defer t.writing.Unlock()
	name := sqlscan.Fold(table)
	t.learnName(name, b)
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		t.learnName(name[dot+1:], b)
	}
}

func (t *knownTables) learnName(name string, b *bind) {
	known, _ := t.load(name)
	if b == nil {
		known.unkeyed = true
		t.binds.Store(name, &known)
		return
	}
	for _, one := range known.binds {
		if one == b {
			return
		}
	}
	known.binds = append(known.binds[:len(known.binds):len(known.binds)], b)
	t.binds.Store(name, &known)
	t.tellGuess(name, b)
}

func (t *knownTables) load(name string) (knownTable, bool) {
	if known, ok := t.binds.Load(name); ok {
		return *known.(*knownTable), true
	}
	return knownTable{}, false
}

func (t *knownTables) has(name string) bool {
	_, ok := t.binds.Load(name)
	return ok
}

// find tells the binds that have a table of this folded name, and whether one of
// them has it by a key. fallback is where what has no key goes.
func (t *knownTables) find(name string, fallback *bind) (binds []*bind, keyed bool) {
	known, ok := t.load(name)
	if !ok {
		return nil, false
	}
	if !known.unkeyed {
		return known.binds, true
	}
	if len(known.binds) == 0 {
		return fallback.alone, false
	}
	if hasBind(known.binds, fallback) {
		return known.binds, true
	}
	return append(known.binds[:len(known.binds):len(known.binds)], fallback), true
}

// forget is for an installation that failed.
func (t *knownTables) forget() {
	t.binds.Range(func(name, _ any) bool { t.binds.Delete(name); return true })
	t.guesses.Range(func(name, _ any) bool { t.guesses.Delete(name); return true })
	t.nGuesses.Store(0)
}

// guess remembers names that a statement had, which went to the default bind.
func (t *knownTables) guess(names []string) {
	for _, name := range names {
		if t.nGuesses.Load() >= manyGuesses {
			return
		}
		if _, known := t.guesses.LoadOrStore(name, struct{}{}); !known {
			t.nGuesses.Add(1)
		}
	}
}

// tellGuess logs, once for each name, that one which went to the default bind
// turns out to live elsewhere.
func (t *knownTables) tellGuess(name string, b *bind) {
	p := b.plugin
	if p.db == nil || b == p.defaultBind() {
		return
	}
	if _, guessed := t.guesses.LoadAndDelete(name); guessed {
		t.nGuesses.Add(-1)
		p.db.Logger.Error(context.Background(), "bindkey: table %q was named before it was known to live in bind %q, and that statement went to %q; give its model to bindkey.Models or to Plugin.Register, so that it is known from db.Use on", name, b.key, p.defaultBind().key)
	}
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
	if binds, keyed := p.tables.find(name, fallback); len(binds) > 0 {
		return binds, keyed
	}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		if binds, keyed := p.tables.find(name[dot+1:], fallback); len(binds) > 0 {
			return binds, keyed
		}
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
		if _, seen := p.learned.LoadOrStore(s, nil); !seen && !p.tables.has(sqlscan.Fold(s.Table)) {
			if h := p.askHome(s); h.err == nil && h.keyed() {
				learned = true
			}
		}
	})
	return learned
}
