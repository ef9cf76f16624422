package bindkey

import (
	"reflect"
	"sync"
	"unsafe"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"
)

// adopted is a dbresolver that the application made and installed before the
// plugin. Its resolvers are binds, and its global resolver is the default
// bind; it still picks the pools. A nil *adopted knows nothing.
type adopted struct {
	resolver *dbresolver.DBResolver
	ask      resolverCallbacks
	opening  sync.Mutex
}

// adopt finds the application's dbresolver, or returns nil.
func adopt(db *gorm.DB) (*adopted, error) {
	plugin, ok := db.Plugins[(&dbresolver.DBResolver{}).Name()]
	if !ok {
		return nil, nil
	}
	resolver, ok := plugin.(*dbresolver.DBResolver)
	if !ok {
		return nil, installError("plugin gorm:db_resolver is a %T, not a *dbresolver.DBResolver", plugin)
	}
	if resolver.DB == nil {
		// Both plugins are in gorm.Config.Plugins, a map: its order is random.
		plugins := db.Config.Plugins
		db.Config.Plugins = map[string]gorm.Plugin{} // or each source would be opened with them
		err := resolver.Initialize(db)
		db.Config.Plugins = plugins
		if err != nil {
			return nil, err
		}
	}
	if resolver.DB.Callback() != db.Callback() {
		return nil, installError("the dbresolver serves another *gorm.DB; make one for each handle")
	}
	a := &adopted{resolver: resolver, ask: callbacksOf(resolver)}
	if a.ask.source == nil || a.ask.replica == nil {
		return nil, installError("dbresolver has no callback in this *gorm.DB")
	}
	if state := reflect.ValueOf(resolver).Elem(); state.FieldByName("resolvers").Kind() != reflect.Map ||
		state.FieldByName("global").Kind() != reflect.Pointer || state.FieldByName("configs").Kind() != reflect.Slice {
		return nil, installError("this version of dbresolver is unknown; register the binds with Plugin.Register")
	}
	return a, nil
}

// named finds a resolver by reflection. dbresolver can't be asked which names
// it knows: an unknown one falls through to the global resolver, and its
// policy is called.
func (a *adopted) named(name string) reflect.Value {
	return reflect.ValueOf(a.resolver).Elem().FieldByName("resolvers").MapIndex(reflect.ValueOf(name))
}

func (a *adopted) knows(name string) bool { return a != nil && a.named(name).IsValid() }

// names are all that dbresolver's Use finds: names that were given to
// Register, and tables of models that were.
func (a *adopted) names() []string {
	if a == nil {
		return nil
	}
	var names []string
	for _, key := range reflect.ValueOf(a.resolver).Elem().FieldByName("resolvers").MapKeys() {
		names = append(names, key.String())
	}
	return names
}

// models are the models that were given to the resolver's Register.
func (a *adopted) models() (models []any) {
	if a == nil {
		return nil
	}
	configs := reflect.ValueOf(a.resolver).Elem().FieldByName("configs")
	for i := 0; i < configs.Len(); i++ {
		datas := configs.Index(i).FieldByName("datas")
		for j := 0; j < datas.Len(); j++ {
			t := datas.Index(j).Elem().Type()
			for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
				t = t.Elem()
			}
			if t.Kind() == reflect.Struct {
				models = append(models, reflect.New(t).Interface())
			}
		}
	}
	return models
}

// bind makes a named resolver a bind, when it is first asked for. One resolver
// may have several names, those of its Register call, which are one bind.
func (a *adopted) bind(p *Plugin, name string) (*bind, error) {
	if !a.knows(name) {
		return nil, nil
	}
	a.opening.Lock()
	defer a.opening.Unlock()
	if b, ok := p.binds.Load(name); ok {
		return b.(*bind), nil
	}
	key := a.keyOf(name)
	made, ok := p.binds.Load(key)
	if !ok {
		b := newBind(p, key)
		if err := a.open(b); err != nil {
			return nil, err
		}
		made, _ = p.binds.LoadOrStore(key, b)
	}
	p.binds.Store(name, made)
	return made.(*bind), nil
}

// keyOf is the name by which a resolver is known best: the first that was
// given to its Register, or else the first of its tables.
func (a *adopted) keyOf(name string) string {
	resolver := a.named(name).Pointer()
	same := map[string]bool{}
	for _, other := range a.names() {
		if a.named(other).Pointer() == resolver {
			same[other] = true
		}
	}
	configs := reflect.ValueOf(a.resolver).Elem().FieldByName("configs")
	for i := 0; i < configs.Len(); i++ {
		datas := configs.Index(i).FieldByName("datas")
		for j := 0; j < datas.Len(); j++ {
			if given := datas.Index(j).Elem(); given.Kind() == reflect.String && same[given.String()] {
				return given.String()
			}
		}
	}
	return sortedKeys(same)[0]
}

// open takes a bind's pools from the resolver of its key, or from the global
// one for the default bind. Without either, it is the handle's own connection.
func (a *adopted) open(b *bind) error {
	handle := b.plugin.template
	resolver := reflect.ValueOf(a.resolver).Elem().FieldByName("global")
	if a.knows(b.key) {
		resolver = a.named(b.key)
		b.using = map[string]clause.Clause{usingClause: {Expression: dbresolver.Use(b.key)}}
	}
	if resolver.IsNil() {
		return b.open(handle)
	}
	config := a.configOf(resolver)
	resolver = resolver.Elem()
	pools := map[uintptr]gorm.ConnPool{}
	_ = a.resolver.Call(func(pool gorm.ConnPool) error {
		if pointer := reflect.ValueOf(pool); pointer.Kind() == reflect.Pointer {
			pools[pointer.Pointer()] = pool
		}
		return nil
	})
	bound := func(field, role string, from []gorm.Dialector, replica bool) ([]*boundPool, error) {
		var bound []*boundPool
		list := resolver.FieldByName(field)
		for i := 0; i < list.Len(); i++ {
			pool, ok := gorm.ConnPool(nil), false
			if pointer := list.Index(i).Elem(); pointer.Kind() == reflect.Pointer {
				pool, ok = pools[pointer.Pointer()]
			}
			if !ok {
				return nil, installError("bind %q: dbresolver has a pool of an unknown kind; register the bind with Plugin.Register", b.key)
			}
			var d gorm.Dialector
			if len(from) == list.Len() {
				d = from[i]
			}
			bound = append(bound, newBoundPool(b, b.plugin.realPoolOf(pool, false, d), roleName(role, i), replica))
		}
		return bound, nil
	}
	var err error
	if b.sources, err = bound("sources", "source", config.Sources, false); err != nil {
		return err
	}
	if resolver.FieldByName("sources").Pointer() != resolver.FieldByName("replicas").Pointer() {
		if b.replicas, err = bound("replicas", "replica", config.Replicas, true); err != nil {
			return err
		}
	}
	b.config.TraceResolverMode = resolver.FieldByName("traceResolverMode").Bool()
	b.resolver, b.ask = a.resolver, a.ask
	b.direct = b.onlyPool()
	b.plain, b.dialect = plainHandle(handle, b.sources[0].real.Conn), b.plugin.dialect
	b.product = b.dialect.Product
	if b.plugin.outside != nil { // else all binds get theirs
		return b.tongue()
	}
	return nil
}

// configOf is what a resolver of the application's was registered with: its
// dialectors are not kept elsewhere, and for servers only they know the DSN. It
// is empty where that is not found.
func (a *adopted) configOf(resolver reflect.Value) (none dbresolver.Config) {
	state := reflect.ValueOf(a.resolver).Elem()
	field := state.FieldByName("configs")
	if field.Type() != reflect.TypeOf([]dbresolver.Config(nil)) {
		return none
	}
	configs := *(*[]dbresolver.Config)(unsafe.Pointer(field.UnsafeAddr()))
	for i := range configs {
		datas := reflect.ValueOf(&configs[i]).Elem().FieldByName("datas")
		if datas.Type() != reflect.TypeOf([]any(nil)) {
			return none
		}
		of := state.FieldByName("global")
		if datas := *(*[]any)(unsafe.Pointer(datas.UnsafeAddr())); len(datas) > 0 {
			name, ok := datas[0].(string)
			if !ok {
				stmt := &gorm.Statement{DB: a.resolver.DB}
				if err := stmt.Parse(datas[0]); err != nil {
					continue
				}
				name = stmt.Table
			}
			of = a.named(name)
		}
		if of.IsValid() && of.Pointer() == resolver.Pointer() {
			return configs[i]
		}
	}
	return none
}
