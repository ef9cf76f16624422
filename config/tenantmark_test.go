package config_test

import (
	"strings"
	"testing"

	"github.com/gormbind/gormbind/config"
)

// What is nearly {tenant} is a mistake: it would be the name of one database for all.
func TestTenantMarkMisspelt(t *testing.T) {
	for _, mark := range []string{"{Tenant}", "{TENANT}", "{tenants}", "{ tenant }", "%7Btenant%7D", "%7btenant}", "{customer}", "{name}", "{}", "{tenant", "{{tenant}}", "${tenant}", "#{tenant}",
		"<tenant>", "<customer>", "%3Ctenant%3E", "$tenant", "$TENANT", ":tenant", "%s", "%v", "%d", "%tenant%"} {
		for _, url := range []string{"sqlite:///customer_" + mark + ".db", "postgres://app:hunter2@db/customer_" + mark, "postgres://app:hunter2@db/app?search_path=c_" + mark, "postgres://app:hunter2@db/{tenant}?search_path=c_" + mark} {
			for _, variable := range []string{"CUSTOMER_DB_URL", "MAIN_DB_URL"} {
				variables := map[string]string{"CUSTOMER_DB_URL": "sqlite:///c.db"}
				variables[variable] = url
				_, err := config.Load(servers(), config.Bind("customer", ""), env(variables))
				if err == nil || !strings.Contains(err.Error(), "{tenant}") || !strings.Contains(err.Error(), variable) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "customer_") {
					t.Errorf("%s=%s: %v", variable, url, err)
				}
			}
		}
	}
	for _, url := range []string{"postgres://db/{Tenant}", "postgres://{Tenant}.db/app"} {
		if _, err := config.Load(servers(), config.Bind("customer", "postgres://db/{tenant}"), env(map[string]string{"CUSTOMER_DB_REPLICA_URLS": url})); err == nil || !strings.Contains(err.Error(), "what looks like the mark") {
			t.Errorf("a replica at %s: %v", url, err)
		}
	}
	for _, right := range []string{
		"postgres://app:{secret}<x>$tenant%7B@db/app", "postgres://{secret}@db/app", "postgres://db/app?user=x&password={secret}", "postgres://db/app?sslpassword=%7Bx%7D",
		"postgres://db/app?application_name=svc:tenants", "postgres://db/100%25", "sqlite:////data/#1/app.db", "postgres://db/app?search_path=%22%24user%22,public", "postgres://db/customer_tenant",
	} {
		mustLoad(t, servers(), env(map[string]string{"MAIN_DB_URL": right}))
	}
	mustLoad(t, servers(), config.Bind("customer", "sqlite:////data/#1/{tenant}.db"), env(nil))
}

// A variable that takes the mark away would give all tenants one database.
func TestTenantMarkTakenAway(t *testing.T) {
	one := env(map[string]string{"CUSTOMER_DB_URL": "sqlite:///all.db", "MAIN_DB_URL": "sqlite://"})
	for from, option := range map[string]config.Option{
		"a file":  file(t, "binds:\n  main: {url: \"sqlite://\"}\n  customer: {url: \"sqlite:///customer_{tenant}.db\"}"),
		"default": config.Bind("customer", "sqlite:///customer_{tenant}.db"),
	} {
		if _, err := config.Load(option, one); err == nil || !strings.Contains(err.Error(), "CUSTOMER_DB_URL") || !strings.Contains(err.Error(), "has no {tenant}") {
			t.Errorf("%s: %v", from, err)
		}
		mustLoad(t, option, env(map[string]string{"CUSTOMER_DB_URL": "sqlite:///other_{tenant}.db", "MAIN_DB_URL": "sqlite://"}))
	}
}
