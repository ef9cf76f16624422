package pages_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCost holds the numbers of README.md against the last measurement, at the top of
// docs/benchmarks.md.
func TestCost(t *testing.T) {
	text, err := os.ReadFile("docs/benchmarks.md")
	must(t, err)
	cells := map[string][]string{}
	for _, name := range []string{"First", "Create"} {
		row := regexp.MustCompile(`(?m)^\| ` + name + ` \|(.*)\|$`).FindStringSubmatch(string(text))
		if row == nil {
			t.Fatalf("docs/benchmarks.md has no row %s", name)
		}
		for _, cell := range strings.Split(row[1], "|") { // plain, dbresolver, bindkey; of SQLite, PostgreSQL, MariaDB
			cells[name] = append(cells[name], strings.TrimSpace(cell))
		}
	}
	for _, page := range []string{"README.md", "README.ru.md"} {
		text, err := os.ReadFile(page)
		must(t, err)
		for _, number := range []string{
			cells["First"][0] + " ", cells["First"][3] + " ", cells["First"][2] + " ", cells["First"][5], cells["Create"][2] + " ", cells["Create"][5],
		} {
			if !strings.Contains(string(text), number) {
				t.Errorf("%s says what it costs, and has not the %q of docs/benchmarks.md: write the last measurement", page, number)
			}
		}
	}
}
