package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"sync"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
)

// Keys are the keys of all binds, sorted. In a handle with a dbresolver of the
// application's own, they include every name that its Use finds, tables of
// registered models among them.
func (p *Plugin) Keys() []string { return p.known() }

// Models are the models that the option [Models] and [Plugin.Register] were given,
// one of each type: what a program migrates, and a test kit makes tables for.
func (p *Plugin) Models() (models []any) {
	seen := map[reflect.Type]bool{}
	for _, model := range append(p.listed[:len(p.listed):len(p.listed)], p.registeredModels...) {
		if t := catalog.ModelType(model); t == nil || !seen[t] {
			seen[t] = true
			models = append(models, model)
		}
	}
	return models
}

// Resolver is the dbresolver that picks the bind's pools, for pool settings of
// one bind; its DB is a handle of the bind alone, which a migration tool can
// ask for its *sql.DB. In a handle with a dbresolver of the application's own,
// it is that one, for every bind it has. It returns an [*UnknownBindError],
// the [*OpenError] of a bind that is not open yet ([OpenLate]), and [ErrInstall] before the plugin is installed.
//
//	resolver, err := plugin.Resolver("analytics")
//	resolver.SetMaxOpenConns(20)
func (p *Plugin) Resolver(key string) (*dbresolver.DBResolver, error) {
	if p.db == nil {
		return nil, installError("Resolver needs an installed plugin; call db.Use first")
	}
	b, err := p.lookup(key, "")
	if err != nil {
		return nil, err
	}
	if b.family != nil {
		return nil, installError("bind %q has pools for each tenant, and no dbresolver; set them with Plugin.ConfigurePools", key)
	}
	if err := b.ready(context.Background()); err != nil {
		return nil, err
	}
	return b.resolver.DB, nil
}

// Dialector is what the statements of a bind are compiled with; that of a bind with tenants
// is the one that all of them have. It returns the errors of [Plugin.Resolver], but for
// that of tenants.
func (p *Plugin) Dialector(key string) (gorm.Dialector, error) {
	if p.db == nil {
		return nil, installError("Dialector needs an installed plugin; call db.Use first")
	}
	b, err := p.lookup(key, "")
	if err != nil {
		return nil, err
	}
	if err := b.ready(context.Background()); err != nil {
		return nil, err
	}
	return innerDialector(b.plain.Dialector), nil
}

// Ping pings every pool of every bind, all at once and no longer than the context
// lasts, and joins the failures: a [*PingError] for each pool that does not answer, and the
// [*OpenError] of a bind that still can't be opened ([OpenLate]). Of a bind with tenants,
// it pings those that are open.
func (p *Plugin) Ping(ctx context.Context) error {
	if p.db == nil {
		return installError("Ping needs an installed plugin; call db.Use first")
	}
	var (
		mu       sync.Mutex
		failures []error
		all      sync.WaitGroup
	)
	ask := func(ping func() error) {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := ping(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, err)
			}
		}()
	}
	for _, b := range p.registered {
		if b := b; !b.isOpen() {
			ask(func() error { return b.ready(ctx) })
		}
	}
	all.Wait() // opening a pool pings it, and those of a bind that has opened are asked with the others
	p.eachPool(func(pool *boundPool) { ask(func() error { return pool.ping(ctx) }) })
	all.Wait()
	sort.Slice(failures, func(i, j int) bool { return failures[i].Error() < failures[j].Error() })
	return errors.Join(failures...)
}

func (b *boundPool) ping(ctx context.Context) error {
	if b.tenant != nil {
		if !b.tenant.TryEnter() {
			return nil // it was closed since it was listed
		}
		defer b.tenant.Leave()
	}
	db, err := b.GetDBConn()
	if err == nil {
		err = db.PingContext(ctx)
	}
	if err != nil {
		at := b.placement()
		return &PingError{Key: at.Key, Tenant: at.Tenant, Role: at.Role, Err: err, text: b.real.Source.Tell(err)}
	}
	return nil
}

// A PingError says that a database does not answer [Plugin.Ping]. Its text names the bind
// and the role, and has nothing of the DSN.
type PingError struct {
	Key    string // the bind
	Tenant string // of a bind with tenants ([Tenants]): which one
	Role   string // "source", "source-2", "replica", …
	Err    error  // what the driver said, as it said it

	text string // what may be told of Err
}

func (e *PingError) Error() string {
	return fmt.Sprintf("bindkey: bind %q%s: its %s does not answer: %s", e.Key, ofTenant(e.Tenant), e.Role, e.text)
}

// Unwrap returns the driver's error.
func (e *PingError) Unwrap() error { return e.Err }

// Stats are the statistics of every pool, by bind key and role: "source",
// "source-2", …, "replica", "replica-2", …. The tenants of a bind that are open each
// have a key of their own, "customer/acme" ([Tenants]). A pool that has none, since
// the application supplied it and it is no *sql.DB, is left out.
func (p *Plugin) Stats() map[string]map[string]sql.DBStats {
	stats := map[string]map[string]sql.DBStats{}
	p.eachPool(func(pool *boundPool) {
		db, err := pool.GetDBConn()
		if err != nil {
			return
		}
		key := pool.bind.key
		if pool.tenant != nil {
			key += "/" + pool.tenant.Name
		}
		if stats[key] == nil {
			stats[key] = map[string]sql.DBStats{}
		}
		stats[key][pool.role] = db.Stats()
	})
	return stats
}

// A Pool is a connection pool, as [Plugin.Pools] lists it.
type Pool struct {
	Key    string // of its bind
	Tenant string // of a bind with tenants ([Tenants]): which one
	Role   string // there: "source", "source-2", …, "replica", "replica-2", …
	// Shared are the keys of other binds that have the same pool. They have no Pool of
	// their own.
	Shared []string
	DB     *sql.DB
}

// Pools are the connection pools of all binds, sorted by key, sources first, each once:
// what collectors of [sql.DBStats] want, which must not count a pool twice. A pool that
// several binds have, such as the handle's own for a bind without sources, goes by the
// default bind's key, if it is one of them, or by the first; and by that of a bind with
// tenants only if no other has it, since tenants come and go. Two pools of one DSN are two.
//
// Each tenant of a bind that is open has its own ([Tenants]): there may be many of one key
// and role.
//
// A bind that is not open yet ([OpenLate]) has no pool, and is left out until it is: so
// ask again where it matters, as a collector does each time it collects. A pool that the
// application supplied and that is no *sql.DB is left out, and before the plugin is
// installed there are none.
func (p *Plugin) Pools() (pools []Pool) {
	at := map[*sql.DB]int{}
	order := map[Placement]int{} // of a bind's pools
	p.eachPool(func(pool *boundPool) {
		if _, known := order[pool.placement()]; !known {
			order[pool.placement()] = len(order)
		}
		db, err := pool.GetDBConn()
		if err != nil {
			return
		}
		i, listed := at[db]
		if !listed {
			at[db] = len(pools)
			at := pool.placement()
			pools = append(pools, Pool{Key: at.Key, Tenant: at.Tenant, Role: at.Role, DB: db})
			return
		}
		pools[i].share(pool, p.defaultKey)
	})
	sort.Slice(pools, func(i, j int) bool {
		if pools[i].Key != pools[j].Key {
			return pools[i].Key < pools[j].Key
		}
		return order[pools[i].placement()] < order[pools[j].placement()]
	})
	return pools
}

func (l *Pool) placement() Placement { return Placement{Key: l.Key, Tenant: l.Tenant, Role: l.Role} }

// share notes that another bind has the pool, too.
func (l *Pool) share(with *boundPool, first string) {
	key := with.bind.key
	if key == l.Key || slices.Contains(l.Shared, key) {
		return
	}
	stays, hasNone := l.Tenant == "", with.tenant == nil
	if hasNone && !stays || key == first && hasNone == stays {
		at := with.placement()
		l.Key, l.Tenant, l.Role, key = at.Key, at.Tenant, at.Role, l.Key
	}
	l.Shared = append(l.Shared, key)
	sort.Strings(l.Shared)
}

// Close closes the pools that the plugin opened. It leaves alone the handle's
// own connection, and pools that the application supplied (a dialector's Conn,
// or a dbresolver of its own). It ends the recovery that the plugin runs by itself
// ([TwoPhase]). The failures are joined.
func (p *Plugin) Close() error {
	p.stopRecovery()
	p.installing.Lock()
	defer p.installing.Unlock()
	return p.closeOpened()
}
