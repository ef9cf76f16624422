package bindotel_test

import (
	"context"
	"path/filepath"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindotel"
)

type Parcel struct {
	_  struct{} `bind:"customer"`
	ID uint
}

// newTenantWorld is a handle over a bind with tenants, which is observed.
func newTenantWorld(t *testing.T, options ...bindotel.Option) (*world, *gorm.DB) {
	dir := t.TempDir()
	w := &world{T: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	observer := bindotel.New(append(options, bindotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))),
		bindotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))))...)
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	w.must(err)
	plugin := bindkey.New(bindkey.Observe(observer), bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, tenant+".db"))}}, nil
	}))
	w.must(db.Use(plugin))
	t.Cleanup(func() { _ = plugin.Close() })
	return w, db
}

// Spans name the tenant, and metrics do not: they sum up the tenants of a bind.
func TestTenants(t *testing.T) {
	w, db := newTenantWorld(t)
	for _, tenant := range []string{"acme", "globex"} {
		tx := db.WithContext(bindkey.WithTenant(context.Background(), tenant))
		w.must(tx.AutoMigrate(&Parcel{}))
		w.seen = len(w.spans.Ended())
		w.must(tx.Create(&Parcel{}).Error)
		named := 0
		for _, span := range w.ended() {
			if attributes := attributesOf(span); attributes["gormbind.bind"] == "customer" {
				named++
				if attributes["gormbind.tenant"] != tenant {
					t.Errorf("%s: %v", span.Name(), attributes)
				}
			}
		}
		if named == 0 {
			t.Error("no span is of the bind")
		}
	}
	points := w.metrics()
	if got := total(points, "db.client.connection.count", "gormbind.bind=customer"); got != 2 {
		t.Errorf("%v connections of both: %v", got, points)
	}
	for point := range points {
		if total(map[string]float64{point: 1}, "db.client.operation.duration", "gormbind.tenant=acme") > 0 {
			t.Errorf("a metric names the tenant: %s", point)
		}
	}
}

// On request, metrics name the tenant. What dialect all tenants have is always told.
func TestTenantMetrics(t *testing.T) {
	w, db := newTenantWorld(t, bindotel.WithTenantMetrics())
	for _, tenant := range []string{"acme", "globex"} {
		tx := db.WithContext(bindkey.WithTenant(context.Background(), tenant))
		w.must(tx.AutoMigrate(&Parcel{}))
		w.must(tx.Create(&Parcel{}).Error)
	}
	points := w.metrics()
	for _, tenant := range []string{"acme", "globex"} {
		if got := total(points, "db.client.connection.count", "gormbind.tenant="+tenant); got != 1 {
			t.Errorf("%v connections of %s: %v", got, tenant, points)
		}
		if got := total(points, "db.client.operation.duration", "gormbind.tenant="+tenant); got == 0 {
			t.Errorf("no statement of %s: %v", tenant, points)
		}
	}
	for _, span := range w.ended() {
		if of := attributesOf(span); of["gormbind.bind"] == "customer" && of["db.system.name"] != "sqlite" {
			t.Errorf("%s: %v", span.Name(), of)
		}
	}
}
