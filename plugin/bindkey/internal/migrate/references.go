package migrate

import (
	"strings"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

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
func (d *comparison) references(in *place, s *schema.Schema) (found []reference, err error) {
	question, ok := catalogs[in.bind.Dialector().Name()]
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
func (d *comparison) constraints(s *schema.Schema) (constraints []*schema.Constraint) {
	d.cutting.Lock()
	defer d.cutting.Unlock()
	for _, rel := range catalog.Relations(s) {
		if rel.Field == nil || rel.FieldSchema == nil {
			continue
		}
		if c := rel.ParseConstraint(); c != nil && c.Schema == s && c.ReferenceSchema != nil {
			constraints = append(constraints, c)
		}
	}
	return constraints
}
