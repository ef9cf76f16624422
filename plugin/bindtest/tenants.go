package bindtest

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Tenants makes a bind one with tenants ([bindkey.Tenants]), and gives each of these a
// fresh database. Open registers it: the plugin is made without bindkey.Tenants. options
// are what the program gives to it; the dialect is that of the databases ([On]), whatever
// [bindkey.TenantDialect] says.
//
//	db := bindtest.Open(t, bindkey.New(bindkey.Models(&Customer{}, &Order{})),
//		bindtest.Tenants("customer", []string{"acme", "globex"}, bindkey.TenantLimit(20)))
//
// A tenant's database is called "customer/acme" in all that the kit is told and tells:
//
//	orders := bindtest.Rows(t, db, "customer/acme", &Order{})
//
// "customer" stands for those of all tenants in [Only], [Fail], [Recording.Statements] and
// [Recording.WantStatements].
//
// Tenants are opened when they are needed, closed for others and by [bindkey.Plugin.Evict] as in
// production, and keep their databases. A name that is not in the list is refused by a
// [*bindkey.TenantError]. [Replica] gives each tenant a replica, [On] a database on the server,
// and what [Bind] is given for the key lives with the tenants. Each tenant has a database of
// its own, also where tenants share one by schema in production.
//
// A program whose tenants package config opens, from a URL with {tenant}, is tested with Tenants
// as well. Without the option, a context that names a tenant ([bindkey.WithTenant]) fails the
// test, since all tenants would share one database. A tenant that only [bindkey.TenantBy] finds is not seen.
//
// Without [Migrate], all models are migrated for each tenant. The function of Migrate is called
// once, with a context that names no tenant: it says whose tables it makes, with
// [bindkey.WithTenant] or [bindkey.Plugin.EachTenant], as the program does.
func Tenants(key string, names []string, options ...bindkey.TenantOption) Option {
	return func(c *choices) {
		c.tenants = append(c.tenants, &tenants{key: key, names: append([]string(nil), names...), options: options})
	}
}

// tenants are those of one bind.
type tenants struct {
	key     string
	names   []string
	options []bindkey.TenantOption

	kit *kit // nil until the databases are there
}

// tenantName is what bindkey takes as a tenant's name.
var tenantName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// check is the error of what can't be.
func (f *tenants) check() error {
	if len(f.names) == 0 {
		return fmt.Errorf("bindtest.Tenants names no tenant of the bind %q; name those that the test needs: bindtest.Tenants(%q, []string{\"acme\"})", f.key, f.key)
	}
	seen := map[string]bool{}
	for _, name := range f.names {
		if !tenantName.MatchString(name) {
			return fmt.Errorf(`bindtest.Tenants names the tenant %q of the bind %q: a name has 1 to 128 letters, digits, "_", "-" and ".", and neither "-" nor "." first`, name, f.key)
		}
		if seen[name] {
			return fmt.Errorf("bindtest.Tenants names the tenant %q of the bind %q twice", name, f.key)
		}
		seen[name] = true
	}
	return nil
}

// registerTenants registers the binds with tenants.
func (c *choices) registerTenants(plugin *bindkey.Plugin) error {
	for i, f := range c.tenants {
		if c.tenantsOf(f.key) != c.tenants[i] {
			return fmt.Errorf("bindtest.Tenants is there twice for the bind %q; name all of its tenants in one", f.key)
		}
		if err := f.check(); err != nil {
			return err
		}
		options := append(f.options[:len(f.options):len(f.options)], bindkey.TenantData(c.data[f.key]...), bindkey.TenantDialect(f.dialect(c)))
		plugin.RegisterTenants(f.key, f.open, options...)
	}
	return nil
}

// findData finds the keys of the models that TenantData has named.
func (c *choices) findData(plugin *bindkey.Plugin, found map[string]bool) {
	models := withRelated(plugin.Models())
	for key := range named(plugin.Check(models...)) {
		found[key] = true
	}
	for _, model := range models {
		if key, err := plugin.KeyOf(model); err == nil {
			found[key] = true
		}
	}
}

// eachTenant calls do with contexts that together name every tenant, and each one of every
// bind with tenants; or once, where there is none.
func (c *choices) eachTenant(db *gorm.DB, do func(*gorm.DB) error) error {
	rounds := 1
	for _, f := range c.tenants {
		if len(f.names) > rounds {
			rounds = len(f.names)
		}
	}
	for i := 0; i < rounds; i++ {
		ctx := context.Background()
		for _, f := range c.tenants {
			name := f.names[len(f.names)-1]
			if i < len(f.names) {
				name = f.names[i]
			}
			ctx = bindkey.WithTenant(ctx, name, f.key)
		}
		if err := do(db.WithContext(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// tenantsOf are the tenants of a bind, or nil.
func (c *choices) tenantsOf(key string) *tenants {
	for _, f := range c.tenants {
		if f.key == key {
			return f
		}
	}
	return nil
}

// places are the databases of binds.
func (c *choices) places(keys []string) (places []place) {
	for _, key := range keys {
		f := c.tenantsOf(key)
		if f == nil {
			places = append(places, place{key: key})
			continue
		}
		for _, name := range f.names {
			places = append(places, place{key, name})
		}
	}
	return places
}

// open opens a tenant's database, as the program's function does.
func (f *tenants) open(_ context.Context, tenant string) (pools dbresolver.Config, err error) {
	b := f.kit.binds[place{f.key, tenant}.String()]
	if b == nil {
		return pools, fmt.Errorf("the test has no such tenant (known: %s); give it one: bindtest.Tenants(%q, []string{…, %q})", strings.Join(f.names, ", "), f.key, tenant)
	}
	for _, role := range b.roles {
		role := role
		d := opener{b.dialector(nil), func() (gorm.Dialector, *sql.DB) { return b.dialector(b.aside), b.pool(f.kit, role) }}
		if role == source {
			pools.Sources = append(pools.Sources, d)
		} else {
			pools.Replicas = append(pools.Replicas, d)
		}
	}
	return pools, nil
}

// dialect is that of the tenants' databases, which are there when the plugin is installed.
func (f *tenants) dialect(c *choices) gorm.Dialector {
	return opener{c.dialector(f.key)(nil), func() (gorm.Dialector, *sql.DB) {
		b := f.kit.binds[place{f.key, f.names[0]}.String()]
		pool := sql.OpenDB(b.connector.Aside())
		return b.dialector(pool), pool
	}}
}

// An opener is a dialector that opens its pool when it is initialised, and leaves the rest
// to another: so the plugin takes the pool for one that it has opened, and closes it. What
// the other asks its database goes past the kit, since the program has not sent it.
type opener struct {
	gorm.Dialector
	open func() (gorm.Dialector, *sql.DB)
}

// Initialize is of [gorm.Dialector].
func (o opener) Initialize(db *gorm.DB) error {
	d, pool := o.open()
	db.Config.Dialector = d
	err := d.Initialize(db)
	db.ConnPool = pool
	return err
}

// Apply is what some dialectors change in a configuration before they are initialised.
func (o opener) Apply(config *gorm.Config) error {
	if applier, ok := o.Dialector.(interface{ Apply(*gorm.Config) error }); ok {
		return applier.Apply(config)
	}
	return nil
}
