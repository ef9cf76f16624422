// Package metrics gives Prometheus the numbers of a program's databases: how full each
// connection pool is, and how many statements went where. It is an example to copy.
package metrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Register registers the metrics of a handle, once the plugin is installed on it.
func Register(db *gorm.DB, plugin *bindkey.Plugin, on prometheus.Registerer) error {
	statements := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gormbind_statements_total",
		Help: "Statements by the bind and role that they went to.",
	}, []string{"bind", "role", "failed"})
	count := func(tx *gorm.DB) {
		if at, ok := bindkey.PlacementOf(tx); ok {
			failed := "no"
			if tx.Error != nil && !errors.Is(tx.Error, gorm.ErrRecordNotFound) {
				failed = "yes"
			}
			statements.WithLabelValues(at.Key, at.Role, failed).Inc()
		}
	}
	of := db.Callback()
	return errors.Join(
		on.Register(pools{plugin}), on.Register(statements),
		of.Create().After("gorm:create").Register("metrics:count", count),
		of.Query().After("gorm:query").Register("metrics:count", count),
		of.Update().After("gorm:update").Register("metrics:count", count),
		of.Delete().After("gorm:delete").Register("metrics:count", count),
		of.Row().After("gorm:row").Register("metrics:count", count),
		of.Raw().After("gorm:raw").Register("metrics:count", count),
	)
}

// pools asks for the pools each time it collects: with bindkey.OpenLate, some come later.
type pools struct{ plugin *bindkey.Plugin }

// Describe sends nothing, which says that what is collected may change.
func (pools) Describe(chan<- *prometheus.Desc) {}

func (p pools) Collect(to chan<- prometheus.Metric) {
	for _, pool := range p.plugin.Pools() {
		collectors.NewDBStatsCollector(pool.DB, pool.Key+"/"+pool.Role).Collect(to)
	}
}
