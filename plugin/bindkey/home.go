package bindkey

import (
	"reflect"
	"sync"
	"sync/atomic"

	"gorm.io/gorm/schema"
)

// A Binder is a model that says where it lives, as Flask-SQLAlchemy's
// __bind_key__ does. Bind is asked once per type, on a zero value, so it must
// not depend on the receiver's fields; receivers by value and by pointer both
// do. It must not return the empty string.
type Binder interface {
	Bind() string
}

// A Reason says why a statement or a model goes where it goes.
type Reason string

// The reasons, in the order in which a statement weighs them.
const (
	ReasonUse        Reason = "use"        // a Use clause, bindkey's or dbresolver's
	ReasonRawSQL     Reason = "raw SQL"    // a known table in SQL that was given
	ReasonTable      Reason = "table"      // a known table in Table(…)
	ReasonRegistered Reason = "registered" // data given to Register, or to a dbresolver of the application
	ReasonMethod     Reason = "method"     // the model's Bind method
	ReasonTag        Reason = "tag"        // a bind tag on one of the model's own fields
	ReasonEmbedded   Reason = "embedded"   // the key of a struct that the model embeds
	ReasonJoinTable  Reason = "join table" // the model that declares the many2many relation
	// SQL that names no table: the bind of the statement that it runs inside, or the
	// one branch that has begun in its transaction.
	ReasonTransaction Reason = "transaction"
	ReasonDefault     Reason = "default" // nothing says: the default bind
)

// A home is where the models of one schema live. Keys belong to schemas, not
// to table names, since two binds may each have a table of one name; and not
// to Go types alone, since GORM makes the types of join tables by reflection.
type home struct {
	schema *schema.Schema
	bind   *bind
	why    Reason
	claim  Claim // for error messages
	err    error
}

// A homeMemory remembers homes. Near are those that were found last for a place
// of a small table, which is a pointer away; all are in a map beside it.
type homeMemory struct {
	near [1 << nearBits]atomic.Pointer[home]
	all  sync.Map // *schema.Schema → *home
}

const nearBits = 9

// load is the home of a schema, or nil where none is remembered.
func (m *homeMemory) load(s *schema.Schema) *home {
	if near := m.place(s).Load(); near != nil && near.schema == s {
		return near
	}
	if found, ok := m.all.Load(s); ok {
		return found.(*home)
	}
	return nil
}

// remember remembers a home, unless another was before, and returns that.
func (m *homeMemory) remember(h *home) *home {
	found, _ := m.all.LoadOrStore(h.schema, h)
	m.place(h.schema).Store(found.(*home))
	return found.(*home)
}

func (m *homeMemory) forget() {
	for i := range m.near {
		m.near[i].Store(nil)
	}
	m.all.Range(func(key, _ any) bool { m.all.Delete(key); return true })
}

// place scatters addresses by a multiplication, as Knuth does.
func (m *homeMemory) place(s *schema.Schema) *atomic.Pointer[home] {
	const golden = 0x9E3779B97F4A7C15
	return &m.near[uint64(reflect.ValueOf(s).Pointer())*golden>>(64-nearBits)]
}

// keyed reports whether the schema itself says where it lives. One that does
// not is no evidence: a DTO must not pull a statement to the default bind.
func (h *home) keyed() bool { return h.why != ReasonDefault }

// strictly is the home of a schema where the default bind counts, too: with
// Strict it does not.
func (m *models) strictly(s *schema.Schema) (*bind, error) {
	h := m.askHome(s)
	if h.err == nil && m.strict && !h.keyed() {
		return nil, &UnboundError{Model: schemaName(s), Table: s.Table, Known: m.known()}
	}
	return h.bind, h.err
}

// homeOf finds the home of a statement's schema, once per schema.
func (m *models) homeOf(s *schema.Schema) *home {
	h := m.askHome(s)
	if h.err != nil || h.keyed() {
		return h
	}
	return m.homes.remember(h)
}

// askHome is homeOf for who only asks. That a schema has no key is then not
// remembered: SetupJoinTable may yet make it the join table of a model that
// has one.
func (m *models) askHome(s *schema.Schema) *home {
	if h := m.homes.load(s); h != nil {
		return h
	}
	claim, faults := m.catalog.OfSchema(s)
	if faults != nil {
		return &home{err: m.faultsError(faults)} // a mistake is not remembered: a bind may be registered later
	}
	b, err := m.lookup(claim.Key, schemaName(s))
	if err != nil {
		return &home{err: err}
	}
	h := &home{schema: s, bind: b, why: Reason(claim.Why), claim: Claim{Key: b.key, Source: "model " + schemaName(s)}}
	if !h.keyed() {
		return h
	}
	// Before, the table's name is not yet that of the handle's NamingStrategy; and
	// the migrator may only be asked about a table of another name.
	if m.db != nil && m.catalog.ModelSchema(s) == nil {
		m.tables.Add(s.Table, b)
	}
	return m.homes.remember(h)
}
