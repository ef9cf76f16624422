//go:build cgo

package bindkey_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Metric names a bind that nobody registers: the key has a mistake in it.
type Metric struct {
	_    struct{} `bind:"metrix"`
	ID   uint
	Name string
}

// Models are checked when the plugin is installed, so a program with a mistake does
// not start.
func ExampleModels() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{})
	if err != nil {
		panic(err)
	}
	err = db.Use(bindkey.New(bindkey.Models(&Metric{})).
		Register("metrics", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "metrics.db"))},
		}))
	fmt.Println(err)
	// Output:
	// bindkey: model bindkey_test.Metric has bind key "metrix", which is not registered (known: main, metrics); register it with Plugin.Register or correct the name
}
