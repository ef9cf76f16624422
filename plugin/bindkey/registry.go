package bindkey

import (
	"database/sql"
	"errors"
	"reflect"
	"strings"
	"sync"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
)

// A registry is which binds there are, and which real pools. It is the floor that
// the plugin stands on: it knows no model and no statement.
type registry struct {
	adopted *adopted // the application's own dbresolver, or nil
	config           // fixed once installed
	plugin  *Plugin  // which the binds are of
	db      *gorm.DB // the handle; nil until installed
	binds   sync.Map // key → *bind

	handleConn *dbpool.Pool // the handle's connection
	stored     *dbpool.Pool // whose prepared statements the handle's sessions keep
	// template is the handle as it was before the plugin changed it, for binds that
	// open later.
	template *gorm.DB
	pooling  sync.Mutex // guards pools: a resolver of the application may become a bind at any time
	pools    []*dbpool.Pool
	closed   bool
	// toldInstalled tells observers of the end; nil: nobody wants to know, or has been told.
	toldInstalled func()

	dialect  *dialect.Dialect   // the handle's own
	dialects []*dialect.Dialect // of all binds
}

// bindNamed finds a bind, or makes it, and tells which.
func (r *registry) bindNamed(key string) (b *bind, found bool) {
	made := newBind(r.plugin, key)
	actual, found := r.binds.LoadOrStore(key, made)
	return actual.(*bind), found
}

// defaultBind is where models without a key live.
func (r *registry) defaultBind() *bind {
	if b, ok := r.binds.Load(r.defaultKey); ok {
		return b.(*bind)
	}
	b, _ := r.bindNamed(r.defaultKey)
	return b
}

// lookup finds the bind of a key; model is for the error.
func (r *registry) lookup(key, model string) (*bind, error) {
	if b, ok := r.binds.Load(key); ok {
		return b.(*bind), nil
	}
	if key == r.defaultKey {
		return r.defaultBind(), nil
	}
	if b, err := r.adopted.bind(r, key); b != nil || err != nil {
		return b, err
	}
	return nil, &UnknownBindError{Key: key, Model: model, Known: r.known(), of: r.familyOf(key)}
}

// familyOf is the key of the bind whose tenant a name such as "customer/acme" is, as logs
// and statistics call it; or "".
func (r *registry) familyOf(name string) string {
	for _, f := range r.families {
		if strings.HasPrefix(name, f.key+"/") {
			return f.key
		}
	}
	return ""
}

// tenantKeys are the keys of the binds with tenants, sorted.
func (r *registry) tenantKeys() []string {
	keys := map[string]bool{}
	for _, f := range r.families {
		keys[f.key] = true
	}
	return sortedKeys(keys)
}

// known are the keys of all binds, sorted.
func (r *registry) known() []string {
	keys := map[string]bool{r.defaultKey: true}
	r.binds.Range(func(key, _ any) bool {
		keys[key.(string)] = true
		return true
	})
	for _, name := range r.adopted.names() {
		keys[name] = true
	}
	return sortedKeys(keys)
}

func (r *registry) eachBind(visit func(*bind)) {
	r.binds.Range(func(_, b any) bool {
		visit(b.(*bind))
		return true
	})
}

// eachPool visits the pools of all binds, sorted by key, sources first.
func (r *registry) eachPool(visit func(*boundPool)) {
	if r.db == nil {
		return
	}
	for _, key := range r.known() {
		b, err := r.lookup(key, "")
		if err != nil || !b.isOpen() {
			continue
		}
		for _, pool := range b.openPools() {
			visit(pool)
		}
	}
}

// boundPools are the pools of all binds that are open, each once. To list them
// opens binds of the application's dbresolver.
func (r *registry) boundPools() (pools []*dbpool.Pool) {
	seen := map[*dbpool.Pool]bool{}
	r.eachPool(func(pool *boundPool) {
		if !seen[pool.real] {
			seen[pool.real] = true
			pools = append(pools, pool.real)
		}
	})
	return pools
}

// realPoolOf is the one dbpool.Pool of a connection pool; the dialector that opened
// it may be nil.
func (r *registry) realPoolOf(conn gorm.ConnPool, opened bool, d gorm.Dialector) *dbpool.Pool {
	r.pooling.Lock()
	defer r.pooling.Unlock()
	if known := r.knownPool(conn); known != nil {
		return known
	}
	maxSize, ttl := r.db.PrepareStmtMaxSize, r.db.PrepareStmtTTL
	pool := dbpool.New(conn, opened, d, maxSize, ttl)
	r.pools = append(r.pools, pool)
	return pool
}

// knownPool is the real pool of a connection pool that a bind without tenants has, or
// nil. r.pooling is held.
func (r *registry) knownPool(conn gorm.ConnPool) *dbpool.Pool {
	for _, known := range r.pools {
		if known.Conn == conn {
			return known
		}
	}
	return nil
}

// dialectFor is the one dialect of all binds that compile as a handle does.
func (r *registry) dialectFor(opened *gorm.DB) *dialect.Dialect {
	spoken := dialect.Of(opened, innerDialector(opened.Dialector))
	r.pooling.Lock()
	defer r.pooling.Unlock()
	for _, known := range r.dialects {
		if known.Same(spoken) {
			return known
		}
	}
	r.dialects = append(r.dialects, spoken)
	return spoken
}

func (r *registry) realPools() []*dbpool.Pool {
	r.pooling.Lock()
	defer r.pooling.Unlock()
	return r.pools[:len(r.pools):len(r.pools)]
}

func (r *registry) closeOpened() error {
	r.closed = true
	if told := r.toldInstalled; told != nil {
		r.toldInstalled = nil
		told()
	}
	return errors.Join(r.closeTenants(), closeAll(r.realPools()))
}

// abandon closes and forgets the pools of a bind that could be opened only in
// part.
func (r *registry) abandon(pools []*dbpool.Pool) {
	_ = closeAll(pools)
	r.pooling.Lock()
	defer r.pooling.Unlock()
	var kept []*dbpool.Pool
next:
	for _, known := range r.pools {
		for _, pool := range pools {
			if known == pool && pool.Opened {
				continue next
			}
		}
		kept = append(kept, known)
	}
	r.pools = kept
}

// ownerOf is the real pool that a transaction or connection of database/sql
// came from, or nil. Both hold their *sql.DB in a field that GORM's DB reads
// too (gorm.go).
func (r *registry) ownerOf(conn gorm.ConnPool) *dbpool.Pool {
	field := reflect.ValueOf(conn).Elem().FieldByName("db")
	if !field.IsValid() || field.Kind() != reflect.Pointer {
		return nil
	}
	for _, pool := range append(r.realPools(), r.tenantPools()...) {
		if db, err := pool.DB(); err == nil && reflect.ValueOf(db).Pointer() == field.Pointer() {
			return pool
		}
	}
	return nil
}

// bindAt is the bind of an application's transaction or connection: the default
// bind where no bind has its database.
func (r *registry) bindAt(conn gorm.ConnPool) *bind {
	switch conn.(type) {
	case *sql.Tx, *sql.Conn:
		if at := r.ownerOf(conn); at != nil {
			if b, err := r.lookup(r.bindsOf(at), ""); err == nil {
				return b
			}
		}
	}
	return r.defaultBind()
}

// bindsOf names the first bind that has a real pool.
func (r *registry) bindsOf(at *dbpool.Pool) string {
	for _, key := range r.known() {
		if b, err := r.lookup(key, ""); err == nil && b.has(at) {
			return key
		}
	}
	return ""
}

func (r *registry) apply(settings []func(gorm.ConnPool), pools []*dbpool.Pool) {
	for _, pool := range pools {
		conn := pool.Conn
		if db, err := pool.DB(); err == nil {
			conn = db // behind a pool of another kind, which may have no such methods
		}
		for _, setting := range settings {
			setting(conn)
		}
	}
}
