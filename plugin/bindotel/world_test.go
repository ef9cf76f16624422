package bindotel_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindotel"
)

// The models live in three binds, with relations of each kind across them.
type (
	User struct {
		_       struct{} `bind:"main"`
		ID      uint
		Name    string
		Logs    []LogEntry
		Profile *Profile
		Tags    []Tag  `gorm:"many2many:user_tags"`
		Notes   []Note `gorm:"polymorphic:Owner"`
	}
	LogEntry struct {
		_         struct{} `bind:"analytics"`
		ID        uint
		UserID    uint
		User      *User
		Event     string
		DeletedAt gorm.DeletedAt
	}
	Profile struct {
		_      struct{} `bind:"analytics"`
		ID     uint
		UserID uint
		Bio    string
	}
	Tag struct {
		_    struct{} `bind:"archive"`
		ID   uint
		Name string
	}
	Note struct {
		_         struct{} `bind:"archive"`
		ID        uint
		OwnerID   uint
		OwnerType string
		Text      string
	}
)

// Watched writes a note in a hook.
type Watched struct {
	_  struct{} `bind:"main"`
	ID uint
}

func (w *Watched) AfterCreate(tx *gorm.DB) error {
	return tx.Create(&Note{OwnerID: w.ID}).Error
}

var models = []any{&User{}, &LogEntry{}, &Profile{}, &Tag{}, &Note{}, &Watched{}}

// A world is a program with three binds, analytics with a replica, whose spans, metrics
// and calls of drivers are kept.
type world struct {
	*testing.T
	testkit.Recorder
	db     *gorm.DB
	plugin *bindkey.Plugin
	spans  *tracetest.SpanRecorder
	seen   int // how many spans a test has looked at
	reader *sdkmetric.ManualReader
	tracer trace.Tracer // of the program's own
}

// connector connects to a SQLite file.
type connector struct {
	driver driver.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }

func newWorld(t *testing.T, config *gorm.Config, options ...bindotel.Option) *world {
	t.Helper()
	w := &world{T: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	w.tracer = tracers.Tracer("program")
	options = append(options, bindotel.WithTracerProvider(tracers), bindotel.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))))

	plain, err := sql.Open(sqlite.DriverName, "")
	w.must(err)
	defer plain.Close()
	dir := t.TempDir()
	open := func(name, file string) gorm.Dialector {
		dsn := filepath.Join(dir, file+".db") + "?_busy_timeout=10000&_synchronous=OFF&_journal_mode=WAL&_txlock=immediate"
		pool := sql.OpenDB(w.Wrap(name, connector{plain.Driver(), dsn}))
		t.Cleanup(func() { _ = pool.Close() })
		return sqlite.New(sqlite.Config{Conn: pool})
	}
	if config == nil {
		config = &gorm.Config{}
	}
	if config.Logger == nil {
		config.Logger = logger.Discard
	}
	w.db, err = gorm.Open(open("main/source", "main"), config)
	w.must(err)
	w.plugin = bindkey.New(bindkey.Models(models...), bindkey.Observe(bindotel.New(options...))).
		Register("analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{open("analytics/source", "analytics")},
			Replicas: []gorm.Dialector{open("analytics/replica", "analytics"), open("analytics/replica-2", "analytics")},
		}).
		Register("archive", dbresolver.Config{Sources: []gorm.Dialector{open("archive/source", "archive")}})
	w.must(w.db.Use(w.plugin))
	t.Cleanup(func() { _ = w.plugin.Close() })
	w.must(w.db.AutoMigrate(models...))
	w.seen = len(w.spans.Ended())
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// ended are the spans since the last call, in the order of their starts. All have ended.
func (w *world) ended() []sdktrace.ReadOnlySpan {
	w.Helper()
	if started, ended := len(w.spans.Started()), len(w.spans.Ended()); started != ended {
		w.Errorf("%d spans have started, and %d have ended", started, ended)
	}
	spans := w.spans.Ended()[w.seen:]
	w.seen += len(spans)
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

// tree is spans as text: each with where it went, indented below its parent.
func tree(spans []sdktrace.ReadOnlySpan) string {
	known := map[trace.SpanID]bool{}
	for _, span := range spans {
		known[span.SpanContext().SpanID()] = true
	}
	var lines []string
	var below func(parent trace.SpanID, indent string)
	below = func(parent trace.SpanID, indent string) {
		for _, span := range spans {
			of := span.Parent().SpanID()
			if !known[of] {
				of = trace.SpanID{}
			}
			if of != parent {
				continue
			}
			all := attributesOf(span)
			line := indent + span.Name()
			if all["gormbind.bind"] != "" {
				line += " @" + all["gormbind.bind"] + "/" + all["gormbind.role"]
			}
			if outcome := all["gormbind.transaction.outcome"]; outcome != "" {
				line += " " + outcome
			}
			if all["error.type"] != "" {
				line += " !" + all["error.type"]
			}
			lines = append(lines, line)
			below(span.SpanContext().SpanID(), indent+"  ")
		}
	}
	below(trace.SpanID{}, "")
	return strings.Join(lines, "\n")
}

func (w *world) tree(want string) {
	w.Helper()
	got := tree(w.ended())
	want = strings.ReplaceAll(strings.Trim(want, "\n"), "\t", "")
	if got != want {
		w.Errorf("spans:\n%s\nwant:\n%s", got, want)
	}
}

// metrics are all data points: name{attributes} → value, or how often.
func (w *world) metrics() map[string]float64 {
	w.Helper()
	var all metricdata.ResourceMetrics
	w.must(w.reader.Collect(context.Background(), &all))
	points := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			put := func(of attribute.Set, value float64) {
				points[m.Name+"{"+of.Encoded(attribute.DefaultEncoder())+"}"] += value
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					put(p.Attributes, float64(p.Value))
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					put(p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				if m.Unit != "s" || fmt.Sprint(data.DataPoints[0].Bounds) != "[0.001 0.005 0.01 0.05 0.1 0.5 1 5 10]" {
					w.Errorf("%s: unit %s, bounds %v", m.Name, m.Unit, data.DataPoints[0].Bounds)
				}
				for _, p := range data.DataPoints {
					put(p.Attributes, float64(p.Count))
				}
			default:
				w.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	return points
}

// total is the sum of the data points of a metric that have all of some attributes, each
// as "name=value".
func total(points map[string]float64, name string, with ...string) (sum float64) {
next:
	for point, value := range points {
		if !strings.HasPrefix(point, name+"{") {
			continue
		}
		for _, attribute := range with {
			if !strings.Contains(","+strings.Trim(strings.TrimPrefix(point, name), "{}")+",", ","+attribute+",") {
				continue next
			}
		}
		sum += value
	}
	return sum
}

var errBoom = errors.New("boom")

// fails has a database fail in one kind of calls, and roll back.
func fails(kind, database string) func([]testkit.Call, testkit.Call) testkit.Hook {
	return func(_ []testkit.Call, call testkit.Call) testkit.Hook {
		if call.Kind != kind || call.Database != database {
			return nil
		}
		return func(_ context.Context, on *testkit.Conn, _ testkit.Call, _ testkit.Real) error {
			on.RollBack()
			return errBoom
		}
	}
}

func failsAtCommit(database string) func([]testkit.Call, testkit.Call) testkit.Hook {
	return fails(testkit.Commit, database)
}
