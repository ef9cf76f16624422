package tenants_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// In a handle of two dialects, a subquery is rendered before its own is known: it tells its
// tenant all the same.
func TestSubqueryInTwoDialects(t *testing.T) {
	type Parcel struct {
		_      struct{} `bind:"customer"`
		ID     uint
		Weight int
	}
	tenants := map[string]*servers.Database{"acme": servers.PostgreSQL.Database(t, "sub"), "globex": servers.PostgreSQL.Database(t, "sub")}
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{tenants[tenant].Dialector()}}, nil
	}, bindkey.TenantDialect(tenants["acme"].Dialector())))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plugin.Close() })
	of := func(tenant string) *gorm.DB { return db.WithContext(bindkey.WithTenant(context.Background(), tenant)) }
	for tenant := range tenants {
		if err := errors.Join(of(tenant).AutoMigrate(&Parcel{}), of(tenant).Create(&Parcel{Weight: 3}).Error); err != nil {
			t.Fatal(err)
		}
	}
	for name, ask := range map[string]func(db, sub *gorm.DB) *gorm.DB{
		"where": func(db, sub *gorm.DB) *gorm.DB { return db.Where("weight > ? AND id IN (?)", 1, sub).Find(&[]Parcel{}) },
		"raw": func(db, sub *gorm.DB) *gorm.DB {
			return db.Raw("SELECT * FROM parcels WHERE id IN (?) AND weight > ?", sub, 1).Scan(&[]Parcel{})
		},
		"derived": func(db, sub *gorm.DB) *gorm.DB {
			return db.Table("(?) AS x", sub).Where("id > ?", 0).Find(&[]map[string]any{})
		},
	} {
		for kind, query := range map[string]func(*gorm.DB) *gorm.DB{
			"built": func(db *gorm.DB) *gorm.DB { return db.Model(&Parcel{}).Select("id").Where("weight < ?", 9) },
			"given": func(db *gorm.DB) *gorm.DB { return db.Raw("SELECT id FROM parcels WHERE weight < ?", 9) },
		} {
			if got := ask(of("acme"), query(of("acme"))); got.Error != nil || got.RowsAffected != 1 {
				t.Errorf("%s, %s: %d rows, %v", name, kind, got.RowsAffected, got.Error)
			}
			if name == "raw" && kind == "given" {
				continue // GORM has taken its text: docs/limits.md
			}
			if err := ask(of("acme"), query(of("globex"))).Error; !errors.Is(err, bindkey.ErrTenantConflict) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
}
