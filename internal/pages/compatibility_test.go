package pages_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCompatibility holds docs/compatibility.md against what .ci/compat runs, and
// against the go.mod files.
func TestCompatibility(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		must(t, err)
		return string(text)
	}
	page, script := read("docs/compatibility.md"), read(".ci/compat")
	has := func(text, from string) {
		t.Helper()
		if !strings.Contains(page, text) {
			t.Errorf("docs/compatibility.md does not have %q, as %s says", text, from)
		}
	}
	required := func(mod, module string) string {
		t.Helper()
		found := regexp.MustCompile(regexp.QuoteMeta(module) + ` (v\S+)`).FindStringSubmatch(read(mod))
		if found == nil {
			t.Fatalf("%s does not need %s", mod, module)
		}
		return found[1]
	}

	oldest := regexp.MustCompile(`(gorm\.io/\S+)@(v[^ )]+)`).FindAllStringSubmatch(
		regexp.MustCompile(`(?m)^OLDEST=.*$`).FindString(script), -1)
	if len(oldest) != 3 {
		t.Fatalf(".ci/compat has the oldest versions %q", oldest)
	}
	for _, module := range oldest {
		row := regexp.MustCompile(`(?m)^\| \[` + regexp.QuoteMeta(module[1]) + `\].*$`).FindString(page)
		if !strings.HasSuffix(row, "| "+module[2]+" | "+required("go.mod", module[1])+" |") {
			t.Errorf("%s is %s to %s, and docs/compatibility.md has %q", module[1], module[2], required("go.mod", module[1]), row)
		}
	}
	refused := regexp.MustCompile(`(?m)^REFUSED=gorm.io/gorm@(\S+)`).FindStringSubmatch(script)
	has("`.ci/compat` checks that for GORM "+refused[1], ".ci/compat")

	library := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(read("go.mod"))[1]
	has("| Go, for the library | go"+library+" |", "go.mod")
	if !strings.Contains(script, "OLDEST_GO=go"+library+".") {
		t.Errorf(".ci/compat does not run go%s, the line of go.mod", library)
	}
	has("| Go, for the command `gormbind` | go"+regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(read("cmd/gormbind/go.mod"))[1]+" |", "cmd/gormbind/go.mod")

	var tests strings.Builder
	for _, test := range testFiles(t) {
		tests.WriteString(test)
	}
	chosen := regexp.MustCompile(`\bTest\w+`).FindAllString(
		strings.Join(regexp.MustCompile(`(?m)^TESTS=.*$|-skip '.*'`).FindAllString(script, -1), " "), -1)
	for _, name := range chosen {
		if !strings.Contains(tests.String(), "func "+name+"(") {
			t.Errorf(".ci/compat names %s, which is no test", name)
		}
	}
	if len(chosen) < 10 {
		t.Errorf(".ci/compat chooses only %q", chosen)
	}

	for mod, modules := range map[string][]string{
		"go.mod":                    {"gorm.io/driver/sqlite", "github.com/mattn/go-sqlite3", "modernc.org/sqlite"},
		"config/sqlitepure/go.mod":  {"modernc.org/sqlite"},
		"integration/go.mod":        {"gorm.io/driver/postgres", "github.com/jackc/pgx/v5", "gorm.io/driver/mysql", "github.com/go-sql-driver/mysql"},
		"integration/dryrun/go.mod": {"gorm.io/driver/sqlserver", "gorm.io/driver/clickhouse"},
	} {
		for _, module := range modules {
			has(module+" "+required(mod, module), mod)
		}
	}
}
