package testkit

import (
	"database/sql"
	"testing"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

func TestTables(t *testing.T) {
	db, err := sql.Open(sqlitedb.DriverName, ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	read := func(statements ...string) map[string]string {
		t.Helper()
		for _, statement := range statements {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		tables, err := Tables(db)
		if err != nil {
			t.Fatal(err)
		}
		return tables
	}
	empty := read(`CREATE TABLE "odd "" name" (id INTEGER PRIMARY KEY AUTOINCREMENT, v)`, "CREATE TABLE sqlitesque (id)")
	if len(empty) != 2 || empty[`odd " name`] != "" || empty["sqlitesque"] != "" {
		t.Errorf("empty tables: %q", empty)
	}
	first := read(`INSERT INTO sqlitesque VALUES (1), (2)`)["sqlitesque"]
	if again := read("DELETE FROM sqlitesque", "INSERT INTO sqlitesque VALUES (2), (1)")["sqlitesque"]; again != first || first == "" {
		t.Errorf("the order of the rows counts: %q, %q", first, again)
	}
	// Values that print alike are different rows.
	texts := map[string]string{}
	for _, value := range []string{"NULL", "1", "'1'", "x'31'", "1.0", "'<nil>'", "''", "x''", "x'32'"} {
		text := read("DELETE FROM sqlitesque", "INSERT INTO sqlitesque VALUES ("+value+")")["sqlitesque"]
		if same, known := texts[text]; known {
			t.Errorf("%s and %s are both %s", value, same, text)
		}
		texts[text] = value
	}
	_ = db.Close()
	if _, err := Tables(db); err == nil {
		t.Error("no error of a database that is closed")
	}
}
