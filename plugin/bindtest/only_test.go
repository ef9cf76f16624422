package bindtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

func TestOnly(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		config := bindtest.Config(gorm.Config{PrepareStmt: prepare})
		for name, c := range map[string]struct {
			use  func(*gorm.DB) error
			want string // what it says of the statement
		}{
			"a write":       {func(db *gorm.DB) error { return db.Create(&LogEntry{Event: "x"}).Error }, "INSERT INTO `logs`"},
			"a read":        {func(db *gorm.DB) error { return db.Find(&[]LogEntry{}).Error }, "SELECT * FROM `logs`"},
			"a row":         {func(db *gorm.DB) error { var n int; return db.Raw("SELECT count(*) FROM logs").Row().Scan(&n) }, "SELECT count(*) FROM logs"},
			"a preload":     {func(db *gorm.DB) error { return db.Preload("Logs").Find(&[]User{}).Error }, "SELECT * FROM `logs`"},
			"an Exec":       {func(db *gorm.DB) error { return db.Exec("DELETE FROM logs").Error }, "DELETE FROM logs"},
			"a migration":   {func(db *gorm.DB) error { return db.AutoMigrate(&LogEntry{}) }, "CREATE TABLE `logs`"},
			"a transaction": {func(db *gorm.DB) error { return signUp(db, "ada") }, "INSERT INTO `logs`"},
			"a nested transaction": {func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Find(&[]User{}).Error, tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&LogEntry{}).Error }))
				})
			}, "INSERT INTO `logs`"},
			"a *sql.Tx": {func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error {
					pool, err := bindkey.SQLTx(tx, "analytics")
					must(t, err)
					_, err = pool.Exec("DELETE FROM logs")
					return err
				})
			}, "DELETE FROM logs"},
		} {
			t.Run(fmt.Sprint(name, prepare), func(t *testing.T) {
				var err error
				said := try(t, func(t bindtest.TB) {
					db := open(t, config)
					must2(t, db.Create(&User{Name: "before"}).Error)
					bindtest.Only(t, db, "main")
					err = c.use(db)
					if got := holds(t, db); got != "before, 0 logs" {
						t.Errorf("the databases hold %s", got)
					}
				})
				if !errors.Is(err, bindtest.ErrForbidden) {
					t.Errorf("the program got %v", err)
				}
				for _, text := range []string{`the test allows only "main" (set at only_test.go:`, `), and this goes to bind "analytics":`, "\n\t" + c.want, `bindtest.Only(t, db, "main", "analytics")`} {
					if !strings.Contains(said, text) {
						t.Errorf("the test does not say %q, but\n%s", text, said)
					}
				}
				if line := lineHere.FindString(said); !strings.HasPrefix(line, "only_test.go:") && !strings.HasPrefix(line, "world_test.go:") {
					t.Errorf("the line is %q in\n%s", line, said)
				}
			})
		}
	}
}

func must2(t bindtest.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func TestOnlyAllows(t *testing.T) {
	passes(t, func(t bindtest.TB) {
		db := open(t)
		bindtest.Only(t, db, "main", "analytics")
		must2(t, signUp(db, "ada"))
		bindtest.Only(t, db, "main")
		must2(t, db.WithContext(context.Background()).Find(&[]User{}).Error)
		must2(t, db.Session(&gorm.Session{DryRun: true}).Find(&[]LogEntry{}).Error)
		if err := db.Joins("JOIN logs ON logs.user_id = users.id").Find(&[]User{}).Error; !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("%v", err)
		}
	})
	fails(t, func(t bindtest.TB) {
		db := open(t)
		bindtest.Only(t, db)
		_ = db.Find(&[]User{}).Error
	}, "the test allows no bind", `bindtest.Only(t, db, "main")`)
}

// The program's transaction can still be ended where another bind is forbidden
// in its midst.
func TestOnlyInATransaction(t *testing.T) {
	fails(t, func(t bindtest.TB) {
		db := open(t)
		tx := db.Begin()
		must2(t, tx.Create(&User{Name: "ada"}).Error)
		bindtest.Only(t, db, "analytics")
		must2(t, tx.Commit().Error)
		if got := holds(t, db); got != "ada, 0 logs" {
			t.Errorf("the databases hold %s", got)
		}
		_ = db.Find(&[]User{}).Error
	}, `only "analytics"`)
}

// A transaction that sends nothing in a bind that is forbidden is told of when it ends, or
// the test does.
func TestOnlyWithoutStatements(t *testing.T) {
	says := []string{`the test allows only "main" (set at only_test.go:`, "\n\tBEGIN\n"}
	begin := func(t bindtest.TB, db *gorm.DB) *gorm.DB {
		tx := db.Begin()
		_, err := bindkey.SQLTx(tx, "analytics")
		must2(t, err)
		return tx
	}
	for name, end := range map[string]func(*gorm.DB) *gorm.DB{"COMMIT": (*gorm.DB).Commit, "ROLLBACK": (*gorm.DB).Rollback} {
		var before int
		f := tried(t, func(t bindtest.TB) {
			db := open(t)
			bindtest.Only(t, db, "main")
			tx := begin(t, db)
			before = len(t.(*fake).said)
			must2(t, end(tx).Error)
			must2(t, db.Find(&[]User{}).Error)
		})
		if before != 0 || len(f.said) != 1 {
			t.Errorf("%s: the test said %q", name, f.said)
		}
		for _, text := range says {
			if !strings.Contains(strings.Join(f.said, ""), text) {
				t.Errorf("%s: the test does not say %q, but %q", name, text, f.said)
			}
		}
	}
	db := open(t)
	inner := &fake{name: t.Name() + "/inner"}
	bindtest.Only(inner, db, "main")
	tx := begin(t, db)
	inner.end()
	if said := strings.Join(inner.said, ""); !strings.Contains(said, says[1]) {
		t.Errorf("the test that has ended said %q", said)
	}
	must(t, tx.Create(&LogEntry{}).Error) // allowed again
	must(t, tx.Commit().Error)
	if len(inner.said) != 1 {
		t.Errorf("it said %q", inner.said)
	}
}

// What a subtest allows ends with it, and goroutines are seen as well.
func TestOnlyOfSubtests(t *testing.T) {
	db := open(t)
	bindtest.Only(t, db, "main", "analytics")
	inner := &fake{name: t.Name() + "/inner"}
	bindtest.Only(inner, db, "main")
	var all sync.WaitGroup
	for range [3]struct{}{} {
		all.Add(1)
		go func() {
			defer all.Done()
			_ = db.Find(&[]LogEntry{}).Error
		}()
	}
	all.Wait()
	if len(inner.said) != 3 {
		t.Errorf("the subtest said %q", inner.said)
	}
	inner.end()
	must(t, db.Find(&[]LogEntry{}).Error) // allowed again

	fails(t, func(parallel bindtest.TB) {
		one, other := parallel.(*fake), &fake{name: t.Name() + "/other"}
		bindtest.Only(other, db, "main")
		defer other.end()
		one.name = t.Name() + "/one"
		bindtest.Only(one, db, "main")
	}, "/other, which is still running with this handle", "bindtest.Open")
}
