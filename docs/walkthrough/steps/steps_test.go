package steps

import (
	"errors"
	"io"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

func openTest(t *testing.T) *gorm.DB {
	db := bindtest.Open(t, bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})),
		bindtest.Config(gorm.Config{TranslateError: true}))
	if err := write(db); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestEachRowIsInItsDatabase(t *testing.T) {
	db := openTest(t)
	if users := bindtest.Rows(t, db, "main", &models.User{}); len(users) != 2 || users[0].Name != "ada" {
		t.Errorf("main has %v", users)
	}
	if logs := bindtest.Rows(t, db, "analytics", &models.LogEntry{}); len(logs) != 3 || logs[0].Event != "joined" {
		t.Errorf("analytics has %v", logs)
	}
}

func TestWhatFailsIsRolledBack(t *testing.T) {
	db := openTest(t)
	before, rec := bindtest.Look(t, db), bindtest.Record(t, db)
	if err := rollback(db, io.Discard); err != nil {
		t.Error(err)
	}
	rec.WantTransactions("main rolled back, analytics rolled back")
	bindtest.Same(t, db, before)
}

func TestPartialCommit(t *testing.T) {
	db := openTest(t)
	bindtest.Fail(t, db, "main", bindtest.Commit, errors.New("disk full"))
	var partial *bindkey.PartialCommitError
	if err := transaction(db, io.Discard); !errors.As(err, &partial) || partial.Failed != "main" {
		t.Errorf("the error is %v", err)
	}
}

func TestRawSQLLeavesMainAlone(t *testing.T) {
	db := openTest(t)
	bindtest.Only(t, db, "analytics")
	if err := raw(db, io.Discard); err != nil {
		t.Error(err)
	}
}
