package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/docs/walkthrough/steps"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

var update = flag.Bool("update", false, "write the program's code and output into docs/walkthrough.md")

const (
	page = "../walkthrough.md"
	root = "../.."
)

// TestPage fails when docs/walkthrough.md shows other code or output than the
// program's, or leaves some out.
func TestPage(t *testing.T) {
	source := mustSource(t)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want, err := source.regenerate(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if *update && want != string(text) {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("docs/walkthrough.md has drifted from the program; run go test ./docs/walkthrough -update\n%s", firstDifference(string(text), want))
	}

	for number, step := range steps.Steps() {
		if heading := fmt.Sprintf("\n## %d. %s\n", number+1, step.Title); !strings.Contains(want, heading) {
			t.Errorf("docs/walkthrough.md has no heading %q", strings.TrimSpace(heading))
		}
	}
	for _, mark := range source.marks() {
		if !strings.Contains(want, "\n"+mark+"\n") {
			t.Errorf("docs/walkthrough.md does not show %s", mark)
		}
	}
}

// TestPageNoticesDrift changes the page and the program, as a person would.
func TestPageNoticesDrift(t *testing.T) {
	source := mustSource(t)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	right, err := source.regenerate(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct{ of, to string }{
		{"1  ada ", "1  eve "},
		{`Order("id")`, `Order("name")`},
		{"\treturn db.AutoMigrate", "return db.AutoMigrate"},
	} {
		changed := strings.Replace(right, change.of, change.to, 1)
		if changed == right {
			t.Errorf("%q is not on the page", change.of)
			continue
		}
		if got, err := source.regenerate(changed); err != nil || got == changed {
			t.Errorf("%q instead of %q was not noticed: %v", change.to, change.of, err)
		} else if got != right {
			t.Errorf("%q instead of %q was not put right", change.to, change.of)
		}
	}
	for _, wrong := range []string{
		"<!-- code: docs/walkthrough/steps/story.go nothing -->\n```go\n```\n",
		"<!-- code: docs/nothing.go -->\n```go\n```\n",
		"<!-- output: nothing -->\n```text\n```\n",
		"<!-- output: write -->\nno fence\n",
		"<!-- output: write -->\n```text\nno end\n",
		"<!-- outptu: write -->\n```text\n```\n",
	} {
		if _, err := source.regenerate(wrong); err == nil {
			t.Errorf("no error for %q", wrong)
		}
	}
}

// A source is what the page may show.
type source struct {
	outputs map[string]string // step → output
	regions map[string]string // "file region" → code
}

func mustSource(t *testing.T) source {
	t.Helper()
	s := source{outputs: map[string]string{}, regions: map[string]string{}}
	databases, err := files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	err = steps.Run(databases, func(step steps.Step, output string) error {
		s.outputs[step.Name] = output
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"docs/walkthrough/*.go", "docs/walkthrough/steps/*.go", "integration/walkthrough/*.go"} {
		names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := s.readRegions(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(s.regions) == 0 {
		t.Fatal("no region found")
	}
	return s
}

// readRegions finds what stands between "// region name" and "// endregion".
func (s source) readRegions(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	path, err := filepath.Rel(root, name)
	if err != nil {
		return err
	}
	region, code := "", []string(nil)
	for number, line := range strings.Split(string(text), "\n") {
		mark := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(mark, "// region ") && region == "":
			region, code = filepath.ToSlash(path)+" "+strings.TrimPrefix(mark, "// region "), nil
			if _, twice := s.regions[region]; twice {
				return fmt.Errorf("%s:%d: region %s is there twice", path, number+1, region)
			}
		case mark == "// endregion" && region != "":
			s.regions[region], region = dedent(code), ""
		case strings.HasPrefix(mark, "// region ") || mark == "// endregion":
			return fmt.Errorf("%s:%d: regions do not nest", path, number+1)
		case region != "":
			code = append(code, line)
		}
	}
	if region != "" {
		return fmt.Errorf("region %s has no end", region)
	}
	return nil
}

// dedent takes the first line's tabs off all lines.
func dedent(lines []string) string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	text := "\n" + strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	tabs := text[1 : len(text)-len(strings.TrimLeft(text[1:], "\t"))]
	return strings.ReplaceAll(text, "\n"+tabs, "\n")[1:]
}

// marks are the comments of everything that the page must show.
func (s source) marks() []string {
	var marks []string
	for name := range s.outputs {
		marks = append(marks, "<!-- output: "+name+" -->")
	}
	marks = append(marks, "<!-- diagram: map -->")
	for name := range s.regions {
		marks = append(marks, "<!-- code: "+name+" -->")
	}
	return marks
}

func (s source) find(kind, name string) (text, language string, err error) {
	switch kind {
	case "output":
		if text, ok := s.outputs[name]; ok {
			return text, "text", nil
		}
	case "diagram":
		if name == "map" {
			plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})).Register("analytics", dbresolver.Config{})
			return plugin.Map().Mermaid(), "mermaid", nil
		}
	case "code":
		if text, ok := s.regions[name]; ok {
			return text, "go", nil
		}
		if !strings.Contains(name, " ") { // a whole file
			text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			return string(text), "go", err
		}
	}
	return "", "", fmt.Errorf("the program has no %s %q", kind, name)
}

var markPattern = regexp.MustCompile(`^<!-- (\w+): (.+) -->$`)

// regenerate fills the fenced block after each mark.
func (s source) regenerate(text string) (string, error) {
	lines := strings.SplitAfter(text, "\n")
	var out strings.Builder
	for i := 0; i < len(lines); i++ {
		out.WriteString(lines[i])
		mark := markPattern.FindStringSubmatch(strings.TrimSpace(lines[i]))
		if mark == nil {
			continue
		}
		block, language, err := s.find(mark[1], mark[2])
		if err != nil {
			return "", err
		}
		if i++; i == len(lines) || strings.TrimSpace(lines[i]) != "```"+language {
			return "", fmt.Errorf("no ```%s after %s", language, mark[0])
		}
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
		}
		if i == len(lines) {
			return "", fmt.Errorf("no ``` ends the block after %s", mark[0])
		}
		out.WriteString("```" + language + "\n" + block + "```\n")
	}
	return out.String(), nil
}

func firstDifference(got, want string) string {
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range gotLines {
		if i >= len(wantLines) || gotLines[i] != wantLines[i] {
			wanted := "(nothing)"
			if i < len(wantLines) {
				wanted = wantLines[i]
			}
			return fmt.Sprintf("line %d\n  on the page: %s\n  the program: %s", i+1, gotLines[i], wanted)
		}
	}
	return "the page ends too early"
}
