package bindkey

import (
	"time"

	"gorm.io/gorm"
)

// SetMaxOpenConns limits the open connections of each pool, as
// [database/sql.DB.SetMaxOpenConns] does. It sets every pool of every bind,
// those that [Plugin.Stats] tells of: the handle's own, where it is the default
// bind's; those of a dbresolver of the program's own; and those of a bind that
// opens later ([OpenLate]). Called before db.Use, it takes effect there. To set
// one bind's pools, use [Plugin.Resolver].
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
		p.apply(p.setters[len(p.setters)-1:], p.boundPools())
	}
	return p
}
