package bindtest

import (
	"context"
	"fmt"
	"strings"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// tellForgotten fails the test, once, for a context that names a tenant where Tenants was
// forgotten: then all tenants share one database, and a mistake between them shows nowhere.
func (k *kit) tellForgotten(ctx context.Context, b *bind, call testkit.Call) {
	tenant := bindkey.TenantOf(ctx, b.key)
	if tenant == "" || b.tenant != "" || call.Kind != testkit.Begin && call.Kind != testkit.Statement {
		return
	}
	ofAll := tenant == bindkey.TenantOf(ctx, "") // WithTenant without keys: it marks the binds that all share, too
	if ofAll && k.tenanted {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.forgotten {
		return
	}
	k.forgotten = true
	has, key := fmt.Sprintf("bind %q has no tenants in this test", b.key), b.key
	if ofAll {
		has, key = "no bind of this test has tenants", k.likely(b.key)
	}
	k.t.Errorf("bindtest: %s: the context names the tenant %q, and %s, so that all tenants share one database:\n\t%s\nGive bindtest.Open the bind that has tenants in the program (known: %s), as in bindtest.Tenants(%q, []string{%q})",
		programLine(), tenant, has, told(call), strings.Join(k.names(), ", "), key, tenant)
}

// likely is a bind that may have tenants in the program: seldom the default one.
func (k *kit) likely(key string) string {
	for _, name := range k.names() {
		if key == k.first {
			key = name
		}
	}
	return key
}
