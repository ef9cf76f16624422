// Package sqliteurl lets package config open SQLite's URLs in the tests of this
// module, by the driver that the build has. Without cgo the scheme is that of a
// package that brings its driver, as programs import one then (config/sqlitepure,
// which is in another module).
package sqliteurl

import (
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb"
)

func init() {
	if !sqlitedb.Cgo {
		config.Register(config.Driver{Schemes: []string{"sqlite"}, Open: Open, Limit: config.LimitSQLite})
	}
}

// Open opens what [config.SQLite] says.
func Open(url string) (gorm.Dialector, error) {
	dialector, err := config.SQLite(url)
	if err != nil || sqlitedb.Cgo {
		return dialector, err
	}
	return sqlitedb.Open(dialector.(*sqlite.Dialector).DSN), nil
}
