package bindtest

import "strings"

// A place is which database it is: a bind's, or that of one of its tenants.
type place struct{ key, tenant string }

// String is "main", or "customer/acme", as [bindkey.Plugin.Stats] calls it. A tenant's
// name has no slash, and Open refuses a bind that is called like a tenant's database.
func (p place) String() string {
	if p.tenant == "" {
		return p.key
	}
	return p.key + "/" + p.tenant
}

// among reports whether it is one of those that a test names: "customer" is the database
// of each tenant.
func (p place) among(names []string) bool {
	return contains(names, p.String()) || contains(names, p.key)
}

// knows reports whether there are such databases, and fails the test otherwise. The key
// of a bind with tenants names them all.
func (k *kit) knows(t TB, names []string, what string) bool {
	t.Helper()
	for _, name := range names {
		if k.binds[name] == nil && len(k.tenantsOf(name)) == 0 {
			t.Fatalf("bindtest: %s names the bind %q, which the handle does not have (known: %s)", what, name, strings.Join(k.names(), ", "))
			return false
		}
	}
	return true
}

// knowsEach is knows for who needs databases one by one: a bind with tenants is none.
func (k *kit) knowsEach(t TB, names []string, what string) bool {
	t.Helper()
	if !k.knows(t, names, what) {
		return false
	}
	for _, name := range names {
		if tenants := k.tenantsOf(name); len(tenants) > 0 {
			t.Fatalf("bindtest: %s names the bind %q, which has a database for each tenant; say whose: %s", what, name, quotedKeys(tenants))
			return false
		}
	}
	return true
}

// tenantsOf are the names of the databases of a bind's tenants, or none.
func (k *kit) tenantsOf(key string) (names []string) {
	for _, name := range k.names() {
		if at := k.binds[name].place; at.tenant != "" && at.key == key {
			names = append(names, name)
		}
	}
	return names
}

// names are the names of all databases, sorted.
func (k *kit) names() []string { return mapKeys(k.binds) }
