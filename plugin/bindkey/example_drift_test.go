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

// Trip lives in the bind fleet.
type Trip struct {
	_  struct{} `bind:"fleet"`
	ID uint
}

// Drift finds a table that was made in main, before its model had a key.
func ExamplePlugin_Drift() {
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
	check(db.Exec("CREATE TABLE trips (id INTEGER PRIMARY KEY)").Error) // before the plugin

	plugin := bindkey.New(bindkey.Models(&Trip{})).
		Register("fleet", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "fleet.db"))},
		})
	check(db.Use(plugin))
	defer plugin.Close()
	check(db.AutoMigrate(&Trip{})) // fleet

	drifts, err := plugin.Drift(context.Background(), &Trip{})
	check(err)
	fmt.Println(drifts)
	// Output:
	// bind "main" has a table "trips", but model bindkey_test.Trip lives in "fleet"
}
