package bindotel_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// section is the part of docs/observability.md about OpenTelemetry.
func section(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "\n## OpenTelemetry\n")
	if !found {
		t.Fatal("there is no section")
	}
	of, _, _ := strings.Cut(rest, "\n## ")
	return of
}

// The code in the document is the example's, and so is what it prints.
func TestDocumentIsTheExample(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var regions []string
	for _, region := range regexp.MustCompile(`(?s)\t// region: \w+\n(.*?)\t// end\n`).FindAllStringSubmatch(string(source), -1) {
		regions = append(regions, strings.TrimPrefix(strings.ReplaceAll("\n"+region[1], "\n\t", "\n"), "\n"))
	}
	_, output, _ := strings.Cut(string(source), "\t// Output:\n")
	output, _, _ = strings.Cut(output, "}\n")
	regions = append(regions, strings.ReplaceAll(output, "\t// ", ""))
	blocks := regexp.MustCompile("(?s)```(?:go|text)\n(.*?)```").FindAllStringSubmatch(section(t), -1)
	if len(blocks) != len(regions) {
		t.Fatalf("%d blocks, and %d regions", len(blocks), len(regions))
	}
	for i, block := range blocks {
		if block[1] != regions[i] {
			t.Errorf("the document has\n%s\nand the example\n%s", block[1], regions[i])
		}
	}
}

// The document names what spans and metrics have, and nothing else.
func TestDocumentNames(t *testing.T) {
	w := newWorld(t, nil)
	resolver, err := w.plugin.Resolver("main")
	w.must(err)
	resolver.SetMaxOpenConns(3)
	// Servers and what else SQLite does not show are in the module integration.
	emitted := map[string]bool{"server.address": true, "server.port": true, "db.namespace": true, "db.response.status_code": true,
		"gormbind.prepared.count": true, "gormbind.prepared.age": true}
	both := func(tx *gorm.DB) error {
		tx.Create(&LogEntry{})
		return tx.Create(&Note{}).Error
	}
	for _, database := range []string{"archive/source", "analytics/source"} {
		w.Start(failsAtCommit(database))
		_ = w.db.Transaction(both)
		w.Stop()
	}
	w.db.Raw("SELECT * FROM users, log_entries").Scan(&[]User{})
	ofTenants, db := newTenantWorld(t)
	w.must(db.WithContext(bindkey.WithTenant(context.Background(), "acme")).AutoMigrate(&Parcel{}))
	w.must(db.WithContext(bindkey.WithTenant(context.Background(), "acme")).Create(&Parcel{}).Error)
	for _, span := range append(w.ended(), ofTenants.ended()...) {
		for name := range attributesOf(span) {
			emitted[name] = true
		}
	}
	for point := range w.metrics() {
		name, attributes, _ := strings.Cut(strings.TrimSuffix(point, "}"), "{")
		emitted[name] = true
		for _, attribute := range strings.Split(attributes, ",") {
			emitted[strings.SplitN(attribute, "=", 2)[0]] = true
		}
	}
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile("`((?:db|gormbind|error|server)\\.[a-z_.]+)`").FindAllStringSubmatch(section(t), -1) {
		documented[name[1]] = true
		if !emitted[name[1]] {
			t.Errorf("the document names %s, which nothing has", name[1])
		}
	}
	for name := range emitted {
		if name != "" && !documented[name] {
			t.Errorf("the document does not name %s", name)
		}
	}
}
