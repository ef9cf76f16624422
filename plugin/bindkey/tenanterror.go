package bindkey

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
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
}

func (e *NoTenantError) Error() string {
	subject := "this statement goes to"
	if e.Model != "" {
		subject = "model " + e.Model + " lives in"
	}
	return fmt.Sprintf("bindkey: %s bind %q, which has a database for each tenant, and its context names no tenant; use db.WithContext(bindkey.WithTenant(ctx, tenant)), in hooks and goroutines too",
		subject, e.Key)
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
}

func (e *TenantError) Error() string {
	return fmt.Sprintf("bindkey: tenant %q of bind %q: %v", e.Tenant, e.Key, e.Err)
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

// ofModel names a statement's model in the error of a context without a tenant.
func ofModel(err error, stmt *gorm.Statement) error {
	if missing, ok := err.(*NoTenantError); ok && missing.Model == "" && stmt.Schema != nil {
		return &NoTenantError{Key: missing.Key, Model: schemaName(stmt.Schema)}
	}
	return err
}
