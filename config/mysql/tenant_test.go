package mysql_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/config"
)

// A tenant's database has a name that the server takes, and is not main's.
func TestTenantNames(t *testing.T) {
	t.Setenv("ANALYTICS_DB_URL", "sqlite://")
	t.Setenv("MAIN_DB_URL", "mysql://app@/saas%5Fmain?unix_socket=/run/mysqld/mysqld.sock")
	for _, scheme := range []string{"mysql", "mariadb"} {
		t.Setenv("CUSTOMER_DB_URL", scheme+"://app:secret@127.0.0.1:3306/saas_{tenant}")
		cfg, err := config.Load(config.Bind("customer", ""))
		if err != nil {
			t.Fatal(err)
		}
		for tenant, want := range map[string]error{"acme": nil, strings.Repeat("t", 59): nil, strings.Repeat("t", 60): config.ErrTenantName, "main": config.ErrTenantName} {
			if _, err := cfg.DatabasesOf(tenant); !errors.Is(err, want) || err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %q: %v", scheme, tenant, err)
			}
		}
	}
}
