package pages_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestLanguages compares README.md with README.ru.md: code, links and tables are
// the same, so that a change to one page reaches the other. A link may lead to a
// page's translation.
func TestLanguages(t *testing.T) {
	var pages [2]map[string][]string
	for i, document := range []string{"README.md", "README.ru.md"} {
		text, err := os.ReadFile(document)
		must(t, err)
		page := map[string][]string{"code": regexp.MustCompile("(?s)```.*?```").FindAllString(string(text), -1)}
		prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(text), "")
		for _, target := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(prose, -1) {
			page["links"] = append(page["links"], strings.Replace(target[1], ".ru.md", ".md", 1))
		}
		for _, line := range strings.Split(prose, "\n") {
			if marks := regexp.MustCompile(`^#+ |\|`).FindAllString(line, -1); marks != nil {
				page["headings and tables"] = append(page["headings and tables"], strings.Join(marks, ""))
			}
		}
		for _, kind := range []string{"code", "links", "headings and tables"} {
			if len(page[kind]) < 5 {
				t.Fatalf("%s has only %d of %s: the test does not read it right", document, len(page[kind]), kind)
			}
		}
		pages[i] = page
	}
	for kind, english := range pages[0] {
		if russian := pages[1][kind]; !reflect.DeepEqual(english, russian) {
			t.Errorf("%s of README.md and README.ru.md differ:\n%q\n%q", kind, english, russian)
		}
	}
}
