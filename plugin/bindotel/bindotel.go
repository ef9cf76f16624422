package bindotel

import (
	"hash/maphash"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Scope is the name of the instrumentation scope of all spans and metrics.
const Scope = "github.com/gormbind/gormbind/plugin/bindotel"

// New makes the observer that [bindkey.Observe] takes. It serves one plugin. Without
// options it uses OpenTelemetry's global providers, also if they are set later.
func New(options ...Option) bindkey.Observer {
	o := newObserver(options)
	return bindkey.Observer{
		Installed: o.installed,
		Statement: o.statement,
		Begin:     o.begin,
		Stage:     o.stage,
		End:       o.end,
		Refused:   o.refused,
	}
}

func newObserver(options []Option) *observer {
	o := &observer{config: config{tracers: otel.GetTracerProvider(), meters: otel.GetMeterProvider(), statements: true, text: true}}
	for _, option := range options {
		option(&o.config)
	}
	o.queries.seed = maphash.MakeSeed()
	o.tracer = o.tracers.Tracer(Scope)
	o.metrics = newMetrics(o.meters.Meter(Scope))
	return o
}

type config struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	statements bool // have spans of their own
	text       bool // is shown
	prepared   bool // branches are counted
	tenants    bool // are in metrics
}

// An Option configures an observer, in [New].
type Option func(*config)

// WithTracerProvider says where spans go. By default it is the global provider
// ([otel.GetTracerProvider]).
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(c *config) { c.tracers = p }
}

// WithMeterProvider says where metrics go. By default it is the global provider
// ([otel.GetMeterProvider]).
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(c *config) { c.meters = p }
}

// WithoutQueryText leaves db.query.text out. By default it is there, without literals.
func WithoutQueryText() Option {
	return func(c *config) { c.text = false }
}

// WithoutStatementSpans makes no spans for statements, for programs that have them from
// another plugin, such as gorm.io/plugin/opentelemetry: the span in a statement's context
// gets gormbind.bind, gormbind.role and what else is known of the pool. Transactions, their
// branches and all metrics stay as they are. By default each statement has a span.
func WithoutStatementSpans() Option {
	return func(c *config) { c.statements = false }
}

// WithTenantMetrics has metrics name the tenant (gormbind.tenant), and its database and
// server, as spans do. That is a series for each tenant, for as long as the program runs:
// for few tenants. By default metrics sum up the tenants of a bind.
func WithTenantMetrics() Option {
	return func(c *config) { c.tenants = true }
}
