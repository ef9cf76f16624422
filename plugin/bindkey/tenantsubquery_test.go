package bindkey_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A subquery that was built for another tenant than its statement's is an error: it would
// ask the statement's. One that names no tenant is a part of its statement.
func TestTenantOfSubquery(t *testing.T) {
	eachTenantWay(t, func(t *testing.T, config gorm.Config) {
		w := newTenantWorld(t, &config)
		acme, globex := w.of("acme"), w.of("globex")
		for _, tenant := range []string{"acme", "globex"} {
			w.must(w.of(tenant).Create(&Invoice{Tenant: tenant, Rows: []InvoiceRow{{Tenant: tenant}}}).Error)
		}
		type run func(db, of *gorm.DB) error
		built := func(of *gorm.DB) *gorm.DB { return of.Model(&InvoiceRow{}).Select("invoice_id") }
		raw := func(of *gorm.DB) *gorm.DB { return of.Raw("SELECT invoice_id FROM invoice_rows") }
		rawOf := func(of *gorm.DB) *gorm.DB { return of.Raw("SELECT invoice_id FROM invoice_rows WHERE id > ?", 0) }
		ways := map[string]run{
			"where":          func(db, of *gorm.DB) error { return db.Where("id IN (?)", built(of)).Find(&[]Invoice{}).Error },
			"where raw":      func(db, of *gorm.DB) error { return db.Where("id IN (?)", raw(of)).Find(&[]Invoice{}).Error },
			"where raw vars": func(db, of *gorm.DB) error { return db.Where("id IN (?)", rawOf(of)).Find(&[]Invoice{}).Error },
			"not raw":        func(db, of *gorm.DB) error { return db.Not("id IN (?)", raw(of)).Find(&[]Invoice{}).Error },
			"or raw": func(db, of *gorm.DB) error {
				return db.Where("id = 0").Or("id IN (?)", raw(of)).Find(&[]Invoice{}).Error
			},
			"group raw": func(db, of *gorm.DB) error { return db.Where(db.Where("id IN (?)", raw(of))).Find(&[]Invoice{}).Error },
			"named": func(db, of *gorm.DB) error {
				return db.Where("id IN (@q)", map[string]any{"q": built(of)}).Find(&[]Invoice{}).Error
			},
			"named raw": func(db, of *gorm.DB) error {
				return db.Where("id IN (@q)", map[string]any{"q": raw(of)}).Find(&[]Invoice{}).Error
			},
			"nested": func(db, of *gorm.DB) error {
				return db.Where("id IN (?)", built(db).Where("invoice_id IN (?)", built(of))).Find(&[]Invoice{}).Error
			},
			"derived":     func(db, of *gorm.DB) error { return db.Table("(?) AS x", built(of)).Find(&[]map[string]any{}).Error },
			"derived raw": func(db, of *gorm.DB) error { return db.Table("(?) AS x", raw(of)).Find(&[]map[string]any{}).Error },
			"join": func(db, of *gorm.DB) error {
				return db.Joins("JOIN (?) x ON x.invoice_id = invoices.id", built(of)).Find(&[]Invoice{}).Error
			},
			"join raw": func(db, of *gorm.DB) error {
				return db.Joins("JOIN (?) x ON x.invoice_id = invoices.id", raw(of)).Find(&[]Invoice{}).Error
			},
			"select": func(db, of *gorm.DB) error {
				return db.Model(&Invoice{}).Select("(?) AS n", built(of).Limit(1)).Find(&[]map[string]any{}).Error
			},
			"having": func(db, of *gorm.DB) error {
				return db.Model(&Invoice{}).Select("id").Group("id").Having("id IN (?)", built(of)).Find(&[]map[string]any{}).Error
			},
			"given SQL": func(db, of *gorm.DB) error {
				return db.Raw("SELECT * FROM invoices WHERE id IN (?)", built(of)).Scan(&[]Invoice{}).Error
			},
			"exec": func(db, of *gorm.DB) error {
				return db.Exec("UPDATE invoices SET rate_id = NULL WHERE id IN (?)", built(of)).Error
			},
			"row": func(db, of *gorm.DB) error {
				var n int
				return db.Model(&Invoice{}).Select("count(*)").Where("id IN (?)", built(of)).Row().Scan(&n)
			},
			"select raw": func(db, of *gorm.DB) error {
				return db.Model(&Invoice{}).Select("(?) AS n", raw(of)).Find(&[]map[string]any{}).Error
			},
			"having raw": func(db, of *gorm.DB) error {
				return db.Model(&Invoice{}).Select("id").Group("id").Having("id IN (?)", raw(of)).Find(&[]map[string]any{}).Error
			},
			"order clause raw": func(db, of *gorm.DB) error {
				return db.Clauses(clause.OrderBy{Expression: clause.Expr{SQL: "(?)", Vars: []any{raw(of)}}}).Find(&[]Invoice{}).Error
			},
			"expr raw": func(db, of *gorm.DB) error {
				return db.Where("id IN (?)", gorm.Expr("(?)", raw(of))).Find(&[]Invoice{}).Error
			},
			"value raw": func(db, of *gorm.DB) error {
				return db.Model(&InvoiceRow{}).Where("id > 0").Update("invoice_id", gorm.Expr("(?)", raw(of))).Error
			},
			"values raw": func(db, of *gorm.DB) error {
				return db.Model(&InvoiceRow{}).Where("id > 0").Updates(map[string]any{"invoice_id": gorm.Expr("(?)", raw(of))}).Error
			},
			"created raw": func(db, of *gorm.DB) error {
				return db.Model(&InvoiceRow{}).Create(map[string]any{"invoice_id": gorm.Expr("(?)", raw(of)), "tenant": "acme"}).Error
			},
			"not named raw": func(db, of *gorm.DB) error {
				return db.Not("id IN (@q)", sql.Named("q", raw(of))).Find(&[]Invoice{}).Error
			},
			"view": func(db, of *gorm.DB) error {
				_ = db.Migrator().DropView("rows_of")
				return db.Migrator().CreateView("rows_of", gorm.ViewOption{Replace: false, Query: built(of)})
			},
			"count": func(db, of *gorm.DB) error {
				var n int64
				return db.Model(&Invoice{}).Where("id IN (?)", built(of)).Count(&n).Error
			},
			"update": func(db, of *gorm.DB) error {
				return db.Model(&Invoice{}).Where("id IN (?)", built(of)).Update("tenant", gorm.Expr("tenant")).Error
			},
			"value": func(db, of *gorm.DB) error {
				return db.Model(&InvoiceRow{}).Where("id > 0").Update("invoice_id", built(of).Limit(1)).Error
			},
			"delete": func(db, of *gorm.DB) error {
				return db.Where("invoice_id IN (?) AND id > 100", built(of)).Delete(&InvoiceRow{}).Error
			},
			"preload": func(db, of *gorm.DB) error {
				return db.Preload("Rows", "invoice_id IN (?)", built(of)).Find(&[]Invoice{}).Error
			},
			"allowed": func(db, of *gorm.DB) error {
				return db.Clauses(bindkey.AllowCrossBind).Where("id IN (?)", built(of)).Find(&[]Invoice{}).Error
			},
			"used": func(db, of *gorm.DB) error {
				return db.Where("id IN (?)", built(of).Clauses(bindkey.Use("customer"))).Find(&[]Invoice{}).Error
			},
			"use": func(db, of *gorm.DB) error {
				return db.Clauses(bindkey.Use("customer")).Where("id IN (?)", built(of)).Find(&[]Invoice{}).Error
			},
			"dry run": func(db, of *gorm.DB) error {
				return db.Session(&gorm.Session{DryRun: true}).Where("id IN (?)", built(of)).Find(&[]Invoice{}).Error
			},
			"generics": func(db, of *gorm.DB) error {
				_, err := gorm.G[Invoice](db).Where("id IN (?)", built(of)).Find(db.Statement.Context)
				return err
			},
		}
		for name, way := range ways {
			for where, within := range map[string]func(*gorm.DB, func(*gorm.DB) error) error{
				"outside":     func(db *gorm.DB, do func(*gorm.DB) error) error { return do(db) },
				"transaction": func(db *gorm.DB, do func(*gorm.DB) error) error { return db.Transaction(do) },
			} {
				err := within(acme, func(db *gorm.DB) error { return way(db, globex) })
				if conflict := (*bindkey.TenantConflictError)(nil); !errors.As(err, &conflict) || conflict.Key != "customer" || conflict.Tenant == conflict.Other {
					t.Errorf("%s, %s: %v", name, where, err)
				}
				for whose, of := range map[string]*gorm.DB{"its own": acme, "nobody's": w.db} {
					if err := within(acme, func(db *gorm.DB) error { return way(db, of) }); err != nil {
						t.Errorf("%s, %s, %s: %v", name, where, whose, err)
					}
				}
			}
		}
		w.whole("acme", "globex")
		text := acme.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN (?)", built(acme)).Find(&[]Invoice{}) })
		if strings.ContainsAny(text, "\x01\x02") || strings.Contains(text, "acme") {
			t.Errorf("%q", text)
		}
		if _, err := w.plugin.Explain(acme.Where("id IN (?)", raw(globex)).Find(&[]Invoice{})); err == nil {
			t.Error("Explain tells where a refused statement goes")
		}
	})
}
