package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/dsn"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/lease"
)

// A family is what a bind with tenants has in the place of pools: those of each
// tenant, which are opened when they are needed, and closed when others need the room.
// Models, tables and evidence know the bind alone. Which tenant's pools a statement
// gets is decided last, where a pool is picked, by its context.
type family struct {
	key    string
	config func(ctx context.Context, tenant string) (dbresolver.Config, error)
	choose func(context.Context) (tenant string, ok bool) // TenantBy; or nil
	like   gorm.Dialector                                 // TenantDialect; or nil
	data   []any                                          // TenantData
	limit  int
	wait   time.Duration

	bind   *bind
	keeper *lease.Keeper[*poolSet] // nil before the plugin is installed
}

// A tenancy is a tenant's pools while they are open.
type tenancy = lease.Lease[*poolSet]

func (p *Plugin) registerFamily(f *family) {
	if b := p.register(f.key, "Tenants", f.data); b != nil {
		b.family, f.bind = f, b
	}
}

// install makes the bind what all tenants have in common: its dialect, and handles of
// its own, on a pool that sends nothing.
func (f *family) install(handle *gorm.DB) error {
	b := f.bind
	if f.keeper == nil {
		f.keeper = lease.New(lease.Config[*poolSet]{
			Limit: f.limit, Wait: f.wait, Again: betweenAttempts,
			Open:  f.openTenant,
			Close: (*poolSet).close,
			Idle:  (*poolSet).idle,
		})
	}
	none := dbpool.Failing{Err: &NoTenantError{Key: f.key}}
	b.plain, b.dialect = plainHandle(handle, none), b.plugin.dialect
	if f.like != nil {
		config := dialect.PlainConfig(handle, innerDialector(handle.Dialector))
		config.Logger, config.DisableAutomaticPing = logger.Discard, true
		opened, err := gorm.Open(f.like, &config)
		if err != nil {
			return &OpenError{Key: f.key, Role: "dialect", Err: err, text: dsn.Of(f.like).Tell(err)}
		}
		opened.Config.Logger = handle.Logger
		b.plain, b.dialect = plainHandle(opened, none), b.plugin.dialectFor(opened)
		_ = dbpool.New(opened.ConnPool, !dbpool.Supplied(f.like), nil, 0, noEviction).Close()
	}
	b.product = b.dialect.Product
	b.sources = []*boundPool{newBoundPool(b, dbpool.New(none, false, nil, 0, noEviction), roleName("source", 0), false)}
	return nil
}

// openTenant opens a tenant's pools, as a bind's, and makes them the family's.
func (f *family) openTenant(ctx context.Context, l *tenancy, room func() error) (*poolSet, error) {
	config, err := f.config(ctx, l.Name)
	if err != nil {
		return nil, err
	}
	if len(config.Sources) == 0 {
		return nil, errors.New("open has returned no source, and the handle's own connection is no tenant's")
	}
	if err := room(); err != nil {
		return nil, err
	}
	p := f.bind.plugin
	opened := newBind(p, f.key)
	opened.config, opened.family = config, f
	err = opened.open(p.db)
	opened.own = f.ownPools(&opened.poolSet)
	if err == nil && !f.bind.dialect.Alike(opened.dialect) {
		err = fmt.Errorf("its dialect, %s, or its server's abilities are not those of the bind, %s; all tenants of a bind are compiled for alike, so say which with TenantDialect",
			opened.dialect.Name(), f.bind.dialect.Name())
	}
	if err == nil {
		p.installing.Lock() // against settings that come now
		p.apply(p.setters, opened.realPools())
		p.apply(p.ownSetters[f.key], opened.realPools())
		p.installing.Unlock()
	}
	if err != nil {
		_ = opened.close()
		return nil, err
	}
	for _, pool := range opened.all() {
		pool.bind = f.bind
		pool.ofTenant(l)
	}
	set := opened.poolSet
	return &set, nil
}

// realPoolOf is the real pool of a bind's source or replica. Of a tenant's, the plugin
// knows only while it is open.
func (b *bind) realPoolOf(conn gorm.ConnPool, opened bool, d gorm.Dialector) *dbpool.Pool {
	p := b.plugin
	if b.family == nil {
		return p.realPoolOf(conn, opened, d)
	}
	p.pooling.Lock()
	defer p.pooling.Unlock()
	if known := p.knownPool(conn); known != nil {
		return known
	}
	return dbpool.New(conn, opened, d, p.db.PrepareStmtMaxSize, noEviction)
}

// dialectOf is the dialect of a bind's handle. Those of tenants are not remembered.
func (b *bind) dialectOf(opened *gorm.DB) *dialect.Dialect {
	if b.family != nil {
		return dialect.Of(opened, innerDialector(opened.Dialector))
	}
	return b.plugin.dialectFor(opened)
}

// ownPools are those of a tenant's real pools that no bind without tenants has.
func (f *family) ownPools(s *poolSet) (own []*dbpool.Pool) {
	p := f.bind.plugin
	p.pooling.Lock()
	defer p.pooling.Unlock()
	for _, pool := range s.realPools() {
		if p.knownPool(pool.Conn) == nil {
			own = append(own, pool)
		}
	}
	return own
}

// close closes a tenant's pools. What the program has opened itself stays open, without
// the statements that were prepared there for the tenant.
func (s *poolSet) close() error {
	for _, pool := range s.own {
		if !pool.Opened {
			pool.Forget()
		}
	}
	return closeAll(s.own)
}

// idle reports whether no rows and no transaction hold a connection of the pools that
// the plugin has opened for a tenant.
func (s *poolSet) idle() bool {
	for _, pool := range s.own {
		if db, ok := pool.Conn.(*sql.DB); ok && pool.Opened && db.Stats().InUse > 0 {
			return false
		}
	}
	return true
}

// tenantOf is the tenant that a context names.
func (f *family) tenantOf(ctx context.Context) (string, error) {
	tenant, named := markedTenant(ctx, f.key)
	if !named && f.choose != nil {
		tenant, named = f.choose(ctx)
	}
	if !named || tenant == "" {
		return "", f.noTenant(ctx)
	}
	return tenant, nil
}

// agrees is the error of what is sent with the context of another tenant than its own.
func (f *family) agrees(ctx context.Context, tenant string) error {
	named, err := f.tenantOf(ctx)
	if err == nil && named != tenant {
		err = &TenantConflictError{Key: f.key, Tenant: named, Other: tenant}
	}
	return err
}

// enter keeps a tenant's pools open until who has entered leaves.
func (f *family) enter(ctx context.Context, tenant string) (*tenancy, error) {
	if l := f.keeper.Peek(tenant); l != nil && l.TryEnter() {
		return l, nil
	}
	if !isTenantName(tenant) {
		return nil, &TenantError{Key: f.key, Tenant: tenant, Err: errTenantName}
	}
	if err := f.bind.ready(ctx); err != nil { // its dialect
		return nil, err
	}
	l, err := f.keeper.Enter(ctx, tenant)
	if err != nil {
		return nil, f.notOpened(tenant, err)
	}
	return l, nil
}

// poolsIn are the pools of the tenant that a context names. They may be closed before
// something is sent there, and are then opened again; see gate.
func (f *family) poolsIn(ctx context.Context) (*poolSet, error) {
	tenant, err := f.tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	if set := f.open(tenant); set != nil {
		return set, nil
	}
	l, err := f.enter(ctx, tenant)
	if err != nil {
		return nil, err
	}
	l.Leave()
	return l.Value, nil
}

// open are the pools of a tenant, if they are open; or nil.
func (f *family) open(tenant string) *poolSet {
	if l := f.keeper.Peek(tenant); l != nil {
		return l.Value
	}
	return nil
}

// change keeps a tenant's pools open while the migrator changes its tables, and then
// forgets their prepared statements.
func (f *family) change(ctx context.Context) (done func(), err error) {
	tenant, err := f.tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	l, err := f.enter(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return func() {
		for _, pool := range l.Value.realPools() {
			pool.Forget()
		}
		l.Leave()
	}, nil
}

// openPools are a bind's pools, or those of all its tenants that are open.
func (b *bind) openPools() (pools []*boundPool) {
	switch {
	case b.family == nil:
		return b.all()
	case b.family.keeper == nil:
		return nil
	}
	for _, l := range b.family.tenancies() {
		pools = append(pools, l.Value.all()...)
	}
	return pools
}

// onConn is the error of a connection of the program's own, of a real pool or of one
// that is not known, for a statement of a tenant.
func (f *family) onConn(ctx context.Context, at *dbpool.Pool) error {
	if f == nil || at == nil {
		return nil
	}
	tenant, err := f.tenantOf(ctx)
	if err != nil {
		return err
	}
	var other error
	for _, l := range f.tenancies() {
		for _, pool := range l.Value.realPools() {
			if pool != at {
				continue
			}
			if l.Name == tenant {
				return nil
			}
			other = &TenantConflictError{Key: f.key, Tenant: tenant, Other: l.Name}
		}
	}
	return other
}
