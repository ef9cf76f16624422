package bindkey

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// A subquery is sent with its statement, and to that one's tenant. If it was built with
// a context that names another tenant, the program means that one's rows: so it is
// refused. A context that names none goes along.

// marksOfTenants tell the statement around a subquery which tenants its context names.
func (p *Plugin) marksOfTenants(ctx context.Context) string {
	if len(p.families) == 0 {
		return ""
	}
	var marks strings.Builder
	for _, f := range p.families {
		if tenant, err := f.tenantOf(ctx); err == nil {
			marks.WriteString(neutral.Tenant{Key: f.key, Name: tenant}.Mark())
		}
	}
	return marks.String()
}

// ofOneTenant is a text without the marks of its subqueries' tenants, or the error of
// one that is not the context's.
func (b *bind) ofOneTenant(ctx context.Context, text string) (string, error) {
	if len(b.plugin.families) == 0 {
		return text, nil
	}
	text, tenants := neutral.WithoutTenants(text)
	if b.family == nil {
		return text, nil // whatever they say, all tenants share it
	}
	for _, of := range tenants {
		if of.Key == b.key {
			if err := b.family.takesIn(ctx, of.Name); err != nil {
				return text, err
			}
		}
	}
	return text, nil
}

// ofOneTenant is the same for what is known before the statement is rendered: given
// SQL, which loses its marks then, and subqueries of given SQL, which never have any.
func (d *decision) ofOneTenant(stmt *gorm.Statement) error {
	for _, query := range stmtscan.Queries(stmt) {
		if tenant, err := d.bind.family.tenantOf(query.Statement.Context); err == nil {
			if err := d.bind.family.takesIn(stmt.Context, tenant); err != nil {
				return err
			}
		}
	}
	if !d.raw {
		return nil
	}
	_, err := d.bind.ofOneTenant(stmt.Context, stmt.SQL.String())
	return err
}

// takesIn is the error of a subquery for a tenant in a statement with a context. That of
// a context without one is told elsewhere.
func (f *family) takesIn(ctx context.Context, tenant string) error {
	named, err := f.tenantOf(ctx)
	if err != nil || named == tenant {
		return nil
	}
	return &TenantConflictError{Key: f.key, Tenant: tenant, Other: named}
}
