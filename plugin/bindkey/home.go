package bindkey

import (
	"reflect"
	"regexp"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

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
	// SQL that names no table, in a transaction: the one branch that has begun.
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
func (p *Plugin) strictly(s *schema.Schema) (*bind, error) {
	h := p.askHome(s)
	if h.err == nil && p.strict && !h.keyed() {
		return nil, &UnboundError{Model: schemaName(s), Table: s.Table, Known: p.known()}
	}
	return h.bind, h.err
}

// homeOf finds the home of a statement's schema, once per schema.
func (p *Plugin) homeOf(s *schema.Schema) *home {
	h := p.askHome(s)
	if h.err != nil || h.keyed() {
		return h
	}
	return p.homes.remember(h)
}

// askHome is homeOf for who only asks. That a schema has no key is then not
// remembered: SetupJoinTable may yet make it the join table of a model that
// has one.
func (p *Plugin) askHome(s *schema.Schema) *home {
	if h := p.homes.load(s); h != nil {
		return h
	}
	h := p.findHome(s)
	if h.err != nil {
		return h // a mistake is not remembered: a bind may be registered later
	}
	h.schema, h.claim = s, Claim{Key: h.bind.key, Source: "model " + schemaName(s)}
	if !h.keyed() {
		return h
	}
	// Before, the table's name is not yet that of the handle's NamingStrategy; and
	// the migrator may only be asked about a table of another name.
	if p.db != nil && p.plainSchema(s) == nil {
		p.tables.add(s.Table, h.bind)
	}
	return p.homes.remember(h)
}

// findHome weighs what is said of a schema: Register's data, the type's own
// key, the relation that declares it as a join table, a registered table name.
// A registered name is the last of these, since two binds may each have a
// table of that name.
func (p *Plugin) findHome(s *schema.Schema) *home {
	if key, ok := p.data[s.ModelType]; ok {
		return p.homeAt(key, ReasonRegistered, schemaName(s))
	}
	own := p.ownKey(s)
	if own.err != nil {
		return &home{err: own.err}
	}
	if plain := p.plainSchema(s); plain != nil {
		home := *p.askHome(plain)
		return &home
	}
	if declared := p.joinTableHome(s); declared != nil {
		return declared
	}
	if own.key != "" {
		return p.homeAt(own.key, own.why, schemaName(s))
	}
	if keys := p.registeredNames(s); len(keys) > 1 {
		return &home{err: &AmbiguousTableError{Table: s.Table, Keys: keys}}
	} else if len(keys) == 1 {
		return p.homeAt(keys[0], ReasonRegistered, schemaName(s))
	}
	return &home{bind: p.defaultBind(), why: ReasonDefault}
}

// plainSchema is the model's own schema where s is one that Table(…) made for
// the migrator, with a table of another name; nil otherwise.
func (p *Plugin) plainSchema(s *schema.Schema) *schema.Schema {
	if s.ModelType.Name() == "" {
		return nil // the type of a join table
	}
	plain, err := p.parse(reflect.New(s.ModelType).Interface())
	if err != nil || plain == s || plain.Table == s.Table {
		return nil
	}
	return plain
}

// registeredNames are the keys under which the name of a schema's table was
// registered, sorted.
func (p *Plugin) registeredNames(s *schema.Schema) []string {
	keys := map[string]bool{}
	for _, key := range p.names[sqlscan.Fold(s.Table)] {
		keys[key] = true
	}
	if len(keys) == 0 && p.adopted.knows(s.Table) {
		keys[s.Table] = true
	}
	return sortedKeys(keys)
}

func (p *Plugin) homeAt(key string, why Reason, model string) *home {
	b, err := p.lookup(key, model)
	return &home{bind: b, why: why, err: err}
}

// joinTableHome finds the home of a schema that some model declares as the
// join table of a many2many relation, and is nil for any other. GORM makes one
// relation per side, so both sides may declare the same table, with a join
// model or without, and must agree.
func (p *Plugin) joinTableHome(s *schema.Schema) *home {
	var (
		joins  bool
		claims []Claim
		best   *home
	)
	for _, owner := range neighbours(s) {
		// Another goroutine may still be parsing the neighbour's relations;
		// GORM's parser waits for it.
		if _, err := p.parse(reflect.New(owner.ModelType).Interface()); err != nil {
			continue
		}
		for _, rel := range owner.Relationships.Many2Many {
			if rel.JoinTable == nil || rel.JoinTable.Table != s.Table {
				continue
			}
			joins = joins || rel.JoinTable == s
			for _, declared := range p.declaredHomes(owner, rel) {
				if declared.err != nil {
					return declared
				}
				claims = append(claims, declared.claim)
				if best == nil || declared.why == ReasonTag && best.why != ReasonTag || declared.keyed() && !best.keyed() {
					best = declared
				}
			}
		}
	}
	if !joins {
		return nil
	}
	for _, claim := range claims {
		if claim.Key != claims[0].Key {
			return &home{err: &ConflictError{Subject: "join table " + quoted(s.Table), Claims: claims,
				Way: "put the same " + p.tag + " tag on the many2many fields of both models"}}
		}
	}
	return best
}

// declaredHomes are where a many2many relation puts its join table: with the
// relation's owner, unless a tag on the field, the key of a model given to
// SetupJoinTable, or a table name given to Register says otherwise. The first
// two must agree.
func (p *Plugin) declaredHomes(owner *schema.Schema, rel *schema.Relationship) (homes []*home) {
	field := "field " + owner.Name + "." + rel.Name
	add := func(h *home, source string) {
		if h.err == nil {
			h.claim = Claim{Key: h.bind.key, Source: source}
		}
		homes = append(homes, h)
	}
	if key, ok := p.data[rel.JoinTable.ModelType]; ok {
		model := schemaName(rel.JoinTable)
		add(p.homeAt(key, ReasonRegistered, model), "model "+model)
		return homes
	}
	if key, tagged := rel.Field.Tag.Lookup(p.tag); tagged && key != "" {
		add(p.homeAt(key, ReasonTag, "of "+field), field)
	} else if tagged {
		add(&home{err: &InvalidKeyError{Subject: "join table of " + field,
			Reason: "the " + p.tag + " tag is empty; name a registered bind"}}, field)
	}
	if own := p.ownKey(rel.JoinTable); own.err != nil {
		add(&home{err: own.err}, field)
	} else if own.key != "" {
		model := schemaName(rel.JoinTable)
		add(p.homeAt(own.key, own.why, model), "model "+model+" ("+own.source+")")
	}
	if len(homes) > 0 {
		return homes
	}
	if keys := p.registeredNames(rel.JoinTable); len(keys) == 1 {
		add(p.homeAt(keys[0], ReasonRegistered, schemaName(rel.JoinTable)), "table "+quoted(rel.JoinTable.Table))
		return homes
	}
	declarer := *p.askHome(owner)
	if declarer.err == nil && declarer.keyed() {
		declarer.why = ReasonJoinTable
	}
	add(&declarer, field)
	return homes
}

// ownKey is the key that a schema's type has.
func (p *Plugin) ownKey(s *schema.Schema) modelKey {
	if generated(s) {
		return modelKey{}
	}
	return p.keyOfType(s.ModelType)
}

// generated reports whether GORM made a join table's type by reflection: one
// without a name, to whose schema GORM gave one (schema/relationship.go). The
// fields of such a type are copies of those of either side, tags included, so
// their bind tags say nothing of the join table.
func generated(s *schema.Schema) bool { return s.ModelType.Name() == "" && s.Name != "" }

// neighbours are the schemas that a join table's schema refers to: GORM gives
// it a belongs-to relation to either side (schema/relationship.go).
func neighbours(s *schema.Schema) []*schema.Schema {
	var found []*schema.Schema
	seen := map[*schema.Schema]bool{s: true}
	for _, rel := range relationsOf(s) {
		if rel.Schema == s && rel.Type == schema.BelongsTo && rel.FieldSchema != nil && !seen[rel.FieldSchema] {
			seen[rel.FieldSchema] = true
			found = append(found, rel.FieldSchema)
		}
	}
	return found
}

// parse is GORM's own parser, with the handle's schema cache, where models
// given to SetupJoinTable are.
func (p *Plugin) parse(model any) (*schema.Schema, error) {
	if modelType(model) == nil {
		return nil, schema.ErrUnsupportedDataType // GORM's parser would print the value, or panic
	}
	if p.db == nil {
		parsed, err := schema.Parse(model, &p.parsed, schema.NamingStrategy{})
		return parsed, shortened(err)
	}
	stmt := gorm.Statement{DB: p.db}
	err := stmt.Parse(model)
	return stmt.Schema, shortened(err)
}

// A parseError is an error of GORM's parser, without the import paths and
// pointers in its text.
type parseError struct{ error }

func (e parseError) Error() string {
	return withoutImportPaths(address.ReplaceAllString(e.error.Error(), ""))
}

var address = regexp.MustCompile(`:? *0x[0-9a-f]+`)

func (e parseError) Unwrap() error { return e.error }

func shortened(err error) error {
	if err == nil {
		return nil
	}
	return parseError{err}
}

// schemaName keeps names short: "models.User", never an import path; the types
// of generated join tables have no name of their own.
func schemaName(s *schema.Schema) string {
	if generated(s) {
		return "of join table " + quoted(s.Table)
	}
	return typeName(s.ModelType)
}
