package bindotel

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// An observer makes spans and metrics of what it is told.
type observer struct {
	config
	tracer  trace.Tracer
	metrics *metrics
	plugin  atomic.Pointer[bindkey.Plugin]
	places  places
	queries cache
}

// A transaction is in the context of one.
type transaction struct {
	span  trace.Span
	outer trace.SpanContext // around the transaction
}

type transactionKey struct{}

func transactionIn(ctx context.Context) *transaction {
	if ctx == nil {
		return nil
	}
	of, _ := ctx.Value(transactionKey{}).(*transaction)
	return of
}

func (o *observer) installed(p *bindkey.Plugin) (closed func()) {
	o.plugin.Store(p)
	pools := o.metrics.observePools(p, o.tenants)
	if !o.prepared {
		return pools
	}
	prepared := o.metrics.observePrepared(p)
	return func() {
		prepared()
		pools()
	}
}

func (o *observer) statement(ctx context.Context, s bindkey.SentStatement) (context.Context, func(error)) {
	at := o.place(s.Placement, s.DB)
	q := o.queries.of(s.SQL, at.system)
	var common []attribute.KeyValue
	name := at.system
	switch {
	case q.summary != "":
		name = q.summary
	case q.verb != "" && s.Table != "":
		name = q.verb + " " + s.Table
	case q.verb != "":
		name = q.verb
	}
	if q.summary != "" {
		common = append(common, dbQuerySummary.String(q.summary))
	}
	if s.Table != "" && q.operation != "" { // GORM has built the SQL
		common = append(common, dbOperationName.String(q.operation))
	}
	if s.Table != "" && q.single {
		common = append(common, dbCollectionName.String(s.Table))
	}
	if !o.statements {
		trace.SpanFromContext(ctx).SetAttributes(at.attributes...)
		return nil, o.timed(ctx, nil, both(at.measured, common))
	}
	attributes := both(at.attributes, common)
	if q.text != "" && o.text {
		attributes = append(attributes, dbQueryText.String(q.text))
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...)}
	if t := transactionIn(s.Transaction); t != nil {
		if around := trace.SpanContextFromContext(ctx); !around.IsValid() || around.Equal(t.outer) {
			ctx = trace.ContextWithSpan(ctx, t.span)
		} else {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: t.span.SpanContext()}))
		}
	}
	ctx, span := o.tracer.Start(ctx, name, options...)
	return ctx, o.timed(ctx, span, both(at.measured, common))
}

// timed records how long an operation takes, and how it ends.
func (o *observer) timed(ctx context.Context, span trace.Span, attributes []attribute.KeyValue) func(error) {
	start := time.Now()
	return func(err error) {
		failed := failure(err)
		o.metrics.duration.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(append(attributes[:len(attributes):len(attributes)], failed...)...))
		if span != nil {
			end(span, failed)
		}
	}
}

// failure are the attributes of an error. Its text is not among them: it may have values.
func failure(err error) []attribute.KeyValue {
	if err == nil {
		return nil
	}
	class, code := errorType(err)
	if code == "" {
		return []attribute.KeyValue{errorTypeName.String(class)}
	}
	return []attribute.KeyValue{errorTypeName.String(class), dbResponseStatus.String(code)}
}

func end(span trace.Span, failed []attribute.KeyValue) {
	if len(failed) > 0 {
		span.SetAttributes(failed...)
		span.SetStatus(codes.Error, failed[0].Value.AsString())
	}
	span.End()
}

func (o *observer) begin(ctx context.Context) context.Context {
	t := &transaction{outer: trace.SpanContextFromContext(ctx)}
	ctx, t.span = o.tracer.Start(ctx, "transaction")
	return context.WithValue(ctx, transactionKey{}, t)
}

func (o *observer) stage(ctx context.Context, s bindkey.BranchStage) func(error) {
	at := o.place(s.Placement, s.DB)
	operation := string(s.Stage)
	common := []attribute.KeyValue{dbOperationName.String(operation), dbQuerySummary.String(operation)}
	ctx, span := o.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(both(at.attributes, common)...))
	return o.timed(ctx, span, both(at.measured, common))
}

// both are the attributes of a place and of a statement, with room for one more.
func both(place, statement []attribute.KeyValue) []attribute.KeyValue {
	return append(append(make([]attribute.KeyValue, 0, len(place)+len(statement)+2), place...), statement...)
}

func (o *observer) end(ctx context.Context, e bindkey.TransactionEnd) {
	if e.Outcome == bindkey.Partial || e.Outcome == bindkey.Unknown {
		o.metrics.partial.Add(ctx, 1, metric.WithAttributes(OutcomeKey.String(string(e.Outcome)), FailedKey.String(e.Failed)))
	}
	t := transactionIn(ctx)
	if t == nil {
		return
	}
	t.span.SetAttributes(OutcomeKey.String(string(e.Outcome)))
	for key, binds := range map[attribute.Key][]string{CommittedKey: e.Committed, RolledBackKey: e.RolledBack} {
		if len(binds) > 0 {
			t.span.SetAttributes(key.StringSlice(binds))
		}
	}
	if e.Failed != "" {
		t.span.SetAttributes(FailedKey.String(e.Failed))
	}
	end(t.span, failure(e.Err))
}

func (o *observer) refused(ctx context.Context, err error) {
	o.metrics.refusals.Add(ctx, 1, metric.WithAttributes(failure(err)[0]))
}
