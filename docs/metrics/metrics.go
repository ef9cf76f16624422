// Package metrics gives Prometheus the numbers of a program's databases: how full each
// connection pool is, and how many statements went where. It is an example to copy.
package metrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// An Option is one of Register.
type Option func(*pools)

// WithTenants gives each tenant series of its own, with the label tenant, for as long as
// the program runs: for few tenants. By default the tenants of a bind are summed up.
func WithTenants() Option { return func(p *pools) { p.tenants = true } }

// Register registers the metrics of a handle, once the plugin is installed on it. A second
// time on one handle is an error.
func Register(db *gorm.DB, plugin *bindkey.Plugin, on prometheus.Registerer, options ...Option) error {
	if db.Callback().Query().Get("metrics:count") != nil {
		return errors.New("metrics: the statements of this handle are counted already; call Register once for each handle")
	}
	p, labels := &pools{plugin: plugin}, []string{"bind", "role", "failed"}
	for _, option := range options {
		option(p)
	}
	if p.tenants {
		labels = append(labels, "tenant")
	}
	statements := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gormbind_statements_total",
		Help: "Statements by the bind and role that they went to; role none: the pool could not be opened.",
	}, labels)
	count := func(tx *gorm.DB) {
		at, ok := bindkey.PlacementOf(tx)
		if !ok {
			at, ok = unopened(tx.Error)
		}
		if ok {
			values := []string{at.Key, at.Role, "no", at.Tenant}
			if tx.Error != nil && !errors.Is(tx.Error, gorm.ErrRecordNotFound) {
				values[2] = "yes"
			}
			statements.WithLabelValues(values[:len(labels)]...).Inc()
		}
	}
	of := db.Callback()
	return errors.Join(
		on.Register(p), on.Register(statements),
		of.Create().After("gorm:create").Register("metrics:count", count),
		of.Query().After("gorm:query").Register("metrics:count", count),
		of.Update().After("gorm:update").Register("metrics:count", count),
		of.Delete().After("gorm:delete").Register("metrics:count", count),
		of.Row().After("gorm:row").Register("metrics:count", count),
		of.Raw().After("gorm:raw").Register("metrics:count", count),
	)
}

// unopened is the bind of a statement that failed since a pool could not be opened. It names
// no tenant: who asks for names that nobody has would make a series of each. Nor is such a
// name counted, where the function given to bindkey.Tenants says so by gorm.ErrRecordNotFound.
func unopened(err error) (at bindkey.Placement, ok bool) {
	var tenant *bindkey.TenantError
	var pool *bindkey.OpenError
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return at, false
	case errors.As(err, &tenant):
		return bindkey.Placement{Key: tenant.Key, Role: "none"}, true
	case errors.As(err, &pool):
		return bindkey.Placement{Key: pool.Key, Role: "none"}, true
	}
	return at, false
}
