package bindtest_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

func TestFail(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		for name, c := range map[string]struct {
			key   string
			at    bindtest.Point
			err   error
			want  error // in what the program gets; nil: no error
			says  string
			holds string
		}{
			"BEGIN":                      {"analytics", bindtest.Begin, errDisk, errDisk, `BEGIN in bind "analytics"`, ", 0 logs"},
			"BEGIN, lost":                {"analytics", bindtest.Begin, bindtest.ErrLost, nil, "", "ada, 1 logs"}, // database/sql tries again
			"a statement":                {"analytics", bindtest.Statement, errDisk, errDisk, "disk full", ", 0 logs"},
			"a statement, lost":          {"main", bindtest.Statement, bindtest.ErrLost, driver.ErrBadConn, "", ", 0 logs"},
			"a statement, lost after":    {"main", bindtest.Statement, bindtest.ErrLostAfter, io.ErrUnexpectedEOF, "", ", 0 logs"},
			"the first COMMIT":           {"analytics", bindtest.Commit, errDisk, errDisk, `COMMIT in bind "analytics"`, ", 0 logs"},
			"the last COMMIT":            {"main", bindtest.Commit, errDisk, bindkey.ErrPartialCommit, `rows of "analytics" are committed`, ", 1 logs"},
			"the last COMMIT, lost":      {"main", bindtest.Commit, bindtest.ErrLost, bindkey.ErrPartialCommit, "unknown", ", 1 logs"},
			"the last COMMIT, no answer": {"main", bindtest.Commit, bindtest.ErrLostAfter, bindkey.ErrPartialCommit, "unknown", "ada, 1 logs"},
		} {
			t.Run(fmt.Sprint(name, prepare), func(t *testing.T) {
				db := open(t, bindtest.Config(gorm.Config{PrepareStmt: prepare}))
				bindtest.Fail(t, db, c.key, c.at, c.err)
				err := signUp(db, "ada")
				if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("the program got %v, want %v that says %q", err, c.want, c.says)
				}
				if got := holds(t, db); got != c.holds {
					t.Errorf("the databases hold %s, want %s", got, c.holds)
				}
				must(t, signUp(db, "grace")) // it happens once
			})
		}
	}
}

func TestFailNth(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		db := open(t, bindtest.Config(gorm.Config{PrepareStmt: prepare}))
		bindtest.Fail(t, db, "main", bindtest.Statement.Nth(3), errDisk)
		bindtest.Fail(t, db, "main", bindtest.Commit.Nth(2), errors.New("another"))
		for i, want := range []string{"", "another", "disk full", ""} {
			err := db.Create(&User{Name: fmt.Sprint("user", i)}).Error
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("write %d: %v, want %q", i, err, want)
			}
		}
		if got := holds(t, db); got != "user0 user3, 0 logs" {
			t.Errorf("the databases hold %s", got)
		}
	}
}

func TestFailRollback(t *testing.T) {
	db := open(t)
	bindtest.Fail(t, db, "main", bindtest.RollbackCall, errDisk)
	err := db.Transaction(func(tx *gorm.DB) error {
		must(t, tx.Create(&User{Name: "ada"}).Error)
		return errors.New("the program's own")
	})
	if err == nil || !strings.Contains(err.Error(), "the program's own") {
		t.Errorf("the program got %v", err)
	}
	if got := holds(t, db); got != ", 0 logs" {
		t.Errorf("the databases hold %s", got)
	}
}

// A fault that does not happen, or is none, fails the test.
func TestFailSaysSo(t *testing.T) {
	fails(t, func(t bindtest.TB) {
		db := open(t)
		bindtest.Fail(t, db, "main", bindtest.Commit.Nth(2), errDisk)
		must2(t, signUp(db, "ada"))
	}, `the fault "disk full" at COMMIT number 2 in bind "main" (set at fail_test.go:`, `) has not happened: 1 COMMIT was sent there since, and others to "analytics"`)
	fails(t, func(t bindtest.TB) {
		db := open(t)
		bindtest.Fail(t, db, "main", bindtest.Begin, errDisk)
		must2(t, db.Find(&[]User{}).Error)
	}, "has not happened: 0 BEGINs were sent there since, and to no other bind")
	fails(t, func(t bindtest.TB) {
		db := open(t)
		bindtest.Fail(t, db, "main", bindtest.Commit, errDisk)
		bindtest.Fail(t, db, "main", bindtest.Commit, errors.New("another"))
		_ = signUp(db, "ada")
		must2(t, signUp(db, "grace"))
	}, `the fault "another" at COMMIT in bind "main"`, "another fault happened in that call")
	fails(t, func(t bindtest.TB) { bindtest.Fail(t, open(t), "main", bindtest.Point{}, errDisk) }, "Fail needs a point")
	fails(t, func(t bindtest.TB) { bindtest.Fail(t, open(t), "main", bindtest.Commit.Nth(0), errDisk) }, "from 1 on")
	fails(t, func(t bindtest.TB) { bindtest.Fail(t, open(t), "main", bindtest.Commit, nil) }, "Fail needs the error")
}

// The fault of a test that has ended does not happen in the next.
func TestFailEnds(t *testing.T) {
	db := open(t)
	ended := &fake{name: t.Name() + "/ended"}
	bindtest.Fail(ended, db, "main", bindtest.Commit, errDisk)
	ended.end()
	if !ended.failed {
		t.Error("a fault that has not happened did not fail its test")
	}
	must(t, signUp(db, "ada"))
}
