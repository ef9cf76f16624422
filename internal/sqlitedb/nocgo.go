//go:build !cgo

package sqlitedb

import (
	"database/sql"

	"gorm.io/driver/sqlite"
	modernc "modernc.org/sqlite"

	"github.com/gormbind/gormbind/internal/puresqlite"
)

// DriverName is the driver's name for [database/sql.Open].
const DriverName = "gormbind-sqlitedb" // sqlite3 is what mattn's is called without cgo, too, where it can't open anything

// Cgo says that the driver is mattn's.
const Cgo = false

func init() { sql.Register(DriverName, puresqlite.Driver(&modernc.Driver{})) }

// New is what [Open] makes, for those who build upon it.
func New(dsn string) *sqlite.Dialector {
	return &sqlite.Dialector{DriverName: DriverName, DSN: dsn}
}
