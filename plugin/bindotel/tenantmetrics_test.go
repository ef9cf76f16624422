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

// On request, metrics name the tenant. What dialect all tenants have is always told.
func TestTenantMetrics(t *testing.T) {
	dir := t.TempDir()
	w := &world{T: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	observer := bindotel.New(bindotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))),
		bindotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))), bindotel.WithTenantMetrics())
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	w.must(err)
	type Parcel struct {
		_  struct{} `bind:"customer"`
		ID uint
	}
	plugin := bindkey.New(bindkey.Observe(observer), bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, tenant+".db"))}}, nil
	}))
	w.must(db.Use(plugin))
	defer plugin.Close()
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
