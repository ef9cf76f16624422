package catalog

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// Tables remembers in which binds a table's name is known: from Register's data,
// Models, Check, and every model that a statement has named so far. A name without
// a model can only be routed through here. It grows with schemas, not with
// statements. B is what who asks has for a bind.
type Tables[B comparable] struct {
	// Found is told of a name that was guessed before, and is now known in a bind.
	Found func(name string, b B)

	writing sync.Mutex
	binds   sync.Map // folded name → *knownTable[B], replaced whole

	guesses  sync.Map // folded names that went to the default bind while nobody knew them
	nGuesses atomic.Int32
}

type knownTable[B comparable] struct {
	binds []B // that have it by a key
	// unkeyed: a model without a key has it, so it is where what has no key goes.
	unkeyed bool
}

// manyGuesses is how many guessed names are remembered: SQL can name anything.
const manyGuesses = 1024

// Add makes a table known in a bind. A schema-qualified name is known with and
// without its schema, since SQL names it either way.
func (t *Tables[B]) Add(table string, b B) {
	t.learn(table, func(name string, known *knownTable[B]) {
		if !among(known.binds, b) {
			known.binds = append(known.binds[:len(known.binds):len(known.binds)], b)
			t.tellGuess(name, b)
		}
	})
}

// AddUnkeyed makes a table known through a model without a key.
func (t *Tables[B]) AddUnkeyed(table string) {
	t.learn(table, func(_ string, known *knownTable[B]) { known.unkeyed = true })
}

func (t *Tables[B]) learn(table string, change func(name string, known *knownTable[B])) {
	t.writing.Lock()
	defer t.writing.Unlock()
	names := []string{sqlscan.Fold(table)}
	if dot := strings.LastIndexByte(names[0], '.'); dot >= 0 {
		names = append(names, names[0][dot+1:])
	}
	for _, name := range names {
		known, _ := t.load(name)
		change(name, &known)
		t.binds.Store(name, &known)
	}
}

func (t *Tables[B]) load(name string) (knownTable[B], bool) {
	if known, ok := t.binds.Load(name); ok {
		return *known.(*knownTable[B]), true
	}
	return knownTable[B]{}, false
}

// Has reports whether a folded name is known.
func (t *Tables[B]) Has(name string) bool {
	_, ok := t.binds.Load(name)
	return ok
}

// Find tells the binds that have a table of this folded name, and whether one of
// them has it by a key. fallback is where what has no key goes, alone in a list.
func (t *Tables[B]) Find(name string, fallback []B) (binds []B, keyed bool) {
	known, ok := t.load(name)
	switch {
	case !ok:
		return nil, false
	case !known.unkeyed:
		return known.binds, true
	case len(known.binds) == 0:
		return fallback, false
	case among(known.binds, fallback[0]):
		return known.binds, true
	default:
		return append(known.binds[:len(known.binds):len(known.binds)], fallback...), true
	}
}

// FindQualified is Find for a name as it stands or, since SQL may qualify a table
// with its schema, by its last part.
func (t *Tables[B]) FindQualified(name string, fallback []B) (binds []B, keyed bool) {
	binds, keyed = t.Find(name, fallback)
	if dot := strings.LastIndexByte(name, '.'); len(binds) == 0 && dot >= 0 {
		binds, keyed = t.Find(name[dot+1:], fallback)
	}
	return binds, keyed
}

// Forget is for an installation that failed.
func (t *Tables[B]) Forget() {
	t.binds.Range(func(name, _ any) bool { t.binds.Delete(name); return true })
	t.guesses.Range(func(name, _ any) bool { t.guesses.Delete(name); return true })
	t.nGuesses.Store(0)
}

// Guess remembers folded names that a statement had, which went to the default bind.
func (t *Tables[B]) Guess(names []string) {
	for _, name := range names {
		if t.nGuesses.Load() >= manyGuesses {
			return
		}
		if _, known := t.guesses.LoadOrStore(name, struct{}{}); !known {
			t.nGuesses.Add(1)
		}
	}
}

// tellGuess tells, once for each name, that one which went to the default bind
// turns out to be known elsewhere.
func (t *Tables[B]) tellGuess(name string, b B) {
	if t.Found == nil {
		return
	}
	if _, guessed := t.guesses.LoadAndDelete(name); guessed {
		t.nGuesses.Add(-1)
		t.Found(name, b)
	}
}

func among[B comparable](binds []B, b B) bool {
	for _, one := range binds {
		if one == b {
			return true
		}
	}
	return false
}
