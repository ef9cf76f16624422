package bindkey_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/txsuite"
)

// sqliteConnector connects to a file by the driver that GORM's dialector uses.
type sqliteConnector struct {
	driver driver.Driver
	dsn    string
}

func newSQLiteConnector(t testing.TB, file string) driver.Connector {
	t.Helper()
	db, err := sql.Open(sqlite.DriverName, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return sqliteConnector{db.Driver(), file + "?_busy_timeout=5000&_synchronous=OFF&_journal_mode=MEMORY"}
}

func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c sqliteConnector) Driver() driver.Driver                        { return c.driver }

// Every fault at every call shows the promised outcome.
func TestFaults(t *testing.T) {
	txsuite.Run(t, txsuite.Target{
		Connector: func(t testing.TB, database string) driver.Connector {
			return newSQLiteConnector(t, filepath.Join(t.TempDir(), database+".db"))
		},
		Dialector: func(pool gorm.ConnPool) gorm.Dialector {
			return sqlite.New(sqlite.Config{Conn: pool})
		},
		Asks: true,
	})
}
