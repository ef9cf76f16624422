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
	"plugin/bindkey/internal/migrate": {"plugin/bindkey/internal/sqlscan"},
	"plugin/bindkey/internal/neutral": nil,
	"plugin/bindkey/internal/sqlscan": {"plugin/bindkey/internal/neutral"},
}

func TestDoors(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}: {{join .Imports \" \"}}", modulePath+"plugin/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	found := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		of, imports, _ := strings.Cut(line, ": ")
		of = strings.TrimPrefix(of, modulePath)
		if !strings.HasPrefix(of, "plugin/bindkey/internal/") {
			continue
		}
		found[of] = nil
		for _, path := range strings.Fields(imports) {
			if strings.HasPrefix(path, modulePath) {
				found[of] = append(found[of], strings.TrimPrefix(path, modulePath))
			}
		}
	}
	if !reflect.DeepEqual(found, innerImports) {
		t.Errorf("the inner packages import\n\t%v\nand may import\n\t%v", found, innerImports)
	}
}
