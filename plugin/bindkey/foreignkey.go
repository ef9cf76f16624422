package bindkey

import (
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// A ForeignKey is one that a relation asks for, and that can't be, since its
// tables live in different binds.
type ForeignKey struct {
	Name string  // of the constraint, as GORM names it: "fk_users_logs"
	From Columns // what would refer
	To   Columns // what it would refer to
}

// Columns are columns of one table, and where that lives.
type Columns struct {
	Key   string   // the bind
	Model string   // the table's model: "models.User"
	Table string   // "users"
	Names []string // the columns
}

// String is the foreign key in one line.
func (f ForeignKey) String() string {
	return fmt.Sprintf("foreign key %s from %s to %s", f.Name, f.From, f.To)
}

// String is "users(id) in \"main\"".
func (c Columns) String() string {
	return fmt.Sprintf("%s(%s) in %q", c.Table, strings.Join(c.Names, ", "), c.Key)
}

// A relation across binds can't be a foreign key, and GORM must not create its
// other model next to the first. GORM leaves a relation out of migrations whose
// field has IgnoreMigration (migrator/migrator.go), so a severing sets it on
// those that cross. It walks the models that GORM's AutoMigrate would add to the
// values if all of them were in one database, and collects those that it must
// now be told of.
//
// What counts are the models' own binds, also with Use: otherwise what is left
// out would depend on what was migrated before.
//
// It changes schemas, which all sessions share: so under a lock, only what the
// migrators alone read, and each field once.
type severing struct {
	migrator migrator
	use      bool // the values go to the bind of a Use, and with them those of the same bind
	adds     bool // the call is AutoMigrate, which adds models
	given    map[*schema.Schema]bool
	seen     map[*schema.Schema]bool
	related  []any        // models to add, which GORM does not see
	leftOut  []ForeignKey // of the models that the call migrates
}

// sever is for calls that migrate the values and no others.
func (m migrator) sever(values []any) ([]ForeignKey, error) {
	s := m.severing(false)
	err := s.values(values)
	return s.leftOut, err
}

// withRelated is the values and, behind them, the models that GORM's
// AutoMigrate would add in one database and does not see across binds: what a
// foreign key refers to, join tables, and the other sides of these.
func (m migrator) withRelated(values []any) ([]any, []ForeignKey, error) {
	s := m.severing(m.db.Statement.Table == "") // Table(…) names the table of one model
	err := s.values(values)
	return append(values[:len(values):len(values)], s.related...), s.leftOut, err
}

func (m migrator) severing(adds bool) *severing {
	return &severing{migrator: m, adds: adds, use: m.plugin.effectiveUse(m.db.Statement) != nil,
		given: map[*schema.Schema]bool{}, seen: map[*schema.Schema]bool{}}
}

func (s *severing) values(values []any) error {
	s.migrator.plugin.severing.Lock()
	defer s.migrator.plugin.severing.Unlock()
	var schemas []*schema.Schema
	for _, value := range values {
		if _, ok := value.(string); ok {
			continue
		}
		if _, err := s.migrator.bindOf(value); err != nil {
			return err
		}
		// Table(…) gives the model a schema of its own, with relations of its own.
		stmt := gorm.Statement{DB: s.migrator.plugin.db}
		if err := stmt.ParseWithSpecialTableName(value, s.migrator.db.Statement.Table); err != nil {
			return err
		}
		schemas = append(schemas, stmt.Schema)
	}
	for _, parsed := range schemas {
		s.given[parsed] = true
	}
	for _, parsed := range schemas {
		if err := s.walk(parsed); err != nil {
			return err
		}
	}
	return nil
}

// bindOf is a model's own bind, or that of the table that Table(…) named when
// its schema was made. With Use it need not have one.
func (s *severing) bindOf(parsed *schema.Schema) (*bind, error) {
	b, err := s.migrator.strictly(parsed, "")
	if err != nil && s.use {
		return s.migrator.plugin.askHome(parsed).bind, nil
	}
	return b, err
}

// walk looks at a schema's relations as GORM's ReorderModels and CreateTable do.
func (s *severing) walk(parsed *schema.Schema) error {
	if s.seen[parsed] {
		return nil
	}
	s.seen[parsed] = true
	own, err := s.bindOf(parsed)
	if err != nil || s.migrator.configOf(own).IgnoreRelationshipsWhenMigrating {
		return err
	}
	for _, rel := range relationsOf(parsed) {
		if rel.FieldSchema == nil || rel.Field == nil {
			continue
		}
		s.unshare(parsed, rel)
		if s.ignored(rel.Field) {
			continue
		}
		if c := rel.ParseConstraint(); c != nil && c.Schema == parsed && c.ReferenceSchema != parsed {
			if err := s.constraint(own, rel, c); err != nil {
				return err
			}
		}
		if rel.JoinTable != nil {
			if err := s.joinTable(own, rel); err != nil {
				return err
			}
		}
	}
	return nil
}

// constraint severs a relation whose foreign key the schema itself would have.
func (s *severing) constraint(own *bind, rel *schema.Relationship, c *schema.Constraint) error {
	other, err := s.bindOf(c.ReferenceSchema)
	if err != nil {
		return err
	}
	if other != own {
		s.ignore(rel.Field)
		if (s.adds || s.given[c.Schema]) && !s.migrator.configOf(own).DisableForeignKeyConstraintWhenMigrating {
			s.leave(foreignKeyOf(own, other, c))
		}
	}
	return s.add(own, other, c.ReferenceSchema, false)
}

// leave keeps a foreign key that is left out: once, though either side of a
// many2many relation has a schema for the join table.
func (s *severing) leave(key ForeignKey) {
	for _, known := range s.leftOut {
		if known.Name == key.Name && known.From.Table == key.From.Table && known.From.Key == key.From.Key {
			return
		}
	}
	s.leftOut = append(s.leftOut, key)
}

// joinTable severs a many2many relation, unless all three tables live in one
// bind: GORM would add the two others to the first.
func (s *severing) joinTable(own *bind, rel *schema.Relationship) error {
	join, err := s.bindOf(rel.JoinTable)
	if err != nil {
		return err
	}
	other, err := s.bindOf(rel.FieldSchema)
	if err != nil {
		return err
	}
	severed := join != own || other != own
	if severed {
		s.ignore(rel.Field)
	}
	if err := s.add(own, other, rel.FieldSchema, severed); err != nil {
		return err
	}
	return s.add(own, join, rel.JoinTable, severed)
}

// add walks on to a model that GORM's AutoMigrate adds to one of the bind own,
// and keeps it where GORM does not see it. Use says nothing of models of other
// binds: they are left alone.
func (s *severing) add(own, home *bind, related *schema.Schema, severed bool) error {
	if s.use && home != own {
		return nil
	}
	if s.adds && (severed || home != own) {
		s.related = append(s.related, modelOf(related))
	}
	return s.walk(related)
}

// unshare gives a join table's relation a field of its own. GORM gives it the
// one that declares the many2many relation, which then stands for three
// relations, of which some may cross.
func (s *severing) unshare(parsed *schema.Schema, rel *schema.Relationship) {
	if rel.Schema != parsed || rel.Field.Schema == parsed {
		return
	}
	field := *rel.Field
	field.Schema = parsed
	field.IgnoreMigration = s.ignored(rel.Field)
	rel.Field = &field
}

// ignored reports whether the application wants no migration of a field.
func (s *severing) ignored(field *schema.Field) bool {
	return field.IgnoreMigration && !s.migrator.plugin.severed[field]
}

func (s *severing) ignore(field *schema.Field) {
	if !field.IgnoreMigration {
		field.IgnoreMigration = true
		s.migrator.plugin.severed[field] = true
	}
}

// modelOf is a zero value of a schema's model: GORM finds the schema by it.
func modelOf(s *schema.Schema) any { return reflect.New(s.ModelType).Interface() }

func foreignKeyOf(from, to *bind, c *schema.Constraint) ForeignKey {
	return ForeignKey{Name: c.Name, From: columnsOf(from, c.Schema, c.ForeignKeys), To: columnsOf(to, c.ReferenceSchema, c.References)}
}

func columnsOf(b *bind, s *schema.Schema, fields []*schema.Field) Columns {
	c := Columns{Model: schemaName(s), Table: s.Table}
	if b != nil { // with Use, a model need not have one
		c.Key = b.key
	}
	for _, field := range fields {
		c.Names = append(c.Names, field.DBName)
	}
	return c
}
