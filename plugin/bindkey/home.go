package bindkey

import (
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
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
	ReasonDefault    Reason = "default"    // nothing says: the default bind
)

// A home is where the models of one schema live. Keys belong to schemas, not
// to table names, since two binds may each have a table of one name; and not
// to Go types alone, since GORM makes the types of join tables by reflection.
type home struct {
	bind  *bind
	why   Reason
	claim Claim // for error messages
	err   error
}

// keyed reports whether the schema itself says where it lives. One that does
// not is no evidence: a DTO must not pull a statement to the default bind.
func (h *home) keyed() bool { return h.why != ReasonDefault }

// strictly is the home of a schema where the default bind counts, too: with
// Strict it does not.
func (p *Plugin) strictly(s *schema.Schema) (*bind, error) {
	h := p.homeOf(s)
	if h.err == nil && p.strict && !h.keyed() {
		return nil, &UnboundError{Model: schemaName(s), Table: s.Table, Known: p.known()}
	}
	return h.bind, h.err
}

// homeOf finds the home of a schema, once per schema.
func (p *Plugin) homeOf(s *schema.Schema) *home {
	if found, ok := p.homes.Load(s); ok {
		return found.(*home)
	}
	h := p.findHome(s)
	if h.err != nil {
		return h // a mistake is not remembered: a bind may be registered later
	}
	h.claim = Claim{Key: h.bind.key, Source: "model " + schemaName(s)}
	if h.keyed() {
		p.tables.add(s.Table, h.bind)
	}
	found, _ := p.homes.LoadOrStore(s, h)
	return found.(*home)
}

// findHome weighs what is said of a schema: Register's data, the type's own
// key, the relation that declares it as a join table, a registered table name.
func (p *Plugin) findHome(s *schema.Schema) *home {
	if key, ok := p.data[s.ModelType]; ok {
		return p.homeAt(key, ReasonRegistered, schemaName(s))
	}
	key := p.keyOfType(s.ModelType)
	if key.err != nil {
		return &home{err: key.err}
	}
	if declared := p.joinTableHome(s, key); declared != nil {
		return declared
	}
	if key.key != "" {
		return p.homeAt(key.key, key.why, schemaName(s))
	}
	if keys := p.names[foldTable(s.Table)]; len(keys) > 1 {
		return &home{err: &AmbiguousTableError{Table: s.Table, Keys: keys}}
	} else if len(keys) == 1 {
		return p.homeAt(keys[0], ReasonRegistered, schemaName(s))
	}
	if p.adopted.knows(s.Table) {
		return p.homeAt(s.Table, ReasonRegistered, schemaName(s))
	}
	return &home{bind: p.defaultBind(), why: ReasonDefault}
}

func (p *Plugin) homeAt(key string, why Reason, model string) *home {
	b, err := p.lookup(key, model)
	return &home{bind: b, why: why, err: err}
}

// joinTableHome finds the home of a schema that some model declares as the
// join table of a many2many relation, and is nil for any other: it lives with
// the model that declares it, unless a tag on the many2many field, or the key
// of a model given to SetupJoinTable, says otherwise. GORM makes one relation
// per side, so both sides may declare the same table, and must agree.
func (p *Plugin) joinTableHome(s *schema.Schema, own modelKey) *home {
	var (
		joins  bool
		claims []Claim
		homes  []*home
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
			source := "field " + owner.Name + "." + rel.Name
			key, tagged := rel.Field.Tag.Lookup(p.tag)
			switch {
			case tagged:
				homes = append(homes, p.homeAt(key, ReasonTag, source))
			case own.key == "":
				declarer := *p.homeOf(owner)
				if declarer.why != ReasonDefault {
					declarer.why = ReasonJoinTable
				}
				homes = append(homes, &declarer)
			default:
				continue // the join model's own key says otherwise
			}
			if err := homes[len(homes)-1].err; err != nil {
				return &home{err: err}
			}
			claims = append(claims, Claim{Key: homes[len(homes)-1].bind.key, Source: source})
		}
	}
	if !joins || len(homes) == 0 {
		return nil
	}
	if own.key != "" {
		claims = append(claims, Claim{Key: own.key, Source: own.source})
	}
	for _, claim := range claims {
		if claim.Key != claims[0].Key {
			return &home{err: &ConflictError{Subject: "join table " + quoted(s.Table), Claims: claims,
				Way: "put the same " + p.tag + " tag on the many2many fields of both models"}}
		}
	}
	return homes[0]
}

// neighbours are the schemas that a join table's schema refers to: GORM gives
// it a belongs-to relation to either side (schema/relationship.go).
func neighbours(s *schema.Schema) []*schema.Schema {
	s.Relationships.Mux.RLock()
	defer s.Relationships.Mux.RUnlock()
	var found []*schema.Schema
	for _, rel := range s.Relationships.Relations {
		if rel.Schema == s && rel.Type == schema.BelongsTo && rel.FieldSchema != nil && rel.FieldSchema != s &&
			(len(found) == 0 || found[0] != rel.FieldSchema) {
			found = append(found, rel.FieldSchema)
		}
	}
	return found
}

// parse is GORM's own parser, with the handle's schema cache, where models
// given to SetupJoinTable are.
func (p *Plugin) parse(model any) (*schema.Schema, error) {
	if p.db == nil {
		return schema.Parse(model, &p.parsed, schema.NamingStrategy{})
	}
	stmt := gorm.Statement{DB: p.db}
	err := stmt.Parse(model)
	return stmt.Schema, err
}

// schemaName keeps names short: "models.User", never an import path; the types
// of generated join tables have no name of their own.
func schemaName(s *schema.Schema) string {
	if s.ModelType.Name() == "" {
		return "of join table " + quoted(s.Table)
	}
	return s.ModelType.String()
}
