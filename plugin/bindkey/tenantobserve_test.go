package bindkey_test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Callbacks, logs, lists of pools and pings name the tenant.
func TestTenantIsNamed(t *testing.T) {
	dir := t.TempDir()
	var lines bytes.Buffer
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{
		Logger: logger.New(log.New(&lines, "", 0), logger.Config{LogLevel: logger.Info})})
	if err != nil {
		t.Fatal(err)
	}
	defer closeDB(db)
	plugin := bindkey.New(bindkey.LogBinds(), bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, tenant+".db"))}}, nil
	}))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	for _, tenant := range []string{"acme", "globex"} {
		tx := db.WithContext(bindkey.WithTenant(context.Background(), tenant))
		want := bindkey.Placement{Key: "customer", Role: "source", Tenant: tenant}
		if err := tx.AutoMigrate(&InvoiceRow{}); err != nil {
			t.Fatal(err)
		}
		lines.Reset()
		for _, result := range []*gorm.DB{tx.Create(&InvoiceRow{Tenant: tenant}), tx.First(&InvoiceRow{}), tx.Clauses(bindkey.Use("customer")).First(&InvoiceRow{})} {
			if at, ok := bindkey.PlacementOf(result); result.Error != nil || !ok || at != want {
				t.Errorf("%+v, %v, %v", at, ok, result.Error)
			}
		}
		if got := strings.Count(lines.String(), "[customer/"+tenant+" source] "); got != 3 {
			t.Errorf("%d lines name %s:\n%s", got, tenant, lines.String())
		}
		err := tx.Transaction(func(tx *gorm.DB) error {
			result := tx.First(&InvoiceRow{})
			if at, ok := bindkey.PlacementOf(result); !ok || at != want {
				t.Errorf("%+v, %v", at, ok)
			}
			return result.Error
		})
		if err != nil {
			t.Error(err)
		}
	}
	if _, ok := bindkey.PlacementOf(db.First(&InvoiceRow{})); ok {
		t.Error("a refused statement has a place")
	}
	var listed []string
	for _, pool := range plugin.Pools() {
		listed = append(listed, pool.Key+"/"+pool.Tenant+"/"+pool.Role)
		if pool.Tenant == "acme" {
			_ = pool.DB.Close()
		}
	}
	if got := strings.Join(listed, " "); got != "customer/acme/source customer/globex/source main//source" {
		t.Error(got)
	}
	var failed *bindkey.PingError
	if err := plugin.Ping(context.Background()); !errors.As(err, &failed) || failed.Tenant != "acme" || !strings.Contains(err.Error(), `of tenant "acme"`) || strings.Contains(err.Error(), "globex") {
		t.Error(err)
	}
}
