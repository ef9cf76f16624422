package bindotel

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

type metrics struct {
	meter    metric.Meter
	duration metric.Float64Histogram
	partial  metric.Int64Counter
	refusals metric.Int64Counter
}

// buckets are those that the conventions advise for db.client.operation.duration.
var buckets = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

// report gives an error of OpenTelemetry to its own handler: it must not stop a program.
func report[T any](made T, err error) T {
	if err != nil {
		otel.Handle(err)
	}
	return made
}

func newMetrics(meter metric.Meter) *metrics {
	return &metrics{
		meter: meter,
		duration: report(meter.Float64Histogram("db.client.operation.duration", metric.WithUnit("s"),
			metric.WithDescription("Duration of database client operations."), metric.WithExplicitBucketBoundaries(buckets...))),
		partial: report(meter.Int64Counter("gormbind.transaction.partial_commits", metric.WithUnit("{transaction}"),
			metric.WithDescription("Transactions that were committed in some databases only, or of which that is unknown."))),
		refusals: report(meter.Int64Counter("gormbind.statement.refusals", metric.WithUnit("{statement}"),
			metric.WithDescription("Statements that were refused with a typed error, and not sent."))),
	}
}

// observePools observes what database/sql tells of its pools, until closed.
func (m *metrics) observePools(p *bindkey.Plugin, tenants bool) (closed func()) {
	count := report(m.meter.Int64ObservableUpDownCounter("db.client.connection.count", metric.WithUnit("{connection}"),
		metric.WithDescription("The number of connections that are in a state.")))
	limit := report(m.meter.Int64ObservableUpDownCounter("db.client.connection.max", metric.WithUnit("{connection}"),
		metric.WithDescription("The maximum number of open connections; without a limit there is none.")))
	waits := report(m.meter.Int64ObservableCounter("gormbind.connection.waits", metric.WithUnit("{wait}"),
		metric.WithDescription("How often a connection was waited for, since the pool had none left.")))
	waited := report(m.meter.Float64ObservableCounter("gormbind.connection.wait_duration", metric.WithUnit("s"),
		metric.WithDescription("How long connections were waited for, in all.")))
	sums := poolSums{tenants: tenants}
	registered := report(m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for at, stats := range sums.of(p.Pools) {
			of := []attribute.KeyValue{poolName.String(at.Key + "/" + at.Role), BindKey.String(at.Key), RoleKey.String(at.Role)}
			if at.Tenant != "" {
				of[0] = poolName.String(at.Key + "/" + at.Tenant + "/" + at.Role)
				of = append(of, TenantKey.String(at.Tenant))
			}
			all := metric.WithAttributes(of...)
			o.ObserveInt64(count, int64(stats.InUse), all, metric.WithAttributes(poolState.String("used")))
			o.ObserveInt64(count, int64(stats.Idle), all, metric.WithAttributes(poolState.String("idle")))
			o.ObserveInt64(waits, stats.WaitCount, all)
			o.ObserveFloat64(waited, stats.WaitDuration.Seconds(), all)
			if stats.MaxOpenConnections > 0 {
				o.ObserveInt64(limit, int64(stats.MaxOpenConnections), all)
			}
		}
		return nil
	}, count, limit, waits, waited))
	return func() {
		if registered != nil {
			report(struct{}{}, registered.Unregister())
		}
	}
}
