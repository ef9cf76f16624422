package bindkey

import (
	"reflect"
	"sort"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// A relation across binds can't be a foreign key, and its other model must not
// be created next to the first. GORM leaves a relation out of migrations whose
// field has IgnoreMigration (migrator/migrator.go), so sever sets it on those
// that cross, for all models that GORM's migrator can reach from the values.
func (m migrator) sever(values []any) error {
	s := severing{migrator: m, seen: map[*schema.Schema]bool{}}
	return s.values(values)
}

// withRelated is the values and, after each, those related models across
// binds that GORM would have added to it in one database: the models that it
// refers to, and join tables with what they refer to.
func (m migrator) withRelated(values []any) ([]any, error) {
	s := severing{migrator: m, seen: map[*schema.Schema]bool{}}
	if err := s.values(values); err != nil {
		return nil, err
	}
	if m.db.IgnoreRelationshipsWhenMigrating || m.db.Statement.Table != "" { // Table(…) names the table of one model
		return values, nil
	}
	return append(values[:len(values):len(values)], s.related...), nil
}

// A severing walks the relations of schemas. It changes schemas, which all
// sessions share: so under a lock, and only what the migrators alone read.
type severing struct {
	migrator migrator
	seen     map[*schema.Schema]bool
	related  []any
}

func (s *severing) values(values []any) error {
	s.migrator.plugin.severing.Lock()
	defer s.migrator.plugin.severing.Unlock()
	for _, value := range values {
		if _, ok := value.(string); ok {
			continue
		}
		if _, err := s.migrator.bindOf(value); err != nil {
			return err
		}
		parsed, err := s.migrator.plugin.parse(value)
		if err != nil {
			return err
		}
		if err := s.walk(parsed); err != nil {
			return err
		}
		if table := s.migrator.db.Statement.Table; table != "" {
			// Table(…) gives the model a schema of its own, with relations of its own.
			stmt := gorm.Statement{DB: s.migrator.plugin.db}
			if err := stmt.ParseWithSpecialTableName(value, table); err != nil {
				return err
			}
			if err := s.walk(stmt.Schema); err != nil {
				return err
			}
		}
	}
	return nil
}

// bindOf is the bind of a schema; with Use, all are that one's.
func (s *severing) bindOf(parsed *schema.Schema) (*bind, error) {
	p := s.migrator.plugin
	if u := p.effectiveUse(s.migrator.db.Statement); u != nil {
		return p.lookup(u.key, "")
	}
	return p.strictly(parsed)
}

func (s *severing) walk(parsed *schema.Schema) error {
	if s.seen[parsed] {
		return nil
	}
	s.seen[parsed] = true
	if _, err := s.bindOf(parsed); err != nil {
		return err
	}
	for _, rel := range relationsOf(parsed) {
		if rel.FieldSchema == nil {
			continue
		}
		var err error
		if rel.JoinTable != nil {
			err = s.joinTable(rel)
		} else {
			err = s.relation(rel)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// relation severs a has-one, has-many or belongs-to relation.
func (s *severing) relation(rel *schema.Relationship) error {
	other, err := s.bindOf(rel.FieldSchema)
	if err != nil {
		return err
	}
	own, err := s.bindOf(rel.Schema)
	if err != nil {
		return err
	}
	if own != other {
		if !rel.Field.IgnoreMigration {
			rel.Field.IgnoreMigration = true
			s.log(rel)
		}
		if rel.Type == schema.BelongsTo {
			s.add(rel.FieldSchema)
		}
	}
	return s.walk(rel.FieldSchema)
}

// joinTable severs a many2many relation: the join table's two relations share
// the field that declares it, so each gets a copy of its own, and the join
// table is added here instead of by GORM.
func (s *severing) joinTable(rel *schema.Relationship) error {
	owner, err := s.bindOf(rel.Schema)
	if err != nil {
		return err
	}
	other, err := s.bindOf(rel.FieldSchema)
	if err != nil {
		return err
	}
	join, err := s.bindOf(rel.JoinTable)
	if err != nil {
		return err
	}
	if owner != join || other != join {
		for _, joinRel := range relationsOf(rel.JoinTable) {
			to, err := s.bindOf(joinRel.FieldSchema)
			if err != nil {
				return err
			}
			if joinRel.Field != nil && joinRel.Schema == rel.JoinTable && joinRel.Field == rel.Field {
				field := *joinRel.Field
				field.IgnoreMigration = to != join
				joinRel.Field = &field
				if field.IgnoreMigration {
					s.log(joinRel)
				}
			}
		}
		if !rel.Field.IgnoreMigration {
			rel.Field.IgnoreMigration = true
		}
		s.add(rel.FieldSchema)
		s.add(rel.JoinTable)
	}
	if err := s.walk(rel.JoinTable); err != nil {
		return err
	}
	return s.walk(rel.FieldSchema)
}

func (s *severing) add(related *schema.Schema) {
	s.related = append(s.related, reflect.New(related.ModelType).Interface())
}

func (s *severing) log(rel *schema.Relationship) {
	db := s.migrator.db
	db.Logger.Info(db.Statement.Context, "bindkey: no foreign key for the relation of %s to %s: it would cross databases",
		schemaName(rel.Schema), schemaName(rel.FieldSchema))
}

// relationsOf are a schema's relations, those that GORM adds for the other
// side included, in a fixed order.
func relationsOf(s *schema.Schema) []*schema.Relationship {
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
