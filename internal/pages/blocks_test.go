package pages_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A shown is a code block of a page: fenced, or indented by four blanks.
type shown struct {
	mark, language, text string
	nth                  int // among the page's blocks of this language
}

// shownIn finds all blocks of a page. Diagrams are neither code nor commands.
func shownIn(t *testing.T, page string) (found []shown) {
	t.Helper()
	text, err := os.ReadFile(page)
	must(t, err)
	fenced := regexp.MustCompile("(?ms)^(?:(<!-- [^\n]* -->)\n)? *```(\\w*)\n(.*?)^ *```$")
	nth := map[string]int{}
	for _, match := range fenced.FindAllStringSubmatch(string(text), -1) {
		if language := match[2]; language != "mermaid" {
			found = append(found, shown{match[1], language, match[3], nth[language]})
			nth[language]++
		}
	}
	prose := fenced.ReplaceAllString(string(text), "")
	for i, match := range regexp.MustCompile(`(?m)(?:^|\n)\n((?:    \S.*\n)+)`).FindAllStringSubmatch(prose, -1) {
		found = append(found, shown{"", "indented", match[1], i})
	}
	return found
}

// first is the line that names a block in this file.
func (s shown) first() string {
	line, _, _ := strings.Cut(strings.TrimSpace(s.text), "\n")
	return line
}

// run are the pages whose blocks are all run or made by one test. It tells those that
// the test leaves out.
var run = map[string]func(shown) bool{
	// docs/page_test.go: a file, a command, or a command with its output.
	"docs/tutorial.md":         ran,
	"docs/tutorial.ru.md":      ran,
	"docs/from-dbresolver.md":  ran,
	"docs/from-two-handles.md": ran,
	"docs/from-sqlalchemy.md":  ran,
	"docs/tenants.md":          ran,
	// The same; Go without a mark is a part of a file, and what stands indented is below.
	"docs/testing.md": func(s shown) bool { return s.language == "go" || s.language == "console" },
	// docs/walkthrough/page_test.go, TestPage: what the program has and prints.
	"docs/walkthrough.md": func(s shown) bool {
		return strings.HasPrefix(s.mark, "<!-- code: ") || strings.HasPrefix(s.mark, "<!-- output: ") || strings.HasPrefix(s.mark, "<!-- diagram: ")
	},
	// integration/migrations, TestDocument: every fenced block.
	"docs/migrations.md": func(s shown) bool { return s.language != "indented" },
	// cmd/gormbind, TestDocument: it writes the file, and runs each command.
	"docs/command.md": func(s shown) bool { return s.language == "console" || s.language == "yaml" },
	// TestLanguages: the code is that of README.md.
	"README.ru.md": func(shown) bool { return true },
}

// ran also takes lines that are repeated from what is run: docs/page_test.go's
// TestRepeated holds them against it.
func ran(s shown) bool {
	return strings.HasPrefix(s.mark, "<!-- file: ") || s.language == "sh" || s.language == "console" || s.language == "indented"
}

// elsewhere are the blocks that are proved in another way: "page: first line", the
// file that does it, and what stands there.
var elsewhere = map[string][2]string{
	"README.md: go run ./docs/walkthrough":                 {".ci/run", "go run ./docs/walkthrough"},
	"CONTRIBUTING.md: go run ./docs/walkthrough":           {".ci/run", "go run ./docs/walkthrough"},
	"docs/compatibility.md: .ci/compat":                    {".ci/run", "\t.ci/compat\n"},
	"CONTRIBUTING.md: .ci/release v0.1.0":                  {".ci/run", "\t.ci/release -rehearse\n"},
	"CONTRIBUTING.md: git push":                            {".ci/release", "git push origin %s"},
	"CONTRIBUTING.md: cd integration":                      {".ci/run", "\"$work/soak\" -seed 1 -for "},
	"docs/transactions.md: cd integration":                 {".ci/run", "\"$work/soak\" -seed 1 -for "},
	"docs/benchmarks.md: go run ./docs/benchmarks":         {".ci/run", "go run ./docs/benchmarks -smoke"},
	"docs/walkthrough.md: go run ./docs/walkthrough":       {".ci/run", "go run ./docs/walkthrough"},
	"docs/walkthrough.md: cd integration":                  {".ci/run", "go run ./walkthrough "},
	"docs/benchmarks.md: go run ./docs/benchmarks -run":    {"docs/benchmarks/main_test.go", `"pprof", "-tagfocus", "by=bindkey"`},
	"docs/command.md: go install -C cmd/gormbind .":        {"cmd/gormbind/document_test.go", "go install -C cmd/gormbind ."},
	"docs/command.md: go vet -vettool=":                    {"cmd/gormbind/main_test.go", "-vettool="},
	"docs/configuration.md: binds:":                        {"config/document_test.go", "```yaml"},
	"docs/configuration.md: two_phase:":                    {"config/file_test.go", "two_phase: {app: "},
	"docs/configuration.md: MAIN_DB_URL=":                  {"config/document_test.go", "([A-Z_]+)="},
	"docs/configuration.md: config: ANALYTICS_DB_MAX_OPEN": {"config/document_test.go", `"ANALYTICS_DB_MAX_OPEN_CONNS", "many"`},
	"docs/testing.md: func openOnPostgreSQL":               {"integration/bindtest_test.go", "func TestKitDocument("},
	"docs/observability.md: // Package metrics":            {"docs/metrics/metrics_test.go", "```go\\n\"+string(program)"},
	"docs/migrations.md: main/00001_users.sql":             {"integration/migrations/main/00001_users.sql", "CREATE TABLE users"},
}

// inTest reports whether a block stands in a file of tests, word for word but for its
// indentation: Go as code, and text as what an example prints.
func inTest(s shown, tests []string) bool {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(s.text), "\n") {
		if line = strings.TrimSpace(line); s.language == "text" {
			line = strings.TrimSpace("// " + line)
		}
		lines = append(lines, line)
	}
	for _, test := range tests {
		if strings.Contains(test, "\n"+strings.Join(lines, "\n")+"\n") {
			return s.language == "go" || s.language == "text"
		}
	}
	return false
}

// TestEveryBlock holds that no code and no command stands in a page without something
// that runs it: a test that has it (inTest) or reads it (block), a page that is run whole
// (run), or one of those above (elsewhere).
func TestEveryBlock(t *testing.T) {
	read, tests := map[string]bool{}, testFiles(t)
	for _, test := range tests {
		for _, call := range regexp.MustCompile(`\b(?:block|sameAsRegion)\(t, "([^"]+)", "(\w+)", (\d+)`).FindAllStringSubmatch(test, -1) {
			read[strings.Join(call[1:], " ")] = true
		}
	}
	used, sum := map[string]bool{}, 0
	for _, page := range append(documents(t), "CONTRIBUTING.md", "SECURITY.md") {
		for _, s := range shownIn(t, page) {
			sum++
			if whole := run[page]; whole != nil && whole(s) || read[page+" "+s.language+" "+strconv.Itoa(s.nth)] || inTest(s, tests) {
				continue
			}
			where := ""
			for name := range elsewhere { // the longest says it best
				if strings.HasPrefix(page+": "+s.first(), name) && len(name) > len(where) {
					where = name
				}
			}
			if used[where] = true; where == "" {
				t.Errorf("%s shows this, which nothing runs: hang it into a test, as %s says\n%s", page, "CONTRIBUTING.md", s.text)
			}
		}
	}
	for name, proof := range elsewhere {
		if text, err := os.ReadFile(proof[0]); err != nil || !strings.Contains(string(text), proof[1]) {
			t.Errorf("%q is not proved by %s any more, which lacks %q: %v", name, proof[0], proof[1], err)
		}
		if !used[name] {
			t.Errorf("no page shows %q", name)
		}
	}
	if sum < 100 {
		t.Errorf("only %d blocks: the test does not read the pages right", sum)
	}
}

// testFiles are the repository's files of tests, without indentation.
func testFiles(t *testing.T) (texts []string) {
	t.Helper()
	must(t, filepath.Walk(".", func(path string, info os.FileInfo, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		texts = append(texts, regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(string(text), ""))
		return err
	}))
	return texts
}
