package bindkey

import (
	"database/sql"
	"time"

	"gorm.io/gorm"
)

// SetMaxOpenConns limits the open connections of each pool, as
// [database/sql.DB.SetMaxOpenConns] does. It sets every pool of every bind,
// those that [Plugin.Stats] tells of: the handle's own, where it is the default
// bind's; those of a dbresolver of the program's own; and those of a bind that
// opens later ([OpenLate]). Called before db.Use, it takes effect there. To set
// one bind's pools, use [Plugin.ConfigurePools], or [Plugin.Resolver] later.
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

// ConfigurePools gives the pools of one bind settings of their own, its sources'
// and its replicas': set is called with each once it is open, after the settings
// of all pools, also where the bind opens later ([OpenLate]). A bind without
// sources of its own has the handle's pool.
//
// It returns the plugin, so that calls chain. A key that no bind has is an
// [*UnknownBindError] when the plugin is installed. A call after that configures
// nothing, and logs an error.
func (p *Plugin) ConfigurePools(key string, set func(*sql.DB)) *Plugin {
	if p.lateCall("the pools of bind %q were configured after db.Use; configure all binds before", key) {
		return p
	}
	if p.ownSetters == nil {
		p.ownSetters = map[string][]func(gorm.ConnPool){}
	}
	p.ownSetters[key] = append(p.ownSetters[key], func(pool gorm.ConnPool) {
		if db, ok := pool.(*sql.DB); ok {
			set(db)
		}
	})
	return p
}

func (p *Plugin) set(setting func(gorm.ConnPool)) *Plugin {
	p.installing.Lock()
	defer p.installing.Unlock()
	p.setters = append(p.setters, setting)
	if p.db != nil {
		p.apply(p.setters[len(p.setters)-1:], p.boundPools())
	}
	return p
}
