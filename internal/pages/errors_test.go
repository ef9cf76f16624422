package pages_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestErrorsPage holds docs/errors.md against the package: it has every sentinel
// and every typed error, and its example is Example_errors.
func TestErrorsPage(t *testing.T) {
	text, err := os.ReadFile("docs/errors.md")
	must(t, err)
	files, err := filepath.Glob("plugin/bindkey/*.go")
	must(t, err)
	var names []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		must(t, err)
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, name := range regexp.MustCompile(`(?m)^\t(Err[A-Z]\w*)\s+= `).FindAllStringSubmatch(string(source), -1) {
			names = append(names, "| `"+name[1]+"` |")
		}
		for _, name := range regexp.MustCompile(`(?m)^type ([A-Z]\w*Error) struct`).FindAllStringSubmatch(string(source), -1) {
			names = append(names, "| `*"+name[1]+"` |")
		}
	}
	if len(names) < 25 {
		t.Fatalf("only %q: the test does not read the package right", names)
	}
	for _, name := range names {
		if !strings.Contains(string(text), name) {
			t.Errorf("docs/errors.md's table lacks %s", name)
		}
	}

	source, err := os.ReadFile("plugin/bindkey/example_test.go")
	must(t, err)
	_, body, _ := strings.Cut(string(source), "func Example_errors() {\n")
	body, _, _ = strings.Cut(body, "\n}\n")
	_, body, _ = strings.Cut(body, "\n\n") // the handle
	code, output, found := strings.Cut(body+"\n", "\t// Output:\n")
	if !found {
		t.Fatal("Example_errors has no output")
	}
	if got, want := block(t, "docs/errors.md", "go", 0), strings.TrimPrefix(strings.ReplaceAll("\n"+code, "\n\t", "\n"), "\n"); got != want {
		t.Errorf("the example of docs/errors.md is\n%s\nwant Example_errors:\n%s", got, want)
	}
	if got, want := block(t, "docs/errors.md", "text", 0), strings.ReplaceAll(output, "\t// ", ""); got != want {
		t.Errorf("the output in docs/errors.md is\n%s\nwant that of Example_errors:\n%s", got, want)
	}
}
