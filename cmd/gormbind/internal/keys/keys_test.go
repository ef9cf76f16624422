package keys_test

import (
	"go/types"
	"reflect"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys/testdata/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// TestAgreesWithPlugin holds what is read from the source against what the plugin
// reads by reflection, in its words: the rules are written down twice.
func TestAgreesWithPlugin(t *testing.T) {
	reader, pkg := load(t)
	plugin := bindkey.New().Register("analytics", dbresolver.Config{}).Register("archive", dbresolver.Config{})
	errors := 0
	for _, model := range models.All() {
		name := reflect.TypeOf(model).Name()
		key, err := plugin.KeyOf(model)
		read := reader.Read(pkg.Types.Scope().Lookup(name).Type())
		if read.Unsure {
			t.Errorf("%s: the source says it all, but was not read", name)
		}
		if err != nil && !strings.Contains(err.Error(), "GORM does not accept") {
			errors++
			var texts []string
			for _, fault := range read.Faults {
				texts = append(texts, "bindkey: "+fault.Text())
			}
			if got := strings.Join(texts, "\n"); got != err.Error() {
				t.Errorf("%s: the plugin says\n\t%v\nand the source\n\t%s", name, err, got)
			}
			continue
		}
		if read.Faults != nil || read.Claim.Key != key && (read.Claim.Key != "" || key != "main") {
			t.Errorf("%s: the plugin says %q (%v), and the source %q %v", name, key, err, read.Claim.Key, read.Faults)
		}
	}
	if errors < 25 {
		t.Errorf("only %d models are wrong, so this compares little", errors)
	}
}

// TestTablesAndRelations holds the names of tables and relations against GORM's.
func TestTablesAndRelations(t *testing.T) {
	reader, pkg := load(t)
	relations := 0
	for _, model := range append(models.All(), models.Dynamic{}) {
		parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
		if err != nil {
			continue // the plugin refuses it, too
		}
		named := pkg.Types.Scope().Lookup(reflect.TypeOf(model).Name()).Type().(*types.Named)
		if table := reader.Table(named); table != parsed.Table && table != "" {
			t.Errorf("%s: GORM's table is %q, and the source's %q", named, parsed.Table, table)
		}
		for _, relation := range reader.Relations(named) {
			relations++
			of := parsed.Relationships.Relations[relation.Name]
			if of == nil || of.JoinTable != nil && of.JoinTable.Table != relation.JoinTable {
				t.Errorf("%s: GORM has no relation %s of this kind", named, relation.Name)
			}
		}
		if got, want := len(reader.Relations(named)), len(parsed.Relationships.Relations); got != want {
			t.Errorf("%s: GORM has %d relations, and the source %d", named, want, got)
		}
	}
	if relations == 0 {
		t.Error("no model has a relation")
	}
}

// TestUnsure holds that what only runs can tell is told by nobody.
func TestUnsure(t *testing.T) {
	reader, pkg := load(t)
	model := pkg.Types.Scope().Lookup("Dynamic").Type().(*types.Named)
	if read := reader.Read(model); !read.Unsure || read.Claim.Key != "" || read.Faults != nil {
		t.Errorf("read %+v", read)
	}
	if table := reader.Table(model); table != "" {
		t.Errorf("read table %q", table)
	}
}

// load is the reader of testdata/models, read once.
func load(t *testing.T) (keys.Reader, *packages.Package) {
	t.Helper()
	reading.Do(func() {
		read, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax}, "./testdata/models")
		if err != nil || packages.PrintErrors(read) > 0 {
			return
		}
		if graph, err := checker.Analyze([]*analysis.Analyzer{keys.Analyzer}, read, nil); err == nil {
			pkg, reader = read[0], graph.Roots[0].Result.(keys.Reader)
		}
	})
	if pkg == nil {
		t.Fatal("testdata/models can't be read")
	}
	return reader, pkg
}

var (
	reading sync.Once
	reader  keys.Reader
	pkg     *packages.Package
)
