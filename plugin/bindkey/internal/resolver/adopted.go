package resolver

import (
	"fmt"
	"reflect"
	"sort"
	"unsafe"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"
)

// An Adopted is a dbresolver that the application made and installed before the
// plugin. What it has is read by reflection, since it can't be asked: an unknown
// name falls through to its global resolver, and calls that one's policy.
type Adopted struct {
	resolver *dbresolver.DBResolver
}

// Adopt finds the dbresolver that a handle has, and makes sure that this version
// can be read; or returns nil, if there is none.
func Adopt(db *gorm.DB) (*Adopted, error) {
	plugin, ok := db.Plugins[(&dbresolver.DBResolver{}).Name()]
	if !ok {
		return nil, nil
	}
	resolver, ok := plugin.(*dbresolver.DBResolver)
	if !ok {
		return nil, fmt.Errorf("plugin gorm:db_resolver is a %T, not a *dbresolver.DBResolver", plugin)
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
		return nil, fmt.Errorf("the dbresolver serves another *gorm.DB; make one for each handle")
	}
	if asks := of(resolver); asks.source == nil || asks.replica == nil {
		return nil, fmt.Errorf("dbresolver has no callback in this *gorm.DB")
	}
	a := &Adopted{resolver}
	if a.field("resolvers").Kind() != reflect.Map || a.field("global").Kind() != reflect.Pointer || a.field("configs").Kind() != reflect.Slice {
		return nil, fmt.Errorf("this version of dbresolver is unknown; register the binds with Plugin.Register")
	}
	return a, nil
}

func (a *Adopted) field(name string) reflect.Value {
	return reflect.ValueOf(a.resolver).Elem().FieldByName(name)
}

// named is the resolver of a name.
func (a *Adopted) named(name string) reflect.Value {
	return a.field("resolvers").MapIndex(reflect.ValueOf(name))
}

// Knows reports whether there is a resolver of a name.
func (a *Adopted) Knows(name string) bool { return a.named(name).IsValid() }

// HasGlobal reports whether there is a global resolver, for what no other has.
func (a *Adopted) HasGlobal() bool { return !a.field("global").IsNil() }

// Names are all that dbresolver's Use finds: names that were given to
// Register, and tables of models that were.
func (a *Adopted) Names() (names []string) {
	for _, key := range a.field("resolvers").MapKeys() {
		names = append(names, key.String())
	}
	return names
}

// eachData visits what was given to each Register, in its order.
func (a *Adopted) eachData(visit func(data reflect.Value)) {
	configs := a.field("configs")
	for i := 0; i < configs.Len(); i++ {
		datas := configs.Index(i).FieldByName("datas")
		for j := 0; j < datas.Len(); j++ {
			visit(datas.Index(j).Elem())
		}
	}
}

// Models are the models that were given to the resolver's Register.
func (a *Adopted) Models() (models []any) {
	a.eachData(func(data reflect.Value) {
		t := data.Type()
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			t = t.Elem()
		}
		if t.Kind() == reflect.Struct {
			models = append(models, reflect.New(t).Interface())
		}
	})
	return models
}

// KeyOf is the name by which a resolver is known best: the first that was
// given to its Register, or else the first of its tables.
func (a *Adopted) KeyOf(name string) string {
	resolver := a.named(name).Pointer()
	var names []string
	same := map[string]bool{}
	for _, other := range a.Names() {
		if a.named(other).Pointer() == resolver {
			names, same[other] = append(names, other), true
		}
	}
	first := ""
	a.eachData(func(data reflect.Value) {
		if first == "" && data.Kind() == reflect.String && same[data.String()] {
			first = data.String()
		}
	})
	if first != "" {
		return first
	}
	sort.Strings(names)
	return names[0]
}

// Pools are what one resolver has.
type Pools struct {
	*Resolver
	Sources, Replicas []Pool
	TraceResolverMode bool
}

// A Pool is one of a resolver's.
type Pool struct {
	Conn      gorm.ConnPool
	Dialector gorm.Dialector // that it was opened with; nil: unknown
}

// PoolsOf are those of the resolver of a key, or of the global one. It is nil
// without either.
func (a *Adopted) PoolsOf(key string) (*Pools, error) {
	pools := &Pools{Resolver: of(a.resolver)}
	resolver := a.field("global")
	if a.Knows(key) {
		resolver = a.named(key)
		pools.using = map[string]clause.Clause{UsingClause: {Expression: dbresolver.Use(key)}}
	}
	if resolver.IsNil() {
		return nil, nil
	}
	config := a.configOf(resolver)
	resolver = resolver.Elem()
	var err error
	if pools.Sources, err = a.pools(resolver.FieldByName("sources"), config.Sources); err != nil {
		return nil, err
	}
	if resolver.FieldByName("sources").Pointer() != resolver.FieldByName("replicas").Pointer() {
		if pools.Replicas, err = a.pools(resolver.FieldByName("replicas"), config.Replicas); err != nil {
			return nil, err
		}
	}
	pools.TraceResolverMode = resolver.FieldByName("traceResolverMode").Bool()
	return pools, nil
}

// pools are those of a list that reflection can't take values from: the resolver's
// own Call hands them out, and their addresses tell which is which.
func (a *Adopted) pools(list reflect.Value, from []gorm.Dialector) ([]Pool, error) {
	byAddress := map[uintptr]gorm.ConnPool{}
	_ = a.resolver.Call(func(pool gorm.ConnPool) error {
		if pointer := reflect.ValueOf(pool); pointer.Kind() == reflect.Pointer {
			byAddress[pointer.Pointer()] = pool
		}
		return nil
	})
	pools := make([]Pool, list.Len())
	for i := range pools {
		pointer := list.Index(i).Elem()
		if pointer.Kind() != reflect.Pointer || byAddress[pointer.Pointer()] == nil {
			return nil, fmt.Errorf("dbresolver has a pool of an unknown kind; register the bind with Plugin.Register")
		}
		pools[i].Conn = byAddress[pointer.Pointer()]
		if len(from) == len(pools) {
			pools[i].Dialector = from[i]
		}
	}
	return pools, nil
}

// configOf is what a resolver was registered with: its dialectors are not kept
// elsewhere, and for servers only they know the DSN. It is empty where that is not
// found.
func (a *Adopted) configOf(resolver reflect.Value) (none dbresolver.Config) {
	field := a.field("configs")
	if field.Type() != reflect.TypeOf([]dbresolver.Config(nil)) {
		return none
	}
	configs := *(*[]dbresolver.Config)(unsafe.Pointer(field.UnsafeAddr()))
	for i := range configs {
		datas := reflect.ValueOf(&configs[i]).Elem().FieldByName("datas")
		if datas.Type() != reflect.TypeOf([]any(nil)) {
			return none
		}
		of := a.field("global")
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
