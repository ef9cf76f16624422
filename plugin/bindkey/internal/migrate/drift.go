package migrate

import (
	"errors"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A Kind says in what a database differs from its models' keys.
type Kind int

// The kinds.
const (
	MissingTable Kind = iota
	MisplacedTable
	CrossForeignKey
)

// A Difference is one between the databases and the models' keys.
type Difference struct {
	Kind              Kind
	Model, Table, Key string
	Other             string // the other bind; empty for a missing table
	// Of a foreign key across: its name, if the database tells, and to which table.
	ForeignKey, References string
}

// Drift compares the databases with the models' keys.
func (m *Migrations) Drift(db *gorm.DB, models ...any) ([]Difference, error) {
	d := comparison{Migrations: m, db: db, known: tableBinds{}, places: map[Bind]*place{}}
	tables, err := d.tables(models)
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		if err := d.compare(table); err != nil {
			return nil, err
		}
	}
	return d.found, nil
}

// A comparison is one call of Drift.
type comparison struct {
	*Migrations
	db     *gorm.DB
	known  tableBinds // of the models given, and those related to them
	places map[Bind]*place
	found  []Difference
}

// tableBinds are the binds that have a table, by its folded name.
type tableBinds map[string][]Bind

// add adds a table, which SQL may name with and without its schema.
func (t tableBinds) add(table string, b Bind) {
	name := sqlscan.Fold(table)
	t[name] = append(t[name], b)
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		t[name[dot+1:]] = append(t[name[dot+1:]], b)
	}
}

func (t tableBinds) of(table string) []Bind { return t[sqlscan.Fold(table)] }

// A modelTable is a table that a model has in its bind.
type modelTable struct {
	schema *schema.Schema
	bind   Bind
}

// tables are the tables of models, and their join tables.
func (d *comparison) tables(models []any) (tables []modelTable, err error) {
	var mistakes []error
	seen := map[*schema.Schema]bool{}
	for _, model := range models {
		parsed, err := d.host.Parse(model, "")
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		for _, s := range append([]*schema.Schema{parsed}, joinTables(parsed)...) {
			if seen[s] {
				continue
			}
			seen[s] = true
			b, err := d.host.Home(d.db, s)
			if err != nil {
				mistakes = append(mistakes, err)
				continue
			}
			if !contains(d.known.of(s.Table), b) { // else the other side has declared the join table, too
				tables = append(tables, modelTable{s, b})
			}
			d.known.add(s.Table, b)
		}
	}
	for s := range seen {
		for _, rel := range catalog.Relations(s) {
			for _, related := range []*schema.Schema{rel.Schema, rel.FieldSchema} {
				if related == nil {
					continue
				}
				if b, err := d.host.BindOfSchema(d.db, related); err == nil {
					d.known.add(related.Table, b)
				}
			}
		}
	}
	return tables, errors.Join(mistakes...)
}

func joinTables(s *schema.Schema) (tables []*schema.Schema) {
	for _, rel := range s.Relationships.Many2Many {
		tables = append(tables, rel.JoinTable)
	}
	return tables
}

func (d *comparison) compare(table modelTable) error {
	own, err := d.place(table.bind)
	if err != nil {
		return err
	}
	difference := Difference{Model: d.host.ModelName(table.schema), Table: table.schema.Table, Key: table.bind.Key()}
	there, err := own.hasTable(table.schema)
	if err != nil {
		return err
	}
	if !there {
		difference.Kind = MissingTable
		d.found = append(d.found, difference)
	}
	if err := d.compareOthers(table, own, difference); err != nil || !there {
		return err
	}
	return d.compareForeignKeys(table, own, difference)
}

// compareOthers looks for a model's table in the databases of other binds, unless
// a model of theirs has one.
func (d *comparison) compareOthers(table modelTable, own *place, difference Difference) error {
	binds, err := d.host.Binds(d.db)
	if err != nil {
		return err
	}
	for _, b := range binds {
		if b == table.bind || contains(d.owners(table.schema.Table), b) {
			continue
		}
		other, err := d.place(b)
		if err != nil {
			return err
		}
		if there, err := other.hasTable(table.schema); err != nil {
			return err
		} else if there && !own.same(other) {
			difference.Kind, difference.Other = MisplacedTable, b.Key()
			d.found = append(d.found, difference)
		}
	}
	return nil
}

func (d *comparison) compareForeignKeys(table modelTable, own *place, difference Difference) error {
	references, err := d.references(own, table.schema)
	if err != nil {
		return err
	}
	for _, reference := range references {
		b := d.across(table.bind, reference)
		if b == nil {
			continue
		}
		other, err := d.place(b)
		if err != nil {
			return err
		}
		if !own.same(other) {
			difference.Kind, difference.Other = CrossForeignKey, b.Key()
			difference.ForeignKey, difference.References = reference.Name, reference.Refers
			d.found = append(d.found, difference)
		}
	}
	return nil
}

// owners are the binds where a table is known.
func (d *comparison) owners(table string) (owners []Bind) {
	return append(append(owners, d.host.BindsWithTable(table, false)...), d.known.of(table)...)
}

// across is the other bind whose table a foreign key of a bind's table refers
// to, or nil.
func (d *comparison) across(own Bind, r reference) Bind {
	owners := d.owners(r.Refers)
	within := owners
	if r.Elsewhere { // then its own table has a name with a schema
		qualified := r.RefersSchema + "." + r.Refers
		within = append(d.host.BindsWithTable(qualified, true), d.known.of(qualified)...)
	}
	if contains(within, own) {
		return nil
	}
	for _, b := range owners {
		if b != own {
			return b
		}
	}
	return nil
}
