package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// Ping asks the databases of the tenants that it is given.
func TestPingTenants(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"main.db", "analytics.db", "customer_acme.db"} {
		write(t, filepath.Join(dir, name), "")
	}
	ping := func(flags string) (string, int) {
		return shell(t, dir, "CUSTOMER_DB_URL='sqlite:///customer_{tenant}.db' gormbind ping -bind customer "+flags)
	}
	if out, status := ping(""); status != 2 || !strings.Contains(out, "-tenants") {
		t.Errorf("%d: %s", status, out)
	}
	if out, status := ping("-tenants acme"); status != 0 || !strings.Contains(out, "customer/acme") {
		t.Errorf("%d: %s", status, out)
	}
	if out, status := ping("-tenants acme,globex"); status != 1 || !strings.Contains(out, "customer/globex") || !strings.Contains(out, "no such file") {
		t.Errorf("%d: %s", status, out)
	}
	if out, status := ping("-tenants ../main"); status != 2 || !strings.Contains(out, "name of a tenant") {
		t.Errorf("%d: %s", status, out)
	}
}
