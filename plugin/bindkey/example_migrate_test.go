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

// City lives in the default bind, main.
type City struct {
	ID   uint
	Name string
}

// Forecast lives in the bind weather.
type Forecast struct {
	_      struct{} `bind:"weather"`
	ID     uint
	CityID uint
}

// AutoMigrate of the plugin migrates some binds only, as a deployment does that has
// the password of one database.
func ExamplePlugin_AutoMigrate() {
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
	plugin := bindkey.New(bindkey.Models(&City{}, &Forecast{})).
		Register("weather", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "weather.db"))},
		})
	check(db.Use(plugin))
	defer plugin.Close()

	has := db.Migrator().HasTable
	check(plugin.AutoMigrate(context.Background(), []string{"weather"}, &City{}, &Forecast{}))
	fmt.Println("cities:", has(&City{}), "forecasts:", has(&Forecast{}))

	check(db.AutoMigrate(&City{}, &Forecast{})) // all binds
	fmt.Println("cities:", has(&City{}), "forecasts:", has(&Forecast{}))
	// Output:
	// cities: false forecasts: true
	// cities: true forecasts: true
}
