//go:build cgo

package bindkey_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Article lives in the default bind, main.
type Article struct {
	ID   uint
	Name string
}

// StockMove lives in the bind warehouse.
type StockMove struct {
	_         struct{} `bind:"warehouse"`
	ID        uint
	ArticleID uint
	Count     int
}

// A transaction spans binds: when one insert fails, the rows of both databases
// are rolled back.
func Example_transaction() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer os.RemoveAll(dir)

	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	check(err)
	plugin := bindkey.New(bindkey.Models(&Article{}, &StockMove{})).
		Register("warehouse", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "warehouse.db"))},
		})
	check(db.Use(plugin))
	defer plugin.Close()
	check(db.AutoMigrate(&Article{}, &StockMove{}))

	err = db.Transaction(func(tx *gorm.DB) error {
		article := Article{Name: "lamp"}
		if err := tx.Create(&article).Error; err != nil { // main
			return err
		}
		if err := tx.Create(&StockMove{ID: 1, ArticleID: article.ID, Count: 10}).Error; err != nil { // warehouse
			return err
		}
		return tx.Create(&StockMove{ID: 1, ArticleID: article.ID, Count: -1}).Error // id 1 is taken
	})
	fmt.Println(err)

	var articles, moves int64
	check(db.Model(&Article{}).Count(&articles).Error)
	check(db.Model(&StockMove{}).Count(&moves).Error)
	fmt.Println(articles, "articles,", moves, "stock moves")
	// Output:
	// UNIQUE constraint failed: stock_moves.id
	// 0 articles, 0 stock moves
}
