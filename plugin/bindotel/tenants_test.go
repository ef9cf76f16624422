package bindotel_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

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
	return newTenantWorldOf(t, dir, func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, tenant+".db"))}}, nil
	}, options...)
}

func newTenantWorldOf(t *testing.T, dir string, open func(context.Context, string) (dbresolver.Config, error), options ...bindotel.Option) (*world, *gorm.DB) {
	w := &world{T: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	observer := bindotel.New(append(options, bindotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))),
		bindotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))))...)
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	w.must(err)
	plugin := bindkey.New(bindkey.Observe(observer), bindkey.Tenants("customer", open))
	w.plugin = plugin
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

// moving is a connector that says where it connects to, as pgx's configuration does.
type moving struct {
	Host, Database string
	connector
}

// A tenant that was moved, and is opened again, is where it is now.
func TestTenantHasMoved(t *testing.T) {
	plain, err := sql.Open(sqlite.DriverName, "")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	dir, host := t.TempDir(), "first.example.com"
	w, db := newTenantWorldOf(t, dir, func(_ context.Context, tenant string) (dbresolver.Config, error) {
		pool := sql.OpenDB(moving{host, "on_" + host, connector{plain.Driver(), filepath.Join(dir, tenant+".db")}})
		t.Cleanup(func() { _ = pool.Close() })
		return dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: pool})}}, nil
	}, bindotel.WithTenantMetrics())
	tx := db.WithContext(bindkey.WithTenant(context.Background(), "acme"))
	w.must(tx.AutoMigrate(&Parcel{}))
	for _, host = range []string{"first.example.com", "second.example.com", "third.example.com"} {
		<-w.plugin.Evict("acme")
		w.seen = len(w.spans.Ended())
		w.must(tx.Create(&Parcel{}).Error)
		w.must(tx.First(&Parcel{}).Error)
		named := 0
		for _, span := range w.ended() {
			if of := attributesOf(span); of["gormbind.tenant"] == "acme" {
				named++
				if of["server.address"] != host || of["db.namespace"] != "on_"+host {
					t.Errorf("on %s, %s: %v", host, span.Name(), of)
				}
			}
		}
		if named != 4 { // BEGIN, INSERT, COMMIT, SELECT
			t.Errorf("%d spans", named)
		}
		if points := w.metrics(); total(points, "db.client.operation.duration", "server.address="+host) != float64(named) {
			t.Errorf("on %s: %v", host, points)
		}
	}
}

// waits has a tenant's pool wait once for a connection.
func (w *world) waits(db *gorm.DB, tenant string) {
	w.Helper()
	tx := db.WithContext(bindkey.WithTenant(context.Background(), tenant)).Begin()
	w.must(tx.Exec("SELECT 1 FROM parcels").Error)
	for _, pool := range w.plugin.Pools() {
		if pool.Tenant == tenant {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
			if _, err := pool.DB.Conn(ctx); err == nil {
				w.Error("there is a second connection")
			}
			cancel()
		}
	}
	w.must(tx.Rollback().Error)
}

// Counters do not go back when a tenant is closed, and count no pool twice: one that the
// plugin opens, one that the program supplies each time anew, and one that it supplies again.
func TestTenantIsClosed(t *testing.T) {
	for _, by := range []string{"plugin", "program", "program, the same"} {
		for _, labelled := range []bool{false, true} {
			t.Run(by, func(t *testing.T) {
				dir := t.TempDir()
				same := map[string]*sql.DB{}
				open := func(_ context.Context, tenant string) (dbresolver.Config, error) {
					file := filepath.Join(dir, tenant+".db")
					if by == "plugin" {
						return dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(file)}}, nil
					}
					pool := same[tenant]
					if pool == nil {
						made, err := sql.Open(sqlite.DriverName, file)
						if err != nil {
							return dbresolver.Config{}, err
						}
						pool = made
						t.Cleanup(func() { _ = pool.Close() })
						if by == "program, the same" {
							same[tenant] = pool
						}
					}
					return dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: pool})}}, nil
				}
				var options []bindotel.Option
				if labelled {
					options = append(options, bindotel.WithTenantMetrics())
				}
				w, db := newTenantWorldOf(t, dir, open, options...)
				w.plugin.SetMaxOpenConns(1)
				for _, tenant := range []string{"acme", "globex"} {
					w.must(db.WithContext(bindkey.WithTenant(context.Background(), tenant)).AutoMigrate(&Parcel{}))
				}
				lasted := 0.0
				want := func(waits float64, with ...string) {
					t.Helper()
					points := w.metrics()
					with = append(with, "gormbind.bind=customer")
					if got := total(points, "gormbind.connection.waits", with...); got != waits {
						t.Errorf("%v waits of %v, want %v", got, with, waits)
					}
					if len(with) > 1 {
						return
					}
					if now := total(points, "gormbind.connection.wait_duration", with...); now < lasted || now == 0 {
						t.Errorf("%v s of waiting, and %v s before", now, lasted)
					} else {
						lasted = now
					}
				}
				w.waits(db, "acme")
				w.waits(db, "globex")
				want(2)
				for round := 1.0; round <= 3; round++ {
					w.waits(db, "acme") // which is told when it is closed
					<-w.plugin.Evict("acme")
					want(1 + 2*round)
					want(1 + 2*round) // by another reader
					w.waits(db, "acme")
					want(2 + 2*round)
					if labelled {
						want(1+2*round, "gormbind.tenant=acme")
						want(1, "gormbind.tenant=globex")
					}
				}
				<-w.plugin.Evict("acme")
				<-w.plugin.Evict("globex")
				want(8)
				if got := total(w.metrics(), "db.client.connection.count", "gormbind.bind=customer"); got != 0 {
					t.Errorf("%v connections of closed tenants", got)
				}
			})
		}
	}
}
