package bindkey_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A callback that changes a statement's context after it was routed can't have it sent to
// the first one's tenant, in a transaction either.
func TestTenantChangedAfterRouting(t *testing.T) {
	eachTenantWay(t, func(t *testing.T, config gorm.Config) {
		w := newTenantWorld(t, &config)
		acme := w.of("acme")
		w.must(acme.Create(&InvoiceRow{Tenant: "acme"}).Error)
		change := func(db *gorm.DB) {
			if to, ok := db.Get("to"); ok {
				db.Statement.Context = to.(context.Context)
			}
		}
		calls := w.db.Callback()
		w.must(errors.Join(
			calls.Create().Before("gorm:create").Register("test:change", change), calls.Query().Before("gorm:query").After("bindkey:route").Register("test:change", change),
			calls.Update().Before("gorm:update").Register("test:change", change), calls.Delete().Before("gorm:delete").Register("test:change", change),
			calls.Raw().Before("gorm:raw").After("bindkey:route").Register("test:change", change), calls.Row().Before("gorm:row").After("bindkey:route").Register("test:change", change)))
		sends := map[string]func(*gorm.DB) error{
			"create": func(db *gorm.DB) error { return db.Create(&InvoiceRow{Tenant: "globex"}).Error },
			"query":  func(db *gorm.DB) error { return db.Find(&[]InvoiceRow{}).Error },
			"update": func(db *gorm.DB) error {
				return db.Model(&InvoiceRow{}).Where("id > 0").Update("tenant", "globex").Error
			},
			"delete": func(db *gorm.DB) error { return db.Where("id > 0").Delete(&InvoiceRow{}).Error },
			"raw":    func(db *gorm.DB) error { return db.Exec("UPDATE invoice_rows SET tenant = 'globex'").Error },
			"row": func(db *gorm.DB) error {
				return db.Model(&InvoiceRow{}).Select("count(*)").Row().Scan(new(int))
			},
		}
		for name, send := range sends {
			for to, want := range map[string]error{"globex": bindkey.ErrTenantConflict, "": bindkey.ErrNoTenant} {
				changed := acme.Set("to", bindkey.WithTenant(context.Background(), to))
				if err := send(changed); !errors.Is(err, want) {
					t.Errorf("%s, to %q: %v", name, to, err)
				}
				if err := changed.Transaction(send); !errors.Is(err, want) {
					t.Errorf("%s in a transaction, to %q: %v", name, to, err)
				}
			}
		}
		for _, to := range []string{"globex", ""} {
			_ = acme.Set("to", bindkey.WithTenant(context.Background(), to)).Transaction(func(tx *gorm.DB) error {
				result := tx.Find(&[]InvoiceRow{})
				if at, sent := bindkey.PlacementOf(result); sent {
					t.Errorf("refused, to %q, and placed at %+v", to, at)
				}
				return result.Error
			})
		}
		if n := w.count(acme, &InvoiceRow{}); n != 1 {
			t.Errorf("%d rows", n)
		}
		w.whole("acme")
	})
}

// What is refused holds no tenant: each can be closed afterwards.
func TestRefusedHoldsNoTenant(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	acme, globex := w.of("acme"), w.of("globex")
	for name, refused := range map[string]func(globex *gorm.DB) error{
		"create": func(globex *gorm.DB) error { return globex.Create(&InvoiceRow{}).Error },
		"transaction": func(globex *gorm.DB) error {
			return globex.Transaction(func(tx *gorm.DB) error { return tx.Create(&InvoiceRow{}).Error })
		},
		"migration":   func(globex *gorm.DB) error { return globex.AutoMigrate(&InvoiceRow{}) },
		"CreateTable": func(globex *gorm.DB) error { return globex.Migrator().CreateTable(&Audited{}) },
		"DropColumn":  func(globex *gorm.DB) error { return globex.Migrator().DropColumn(&Audited{}, "Tenant") },
		"SQLTx":       func(globex *gorm.DB) error { _, err := bindkey.SQLTx(globex, "customer"); return err },
		"Use":         func(globex *gorm.DB) error { return globex.Clauses(bindkey.Use("customer")).Exec("SELECT 1").Error },
		"associations": func(globex *gorm.DB) error {
			return globex.Model(&Invoice{ID: 1}).Association("Rows").Append(&InvoiceRow{})
		},
	} {
		w.must(acme.Transaction(func(tx *gorm.DB) error {
			w.must(tx.Create(&InvoiceRow{Tenant: "acme"}).Error)
			if err := refused(tx.WithContext(globex.Statement.Context)); !errors.Is(err, bindkey.ErrTenantConflict) {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		}))
		for _, tenant := range []string{"acme", "globex"} {
			select {
			case <-w.plugin.Evict(tenant):
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: %s is held", name, tenant)
			}
		}
	}
}

// A relation is loaded by a statement of its own, for the tenant that its own context names;
// in a transaction that is the transaction's.
func TestPreloadOfAnotherTenant(t *testing.T) {
	w := newTenantWorld(t, &gorm.Config{})
	acme, globex := w.of("acme"), w.of("globex")
	for tenant, db := range map[string]*gorm.DB{"acme": acme, "globex": globex} {
		w.must(db.Create(&Invoice{Tenant: tenant, Rows: []InvoiceRow{{Tenant: tenant}}}).Error)
	}
	find := func(db *gorm.DB, of func(*gorm.DB) *gorm.DB) (invoice Invoice, err error) {
		err = db.Preload("Rows", of).First(&invoice).Error
		return invoice, err
	}
	ofAcme := func(db *gorm.DB) *gorm.DB { return db.WithContext(acme.Statement.Context) }
	if found, err := find(globex, ofAcme); err != nil || found.Tenant != "globex" || found.Rows[0].Tenant != "acme" {
		t.Errorf("%+v, %v", found, err)
	}
	if found, err := find(globex, func(db *gorm.DB) *gorm.DB { return db.Order("id") }); err != nil || found.Rows[0].Tenant != "globex" {
		t.Errorf("%+v, %v", found, err)
	}
	tx := globex.Begin()
	if _, err := find(tx, ofAcme); !errors.Is(err, bindkey.ErrTenantConflict) {
		t.Error(err)
	}
	w.must(tx.Rollback().Error)
}
