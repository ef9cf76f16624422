package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	lab "github.com/gormbind/gormbind/internal/benchlab"
)

// TestSmoke runs everything once, and looks at all that the program writes.
func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	svg, page := filepath.Join(dir, "chart.svg"), filepath.Join(dir, "page.md")
	section := func(name, text string) string {
		return "<!-- begin: " + name + " -->\n" + text + "<!-- end: " + name + " -->\n"
	}
	begin := "before\n" + section("the result", "old\n") + "between\n" + section("integration/benchmarks", "\n### PostgreSQL\n\n") + section("docs/benchmarks", "old\n") + "after\n"
	if err := os.WriteFile(page, []byte(begin), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if status := program.Run([]string{"-smoke", "-dir", dir, "-svg", svg, "-page", page}, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d\n%s", status, stderr.String())
	}
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	filled := string(content)
	if strings.Contains(filled, "old") || !strings.HasPrefix(filled, "before\n") || !strings.HasSuffix(filled, "after\n") ||
		!strings.Contains(filled, section("integration/benchmarks", "\n### PostgreSQL\n\n")) {
		t.Errorf("the page is\n%s", filled)
	}
	for _, w := range allWork() {
		for what, text := range map[string]string{"output": stdout.String(), "page": filled} {
			if !strings.Contains(text, w.Name) || !strings.Contains(text, w.Group) {
				t.Errorf("the %s does not have %s: %s", what, w.Group, w.Name)
			}
		}
	}
	isXML(t, svg)
	if left, err := filepath.Glob(filepath.Join(dir, "gormbind-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func isXML(t *testing.T, name string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for decoder := xml.NewDecoder(file); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the chart is no XML: %v", err)
		}
	}
}

// TestProfile writes a profile, and reads it as the page says.
func TestProfile(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "cpu.prof")
	var stdout, stderr bytes.Buffer
	if status := program.Run([]string{"-run", "^SQLite/First$", "-time", "300ms", "-cpuprofile", profile}, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d\n%s", status, stderr.String())
	}
	out, err := exec.Command("go", "tool", "pprof", "-tagfocus", "by=bindkey", "-top", "-cum", profile).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "flat%") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDatabases holds that all contenders ask the database that they should.
func TestDatabases(t *testing.T) { program.CheckDatabases(t) }

// TestPage: the result at the page's top is that of the tables on it.
func TestPage(t *testing.T) {
	content, err := os.ReadFile("../benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := lab.Summarize(string(content))
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != want {
		t.Errorf("docs/benchmarks.md should be\n%s", want[:strings.Index(want, "\n## ")])
	}
}

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		args   []string
		status int
	}{
		{[]string{"-h"}, 0},
		{[]string{"-run", "("}, 2},
		{[]string{"-nothing"}, 2},
		{[]string{"more"}, 2},
		{[]string{"-sittings", "0"}, 2},
		{[]string{"-run", "DryRun", "-page", "a page that would lose the rest"}, 2},
		{[]string{"-profile", "-cpuprofile", "cpu.prof"}, 2},
		{[]string{"-dir", "no such folder"}, 1},
		{[]string{"-smoke", "-run", "DryRun/First$", "-markdown"}, 0},
		{[]string{"-smoke", "-page", "no such page"}, 1},
		{[]string{"-smoke", "-run", "DryRun/First$", "-svg", "no such folder/chart.svg"}, 1},
	} {
		var stdout, stderr bytes.Buffer
		if status := program.Run(test.args, &stdout, &stderr); status != test.status {
			t.Errorf("%q: status %d\n%s", test.args, status, stderr.String())
		}
	}
}
