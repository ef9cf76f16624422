package bindkey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/dsn"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
)

// open opens the pools of every bind. The handle's own connection is the
// default bind, if no other was registered under its key.
func (p *Plugin) open(db *gorm.DB) error {
	p.handleConn = p.realPoolOf(unwrap(db.ConnPool), false, innerDialector(db.Dialector))
	p.template = plainHandle(db, p.handleConn.Conn)
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
			p.tables.Add(table, b)
		}
	}
	if fallback := p.defaultBind(); !fallback.registered {
		if p.adopted != nil {
			return p.adopted.open(fallback)
		}
		return fallback.open(db)
	}
	return nil
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
		b.sources = []*boundPool{newBoundPool(b, b.plugin.handleConn, roleName("source", 0), false)}
		b.plain, b.dialect = plainHandle(handle, b.plugin.handleConn.Conn), b.plugin.dialect
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
		registered.Sources = append(registered.Sources, dialect.OnPool(b.plain.Dialector, pool.real.Conn))
	}
	for _, pool := range b.replicas {
		registered.Replicas = append(registered.Replicas, dialect.OnPool(b.plain.Dialector, pool.real.Conn))
	}
	private := plainHandle(b.plain, b.sources[0].real.Conn)
	private.PrepareStmtTTL = noEviction
	made, err := resolver.New(private, registered)
	if err != nil {
		return &OpenError{Key: b.key, Role: "dbresolver", Err: err, text: err.Error()}
	}
	b.resolver = made
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
	config := dialect.PlainConfig(handle, innerDialector(handle.Dialector))
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

func (b *bind) polyglot(role string, index int, opened *gorm.DB) error {
	return &OpenError{Key: b.key, Role: roleName(role, index), text: "its dialect, " + opened.Dialector.Name() + ", or its server's abilities are not those of the first source, " +
		b.dialect.Name() + "; all sources and replicas of a bind are compiled for alike, so register it under a key of its own"}
}

// limitIdentifiers makes the naming strategy keep to the shortest limit of all
// binds' dialects: a schema is parsed once, whatever bind its statements go to. It
// warns where the program has chosen a longer one itself.
func (p *Plugin) limitIdentifiers(db *gorm.DB) error {
	limit, name := 0, ""
	for _, b := range p.registered {
		for _, source := range b.config.Sources {
			if own := dialect.IdentifierLimit(source); own > 0 && (limit == 0 || own < limit) {
				limit, name = own, source.Name()
			}
		}
	}
	if limit == 0 || !dialect.Exceeds(db.NamingStrategy, limit) {
		return nil
	}
	then := fmt.Sprintf("make %T keep to that, or longer names are cut there", db.NamingStrategy)
	if limited, ok := dialect.Limited(db.NamingStrategy, limit); ok {
		chosen := dialect.ChosenLimit(db.NamingStrategy, db.Dialector)
		p.naming, db.NamingStrategy = db.NamingStrategy, limited
		if !chosen {
			return nil
		}
		then = fmt.Sprintf("that limit holds for all binds; give gorm.Config a NamingStrategy with IdentifierMaxLength: %d", limit)
	}
	db.Logger.Warn(context.Background(), "bindkey: %s limits identifiers to %d bytes, and the naming strategy allows more; %s", name, limit, then)
	return nil
}

// plainHandle is a handle of the same dialect on another pool, without plugins.
func plainHandle(like *gorm.DB, conn gorm.ConnPool) *gorm.DB {
	return dialect.Plain(like, innerDialector(like.Dialector), conn)
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

// closeAll closes those pools that the plugin opened.
func closeAll(pools []*dbpool.Pool) error {
	var failures []error
	for _, pool := range pools {
		failures = append(failures, pool.Close())
	}
	return errors.Join(failures...)
}
