package bindkey

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"
)

// Tenants registers a bind whose database the context chooses: one for each customer,
// site or shard. Models live in it by its key, as in any bind. Which tenant a statement
// is for, its context says ([WithTenant]); without one it is a [*NoTenantError].
//
//	plugin := bindkey.New(bindkey.Tenants("customer", func(ctx context.Context, tenant string) (dbresolver.Config, error) {
//		return dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open("customer_" + tenant + ".db")}}, nil
//	}))
//	db.WithContext(bindkey.WithTenant(ctx, "acme")).Find(&orders)
//
// open is called when a tenant is first needed, once for all who wait for it, and again
// after its pools were closed. It returns the tenant's sources and replicas, or an
// error for a tenant that there is not; the statement fails with that, in a
// [*TenantError], and no other tenant is closed for it. A failure is remembered for a
// second, and holds up no other tenant. open's context ends after [TenantWait], and not
// with the statement's. open can use db, but not for the tenant that it opens: that would
// wait for itself, and is an error.
//
// A tenant's name has 1 to 128 letters, digits, "_", "-" and "." of ASCII, and begins
// with a letter, a digit or "_": it comes from outside, and goes into file names and
// DSNs. open is not asked for others.
//
// All tenants speak the dialect of the handle, or that of [TenantDialect]. At most
// [TenantLimit] are open. A transaction has one tenant for each bind, a statement of
// another in it is a [*TenantConflictError].
func Tenants(key string, open func(ctx context.Context, tenant string) (dbresolver.Config, error), options ...TenantOption) Option {
	return func(c *config) error {
		f, err := newFamily(key, open, options)
		if err == nil {
			c.families = append(c.families, f)
		}
		return err
	}
}

// RegisterTenants is the option [Tenants] for a plugin that there is already. It returns
// the plugin, so that calls chain; mistakes show when the plugin is installed. A call after
// that registers nothing, and logs an error.
func (p *Plugin) RegisterTenants(key string, open func(ctx context.Context, tenant string) (dbresolver.Config, error), options ...TenantOption) *Plugin {
	if p.lateCall("bind %q was registered after db.Use; register all binds before", key) {
		return p
	}
	f, err := newFamily(key, open, options)
	if err != nil {
		p.mistake(err)
		return p
	}
	p.families = append(p.families, f)
	p.registerFamily(f)
	return p
}

func newFamily(key string, open func(ctx context.Context, tenant string) (dbresolver.Config, error), options []TenantOption) (*family, error) {
	if open == nil {
		return nil, installError("the tenants of bind %q have no function to open one with", key)
	}
	f := &family{key: key, config: open, limit: DefaultTenantLimit, wait: DefaultTenantWait}
	for _, option := range options {
		if err := option(f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// A TenantOption configures a bind of [Tenants].
type TenantOption func(*family) error

const (
	// DefaultTenantLimit is how many tenants of a bind are open without [TenantLimit]: 100.
	DefaultTenantLimit = 100
	// DefaultTenantWait is how long a tenant is waited for without [TenantWait]: 10 seconds.
	DefaultTenantWait = 10 * time.Second
)

// TenantLimit is how many tenants of the bind are open at most: [DefaultTenantLimit]
// without it. The one that was used least recently, and that no statement,
// transaction or rows use, is closed for another. If all are in use, another waits, no
// longer than [TenantWait]. A transaction that needs tenants of two binds counts for
// both.
func TenantLimit(n int) TenantOption {
	return func(f *family) error {
		if n < 1 {
			return installError("option TenantLimit of bind %q: %d tenants can't be open", f.key, n)
		}
		f.limit = n
		return nil
	}
}

// TenantWait is how long a statement waits until a tenant is open, if its context does
// not end before: [DefaultTenantWait] without it.
func TenantWait(limit time.Duration) TenantOption {
	return func(f *family) error {
		if limit <= 0 {
			return installError("option TenantWait of bind %q: %v is no time to wait", f.key, limit)
		}
		f.wait = limit
		return nil
	}
}

// TenantDialect says which dialect the tenants speak, if that is not the handle's. What a
// dialect can do may depend on its server: so d is opened and closed when the plugin is
// installed, and is asked no more than it asks by itself. That of PostgreSQL asks
// nothing, and that of MySQL for the version. With [OpenLate], a server that does not
// answer then is asked when a statement needs it.
func TenantDialect(d gorm.Dialector) TenantOption {
	return func(f *family) error {
		f.like = d
		return nil
	}
}

// TenantData names models, or tables, that live in the bind without a tag, as the data
// of [Plugin.Register] do.
func TenantData(data ...any) TenantOption {
	return func(f *family) error {
		f.data = append(f.data, data...)
		return nil
	}
}

// TenantBy says which tenant a context is for, where it tells without [WithTenant]: a
// program has the user's id in it, and a shard for each. What WithTenant says goes
// before. choose is called for each statement, so it should be quick.
func TenantBy(choose func(ctx context.Context) (tenant string, ok bool)) TenantOption {
	return func(f *family) error {
		f.choose = choose
		return nil
	}
}

// WithTenant is a context for a tenant: in all binds of [Tenants], or in those with one
// of the keys. What was said last holds. The empty name says that there is none.
//
//	ctx = bindkey.WithTenant(ctx, "acme")
//	ctx = bindkey.WithTenant(ctx, "eu-1", "region")
func WithTenant(ctx context.Context, tenant string, keys ...string) context.Context {
	outer, _ := ctx.Value(tenantContext{}).(*tenantMark)
	if len(keys) == 0 {
		outer = nil // all that it says is said anew
	}
	return context.WithValue(ctx, tenantContext{}, &tenantMark{tenant: tenant, keys: keys, outer: outer})
}

// TenantOf is the tenant that [WithTenant] has put into a context, for a bind; "" if
// there is none. What [TenantBy] would say, it does not see.
func TenantOf(ctx context.Context, key string) string {
	tenant, _ := markedTenant(ctx, key)
	return tenant
}

type tenantContext struct{}

// A tenantMark is one WithTenant.
type tenantMark struct {
	tenant string
	keys   []string // none: of all binds
	outer  *tenantMark
}

// markedTenant is the tenant of a bind in a context, and whether WithTenant said so.
func markedTenant(ctx context.Context, key string) (tenant string, said bool) {
	mark, _ := ctx.Value(tenantContext{}).(*tenantMark)
	for ; mark != nil; mark = mark.outer {
		if len(mark.keys) == 0 {
			return mark.tenant, true
		}
		for _, one := range mark.keys {
			if one == key {
				return mark.tenant, true
			}
		}
	}
	return "", false
}

// otherKeys are the keys that a context names tenants for, but for one.
func otherKeys(ctx context.Context, but string) []string {
	keys := map[string]bool{}
	mark, _ := ctx.Value(tenantContext{}).(*tenantMark)
	for ; mark != nil; mark = mark.outer {
		for _, key := range mark.keys {
			if key != but && TenantOf(ctx, key) != "" {
				keys[key] = true
			}
		}
	}
	return sortedKeys(keys)
}

// isTenantName reports whether a name can do no harm in a file name or a DSN.
func isTenantName(name string) bool {
	if name == "" || len(name) > 128 || name[0] == '-' || name[0] == '.' {
		return false
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

// Evict closes a tenant's pools: in all binds, or in those with one of the keys. What
// runs (statements, transactions) keeps them until it ends; what comes later opens them
// anew. A failure to open it is forgotten. The channel is closed once all are closed.
// Rows that the program still reads keep their connection until they are closed.
//
// With a key that no bind of [Tenants] has, the pools are closed in all binds, and an error
// is logged: to open some again costs little, and a program that moves a database must not
// go on with pools that are open.
func (p *Plugin) Evict(tenant string, keys ...string) <-chan struct{} {
	if err := p.wrongKey(keys); err != nil && p.db != nil {
		p.db.Logger.Error(context.Background(), "bindkey: Evict(%q): %v; it closes the tenant's pools in all of them", tenant, err)
		keys = nil
	}
	var waiting []<-chan struct{}
	for _, f := range p.families {
		if f.keeper != nil && (len(keys) == 0 || hasKey(keys, f.key)) {
			waiting = append(waiting, f.keeper.Evict(tenant)...)
		}
	}
	if len(waiting) == 1 {
		return waiting[0]
	}
	all := make(chan struct{})
	for len(waiting) > 0 {
		select {
		case <-waiting[0]:
			waiting = waiting[1:]
			continue
		default:
		}
		break
	}
	if len(waiting) == 0 {
		close(all)
		return all
	}
	go func() {
		for _, one := range waiting {
			<-one
		}
		close(all)
	}()
	return all
}

// wrongKey is the error of a key that no bind with tenants has.
func (p *Plugin) wrongKey(keys []string) error {
	for _, key := range keys {
		if known := p.tenantKeys(); !hasKey(known, key) {
			return fmt.Errorf("bind %q has no tenants (binds with tenants: %s)", key, list(known))
		}
	}
	return nil
}

func hasKey(keys []string, key string) bool {
	for _, one := range keys {
		if one == key {
			return true
		}
	}
	return false
}
