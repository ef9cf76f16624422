// Package docs_test builds and runs the programs of the pages in this folder.
//
// A page is run from top to bottom, in an empty folder. These blocks count:
//
//	<!-- file: main.go -->   and a block: a file with this text
//	```sh                    commands, one a line
//	```console               "$ " and a command, and what it prints; how long something
//	                         took does not count
//
// All Go on such a page is in files, or shows a part of one.
package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/testkit"
)

// A block is a code block of a page.
type block struct {
	file     string // of the mark before it, or ""
	language string
	text     string
}

var blockPattern = regexp.MustCompile("(?ms)^(?:<!-- file: (\\S+) -->\n)?```(\\w*)\n(.*?)^```$")

func blocks(t *testing.T, page string) (found []block) {
	t.Helper()
	text, err := os.ReadFile(page)
	must(t, err)
	for _, match := range blockPattern.FindAllStringSubmatch(string(text), -1) {
		found = append(found, block{match[1], match[2], match[3]})
	}
	if marks := strings.Count(string(text), "```"); marks != 2*len(found) {
		t.Fatalf("%s has %d fences, and %d blocks that can be read", page, marks, len(found))
	}
	return found
}

// A folder is where the program of a page comes to be.
type folder struct {
	t          *testing.T
	dir        string
	repository string
	proxy      string
}

// runPage makes the files of a page and runs its commands, in the order of the page.
func runPage(t *testing.T, page string) {
	t.Helper()
	t.Parallel()
	if !sqlitedb.Cgo {
		t.Skipf("the programs of %s need a C compiler, for gorm.io/driver/sqlite", page)
	}
	repository, err := filepath.Abs("..")
	must(t, err)
	proxy, err := testkit.GoProxy()
	must(t, err)
	f := &folder{t, t.TempDir(), repository, proxy}
	all := blocks(t, page)
	tidied := all[0].language == "sh" // the page itself begins with an empty folder
	if !tidied {
		f.run("go mod init example.com/program")
		f.run("go get github.com/gormbind/gormbind")
	}
	ran, loose := 0, []string{}
	for _, b := range all {
		switch {
		case b.file != "":
			f.write(b.file, b.text)
		case b.language == "sh":
			for _, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
				f.run(line)
			}
		case b.language == "console" && strings.HasPrefix(b.text, "$ python3 ") && f.lacksFlask():
			t.Logf("the Python of %s does not run: there is no Flask-SQLAlchemy", page)
		case b.language == "console":
			line, want, _ := strings.Cut(strings.TrimPrefix(b.text, "$ "), "\n")
			if !tidied && strings.HasPrefix(line, "go ") {
				f.run("go mod tidy")
				tidied = true
			}
			if got := f.shell(line); untimed(got) != untimed(want) {
				t.Fatalf("%s: %s prints\n%s\nwant\n%s", page, line, got, want)
			}
			ran++
		case b.language == "go":
			loose = append(loose, b.text)
		}
	}
	if ran == 0 {
		t.Errorf("%s runs nothing", page)
	}
	for _, text := range loose {
		if !f.holds(text) {
			t.Errorf("%s has Go that no file has:\n%s", page, text)
		}
	}
	f.vet()
}

// untimed is what go test prints, without the time that it took.
func untimed(output string) string { return durations.ReplaceAllString(output, "0.00s") }

var durations = regexp.MustCompile(`\b\d+\.\d+s\b`)

func (f *folder) lacksFlask() bool {
	return f.command("python3 -c 'import flask_sqlalchemy'").Run() != nil
}

// run is shell for a command that must succeed. gormbind comes from this
// repository, and cd is remembered.
func (f *folder) run(line string) {
	f.t.Helper()
	if to, ok := strings.CutPrefix(line, "cd "); ok {
		f.dir = filepath.Join(f.dir, to)
		return
	}
	if strings.HasPrefix(line, "go get github.com/gormbind/gormbind") {
		f.run("go mod edit -replace github.com/gormbind/gormbind='" + f.repository + "'")
	}
	if out, err := f.command(line).CombinedOutput(); err != nil {
		f.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// shell is what a command prints, on both of its outputs.
func (f *folder) shell(line string) string {
	out, err := f.command(line).CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		f.t.Fatal(err)
	}
	return string(out)
}

// command runs where nothing of this machine's environment has a say, except for where
// modules come from. Most of its time is linking, which is shorter without what debuggers
// read; and f.vet vets once, in the place of each go test.
func (f *folder) command(line string) *exec.Cmd {
	command := exec.Command("sh", "-c", line)
	command.Dir = f.dir
	command.Env = append(os.Environ(), "GOFLAGS=-ldflags=-w -vet=off", f.proxy, "GOSUMDB=off", "GOWORK=off", "GOTOOLCHAIN=local")
	return command
}

func (f *folder) write(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	must(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(f.t, os.WriteFile(path, []byte(text), 0o600))
}

// holds reports whether some file of the program has a text.
func (f *folder) holds(text string) (found bool) {
	f.t.Helper()
	names, err := filepath.Glob(filepath.Join(f.dir, "*.go"))
	must(f.t, err)
	for _, name := range names {
		source, err := os.ReadFile(name)
		must(f.t, err)
		found = found || strings.Contains(string(source), text)
	}
	return found
}

// vet holds the files to what readers would copy: formatted, and without a
// finding of go vet.
func (f *folder) vet() {
	f.t.Helper()
	if out := f.shell("gofmt -l ."); out != "" {
		f.t.Errorf("not formatted: %s", out)
	}
	f.run("go vet ./...")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTutorial builds the tutorial's program from an empty folder.
func TestTutorial(t *testing.T) { runPage(t, "tutorial.md") }

// TestTestingPage builds the program of the page on tests, and runs its tests.
func TestTestingPage(t *testing.T) { runPage(t, "testing.md") }

// TestTutorialInRussian holds the code of both languages together.
func TestTutorialInRussian(t *testing.T) {
	english, russian := blocks(t, "tutorial.md"), blocks(t, "tutorial.ru.md")
	for i := 0; i < len(english) || i < len(russian); i++ {
		if i >= len(english) || i >= len(russian) || english[i] != russian[i] {
			t.Fatalf("tutorial.md and tutorial.ru.md differ in block %d:\n%s\n---\n%s", i+1, at(english, i), at(russian, i))
		}
	}
}

func at(all []block, i int) string {
	if i >= len(all) {
		return "(no more blocks)"
	}
	return fmt.Sprintf("%s %s\n%s", all[i].file, all[i].language, all[i].text)
}

// TestComingFrom runs the programs that move to the plugin, before and after. Each is
// built several times, so that a sample has the shortest page alone.
func TestComingFrom(t *testing.T) {
	pages := []string{"from-sqlalchemy.md", "from-two-handles.md", "from-dbresolver.md"}
	if !testkit.Full() {
		pages = pages[:1]
	}
	for _, page := range pages {
		t.Run(page, func(t *testing.T) { runPage(t, page) })
	}
}

// TestRepeated holds that the lines that a page shows in advance, indented, are in its
// programs and what these print.
func TestRepeated(t *testing.T) {
	indented := regexp.MustCompile(`(?m)^    (\S.*)$`)
	for page, want := range map[string]int{"tutorial.md": 8, "tutorial.ru.md": 8, "from-dbresolver.md": 5, "from-two-handles.md": 0, "from-sqlalchemy.md": 0} {
		text, err := os.ReadFile(page)
		must(t, err)
		var run strings.Builder
		for _, b := range blocks(t, page) {
			run.WriteString(b.text)
		}
		lines := indented.FindAllStringSubmatch(blockPattern.ReplaceAllString(string(text), ""), -1)
		for _, line := range lines {
			code, _, _ := strings.Cut(line[1], " //")
			if !strings.Contains(run.String(), strings.TrimSpace(code)) {
				t.Errorf("%s shows %q, and no program of the page has it", page, line[1])
			}
		}
		if len(lines) != want {
			t.Errorf("%s repeats %d lines, not %d", page, len(lines), want)
		}
	}
}

// TestTenantsPage builds the server of tenants.md, and runs its test.
func TestTenantsPage(t *testing.T) { runPage(t, "tenants.md") }

var linkPattern = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// TestLinks looks for the files that the pages link to.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	must(t, err)
	for _, page := range append(pages, "../CONTRIBUTING.md", "../SECURITY.md") {
		text, err := os.ReadFile(page)
		must(t, err)
		for _, link := range linkPattern.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, link[1], err)
			}
		}
	}
}
