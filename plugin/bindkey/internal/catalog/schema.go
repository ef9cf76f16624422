package catalog

import (
	"reflect"
	"sort"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// OfSchema is the key of the bind where the models of a schema live. Keys belong
// to schemas, not to Go types alone, since GORM makes the types of join tables by
// reflection. It weighs, in this order: a registered type, the type's own key, the
// relation that declares the schema as its join table, a registered name of its
// table. The name comes last, since two binds may each have a table of one name.
func (c *Catalog) OfSchema(s *schema.Schema) (Claim, []Fault) {
	if key, ok := c.source.Types[s.ModelType]; ok {
		return c.resolve(Claim{Key: key, Why: ByRegister, Source: "Register"}, SchemaName(s))
	}
	ofType, faults := c.readModel(s)
	if faults != nil {
		return Claim{}, faults
	}
	if model := c.ModelSchema(s); model != nil {
		return c.OfSchema(model)
	}
	if claim, faults, joins := c.ofJoinTable(s); joins {
		return claim, faults
	}
	if ofType.Key != "" {
		return c.resolve(ofType, SchemaName(s))
	}
	switch keys := c.keysOfTable(s.Table); len(keys) {
	case 0:
		return Claim{Key: c.source.Default, Why: ByDefault}, nil
	case 1:
		return c.resolve(ofTable(s.Table, keys[0]), SchemaName(s))
	default:
		return Claim{}, []Fault{Ambiguous{Table: s.Table, Keys: keys}}
	}
}

// ModelSchema is the model's own schema where s is one that Table(…) made for the
// migrator, with a table of another name; nil otherwise.
func (c *Catalog) ModelSchema(s *schema.Schema) *schema.Schema {
	if s.ModelType.Name() == "" {
		return nil // the type of a join table
	}
	model, err := c.source.Parse(reflect.New(s.ModelType).Interface())
	if err != nil || model == s || model.Table == s.Table {
		return nil
	}
	return model
}

// readModel is the key that a schema's type has by itself. The fields of a
// generated type are copies of those of either side, tags included, so their bind
// tags say nothing of the join table.
func (c *Catalog) readModel(s *schema.Schema) (Claim, []Fault) {
	if generated(s) {
		return Claim{}, nil
	}
	return c.read(s.ModelType)
}

// generated reports whether GORM made a join table's type by reflection: one
// without a name, to whose schema GORM gave one (schema/relationship.go).
func generated(s *schema.Schema) bool { return s.ModelType.Name() == "" && s.Name != "" }

// keysOfTable are the keys under which the name of a table was registered, sorted.
func (c *Catalog) keysOfTable(table string) (keys []string) {
	seen := map[string]bool{}
	for _, key := range c.source.Names[sqlscan.Fold(table)] {
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 && c.source.HasName(table) {
		return []string{table}
	}
	sort.Strings(keys)
	return keys
}

func ofTable(table, key string) Claim {
	return Claim{Key: key, Why: ByRegister, Source: "table " + quoted(table)}
}

// Relations are a schema's relations, those that GORM adds for the other side
// included, in a fixed order.
func Relations(s *schema.Schema) []*schema.Relationship {
	s.Relationships.Mux.RLock()
	defer s.Relationships.Mux.RUnlock()
	names := make([]string, 0, len(s.Relationships.Relations))
	for name := range s.Relationships.Relations {
		names = append(names, name)
	}
	sort.Strings(names)
	relations := make([]*schema.Relationship, len(names))
	for i, name := range names {
		relations[i] = s.Relationships.Relations[name]
	}
	return relations
}
