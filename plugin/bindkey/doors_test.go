package bindkey

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"sort"
	"strings"
	"testing"
)

const (
	modulePath = "github.com/gormbind/gormbind/"
	innerPath  = "plugin/bindkey/internal/"
)

// innerImports are the inner packages that each inner package may import:
// one-way doors, and none back to bindkey.
var innerImports = map[string][]string{
	"catalog":   {"sqlscan"},
	"dbpool":    {"product", "sqlscan"},
	"dialect":   {"neutral", "processor", "product", "stmtscan"},
	"joinsplit": {"sqlscan", "stmtscan"},
	"lease":     nil,
	"logplace":  nil,
	"migrate":   {"catalog", "product", "sqlscan"},
	"neutral":   nil,
	"processor": nil,
	"product":   {"sqlscan"},
	"resolver":  nil,
	"sqlscan":   {"neutral"},
	"stmtscan":  {"neutral", "sqlscan"},
	"twophase":  {"product"},
	"xact":      nil,
}

// gormImports are the packages of GORM that an inner package may import, for those
// that must not know a handle or a statement.
var gormImports = map[string][]string{
	"catalog":  {"gorm.io/gorm/schema"},
	"lease":    nil,
	"product":  nil,
	"sqlscan":  nil,
	"twophase": nil,
	"xact":     nil,
}

// importGraph is what the packages of plugin/ import of this module and of GORM.
func importGraph(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}: {{join .Imports \" \"}}", modulePath+"plugin/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	graph := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		of, imports, _ := strings.Cut(line, ": ")
		of = strings.TrimPrefix(of, modulePath)
		graph[of] = nil
		for _, path := range strings.Fields(imports) {
			if strings.HasPrefix(path, modulePath) || strings.HasPrefix(path, "gorm.io/") {
				graph[of] = append(graph[of], strings.TrimPrefix(path, modulePath))
			}
		}
	}
	return graph
}

func TestDoors(t *testing.T) {
	found, gorms := map[string][]string{}, map[string][]string{}
	for of, imports := range importGraph(t) {
		name, inner := strings.CutPrefix(of, innerPath)
		if !inner {
			continue
		}
		found[name] = nil
		_, held := gormImports[name]
		if held {
			gorms[name] = nil
		}
		for _, path := range imports {
			if at, inner := strings.CutPrefix(path, innerPath); inner {
				found[name] = append(found[name], at)
			} else if name == "dbpool" && path == "internal/dsn" { // which config imports, too
				continue
			} else if !strings.HasPrefix(path, "gorm.io/") {
				t.Errorf("%s imports %s", of, path)
			} else if held {
				gorms[name] = append(gorms[name], path)
			}
		}
	}
	if !reflect.DeepEqual(found, innerImports) {
		t.Errorf("the inner packages import\n\t%v\nand may import\n\t%v", found, innerImports)
	}
	if !reflect.DeepEqual(gorms, gormImports) {
		t.Errorf("the inner packages import of GORM\n\t%v\nand may import\n\t%v", gorms, gormImports)
	}
}

// TestPicture holds the picture of the house in docs/design.md against the import
// graph.
func TestPicture(t *testing.T) {
	var arrows []string
	for of, imports := range importGraph(t) {
		if !strings.HasPrefix(of, "plugin/bindkey") {
			continue
		}
		for _, path := range imports {
			if strings.HasPrefix(path, innerPath) {
				arrows = append(arrows, fmt.Sprintf("    %s --> %s", strings.TrimPrefix(strings.TrimPrefix(of, innerPath), "plugin/"), strings.TrimPrefix(path, innerPath)))
			}
		}
	}
	sort.Strings(arrows)
	want := "```mermaid\nflowchart TD\n" + strings.Join(arrows, "\n") + "\n```\n"
	page, err := os.ReadFile("../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/design.md has another picture than\n%s", want)
	}
}
