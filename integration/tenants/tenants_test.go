// Package tenants_test proves on servers that tenants stay apart, each in a database of
// its own, or in a schema on connections that all share.
package tenants_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/tenantload"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/tenantschema"
)

func TestMain(m *testing.M) { servers.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A shared is a server with a schema for each tenant, on shared connections.
type shared struct {
	*tenantschema.Pool
	server   *servers.Server
	database *servers.Database
	prefix   string // of the schemas' names
}

// schemas are the tenants' schemas on shared connections of a server.
func schemas(t *testing.T, server *servers.Server, label string, tenants []string) *shared {
	t.Helper()
	s := &shared{server: server, database: server.Database(t, label)}
	connector := s.database.Connector(t, nil)
	create := "CREATE SCHEMA "
	s.Pool = s.on(connector)
	if server != servers.PostgreSQL {
		s.prefix, create = s.database.Name+"_", "CREATE DATABASE "
	}
	admin := server.Admin(t)
	if server == servers.PostgreSQL {
		pool, err := s.database.Open()
		must(t, err)
		t.Cleanup(func() { _ = pool.Close() })
		admin = pool
	}
	for _, tenant := range tenants {
		name := s.prefix + tenant
		if _, err := admin.Exec(create + name); err != nil {
			t.Fatal(err)
		}
		if server != servers.PostgreSQL {
			t.Cleanup(func() { _, _ = server.Admin(t).Exec("DROP DATABASE " + name) })
		}
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// on is another pool of the same server.
func (s *shared) on(connector driver.Connector) *tenantschema.Pool {
	if s.server == servers.PostgreSQL {
		return tenantschema.PostgreSQL(connector)
	}
	return tenantschema.MySQL(connector, s.database.Name)
}

func (s *shared) dialector(tenant string) gorm.Dialector {
	if s.server == servers.PostgreSQL {
		return postgres.New(postgres.Config{DriverName: s.Driver(), DSN: s.prefix + tenant})
	}
	return mysql.New(mysql.Config{DriverName: s.Driver(), DSN: s.prefix + tenant})
}

func (s *shared) open(_ context.Context, tenant string) (dbresolver.Config, error) {
	return dbresolver.Config{Sources: []gorm.Dialector{s.dialector(tenant)}}, nil
}

// look counts a table's rows by tenant, past the plugin and the shared connections.
func (s *shared) look(t *testing.T) func(tenant, table string) (map[string]int64, error) {
	pool, err := s.database.Open()
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	return func(tenant, table string) (map[string]int64, error) {
		return tenantload.Counts(pool, s.prefix+tenant+"."+table)
	}
}

// handle is a handle on SQLite with a bind of tenants that speak another dialect.
func handle(t *testing.T, open tenantload.Open, like gorm.Dialector, config gorm.Config, options ...bindkey.TenantOption) (*gorm.DB, *bindkey.Plugin) {
	t.Helper()
	config.Logger = logger.Discard
	main := sqlite.Open(filepath.Join(t.TempDir(), "main.db") + "?_busy_timeout=60000&_txlock=immediate&_journal_mode=WAL&_synchronous=OFF")
	db, err := gorm.Open(main, &config)
	must(t, err)
	plugin := bindkey.New(bindkey.Tenants("customer", open, append(options, bindkey.TenantDialect(like))...), bindkey.Models(tenantload.Models()...))
	must(t, db.Use(plugin))
	t.Cleanup(func() {
		_ = plugin.Close()
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	})
	return db, plugin
}

// few are the tenants of a sample, or all fifty.
func few() []string {
	if testkit.Full() {
		return tenantload.Names(50)
	}
	return tenantload.Names(8)
}

// Tenants with a database each, under load: every row is where it belongs, and no
// connection is left.
func TestDatabasesStayApart(t *testing.T) {
	servers.PostgreSQL.Need(t)
	tenants, databases := few(), map[string]*servers.Database{}
	for _, tenant := range tenants {
		databases[tenant] = servers.PostgreSQL.Database(t, tenant)
	}
	open := func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{databases[tenant].Dialector()}}, nil
	}
	db, plugin := handle(t, tenantload.Sometimes(open), databases[tenants[0]].Dialector(), gorm.Config{}, bindkey.TenantLimit(5), bindkey.TenantWait(time.Minute))
	plugin.SetMaxOpenConns(8)
	load := tenantload.Load{T: t, DB: db, Plugin: plugin, Tenants: tenants, Goroutines: 16, Rounds: 25}
	load.Run(func(tenant, table string) (map[string]int64, error) {
		pool, err := databases[tenant].Open()
		if err != nil {
			return nil, err
		}
		defer pool.Close()
		return tenantload.Counts(pool, table)
	})
	must(t, plugin.Close())
	left := 0
	for i := 0; i < 300; i++ { // a server takes a moment to see that a connection is closed
		left = 0
		for _, database := range databases {
			var n int
			must(t, servers.PostgreSQL.Admin(t).QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", database.Name).Scan(&n))
			left += n
		}
		if left == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d connections are left", left)
}

// Fifty tenants with a schema each, on ten connections, under load.
func TestSchemasStayApart(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			tenants := tenantload.Names(50)
			s := schemas(t, server, "schemas", tenants)
			s.DB().SetMaxOpenConns(40) // a transaction and the rows beside it take one each
			before := runtime.NumGoroutine()
			db, plugin := handle(t, tenantload.Sometimes(s.open), s.dialector(tenants[0]), gorm.Config{}, bindkey.TenantLimit(20), bindkey.TenantWait(time.Minute))
			load := tenantload.Load{T: t, DB: db, Plugin: plugin, Tenants: tenants, Goroutines: 16, Rounds: 30}
			load.Run(s.look(t))
			must(t, plugin.Close())
			if stats := s.DB().Stats(); stats.InUse != 0 || stats.OpenConnections > 40 {
				t.Errorf("%+v", stats)
			}
			must(t, s.Close())
			const ofMain = 4 // its pool, and those of looking
			for i := 0; i < 300 && runtime.NumGoroutine() > before+ofMain; i++ {
				time.Sleep(10 * time.Millisecond)
			}
			if n := runtime.NumGoroutine(); n > before+ofMain {
				stacks := make([]byte, 1<<16)
				t.Errorf("%d goroutines, and before %d\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
			}
		})
	}
}

// One connection for two tenants and for none: each has its own rows, whatever was sent
// on it before, and with statements that pgx remembers.
func TestOneConnectionForAll(t *testing.T) {
	for _, server := range servers.All() {
		for _, prepare := range []bool{false, true} {
			name := server.Name
			if prepare {
				name += ", PrepareStmt"
			}
			t.Run(name, func(t *testing.T) {
				server.Need(t)
				s := schemas(t, server, "one", []string{"acme", "globex"})
				s.DB().SetMaxOpenConns(1)
				db, plugin := handle(t, s.open, s.dialector("acme"), gorm.Config{PrepareStmt: prepare})
				of := map[string]*gorm.DB{}
				for _, tenant := range []string{"acme", "globex"} {
					of[tenant] = db.WithContext(bindkey.WithTenant(context.Background(), tenant))
					must(t, of[tenant].AutoMigrate(&tenantload.Document{}, &tenantload.Page{}))
					must(t, of[tenant].AutoMigrate(&tenantload.Document{}, &tenantload.Page{}))
				}
				for i := 0; i < 5; i++ {
					for tenant, db := range of {
						must(t, db.Create(&tenantload.Document{Tenant: tenant, Pages: []tenantload.Page{{Tenant: tenant}}}).Error)
						var found []tenantload.Document
						must(t, db.Preload("Pages").Order("id").Find(&found).Error)
						if len(found) != i+1 || found[i].Tenant != tenant || len(found[i].Pages) != 2 {
							t.Fatalf("%s: %+v", tenant, found)
						}
						// What a tenant does to its session does not reach the next one.
						other := s.prefix + "globex"
						if tenant == "globex" {
							other = s.prefix + "acme"
						}
						leaves := "USE " + other
						if server == servers.PostgreSQL { // SET would have the connection closed
							leaves = "SELECT set_config('search_path', '" + other + "', false)"
						}
						must(t, db.Clauses(bindkey.Use("customer")).Exec(leaves).Error)
						rolledBack := errors.New("rolled back")
						err := db.Transaction(func(tx *gorm.DB) error {
							must(t, tx.Create(&tenantload.Document{Tenant: tenant}).Error)
							return rolledBack
						})
						if !errors.Is(err, rolledBack) {
							t.Error(err)
						}
					}
					var n int
					if err := s.DB().QueryRow("SELECT count(*) FROM documents").Scan(&n); err == nil {
						t.Error("who has no tenant sees a tenant's table")
					}
				}
				look := s.look(t)
				for tenant := range of {
					if counts, err := look(tenant, "documents"); err != nil || len(counts) != 1 || counts[tenant] != 5 {
						t.Errorf("%s: %v, %v", tenant, counts, err)
					}
				}
				if !of["acme"].Migrator().HasTable(&tenantload.Page{}) {
					t.Error("no table")
				}
				must(t, of["acme"].Migrator().DropTable(&tenantload.Page{}))
				if of["acme"].Migrator().HasTable(&tenantload.Page{}) || !of["globex"].Migrator().HasTable(&tenantload.Page{}) {
					t.Error("another tenant's table was dropped")
				}
				plans, err := plugin.TenantPlans(context.Background(), []string{"acme", "globex"}, []any{&tenantload.Document{}, &tenantload.Page{}})
				if differ := plans.Differ(); err != nil || len(differ) != 1 || differ[0] != "acme" {
					t.Errorf("%v, %v", differ, err)
				}
			})
		}
	}
}

// A connection that is lost, also in a transaction, is nobody's any more.
func TestSharedConnectionLost(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			s := schemas(t, server, "lost", []string{"acme", "globex"})
			s.DB().SetMaxOpenConns(2)
			acme, err := sql.Open(s.Driver(), s.prefix+"acme")
			must(t, err)
			defer acme.Close()
			for i := 0; i < 3; i++ {
				id := server.ConnectionID(t, acme)
				server.Cut(t, id)
				var n int
				must(t, acme.QueryRow("SELECT 1").Scan(&n))
			}
			tx, err := acme.Begin()
			must(t, err)
			_, err = tx.Exec("SELECT 1")
			must(t, err)
			server.Cut(t, server.ConnectionID(t, tx))
			if err := tx.Commit(); err == nil {
				t.Error("a lost connection has committed")
			}
			globex, err := sql.Open(s.Driver(), s.prefix+"globex")
			must(t, err)
			defer globex.Close()
			for i := 0; i < 3; i++ {
				var n int
				must(t, globex.QueryRow("SELECT 1").Scan(&n))
			}
			if s.DB().Stats().OpenConnections > 2 {
				t.Error("more connections than may be")
			}
		})
	}
}

// What is no schema is an error, which names the tenant.
func TestNoSchema(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			s := schemas(t, server, "none", []string{"acme"})
			db, _ := handle(t, s.open, s.dialector("acme"), gorm.Config{})
			missing := db.WithContext(bindkey.WithTenant(context.Background(), "missing"))
			if err := missing.First(&tenantload.Page{}).Error; err == nil || errors.Is(err, gorm.ErrRecordNotFound) {
				t.Error(err)
			} else if !errors.Is(err, bindkey.ErrTenant) || !strings.Contains(err.Error(), "missing") {
				t.Error(err)
			}
			if err := missing.AutoMigrate(&tenantload.Page{}); err == nil {
				t.Error("tables were made")
			}
			if _, err := sql.Open(s.Driver(), ""); err == nil {
				t.Error("the empty name is a schema")
			}
		})
	}
}
