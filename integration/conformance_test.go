package integration

import (
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/conformance"
)

// Every pair of databases behind one handle, in both orders. SQLite with SQLite
// is in internal/conformance.
func TestConformance(t *testing.T) {
	kinds := []conformance.Database{files(), on("postgres", servers.PostgreSQL), on("mariadb", servers.MariaDB)}
	for _, main := range kinds {
		for _, analytics := range kinds {
			if main.Dialect == "sqlite" && analytics.Dialect == "sqlite" {
				continue
			}
			world := conformance.World{Main: main, Analytics: analytics}
			t.Run(main.Dialect+"+"+analytics.Dialect, func(t *testing.T) {
				t.Parallel() // they wait for servers most of the time
				conformance.Run(t, world)
			})
		}
	}
}

// The database of a tenant does what a bind's own does, also where it speaks another
// dialect than the handle.
func TestConformanceOfTenants(t *testing.T) {
	for _, world := range []conformance.World{
		{Main: files(), Analytics: on("postgres", servers.PostgreSQL), Tenants: true},
		{Main: on("postgres", servers.PostgreSQL), Analytics: on("mariadb", servers.MariaDB), Tenants: true},
		{Main: on("mariadb", servers.MariaDB), Analytics: on("mariadb", servers.MariaDB), Tenants: true},
	} {
		world := world
		t.Run(world.Main.Dialect+"+"+world.Analytics.Dialect, func(t *testing.T) {
			t.Parallel()
			conformance.Run(t, world)
		})
	}
}

func on(dialect string, server *servers.Server) conformance.Database {
	return conformance.Database{
		Dialect: dialect,
		Open:    func(t testing.TB, label string) func() gorm.Dialector { return server.Database(t, label).Dialector },
	}
}

func files() conformance.Database {
	return conformance.Database{
		Dialect: "sqlite",
		Open: func(t testing.TB, label string) func() gorm.Dialector {
			dsn := filepath.Join(t.TempDir(), label+".db") + "?_busy_timeout=5000&_synchronous=OFF&_journal_mode=MEMORY&_foreign_keys=on"
			return func() gorm.Dialector { return sqlite.Open(dsn) }
		},
	}
}
