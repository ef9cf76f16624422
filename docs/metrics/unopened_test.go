package metrics_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/docs/metrics"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Statements that failed since a pool could not be opened are counted, in every way to send
// one. A customer that there is not is none of them, and neither is another refusal.
func TestUnopened(t *testing.T) {
	for name, options := range map[string][]metrics.Option{"summed up": nil, "with a label": {metrics.WithTenants()}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.MkdirAll(filepath.Join(dir, "down"), 0o700))
			db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
			must(t, err)
			plugin := bindkey.New(bindkey.OpenLate(), bindkey.Models(&models.LogEntry{}), bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
				if tenant == "nobody" {
					return dbresolver.Config{}, gorm.ErrRecordNotFound
				}
				return dbresolver.Config{}, errors.New("its server is down")
			})).Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "down"))}}) // a folder
			must(t, db.Use(plugin))
			t.Cleanup(func() { _ = plugin.Close() })
			registry := prometheus.NewPedanticRegistry()
			must(t, metrics.Register(db, plugin, registry, options...))

			acme := db.WithContext(bindkey.WithTenant(context.Background(), "acme"))
			for _, one := range []*gorm.DB{
				acme.Create(&Parcel{}), acme.Find(&[]Parcel{}), acme.Model(&Parcel{ID: 1}).Update("id", 2), acme.Delete(&Parcel{ID: 1}),
				acme.Exec("DELETE FROM parcels"),
			} {
				if !errors.Is(one.Error, bindkey.ErrTenant) {
					t.Errorf("the error is %v", one.Error)
				}
			}
			if _, err := acme.Model(&Parcel{}).Rows(); !errors.Is(err, bindkey.ErrTenant) {
				t.Errorf("the error is %v", err)
			}
			var unopened *bindkey.OpenError
			if err := db.Find(&[]models.LogEntry{}).Error; !errors.As(err, &unopened) {
				t.Errorf("the error is %v", err)
			}
			for _, one := range []*gorm.DB{
				db.WithContext(bindkey.WithTenant(context.Background(), "nobody")).Find(&[]Parcel{}),
				db.Find(&[]Parcel{}),                              // without a tenant
				acme.Joins("JOIN logs ON TRUE").Find(&[]Parcel{}), // of two binds
			} {
				if one.Error == nil {
					t.Error("no error")
				}
			}
			found, _ := gather(t, registry)
			label := map[bool]string{true: " tenant="}[options != nil]
			got, want := found["gormbind_statements_total"], map[string]float64{"bind=customer failed=yes role=none": 6, "bind=analytics failed=yes role=none": 1}
			for labels, n := range want {
				if got[labels+label] != n {
					t.Errorf("%s: %v, want %v", labels, got[labels+label], n)
				}
			}
			if len(got) != len(want) {
				t.Errorf("counted: %v", got)
			}
		})
	}
}

// Register once more would take the first counter's place.
func TestRegisterTwice(t *testing.T) {
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	plugin := bindkey.New(bindkey.Models(&models.User{})).Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(filepath.Join(t.TempDir(), "analytics.db"))}})
	must(t, db.Use(plugin))
	t.Cleanup(func() { _ = plugin.Close() })
	must(t, db.AutoMigrate(&models.User{}))
	first, second := prometheus.NewPedanticRegistry(), prometheus.NewPedanticRegistry()
	must(t, metrics.Register(db, plugin, first))
	if err := metrics.Register(db.Session(&gorm.Session{}), plugin, second); err == nil {
		t.Error("no error")
	}
	must(t, db.Find(&[]models.User{}).Error)
	found, _ := gather(t, first)
	if got := found["gormbind_statements_total"]["bind=main failed=no role=source"]; got != 1 {
		t.Errorf("%v statements are counted", got)
	}
	if found, _ := gather(t, second); len(found) != 0 {
		t.Errorf("the second registry has %v", found)
	}
}
