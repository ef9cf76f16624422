package bindtest

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Open opens a handle on fresh databases, one for each bind, with the tables of all models
// that the plugin was given ([bindkey.Models]), and installs the plugin on it. The binds are
// those that these and their relations name, the default one, and those of the options [Bind]
// and [Tenants]. All ends with the test.
//
// The plugin is made as the program makes its own, but without Register and Tenants: Open
// registers the binds. It serves this handle alone.
//
//	db := bindtest.Open(t, bindkey.New(bindkey.Models(&User{}, &LogEntry{})))
//
// The databases are SQLite files in t.TempDir, or on servers ([On]). They are migrated
// once in a test binary for all handles that have the same models, binds and
// configuration, and then copied, so a handle costs about as much as opening a
// file. Each test, also each parallel one, has a handle of its own.
//
// Two binds have two databases here, even if they share one in production.
func Open(t TB, plugin *bindkey.Plugin, options ...Option) *gorm.DB {
	t.Helper()
	c := choose(options)
	keys, err := c.keys(plugin)
	if err != nil {
		t.Fatalf("bindtest: Open: %v", err)
		return nil
	}
	db, err := c.open(t, plugin, keys)
	if err != nil {
		t.Fatalf("bindtest: Open: %v", err)
		return nil
	}
	return db
}

// keys are the keys of all binds, the default one first: those that the models and options
// name.
func (c *choices) keys(plugin *bindkey.Plugin) ([]string, error) {
	if plugin == nil {
		return nil, errors.New("the plugin is nil; give one: bindkey.New(bindkey.Models(…))")
	}
	before := plugin.Keys()
	if len(before) != 1 {
		return nil, hasBinds(before)
	}
	found := named(plugin.Check(withRelated(plugin.Models())...)) // before a key has tenants, and is registered
	if err := c.registerTenants(plugin); err != nil {
		return nil, err
	}
	if len(plugin.Models()) == 0 && len(c.binds) == 0 {
		return nil, errors.New("the plugin has no models, so that there is no table and no bind to make: give them to it, bindkey.New(bindkey.Models(…)), or name binds with bindtest.Bind")
	}
	if len(c.tenants) > 0 {
		c.findData(plugin, found)
	}
	found[before[0]] = true
	for _, key := range c.binds {
		found[key] = true
	}
	var tenanted []string
	for _, f := range c.tenants {
		tenanted = append(tenanted, f.key)
	}
	for _, list := range [][]string{c.replicas, mapKeys(c.servers), tenanted} {
		for _, key := range list {
			if key != "" && !found[key] {
				return nil, fmt.Errorf("an option names the bind %q, which no model names (known: %s); correct it, or add bindtest.Bind(%q)", key, strings.Join(mapKeys(found), ", "), key)
			}
		}
	}
	for _, at := range c.places(tenanted) {
		if found[at.String()] {
			return nil, fmt.Errorf("there is a bind %q, which is what the database of the tenant %q of the bind %q is called in a test; give the tenant another name", at.String(), at.tenant, at.key)
		}
	}
	delete(found, before[0])
	return append(before, mapKeys(found)...), nil
}

func hasBinds(keys []string) error {
	return fmt.Errorf("the plugin has binds already: %s. Open registers the binds itself, on databases of the test: give it a plugin without Register (its data go into bindtest.Bind), and without Tenants (their options go into bindtest.Tenants, with the names of the tenants that the test needs)", quotedKeys(keys))
}

// withRelated are models and those that they have relations to, which AutoMigrate
// may migrate with them. What GORM does not accept is left for the plugin to tell.
func withRelated(models []any) []any {
	var parsing sync.Map
	seen := map[reflect.Type]bool{}
	for i := 0; i < len(models); i++ {
		s, err := schema.Parse(models[i], &parsing, schema.NamingStrategy{})
		if err != nil {
			continue
		}
		seen[s.ModelType] = true
		for _, relation := range s.Relationships.Relations {
			if t := relation.FieldSchema.ModelType; !seen[t] {
				seen[t] = true
				models = append(models[:len(models):len(models)], reflect.New(t).Interface())
			}
		}
	}
	return models
}

// named are the binds that an error says are not registered.
func named(err error) map[string]bool {
	keys := map[string]bool{}
	var visit func(error)
	visit = func(err error) {
		switch e := err.(type) {
		case *bindkey.UnknownBindError:
			keys[e.Key] = true
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				visit(err)
			}
		case interface{ Unwrap() error }:
			visit(e.Unwrap())
		}
	}
	visit(err)
	return keys
}

func mapKeys[V any](m map[string]V) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// open makes the databases, from the template if there is one, and opens the handle.
func (c *choices) open(t TB, plugin *bindkey.Plugin, keys []string) (*gorm.DB, error) {
	t.Helper()
	k := &kit{t: t, plugin: plugin, first: keys[0], tenanted: len(c.tenants) > 0, binds: map[string]*bind{}, open: map[*testkit.Conn]opened{}, trespasses: map[*testkit.Conn]*trespass{}}
	dir := t.TempDir()
	t.Cleanup(func() { k.close(t) })
	tpl, err := c.template(plugin, keys)
	if err != nil {
		return nil, err
	}
	tpl.mu.Lock()
	made := tpl.made
	if made {
		tpl.mu.Unlock() // what it has does not change any more
	} else {
		defer tpl.mu.Unlock()
	}
	databases := map[string]*database{}
	build := func(at place) (*bind, error) {
		d, err := c.create(at, dir, tpl)
		if err != nil {
			if d != nil {
				d.drop(t) // nobody could look into it
			}
			return nil, fmt.Errorf("making the database of bind %q: %w", at.String(), err)
		}
		databases[at.String()] = d
		roles := []string{source}
		if contains(c.replicas, at.key) {
			roles = append(roles, replica)
		}
		return d.open(k, at, roles), nil
	}
	for _, at := range c.places(keys) {
		if k.binds[at.String()], err = build(at); err != nil {
			delete(k.binds, at.String())
			return nil, err
		}
	}
	if c.tenantsOf(keys[0]) != nil {
		if k.spare, err = build(place{key: keys[0]}); err != nil {
			return nil, err
		}
	}
	db, err := c.install(k, plugin, keys)
	if err != nil || made {
		return db, err
	}
	return db, c.fill(k, db, tpl, databases)
}

// create makes a bind's database, as the template has it.
func (c *choices) create(at place, dir string, tpl *template) (*database, error) {
	server, ok := c.server(at.key)
	if !ok {
		return newFile(dir, at.String(), tpl.files[at.String()])
	}
	d, err := server.create(at)
	if err != nil || !tpl.made {
		return d, err
	}
	return d, play(d, tpl.script[at.String()])
}

// install opens the handle on the first bind's pool, and installs the plugin with the
// others.
func (c *choices) install(k *kit, plugin *bindkey.Plugin, keys []string) (*gorm.DB, error) {
	config := c.config
	config.Plugins, config.ClauseBuilders = copied(config.Plugins), copied(config.ClauseBuilders)
	if config.Logger == nil {
		config.Logger = logger.Discard
	}
	if config.PrepareStmtTTL == 0 {
		config.PrepareStmtTTL = noEviction
	}
	first := k.binds[keys[0]]
	if first == nil {
		first = k.spare
	}
	for _, f := range c.tenants {
		f.kit = k
	}
	db, err := gorm.Open(first.dialector(first.pools[0]), &config)
	if err != nil {
		return nil, err
	}
	for i, key := range keys {
		b := k.binds[key]
		if b == nil {
			continue // its tenants are registered
		}
		var pools dbresolver.Config
		if i > 0 {
			pools.Sources = []gorm.Dialector{b.dialector(b.pools[0])}
		}
		if len(b.pools) > 1 {
			pools.Replicas = []gorm.Dialector{b.dialector(b.pools[1])}
		}
		if i > 0 || len(pools.Replicas) > 0 || len(c.data[key]) > 0 {
			plugin.Register(key, pools, c.data[key]...)
		}
	}
	if err := db.Use(plugin.Observe(k.observer())); err != nil {
		return nil, err
	}
	if err := c.foreign(k, db); err != nil {
		return nil, err
	}
	return db, db.Use(k)
}

// foreign is the error of a bind whose database is not the test's: one of a dbresolver, or
// the default one, of which the plugin's keys did not tell whether it was registered.
func (c *choices) foreign(k *kit, db *gorm.DB) error {
	var keys []string
	for _, key := range k.plugin.Keys() {
		if _, err := k.plugin.Resolver(key); c.tenantsOf(key) == nil && (k.binds[key] == nil || err != nil) { // tenants have none
			keys = append(keys, key)
		}
	}
	for _, pool := range k.plugin.Pools() {
		if !k.has(pool.DB) {
			keys = append(keys, pool.Key)
		}
	}
	switch {
	case len(keys) == 0:
		return nil
	case db.Config.Plugins["gorm:db_resolver"] != nil:
		return fmt.Errorf("the handle has the bind %q, whose database is not the test's: a dbresolver of the program's own opens its databases itself; leave it out of bindtest.Config, and give its keys and models to bindtest.Bind", keys[0])
	default:
		return hasBinds(keys[:1])
	}
}

// has reports whether a pool is one of the test's databases.
func (k *kit) has(pool *sql.DB) bool {
	for _, b := range k.all() {
		for _, one := range b.opened() {
			if one == pool {
				return true
			}
		}
	}
	return false
}

// all are the databases of the test.
func (k *kit) all() (all []*bind) {
	for _, name := range k.names() {
		all = append(all, k.binds[name])
	}
	if k.spare != nil {
		all = append(all, k.spare)
	}
	return all
}

// noEviction makes GORM's stores of prepared statements start no goroutine, which nothing
// would end (internal/lru). No test lasts as long as GORM's own limit, a day.
const noEviction = 10 * 365 * 24 * time.Hour

// fill migrates databases that are empty, and keeps what comes of it for others.
func (c *choices) fill(k *kit, db *gorm.DB, tpl *template, databases map[string]*database) error {
	migrate := c.migrate
	if migrate == nil {
		models := k.plugin.Models()
		if len(models) == 0 {
			return nil
		}
		migrate = func(db *gorm.DB) error {
			return c.eachTenant(db, func(db *gorm.DB) error { return db.AutoMigrate(models...) })
		}
	}
	s := &scribe{lines: map[string][]line{}, unclear: map[string]bool{}}
	k.scribe.Store(s)
	defer k.scribe.Store(nil)
	if err := migrate(db.Session(&gorm.Session{NewDB: true, Logger: logger.Discard})); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	for _, f := range c.tenants {
		for _, name := range f.names {
			k.plugin.Evict(name, f.key) // as it is for those who have a copy
		}
	}
	return tpl.keep(databases, s)
}

func copied[V any](m map[string]V) map[string]V {
	c := map[string]V{}
	for key, value := range m {
		c[key] = value
	}
	return c
}

// close ends a handle, and drops its databases.
func (k *kit) close(t TB) {
	t.Helper()
	k.tellOpen(t)
	_ = k.plugin.Close()
	for _, b := range k.all() {
		if err := b.close(); err != nil {
			t.Errorf("bindtest: closing bind %q: %v", b.String(), err)
		}
		b.drop(t)
	}
}
