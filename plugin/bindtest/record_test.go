package bindtest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

func TestRecord(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprint("PrepareStmt=", prepare), func(t *testing.T) {
			db := open(t, bindtest.Config(gorm.Config{PrepareStmt: prepare}))
			must(t, signUp(db, "before"))
			rec := bindtest.Record(t, db)
			must(t, signUp(db, "ada"))
			rec.WantStatements(2)
			rec.WantStatements(1, "analytics")
			rec.WantBinds("analytics", "main")
			rec.WantCommits("analytics", "main")
			rec.WantTransactions("main committed, analytics committed")
			first := rec.Statements("main")[0]
			if first.Key != "main" || first.Role != "source" || !strings.HasPrefix(first.SQL, "INSERT INTO `users`") || !strings.HasPrefix(first.At, "world_test.go:") || first.Err != nil {
				t.Errorf("the first statement is %+v", first)
			}

			rec.Reset()
			rec.WantStatements(0)
			rec.WantTransactions()
			var users []User
			must(t, db.Preload("Logs").Find(&users).Error)
			rec.WantStatements(2)
			rec.WantTransactions()
			holds(t, db)
			rec.WantStatements(2) // the kit's own are not among them

			rec.Reset()
			_ = db.Transaction(func(tx *gorm.DB) error {
				must(t, tx.Create(&User{Name: "grace"}).Error)
				must(t, tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&LogEntry{}).Error }))
				return errors.New("no")
			})
			rec.WantTransactions("main rolled back, analytics rolled back")
			rec.WantCommits()
			rec.WantStatements(2)
		})
	}
}

// Transactions that are open at a time are told apart, and the outcome of a partial one
// is told.
func TestRecordTransactions(t *testing.T) {
	db := open(t)
	rec := bindtest.Record(t, db)
	one, other := db.Begin(), db.Begin()
	must(t, one.Find(&[]User{}).Error)
	must(t, other.Find(&[]User{}).Error)
	rec.WantTransactions("main open", "main open")
	must(t, one.Rollback().Error)
	must(t, other.Commit().Error)
	rec.WantTransactions("main rolled back", "main committed")

	rec.Reset()
	bindtest.Fail(t, db, "main", bindtest.Commit, errDisk)
	if err := signUp(db, "ada"); !errors.Is(err, bindkey.ErrPartialCommit) {
		t.Error(err)
	}
	rec.WantTransactions("main failed, analytics committed")

	rec.Reset()
	bindtest.Fail(t, db, "main", bindtest.Statement, bindtest.ErrLost)
	if err := signUp(db, "ada"); err == nil {
		t.Error("no error of a lost connection")
	}
	rec.WantTransactions("main rolled back")
	rec.Reset()
	if err := db.Exec("INSERT INTO logs (nothing) VALUES (1)").Error; err == nil || rec.Statements()[0].Err == nil {
		t.Errorf("a statement failed with %v, and was recorded as\n%s", err, rec)
	}
}

func TestRecordSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		want func(*bindtest.Recording)
		says []string
	}{
		"statements":   {func(r *bindtest.Recording) { r.WantStatements(3) }, []string{"sent 2 statements to all binds, want 3", "main source: INSERT INTO `users`", "world_test.go:"}},
		"of a bind":    {func(r *bindtest.Recording) { r.WantStatements(0, "main") }, []string{`sent 1 statements to "main", want 0`}},
		"binds":        {func(r *bindtest.Recording) { r.WantBinds("main") }, []string{`["analytics", "main"], want ["main"]`}},
		"commits":      {func(r *bindtest.Recording) { r.WantCommits("main", "analytics") }, []string{`["analytics", "main"], want ["main", "analytics"]`}},
		"transactions": {func(r *bindtest.Recording) { r.WantTransactions("main committed") }, []string{"main committed, analytics committed\nwant\n\tmain committed"}},
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, func(t bindtest.TB) {
				db := open(t)
				rec := bindtest.Record(t, db)
				must2(t, signUp(db, "ada"))
				c.want(rec)
			}, c.says...)
		})
	}
}

// A recording ends with its test, and several may run.
func TestRecordEnds(t *testing.T) {
	db := open(t)
	inner := &fake{name: t.Name() + "/inner"}
	outer, rec := bindtest.Record(t, db), bindtest.Record(inner, db)
	must(t, signUp(db, "ada"))
	inner.end()
	must(t, signUp(db, "grace"))
	rec.WantStatements(2)
	outer.WantStatements(4)
	if len(inner.said) > 0 {
		t.Error(inner.said)
	}
	if got := bindtest.Record(t, db).String(); got != "nothing" {
		t.Errorf("a new recording has %s", got)
	}
}
