package gormbind_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestObservabilityPage holds docs/observability.md against examples that are tests: all Go on it is one
// of theirs, word for word, and what it prints is their output.
func TestObservabilityPage(t *testing.T) {
	page, err := os.ReadFile("docs/observability.md")
	must(t, err)
	var code, output strings.Builder
	for _, file := range []string{"plugin/bindkey/example_test.go", "plugin/binddebug/example_test.go", "docs/metrics/metrics.go"} {
		text, err := os.ReadFile(file)
		must(t, err)
		code.WriteString(string(text) + "\n" + strings.ReplaceAll("\n"+string(text), "\n\t", "\n"))
		output.WriteString(strings.ReplaceAll("\n"+string(text), "\n\t// ", "\n"))
	}
	blocks := regexp.MustCompile("(?s)```(go|text)\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 6 {
		t.Fatalf("only %d blocks: the test does not read the page right", len(blocks))
	}
	for _, block := range blocks {
		if block[1] == "go" && !strings.Contains(code.String(), block[2]) {
			t.Errorf("no example has\n%s", block[2])
		}
		if block[1] == "text" && !strings.Contains(output.String(), "\n"+block[2]) {
			t.Errorf("no example prints\n%s", block[2])
		}
	}
}
