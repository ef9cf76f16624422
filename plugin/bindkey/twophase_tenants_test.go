package bindkey_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

type phaseInvoice struct {
	_  struct{} `bind:"customer"`
	ID uint
}

// A tenant's database takes no part in a COMMIT in two phases, since recovery would not
// know it: alone it commits as ever, with another it is refused, and nothing is committed.
func TestTwoPhaseAndTenants(t *testing.T) {
	dir := t.TempDir()
	tenants := bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, tenant+".db"))}}, nil
	}, bindkey.TenantData(&phaseInvoice{}))
	open := func(config bindkey.TwoPhaseConfig) (*gorm.DB, *bindkey.Plugin, error) {
		db := openPlain(t, sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
		plugin := bindkey.New(bindkey.TwoPhase(config), tenants)
		t.Cleanup(func() { _ = plugin.Close() })
		return db, plugin, db.Use(plugin)
	}
	if _, _, err := open(bindkey.TwoPhaseConfig{App: "shop", Decider: "customer"}); !errors.Is(err, bindkey.ErrInstall) || !strings.Contains(err.Error(), "tenants") {
		t.Errorf("a tenant decides: %v", err)
	}
	db, plugin, err := open(bindkey.TwoPhaseConfig{App: "shop"})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	ctx := bindkey.WithTenant(context.Background(), "acme")
	must(db.AutoMigrate(&PhaseOrder{}))
	must(db.WithContext(ctx).AutoMigrate(&phaseInvoice{}))
	holds := func(orders, invoices int64) {
		t.Helper()
		var inMain, inAcme int64
		must(db.Model(&PhaseOrder{}).Count(&inMain).Error)
		must(db.WithContext(ctx).Model(&phaseInvoice{}).Count(&inAcme).Error)
		if inMain != orders || inAcme != invoices {
			t.Errorf("%d orders and %d invoices, want %d and %d", inMain, inAcme, orders, invoices)
		}
	}
	both := func(tx *gorm.DB) error {
		return errors.Join(tx.Create(&PhaseOrder{}).Error, tx.Create(&phaseInvoice{}).Error)
	}

	must(db.WithContext(ctx).Create(&phaseInvoice{}).Error)
	holds(0, 1)
	err = db.WithContext(ctx).Transaction(both)
	if !errors.Is(err, bindkey.ErrCannotPrepare) || !strings.Contains(err.Error(), `"customer"`) || !strings.Contains(err.Error(), "OnePhase") {
		t.Errorf("with another bind: %v", err)
	}
	holds(0, 1)
	must(db.WithContext(bindkey.OnePhase(ctx)).Transaction(both))
	holds(1, 2)
	if found, err := plugin.Recover(context.Background()); err != nil || len(found) > 0 {
		t.Errorf("recovery: %v, %v", found, err)
	}
	if found, err := plugin.InDoubt(context.Background()); err != nil || len(found) > 0 {
		t.Errorf("in doubt: %v, %v", found, err)
	}
}
