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

// Song lives in the bind main, by its tag.
type Song struct {
	_     struct{} `bind:"main"`
	ID    uint
	Title string
}

// Play lives in the bind analytics, by its method.
type Play struct {
	ID     uint
	SongID uint
}

func (Play) Bind() string { return "analytics" }

// Explain tells where a statement would go, and runs nothing.
func ExamplePlugin_Explain() {
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
	plugin := bindkey.New(bindkey.Models(&Song{}, &Play{})).
		Register("analytics", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "analytics.db"))},
		})
	check(db.Use(plugin))
	defer plugin.Close()

	dry := db.Session(&gorm.Session{DryRun: true}) // for finishers, which run at once
	for _, tx := range []*gorm.DB{
		db.Model(&Play{}).Where("song_id = ?", 1),
		db.Table("songs"),
		db.Raw("DELETE FROM plays"),
		dry.Create(&Song{Title: "Waterloo"}),
	} {
		route, err := plugin.Explain(tx)
		check(err)
		fmt.Printf("%s, because of its %s: a %s on %v\n", route.Key, route.Why, route.Operation, route.Roles)
	}
	// Output:
	// analytics, because of its method: a read on [source]
	// main, because of its table: a read on [source]
	// analytics, because of its raw SQL: a write on [source]
	// main, because of its tag: a write on [source]
}
