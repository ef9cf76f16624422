package bindkey

import (
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
		databases = append(databases, b.plugin.handleConn.Database)
	default:
		for _, source := range b.config.Sources {
			databases = append(databases, dbpool.DatabaseOf(source, nil))
		}
	}
	return databases
}
