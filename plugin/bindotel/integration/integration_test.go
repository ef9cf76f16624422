package integration_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"
	"gorm.io/plugin/opentelemetry/tracing"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindotel"
)

func TestMain(m *testing.M) { servers.Main(m) }

type (
	Member struct {
		_      struct{} `bind:"main"`
		ID     uint
		Name   string `gorm:"size:50;uniqueIndex"`
		Visits []Visit
	}
	Visit struct {
		_        struct{} `bind:"analytics"`
		ID       uint
		MemberID uint
		Page     string `gorm:"size:50;uniqueIndex"`
	}
)

// A world is a handle over two binds, whose spans are kept.
type world struct {
	*testing.T
	db      *gorm.DB
	plugin  *bindkey.Plugin
	tracers *sdktrace.TracerProvider
	spans   *tracetest.SpanRecorder
}

func newWorld(t *testing.T, main, analytics gorm.Dialector, options ...bindotel.Option) *world {
	t.Helper()
	w := &world{T: t, spans: tracetest.NewSpanRecorder()}
	w.tracers = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	options = append(options, bindotel.WithTracerProvider(w.tracers), bindotel.WithMeterProvider(sdkmetric.NewMeterProvider()))
	var err error
	w.db, err = gorm.Open(main, &gorm.Config{Logger: logger.Discard})
	w.must(err)
	w.plugin = bindkey.New(bindkey.Models(&Member{}, &Visit{}), bindkey.Observe(bindotel.New(options...))).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{analytics}})
	w.must(w.db.Use(w.plugin))
	t.Cleanup(func() {
		_ = w.plugin.Close()
		if pool, err := w.db.DB(); err == nil {
			_ = pool.Close()
		}
	})
	w.must(w.db.AutoMigrate(&Member{}, &Visit{}))
	w.spans.Reset()
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) ended() []sdktrace.ReadOnlySpan {
	w.Helper()
	spans := w.spans.Ended()
	if len(spans) != len(w.spans.Started()) {
		w.Error("a span has not ended")
	}
	w.spans.Reset()
	sort.SliceStable(spans, func(i, j int) bool { return spans[i].StartTime().Before(spans[j].StartTime()) })
	return spans
}

func attributesOf(span sdktrace.ReadOnlySpan) map[string]string {
	all := map[string]string{}
	for _, a := range span.Attributes() {
		all[string(a.Key)] = a.Value.Emit()
	}
	return all
}

// The spans tell of the servers, and of their errors the code alone: MariaDB's has the row.
func TestServers(t *testing.T) {
	const secret = "s3cr3t"
	here, there := servers.PostgreSQL.Database(t, "otel"), servers.MariaDB.Database(t, "otel")
	w := newWorld(t, here.Dialector(), there.Dialector())
	w.must(w.db.Create(&Member{Name: secret, Visits: []Visit{{Page: secret}}}).Error)
	spans := w.ended()
	var names []string
	for _, span := range spans {
		of := attributesOf(span)
		names = append(names, strings.TrimSpace(span.Name()+" "+of["gormbind.bind"]))
		system, on := "postgresql", here
		switch of["gormbind.bind"] {
		case "":
			continue
		case "analytics":
			system, on = "mariadb", there
		}
		_, address, err := on.Address()
		w.must(err)
		host, port, err := net.SplitHostPort(address)
		w.must(err)
		if got, want := fmt.Sprint(of["db.system.name"], " ", of["db.namespace"], " ", of["server.address"], ":", of["server.port"]), fmt.Sprint(system, " ", on.Name, " ", host, ":", port); got != want {
			t.Errorf("%s: %s, want %s", span.Name(), got, want)
		}
	}
	if got, want := strings.Join(names, ", "), "transaction, BEGIN main, INSERT members main, BEGIN analytics, INSERT visits analytics, CHECK analytics, CHECK main, COMMIT analytics, COMMIT main"; got != want {
		t.Errorf("spans %s\nwant  %s", got, want)
	}
	if got := attributesOf(spans[2])["db.query.text"]; got != `INSERT INTO "members" ("name") VALUES ($1) RETURNING "id"` {
		t.Error(got)
	}
	if got := attributesOf(spans[4])["db.query.text"]; !strings.HasPrefix(got, "INSERT INTO `visits` (`member_id`,`page`) VALUES (?,?)") {
		t.Error(got)
	}

	plain := w.db.Session(&gorm.Session{SkipDefaultTransaction: true})
	for _, c := range []struct {
		row  any
		code string
	}{{&Member{Name: secret}, "23505"}, {&Visit{Page: secret}, "1062"}} {
		if err := plain.Create(c.row).Error; err == nil {
			t.Fatal("no error")
		}
		span := w.ended()[0]
		if of := attributesOf(span); of["error.type"] != c.code || of["db.response.status_code"] != c.code || strings.Contains(fmt.Sprint(span.Name(), span.Status(), span.Events(), span.Attributes()), secret) {
			t.Errorf("%v %v", span.Attributes(), span.Status())
		}
	}
	w.must(plain.Exec("UPDATE visits SET page = \"" + secret + "2\" WHERE id = 1 # " + secret).Error)
	w.must(plain.Exec("UPDATE members SET name = $$" + secret + "2$$ WHERE id = 1 -- " + secret).Error)
	for _, span := range w.ended() {
		if of := attributesOf(span); !strings.HasSuffix(of["db.query.text"], " = ? WHERE id = ?") {
			t.Error(of)
		}
	}
}

// db.namespace has the schema that a connection to PostgreSQL begins with.
func TestSchema(t *testing.T) {
	here := servers.PostgreSQL.Database(t, "otel")
	dsn, err := here.DSN("", map[string]string{"search_path": "public"})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := here.Server.Open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	w := newWorld(t, here.Server.DialectorOn(pool), sqlite.Open(filepath.Join(t.TempDir(), "analytics.db")))
	w.must(w.db.Find(&[]Member{}).Error)
	if got := attributesOf(w.ended()[0])["db.namespace"]; got != here.Name+"|public" {
		t.Error(got)
	}
}

// Beside gorm.io/plugin/opentelemetry. With both, each statement has its span of GORM's
// call, and in it ours of the call to the database. Without our spans of statements, that
// one says where the statement goes.
func TestBesideGorm(t *testing.T) {
	for name, c := range map[string]struct {
		options []bindotel.Option
		gorm    bool
		want    string
	}{
		"bindotel alone": {nil, false, "program(SELECT members main/source, SELECT visits analytics/source)"},
		"both":           {nil, true, "program(select members(SELECT members main/source, select visits(SELECT visits analytics/source)))"},
		"one span for each statement": {[]bindotel.Option{bindotel.WithoutStatementSpans()}, true,
			"program(select members main/source(select visits analytics/source))"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := newWorld(t, sqlite.Open(dir+"/main.db"), sqlite.Open(dir+"/analytics.db"), c.options...)
			if c.gorm {
				w.must(w.db.Use(tracing.NewPlugin(tracing.WithTracerProvider(w.tracers), tracing.WithoutMetrics(), tracing.WithoutQueryVariables())))
			}
			w.must(w.db.Create(&Member{ID: 1, Name: "Ann", Visits: []Visit{{Page: "/"}}}).Error)
			w.ended()
			ctx, program := w.tracers.Tracer("program").Start(context.Background(), "program")
			var member Member
			w.must(w.db.WithContext(ctx).Preload("Visits").Find(&member).Error)
			program.End()
			if len(member.Visits) != 1 {
				t.Errorf("%+v", member)
			}
			spans := w.ended()
			if got := nested(spans, spans[0]); got != c.want {
				t.Errorf("spans %s\nwant  %s", got, c.want)
			}
			// A transaction and its branches have their spans in each case.
			w.must(w.db.Transaction(func(tx *gorm.DB) error { return tx.Create(&Visit{Page: "/b"}).Error }))
			all := ""
			for _, span := range w.ended() {
				all += span.Name() + attributesOf(span)["gormbind.transaction.outcome"] + " "
			}
			if !strings.Contains(all, "transactioncommitted ") || !strings.Contains(all, "BEGIN ") || !strings.Contains(all, "COMMIT ") {
				t.Error(all)
			}
		})
	}
}

// nested is a span and what is in it: "a(b, c(d))".
func nested(spans []sdktrace.ReadOnlySpan, at sdktrace.ReadOnlySpan) string {
	text := at.Name()
	if text != "program" {
		of := attributesOf(at)
		text = strings.TrimRight(text+" "+of["gormbind.bind"]+"/"+of["gormbind.role"], " /")
	}
	var inside []string
	for _, span := range spans {
		if span.Parent().SpanID() == at.SpanContext().SpanID() {
			inside = append(inside, nested(spans, span))
		}
	}
	if len(inside) > 0 {
		text += "(" + strings.Join(inside, ", ") + ")"
	}
	return text
}

// How many branches are prepared, and how old the oldest is, by bind. Nothing is zero that
// could not be asked.
func TestPrepared(t *testing.T) {
	servers.MariaDB.Need(t)
	postgres := servers.NeedPreparing(t)
	archive, analytics := postgres.Database(t, "otel"), servers.MariaDB.Database(t, "otel")
	for _, with := range []bool{true, false} {
		reader := sdkmetric.NewManualReader()
		options := []bindotel.Option{bindotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))}
		if with {
			options = append(options, bindotel.WithPrepared())
		}
		app := fmt.Sprint("otel", time.Now().UnixNano()%1e9)
		db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		plugin := bindkey.New(bindkey.TwoPhase(bindkey.TwoPhaseConfig{App: app, Every: -1}), bindkey.Observe(bindotel.New(options...))).
			Register("archive", dbresolver.Config{Sources: []gorm.Dialector{archive.Dialector()}}).
			Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{analytics.Dialector()}})
		must(t, db.Use(plugin))
		must(t, plugin.CreateDecisions(context.Background()))
		read := func() (counts string, oldest map[string]float64) {
			t.Helper()
			var all metricdata.ResourceMetrics
			_ = reader.Collect(context.Background(), &all)
			var lines []string
			oldest = map[string]float64{}
			for _, scope := range all.ScopeMetrics {
				for _, m := range scope.Metrics {
					if data, ok := m.Data.(metricdata.Gauge[int64]); ok && m.Name == "gormbind.prepared.count" {
						for _, p := range data.DataPoints {
							lines = append(lines, fmt.Sprint(p.Attributes.Encoded(attribute.DefaultEncoder()), " ", p.Value))
						}
					}
					if data, ok := m.Data.(metricdata.Gauge[float64]); ok && m.Name == "gormbind.prepared.age" && m.Unit == "s" {
						for _, p := range data.DataPoints {
							oldest[p.Attributes.Encoded(attribute.DefaultEncoder())] = p.Value
						}
					}
				}
			}
			sort.Strings(lines)
			return strings.Join(lines, ", "), oldest
		}
		const none = "gormbind.bind=analytics 0, gormbind.bind=archive 0, gormbind.bind=main 0"
		if counts, _ := read(); with && counts != none || !with && counts != "" {
			t.Errorf("%v: %q", with, counts)
		}
		if !with {
			must(t, plugin.Close())
			continue
		}
		pool, err := archive.Open()
		must(t, err)
		defer pool.Close()
		pool.SetMaxOpenConns(1)
		gid := "gb1:" + app + ":STORE123:01M8G6TSHM1RDGBA45AGVV828G"
		for _, statement := range []string{"BEGIN", "CREATE TABLE prepared (id INT)", "PREPARE TRANSACTION '" + gid + "/archive'"} {
			_, err := pool.Exec(statement)
			must(t, err)
		}
		defer func() { _, _ = pool.Exec("ROLLBACK PREPARED '" + gid + "/archive'") }()
		if counts, oldest := read(); counts != strings.Replace(none, "archive 0", "archive 1", 1) || oldest["gormbind.bind=archive"] <= 0 || oldest["gormbind.bind=main"] != 0 {
			t.Errorf("%q, %v", counts, oldest)
		}
		sources := plugin.Pools()
		for _, p := range sources {
			if p.Key == "analytics" {
				must(t, p.DB.Close())
			}
		}
		if counts, _ := read(); counts != "gormbind.bind=archive 1" {
			t.Errorf("with a bind that can't be asked: %q", counts)
		}
		_, err = pool.Exec("ROLLBACK PREPARED '" + gid + "/archive'")
		must(t, err)
		must(t, plugin.Close())
		if counts, _ := read(); counts != "" {
			t.Errorf("after Close: %q", counts)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
