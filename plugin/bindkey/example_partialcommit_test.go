//go:build cgo

package bindkey_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Badge lives in the default bind, main. Its table has a constraint that the
// database checks only at COMMIT.
type Badge struct {
	ID     uint
	UserID uint
}

// BadgeEvent lives in the bind analytics.
type BadgeEvent struct {
	_    struct{} `bind:"analytics"`
	ID   uint
	Text string
}

// The databases commit one after the other, the default bind last. Here its COMMIT
// fails when analytics has committed: the error says what stayed.
func ExamplePartialCommitError() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer os.RemoveAll(dir)

	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")+"?_foreign_keys=on"), &gorm.Config{})
	check(err)
	plugin := bindkey.New(bindkey.Models(&Badge{}, &BadgeEvent{})).
		Register("analytics", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "analytics.db"))},
		})
	check(db.Use(plugin))
	defer plugin.Close()
	check(db.AutoMigrate(&BadgeEvent{}))
	check(db.Exec("CREATE TABLE people (id INTEGER PRIMARY KEY)").Error)
	check(db.Exec("CREATE TABLE badges (id INTEGER PRIMARY KEY," +
		" user_id INTEGER REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED)").Error)

	err = db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&BadgeEvent{Text: "a badge for 7"}).Error; err != nil { // analytics
			return err
		}
		return tx.Create(&Badge{UserID: 7}).Error // main; there is no person 7
	})

	var partial *bindkey.PartialCommitError
	if errors.As(err, &partial) {
		fmt.Println("committed:", partial.Committed)
		fmt.Println("failed:", partial.Failed)
	}
	// Output:
	// committed: [analytics]
	// failed: main
}
