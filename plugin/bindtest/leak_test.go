package bindtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// A transaction that nobody ends fails the test, with the line of its Begin.
func TestLeak(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		for name, prepared := range map[string]func(bindtest.TB, *gorm.DB){"alone": func(bindtest.TB, *gorm.DB) {}, "Rollback": bindtest.Rollback} {
			prepare, prepared := prepare, prepared
			t.Run(fmt.Sprint(name, prepare), func(t *testing.T) {
				t.Parallel()
				f := tried(t, func(t bindtest.TB) {
					db := open(t, bindtest.Config(gorm.Config{PrepareStmt: prepare}))
					prepared(t, db)
					tx := db.Begin() // line 26
					must2(t, tx.Create(&User{Name: "ada"}).Error)
					must2(t, tx.Create(&LogEntry{}).Error)
				})
				said := strings.Join(f.said, "")
				if !f.failed || len(f.said) != 1 || lineHere.FindString(said) != "leak_test.go:26" {
					t.Errorf("the test said %q", f.said)
				}
				for _, key := range []string{"main", "analytics"} {
					if !strings.Contains(said, fmt.Sprintf("is still open in bind %q", key)) {
						t.Errorf("nothing is said of %s: %s", key, said)
					}
				}
			})
		}
	}
}

// What ended in another way is no leak.
func TestNoLeak(t *testing.T) {
	for name, use := range map[string]func(bindtest.TB, *gorm.DB){
		"a cleanup of the test": func(t bindtest.TB, db *gorm.DB) {
			tx := db.Begin()
			t.Cleanup(func() { tx.Rollback() })
			must2(t, tx.Create(&User{}).Error)
		},
		"a context that has ended": func(t bindtest.TB, db *gorm.DB) {
			ctx, cancel := context.WithCancel(context.Background())
			must2(t, db.WithContext(ctx).Begin().Create(&User{}).Error)
			cancel()
		},
		"a connection that is lost": func(t bindtest.TB, db *gorm.DB) {
			bindtest.Fail(t, db, "main", bindtest.Statement, bindtest.ErrLost)
			if err := db.Begin().Create(&User{}).Error; err == nil {
				t.Errorf("no error")
			}
		},
		"a panic": func(t bindtest.TB, db *gorm.DB) {
			defer func() { _ = recover() }()
			_ = db.Transaction(func(tx *gorm.DB) error {
				panic(tx.Create(&User{}).Error)
			})
		},
		"BEGIN and COMMIT that fail": func(t bindtest.TB, db *gorm.DB) {
			bindtest.Fail(t, db, "main", bindtest.Begin, errDisk)
			bindtest.Fail(t, db, "main", bindtest.Commit, errDisk)
			if err := errors.Join(signUp(db, "ada"), signUp(db, "grace")); !errors.Is(err, errDisk) {
				t.Errorf("%v", err)
			}
		},
		"no statement": func(_ bindtest.TB, db *gorm.DB) { db.Begin() },
	} {
		t.Run(name, func(t *testing.T) {
			passes(t, func(t bindtest.TB) {
				db := open(t)
				use(t, db)
			})
			passes(t, func(t bindtest.TB) {
				db := open(t)
				bindtest.Rollback(t, db)
				use(t, db)
			})
		})
	}
}

// Who ends a transaction after the test is told that it is over, and the next test has
// nothing of it.
func TestLeakAfterTheEnd(t *testing.T) {
	db := open(t)
	ended := &fake{name: t.Name() + "/ended"}
	bindtest.Rollback(ended, db)
	one, other := db.Begin(), db.Clauses(bindkey.Use("analytics")).Begin()
	must(t, one.Create(&User{}).Error)
	must(t, other.Create(&LogEntry{}).Error)
	ended.end()
	if !ended.failed {
		t.Error("the test did not fail")
	}
	if err := one.Commit().Error; err == nil {
		t.Error("a commit after the end is no error")
	}
	_ = other.Rollback().Error
	must(t, signUp(db, "next"))
	if got := holds(t, db); got != "next, 1 logs" {
		t.Errorf("the databases hold %s", got)
	}
}
