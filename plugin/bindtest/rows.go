package bindtest

import (
	"errors"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Rows are the rows that a bind's database holds for a model, in the order of their
// primary key, soft-deleted ones too. They are read past the plugin and past the
// program: by a plain handle on a connection of its own, without hooks, and without
// a trace in a recording. In the midst of a transaction they are those that others
// see; under [Rollback] there are no others, so they are all, also what the program has not
// committed yet. Fields of the model that are set are
// conditions, as in GORM's Where.
//
//	logs := bindtest.Rows(t, db, "analytics", &LogEntry{})
//
// Of a bind with tenants ([Tenants]), key is that of one's database: "customer/acme".
// A bind whose database has no table for the model fails the test.
func Rows[T any](t TB, db *gorm.DB, key string, model *T) []T {
	t.Helper()
	k := kitOf(t, db, "Rows")
	if k == nil || !k.hold(t, "Rows") || !k.knowsEach(t, []string{key}, "Rows") {
		return nil
	}
	var rows []T
	plain, err := k.binds[key].open(db)
	if err == nil {
		err = readRows(plain, model, &rows)
	}
	if err != nil {
		lives := ""
		if home, err := k.plugin.KeyOf(model); err == nil && home != k.binds[key].key {
			lives = "; the model lives in " + quotedKeys([]string{home})
		}
		t.Fatalf("bindtest: Rows of %T in bind %q: %v%s", model, key, err, lives)
	}
	return rows
}

func readRows[T any](plain *gorm.DB, model *T, rows *[]T) error {
	if model == nil {
		return errors.New("the model is nil; give one, such as &LogEntry{}")
	}
	tx := plain.Session(&gorm.Session{SkipHooks: true}).Unscoped()
	parsed := &gorm.Statement{DB: plain}
	if err := parsed.Parse(model); err != nil {
		return err
	}
	for _, name := range parsed.Schema.PrimaryFieldDBNames {
		tx = tx.Order(clause.OrderByColumn{Column: clause.Column{Name: name}})
	}
	return tx.Where(model).Find(rows).Error
}

// tableNames are the tables of a database, but for the product's own. On PostgreSQL those of
// other schemas are among them, which GORM's migrator does not list.
func tableNames(plain *gorm.DB) ([]string, error) {
	if plain.Name() == "postgres" {
		var all []string
		err := plain.Raw("SELECT CASE table_schema WHEN CURRENT_SCHEMA() THEN table_name ELSE table_schema || '.' || table_name END FROM information_schema.tables" +
			" WHERE table_type = 'BASE TABLE' AND table_schema <> 'information_schema' AND table_schema NOT LIKE 'pg!_%' ESCAPE '!'").Scan(&all).Error
		return all, err
	}
	all, err := plain.Migrator().GetTables()
	if err != nil {
		return nil, err
	}
	return without(all, func(table string) bool { return strings.HasPrefix(table, "sqlite_") }), nil
}
