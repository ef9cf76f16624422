package gormbind_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	sqlite "github.com/gormbind/gormbind/internal/sqlitedb" // the blocks of the documents open SQLite so
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
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

// sameAsRegion holds that a block is a region of this file, word for word.
func sameAsRegion(t *testing.T, page, language string, nth int, name string) {
	t.Helper()
	source, err := os.ReadFile("blocks_test.go")
	must(t, err)
	if got, want := block(t, page, language, nth), region(string(source), name); got != want {
		t.Errorf("block %d of %s is\n%s\nwant the region %q of blocks_test.go:\n%s", nth, page, got, name, want)
	}
}

type (
	blockUser  = models.User
	blockEntry = models.LogEntry
)

// twoFiles is a handle over main.db and analytics.db, with their tables.
func twoFiles(t *testing.T, parameters string) (*gorm.DB, map[string]string) {
	t.Helper()
	files := tempFiles(t, "main", "analytics")
	db := openPlain(t, files["main"]+parameters)
	plugin := bindkey.New(bindkey.Models(&blockUser{}, &blockEntry{})).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(files["analytics"])}})
	must(t, db.Use(plugin))
	t.Cleanup(func() { _ = plugin.Close() })
	must(t, db.AutoMigrate(&blockUser{}, &blockEntry{}))
	return db, files
}

// TestTransactionsPage runs the examples of docs/transactions.md.
func TestTransactionsPage(t *testing.T) {
	sameAsRegion(t, "docs/transactions.md", "go", 0, "transaction")
	sameAsRegion(t, "docs/transactions.md", "go", 1, "partial commit")
	db, files := twoFiles(t, "?_foreign_keys=on")
	user, entry := blockUser{Name: "ada"}, blockEntry{Event: "joined"}

	// region: transaction
	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&user).Error; err != nil { // BEGIN in main, INSERT in main
			return err
		}
		return tx.Create(&entry).Error // BEGIN in analytics, INSERT in analytics
	}) // a check in both; COMMIT in analytics, COMMIT in main
	// end
	must(t, err)
	if got := rows(t, files["main"], "SELECT name FROM users") + rows(t, files["analytics"], "SELECT event FROM logs"); got != "adajoined" {
		t.Errorf("the rows are %s", got)
	}

	// A constraint that main checks only at COMMIT.
	must(t, db.Exec("CREATE TABLE badges (user_id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)").Error)
	err = db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(tx.Create(&blockEntry{}).Error, tx.Exec("INSERT INTO badges VALUES (7)").Error)
	})
	var said strings.Builder
	log.SetOutput(&said)
	defer log.SetOutput(os.Stderr)
	// region: partial commit
	var partial *bindkey.PartialCommitError
	if errors.As(err, &partial) {
		log.Printf("committed: %v, failed: %s (unknown: %v), rolled back: %v",
			partial.Committed, partial.Failed, partial.Unknown, partial.RolledBack)
	}
	// end
	if !strings.HasSuffix(said.String(), "committed: [analytics], failed: main (unknown: false), rolled back: []\n") {
		t.Errorf("it logs %s", said.String())
	}
}

// TestCrossBindPage runs the example of docs/cross-bind.md, on a connection that has
// the other database attached.
func TestCrossBindPage(t *testing.T) {
	sameAsRegion(t, "docs/cross-bind.md", "go", 0, "instead")
	sameAsRegion(t, "docs/cross-bind.md", "go", 1, "attached")
	db, files := twoFiles(t, "")
	must(t, db.Create(&[]blockUser{{Name: "ada", Logs: []blockEntry{{Event: "joined"}}}, {Name: "grace"}}).Error)
	pool, err := db.DB()
	must(t, err)
	pool.SetMaxOpenConns(1) // ATTACH is of one connection
	must(t, db.Clauses(bindkey.Use("main")).Exec("ATTACH ? AS analytics", files["analytics"]).Error)
	type (
		User     = blockUser
		LogEntry = blockEntry
	)
	check := func(err error) { t.Helper(); must(t, err) }
	var users []User
	var ids []uint
	var events []string

	// region: instead
	err = db.Joins("JOIN logs ON logs.user_id = users.id").Find(&users).Error // refused
	refused := errors.Is(err, bindkey.ErrCrossBind)                           // true

	check(db.Preload("Logs").Find(&users).Error)                         // main, then analytics
	check(db.Model(&LogEntry{}).Distinct().Pluck("user_id", &ids).Error) // analytics
	check(db.Where("id IN ?", ids).Preload("Logs").Find(&users).Error)   // main, then analytics
	// end
	if !refused || len(users) != 1 || len(users[0].Logs) != 1 {
		t.Errorf("refused %v (%v), then found %+v", refused, err, users)
	}

	// region: attached
	join := "JOIN analytics.logs ON logs.user_id = users.id"
	check(db.Clauses(bindkey.AllowCrossBind).Joins(join).Find(&users).Error)
	check(db.Clauses(bindkey.AllowCrossBind, bindkey.Use("main")).Raw("SELECT event FROM users " + join).Scan(&events).Error)
	// end
	if len(users) != 1 || fmt.Sprint(events) != "[joined]" {
		t.Errorf("found %+v and %q", users, events)
	}
}

// TestOwnResolver installs as docs/routing.md shows.
func TestOwnResolver(t *testing.T) {
	sameAsRegion(t, "docs/routing.md", "go", 1, "own resolver")
	files := tempFiles(t, "main", "analytics")
	db := openPlain(t, files["main"])
	check := func(err error) { t.Helper(); must(t, err) }
	// region: own resolver
	resolver := dbresolver.Register(dbresolver.Config{
		Sources: []gorm.Dialector{sqlite.Open(files["analytics"])},
	}, "analytics")
	check(db.Use(resolver))      // first
	check(db.Use(bindkey.New())) // then
	// end
	must(t, db.AutoMigrate(&blockUser{}, &blockEntry{}))
	holds(t, files, "main", "users")
	holds(t, files, "analytics", "logs")
}
