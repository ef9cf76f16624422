package equivalence

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	gormschema "gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// A kind is what a column holds.
type kind int

const (
	number kind = iota
	text
	moment
)

// A column of a table.
type column struct {
	name    string // in SQL
	field   string // in Go
	kind    kind
	null    bool
	primary bool
	serial  bool // SQLite numbers it
	foreign bool // refers to another table
}

// A table is a model's, or a join table.
type table struct {
	name    string
	model   *model // nil for a join table that GORM makes
	columns []column
	soft    bool // rows are deleted softly
	refs    []reference
	ddl     []string
}

func (t *table) column(name string) *column {
	for i := range t.columns {
		if t.columns[i].name == name {
			return &t.columns[i]
		}
	}
	panic("no column " + t.name + "." + name)
}

func (t *table) primaries() (primaries []column) {
	for _, c := range t.columns {
		if c.primary {
			primaries = append(primaries, c)
		}
	}
	return primaries
}

// of are the columns of a kind that hold plain values: no keys.
func (t *table) of(k kind) (found []column) {
	for _, c := range t.columns {
		if c.kind == k && !c.primary && !c.foreign {
			found = append(found, c)
		}
	}
	return found
}

// comparable are the columns of a kind, keys too.
func (t *table) comparable(k kind) (found []column) {
	for _, c := range t.columns {
		if c.kind == k {
			found = append(found, c)
		}
	}
	return found
}

// A reference says what some columns of a table refer to.
type reference struct {
	columns []string // of the table
	to      *table
	keys    []string // of the other table, one for each column
	typed   string   // the column that holds the other table's name, if polymorphic
}

// A relation is one of a model's.
type relation struct {
	name   string
	kind   gormschema.RelationshipType
	owner  *model
	target *model
	join   *table // of many2many
	poly   bool
	pairs  []pair   // of columns that are equal, in owner and target; of many2many, none
	ours   []column // of many2many: the columns of the join table that refer to the owner
	theirs []column // and to the target
	keys   []string // and the owner's columns that ours refer to
}

type pair struct{ owner, target string }

func (r *relation) one() bool { return r.kind == gormschema.BelongsTo || r.kind == gormschema.HasOne }

// A model is a Go type with its table.
type model struct {
	*table
	typed
	goName    string
	typ       reflect.Type
	relations []*relation
}

func (m *model) relation(name string) *relation {
	for _, r := range m.relations {
		if r.name == name {
			return r
		}
	}
	panic("no relation " + m.goName + "." + name)
}

// A schema is all models and tables.
type schema struct {
	models []*model // without the model of a join table
	tables []*table
	byName map[string]*table
	all    []any // for AutoMigrate and bindkey.Models
}

var readSchema = sync.OnceValues(func() (*schema, error) {
	db, err := gorm.Open(sqlitedb.Open("file:/equivalence-template?vfs=memdb"),
		&gorm.Config{Logger: logger.Discard, DisableForeignKeyConstraintWhenMigrating: true})
	if err != nil {
		return nil, err
	}
	if err := setupJoinTables(db); err != nil {
		return nil, err
	}
	s := &schema{byName: map[string]*table{}}
	for _, t := range models {
		s.all = append(s.all, t.pointer())
	}
	if err := db.AutoMigrate(s.all...); err != nil {
		return nil, err
	}
	if err := s.read(db); err != nil {
		return nil, err
	}
	for _, t := range s.tables {
		if err := db.Raw("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY rowid", t.name).Scan(&t.ddl).Error; err != nil {
			return nil, err
		}
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	return s, pool.Close()
})

// read asks GORM's parser for all that the generator wants to know.
func (s *schema) read(db *gorm.DB) error {
	parsed := map[*model]*gormschema.Schema{}
	byType := map[reflect.Type]*model{}
	for _, t := range models {
		stmt := gorm.Statement{DB: db}
		if err := stmt.Parse(t.pointer()); err != nil {
			return err
		}
		m := &model{typed: t, goName: stmt.Schema.Name, typ: stmt.Schema.ModelType, table: s.add(stmt.Schema)}
		m.table.model = m
		parsed[m], byType[m.typ] = stmt.Schema, m
		if m.goName != "ProductCategory" {
			s.models = append(s.models, m)
		}
	}
	for _, m := range s.models {
		names := make([]string, 0, len(parsed[m].Relationships.Relations))
		for name := range parsed[m].Relationships.Relations {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			rel := parsed[m].Relationships.Relations[name]
			if rel.Schema != parsed[m] || strings.HasPrefix(name, "_") {
				continue // GORM's own, for constraints
			}
			m.relations = append(m.relations, s.relation(m, byType[rel.FieldSchema.ModelType], rel))
		}
	}
	for _, t := range s.tables {
		for _, ref := range t.refs {
			for _, name := range ref.columns {
				t.column(name).foreign = true
			}
			if ref.typed != "" {
				t.column(ref.typed).foreign = true
			}
		}
	}
	return nil
}

// add adds the table of a GORM schema.
func (s *schema) add(parsed *gormschema.Schema) *table {
	if known := s.byName[parsed.Table]; known != nil {
		return known
	}
	t := &table{name: parsed.Table}
	for _, f := range parsed.Fields {
		if f.DBName == "" {
			continue
		}
		c := column{name: f.DBName, field: f.Name, primary: f.PrimaryKey, serial: f.AutoIncrement}
		switch f.DataType {
		case gormschema.String:
			c.kind = text
		case gormschema.Time:
			c.kind = moment
		default:
			c.kind = number
		}
		c.null = f.FieldType.Kind() == reflect.Ptr || f.Name == "DeletedAt"
		t.soft = t.soft || f.Name == "DeletedAt"
		t.columns = append(t.columns, c)
	}
	s.tables, s.byName[t.name] = append(s.tables, t), t
	return t
}

func (s *schema) relation(m, target *model, rel *gormschema.Relationship) *relation {
	r := &relation{name: rel.Name, kind: rel.Type, owner: m, target: target, poly: rel.Polymorphic != nil}
	if rel.JoinTable != nil {
		r.join = s.add(rel.JoinTable)
		ours, theirs := reference{to: m.table}, reference{to: target.table}
		for _, ref := range rel.References {
			name := ref.ForeignKey.DBName
			if ref.OwnPrimaryKey {
				r.ours = append(r.ours, *r.join.column(name))
				r.keys = append(r.keys, ref.PrimaryKey.DBName)
				ours.columns, ours.keys = append(ours.columns, name), append(ours.keys, ref.PrimaryKey.DBName)
			} else {
				r.theirs = append(r.theirs, *r.join.column(name))
				theirs.columns, theirs.keys = append(theirs.columns, name), append(theirs.keys, ref.PrimaryKey.DBName)
			}
		}
		r.join.refer(ours)
		r.join.refer(theirs)
		return r
	}
	ref, from := reference{}, target.table
	if r.kind == gormschema.BelongsTo {
		ref.to, from = target.table, m.table
	} else {
		ref.to = m.table
	}
	for _, one := range rel.References {
		switch {
		case one.PrimaryValue != "":
			ref.typed = one.ForeignKey.DBName
		case one.OwnPrimaryKey:
			ref.columns, ref.keys = append(ref.columns, one.ForeignKey.DBName), append(ref.keys, one.PrimaryKey.DBName)
			r.pairs = append(r.pairs, pair{owner: one.PrimaryKey.DBName, target: one.ForeignKey.DBName})
		default:
			ref.columns, ref.keys = append(ref.columns, one.ForeignKey.DBName), append(ref.keys, one.PrimaryKey.DBName)
			r.pairs = append(r.pairs, pair{owner: one.ForeignKey.DBName, target: one.PrimaryKey.DBName})
		}
	}
	from.refer(ref)
	return r
}

// refer adds a reference, once: relations of both sides tell of it.
func (t *table) refer(ref reference) {
	for _, known := range t.refs {
		if fmt.Sprint(known.columns, known.to.name, known.typed) == fmt.Sprint(ref.columns, ref.to.name, ref.typed) {
			return
		}
	}
	t.refs = append(t.refs, ref)
}
