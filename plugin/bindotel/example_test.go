package bindotel_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindotel"
)

// region: models
type Customer struct {
	_      struct{} `bind:"main"`
	ID     uint
	Name   string
	Clicks []Click
}

type Click struct {
	_          struct{} `bind:"analytics"`
	ID         uint
	CustomerID uint
	Page       string
}

// end

// One line installs it. Each statement and each branch of a transaction says where it went.
func Example() {
	dir, err := os.MkdirTemp("", "bindotel")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	exporter := tracetest.NewInMemoryExporter() // a program has one that sends to a collector
	// region: install
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Observe(bindotel.New(bindotel.WithTracerProvider(tracers)))).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "analytics.db"))}})
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	// end
	defer plugin.Close()
	if err := db.AutoMigrate(&Customer{}, &Click{}); err != nil {
		log.Fatal(err)
	}
	exporter.Reset()

	// region: use
	ctx, request := tracers.Tracer("shop").Start(context.Background(), "GET /")
	db.WithContext(ctx).Create(&Customer{Name: "Ann", Clicks: []Click{{Page: "/"}}})
	db.WithContext(ctx).Find(&[]Click{})
	request.End()
	// end

	printTree(exporter.GetSpans(), tracetest.SpanStub{}, "")
	// Output:
	// GET /
	// · transaction committed
	// · · BEGIN main/source
	// · · INSERT customers main/source
	// · · BEGIN analytics/source
	// · · INSERT clicks analytics/source
	// · · CHECK analytics/source
	// · · CHECK main/source
	// · · COMMIT analytics/source
	// · · COMMIT main/source
	// · SELECT clicks analytics/source
}

// printTree prints the spans below one, in the order of their ends, which is that of their
// starts where none runs beside another.
func printTree(spans []tracetest.SpanStub, parent tracetest.SpanStub, indent string) {
	for _, span := range spans {
		if span.Parent.SpanID() != parent.SpanContext.SpanID() {
			continue
		}
		bind, role, outcome := "", "", ""
		for _, a := range span.Attributes {
			switch a.Key {
			case bindotel.BindKey:
				bind = " " + a.Value.AsString()
			case bindotel.RoleKey:
				role = "/" + a.Value.AsString()
			case bindotel.OutcomeKey:
				outcome = " " + a.Value.AsString()
			}
		}
		fmt.Println(indent + span.Name + bind + role + outcome)
		printTree(spans, span, indent+"· ")
	}
}
