package bindkey

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
)

type (
	keyCacheUser struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Notes []keyCacheNote
		Tags  []keyCacheTag `gorm:"many2many:key_cache_user_tags"`
	}
	keyCacheNote struct {
		ID             uint
		KeyCacheUserID uint
	}
	keyCacheTag struct{ ID uint }
	keyCacheBad struct {
		_  struct{} `bind:"nowhere"`
		ID uint
	}
)

// knownTypes are the Go types that the plugin's catalog remembers.
func knownTypes(p *Plugin) *sync.Map {
	return (*sync.Map)(reflect.ValueOf(p.catalog).Elem().FieldByName("types").Addr().UnsafePointer())
}

// TestKeyCachesDoNotGrow counts what the plugin remembers: it depends on the
// program's types, not on statements, sessions, contexts or mistakes.
func TestKeyCachesDoNotGrow(t *testing.T) {
	dir := t.TempDir()
	p := New().Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, "analytics.db"))}})
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Close()
		if conn, err := db.DB(); err == nil {
			_ = conn.Close()
		}
	})
	if err := db.Use(p); err != nil {
		t.Fatal(err)
	}
	if err := db.AutoMigrate(&keyCacheUser{}, &keyCacheNote{}, &keyCacheTag{}); err != nil {
		t.Fatal(err)
	}

	round := func(i int) {
		t.Helper()
		type mark struct{}
		db := db.WithContext(context.WithValue(context.Background(), mark{}, i))
		user := keyCacheUser{ID: uint(i + 1), Notes: []keyCacheNote{{ID: uint(i + 1)}}, Tags: []keyCacheTag{{ID: uint(i + 1)}}}
		for name, err := range map[string]error{
			"Create":      db.Create(&user).Error,
			"Find":        db.Session(&gorm.Session{PrepareStmt: i%2 == 0}).Preload("Notes").Preload("Tags").Find(&[]keyCacheUser{}).Error,
			"where":       db.Where("id = ?", i).Find(&[]*keyCacheNote{}).Error,
			"DTO":         db.Model(&keyCacheUser{}).Find(&[]struct{ ID uint }{}).Error,
			"Table":       db.Table("key_cache_users AS u").Find(&[]map[string]any{}).Error,
			"Raw":         db.Raw(fmt.Sprintf("SELECT %d FROM key_cache_notes AS n%d", i, i)).Scan(&[]int{}).Error,
			"Use":         db.Clauses(Use("analytics")).Find(&[]keyCacheUser{}).Error,
			"Transaction": db.Transaction(func(tx *gorm.DB) error { return tx.Save(&user).Error }),
			"Association": db.Model(&user).Association("Notes").Find(&[]keyCacheNote{}),
			"Migrator":    db.Migrator().AutoMigrate(&keyCacheUser{}),
			"Check":       p.Check(&keyCacheUser{}, []keyCacheTag{}),
		} {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for name, err := range map[string]error{
			"unknown key": db.Find(&[]keyCacheBad{}).Error,
			"unknown Use": db.Clauses(Use(fmt.Sprint("nowhere", i))).Find(&[]keyCacheUser{}).Error,
			"no table":    db.Table(fmt.Sprint("key_cache_", i)).Find(&[]map[string]any{}).Error,
			"no model":    p.Check(i),
		} {
			if err == nil {
				t.Fatalf("%s: no error", name)
			}
		}
	}
	count := func() map[string]int {
		counts := map[string]int{"pools": len(p.pools), "setters": len(p.setters), "mistakes": len(p.mistakes)}
		for name, cache := range map[string]*sync.Map{"types": knownTypes(p), "homes": &p.modelBinds.all, "parsed": &p.parsed, "tables": tableNames(p), "binds": &p.binds} {
			cache.Range(func(any, any) bool { counts[name]++; return true })
		}
		return counts
	}

	round(0)
	before := count()
	for i := 1; i <= 50; i++ {
		round(i)
	}
	after := count()
	for name, entries := range after {
		if entries != before[name] {
			t.Errorf("%s: %d entries after one round, %d after 51", name, before[name], entries)
		}
	}
	if before["types"] == 0 || before["homes"] == 0 || before["tables"] == 0 {
		t.Errorf("nothing is remembered: %v", before)
	}
}

// TestReasonsOfTheCatalog holds what the catalog says of a key's origin against
// the public reasons, since one is converted to the other.
func TestReasonsOfTheCatalog(t *testing.T) {
	for why, want := range map[catalog.Why]Reason{
		catalog.ByRegister: ReasonRegistered, catalog.ByMethod: ReasonMethod, catalog.ByTag: ReasonTag,
		catalog.ByEmbedded: ReasonEmbedded, catalog.ByJoinTable: ReasonJoinTable, catalog.ByDefault: ReasonDefault,
	} {
		if Reason(why) != want {
			t.Errorf("%q is not %q", why, want)
		}
	}
}

// tableNames are the tables that the plugin remembers.
func tableNames(p *Plugin) *sync.Map {
	return (*sync.Map)(reflect.ValueOf(&p.tables).Elem().FieldByName("binds").Addr().UnsafePointer())
}
