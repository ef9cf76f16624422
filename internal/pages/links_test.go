package pages_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsNameTests holds the tests and files that the documents name
// against the repository.
func TestDocumentsNameTests(t *testing.T) {
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Example)\w*)\(`)
	must(t, filepath.Walk(".", func(path string, info os.FileInfo, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, name := range declared.FindAllStringSubmatch(string(source), -1) {
			tests[name[1]] = true
		}
		return err
	}))
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		must(t, err)
		own := map[string]bool{} // of the program that the page makes
		for _, name := range declared.FindAllStringSubmatch(string(text), -1) {
			own[name[1]] = true
		}
		for _, name := range regexp.MustCompile(`\b(?:Test|Example)[A-Z_]\w*`).FindAllString(string(text), -1) {
			if !tests[name] && !own[name] {
				t.Errorf("%s names %s, which is no test", document, name)
			}
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, link[1], err)
			}
		}
		for _, file := range regexp.MustCompile("`((?:plugin/bindkey/)?[a-z_]+\\.go)`").FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(string(text), "<!-- file: "+file[1]+" -->") {
				continue // of the program that the page makes
			}
			found := false
			for _, dir := range []string{"plugin/bindkey", "plugin/bindtest", "plugin/bindtest/internal/onetx", "internal/testkit"} {
				_, err := os.Stat(filepath.Join(dir, filepath.Base(file[1])))
				found = found || err == nil
			}
			if !found {
				t.Errorf("%s names %s, which is nowhere", document, file[1])
			}
		}
	}
}

// TestAnchors follows the links to headings. (TestDocumentsNameTests follows those
// to files.)
func TestAnchors(t *testing.T) {
	followed := 0
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		must(t, err)
		for _, link := range regexp.MustCompile(`\]\(([^)#:]*)#([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
			target := document
			if link[1] != "" {
				target = filepath.Join(filepath.Dir(document), link[1])
			}
			page, err := os.ReadFile(target)
			must(t, err)
			if followed++; !anchors(string(page))[link[2]] {
				t.Errorf("%s links to %s#%s, which is no heading", document, target, link[2])
			}
		}
	}
	if followed == 0 {
		t.Error("no link to a heading was found")
	}
}

// anchors are a page's headings as GitHub names them in links.
func anchors(page string) map[string]bool {
	names := map[string]bool{}
	page = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(page, "")
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		names[strings.ReplaceAll(name, " ", "-")] = true
	}
	return names
}

// TestIndex holds that docs/README.md leads to every page of docs.
func TestIndex(t *testing.T) {
	index, err := os.ReadFile("docs/README.md")
	must(t, err)
	for _, document := range documents(t) {
		page, err := filepath.Rel("docs", document)
		must(t, err)
		if page != "README.md" && page != "../README.ru.md" && !strings.HasSuffix(page, ".ru.md") && !strings.Contains(string(index), "]("+page) {
			t.Errorf("docs/README.md does not link to %s", page)
		}
	}
}
