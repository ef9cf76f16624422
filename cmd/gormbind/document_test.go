package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// command is the path of the built command.
var command string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "gormbind-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		command = filepath.Join(dir, "gormbind")
		if out, err := exec.Command("go", "build", "-o", command, ".").CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

// shell runs a line of the documentation, with the command in PATH. Its paths are
// as they are shown: from the folder where it runs.
func shell(t *testing.T, dir, line string) (out string, status int) {
	t.Helper()
	run := exec.Command("sh", "-c", line)
	run.Dir = dir
	run.Env = append(os.Environ(), "PATH="+filepath.Dir(command)+string(os.PathListSeparator)+os.Getenv("PATH"))
	text, err := run.CombinedOutput()
	if run.ProcessState == nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), absolute+string(filepath.Separator), ""), run.ProcessState.ExitCode()
}

var block = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// TestDocument runs each command of docs/command.md, and holds what it prints
// against the page.
func TestDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/command.md")
	if err != nil {
		t.Fatal(err)
	}
	databases := t.TempDir()
	for _, name := range []string{"main.db", "analytics.db", "customer_acme.db", "customer_globex.db"} {
		write(t, filepath.Join(databases, name), "")
	}
	commands := 0
	for _, found := range block.FindAllStringSubmatch(string(page), -1) {
		switch kind, text := found[1], found[2]; kind {
		case "yaml":
			write(t, filepath.Join(databases, "binds.yaml"), text)
		case "console":
			commands++
			line, want, _ := strings.Cut(strings.TrimPrefix(text, "$ "), "\n")
			dir := "testdata"
			if strings.Contains(line, "gormbind ping") {
				dir = databases
			}
			if got, _ := shell(t, dir, line); lines(got) != lines(want) {
				t.Errorf("%s prints\n%s", line, got)
			}
		}
	}
	if commands < 8 {
		t.Errorf("the page has only %d commands", commands)
	}
	for _, line := range []string{"go install -C cmd/gormbind .\n", "go vet -vettool=$(which gormbind) ./...\n"} {
		if !strings.Contains(string(page), "```sh\n"+line) {
			t.Errorf("the page does not show %s", line) // TestVetTool and TestMain run them
		}
	}
}

var duration = regexp.MustCompile(`\b[\d.]+(?:ms|µs|s)(\s|$)`)

// lines are those of a text without padding and durations, sorted: the checks of
// gormbind vet run side by side.
func lines(text string) string {
	var all []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		all = append(all, duration.ReplaceAllString(strings.Join(strings.Fields(line), " "), "TIME$1"))
	}
	sort.Strings(all)
	return strings.Join(all, "\n")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
