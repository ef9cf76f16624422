package config_test

import (
	"os/exec"
	"strings"
	"testing"
)

// A program that imports the plugin alone compiles GORM, dbresolver, what they
// need, and nothing of this package's.
func TestThePluginNeedsNoneOfThis(t *testing.T) {
	listed, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "../plugin/bindkey").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, path := range strings.Fields(string(listed)) {
		seen = seen || path == "gorm.io/gorm"
		if strings.Contains(path, "yaml") || strings.Contains(path, "sqlite") || strings.HasPrefix(path, "github.com/gormbind/gormbind/config") {
			t.Errorf("the plugin imports %s", path)
		}
	}
	if !seen {
		t.Errorf("go list says %s", listed)
	}
}
