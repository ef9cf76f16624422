package bindotel

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// preparedLimit is how long a collection waits for the databases.
const preparedLimit = 5 * time.Second

// WithPrepared also tells how many branches are prepared, and how old the oldest is, where
// transactions commit in two phases ([bindkey.TwoPhase]): gormbind.prepared.count and
// gormbind.prepared.age. Off by default, since each collection then asks each database that
// prepares (with [bindkey.Plugin.InDoubt], for five seconds at most), and OpenTelemetry's
// handler is told what can't be asked.
func WithPrepared() Option {
	return func(c *config) { c.prepared = true }
}

// observePrepared observes prepared branches, until closed.
func (m *metrics) observePrepared(p *bindkey.Plugin) (closed func()) {
	count := report(m.meter.Int64ObservableGauge("gormbind.prepared.count", metric.WithUnit("{branch}"),
		metric.WithDescription("Branches of transactions in two phases that are prepared.")))
	age := report(m.meter.Float64ObservableGauge("gormbind.prepared.age", metric.WithUnit("s"),
		metric.WithDescription("How long the oldest of them is prepared.")))
	registered := report(m.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, preparedLimit)
		defer cancel()
		found, err := p.InDoubt(ctx)
		counts, ages := map[string]int64{}, map[string]time.Duration{}
		if err == nil { // a bind that could not be asked has no number, which is not zero
			for _, pool := range p.Pools() {
				if pool.Tenant == "" && strings.HasPrefix(pool.Role, "source") {
					counts[pool.Key] = 0
				}
			}
		}
		for _, f := range found {
			counts[f.Bind]++
			ages[f.Bind] = max(ages[f.Bind], f.Age)
		}
		for bind, n := range counts {
			of := metric.WithAttributes(BindKey.String(bind))
			o.ObserveInt64(count, n, of)
			o.ObserveFloat64(age, ages[bind].Seconds(), of)
		}
		return err
	}, count, age))
	return func() {
		if registered != nil {
			report(struct{}{}, registered.Unregister())
		}
	}
}
