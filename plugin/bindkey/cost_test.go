package bindkey_test

import (
	"database/sql"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A CostThing is a model of the tests of cost.
type CostThing struct{ ID uint }

// costHandles are a plain handle and one of two dialects, over things with the
// numbers 1 to 40.
func costHandles(t *testing.T) (plain, mixed *gorm.DB) {
	t.Helper()
	dir := t.TempDir()
	plain = openPlain(t, sqlitedb.Open(dir+"/main.db"), &gorm.Config{})
	mixed = openPlain(t, sqlitedb.Open(dir+"/main.db"), &gorm.Config{})
	other := newPidgin("other")
	other.Dialector = *sqlitedb.New(dir + "/other.db")
	plugin := bindkey.New().Register("other", dbresolver.Config{Sources: []gorm.Dialector{&other}})
	if err := mixed.Use(plugin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plugin.Close() })
	if err := plain.AutoMigrate(&CostThing{}); err != nil {
		t.Fatal(err)
	}
	for id := uint(1); id <= 40; id++ {
		if err := plain.Create(&CostThing{ID: id}).Error; err != nil {
			t.Fatal(err)
		}
	}
	return plain, mixed
}

func ids(n int) (values []any) {
	for i := 1; i <= n; i++ {
		values = append(values, i)
	}
	return values
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// Raw subqueries of many variables, one in another, with what GORM takes for a
// placeholder, and with values that are none, find what a plain handle finds.
func TestRawSubqueriesOfManyVariables(t *testing.T) {
	plain, mixed := costHandles(t)
	type number int
	for name, ask := range map[string]func(db *gorm.DB) *gorm.DB{
		"twenty": func(db *gorm.DB) *gorm.DB {
			return db.Model(&CostThing{}).Where("id IN (?)", db.Raw("SELECT id FROM cost_things WHERE id IN ("+marks(20)+")", ids(20)...))
		},
		"behind others": func(db *gorm.DB) *gorm.DB {
			return db.Model(&CostThing{}).Where("id > ?", 3).Where("id IN (?) AND id < ?", db.Raw("SELECT id FROM cost_things WHERE id IN ("+marks(20)+")", ids(20)...), 11)
		},
		"two": func(db *gorm.DB) *gorm.DB {
			return db.Model(&CostThing{}).Where("id IN (?) OR id IN (?)", db.Raw("SELECT id FROM cost_things WHERE id IN ("+marks(20)+")", ids(20)...),
				db.Raw("SELECT id FROM cost_things WHERE id - 20 IN ?", ids(18)))
		},
		"one in another": func(db *gorm.DB) *gorm.DB {
			inner := db.Raw("SELECT id FROM cost_things WHERE id IN ("+marks(30)+")", ids(30)...)
			middle := db.Raw("SELECT id FROM cost_things WHERE id > ? AND id IN (?) AND id < ?", 2, inner, 29)
			return db.Model(&CostThing{}).Where("id <> ? AND id IN (?)", 7, db.Raw("SELECT id FROM cost_things WHERE id IN (?) AND id < ?", middle, 25))
		},
		"an @": func(db *gorm.DB) *gorm.DB {
			return db.Model(&CostThing{}).Where("id IN (?)", db.Raw("SELECT id FROM cost_things WHERE 'a@b' = 'a@b' AND id IN ("+marks(20)+")", ids(20)...))
		},
		"names": func(db *gorm.DB) *gorm.DB {
			return db.Model(&CostThing{}).Where("id IN (?)", db.Raw("SELECT id FROM cost_things WHERE id IN @ids AND id > @least", sql.Named("ids", ids(20)), sql.Named("least", 4)))
		},
		"other values": func(db *gorm.DB) *gorm.DB {
			five := 5
			return db.Model(&CostThing{}).Where("id IN (?)", db.Raw("SELECT id FROM cost_things WHERE id IN ("+marks(14)+") OR id IN (?) OR id IN ?",
				append(ids(9), &five, number(12), sql.NullInt64{Int64: 14, Valid: true}, nil, "16", []int{20, 22}, []number{24, 26})...))
		},
	} {
		var want, got []uint
		if err := ask(plain).Order("id").Pluck("id", &want).Error; err != nil || len(want) == 0 {
			t.Fatalf("%s: %v, %v", name, want, err)
		}
		if err := ask(mixed).Order("id").Pluck("id", &got).Error; err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
}

// allocated is how many bytes a call allocates: a text that is copied for each of
// its variables shows there.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Four times the variables cost four times as much, and not sixteen times.
func TestRawSubqueryInLinearTime(t *testing.T) {
	_, mixed := costHandles(t)
	ask := func(n int) uint64 {
		values, text := ids(n), "SELECT id FROM cost_things WHERE id IN ("+marks(n)+")"
		return allocated(func() {
			var found []uint
			if err := mixed.Model(&CostThing{}).Where("id IN (?)", mixed.Raw(text, values...)).Pluck("id", &found).Error; err != nil || len(found) != 40 {
				t.Errorf("%d: %v, %v", n, found, err)
			}
		})
	}
	ask(4000)
	if few, many := ask(4000), ask(16000); many > 8*few {
		t.Errorf("%d bytes, and for four times as many variables %d", few, many)
	}
}

// goroutines waits until there are no more than some, and tells how many there are:
// those of a closed pool take a moment to end.
func goroutines(atMost int) int {
	for i := 0; i < 50 && runtime.NumGoroutine() > atMost; i++ {
		runtime.Gosched()
		runtime.GC()
	}
	return runtime.NumGoroutine()
}

// steady is how many goroutines there are once none has ended for a while: those of
// handles closed before would be counted as this one's that end.
func steady() int {
	n, since := runtime.NumGoroutine(), time.Now()
	for time.Since(since) < 100*time.Millisecond {
		time.Sleep(5 * time.Millisecond)
		if now := runtime.NumGoroutine(); now != n {
			n, since = now, time.Now()
		}
	}
	return n
}

// A db.Use that fails leaves no goroutine, and a handle that was opened and closed
// leaves no more than a plain one.
func TestGoroutinesThatStay(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) gorm.Dialector { return sqlitedb.Open(dir + "/" + name) }
	const times = 10
	for _, prepare := range []bool{false, true} {
		one := func(use func(db *gorm.DB)) {
			db, err := gorm.Open(file("main.db"), &gorm.Config{Logger: logger.Discard, PrepareStmt: prepare})
			if err != nil {
				t.Fatal(err)
			}
			use(db)
			closeDB(db)
		}
		left := func(allowed int, use func(db *gorm.DB)) int {
			before := steady()
			for i := 0; i < times; i++ {
				one(use)
			}
			return goroutines(before+allowed) - before
		}
		before := steady()
		left(0, func(db *gorm.DB) { db.Exec("SELECT 1") })
		plain := steady() - before                                                                                        // GORM's, for each store of prepared statements
		allowed := map[string]int{"a Use that fails": plain, "a Use that fails late": plain, "open and close": 5 * plain} // its pools
		binds := func(last gorm.Dialector) *bindkey.Plugin {
			return bindkey.New().
				Register("a", dbresolver.Config{Sources: []gorm.Dialector{file("a.db")}, Replicas: []gorm.Dialector{file("a2.db")}}).
				Register("b", dbresolver.Config{Sources: []gorm.Dialector{file("b.db"), last}})
		}
		for name, use := range map[string]func(db *gorm.DB){
			"a Use that fails": func(db *gorm.DB) {
				if err := db.Use(binds(sqlitedb.Open(dir + "/no/such/folder.db"))); err == nil {
					t.Error("no error")
				}
				db.Exec("SELECT 1")
			},
			"a Use that fails late": func(db *gorm.DB) {
				if err := db.Use(binds(file("c.db")).Register("a", dbresolver.Config{})); err == nil {
					t.Error("no error")
				}
				db.Exec("SELECT 1")
			},
			"open and close": func(db *gorm.DB) {
				plugin := binds(file("c.db"))
				if err := db.Use(plugin); err != nil {
					t.Fatal(err)
				}
				for _, key := range []string{"main", "a", "b"} {
					if err := db.Clauses(bindkey.Use(key)).Exec("SELECT 1").Error; err != nil {
						t.Error(err)
					}
				}
				if err := plugin.Close(); err != nil {
					t.Error(err)
				}
			},
		} {
			if stay := left(allowed[name], use); stay > allowed[name] {
				var stacks [1 << 14]byte
				t.Errorf("PrepareStmt %v, %s: %d goroutines stay, and of plain handles %d\n%s", prepare, name, stay, allowed[name], fmt.Sprintf("%.3000s", stacks[:runtime.Stack(stacks[:], true)]))
			}
		}
	}
}
