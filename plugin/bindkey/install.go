package bindkey

import (
	"errors"
	"fmt"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/processor"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
)

// Initialize installs the plugin on a handle: [gorm.DB.Use] calls it, or
// [gorm.Open] for a plugin in [gorm.Config].Plugins. It opens the registered
// binds, checks the models of the option [Models], and only then changes the
// handle; an error leaves it as it was. Sessions of the handle that were made
// before are not routed, and say so.
//
// It returns all mistakes of options and Register joined; [ErrInstall] where
// there is no bind, or the plugin or another of its kind is installed already;
// an [*OpenError] for a source or replica that can't be opened; what Check
// says of the models.
func (p *Plugin) Initialize(db *gorm.DB) error {
	if openedByResolver(db) {
		return nil
	}
	p.installing.Lock()
	defer p.installing.Unlock()
	if err := p.installable(db); err != nil {
		return err
	}
	adopted, err := adopt(db)
	if err != nil {
		return err
	}
	if len(p.registered) == 0 && adopted == nil {
		return installError("no bind is registered; call Plugin.Register, or install your dbresolver before this plugin (db.Use(resolver), then db.Use(bindkey.New()))")
	}

	p.db, p.adopted = db, adopted
	for _, step := range []func(*gorm.DB) error{p.limitIdentifiers, p.open, p.chooseDecider, p.checkNames, p.prepareDialects, p.checkTwoPhase, p.tellInstalled, p.hook} {
		if err := step(db); err != nil {
			_ = p.closeOpened() // what failed is the better error
			p.uninstall()
			return err
		}
	}
	if len(p.setters) > 0 {
		p.apply(p.setters, p.boundPools())
	}
	for key := range p.ownSetters {
		if b, err := p.lookup(key, ""); err == nil && b.isOpen() {
			p.apply(p.ownSetters[key], b.realPools())
		}
	}
	p.startRecovery()
	return nil
}

// checkNames finds the mistakes that show only once all binds are known.
func (p *Plugin) checkNames(*gorm.DB) error {
	var mistakes []error
	for _, key := range p.order {
		if _, err := p.lookup(key, ""); err != nil {
			mistakes = append(mistakes, fmt.Errorf("bindkey: option CommitOrder: %w", err))
		}
	}
	for key := range p.ownSetters {
		if _, err := p.lookup(key, ""); err != nil {
			mistakes = append(mistakes, fmt.Errorf("bindkey: Plugin.ConfigurePools: %w", err))
		}
	}
	if p.adopted.knows(p.defaultKey) && p.adopted.HasGlobal() && !p.defaultGiven {
		mistakes = append(mistakes, installError("dbresolver has a global resolver and one that is registered as %q, the default bind's key, so that what has no key would move to the second: choose with the option bindkey.Default(%q), or, to stay with the global one, bindkey.Default with a key that nothing is registered as", p.defaultKey, p.defaultKey))
	}
	_ = p.Check(p.adopted.models()...) // they are known from now on; their mistakes show where they are used
	if err := p.Check(append(p.registeredModels[:len(p.registeredModels):len(p.registeredModels)], p.listed...)...); err != nil {
		mistakes = append(mistakes, err)
	}
	if len(mistakes) == 1 {
		return mistakes[0] // joined already
	}
	return errors.Join(mistakes...)
}

// openedByResolver reports whether the handle is a source that a dbresolver is
// opening at the moment, with the plugins of its own handle: those of
// gorm.Config.Plugins, of which it is one. The plugin is initialised on that
// handle in its turn.
func openedByResolver(db *gorm.DB) bool {
	resolver, ok := db.Plugins[resolver.CallbackName].(*dbresolver.DBResolver)
	return ok && resolver.DB != nil && resolver.DB.Callback() != db.Callback() &&
		reflect.ValueOf(resolver.DB.Plugins).Pointer() == reflect.ValueOf(db.Plugins).Pointer()
}

// installable finds what forbids an installation.
func (p *Plugin) installable(db *gorm.DB) error {
	if p.db != nil {
		return installError("this plugin serves another *gorm.DB, or a dbresolver was installed after it (dbresolver initialises plugins again on each source it opens); make one plugin for each handle, and install dbresolver first")
	}
	if routedBy(db.ConnPool) != nil {
		return installError("another bindkey plugin routes this *gorm.DB")
	}
	if _, ok := unwrap(db.Statement.ConnPool).(gorm.TxCommitter); ok {
		return installError("this *gorm.DB is in a transaction")
	}
	return errors.Join(p.mistakes...)
}

// tellInstalled tells observers of the binds that are open now.
func (p *Plugin) tellInstalled(*gorm.DB) error {
	if len(p.observers) > 0 {
		p.xacts.Ended = p.observers.ended
	}
	p.toldInstalled = p.observers.installed(p)
	return nil
}

func (p *Plugin) uninstall() {
	if p.naming != nil {
		p.db.NamingStrategy, p.naming = p.naming, nil
	}
	p.db, p.adopted, p.handleConn, p.stored, p.template, p.pools = nil, nil, nil, nil, nil, nil
	p.dialect, p.dialects, p.base, p.chainDialector, p.mixed, p.switching = nil, nil, nil, nil, false, false
	p.sqlDialects, p.closed = nil, false
	p.modelBinds.forget()
	p.tables.Forget()
	p.learned.Range(func(s, _ any) bool { p.learned.Delete(s); return true })
	for _, f := range p.families {
		f.keeper = nil
	}
	p.binds.Range(func(key, b any) bool {
		closed := b.(*bind)
		if !closed.registered {
			p.binds.Delete(key)
		}
		closed.sources, closed.replicas, closed.direct, closed.plain, closed.resolver, closed.late = nil, nil, nil, nil, nil, nil
		return true
	})
}

// hook puts the plugin into the handle's three seams: the callbacks, the
// connection pool and the dialector.
func (p *Plugin) hook(db *gorm.DB) error {
	if err := errors.Join(p.registerCallbacks(db), processor.Wrap(db, p.wrapBegin, p.wrapEnd, p.wrapSend)); err != nil {
		return err
	}
	p.storeStatements()
	pool := p.handlePool()
	db.Config.ConnPool = pool
	db.Statement.ConnPool = pool
	db.Config.Dialector = p.chainDialector
	db.Config.Logger = p.base.Logger
	return nil
}

// registerCallbacks registers the routing callback in each processor, and
// takes the name of dbresolver's, which dbresolver's clauses call. GORM runs
// the callback that was registered first last, of those before "*", so a
// dbresolver that takes its name back later runs before routing, and is
// overruled.
func (p *Plugin) registerCallbacks(db *gorm.DB) error {
	var failures []error
	register := func(err error) { failures = append(failures, err) }

	for kind := statementKind(0); kind < processor.Kinds; kind++ {
		register(processor.First(db, kind).Register("bindkey:route", p.routeCallback(kind)))
	}
	register(processor.First(db, queryStatement).Register("bindkey:split", p.splitQuery)) // runs before bindkey:route
	if p.adopted == nil {
		register(processor.First(db, queryStatement).Register(resolver.CallbackName, p.chain))
	} else {
		for kind := statementKind(0); kind < processor.Kinds; kind++ {
			register(processor.First(db, kind).Replace(resolver.CallbackName, p.chain))
		}
	}
	if p.base.SkipDefaultTransaction && p.someTransactions() {
		register(processor.AddTransactions(db))
	}
	register(processor.AroundDerived(db, "bindkey", p.beginDerived, p.endDerived))
	return errors.Join(failures...)
}

// someTransactions reports whether some bind has GORM's default transaction, or
// may have it once it is open.
func (p *Plugin) someTransactions() (some bool) {
	p.eachBind(func(b *bind) {
		some = some || !b.isOpen() || !b.settings.SkipDefaultTransaction
	})
	return some
}
