package integration

import (
	"context"
	"database/sql/driver"
	"testing"

	"github.com/gormbind/gormbind/integration/servers"
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
