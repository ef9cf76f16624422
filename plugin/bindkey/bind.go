package bindkey

import (
	"context"
	"fmt"
	"sync"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
)

// The operations of a statement, in dbresolver's words.
const (
	writing = dbresolver.Write
	reading = dbresolver.Read
)

// A bind is what a key names: sources and replicas, which are connection pools
// registered in a dbresolver, and the plain handle of their dialect.
type bind struct {
	plugin     *Plugin
	direct     *boundPool // the only one, of a bind that opens with the plugin; or nil
	key        string
	config     dbresolver.Config // as registered
	product    *product.Profile  // what is known of its database
	itself     []*bind           // the bind, for a branch that it shares with no other
	registered bool              // registered by the application, not only the default
	late       *lateBind         // of a bind that was not opened with the plugin; see ready
	family     *family           // of a bind whose pools the tenant chooses; or nil

	// What follows is there once the bind is open.

	poolSet

	// plain is a handle of this bind alone, without routing: the migrator and
	// savepoints run on it.
	plain    *gorm.DB
	dialect  *dialect.Dialect
	settings *dialect.Settings
	// chainDialector is the dialector of the bind's statements, dialectors are all of them.
	chainDialector *dialector
	dialectors     sync.Map // dialect.SessionSet → *dialector
}

// A poolSet is the pools of a bind, or of one tenant of it.
type poolSet struct {
	sources  []*boundPool
	replicas []*boundPool // empty: reads go to the sources
	// resolver is the dbresolver that picks a pool among several: the bind's
	// own, or the application's.
	resolver *resolver.Resolver
	traces   bool // it has dbresolver's TraceResolverMode
	// own are a tenant's real pools that are closed with it: open may also return those of
	// binds without tenants.
	own []*dbpool.Pool
}

func newBind(p *Plugin, key string) *bind {
	b := &bind{plugin: p, key: key}
	b.itself = []*bind{b}
	return b
}

// pools are the pools that an operation may go to.
func (s *poolSet) pools(op dbresolver.Operation) []*boundPool {
	if op == reading && len(s.replicas) > 0 {
		return s.replicas
	}
	return s.sources
}

// onlyPool is the pool of a bind for which there is nothing to ask, neither
// dbresolver nor whether it is open; or nil.
func (b *bind) onlyPool() *boundPool {
	if b.late != nil || len(b.sources) > 1 || len(b.replicas) > 0 || b.traces {
		return nil
	}
	return b.sources[0]
}

// pick asks dbresolver for the pool of one statement, exactly once. With one
// pool there is nothing to ask. With dbresolver's TraceResolverMode, the
// context it returns carries dbresolver's mark for the log.
func (b *bind) pick(ctx context.Context, op dbresolver.Operation) (*boundPool, context.Context, error) {
	set, err := b.poolsIn(ctx)
	if err != nil {
		return nil, ctx, err
	}
	return set.pickFor(ctx, b, op)
}

// poolsIn are the bind's pools, for a context that may name its tenant.
func (b *bind) poolsIn(ctx context.Context) (*poolSet, error) {
	if b.family != nil {
		return b.family.poolsIn(ctx)
	}
	return &b.poolSet, b.ready(ctx)
}

func (s *poolSet) pickFor(ctx context.Context, b *bind, op dbresolver.Operation) (*boundPool, context.Context, error) {
	pools := s.pools(op)
	if len(pools) == 1 && !s.traces {
		return pools[0], ctx, nil
	}

	picked, ctx := s.resolver.Pick(ctx, op)
	picked = unwrap(picked)
	for _, pool := range pools {
		if pool.real.Conn == picked {
			return pool, ctx, nil
		}
	}
	return nil, ctx, fmt.Errorf("%w: the policy of bind %q returned a pool that the bind does not have", ErrForeignPool, b.key)
}

// prepares is a source to prepare a statement on: the one whose statements the
// handle's sessions keep, if it is the bind's.
func (b *bind) prepares(ctx context.Context) (gorm.ConnPool, *dbpool.Pool, error) {
	if err := b.ready(ctx); err != nil {
		return nil, nil, err
	}
	for _, pool := range b.sources {
		if pool.real == b.plugin.stored {
			return pool.real.Conn, pool.real, nil
		}
	}
	pool, err := b.source(ctx)
	if err != nil {
		return nil, nil, err
	}
	return pool.ConnPool, pool.real, nil
}

// source is a pool to write to, as a connection without PrepareStmt.
func (b *bind) source(ctx context.Context) (*boundPool, error) {
	pool, _, err := b.pick(ctx, writing)
	return pool, err
}

// beside is a session of a bind's plain handle beside a statement: in its
// transaction, or on a source or replica. No callback of the program's runs there.
func (p *Plugin) beside(db *gorm.DB, b *bind, op dbresolver.Operation) (*gorm.DB, error) {
	if tx := transactionOf(db); tx != nil {
		branch, err := tx.branchOf(db.Statement.Context, b)
		if err != nil {
			return nil, err
		}
		return b.plainSession(db, branch.preparedIf(db.PrepareStmt)), nil
	}
	pool, _, err := b.pick(db.Statement.Context, op)
	if err != nil {
		return nil, err
	}
	return b.plainSession(db, pool.preparedIf(db.PrepareStmt)), nil
}

// plainSession is a session of the bind's plain handle on a connection, with
// the settings of the session that asks.
func (b *bind) plainSession(db *gorm.DB, conn gorm.ConnPool) *gorm.DB {
	session := b.plain.Session(&gorm.Session{NewDB: true, Initialized: true, Context: db.Statement.Context, Logger: db.Logger})
	session.Statement.ConnPool = conn
	b.tellBeside(session, transactionOf(db))
	return session
}

// all are the pools, sources first.
func (s *poolSet) all() []*boundPool {
	return append(s.sources[:len(s.sources):len(s.sources)], s.replicas...)
}

// realPools are the real pools, each once.
func (s *poolSet) realPools() (pools []*dbpool.Pool) {
	seen := map[*dbpool.Pool]bool{}
	for _, pool := range s.all() {
		if !seen[pool.real] {
			seen[pool.real] = true
			pools = append(pools, pool.real)
		}
	}
	return pools
}

// roleName is a pool's name in errors and statistics: "source", "source-2", …
func roleName(role string, index int) string {
	if index == 0 {
		return role
	}
	return fmt.Sprintf("%s-%d", role, index+1)
}
