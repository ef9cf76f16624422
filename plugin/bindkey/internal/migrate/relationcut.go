package migrate

import (
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
)

// A relation across binds can't be a foreign key, and GORM must not create its
// other model next to the first. GORM leaves a relation out of migrations whose
// field has IgnoreMigration (migrator/migrator.go), so a relationCut sets it on
// those that cross. It walks the models that GORM's AutoMigrate would add to the
// values if all of them were in one database, and collects those that it must
// now be told of.
//
// What counts are the models' own binds, also with Use: otherwise what is left
// out would depend on what was migrated before.
//
// It changes schemas, which all sessions share: so under a lock, only what the
// migrators alone read, and each field once.
type relationCut struct {
	migrator Migrator
	use      bool // the values go to the bind of a Use, and with them those of the same bind
	adds     bool // the call is AutoMigrate, which adds models
	given    map[*schema.Schema]bool
	seen     map[*schema.Schema]bool
	related  []any        // models to add, which GORM does not see
	skipped  []ForeignKey // of the models that the call migrates
}

// cutRelations is for calls that migrate the values and no others.
func (m Migrator) cutRelations(values []any) ([]ForeignKey, error) {
	r := m.relationCut(false)
	err := r.values(values)
	return r.skipped, err
}

// withRelated is the values and, behind them, the models that GORM's
// AutoMigrate would add in one database and does not see across binds: what a
// foreign key refers to, join tables, and the other sides of these.
func (m Migrator) withRelated(values []any) ([]any, []ForeignKey, error) {
	r := m.relationCut(m.db.Statement.Table == "") // Table(…) names the table of one model
	err := r.values(values)
	return append(values[:len(values):len(values)], r.related...), r.skipped, err
}

func (m Migrator) relationCut(adds bool) *relationCut {
	return &relationCut{migrator: m, adds: adds, use: m.host.HasUse(m.db),
		given: map[*schema.Schema]bool{}, seen: map[*schema.Schema]bool{}}
}

// configOf is the configuration for a bind's models. With Use, a model need not
// have a bind.
func (m Migrator) configOf(b Bind) gorm.Config {
	if b == nil {
		return *m.db.Config
	}
	return b.SessionConfig(m.db)
}

func (r *relationCut) values(values []any) error {
	r.migrator.cutting.Lock()
	defer r.migrator.cutting.Unlock()
	var schemas []*schema.Schema
	for _, value := range values {
		if _, ok := value.(string); ok {
			continue
		}
		if _, err := r.migrator.bindOf(value); err != nil {
			return err
		}
		// Table(…) gives the model a schema of its own, with relations of its own.
		parsed, err := r.migrator.host.Parse(value, r.migrator.db.Statement.Table)
		if err != nil {
			return err
		}
		schemas = append(schemas, parsed)
	}
	for _, parsed := range schemas {
		r.given[parsed] = true
	}
	for _, parsed := range schemas {
		if err := r.walk(parsed); err != nil {
			return err
		}
	}
	return nil
}

// bindOf is a model's own bind, or that of the table that Table(…) named when
// its schema was made. With Use it need not have one.
func (r *relationCut) bindOf(parsed *schema.Schema) (Bind, error) {
	return r.migrator.host.Home(r.migrator.db, parsed)
}

// walk looks at a schema's relations as GORM's ReorderModels and CreateTable do.
func (r *relationCut) walk(parsed *schema.Schema) error {
	if r.seen[parsed] {
		return nil
	}
	r.seen[parsed] = true
	own, err := r.bindOf(parsed)
	if err != nil || r.migrator.configOf(own).IgnoreRelationshipsWhenMigrating {
		return err
	}
	for _, rel := range catalog.Relations(parsed) {
		if rel.FieldSchema == nil || rel.Field == nil {
			continue
		}
		r.unshare(parsed, rel)
		if r.ignored(rel.Field) {
			continue
		}
		if c := rel.ParseConstraint(); c != nil && c.Schema == parsed && c.ReferenceSchema != parsed {
			if err := r.constraint(own, rel, c); err != nil {
				return err
			}
		}
		if rel.JoinTable != nil {
			if err := r.joinTable(own, rel); err != nil {
				return err
			}
		}
	}
	return nil
}

// constraint cuts a relation whose foreign key the schema itself would have.
func (r *relationCut) constraint(own Bind, rel *schema.Relationship, c *schema.Constraint) error {
	other, err := r.bindOf(c.ReferenceSchema)
	if err != nil {
		return err
	}
	if other != own {
		r.ignore(rel.Field)
		if (r.adds || r.given[c.Schema]) && !r.migrator.configOf(own).DisableForeignKeyConstraintWhenMigrating {
			r.skipForeignKey(r.migrator.foreignKeyOf(own, other, c))
		}
	}
	return r.add(own, other, c.ReferenceSchema, false)
}

// skipForeignKey keeps a foreign key that is left out: once, though either side
// of a many2many relation has a schema for the join table.
func (r *relationCut) skipForeignKey(key ForeignKey) {
	for _, known := range r.skipped {
		if known.Name == key.Name && known.From.Table == key.From.Table && known.From.Key == key.From.Key {
			return
		}
	}
	r.skipped = append(r.skipped, key)
}

// joinTable cuts a many2many relation, unless all three tables live in one
// bind: GORM would add the two others to the first.
func (r *relationCut) joinTable(own Bind, rel *schema.Relationship) error {
	join, err := r.bindOf(rel.JoinTable)
	if err != nil {
		return err
	}
	other, err := r.bindOf(rel.FieldSchema)
	if err != nil {
		return err
	}
	cut := join != own || other != own
	if cut {
		r.ignore(rel.Field)
	}
	if err := r.add(own, other, rel.FieldSchema, cut); err != nil {
		return err
	}
	return r.add(own, join, rel.JoinTable, cut)
}

// add walks on to a model that GORM's AutoMigrate adds to one of the bind own,
// and keeps it where GORM does not see it. Use says nothing of models of other
// binds: they are left alone.
func (r *relationCut) add(own, home Bind, related *schema.Schema, cut bool) error {
	if r.use && home != own {
		return nil
	}
	if r.adds && (cut || home != own) {
		r.related = append(r.related, modelOf(related))
	}
	return r.walk(related)
}

// unshare gives a join table's relation a field of its own. GORM gives it the
// one that declares the many2many relation, which then stands for three
// relations, of which some may cross.
func (r *relationCut) unshare(parsed *schema.Schema, rel *schema.Relationship) {
	if rel.Schema != parsed || rel.Field.Schema == parsed {
		return
	}
	field := *rel.Field
	field.Schema = parsed
	field.IgnoreMigration = r.ignored(rel.Field)
	rel.Field = &field
}

// ignored reports whether the application wants no migration of a field.
func (r *relationCut) ignored(field *schema.Field) bool {
	return field.IgnoreMigration && !r.migrator.cut[field]
}

func (r *relationCut) ignore(field *schema.Field) {
	if !field.IgnoreMigration {
		field.IgnoreMigration = true
		r.migrator.cut[field] = true
	}
}

// modelOf is a zero value of a schema's model: GORM finds the schema by it.
func modelOf(s *schema.Schema) any { return reflect.New(s.ModelType).Interface() }
