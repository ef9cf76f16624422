package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sort"
	"sync"

	"gorm.io/plugin/dbresolver"
)

// Keys are the keys of all binds, sorted. In a handle with a dbresolver of the
// application's own, they include every name that its Use finds, tables of
// registered models among them.
func (p *Plugin) Keys() []string { return p.known() }

// Resolver is the dbresolver that picks the bind's pools, for pool settings of
// one bind; its DB is a handle of the bind alone, which a migration tool can
// ask for its *sql.DB. In a handle with a dbresolver of the application's own,
// it is that one, for every bind it has. It returns an [*UnknownBindError],
// the [*OpenError] of a bind that is not open yet ([OpenLate]), and [ErrInstall] before the plugin is installed.
//
//	resolver, err := plugin.Resolver("analytics")
//	resolver.SetMaxOpenConns(20)
func (p *Plugin) Resolver(key string) (*dbresolver.DBResolver, error) {
	if p.db == nil {
		return nil, installError("Resolver needs an installed plugin; call db.Use first")
	}
	b, err := p.lookup(key, "")
	if err != nil {
		return nil, err
	}
	if err := b.ready(context.Background()); err != nil {
		return nil, err
	}
	return b.resolver.DB, nil
}

// Ping pings every pool of every bind, all at once and no longer than the context
// lasts, and joins the failures; each names its bind and role.
func (p *Plugin) Ping(ctx context.Context) error {
	if p.db == nil {
		return installError("Ping needs an installed plugin; call db.Use first")
	}
	var (
		mu       sync.Mutex
		failures []error
		all      sync.WaitGroup
	)
	ask := func(ping func() error) {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := ping(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, err)
			}
		}()
	}
	for _, b := range p.registered {
		if b := b; !b.isOpen() {
			ask(func() error { return b.ready(ctx) })
		}
	}
	all.Wait() // opening a pool pings it, and those of a bind that has opened are asked with the others
	p.eachPool(func(pool *boundPool) { ask(func() error { return pool.ping(ctx) }) })
	all.Wait()
	sort.Slice(failures, func(i, j int) bool { return failures[i].Error() < failures[j].Error() })
	return errors.Join(failures...)
}

func (b *boundPool) ping(ctx context.Context) error {
	db, err := b.GetDBConn()
	if err == nil {
		err = db.PingContext(ctx)
	}
	if err != nil {
		return &pingError{err, fmt.Sprintf("bindkey: bind %q: its %s does not answer: %s", b.bind.key, b.role, b.real.Source.Tell(err))}
	}
	return nil
}

// A pingError has a driver's error, and its text without what it says of the DSN.
type pingError struct {
	error
	text string
}

func (e *pingError) Error() string { return e.text }
func (e *pingError) Unwrap() error { return e.error }

// Stats are the statistics of every pool, by bind key and role: "source",
// "source-2", …, "replica", "replica-2", …. A pool that has none, since the
// application supplied it and it is no *sql.DB, is left out.
func (p *Plugin) Stats() map[string]map[string]sql.DBStats {
	stats := map[string]map[string]sql.DBStats{}
	p.eachPool(func(pool *boundPool) {
		db, err := pool.GetDBConn()
		if err != nil {
			return
		}
		if stats[pool.bind.key] == nil {
			stats[pool.bind.key] = map[string]sql.DBStats{}
		}
		stats[pool.bind.key][pool.role] = db.Stats()
	})
	return stats
}

// Close closes the pools that the plugin opened. It leaves alone the handle's
// own connection, and pools that the application supplied (a dialector's Conn,
// or a dbresolver of its own). It ends the recovery that the plugin runs by itself
// ([TwoPhase]). The failures are joined.
func (p *Plugin) Close() error {
	p.stopRecovery()
	p.installing.Lock()
	defer p.installing.Unlock()
	return p.closeOpened()
}
