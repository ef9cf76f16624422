package tenants_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/tenantschema"
)

// Order lives in the schema of its customer.
type Order struct {
	_    struct{} `bind:"customer"`
	ID   uint
	Item string
}

// openSchemas opens a database of PostgreSQL, in which each customer has a schema.
func openSchemas(dsn string) (*gorm.DB, *bindkey.Plugin, *tenantschema.Pool, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, nil, nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // customers' tables may differ, as between migrations
	shared := tenantschema.PostgreSQL(stdlib.GetConnector(*config))
	shared.DB().SetMaxOpenConns(20) // of all customers together

	plugin := bindkey.New(bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		schema := postgres.New(postgres.Config{DriverName: shared.Driver(), DSN: "customer_" + tenant})
		return dbresolver.Config{Sources: []gorm.Dialector{schema}}, nil
	}))
	db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{}) // for what all customers share
	if err == nil {
		err = db.Use(plugin)
	}
	return db, plugin, shared, err
}

// addCustomer makes a customer's schema, and its tables.
func addCustomer(ctx context.Context, db *gorm.DB, shared *tenantschema.Pool, name string) error {
	if _, err := shared.DB().ExecContext(ctx, "CREATE SCHEMA "+pgx.Identifier{"customer_" + name}.Sanitize()); err != nil {
		return err
	}
	return db.WithContext(bindkey.WithTenant(ctx, name)).AutoMigrate(&Order{})
}

// The program of docs/tenant-schemas.md: each customer has the orders that it has placed.
func TestTenantSchemasPage(t *testing.T) {
	database := servers.PostgreSQL.Database(t, "page")
	dsn, err := database.DSN("", nil)
	must(t, err)
	db, plugin, shared, err := openSchemas(dsn)
	must(t, err)
	defer func() {
		must(t, plugin.Close())
		must(t, shared.Close())
		pool, err := db.DB()
		must(t, err)
		must(t, pool.Close())
	}()
	ctx := context.Background()
	for _, customer := range []string{"acme", "globex"} {
		must(t, addCustomer(ctx, db, shared, customer))
		must(t, db.WithContext(bindkey.WithTenant(ctx, customer)).Create(&Order{Item: "of " + customer}).Error)
	}
	for _, customer := range []string{"acme", "globex"} {
		var items string
		must(t, shared.DB().QueryRow("SELECT string_agg(item, ',') FROM customer_"+customer+".orders").Scan(&items))
		if items != "of "+customer {
			t.Errorf("%s has %s", customer, items)
		}
	}
}
