package conformance_test

import (
	"path/filepath"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/conformance"
	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// Two SQLite files behind one handle. The other eight worlds need servers: see
// integration/conformance_test.go.
func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.World{Main: files(), Analytics: files()})
}

func files() conformance.Database {
	return conformance.Database{
		Dialect: "sqlite",
		Open: func(t testing.TB, label string) func() gorm.Dialector {
			dsn := filepath.Join(t.TempDir(), label+".db") + "?_busy_timeout=300&_synchronous=OFF&_journal_mode=MEMORY&_foreign_keys=on"
			return func() gorm.Dialector { return sqlitedb.Open(dsn) }
		},
	}
}

// A SQLite file, and one of a tenant: whatever a program does, it is as with one database.
func TestConformanceOfTenants(t *testing.T) {
	conformance.Run(t, conformance.World{Main: files(), Analytics: files(), Tenants: true})
}
