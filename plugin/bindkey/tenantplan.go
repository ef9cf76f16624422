package bindkey

import (
	"context"
	"fmt"
	"strings"
)

// TenantPlans are what AutoMigrate would do for each tenant, in the order in which they
// were asked for.
type TenantPlans []TenantPlan

// A TenantPlan is what AutoMigrate would do for one tenant.
type TenantPlan struct {
	Tenant string
	Plan   Plan
}

// Differ are the tenants for which there is something to do.
func (p TenantPlans) Differ() (tenants []string) {
	for _, one := range p {
		if !one.Plan.Empty() {
			tenants = append(tenants, one.Tenant)
		}
	}
	return tenants
}

// String has each plan once, with the tenants that it is for.
func (p TenantPlans) String() string {
	return grouped(len(p), "-- ", func(i int) (tenant, text string) { return p[i].Tenant, p[i].Plan.String() })
}

// TenantPlans is [Plugin.Plan] for each of the tenants, as [Plugin.EachTenant] goes through
// them. Those that could be asked are returned beside the error.
func (p *Plugin) TenantPlans(ctx context.Context, tenants []string, models []any, options ...EachOption) (TenantPlans, error) {
	tenants = distinct(tenants)
	found := make([]*TenantPlan, len(tenants))
	err := p.eachTenant(ctx, tenants, options, func(ctx context.Context, i int) error {
		plan, err := p.plan(ctx, models)
		if err == nil {
			found[i] = &TenantPlan{Tenant: tenants[i], Plan: plan}
		}
		return err
	})
	var plans TenantPlans
	for _, one := range found {
		if one != nil {
			plans = append(plans, *one)
		}
	}
	return plans, err
}

// TenantDrifts are the differences between the tenants' databases and the models' keys.
type TenantDrifts []TenantDrift

// A TenantDrift is what differs for one tenant.
type TenantDrift struct {
	Tenant string
	Drifts Drifts // at least one
}

// String has each list of differences once, with the tenants that have it.
func (d TenantDrifts) String() string {
	return grouped(len(d), "", func(i int) (tenant, text string) { return d[i].Tenant, d[i].Drifts.String() + "\n" })
}

// TenantDrifts is [Plugin.Drift] for each of the tenants, as [Plugin.EachTenant] goes through
// them. It has those that differ, and those that could be asked are there beside the
// error.
func (p *Plugin) TenantDrifts(ctx context.Context, tenants []string, models []any, options ...EachOption) (TenantDrifts, error) {
	tenants = distinct(tenants)
	found := make([]Drifts, len(tenants))
	err := p.eachTenant(ctx, tenants, options, func(ctx context.Context, i int) (err error) {
		found[i], err = p.Drift(ctx, models...)
		return err
	})
	var drifts TenantDrifts
	for i, one := range found {
		if len(one) > 0 {
			drifts = append(drifts, TenantDrift{Tenant: tenants[i], Drifts: one})
		}
	}
	return drifts, err
}

// grouped is texts with those that have them, in the order in which they come.
func grouped(n int, comment string, at func(i int) (tenant, text string)) string {
	var texts []string
	having := map[string][]string{}
	for i := 0; i < n; i++ {
		tenant, text := at(i)
		if having[text] == nil {
			texts = append(texts, text)
		}
		having[text] = append(having[text], tenant)
	}
	var all strings.Builder
	for i, text := range texts {
		if i > 0 {
			all.WriteByte('\n')
		}
		noun := "tenant"
		if len(having[text]) > 1 {
			noun = "tenants"
		}
		fmt.Fprintf(&all, "%s%s %s\n%s", comment, noun, strings.Join(having[text], ", "), text)
	}
	return all.String()
}
