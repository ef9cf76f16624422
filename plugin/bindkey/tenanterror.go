package bindkey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/lease"
)

var (
	// ErrNoTenant is in the chain of every [*NoTenantError].
	ErrNoTenant = errors.New("bindkey: the context names no tenant")
	// ErrTenant is in the chain of every [*TenantError].
	ErrTenant = errors.New("bindkey: tenant cannot be opened")
	// ErrTenantConflict is in the chain of every [*TenantConflictError].
	ErrTenantConflict = errors.New("bindkey: two tenants in one transaction or statement")

	errTenantName = errors.New(`the name is not one of a tenant: 1 to 128 letters, digits, "_", "-" and ".", and neither "-" nor "." first`)
	errRoleGone   = errors.New("it was opened anew since the statement was routed, and has no such pool any more; run the statement again")
)

// A NoTenantError says that a statement goes to a bind of [Tenants], and that its
// context names no tenant. Nothing was sent.
type NoTenantError struct {
	Key   string // the bind
	Model string // the statement's model; empty where it has none

	how  string // the way from the model to the bind, where it does not live there
	not  string // what the context says in the place of the tenant
	pool bool   // a pool was asked for, and no statement is sent
}

func (e *NoTenantError) Error() string {
	if e.pool {
		return fmt.Sprintf("bindkey: DB and Connection can't know the tenant of bind %q, which has a database for each: GORM asks for the pool without a context; use a transaction and bindkey.SQLTx(tx, %q), or DB of a statement's result",
			e.Key, e.Key)
	}
	subject, not := "this statement goes to", "names no tenant"
	if e.Model != "" {
		subject = "model " + e.Model + " lives in"
	}
	if e.how != "" {
		subject = e.how
	}
	if e.not != "" {
		not = e.not
	}
	return fmt.Sprintf("bindkey: %s bind %q, which has a database for each tenant, and its context %s; use db.WithContext(bindkey.WithTenant(ctx, tenant)), in hooks and goroutines too",
		subject, e.Key, not)
}

// Is reports whether target is [ErrNoTenant].
func (e *NoTenantError) Is(target error) bool { return target == ErrNoTenant }

// A TenantError says that a tenant's pools could not be opened: the function given to
// [Tenants] has refused the tenant, a database does not answer, or all tenants that may
// be open are in use. Its text has that of Err, and neither password nor DSN unless
// the function puts it there.
type TenantError struct {
	Key    string // the bind
	Tenant string
	Err    error

	way string // the way out, if the plugin knows one
}

func (e *TenantError) Error() string {
	why := strings.TrimPrefix(inner(e.Err), fmt.Sprintf("bind %q: ", e.Key)) // of an OpenError
	return fmt.Sprintf("bindkey: tenant %q of bind %q: %s%s", e.Tenant, e.Key, why, e.way)
}

// Is reports whether target is [ErrTenant].
func (e *TenantError) Is(target error) bool { return target == ErrTenant }

// Unwrap returns why.
func (e *TenantError) Unwrap() error { return e.Err }

// A TenantConflictError says that something was to be sent for one tenant where another
// is: in a transaction that has begun for that one, on a connection of its database, as a
// subquery of its statement, or since the context of a statement was changed after it was
// routed. Nothing was sent.
type TenantConflictError struct {
	Key    string // the bind
	Tenant string // that the context names
	Other  string // whose database it is
}

func (e *TenantConflictError) Error() string {
	return fmt.Sprintf("bindkey: the context names tenant %q of bind %q, but the transaction, connection or statement is that of tenant %q; transactions and statements, with their subqueries, have one tenant for each bind, so use one for each",
		e.Tenant, e.Key, e.Other)
}

// Is reports whether target is [ErrTenantConflict].
func (e *TenantConflictError) Is(target error) bool { return target == ErrTenantConflict }

// ofTenant names a tenant in errors, if there is one.
func ofTenant(tenant string) string {
	if tenant == "" {
		return ""
	}
	return " of tenant " + quoted(tenant)
}

// inner is the text of an error inside another one of the plugin's.
func inner(err error) string { return strings.TrimPrefix(fmt.Sprint(err), "bindkey: ") }

// noTenant is the error of a context that names no tenant of the family.
func (f *family) noTenant(ctx context.Context) error {
	missing := &NoTenantError{Key: f.key}
	if others := otherKeys(ctx, f.key); len(others) > 0 {
		missing.not = fmt.Sprintf("names one for %s alone (binds with tenants: %s)", list(others), list(f.bind.plugin.tenantKeys()))
	}
	return missing
}

// notOpened is the error of a tenant that could not be opened.
func (f *family) notOpened(tenant string, err error) error {
	failed := &TenantError{Key: f.key, Tenant: tenant, Err: err}
	if remembered, ok := err.(*lease.Remembered); ok {
		failed.Err = remembered.Err
		failed.way = fmt.Sprintf("; this answer is remembered, for %v: plugin.Evict(%q) forgets it", betweenAttempts, tenant)
	} else if within := (*TenantError)(nil); errors.Is(err, lease.ErrBusy) && !errors.As(err, &within) { // which has its own limit
		failed.way = fmt.Sprintf("; TenantLimit (tenant_limit in a configuration) is %d: raise it, or end transactions and close rows sooner", f.limit)
	}
	return failed
}

// withoutContext is the error of a pool that GORM has asked for without a context.
func withoutContext(err error) error {
	if missing, ok := err.(*NoTenantError); ok {
		return &NoTenantError{Key: missing.Key, pool: true}
	}
	return err
}

// ofModel names a statement's model in the error of a context without a tenant. A Use, or a
// table that the statement names, may have sent it to another bind than its own.
func (p *Plugin) ofModel(err error, s *schema.Schema, u *use) error {
	missing, ok := err.(*NoTenantError)
	if !ok || missing.Model != "" || s == nil {
		return err
	}
	named := *missing
	named.Model = schemaName(s)
	if own := p.peekBindOfModel(s); own.err == nil && own.bind.key == missing.Key {
		return &named
	}
	named.how = "this statement of model " + named.Model + " goes to"
	if u != nil && u.key == missing.Key {
		named.how = "the statement's Use sends model " + named.Model + " to"
	}
	return &named
}
