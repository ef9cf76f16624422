// Package sqlitepure lets package config open SQLite's URLs without a C compiler,
// with modernc.org/sqlite in the place of github.com/mattn/go-sqlite3. To import it
// is enough:
//
//	import _ "github.com/gormbind/gormbind/config/sqlitepure"
//
//	ANALYTICS_DB_URL=sqlite:///analytics.db?_busy_timeout=1000
//
// The scheme sqlite is this package's then, with the same URLs, settings and files.
// Parameters of mattn's driver that are pragmas work, too; another one of its is an
// error, since modernc's would leave it alone in silence. Busy connections are waited
// for five seconds, as with mattn's, and errors have the same texts.
package sqlitepure

import (
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/puresqlite"
)

func init() {
	config.Register(config.Driver{Schemes: []string{"sqlite"}, Open: Open, Limit: config.LimitSQLite})
}

// Open makes the dialector of a URL, as [config.SQLite] does. It opens no
// connection. It returns an error for what [config.SQLite] does, and for a parameter
// of mattn's driver that is no pragma.
func Open(rawURL string) (gorm.Dialector, error) {
	like, err := config.SQLite(rawURL)
	if err != nil {
		return nil, err
	}
	dsn := like.(*sqlite.Dialector).DSN
	if _, err := puresqlite.DSN(dsn); err != nil { // what the driver would say when it connects
		return nil, err
	}
	return &sqlite.Dialector{DriverName: DriverName, DSN: dsn}, nil
}
