package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"sort"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/lease"
)

// A heldTenants is the tenants of a transaction, one for each bind, which it keeps open
// until it ends. The transaction's mu guards it.
type heldTenants struct {
	held  []heldTenant
	first [1]heldTenant // enough for most transactions, in its own memory
	stop  func() bool   // waiting for the end of the transaction's context; or nil
}

type heldTenant struct {
	family *family
	open   *tenancy
}

// poolsOf are the pools of a bind for a statement of the transaction: of its tenant,
// which must be the one that the statement's context names.
func (t *transaction) poolsOf(ctx context.Context, b *bind) (*poolSet, error) {
	if b.family == nil {
		return &b.poolSet, b.ready(t.xact.Context())
	}
	tenant, err := b.family.tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	held := t.heldOf(b.family)
	t.mu.Unlock()
	if held == nil {
		if held, err = b.family.enter(ctx, tenant); err == nil {
			held, err = t.hold(b.family, held)
		}
		if err != nil {
			return nil, err
		}
	}
	if held.Name != tenant {
		return nil, &TenantConflictError{Key: b.key, Tenant: tenant, Other: held.Name}
	}
	return held.Value, nil
}

// heldOf is the tenant of a family that the transaction holds, or nil. t.mu is held.
func (t *transaction) heldOf(f *family) *tenancy {
	if t.tenants == nil {
		return nil
	}
	for _, one := range t.tenants.held {
		if one.family == f {
			return one.open
		}
	}
	return nil
}

// hold keeps what was entered until the transaction ends, unless another goroutine has
// just brought in a tenant of the family.
func (t *transaction) hold(f *family, entered *tenancy) (*tenancy, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := t.heldOf(f)
	switch {
	case held != nil:
		entered.Leave()
		return held, nil
	case t.tenantsLeft:
		entered.Leave()
		return nil, sql.ErrTxDone
	case t.tenants == nil:
		t.tenants = &heldTenants{}
		t.tenants.held = t.tenants.first[:0]
		if ctx := t.xact.Context(); ctx.Done() != nil {
			t.tenants.stop = context.AfterFunc(ctx, t.leaveTenants) // a program may leave it at that
		}
	}
	t.tenants.held = append(t.tenants.held, heldTenant{f, entered})
	return entered, nil
}

// ofItsTenant is the error of what is sent with the context of another tenant than the
// branch's, whatever has become of the context since the statement was routed. A branch
// that others share with the tenant's bind is sent statements of theirs as well.
func (b *branch) ofItsTenant(ctx context.Context) error {
	if b.pool.tenant == nil {
		return nil
	}
	b.tx.mu.Lock()
	alone := len(b.binds) == 1
	b.tx.mu.Unlock()
	if !alone {
		return nil
	}
	return b.pool.bind.family.agrees(ctx, b.pool.tenant.Name)
}

// tenantNames are the transaction's tenants by the keys of their binds, or nil.
func (t *transaction) tenantNames() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tenants == nil {
		return nil
	}
	names := map[string]string{}
	for _, one := range t.tenants.held {
		names[one.family.key] = one.open.Name
	}
	return names
}

// leaveTenants is for the transaction's end. What waits for that may need their room.
func (t *transaction) leaveTenants() {
	t.mu.Lock()
	var held []heldTenant
	if t.tenants != nil && !t.tenantsLeft {
		held = t.tenants.held
		if t.tenants.stop != nil {
			t.tenants.stop()
		}
	}
	t.tenantsLeft = true
	t.mu.Unlock()
	for _, one := range held {
		one.open.Leave()
	}
}

// beginOfTenant is BeginTx for a write of a tenant.
func (b *boundPool) beginOfTenant(ctx context.Context, tx *transaction) (gorm.ConnPool, error) {
	pool, err := b.enter(ctx)
	if err != nil {
		tx.giveUp(err)
		return nil, err
	}
	if _, err := tx.hold(b.bind.family, pool.tenant); err != nil {
		tx.giveUp(err)
		return nil, err
	}
	first := tx.branchAt(pool)
	if _, err := first.ensureBegun(ctx); err != nil {
		tx.giveUp(err)
		return nil, err
	}
	return first.preparedIf(b.prepares), nil
}

// tenancies are the tenants of the family that are open, sorted by name.
func (f *family) tenancies() (open []*tenancy) {
	f.keeper.Each(func(l *lease.Lease[*poolSet]) { open = append(open, l) })
	sort.Slice(open, func(i, j int) bool { return open[i].Name < open[j].Name })
	return open
}

// tenantPools are the real pools of all tenants that are open.
func (r *registry) tenantPools() (pools []*dbpool.Pool) {
	for _, f := range r.families {
		if f.keeper != nil {
			for _, l := range f.tenancies() {
				pools = append(pools, l.Value.realPools()...)
			}
		}
	}
	return pools
}

// closeTenants closes all tenants, and has none open any more.
func (r *registry) closeTenants() error {
	var failures []error
	for _, f := range r.families {
		if f.keeper != nil {
			failures = append(failures, f.keeper.Close())
		}
	}
	return errors.Join(failures...)
}
