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

// What one goroutine has begun while another transaction was open is another one: a
// program that takes db in the place of tx shows.
func TestRecordTellsTransactionsApart(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		db := open(t, bindtest.Config(gorm.Config{PrepareStmt: prepare}))
		rec := bindtest.Record(t, db)
		must(t, db.Transaction(func(tx *gorm.DB) error {
			return errors.Join(tx.Create(&User{}).Error, db.Create(&LogEntry{}).Error)
		}))
		rec.WantTransactions("main committed", "analytics committed")

		rec.Reset()
		must(t, db.Transaction(func(tx *gorm.DB) error { // one, from several goroutines
			must(t, tx.Create(&User{}).Error)
			done := make(chan error)
			go func() { done <- tx.Create(&LogEntry{}).Error }()
			return <-done
		}))
		rec.WantTransactions("main committed, analytics committed")

		rec.Reset()
		must(t, db.Transaction(func(tx *gorm.DB) error { // begun again after a savepoint before it
			must(t, tx.Create(&User{}).Error)
			_ = tx.Transaction(func(tx *gorm.DB) error { return errors.Join(tx.Create(&LogEntry{}).Error, errors.New("no")) })
			rec.WantTransactions("main open, analytics rolled back")
			return tx.Create(&LogEntry{}).Error
		}))
		rec.WantTransactions("main committed, analytics committed")

		rec.Reset()
		must(t, db.Transaction(func(tx *gorm.DB) error {
			return errors.Join(tx.Create(&User{}).Error, bindkey.AfterCommit(tx, func(context.Context) error { return db.Create(&LogEntry{}).Error }))
		}))
		rec.WantTransactions("main committed", "analytics committed")

		rec.Reset()
		pool, err := db.DB() // past the plugin
		must(t, err)
		tx, err := pool.Begin()
		must(t, err)
		must(t, tx.Rollback())
		rec.WantTransactions("main rolled back")
	}
}

func TestRecordSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		want func(*bindtest.Recording)
		says []string
	}{
		"statements":            {func(r *bindtest.Recording) { r.WantStatements(3) }, []string{"sent 2 statements to all binds, want 3", "main source: INSERT INTO `users`", "world_test.go:"}},
		"of a bind":             {func(r *bindtest.Recording) { r.WantStatements(0, "main") }, []string{`sent 1 statement to "main", want 0`}},
		"binds":                 {func(r *bindtest.Recording) { r.WantBinds("main") }, []string{`["analytics", "main"], want ["main"]`}},
		"commits":               {func(r *bindtest.Recording) { r.WantCommits("main", "analytics") }, []string{`["analytics", "main"], want ["main", "analytics"]`}},
		"transactions":          {func(r *bindtest.Recording) { r.WantTransactions("main committed") }, []string{"had 1 transaction:\n\tmain committed, analytics committed\nwant 1:\n\tmain committed"}},
		"two for one":           {func(r *bindtest.Recording) { r.WantTransactions("main committed", "analytics committed") }, []string{"had 1 transaction:", "\nwant 2:\n\tmain committed\n\tanalytics committed"}},
		"no bind of the handle": {func(r *bindtest.Recording) { r.WantStatements(0, "analitics") }, []string{`Recording.WantStatements names the bind "analitics", which the handle does not have (known: analytics, main)`}},
		"nor in WantBinds":      {func(r *bindtest.Recording) { r.WantBinds("analitics") }, []string{`WantBinds names the bind "analitics"`}},
		"nor in WantCommits":    {func(r *bindtest.Recording) { r.WantCommits("analitics", "main") }, []string{`WantCommits names the bind "analitics"`}},
		"nor in Statements":     {func(r *bindtest.Recording) { r.Statements("main", "analitics") }, []string{`Statements names the bind "analitics"`}},
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
	fails(t, func(t bindtest.TB) { // a loop that asks for each row
		db := open(t)
		rec := bindtest.Record(t, db)
		for i := 0; i < 3; i++ {
			must2(t, db.Find(&[]User{}, i).Error)
		}
		must2(t, db.Find(&[]LogEntry{}).Error)
		rec.WantStatements(1)
	}, "4 statements", "\n3 of them are the same: record_test.go:", `, in "main"`)
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
