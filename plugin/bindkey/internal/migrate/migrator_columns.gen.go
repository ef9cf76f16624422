// The name ends in .gen.go for the reason that is told in migrator.gen.go. These
// are the methods for columns, constraints and indexes.

package migrate

import (
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

func (m Migrator) AddColumn(value any, field string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.AddColumn(value, field)
}

func (m Migrator) DropColumn(value any, field string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.DropColumn(value, field)
}

func (m Migrator) AlterColumn(value any, field string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.AlterColumn(value, field)
}

func (m Migrator) MigrateColumn(value any, field *schema.Field, columnType gorm.ColumnType) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.MigrateColumn(value, field, columnType)
}

func (m Migrator) MigrateColumnUnique(value any, field *schema.Field, columnType gorm.ColumnType) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.MigrateColumnUnique(value, field, columnType)
}

func (m Migrator) HasColumn(value any, field string) bool {
	inner := m.logged(m.bindOf(value))
	return inner != nil && inner.HasColumn(value, field)
}

func (m Migrator) RenameColumn(value any, oldName, field string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.RenameColumn(value, oldName, field)
}

func (m Migrator) ColumnTypes(value any) ([]gorm.ColumnType, error) {
	inner, err := m.of(value)
	if err != nil {
		return nil, err
	}
	return inner.ColumnTypes(value)
}

func (m Migrator) CreateConstraint(value any, name string) error {
	b, crossing, err := m.bindOfConstraint(value, name)
	if err != nil {
		return err
	}
	if crossing != nil {
		return crossing
	}
	inner, done, err := m.changeIn(b)
	if err != nil {
		return err
	}
	defer done()
	return inner.CreateConstraint(value, name)
}

// DropConstraint drops a constraint across binds only where there is one, from
// before the models had keys: Drift finds it.
func (m Migrator) DropConstraint(value any, name string) error {
	b, crossing, err := m.bindOfConstraint(value, name)
	if err != nil {
		return err
	}
	if crossing != nil && !m.asking().HasConstraint(value, name) {
		return crossing
	}
	inner, done, err := m.changeIn(b)
	if err != nil {
		return err
	}
	defer done()
	return inner.DropConstraint(value, name)
}

func (m Migrator) HasConstraint(value any, name string) bool {
	b, _, err := m.bindOfConstraint(value, name)
	inner := m.logged(b, err)
	return inner != nil && inner.HasConstraint(value, name)
}

func (m Migrator) CreateIndex(value any, name string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.CreateIndex(value, name)
}

func (m Migrator) DropIndex(value any, name string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.DropIndex(value, name)
}

func (m Migrator) HasIndex(value any, name string) bool {
	inner := m.logged(m.bindOf(value))
	return inner != nil && inner.HasIndex(value, name)
}

func (m Migrator) RenameIndex(value any, oldName, newName string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.RenameIndex(value, oldName, newName)
}

func (m Migrator) GetIndexes(value any) ([]gorm.Index, error) {
	inner, err := m.of(value)
	if err != nil {
		return nil, err
	}
	return inner.GetIndexes(value)
}
