package pages_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	sqlite "github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/testkit"
)

// TestQuickStart runs the program of README.md, word for word, with its commands, in
// a module of its own, and compares what it prints and where its rows are.
func TestQuickStart(t *testing.T) {
	if !sqlite.Cgo {
		t.Skip("the program of README.md needs a C compiler, for gorm.io/driver/sqlite")
	}
	program := block(t, "README.md", "go", 0)
	repository, err := os.Getwd()
	must(t, err)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	proxy, err := testkit.GoProxy()
	must(t, err)
	var told strings.Builder
	command := func(line string) string {
		run := exec.Command("sh", "-c", line)
		run.Dir = dir
		run.Env = append(os.Environ(), "GOFLAGS=-mod=mod", proxy, "GOSUMDB=off", "GOWORK=off")
		run.Stderr = &told
		printed, err := run.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, told.String())
		}
		return string(printed)
	}
	var printed string
	for _, line := range strings.Split(strings.TrimSpace(block(t, "README.md", "sh", 1)), "\n") {
		printed = slowSQL.ReplaceAllString(command(line), "")
		if strings.HasPrefix(line, "go mod init ") {
			command("go mod edit -replace github.com/gormbind/gormbind='" + repository + "'") // this version of it
			command(block(t, "README.md", "sh", 0))
		}
	}
	if want := block(t, "README.md", "text", 0); printed != want {
		t.Fatalf("the program of README.md prints\n%s%s; want\n%s", printed, told.String(), want)
	}
	files := map[string]string{"main": filepath.Join(dir, "main.db"), "analytics": filepath.Join(dir, "analytics.db")}
	holds(t, files, "main", "users")
	holds(t, files, "analytics", "logs")
	if got := rows(t, files["main"], "SELECT id, name FROM users ORDER BY id"); got != "1 ada, 2 grace" {
		t.Errorf("main has %s", got)
	}
	if got := rows(t, files["analytics"], "SELECT user_id, event FROM logs ORDER BY id"); got != "1 signed up, 2 joined" {
		t.Errorf("analytics has %s", got)
	}

	// The same with the log, as the page says.
	for of, to := range map[string]string{"bindkey.New(": "bindkey.New(bindkey.LogBinds(), ", "db.Preload(": "db.Debug().Preload("} {
		if strings.Count(program, of) != 1 {
			t.Fatalf("the program of README.md has not one %s", of)
		}
		program = strings.Replace(program, of, to, 1)
	}
	for _, file := range files {
		must(t, os.Remove(file))
	}
	must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	printed = command("go run .")
	var logged strings.Builder
	for _, line := range strings.Split(colours.ReplaceAllString(printed, ""), "\n") {
		if strings.HasPrefix(line, "[") {
			logged.WriteString(line + "\n")
		}
	}
	took := regexp.MustCompile(`(?m)^\[[0-9.]+ms\]`)
	if got, want := took.ReplaceAllString(logged.String(), ""), took.ReplaceAllString(block(t, "README.md", "text", 1), ""); got != want {
		t.Errorf("the log of README.md's program is\n%s\nwant\n%s", got, want)
	}
}

// slowSQL is what GORM's default logger prints on a machine that is busy.
var slowSQL = regexp.MustCompile(`\r\n[^\n]*SLOW SQL >= [^\n]*\n[^\n]*\n`)

var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)
