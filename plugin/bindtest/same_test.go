package bindtest_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

func TestRows(t *testing.T) {
	type Note struct {
		ID        uint
		Text      string
		DeletedAt gorm.DeletedAt
	}
	db := bindtest.Open(t, bindkey.New(bindkey.Models(&User{}, &LogEntry{}, &Note{})))
	must(t, errors.Join(signUp(db, "ada"), signUp(db, "grace"), db.Create(&Note{Text: "n"}).Error, db.Delete(&Note{}, 1).Error))
	rec := bindtest.Record(t, db)
	if got := bindtest.Rows(t, db, "main", &Note{}); len(got) != 1 || !got[0].DeletedAt.Valid {
		t.Errorf("a soft-deleted row: %v", got)
	}
	if got := bindtest.Rows(t, db, "main", &User{Name: "grace"}); len(got) != 1 || got[0].ID != 2 {
		t.Errorf("a condition: %v", got)
	}
	tx := db.Begin()
	defer tx.Rollback()
	must(t, tx.Create(&User{Name: "not yet"}).Error)
	if got := holds(t, tx); got != "ada grace, 2 logs" {
		t.Errorf("others see %s", got)
	}
	rec.WantStatements(1)
	fails(t, func(t bindtest.TB) { bindtest.Rows(t, db, "main", &LogEntry{}) }, "no such table", `the model lives in "analytics"`)
	fails(t, func(t bindtest.TB) { bindtest.Rows[User](t, db, "main", nil) }, "the model is nil")
}

func TestSame(t *testing.T) {
	db := open(t)
	must(t, signUp(db, "ada"))
	before := bindtest.Look(t, db)
	bindtest.Same(t, db, before)
	must(t, errors.Join(signUp(db, "grace\n"), db.Model(&User{}).Where("id = 1").Update("name", "Ada").Error,
		db.Exec("DELETE FROM logs WHERE id = 1").Error))
	fails(t, func(t bindtest.TB) { bindtest.Same(t, db, before) }, `analytics: logs
  - id=1 user_id=1 event="joined"
  + id=2 user_id=2 event="joined"
main: users
  - id=1 name="ada"
  + id=1 name="Ada"
  + id=2 name="grace\n"
`)
	without := bindtest.Look(t, db, "name", "logs.event")
	must(t, db.Exec("UPDATE users SET name = NULL").Error)
	must(t, db.Exec("UPDATE logs SET event = 'x'").Error)
	bindtest.Same(t, db, without, "name", "logs.event")
	fails(t, func(t bindtest.TB) { bindtest.Look(t, db, "name", "users.nam") }, `Look leaves out the column "users.nam", which no table has (known: users.id, users.name)`)
	fails(t, func(t bindtest.TB) { bindtest.Same(t, db, without, "name", "logs.event", "created") }, `Same leaves out the column "created", which no table has (known: logs.id, logs.user_id, logs.event, users.id, users.name)`)
	must(t, db.Clauses(bindkey.Use("analytics")).Exec("CREATE TABLE more (id INTEGER)").Error)
	must(t, db.Exec("DROP TABLE users").Error)
	fails(t, func(t bindtest.TB) { bindtest.Same(t, db, before) }, "analytics: more (a new table)\n", "main: users (the table is gone)\n  - id=1 name=\"ada\"")
}

func TestSameAsFile(t *testing.T) {
	db := open(t)
	path := filepath.Join(t.TempDir(), "testdata", "users.golden")
	fails(t, func(t bindtest.TB) { bindtest.SameAsFile(t, db, path) }, "BINDTEST_UPDATE=1")
	must(t, signUp(db, "ada"))
	t.Setenv(bindtest.UpdateVariable, "1")
	if f := tried(t, func(t bindtest.TB) { bindtest.SameAsFile(t, db, path) }); f.failed || len(f.said) != 1 {
		t.Errorf("writing the file said %q", f.said)
	}
	t.Setenv(bindtest.UpdateVariable, "")
	text, err := os.ReadFile(path)
	must(t, err)
	want := "analytics: logs\n  id=1 user_id=1 event=\"joined\"\nmain: users\n  id=1 name=\"ada\"\n"
	if string(text) != want {
		t.Errorf("the file has\n%s", text)
	}
	bindtest.SameAsFile(t, db, path)
	fails(t, func(t bindtest.TB) { bindtest.SameAsFile(t, db, path, "created_at") }, `SameAsFile leaves out the column "created_at"`)
	must(t, signUp(db, "grace"))
	fails(t, func(t bindtest.TB) { bindtest.SameAsFile(t, db, path) }, "users.golden", `+ id=2 name="grace"`)
	must(t, os.WriteFile(path, []byte("main: users\n  id=9 name=\"gone\"\n"+bindtest.Look(t, db).String()), 0o600)) // a merge has gone wrong
	fails(t, func(t bindtest.TB) { bindtest.SameAsFile(t, db, path) }, `- id=9 name="gone"`)
}

// Tests that run at the same time would see each other's rows.
func TestReadingSaysSo(t *testing.T) {
	for name, read := range map[string]func(bindtest.TB, *gorm.DB){
		"Rows":       func(t bindtest.TB, db *gorm.DB) { bindtest.Rows(t, db, "main", &User{}) },
		"Look":       func(t bindtest.TB, db *gorm.DB) { bindtest.Look(t, db) },
		"Same":       func(t bindtest.TB, db *gorm.DB) { bindtest.Same(t, db, bindtest.State{}) },
		"SameAsFile": func(t bindtest.TB, db *gorm.DB) { bindtest.SameAsFile(t, db, "none") },
	} {
		db := open(t)
		one := &fake{name: t.Name() + "/one"}
		bindtest.Rows(one, db, "main", &User{})
		fails(t, func(t bindtest.TB) { read(t, db) }, name+" of ", "/one, which is still running with this handle: open a handle of its own")
		one.end()
		bindtest.Rows(&fake{name: t.Name() + "/next"}, db, "main", &User{})
	}
}
