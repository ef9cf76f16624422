package steps

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// leftovers are the story's tables: their columns, and what stands in one of
// them.
var leftovers = map[string]struct {
	columns string
	tells   string
	values  []string
}{
	"users": {"id name", "name", []string{"ada", "grace", "mary"}},
	"logs":  {"created_at event id user_id", "event", []string{"joined", "first login", "signed in", "left"}},
}

// Clear drops the tables that an earlier run left in a database. Any other
// table is an error, and so is one with other columns or rows than the story
// writes; nothing is dropped then.
func Clear(dialector gorm.Dialector) error {
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return err
	}
	err = dropLeftovers(db)
	return errors.Join(err, closePool(db.DB()))
}

func dropLeftovers(db *gorm.DB) error {
	tables, err := ownTables(db)
	if err != nil {
		return err
	}
	var foreign []string
	for _, table := range tables {
		left, err := isLeftover(db, table)
		if err != nil {
			return err
		}
		if !left {
			foreign = append(foreign, table)
		}
	}
	if len(foreign) > 0 {
		return fmt.Errorf("the database has tables that are not the walkthrough's: %s; choose an empty one", strings.Join(foreign, ", "))
	}
	for _, table := range tables {
		if err := db.Migrator().DropTable(table); err != nil {
			return err
		}
	}
	return nil
}

func isLeftover(db *gorm.DB, table string) (bool, error) {
	story, ok := leftovers[table]
	if !ok {
		return false, nil
	}
	columns, err := db.Migrator().ColumnTypes(table)
	if err != nil {
		return false, err
	}
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.Name()
	}
	sort.Strings(names)
	if strings.Join(names, " ") != story.columns {
		return false, nil
	}
	var others int64
	err = db.Table(table).Where(story.tells+" NOT IN ?", story.values).Count(&others).Error
	return others == 0, err
}
