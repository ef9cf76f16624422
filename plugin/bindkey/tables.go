package bindkey

import (
	"strings"
	"sync"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// knownTables remembers in which binds a table name is known: from Register's
// data, Models, Check, and every keyed model that a statement has named so
// far. A name without a model can only be routed through here. It grows with
// schemas, not with statements.
type knownTables struct {
	writing sync.Mutex
	binds   sync.Map // folded name → []*bind, replaced whole
}

// add makes a table known in a bind. A schema-qualified name is known with and
// without its schema, since SQL names it either way.
func (t *knownTables) add(table string, b *bind) {
	t.writing.Lock()
	defer t.writing.Unlock()
	name := sqlscan.Fold(table)
	t.addName(name, b)
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		t.addName(name[dot+1:], b)
	}
}

func (t *knownTables) addName(name string, b *bind) {
	binds := t.find(name)
	for _, known := range binds {
		if known == b {
			return
		}
	}
	t.binds.Store(name, append(binds[:len(binds):len(binds)], b))
}

// find tells the binds that have a table of this folded name.
func (t *knownTables) find(name string) []*bind {
	binds, ok := t.binds.Load(name)
	if !ok {
		return nil
	}
	return binds.([]*bind)
}
