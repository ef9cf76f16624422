package migrate

import (
	"strings"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A reference is a foreign key that a database has.
type reference struct {
	Name         string // of the constraint; SQLite does not tell
	Refers       string // to this table
	RefersSchema string
	Elsewhere    bool // that is in another schema than the table
}

// references are the foreign keys that a schema's table has.
func (d *comparison) references(in *place, s *schema.Schema) (found []reference, err error) {
	question := product.Of(in.bind.Dialector().Name()).ForeignKeys
	ok := question != ""
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
