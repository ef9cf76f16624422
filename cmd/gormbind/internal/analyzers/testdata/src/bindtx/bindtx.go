// Package bindtx uses a handle inside its own transaction.
package bindtx

import (
	"context"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

type User struct{ ID uint }

type store struct{ db *gorm.DB }

func wrong(ctx context.Context, db *gorm.DB, s store) {
	var users []User
	_ = db.Transaction(func(tx *gorm.DB) error {
		if err := db.Create(&User{}).Error; err != nil { // want `db is used inside its Transaction, so this statement is outside of the transaction; use tx`
			return err
		}
		for range users {
			db.WithContext(ctx).Where("id = 1").Delete(&User{}) // want `db is used inside`
		}
		return tx.Save(&User{}).Error
	})
	_ = s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return s.db.Model(&User{}).Association("Logs").Append(1) // want `s.db is used inside`
	})
	_ = db.Transaction(func(tx *gorm.DB) error {
		return tx.Transaction(func(nested *gorm.DB) error {
			return db.Exec("DELETE FROM users").Error // want `db is used inside`
		})
	})
}

func noName(db *gorm.DB) {
	_ = db.Transaction(func(*gorm.DB) error {
		return db.Create(&User{}).Error // want `so this statement is outside of the transaction$`
	})
	_ = db.Transaction(func(tx *gorm.DB) error {
		tx2 := tx
		{
			tx := 1
			_ = tx
			return db.Create(&User{}).Error // want `so this statement is outside of the transaction$`
		}
		return tx2.Error
	})
}

func right(ctx context.Context, db, other *gorm.DB, s, t store) {
	_ = db.Transaction(func(tx *gorm.DB) error {
		_ = bindkey.AfterCommit(tx, func(context.Context) error { return db.Create(&User{}).Error })
		go func() { db.Create(&User{}) }()
		defer func() { db.Create(&User{}) }()
		tx.Where("id IN (?)", db.Model(&User{}).Select("id")).Find(&User{})
		db.Session(&gorm.Session{}).Create(&User{})
		db.Clauses("hint").Find(&User{})
		other.Create(&User{})
		later(db)
		return tx.Transaction(func(nested *gorm.DB) error { return tx.Create(&User{}).Error })
	})
	_ = db.Transaction(func(db *gorm.DB) error { return db.Create(&User{}).Error })
	_ = s.db.Transaction(func(tx *gorm.DB) error { return t.db.Create(&User{}).Error })
	_ = db.Transaction(func(tx *gorm.DB) error {
		db = tx
		return db.Create(&User{}).Error
	})
	begun := db.Begin()
	_ = begun.Transaction(func(tx *gorm.DB) error { return begun.Create(&User{}).Error })
}

func later(db *gorm.DB) {}
