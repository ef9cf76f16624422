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
			"a write":       {func(db *gorm.DB) error { return db.Create(&LogEntry{Event: "x"}).Error }, "BEGIN"},
			"a read":        {func(db *gorm.DB) error { return db.Find(&[]LogEntry{}).Error }, "SELECT * FROM `logs`"},
			"a row":         {func(db *gorm.DB) error { var n int; return db.Raw("SELECT count(*) FROM logs").Row().Scan(&n) }, "SELECT count(*) FROM logs"},
			"a preload":     {func(db *gorm.DB) error { return db.Preload("Logs").Find(&[]User{}).Error }, "SELECT * FROM `logs`"},
			"an Exec":       {func(db *gorm.DB) error { return db.Exec("DELETE FROM logs").Error }, "DELETE FROM logs"},
			"a migration":   {func(db *gorm.DB) error { return db.AutoMigrate(&LogEntry{}) }, "CREATE TABLE `logs`"},
			"Begin":         {func(db *gorm.DB) error { return db.Clauses(bindkey.Use("analytics")).Begin().Error }, "BEGIN"},
			"a transaction": {func(db *gorm.DB) error { return signUp(db, "ada") }, "BEGIN"},
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
				for _, text := range []string{`the test allows only "main", and this goes to bind "analytics":`, "\n\t" + c.want, `bindtest.Only(t, db, "main", "analytics")`} {
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
	}, "/other does, which is still running with this handle", "bindtest.Open")
}
