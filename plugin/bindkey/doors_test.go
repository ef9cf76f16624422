package bindkey

import (
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

const modulePath = "github.com/gormbind/gormbind/"

// innerImports are the packages of this module that each inner package may
// import: one-way doors, and none back to bindkey.
var innerImports = map[string][]string{
	"plugin/bindkey/internal/catalog": {"plugin/bindkey/internal/sqlscan"},
	"plugin/bindkey/internal/neutral": nil,
	"plugin/bindkey/internal/sqlscan": {"plugin/bindkey/internal/neutral"},
}

// gormImports are the packages of GORM that an inner package may import, for those
// that must not know a handle or a statement.
var gormImports = map[string][]string{
	"plugin/bindkey/internal/catalog": {"gorm.io/gorm/schema"},
	"plugin/bindkey/internal/sqlscan": nil,
}

func TestDoors(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}: {{join .Imports \" \"}}", modulePath+"plugin/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	found, gorms := map[string][]string{}, map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		of, imports, _ := strings.Cut(line, ": ")
		of = strings.TrimPrefix(of, modulePath)
		if !strings.HasPrefix(of, "plugin/bindkey/internal/") {
			continue
		}
		found[of] = nil
		if _, held := gormImports[of]; held {
			gorms[of] = nil
		}
		for _, path := range strings.Fields(imports) {
			if strings.HasPrefix(path, modulePath) {
				found[of] = append(found[of], strings.TrimPrefix(path, modulePath))
			}
			if _, held := gormImports[of]; held && strings.HasPrefix(path, "gorm.io/") {
				gorms[of] = append(gorms[of], path)
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
