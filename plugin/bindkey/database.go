package bindkey

import (
	"reflect"
	"unsafe"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
)

// shares reports whether two binds are in one database: some source of one and
// some source of the other are.
func (b *bind) shares(other *bind) bool {
	if b == other {
		return true
	}
	if b.isOpen() && other.isOpen() {
		for _, pool := range other.sources {
			if b.hasSourceAt(pool.real) {
				return true
			}
		}
		return false
	}
	for _, one := range b.databases() {
		for _, its := range other.databases() {
			if one != "" && one == its {
				return true
			}
		}
	}
	return false
}

func (b *bind) hasSourceAt(at *dbpool.Pool) bool {
	if !b.isOpen() {
		return false
	}
	for _, pool := range b.sources {
		if pool.real.Same(at) {
			return true
		}
	}
	return false
}

// databases are those of a bind's sources, open or not.
func (b *bind) databases() (databases []string) {
	switch {
	case b.isOpen():
		for _, pool := range b.sources {
			databases = append(databases, pool.real.Database)
		}
	case len(b.config.Sources) == 0:
		databases = append(databases, b.plugin.own.Database)
	default:
		for _, source := range b.config.Sources {
			databases = append(databases, dbpool.DatabaseOf(source, nil))
		}
	}
	return databases
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
