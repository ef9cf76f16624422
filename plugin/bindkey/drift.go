package bindkey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A DriftKind says in what a database differs from its models' keys.
type DriftKind string

// The kinds of drift.
const (
	MissingTable    DriftKind = "missing table"      // a model's own database has no table for it
	MisplacedTable  DriftKind = "misplaced table"    // another bind's database has one
	CrossForeignKey DriftKind = "foreign key across" // a model's table has a foreign key to a table of another bind
)

// A Drift is one difference between the databases and the models' keys.
type Drift struct {
	Kind  DriftKind
	Model string // "models.LogEntry", `of join table "user_tags"`
	Table string // the model's
	Key   string // the model's bind
	// Other is the other bind: in whose database the misplaced table is, or to
	// which the foreign key refers. Empty for a missing table.
	Other string
	// ForeignKey is the constraint's name, which may be empty on SQLite, and
	// References the table that it refers to. Both are for CrossForeignKey.
	ForeignKey, References string
}

// String is the drift in one line.
func (d Drift) String() string {
	switch d.Kind {
	case MissingTable:
		return fmt.Sprintf("bind %q has no table %s for model %s", d.Key, quoted(d.Table), d.Model)
	case MisplacedTable:
		return fmt.Sprintf("bind %q has a table %s, but model %s lives in %q", d.Other, quoted(d.Table), d.Model, d.Key)
	default:
		name := "a foreign key"
		if d.ForeignKey != "" {
			name += " " + quoted(d.ForeignKey)
		}
		return fmt.Sprintf("in bind %q, table %s of model %s has %s to table %s, which lives in %q",
			d.Key, quoted(d.Table), d.Model, name, quoted(d.References), d.Other)
	}
}

// Drifts are the differences that [Plugin.Drift] found.
type Drifts []Drift

// String has one difference a line.
func (d Drifts) String() string {
	lines := make([]string, len(d))
	for i, one := range d {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// Drift compares the databases with the models' keys, for programs that gave
// models a key after their tables were made, or moved them: it finds tables
// that their own bind does not have, tables in the database of another bind
// that has no model for them, known or given, and foreign keys to tables of
// another bind. Join tables are looked at with the models that declare them. It
// is nil where all is well. Two binds on one database have no drift between
// them; a view is no table.
//
// It asks one source of every bind and changes nothing. Foreign keys are read
// from the catalogs of SQLite, PostgreSQL, MySQL and MariaDB; other dialects
// are asked for those that GORM would have named.
//
// It returns [ErrInstall] before the plugin is installed, the errors of routing
// for all models joined ([*UnknownBindError], [*UnboundError], …), and what a
// database answers.
func (p *Plugin) Drift(ctx context.Context, models ...any) (Drifts, error) {
	if p.db == nil {
		return nil, installError("Drift needs an installed plugin; call db.Use first")
	}
	d := drifting{plugin: p, migrator: p.migratorFor(ctx), places: map[*bind]*place{}}
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

// A drifting is one call of Drift.
type drifting struct {
	plugin   *Plugin
	migrator migrator
	known    knownTables // of the models given, and those related to them
	places   map[*bind]*place
	found    Drifts
}

// A place is a bind's database, as Drift asks it.
type place struct {
	bind     *bind
	session  *gorm.DB
	recorder *recorder // sees the errors that HasTable drops
	identity string    // of the database, unless it can't be told
	asked    bool
}

// A modelTable is a table that a model has in its bind.
type modelTable struct {
	schema *schema.Schema
	bind   *bind
}

// tables are the tables of models, and their join tables.
func (d *drifting) tables(models []any) (tables []modelTable, err error) {
	var mistakes []error
	seen := map[*schema.Schema]bool{}
	for _, model := range models {
		parsed, err := d.plugin.parse(model)
		if err != nil {
			mistakes = append(mistakes, noModel(model, err))
			continue
		}
		for _, s := range append([]*schema.Schema{parsed}, joinTables(parsed)...) {
			if seen[s] {
				continue
			}
			seen[s] = true
			b, err := d.plugin.strictly(s)
			if err != nil {
				mistakes = append(mistakes, err)
				continue
			}
			if own, _ := d.known.find(sqlscan.Fold(s.Table), d.plugin.defaultBind()); !hasBind(own, b) { // else the other side has declared the join table, too
				tables = append(tables, modelTable{s, b})
			}
			d.known.add(s.Table, b)
		}
	}
	for s := range seen {
		for _, rel := range relationsOf(s) {
			for _, related := range []*schema.Schema{rel.Schema, rel.FieldSchema} {
				if related == nil {
					continue
				}
				if h := d.plugin.askHome(related); h.err == nil {
					d.known.add(related.Table, h.bind)
				}
			}
		}
	}
	return tables, errors.Join(mistakes...)
}

func (d *drifting) compare(table modelTable) error {
	own, err := d.place(table.bind)
	if err != nil {
		return err
	}
	found := Drift{Model: schemaName(table.schema), Table: table.schema.Table, Key: table.bind.key}
	there, err := own.hasTable(table.schema)
	if err != nil {
		return err
	}
	if !there {
		found.Kind = MissingTable
		d.found = append(d.found, found)
	}
	for _, key := range d.plugin.known() {
		b, err := d.plugin.lookup(key, "")
		if err != nil {
			return err
		}
		if b == table.bind || b.key != key || hasBind(d.owners(table.schema.Table), b) { // a bind may have several names
			continue
		}
		other, err := d.place(b)
		if err != nil {
			return err
		}
		if there, err := other.hasTable(table.schema); err != nil {
			return err
		} else if there && !d.same(own, other) {
			found.Kind, found.Other = MisplacedTable, b.key
			d.found = append(d.found, found)
		}
	}
	if !there {
		return nil
	}
	references, err := d.references(own, table.schema)
	if err != nil {
		return err
	}
	for _, reference := range references {
		if b := d.across(table.bind, reference); b != nil {
			other, err := d.place(b)
			if err != nil {
				return err
			}
			if !d.same(own, other) {
				found.Kind, found.Other = CrossForeignKey, b.key
				found.ForeignKey, found.References = reference.Name, reference.Refers
				d.found = append(d.found, found)
			}
		}
	}
	return nil
}

// owners are the binds where a table is known.
func (d *drifting) owners(table string) (owners []*bind) {
	table = sqlscan.Fold(table)
	related, _ := d.known.find(table, d.plugin.defaultBind())
	return append(append(owners, d.plugin.bindsWithTable(table, nil)...), related...)
}

// place opens a bind's database for questions.
func (d *drifting) place(b *bind) (*place, error) {
	if opened, ok := d.places[b]; ok {
		return opened, nil
	}
	source, err := b.source(d.migrator.db.Statement.Context)
	if err != nil {
		return nil, err
	}
	opened := &place{bind: b, recorder: newRecorder(b, source.real.conn)}
	opened.session = d.migrator.on(b, opened.recorder)
	opened.session.Config.DryRun = false
	opened.session = opened.session.Session(&gorm.Session{}) // to start each question from
	d.places[b] = opened
	return opened, nil
}

func (p *place) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("bindkey: bind %q: %w", p.bind.key, err)
}

func (p *place) hasTable(s *schema.Schema) (bool, error) {
	there := p.session.Migrator().HasTable(modelOf(s))
	return there, p.named(p.recorder.failed)
}

// same reports whether two binds are on one database.
func (d *drifting) same(a, b *place) bool {
	for _, one := range a.bind.sources {
		for _, other := range b.bind.sources {
			if one.real == other.real {
				return true
			}
		}
	}
	return a.identify() != "" && a.identify() == b.identify()
}

// identities are questions for what tells one database, and the schema that
// tables are in, from all others.
var identities = map[string]string{
	"sqlite":   "SELECT file FROM pragma_database_list WHERE name = 'main'",
	"postgres": "SELECT pg_postmaster_start_time() || ' ' || current_setting('port') || ' ' || current_database() || ' ' || current_schema()",
	"mysql":    "SELECT CONCAT_WS(' ', @@hostname, @@port, @@datadir, DATABASE())",
}

func (p *place) identify() string {
	dialect := p.bind.plain.Dialector.Name()
	if question := identities[dialect]; question != "" && !p.asked {
		p.asked = true
		var identity *string
		if err := p.session.Raw(question).Row().Scan(&identity); err == nil && identity != nil && *identity != "" {
			p.identity = dialect + " " + *identity
		}
	}
	return p.identity
}

// A reference is a foreign key that a database has.
type reference struct {
	Name         string // of the constraint; SQLite does not tell
	Refers       string // to this table
	RefersSchema string
	Elsewhere    bool // that is in another schema than the table
}

// catalogs are questions for the foreign keys of a table, by its name and its
// schema, which is ” for the current one.
var catalogs = map[string]string{
	"sqlite": `SELECT DISTINCT '' AS name, "table" AS refers, '' AS refers_schema, 0 AS elsewhere FROM pragma_foreign_key_list(?) WHERE ? IS NOT NULL ORDER BY "table"`,
	"postgres": `SELECT con.conname AS name, ref.relname AS refers, refns.nspname AS refers_schema, refns.oid <> ns.oid AS elsewhere
		FROM pg_constraint con
		JOIN pg_class own ON own.oid = con.conrelid JOIN pg_namespace ns ON ns.oid = own.relnamespace
		JOIN pg_class ref ON ref.oid = con.confrelid JOIN pg_namespace refns ON refns.oid = ref.relnamespace
		WHERE con.contype = 'f' AND own.relname = ? AND ns.nspname = COALESCE(NULLIF(?, ''), CURRENT_SCHEMA()) ORDER BY con.conname`,
	"mysql": `SELECT DISTINCT CONSTRAINT_NAME AS name, REFERENCED_TABLE_NAME AS refers, REFERENCED_TABLE_SCHEMA AS refers_schema, REFERENCED_TABLE_SCHEMA <> TABLE_SCHEMA AS elsewhere
		FROM information_schema.KEY_COLUMN_USAGE
		WHERE REFERENCED_TABLE_NAME IS NOT NULL AND TABLE_NAME = ? AND TABLE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE()) ORDER BY 1`,
}

// references are the foreign keys that a schema's table has.
func (d *drifting) references(in *place, s *schema.Schema) (found []reference, err error) {
	question, ok := catalogs[in.bind.plain.Dialector.Name()]
	if ok {
		qualifier, table, qualified := strings.Cut(s.Table, ".")
		if !qualified {
			qualifier, table = "", s.Table
		}
		if err := in.session.Raw(question, table, qualifier).Scan(&found).Error; err != nil {
			return nil, in.named(err)
		}
	}
	// What GORM would have named: all there is to ask in an unknown dialect, and
	// the names in SQLite.
	for _, c := range d.constraints(s) {
		nameless := -1
		for i := range found {
			if found[i].Name == "" && sqlscan.Fold(found[i].Refers) == sqlscan.Fold(c.ReferenceSchema.Table) {
				nameless = i
			}
		}
		if ok && nameless < 0 || !in.session.Migrator().HasConstraint(modelOf(s), c.Name) {
			continue
		}
		if ok {
			found[nameless].Name = c.Name
		} else {
			found = append(found, reference{Name: c.Name, Refers: c.ReferenceSchema.Table})
		}
	}
	return found, in.named(in.recorder.failed)
}

// constraints are the foreign keys that GORM would give a schema's table in one
// database.
func (d *drifting) constraints(s *schema.Schema) (constraints []*schema.Constraint) {
	d.plugin.severing.Lock()
	defer d.plugin.severing.Unlock()
	for _, rel := range relationsOf(s) {
		if rel.Field == nil || rel.FieldSchema == nil {
			continue
		}
		if c := rel.ParseConstraint(); c != nil && c.Schema == s && c.ReferenceSchema != nil {
			constraints = append(constraints, c)
		}
	}
	return constraints
}

// across is the other bind whose table a foreign key of a bind's table refers
// to, or nil.
func (d *drifting) across(own *bind, r reference) *bind {
	owners := d.owners(r.Refers)
	within := owners
	if r.Elsewhere { // then its own table has a name with a schema
		qualified := sqlscan.Fold(r.RefersSchema + "." + r.Refers)
		given, _ := d.known.find(qualified, d.plugin.defaultBind())
		known, _ := d.plugin.tables.find(qualified, d.plugin.defaultBind())
		within = append(append([]*bind{}, given...), known...)
	}
	if hasBind(within, own) {
		return nil
	}
	for _, b := range owners {
		if b != own {
			return b
		}
	}
	return nil
}
