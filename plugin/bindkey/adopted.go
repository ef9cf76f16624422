package bindkey

import (
	"sync"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
)

// adopted is a dbresolver that the application made and installed before the
// plugin. Its resolvers are binds, and its global resolver is the default
// bind; it still picks the pools. A nil *adopted knows nothing.
type adopted struct {
	*resolver.Adopted
	opening sync.Mutex
}

// adopt finds the application's dbresolver, or returns nil.
func adopt(db *gorm.DB) (*adopted, error) {
	found, err := resolver.Adopt(db)
	if err != nil {
		return nil, installError("%w", err)
	}
	if found == nil {
		return nil, nil
	}
	return &adopted{Adopted: found}, nil
}

func (a *adopted) knows(name string) bool { return a != nil && a.Knows(name) }

func (a *adopted) names() []string {
	if a == nil {
		return nil
	}
	return a.Names()
}

func (a *adopted) models() []any {
	if a == nil {
		return nil
	}
	return a.Models()
}

// bind makes a named resolver a bind, when it is first asked for. One resolver
// may have several names, those of its Register call, which are one bind.
func (a *adopted) bind(r *registry, name string) (*bind, error) {
	if !a.knows(name) {
		return nil, nil
	}
	a.opening.Lock()
	defer a.opening.Unlock()
	if b, ok := r.binds.Load(name); ok {
		return b.(*bind), nil
	}
	key := a.KeyOf(name)
	made, ok := r.binds.Load(key)
	if !ok {
		b := newBind(r.plugin, key)
		if err := a.open(b); err != nil {
			return nil, err
		}
		made, _ = r.binds.LoadOrStore(key, b)
	}
	r.binds.Store(name, made)
	return made.(*bind), nil
}

// open takes a bind's pools from the resolver of its key, or from the global
// one for the default bind. Without either, it is the handle's own connection.
func (a *adopted) open(b *bind) error {
	handle := b.plugin.template
	pools, err := a.PoolsOf(b.key)
	if err != nil {
		return installError("bind %q: %w", b.key, err)
	}
	if pools == nil {
		return b.open(handle)
	}
	bound := func(role string, pools []resolver.Pool, replica bool) (bound []*boundPool) {
		for i, pool := range pools {
			bound = append(bound, newBoundPool(b, b.plugin.realPoolOf(pool.Conn, false, pool.Dialector), roleName(role, i), replica))
		}
		return bound
	}
	b.sources, b.replicas = bound("source", pools.Sources, false), bound("replica", pools.Replicas, true)
	b.config.TraceResolverMode, b.resolver = pools.TraceResolverMode, pools.Resolver
	b.direct = b.onlyPool()
	b.plain, b.dialect = plainHandle(handle, b.sources[0].real.Conn), b.plugin.dialect
	b.product = b.dialect.Product
	if b.plugin.chainDialector != nil { // else all binds get theirs
		return b.prepareDialect()
	}
	return nil
}

// firstIsKnown refuses SQL that goes by another table than its first, which nobody
// knows: dbresolver goes by the first alone, and to the global resolver where that has no
// name of its own, so that the program has its table there.
func (e *evidence) firstIsKnown(d *decision) error {
	home := e.fallback
	if home == nil {
		home = e.plugin.defaultBind()
	}
	if len(d.facts.Tables) == 0 || d.bind.shares(home) {
		return nil
	}
	first := d.facts.Tables[0]
	for _, table := range e.unknown {
		if table == first && !product.Everywhere(table) {
			err := e.crossing(nil)
			err.Claims = append([]Claim{{Key: home.key, Source: "table " + quoted(first) + ", which no model has brought up,"}}, err.Claims...)
			err.Way = "give the model of " + quoted(first) + " to bindkey.Models, or choose with bindkey.Use"
			return err
		}
	}
	return nil
}
