package config

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"sort"
	"strings"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/dsn"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A URL with {tenant} in it is a pattern: its bind has a database for each tenant
// ([bindkey.Tenants]), and the tenant's name takes the mark's place.
//
//	CUSTOMER_DB_URL=postgres://app@db/customer_{tenant}

const tenantMark = "{tenant}"

// anyTenant is who a pattern is tried with, and who has no database.
const anyTenant = "tenant"

// tenantNames are the names that can take the mark's place: nothing in one ends a part
// of a URL or a path, or means another folder.
var tenantNames = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$`)

// ErrTenantName says that a tenant's name can't be put into a URL: it has 1 to 128
// letters, digits, "_" and "-" of ASCII, and does not begin with "-". Nor may the URL lead
// to another bind's database then, or have a name that is longer than its database allows:
// 63 bytes on PostgreSQL, 64 characters on MySQL, 128 on SQL Server, 247 bytes in a file's.
var ErrTenantName = errors.New(`config: the name of a tenant in a URL is 1 to 128 letters, digits, "_" and "-", and does not begin with "-"`)

// Tenants says more of a bind whose URL has {tenant} in it. check is asked before a tenant
// is opened, and its error refuses the tenant, in a [*bindkey.TenantError]; with nil, each
// name is a tenant's: a database that there is not fails when it is asked, but the first
// statement makes a SQLite file. It may use the handle that [Config.Open] returns. options
// are those of [bindkey.Tenants]; what the configuration says (tenant_limit, tenant_wait)
// goes before them.
//
//	var db *gorm.DB
//	cfg, err := config.Load(config.File("binds.yaml"), config.Tenants("customer", func(ctx context.Context, tenant string) error {
//		return db.WithContext(ctx).First(&Customer{}, "name = ?", tenant).Error
//	}))
//	…
//	db, err = cfg.Open(bindkey.New(), &gorm.Config{})
func Tenants(key string, check func(ctx context.Context, tenant string) error, options ...bindkey.TenantOption) Option {
	return func(c *Config) error {
		if _, twice := c.tenants[key]; twice {
			return fmt.Errorf("config: option Tenants is there twice for bind %q; say all in one", key)
		}
		c.tenants[key] = tenants{check, options}
		return nil
	}
}

type tenants struct {
	check   func(ctx context.Context, tenant string) error
	options []bindkey.TenantOption
}

// checkOptions finds binds that the option Tenants has named, and that have no tenants.
func (c *Config) checkOptions() (mistakes []error) {
	var keys []string
	for key := range c.tenants {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		switch b := c.bindNamed(key); {
		case b == nil:
			known := c.Keys()
			sort.Strings(known)
			mistakes = append(mistakes, fmt.Errorf("config: option Tenants: %w", &bindkey.UnknownBindError{Key: key, Known: known}))
		case b.source.url != "" && !b.tenanted():
			mistakes = append(mistakes, fmt.Errorf("config: option Tenants: the URL of bind %q (%s) has no %s, so that there is one database; give it the mark, or leave out the option", key, b.source.origin, tenantMark))
		}
	}
	return mistakes
}

func (b *bind) tenanted() bool { return strings.Contains(b.source.url, tenantMark) }

// checkTenants finds what patterns can't be: main, which the handle opens, and a bind of
// which some databases are the tenant's and others all tenants'.
func (b *bind) checkTenants() (mistakes []error) {
	mistake := func(e endpoint, reason string) {
		mistakes = append(mistakes, &URLError{Key: b.key, Variable: e.origin, Scheme: schemeOf(e.url), reason: reason})
	}
	if b.tenanted() && b.key == bindkey.DefaultKey {
		mistake(b.source, "it has "+tenantMark+", and the handle opens this bind before there is a tenant; give the tenants a bind of their own")
	}
	for name, set := range map[string]bool{nameTenantLimit: b.settings.tenantLimit != nil, nameTenantWait: b.settings.tenantWait > 0} {
		if set && !b.tenanted() {
			mistakes = append(mistakes, b.mistake(name, errors.New("the bind has no tenants, since its URL has no "+tenantMark), dsn.Source{}))
		}
	}
	for _, e := range append([]endpoint{b.source}, b.replicas...) {
		if reason := misspeltMark(e.url); reason != "" {
			mistake(e, reason)
		}
	}
	for _, replica := range b.replicas {
		if strings.Contains(replica.url, tenantMark) != b.tenanted() {
			mistake(replica, "a source with "+tenantMark+" has replicas with it, and one without has none: a tenant must not read another's rows")
		}
	}
	return mistakes
}

// dialectorOf is the dialector of a database of a bind's, for a tenant.
func (c *Config) dialectorOf(b *bind, pattern endpoint, tenant string) (gorm.Dialector, error) {
	if !tenantNames.MatchString(tenant) {
		return nil, ErrTenantName
	}
	text := strings.ReplaceAll(pattern.url, tenantMark, tenant)
	e, mistakes := c.endpoint(b, given{origin: pattern.origin, text: text})
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return e.dialector, c.checkPlace(pattern, tenant, text, e.dialector)
}

// open is what bindkey.Tenants wants of a bind.
func (c *Config) openTenant(b *bind) func(context.Context, string) (dbresolver.Config, error) {
	check := c.tenants[b.key].check
	return func(ctx context.Context, tenant string) (dbresolver.Config, error) {
		resolver := dbresolver.Config{Policy: b.settings.policyOf()}
		source, err := c.dialectorOf(b, b.source, tenant)
		if err != nil {
			return resolver, err
		}
		resolver.Sources = []gorm.Dialector{source}
		for _, pattern := range b.replicas {
			replica, err := c.dialectorOf(b, pattern, tenant)
			if err != nil {
				return resolver, err
			}
			resolver.Replicas = append(resolver.Replicas, replica)
		}
		if check != nil {
			return resolver, check(ctx, tenant)
		}
		return resolver, nil
	}
}

// registerTenants tells the plugin of a bind with tenants. If these speak another dialect
// than main, it is found with the tenants' server, and none of their databases.
func (c *Config) registerTenants(plugin *bindkey.Plugin, b *bind) error {
	given := c.tenants[b.key].options
	options := given[:len(given):len(given)]
	if limit := b.settings.tenantLimit; limit != nil {
		options = append(options, bindkey.TenantLimit(*limit))
	}
	if wait := b.settings.tenantWait; wait > 0 {
		options = append(options, bindkey.TenantWait(wait))
	}
	if scheme := schemeOf(b.source.url); scheme != schemeOf(c.binds[0].source.url) {
		server := scheme + "://" // in memory
		if !strings.HasPrefix(scheme, "sqlite") {
			parsed, err := url.Parse(strings.ReplaceAll(b.source.url, tenantMark, anyTenant))
			if err != nil {
				return &URLError{Key: b.key, Variable: b.source.origin, Scheme: scheme, reason: "it can't be read as a URL"}
			}
			parsed.Path = "/"
			server = parsed.String()
		}
		like, problem := c.openers.dialector(server)
		if problem != nil {
			problem.Key, problem.Variable = b.key, b.source.origin
			return problem
		}
		options = append(options, bindkey.TenantDialect(like))
	}
	plugin.RegisterTenants(b.key, c.openTenant(b), options...)
	return nil
}

// DatabasesOf are those of [Config.Databases], and of each bind with tenants those of
// the tenants. It returns [ErrTenantName] for a name that is none, and an error where
// tenants are named and no bind has any.
func (c *Config) DatabasesOf(tenants ...string) (all []Database, err error) {
	tenanted := false
	for _, database := range c.Databases() {
		b := c.bindNamed(database.Key)
		if !b.tenanted() {
			all = append(all, database)
			continue
		}
		tenanted = true
		for _, tenant := range tenants {
			own := database
			own.Tenant, own.endpoint.url = tenant, strings.ReplaceAll(database.endpoint.url, tenantMark, tenant)
			own.endpoint.dialector, err = c.dialectorOf(b, database.endpoint, tenant)
			if errors.Is(err, ErrTenantName) {
				err = fmt.Errorf("tenant %q: %w", tenant, err)
			}
			if err != nil {
				return nil, err
			}
			all = append(all, own)
		}
	}
	if len(tenants) > 0 && !tenanted {
		return nil, errors.New("config: tenants are named, and no bind has " + tenantMark + " in its URL")
	}
	return all, nil
}

// Tenanted are the keys of the binds with a database for each tenant.
func (c *Config) Tenanted() (keys []string) {
	for _, b := range c.binds {
		if b.tenanted() {
			keys = append(keys, b.key)
		}
	}
	return keys
}

func (c *Config) bindNamed(key string) *bind {
	for _, b := range c.binds {
		if b.key == key {
			return b
		}
	}
	return nil
}
