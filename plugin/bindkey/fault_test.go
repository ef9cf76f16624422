package bindkey_test

import (
	"database/sql/driver"
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/txsuite"
)

func newSQLiteConnector(file string) driver.Connector {
	return sqlitedb.Connector(file + "?_busy_timeout=5000&_synchronous=OFF&_journal_mode=MEMORY")
}

// Every fault at every call shows the promised outcome.
func TestFaults(t *testing.T) {
	txsuite.Run(t, txsuite.Target{
		Connector: func(t testing.TB, database string) driver.Connector {
			return newSQLiteConnector(filepath.Join(t.TempDir(), database+".db"))
		},
		Dialector: func(pool gorm.ConnPool) gorm.Dialector {
			return sqlite.New(sqlite.Config{Conn: pool})
		},
		Asks: true,
	})
}
