//go:build cgo

package bindkey_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Member lives in the default bind, main.
type Member struct {
	ID     uint
	Email  string
	Visits []MemberVisit
}

// MemberVisit lives in the bind analytics.
type MemberVisit struct {
	ID       uint
	MemberID uint
	Page     string
}

func (MemberVisit) Bind() string { return "analytics" }

// A mail goes out once the rows of all databases are committed.
func ExampleAfterCommit() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer os.RemoveAll(dir)

	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{})
	check(err)
	plugin := bindkey.New(bindkey.Models(&Member{}, &MemberVisit{})).
		Register("analytics", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "analytics.db"))},
		})
	check(db.Use(plugin))
	defer plugin.Close()
	check(db.AutoMigrate(&Member{}, &MemberVisit{}))

	err = db.Transaction(func(tx *gorm.DB) error {
		member := Member{Email: "ada@example.com", Visits: []MemberVisit{{Page: "/join"}}}
		if err := tx.Create(&member).Error; err != nil { // a row in main, and one in analytics
			return err
		}
		err := bindkey.AfterCommit(tx, func(context.Context) error {
			fmt.Println("a mail to", member.Email)
			return nil
		})
		fmt.Println("before COMMIT")
		return err
	})
	fmt.Println(err)
	// Output:
	// before COMMIT
	// a mail to ada@example.com
	// <nil>
}
