package pages_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMain runs the tests in the module's root, where the pages and their links begin.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read is the text of a file.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return string(text)
}

// documents are the pages that a reader is led to.
func documents(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	must(t, err)
	if len(names) < 5 {
		t.Fatalf("only %q in docs", names)
	}
	return append(names, "README.md", "README.ru.md")
}

// block is the nth code block of a document that is marked with a language.
func block(t *testing.T, document, language string, n int) string {
	t.Helper()
	text, err := os.ReadFile(document)
	must(t, err)
	blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) <= n {
		t.Fatalf("%s has %d blocks of %s, want more than %d", document, len(blocks), language, n)
	}
	return blocks[n][1]
}

// sameAsRegion holds that a block is a region of these tests, word for word.
func sameAsRegion(t *testing.T, page, language string, nth int, name string) {
	t.Helper()
	sources, err := filepath.Glob("internal/pages/*_test.go")
	must(t, err)
	for _, file := range sources {
		if source := read(t, file); strings.Contains(source, "\t// region: "+name+"\n") {
			if got, want := block(t, page, language, nth), region(source, name); got != want {
				t.Errorf("block %d of %s is\n%s\nwant the region %q of %s:\n%s", nth, page, got, name, file, want)
			}
			return
		}
	}
	t.Errorf("no test has the region %q", name)
}

// region is the text between "// region: name" and "// end", one tab less
// indented.
func region(source, name string) string {
	_, text, _ := strings.Cut(source, "\t// region: "+name+"\n")
	text, _, _ = strings.Cut(text, "\t// end\n")
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n\t", "\n"), "\n")
}
