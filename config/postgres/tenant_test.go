package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

type order struct {
	_    struct{} `bind:"customer"`
	ID   uint
	Item string
}

// The server cuts names, so that two long ones are one database: config refuses both.
func TestTenantNameThatIsCut(t *testing.T) {
	first := database(t)
	u, err := url.Parse(first)
	if err != nil {
		t.Fatal("the server's URL can't be read")
	}
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	prefix := strings.TrimPrefix(u.Path, "/")
	prefix += strings.Repeat("x", 60-len(prefix))
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+prefix+"acme1"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(ctx, "DROP DATABASE "+prefix+"acm WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		_ = admin.Close(ctx)
	})
	u.Path = "/" + prefix + "acme2"
	second, err := pgx.Connect(ctx, u.String())
	if err != nil {
		t.Fatal("the server cuts no names: ", err)
	}
	var cut string
	if err := second.QueryRow(ctx, "SELECT current_database()").Scan(&cut); err != nil || cut != prefix+"acm" {
		t.Errorf("%s, %v", cut, err)
	}
	_ = second.Close(ctx)

	u.Path = "/" + prefix + "MARK"
	t.Setenv("MAIN_DB_URL", "sqlite://")
	t.Setenv("ANALYTICS_DB_URL", "sqlite://")
	t.Setenv("CUSTOMER_DB_URL", strings.Replace(u.String(), "MARK", "{tenant}", 1))
	cfg, err := config.Load(config.Bind("customer", ""))
	if err != nil {
		t.Fatal(err)
	}
	plugin := bindkey.New()
	db, err := cfg.Open(plugin, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	for tenant, want := range map[string]error{"acme1": config.ErrTenantName, "acme2": config.ErrTenantName, "acm": nil} {
		err := db.WithContext(bindkey.WithTenant(ctx, tenant)).AutoMigrate(&order{})
		if !errors.Is(err, want) || want != nil && (!errors.Is(err, bindkey.ErrTenant) || !strings.Contains(err.Error(), "63 bytes")) {
			t.Errorf("%s: %v", tenant, err)
		}
	}
}

// Config finds the database in a URL as the driver does, so that no tenant reaches main's.
func TestTenantOfMain(t *testing.T) {
	t.Setenv("ANALYTICS_DB_URL", "sqlite://")
	t.Setenv("CUSTOMER_DB_URL", "postgres://app@127.0.0.1:5432/saas_{tenant}?sslmode=disable")
	t.Setenv("PGDATABASE", "")
	for _, main := range []string{
		"postgres://127.0.0.1/saas_main", "postgresql://localhost:5432/saas_main", "postgres://[::1]:5432/saas_main", "postgres://a:5432,b:5433/saas_main", "postgres://h//saas_main",
		"postgres:///saas_main?host=/run/postgresql", "postgres://h/?dbname=saas_main", "postgres://h/other?database=saas_main", "postgres://h/saas%5Fmain", "postgres://saas_main@h",
		"postgres://h?user=saas_main", "postgres://h/saas_main#x", "postgres://h/other?dbname=saas%5Fmain", "postgres://h/saas_mains", "postgres://h/saas_main/x", "postgres://h/?dbname=saas_main&dbname=x",
	} {
		driver, err := pgx.ParseConfig(main)
		if err != nil {
			t.Fatal(main, err)
		}
		if driver.Database == "" {
			driver.Database = driver.User // so does the server
		}
		t.Setenv("MAIN_DB_URL", main)
		cfg, err := config.Load(config.Bind("customer", ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cfg.DatabasesOf("main"); errors.Is(err, config.ErrTenantName) != (driver.Database == "saas_main") {
			t.Errorf("the driver connects to %s for %s, and of tenant main config says: %v", driver.Database, main, err)
		}
	}
	t.Setenv("PGDATABASE", "saas_main")
	t.Setenv("MAIN_DB_URL", "postgres://app@db")
	cfg, err := config.Load(config.Bind("customer", ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.DatabasesOf("main"); !errors.Is(err, config.ErrTenantName) {
		t.Errorf("main is PGDATABASE: %v", err)
	}
}
