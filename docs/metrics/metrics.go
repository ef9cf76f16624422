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

// Register registers the metrics of a handle, once the plugin is installed on it.
func Register(db *gorm.DB, plugin *bindkey.Plugin, on prometheus.Registerer, options ...Option) error {
	p, labels := &pools{plugin: plugin}, []string{"bind", "role", "failed"}
	for _, option := range options {
		option(p)
	}
	if p.tenants {
		labels = append(labels, "tenant")
	}
	statements := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gormbind_statements_total",
		Help: "Statements by the bind and role that they went to.",
	}, labels)
	count := func(tx *gorm.DB) {
		if at, ok := bindkey.PlacementOf(tx); ok {
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
