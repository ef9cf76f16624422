package bindkey

import (
	"time"

	"gorm.io/gorm"
)

// SetMaxOpenConns limits the open connections of each pool, as
// [database/sql.DB.SetMaxOpenConns] does. Like dbresolver's method of that
// name, it sets the pools of all binds that were registered; called before
// db.Use, it takes effect there. The handle's own pool is set only where a
// bind was registered without sources. To set one bind's pools, use
// [Plugin.Resolver].
func (p *Plugin) SetMaxOpenConns(n int) *Plugin {
	return p.set(func(pool gorm.ConnPool) {
		if pool, ok := pool.(interface{ SetMaxOpenConns(int) }); ok {
			pool.SetMaxOpenConns(n)
		}
	})
}

// SetMaxIdleConns limits the idle connections of each pool, as
// [database/sql.DB.SetMaxIdleConns] does; see [Plugin.SetMaxOpenConns] for
// which pools and when.
func (p *Plugin) SetMaxIdleConns(n int) *Plugin {
	return p.set(func(pool gorm.ConnPool) {
		if pool, ok := pool.(interface{ SetMaxIdleConns(int) }); ok {
			pool.SetMaxIdleConns(n)
		}
	})
}

// SetConnMaxLifetime limits how long a connection is used, as
// [database/sql.DB.SetConnMaxLifetime] does; see [Plugin.SetMaxOpenConns] for
// which pools and when.
func (p *Plugin) SetConnMaxLifetime(d time.Duration) *Plugin {
	return p.set(func(pool gorm.ConnPool) {
		if pool, ok := pool.(interface{ SetConnMaxLifetime(time.Duration) }); ok {
			pool.SetConnMaxLifetime(d)
		}
	})
}

// SetConnMaxIdleTime limits how long a connection is idle, as
// [database/sql.DB.SetConnMaxIdleTime] does; see [Plugin.SetMaxOpenConns] for
// which pools and when.
func (p *Plugin) SetConnMaxIdleTime(d time.Duration) *Plugin {
	return p.set(func(pool gorm.ConnPool) {
		if pool, ok := pool.(interface{ SetConnMaxIdleTime(time.Duration) }); ok {
			pool.SetConnMaxIdleTime(d)
		}
	})
}

func (p *Plugin) set(setting func(gorm.ConnPool)) *Plugin {
	p.installing.Lock()
	defer p.installing.Unlock()
	p.setters = append(p.setters, setting)
	if p.db != nil {
		p.applySettings(p.setters[len(p.setters)-1:])
	}
	return p
}

// applySettings sets each real pool of the registered binds once.
func (p *Plugin) applySettings(settings []func(gorm.ConnPool)) {
	for _, pool := range p.registeredPools() {
		for _, setting := range settings {
			setting(pool.conn)
		}
	}
}

func (p *Plugin) registeredPools() []*realPool {
	var pools []*realPool
	seen := map[*realPool]bool{}
	for _, b := range p.registered {
		for _, pool := range append(b.sources[:len(b.sources):len(b.sources)], b.replicas...) {
			if !seen[pool.real] {
				seen[pool.real] = true
				pools = append(pools, pool.real)
			}
		}
	}
	return pools
}
