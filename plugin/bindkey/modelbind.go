package bindkey

import (
	"reflect"
	"sync"
	"sync/atomic"

	"gorm.io/gorm/schema"
)

// A modelBind is where the models of one schema live. Keys belong to schemas, not
// to table names, since two binds may each have a table of one name; and not
// to Go types alone, since GORM makes the types of join tables by reflection.
type modelBind struct {
	schema *schema.Schema
	bind   *bind
	why    Reason
	claim  Claim // for error messages
	err    error
}

// A modelBinds remembers the binds of schemas. Near are those that were found last for a place
// of a small table, which is a pointer away; all are in a map beside it.
type modelBinds struct {
	near [1 << nearBits]atomic.Pointer[modelBind]
	all  sync.Map // *schema.Schema → *modelBind
}

const nearBits = 9

// load is the bind of a schema, or nil where none is remembered.
func (m *modelBinds) load(s *schema.Schema) *modelBind {
	if near := m.place(s).Load(); near != nil && near.schema == s {
		return near
	}
	if found, ok := m.all.Load(s); ok {
		return found.(*modelBind)
	}
	return nil
}

// remember remembers a bind, unless another was before, and returns that.
func (m *modelBinds) remember(h *modelBind) *modelBind {
	found, _ := m.all.LoadOrStore(h.schema, h)
	m.place(h.schema).Store(found.(*modelBind))
	return found.(*modelBind)
}

func (m *modelBinds) forget() {
	for i := range m.near {
		m.near[i].Store(nil)
	}
	m.all.Range(func(key, _ any) bool { m.all.Delete(key); return true })
}

// place scatters addresses by a multiplication, as Knuth does.
func (m *modelBinds) place(s *schema.Schema) *atomic.Pointer[modelBind] {
	const golden = 0x9E3779B97F4A7C15
	return &m.near[uint64(reflect.ValueOf(s).Pointer())*golden>>(64-nearBits)]
}

// keyed reports whether the schema itself says where it lives. One that does
// not is no evidence: a DTO must not pull a statement to the default bind.
func (h *modelBind) keyed() bool { return h.why != ReasonDefault }

// requiredBind is the bind of a schema where the default bind counts, too: with
// Strict it does not.
func (m *models) requiredBind(s *schema.Schema) (*bind, error) {
	h := m.peekBindOfModel(s)
	if h.err == nil && m.strict && !h.keyed() {
		return nil, &UnboundError{Model: schemaName(s), Table: s.Table, Known: m.known()}
	}
	return h.bind, h.err
}

// bindOfModel finds the bind of a statement's schema, once per schema.
func (m *models) bindOfModel(s *schema.Schema) *modelBind {
	h := m.peekBindOfModel(s)
	if h.err != nil || h.keyed() {
		return h
	}
	return m.modelBinds.remember(h)
}

// peekBindOfModel is bindOfModel for who only asks. That a schema has no key is then not
// remembered: SetupJoinTable may yet make it the join table of a model that
// has one.
func (m *models) peekBindOfModel(s *schema.Schema) *modelBind {
	if h := m.modelBinds.load(s); h != nil {
		return h
	}
	claim, faults := m.catalog.OfSchema(s)
	if faults != nil {
		return &modelBind{err: m.faultsError(faults)} // a mistake is not remembered: a bind may be registered later
	}
	b, err := m.lookup(claim.Key, schemaName(s))
	if err != nil {
		return &modelBind{err: err}
	}
	h := &modelBind{schema: s, bind: b, why: Reason(claim.Why), claim: modelClaim(s, b)}
	if !h.keyed() {
		return h
	}
	if b.family != nil && b.key != m.defaultKey {
		if err := m.ownsUnbound(s); err != nil {
			return &modelBind{err: err}
		}
	}
	// Before, the table's name is not yet that of the handle's NamingStrategy; and
	// the migrator may only be asked about a table of another name.
	if m.db != nil && m.catalog.ModelSchema(s) == nil {
		m.tables.Add(s.Table, b)
	}
	return m.modelBinds.remember(h)
}

// ownsUnbound is the error of a tenant's model that has one without a key, in a has one or
// has many relation. Without a word of the program's that would live in the default bind,
// where a tenant would read the rows of others by the ids of its own.
func (m *models) ownsUnbound(s *schema.Schema) error {
	for _, relations := range [][]*schema.Relationship{s.Relationships.HasOne, s.Relationships.HasMany} {
		for _, rel := range relations {
			if claim, faults := m.catalog.OfSchema(rel.FieldSchema); faults == nil && Reason(claim.Why) == ReasonDefault {
				return &UnboundError{Model: schemaName(rel.FieldSchema), Table: rel.FieldSchema.Table, Known: m.known(), Owner: schemaName(s)}
			}
		}
	}
	return nil
}
