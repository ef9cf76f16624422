// The name ends in .gen.go for the reason that is told in migrator.gen.go. These
// are the methods for columns, constraints and indexes.

package bindkey

import (
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

func (m migrator) AddColumn(value any, field string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.AddColumn(value, field)
}

func (m migrator) DropColumn(value any, field string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.DropColumn(value, field)
}

func (m migrator) AlterColumn(value any, field string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.AlterColumn(value, field)
}

func (m migrator) MigrateColumn(value any, field *schema.Field, columnType gorm.ColumnType) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.MigrateColumn(value, field, columnType)
}

func (m migrator) MigrateColumnUnique(value any, field *schema.Field, columnType gorm.ColumnType) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.MigrateColumnUnique(value, field, columnType)
}

func (m migrator) HasColumn(value any, field string) bool {
	inner := m.asked(m.bindOf(value))
	return inner != nil && inner.HasColumn(value, field)
}

func (m migrator) RenameColumn(value any, oldName, field string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.RenameColumn(value, oldName, field)
}

func (m migrator) ColumnTypes(value any) ([]gorm.ColumnType, error) {
	inner, err := m.of(value)
	if err != nil {
		return nil, err
	}
	return inner.ColumnTypes(value)
}

func (m migrator) CreateConstraint(value any, name string) error {
	b, crossing, err := m.bindOfConstraint(value, name)
	if err = xact.Join(err, crossing); err != nil {
		return err
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
func (m migrator) DropConstraint(value any, name string) error {
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

func (m migrator) HasConstraint(value any, name string) bool {
	b, _, err := m.bindOfConstraint(value, name)
	inner := m.asked(b, err)
	return inner != nil && inner.HasConstraint(value, name)
}

func (m migrator) CreateIndex(value any, name string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.CreateIndex(value, name)
}

func (m migrator) DropIndex(value any, name string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.DropIndex(value, name)
}

func (m migrator) HasIndex(value any, name string) bool {
	inner := m.asked(m.bindOf(value))
	return inner != nil && inner.HasIndex(value, name)
}

func (m migrator) RenameIndex(value any, oldName, newName string) error {
	inner, done, err := m.change(value)
	if err != nil {
		return err
	}
	defer done()
	return inner.RenameIndex(value, oldName, newName)
}

func (m migrator) GetIndexes(value any) ([]gorm.Index, error) {
	inner, err := m.of(value)
	if err != nil {
		return nil, err
	}
	return inner.GetIndexes(value)
}
