package processor

import (
	"path/filepath"
	"reflect"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

func opened(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if conn, err := db.DB(); err == nil {
			_ = conn.Close()
		}
	})
	return db
}

// The names are those that this version of GORM registers, in its order, and a
// copied handle has the same and nothing of plugins.
func TestNames(t *testing.T) {
	db := opened(t)
	registered := func(db *gorm.DB, kind Kind) (found []string) {
		callbacks := reflect.ValueOf(Of(db)[kind]).Elem().FieldByName("callbacks")
		for i := 0; i < callbacks.Len(); i++ {
			found = append(found, callbacks.Index(i).Elem().FieldByName("name").String())
		}
		return found
	}
	for kind := Kind(0); kind < Kinds; kind++ {
		if got := registered(db, kind); !reflect.DeepEqual(got, names[kind]) {
			t.Errorf("processor %d: GORM registers %v, known are %v", kind, got, names[kind])
		}
		if Of(db)[kind].Get(Sends[kind]) == nil {
			t.Errorf("processor %d: no callback %s", kind, Sends[kind])
		}
		if err := First(db, kind).Register("mine", func(*gorm.DB) {}); err != nil {
			t.Fatal(err)
		}
	}
	copied, err := gorm.Open(nil, &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	Copy(db, copied)
	for kind := Kind(0); kind < Kinds; kind++ {
		if got := registered(copied, kind); !reflect.DeepEqual(got, names[kind]) {
			t.Errorf("processor %d: copied are %v", kind, got)
		}
	}
	if !reflect.DeepEqual(Clauses(db), Clauses(copied)) {
		t.Errorf("clauses %v, copied %v", Clauses(db), Clauses(copied))
	}
}

type row struct{ ID uint }

// A panic in a write's callback rolls the default transaction back.
func TestRollbackOnPanic(t *testing.T) {
	db := opened(t)
	if err := db.AutoMigrate(&row{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Callback().Create().Replace("gorm:after_create", func(*gorm.DB) { panic("a hook") }); err != nil {
		t.Fatal(err)
	}
	same := func(_ Kind, callback func(*gorm.DB)) func(*gorm.DB) { return callback }
	if err := Wrap(db, same, same, same); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() != "a hook" {
				t.Error("the panic does not reach the caller")
			}
		}()
		db.Create(&row{ID: 1})
	}()
	conn, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	if n := conn.Stats().InUse; n != 0 {
		t.Fatalf("%d connections are in use", n)
	}
	var count int64
	if err := db.Model(&row{}).Count(&count).Error; err != nil || count != 0 {
		t.Errorf("%d rows, %v", count, err)
	}
}
