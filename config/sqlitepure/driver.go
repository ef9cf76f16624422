package sqlitepure

import (
	"database/sql"

	"modernc.org/sqlite"

	"github.com/gormbind/gormbind/internal/puresqlite"
)

// DriverName is the name under which database/sql has the driver: modernc's, with
// what its versions for Go 1.21 do otherwise than mattn's mended. It takes mattn's
// DSNs, so that gorm.io/driver/sqlite works with it as it stands:
//
//	gorm.Open(&sqlite.Dialector{DriverName: sqlitepure.DriverName, DSN: "main.db?_busy_timeout=1000"})
const DriverName = "gormbind-sqlitepure"

func init() { sql.Register(DriverName, puresqlite.Driver(&sqlite.Driver{})) }
