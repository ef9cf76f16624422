package integration_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindotel"
)

// A tenant's database is in its spans, and in no metric: it would be a series for each.
func TestTenantsOfServers(t *testing.T) {
	home := servers.PostgreSQL.Database(t, "otel")
	tenants := map[string]*servers.Database{"acme": servers.PostgreSQL.Database(t, "otel"), "globex": servers.PostgreSQL.Database(t, "otel")}
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	observer := bindotel.New(bindotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
		bindotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	type Parcel struct {
		_  struct{} `bind:"customer"`
		ID uint
	}
	db, err := gorm.Open(home.Dialector(), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Observe(observer), bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{tenants[tenant].Dialector()}}, nil
	}))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plugin.Close() })
	for tenant, database := range tenants {
		tx := db.WithContext(bindkey.WithTenant(context.Background(), tenant))
		if err := tx.AutoMigrate(&Parcel{}); err != nil {
			t.Fatal(err)
		}
		if err := tx.Create(&Parcel{}).Error; err != nil {
			t.Fatal(err)
		}
		named := 0
		for _, span := range spans.Ended() {
			of := attributesOf(span)
			if of["gormbind.tenant"] != tenant {
				continue
			}
			if named++; of["db.namespace"] != database.Name || of["db.system.name"] != "postgresql" {
				t.Errorf("%s: %v", span.Name(), of)
			}
		}
		if named == 0 {
			t.Errorf("no span names %s", tenant)
		}
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	series := map[string]bool{}
	for _, scope := range all.ScopeMetrics {
		for _, one := range scope.Metrics {
			if histogram, ok := one.Data.(metricdata.Histogram[float64]); ok {
				for _, point := range histogram.DataPoints {
					if bind, _ := point.Attributes.Value("gormbind.bind"); bind.AsString() != "customer" {
						continue
					}
					text := point.Attributes.Encoded(attribute.DefaultEncoder())
					series[text] = true
					for tenant, database := range tenants {
						if strings.Contains(text, tenant) || strings.Contains(text, database.Name) {
							t.Errorf("a metric has a tenant's own: %s", text)
						}
					}
				}
			}
		}
	}
	if len(series) == 0 {
		t.Error("no series is of the bind")
	}
}
