package config_test

import (
	"os"
	"os/exec"
	"sort"
	"strings"
	"testing"
)

// A program compiles of other modules what the plugin needs, and with this package
// its parser and SQLite's driver: nothing of what the tests use, with cgo or without.
func TestWhatProgramsCompile(t *testing.T) {
	const plugin = "github.com/jinzhu/inflection github.com/jinzhu/now golang.org/x/text gorm.io/gorm gorm.io/plugin/dbresolver"
	for path, want := range map[string]string{
		"../plugin/bindkey": plugin,
		".":                 plugin + " github.com/mattn/go-sqlite3 go.yaml.in/yaml/v3 gorm.io/driver/sqlite",
	} {
		for _, cgo := range []string{"0", "1"} {
			list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.ImportPath}}{{else}}{{.Path}}{{end}}{{end}}", path)
			list.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
			listed, err := list.Output()
			if err != nil {
				t.Fatal(err)
			}
			modules := map[string]bool{}
			for _, line := range strings.Fields(string(listed)) {
				own, isOwn := strings.CutPrefix(line, "github.com/gormbind/gormbind/")
				switch {
				case !isOwn:
					modules[line] = true
				case own == "config" && path == ".", own == "internal/dsn", own == "plugin/bindmap", strings.HasPrefix(own, "plugin/bindkey"):
				default:
					t.Errorf("CGO_ENABLED=%s: %s imports %s", cgo, path, own)
				}
			}
			got, wanted := []string{}, strings.Fields(want)
			for module := range modules {
				got = append(got, module)
			}
			sort.Strings(got)
			sort.Strings(wanted)
			if strings.Join(got, " ") != strings.Join(wanted, " ") {
				t.Errorf("CGO_ENABLED=%s: %s compiles %q, want %q", cgo, path, got, wanted)
			}
		}
	}
}
