package metrics

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// pools are a plugin's, by the names of the client's collectors.NewDBStatsCollector. It
// asks for the pools each time it collects: with bindkey.OpenLate, some come later, and
// those of tenants come and go. What a closed pool has counted stays in its series, since
// a counter must not go back.
type pools struct {
	plugin  *bindkey.Plugin
	tenants bool // have series of their own

	mu     sync.Mutex // several may collect at once
	open   map[*sql.DB]bindkey.Placement
	closed map[bindkey.Placement]sql.DBStats // by series, the counters of pools that are closed
}

// numbers are what is told of a pool.
var numbers = []struct {
	name, help string
	kind       prometheus.ValueType
	of         func(sql.DBStats) float64
}{
	{"max_open_connections", "Maximum number of open connections to the database.", prometheus.GaugeValue, func(s sql.DBStats) float64 { return float64(s.MaxOpenConnections) }},
	{"open_connections", "The number of established connections both in use and idle.", prometheus.GaugeValue, func(s sql.DBStats) float64 { return float64(s.OpenConnections) }},
	{"in_use_connections", "The number of connections currently in use.", prometheus.GaugeValue, func(s sql.DBStats) float64 { return float64(s.InUse) }},
	{"idle_connections", "The number of idle connections.", prometheus.GaugeValue, func(s sql.DBStats) float64 { return float64(s.Idle) }},
	{"wait_count_total", "The total number of connections waited for.", prometheus.CounterValue, func(s sql.DBStats) float64 { return float64(s.WaitCount) }},
	{"wait_duration_seconds_total", "The total time blocked waiting for a new connection.", prometheus.CounterValue, func(s sql.DBStats) float64 { return s.WaitDuration.Seconds() }},
	{"max_idle_closed_total", "The total number of connections closed due to SetMaxIdleConns.", prometheus.CounterValue, func(s sql.DBStats) float64 { return float64(s.MaxIdleClosed) }},
	{"max_idle_time_closed_total", "The total number of connections closed due to SetConnMaxIdleTime.", prometheus.CounterValue, func(s sql.DBStats) float64 { return float64(s.MaxIdleTimeClosed) }},
	{"max_lifetime_closed_total", "The total number of connections closed due to SetConnMaxLifetime.", prometheus.CounterValue, func(s sql.DBStats) float64 { return float64(s.MaxLifetimeClosed) }},
}

// Describe sends nothing, which says that what is collected may change.
func (*pools) Describe(chan<- *prometheus.Desc) {}

func (p *pools) Collect(to chan<- prometheus.Metric) {
	labels := []string{"db_name"}
	if p.tenants {
		labels = append(labels, "tenant")
	}
	sums := p.sums()
	for _, number := range numbers {
		described := prometheus.NewDesc("go_sql_"+number.name, number.help, labels, nil)
		for at, stats := range sums {
			values := []string{at.Key + "/" + at.Role, at.Tenant}
			to <- prometheus.MustNewConstMetric(described, number.kind, number.of(stats), values[:len(labels)]...)
		}
	}
}

func (p *pools) sums() map[bindkey.Placement]sql.DBStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	open, sums := map[*sql.DB]bindkey.Placement{}, map[bindkey.Placement]sql.DBStats{}
	for _, pool := range p.plugin.Pools() {
		at := bindkey.Placement{Key: pool.Key, Role: pool.Role}
		if p.tenants {
			at.Tenant = pool.Tenant
		}
		if pool.Tenant != "" {
			open[pool.DB] = at
		}
		stats, sum := pool.DB.Stats(), sums[at]
		sum.MaxOpenConnections += stats.MaxOpenConnections
		sum.OpenConnections += stats.OpenConnections
		sum.InUse += stats.InUse
		sum.Idle += stats.Idle
		sums[at] = counted(sum, stats)
	}
	for db, at := range p.open {
		switch _, listed := open[db]; {
		case listed:
		case isClosed(db):
			if p.closed == nil {
				p.closed = map[bindkey.Placement]sql.DBStats{}
			}
			p.closed[at] = counted(p.closed[at], db.Stats())
		default: // the program has supplied it, and may do so again
			open[db] = at
			sums[at] = counted(sums[at], db.Stats())
		}
	}
	p.open = open
	for at, before := range p.closed {
		sums[at] = counted(sums[at], before)
	}
	return sums
}

// isClosed reports whether a pool is closed, which it says before it looks at the context.
func isClosed(db *sql.DB) bool {
	ended, end := context.WithCancel(context.Background())
	end()
	return !errors.Is(db.PingContext(ended), context.Canceled)
}

// counted is a sum with the counters of another pool.
func counted(sum, other sql.DBStats) sql.DBStats {
	sum.WaitCount += other.WaitCount
	sum.WaitDuration += other.WaitDuration
	sum.MaxIdleClosed += other.MaxIdleClosed
	sum.MaxIdleTimeClosed += other.MaxIdleTimeClosed
	sum.MaxLifetimeClosed += other.MaxLifetimeClosed
	return sum
}
