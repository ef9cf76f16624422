package integration

import (
	"context"
	"database/sql/driver"
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/txsuite"
)

// Every fault at every call shows the promised outcome, real cuts too: some
// 4500 cases, which -short leaves out.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	for _, server := range servers.All() {
		server := server
		t.Run(server.Name, func(t *testing.T) { // one after the other: the suite counts goroutines
			txsuite.Run(t, txsuite.Target{
				Connector: func(t testing.TB, database string) driver.Connector {
					return server.Shared(t, database).Connector(t, nil)
				},
				Dialector: server.DialectorOn,
				Cut: func(ctx context.Context, _ string, conn driver.Conn) error {
					return server.CutConn(ctx, conn)
				},
				Asks:  server == servers.MariaDB,
				Short: true,
			})
		})
	}
}

// Every fault at every call of a COMMIT in two phases is told as promised, and after
// recovery the databases agree. Without GORMBIND_FULL=1 it is one fault at each call.
func TestFaultsInTwoPhases(t *testing.T) {
	if testing.Short() {
		t.Skip("takes fifteen seconds")
	}
	servers.MariaDB.Need(t)
	postgres := servers.NeedPreparing(t)
	for _, c := range []struct {
		decides  string
		prepares *servers.Server
	}{{"PostgreSQL", postgres}, {"MariaDB", servers.MariaDB}, {"SQLite", postgres}, {"SQLite", servers.MariaDB}} {
		c := c
		t.Run(c.decides+" decides, "+c.prepares.Name, func(t *testing.T) {
			target := txsuite.Target{
				Connector: func(t testing.TB, database string) driver.Connector {
					return c.prepares.Shared(t, "suite_"+database).Connector(t, nil)
				},
				Dialector: c.prepares.DialectorOn,
				Cut: func(ctx context.Context, _ string, conn driver.Conn) error {
					return c.prepares.CutConn(ctx, conn)
				},
				Short: true,
			}
			if c.decides == "SQLite" {
				file, server := filepath.Join(t.TempDir(), "alpha.db"), target.Connector
				target.Connector = func(t testing.TB, database string) driver.Connector {
					if database == "alpha" {
						return sqlitedb.Connector(file + "?_busy_timeout=10000&_synchronous=OFF&_journal_mode=WAL&_txlock=immediate")
					}
					return server(t, database)
				}
				target.Cut = nil
				target.Decider = func(pool gorm.ConnPool) gorm.Dialector { return sqlite.New(sqlite.Config{Conn: pool}) }
			}
			txsuite.RunTwoPhase(t, target)
		})
	}
}
