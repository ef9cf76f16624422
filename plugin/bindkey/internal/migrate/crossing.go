package migrate

import (
	"fmt"

	"gorm.io/gorm"
	gormmigrator "gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
)

// bindOfRename is where a table is renamed. GORM takes a model's own table here,
// whatever Table(…) says.
func (m Migrator) bindOfRename(oldName, newName any) (Bind, error) {
	b, err := m.host.BindOf(m.db, oldName, "")
	if err != nil {
		return nil, err
	}
	if table, ok := newName.(string); ok && len(m.host.BindsWithTable(table, false)) == 0 {
		return b, nil
	}
	to, err := m.host.BindOf(m.db, newName, "")
	if err != nil {
		return nil, err
	}
	if to != b {
		return nil, m.host.CrossBind(Claim{b.Key(), "table " + tableLabel(oldName)}, Claim{to.Key(), "table " + tableLabel(newName)},
			"a table is renamed inside its database; copy the rows to move it to another")
	}
	return b, nil
}

func tableLabel(value any) string {
	if table, ok := value.(string); ok {
		return fmt.Sprintf("%q", table)
	}
	return fmt.Sprintf("of %T", value)
}

// bindOfConstraint finds where the table lives that has a constraint, or would
// have it: a relation names the constraint of the other model, or of a join
// table. There is an error for one that crosses binds, for who would create it.
func (m Migrator) bindOfConstraint(value any, name string) (b Bind, crossing, err error) {
	b, err = m.bindOf(value)
	if _, named := value.(string); named || err != nil || m.host.HasUse(m.db) {
		return b, nil, err
	}
	parsed, err := m.host.Parse(value, m.db.Statement.Table)
	if err != nil {
		return nil, nil, err
	}
	found, _ := gormmigrator.Migrator{}.GuessConstraintInterfaceAndTable(&gorm.Statement{Schema: parsed, Table: parsed.Table}, name)
	c, ok := found.(*schema.Constraint)
	if !ok || c.Schema == nil || c.ReferenceSchema == nil {
		return b, nil, nil
	}
	from, err := m.host.Home(m.db, c.Schema)
	if err != nil {
		return nil, nil, err
	}
	to, err := m.host.Home(m.db, c.ReferenceSchema)
	if err != nil {
		return nil, nil, err
	}
	if from != to {
		crossing = m.host.CrossBind(Claim{from.Key(), "model " + m.host.ModelName(c.Schema)}, Claim{to.Key(), "model " + m.host.ModelName(c.ReferenceSchema)},
			fmt.Sprintf("a foreign key can't cross databases; put both models into one bind, or do without %q", c.Name))
	}
	return from, crossing, nil
}
