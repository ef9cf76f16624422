package migrate

import (
	"fmt"
	"strings"

	"gorm.io/gorm/schema"
)

// A ForeignKey is one that a relation asks for, and that can't be, since its
// tables live in different binds.
type ForeignKey struct {
	Name     string
	From, To Columns
}

// Columns are columns of one table, and where that lives.
type Columns struct {
	Key, Model, Table string
	Names             []string
}

// String is the foreign key in one line.
func (f ForeignKey) String() string {
	return fmt.Sprintf("foreign key %s from %s to %s", f.Name, f.From, f.To)
}

// String is `users(id) in "main"`.
func (c Columns) String() string {
	return fmt.Sprintf("%s(%s) in %q", c.Table, strings.Join(c.Names, ", "), c.Key)
}

func (m *Migrations) foreignKeyOf(from, to Bind, c *schema.Constraint) ForeignKey {
	return ForeignKey{Name: c.Name, From: m.columnsOf(from, c.Schema, c.ForeignKeys), To: m.columnsOf(to, c.ReferenceSchema, c.References)}
}

func (m *Migrations) columnsOf(b Bind, s *schema.Schema, fields []*schema.Field) Columns {
	c := Columns{Model: m.host.ModelName(s), Table: s.Table}
	if b != nil { // with Use, a model need not have one
		c.Key = b.Key()
	}
	for _, field := range fields {
		c.Names = append(c.Names, field.DBName)
	}
	return c
}
