//go:build !cgo

package config

import (
	"errors"

	"gorm.io/gorm"
)

// sqliteOfBuild opens the scheme sqlite where no package has registered it. The
// driver of gorm.io/driver/sqlite is a stub without cgo, and fails at the first
// connection.
var sqliteOfBuild Opener = func(string) (gorm.Dialector, error) {
	return nil, errors.New("this program is built without cgo, which SQLite's driver github.com/mattn/go-sqlite3 needs; " +
		"import _ \"github.com/gormbind/gormbind/config/sqlitepure\", or build with CGO_ENABLED=1 and a C compiler")
}
