// Package sqlitedb opens SQLite's files for the tests and programs of this module,
// by the driver that the build has: with cgo, mattn's, which is that of
// gorm.io/driver/sqlite; without, modernc's, which needs no C compiler. DSNs are
// mattn's with both.
package sqlitedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"

	"gorm.io/gorm"
)

// Open is GORM's dialector of a file.
func Open(dsn string) gorm.Dialector { return New(dsn) }

// Driver is the driver itself.
var Driver = sync.OnceValue(func() driver.Driver {
	db, err := sql.Open(DriverName, "")
	if err != nil {
		panic(err) // the build registers it
	}
	defer db.Close()
	return db.Driver()
})

// A Connector is the DSN of a file, to connect to.
type Connector string

func (c Connector) Connect(context.Context) (driver.Conn, error) { return Driver().Open(string(c)) }

func (Connector) Driver() driver.Driver { return Driver() }
