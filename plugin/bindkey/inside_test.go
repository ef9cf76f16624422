package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// asking asks the database while it is written, with the handle that GORM
// gives it and with the transaction around.
type asking struct{ tx *gorm.DB }

func (a asking) GormValue(ctx context.Context, db *gorm.DB) clause.Expr {
	var raw int
	var count int64
	err := errors.Join(
		db.Statement.ConnPool.QueryRowContext(ctx, "SELECT count(*) FROM users").Scan(&raw),
		db.Session(&gorm.Session{NewDB: true}).Model(&User{}).Count(&count).Error,
		a.tx.Model(&User{}).Count(&count).Error)
	if _, e := db.DB(); err == nil {
		err = e
	}
	if err != nil {
		_ = db.AddError(err)
	}
	return clause.Expr{SQL: "?", Vars: []any{fmt.Sprint(raw, count)}}
}

// scanning asks the database while it is read.
type scanning struct{ text string }

var scanningTx *gorm.DB

func (*scanning) GormDataType() string { return "string" }

func (s *scanning) Scan(value any) error {
	var count int64
	err := scanningTx.Model(&User{}).Count(&count).Error
	s.text = fmt.Sprint(value, count)
	return err
}

type scannedUser struct {
	ID   uint
	Name scanning
}

// What a statement's own goroutine asks while the statement runs does not wait
// for it.
func TestStatementsInsideStatements(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}, install: func(w *world) {
			create := w.db.Callback().Create().Get("gorm:create")
			w.must(w.db.Callback().Create().Replace("gorm:create", func(db *gorm.DB) { // an audit, installed before
				create(db)
				if db.Statement.Table == "orders" {
					_ = db.AddError(db.Session(&gorm.Session{NewDB: true}).Create(&Team{Name: "audit"}).Error)
				}
			}))
			w.registerAll()
		}})
		done := make(chan error, 1)
		go func() {
			done <- errors.Join(
				w.db.Create(&Order{Item: "audited"}).Error,
				w.db.Transaction(func(tx *gorm.DB) error {
					scanningTx = tx
					var found scannedUser
					return errors.Join(
						tx.Model(&User{}).Where("id = 1").Update("name", asking{tx}).Error,
						tx.Table("users").First(&found).Error,
						tx.Create(&Order{Item: "audited"}).Error)
				}))
		}()
		select {
		case err := <-done:
			w.must(err)
		case <-time.After(20 * time.Second):
			t.Fatal("a statement waits for itself")
		}
		var names []string
		w.must(w.plain["main"].Model(&User{}).Where("id = 1").Pluck("name", &names).Error)
		if names[0] != "3 3" {
			t.Errorf("name %q", names[0])
		}
	}
}
