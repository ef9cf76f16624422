package bindkey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/dsn"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// open opens the pools of every bind. The handle's own connection is the
// default bind, if no other was registered under its key.
func (p *Plugin) open(db *gorm.DB) error {
	p.own = p.realPoolOf(unwrap(db.ConnPool), false, innerDialector(db.Dialector))
	p.template = plainHandle(db, p.own.Conn)
	p.dialect = dialect.Of(db, innerDialector(db.Dialector))
	p.dialects = []*dialect.Dialect{p.dialect}
	for _, b := range append(p.registered[:len(p.registered):len(p.registered)], p.defaultBind()) {
		b.product = p.dialect.Product
		if sources := b.config.Sources; len(sources) > 0 && sources[0] != nil {
			b.product = product.Of(sources[0].Name())
		}
	}
	for _, b := range p.registered {
		switch err := b.open(db); {
		case err == nil:
		case b.awaits(err):
			p.abandon(b.realPools())
			db.Logger.Error(context.Background(), "%v; it is opened when a statement needs it", err)
		default:
			return err
		}
	}
	for table, keys := range p.names {
		for _, key := range keys {
			b, _ := p.bindNamed(key)
			p.tables.add(table, b)
		}
	}
	if fallback := p.defaultBind(); !fallback.asked {
		if p.adopted != nil {
			return p.adopted.open(fallback)
		}
		return fallback.open(db)
	}
	return nil
}

// realPoolOf is the one dbpool.Pool of a connection pool; the dialector that opened
// it may be nil.
func (p *Plugin) realPoolOf(conn gorm.ConnPool, opened bool, d gorm.Dialector) *dbpool.Pool {
	p.pooling.Lock()
	defer p.pooling.Unlock()
	for _, known := range p.pools {
		if known.Conn == conn {
			return known
		}
	}
	maxSize, ttl := p.db.PrepareStmtMaxSize, p.db.PrepareStmtTTL
	pool := dbpool.New(conn, opened, d, maxSize, ttl)
	p.pools = append(p.pools, pool)
	return pool
}

// open opens a bind's sources and replicas itself, since dbresolver opens them
// with the handle's plugins and clause builders, and hands the open pools to a
// dbresolver of the bind's own.
func (b *bind) open(handle *gorm.DB) error {
	var registered dbresolver.Config
	registered.Policy, registered.TraceResolverMode = b.config.Policy, b.config.TraceResolverMode

	b.sources, b.replicas = nil, nil
	for i, source := range b.config.Sources {
		opened, err := b.openPool(handle, source, roleName("source", i), false)
		if err != nil {
			return err
		}
		if i == 0 {
			b.plain, b.dialect = opened, b.plugin.dialectFor(opened)
		} else if !b.dialect.Alike(dialect.Of(opened, innerDialector(opened.Dialector))) {
			return b.polyglot("source", i, opened)
		}
	}
	if len(b.sources) == 0 {
		b.sources = []*boundPool{newBoundPool(b, b.plugin.own, roleName("source", 0), false)}
		b.plain, b.dialect = plainHandle(handle, b.plugin.own.Conn), b.plugin.dialect
	}
	for i, replica := range b.config.Replicas {
		opened, err := b.openPool(handle, replica, roleName("replica", i), true)
		if err != nil {
			return err
		}
		if opened.Dialector.Name() != b.dialect.Name() { // a replica is only read: its RETURNING does not matter
			return b.polyglot("replica", i, opened)
		}
	}
	for _, pool := range b.sources {
		registered.Sources = append(registered.Sources, poolDialector{b.plain.Dialector, pool.real.Conn})
	}
	for _, pool := range b.replicas {
		registered.Replicas = append(registered.Replicas, poolDialector{b.plain.Dialector, pool.real.Conn})
	}
	resolver := dbresolver.Register(registered)
	private := plainHandle(b.plain, b.sources[0].real.Conn)
	private.PrepareStmtTTL = noEviction
	if err := private.Use(resolver); err != nil {
		return &OpenError{Key: b.key, Role: "dbresolver", Err: err, text: err.Error()}
	}
	b.resolver, b.ask = resolver, callbacksOf(resolver)
	b.direct = b.onlyPool()
	return nil
}

// noEviction makes dbresolver's stores of prepared statements start no goroutine,
// which nothing would end (internal/lru). They stay empty: each pool has its own.
const noEviction = 10 * 365 * 24 * time.Hour

// openPool opens one source or replica, with the handle's configuration but
// with plugins, clause builders and a prepared-statement cache of its own.
func (b *bind) openPool(handle *gorm.DB, d gorm.Dialector, role string, replica bool) (*gorm.DB, error) {
	if d == nil {
		return nil, &OpenError{Key: b.key, Role: role, text: "its dialector is nil"}
	}
	config := plainConfig(handle)
	config.Logger = logger.Discard // it would print the DSN that some drivers put in their errors
	opened, err := gorm.Open(d, &config)
	if err != nil {
		return nil, &OpenError{Key: b.key, Role: role, Err: err, text: dsn.Of(d).Tell(err)}
	}
	opened.Config.Logger = handle.Logger
	real := b.plugin.realPoolOf(opened.ConnPool, !dbpool.Supplied(d), d)
	pool := newBoundPool(b, real, role, replica)
	if replica {
		b.replicas = append(b.replicas, pool)
	} else {
		b.sources = append(b.sources, pool)
	}
	return opened, nil
}

// dialectFor is the one dialect of all binds that speak as a handle does.
func (p *Plugin) dialectFor(opened *gorm.DB) *dialect.Dialect {
	spoken := dialect.Of(opened, innerDialector(opened.Dialector))
	p.pooling.Lock()
	defer p.pooling.Unlock()
	for _, known := range p.dialects {
		if known.Same(spoken) {
			return known
		}
	}
	p.dialects = append(p.dialects, spoken)
	return spoken
}

func (b *bind) polyglot(role string, index int, opened *gorm.DB) error {
	return &OpenError{Key: b.key, Role: roleName(role, index), text: "its dialect, " + opened.Dialector.Name() + ", or its server's abilities are not those of the first source, " +
		b.dialect.Name() + "; all sources and replicas of a bind are compiled for alike, so register it under a key of its own"}
}

// limitIdentifiers makes the naming strategy keep to the shortest limit of all
// binds' dialects: a schema is parsed once, whatever bind its statements go to.
func (p *Plugin) limitIdentifiers(db *gorm.DB) error {
	limit, dialect := 0, ""
	for _, b := range p.registered {
		for _, source := range b.config.Sources {
			if own := identifierLimit(source); own > 0 && (limit == 0 || own < limit) {
				limit, dialect = own, source.Name()
			}
		}
	}
	long := strings.Repeat("long", 64)
	if limit == 0 || len(db.NamingStrategy.IndexName(long, long)) <= limit {
		return nil
	}
	warn := func(then string) {
		db.Logger.Warn(context.Background(), "bindkey: %s limits identifiers to %d bytes, and the naming strategy allows more; %s", dialect, limit, then)
	}
	switch strategy := db.NamingStrategy.(type) {
	case schema.NamingStrategy:
		strategy.IdentifierMaxLength = limit
		p.naming, db.NamingStrategy = db.NamingStrategy, strategy
		warn("that limit holds for all binds")
	case *schema.NamingStrategy:
		limited := *strategy
		limited.IdentifierMaxLength = limit
		p.naming, db.NamingStrategy = db.NamingStrategy, &limited
		warn("that limit holds for all binds")
	default:
		warn(fmt.Sprintf("make %T keep to that, or longer names are cut there", strategy))
	}
	return nil
}

// identifierLimit is the length that a dialector gives GORM's naming strategy,
// or 0 where it gives none.
func identifierLimit(d gorm.Dialector) int {
	applier, ok := d.(interface{ Apply(*gorm.Config) error })
	if !ok {
		return 0
	}
	config := gorm.Config{NamingStrategy: schema.NamingStrategy{}}
	if err := applier.Apply(&config); err != nil {
		return 0
	}
	strategy, _ := config.NamingStrategy.(schema.NamingStrategy)
	return strategy.IdentifierMaxLength
}

// plainConfig is a handle's configuration, without what belongs to it alone.
// The schema cache stays shared: models given to SetupJoinTable are there.
func plainConfig(handle *gorm.DB) gorm.Config {
	config := *handle.Config
	config.ConnPool, config.Dialector = nil, nil
	config.Plugins = map[string]gorm.Plugin{}
	config.ClauseBuilders = dialect.GivenBuilders(handle, innerDialector(handle.Dialector))
	config.NowFunc = dialect.GivenNow(handle, innerDialector(handle.Dialector))
	config.PrepareStmt = false
	config.DryRun = false
	return config
}

// plainHandle makes a handle of the same dialect on another pool, with GORM's
// and the dialect's callbacks, and no others. Initialising the dialector again
// would open another connection.
func plainHandle(like *gorm.DB, conn gorm.ConnPool) *gorm.DB {
	config := plainConfig(like)
	config.DisableAutomaticPing = true
	config.NowFunc = like.NowFunc
	for name, builder := range like.ClauseBuilders {
		config.ClauseBuilders[name] = builder
	}
	plain, err := gorm.Open(poolDialector{innerDialector(like.Dialector), conn}, &config)
	if err != nil {
		panic("bindkey: a dialector that only sets the pool failed: " + err.Error())
	}
	plain.Config.Dialector = innerDialector(like.Dialector)
	copyCallbacks(like, plain)
	return plain
}

// copyCallbacks copies GORM's and the dialect's callbacks by name.
func copyCallbacks(from, to *gorm.DB) {
	source, target := from.Callback(), to.Callback()
	create, query, update := target.Create(), target.Query(), target.Update()
	remove, row, raw := target.Delete(), target.Row(), target.Raw()
	for _, processor := range []struct {
		get      func(string) func(*gorm.DB)
		register func(string, func(*gorm.DB)) error
		names    []string
	}{
		{source.Create().Get, create.Register, createCallbacks},
		{source.Query().Get, query.Register, queryCallbacks},
		{source.Update().Get, update.Register, updateCallbacks},
		{source.Delete().Get, remove.Register, deleteCallbacks},
		{source.Row().Get, row.Register, rowCallbacks},
		{source.Raw().Get, raw.Register, rawCallbacks},
	} {
		for _, name := range processor.names {
			if callback := processor.get(name); callback != nil {
				_ = processor.register(name, callback) // in order, so that no conflict can arise
			}
		}
	}
	create.Clauses, query.Clauses, update.Clauses = source.Create().Clauses, source.Query().Clauses, source.Update().Clauses
	remove.Clauses, row.Clauses, raw.Clauses = source.Delete().Clauses, source.Row().Clauses, source.Raw().Clauses
}

// A poolDialector is a dialector whose pool is open already.
type poolDialector struct {
	gorm.Dialector
	conn gorm.ConnPool
}

func (d poolDialector) Initialize(db *gorm.DB) error {
	db.ConnPool = d.conn
	return nil
}

// Translate keeps GORM from warning of the poolDialector, which would hide that
// of the dialector behind it.
func (d poolDialector) Translate(err error) error {
	if translator, ok := d.Dialector.(gorm.ErrorTranslator); ok {
		return translator.Translate(err)
	}
	return err
}

// warnUntranslated logs for the bind's sources what GORM does when it opens one
// (gorm.go, Open), whose log openPool silences. Replicas are not asked to
// translate. GORM and dbresolver have warned of dialectors that they opened.
func (b *bind) warnUntranslated() {
	if !b.settings.TranslateError {
		return
	}
	for _, source := range b.config.Sources {
		if _, ok := source.(gorm.ErrorTranslator); !ok {
			b.settings.Logger.Warn(context.Background(), "bindkey: bind %q: The TranslateError option is enabled, but the Dialector %s does not implement ErrorTranslator.", b.key, source.Name())
		}
	}
}

func (p *Plugin) realPools() []*dbpool.Pool {
	p.pooling.Lock()
	defer p.pooling.Unlock()
	return p.pools[:len(p.pools):len(p.pools)]
}

func (p *Plugin) closeOpened() error {
	p.closed = true
	return closeAll(p.realPools())
}

// closeAll closes those pools that the plugin opened.
func closeAll(pools []*dbpool.Pool) error {
	var failures []error
	for _, pool := range pools {
		failures = append(failures, pool.Close())
	}
	return errors.Join(failures...)
}

// abandon closes and forgets the pools of a bind that could be opened only in
// part.
func (p *Plugin) abandon(pools []*dbpool.Pool) {
	_ = closeAll(pools)
	p.pooling.Lock()
	defer p.pooling.Unlock()
	var kept []*dbpool.Pool
next:
	for _, known := range p.pools {
		for _, pool := range pools {
			if known == pool && pool.Opened {
				continue next
			}
		}
		kept = append(kept, known)
	}
	p.pools = kept
}
