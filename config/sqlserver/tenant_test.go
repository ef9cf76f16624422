package sqlserver_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/config"
)

// A tenant's database has a name that the server takes, and is not main's.
func TestTenantNames(t *testing.T) {
	t.Setenv("ANALYTICS_DB_URL", "sqlite://")
	t.Setenv("MAIN_DB_URL", "sqlserver://app@localhost?Database=saas_main")
	t.Setenv("CUSTOMER_DB_URL", "sqlserver://app:secret@127.0.0.1:1433?database=saas_{tenant}")
	cfg, err := config.Load(config.Bind("customer", ""))
	if err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string]error{"acme": nil, strings.Repeat("t", 123): nil, strings.Repeat("t", 124): config.ErrTenantName, "main": config.ErrTenantName} {
		if _, err := cfg.DatabasesOf(tenant); !errors.Is(err, want) || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", tenant, err)
		}
	}
}
