package gormbind_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// TestQuickStart runs the program of README.md, word for word, in a
// module of its own, and compares what it prints and where its rows are.
func TestQuickStart(t *testing.T) {
	program := block(t, "README.md", "go", 0)
	repository, err := os.Getwd()
	must(t, err)
	mod, err := os.ReadFile("go.mod")
	must(t, err)
	sum, err := os.ReadFile("go.sum")
	must(t, err)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.go": program,
		"go.sum":  string(sum),
		"go.mod": strings.Replace(string(mod), "module github.com/gormbind/gormbind", "module example", 1) +
			"\nrequire github.com/gormbind/gormbind v0.0.0\nreplace github.com/gormbind/gormbind => " + strconv.Quote(repository) + "\n",
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	run := exec.Command("go", "run", ".")
	run.Dir = dir
	run.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	var told strings.Builder
	run.Stderr = &told
	printed, err := run.Output()
	printed = slowSQL.ReplaceAll(printed, nil)
	if want := block(t, "README.md", "text", 0); string(printed) != want || err != nil {
		t.Fatalf("the program of README.md prints\n%s%s%v; want\n%s", printed, told.String(), err, want)
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
}

// slowSQL is what GORM's default logger prints on a machine that is busy.
var slowSQL = regexp.MustCompile(`\r\n[^\n]*SLOW SQL >= [^\n]*\n[^\n]*\n`)

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

// TestQuickStartWithReplica runs the example of docs/routing.md, word for word, over a replica with rows of its own that show when it answers.
func TestQuickStartWithReplica(t *testing.T) {
	source, err := os.ReadFile("documents_test.go")
	must(t, err)
	if block(t, "docs/routing.md", "go", 0) != region(string(source), "replica") {
		t.Error("the first Go block of docs/routing.md is not the region \"replica\" of documents_test.go")
	}

	dir := t.TempDir()
	before, err := os.Getwd()
	must(t, err)
	must(t, os.Chdir(dir))
	t.Cleanup(func() { _ = os.Chdir(before) })
	replica := openPlain(t, "replica.db")
	must(t, replica.AutoMigrate(&models.LogEntry{}))
	must(t, replica.Create(&[]models.LogEntry{{UserID: 1, Event: "seen by the replica"}, {UserID: 1}, {UserID: 1}}).Error)
	db := openPlain(t, "main.db")

	type (
		User     = models.User
		LogEntry = models.LogEntry
	)
	check := func(err error) { t.Helper(); must(t, err) }
	ada := User{Name: "ada", Logs: []LogEntry{{Event: "joined"}}}
	var user User
	var logs []LogEntry
	var replicaCount, count int64

	// region: replica
	plugin := bindkey.New(bindkey.Models(&User{}, &LogEntry{})).
		Register("analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{sqlite.Open("analytics.db")},
			Replicas: []gorm.Dialector{sqlite.Open("replica.db")},
		})
	check(db.Use(plugin))

	check(db.AutoMigrate(&User{}, &LogEntry{}))                                    // main, source of analytics
	check(db.Create(&ada).Error)                                                   // main, source of analytics
	check(db.Preload("Logs").First(&user).Error)                                   // main, replica of analytics
	check(db.Raw("SELECT count(*) FROM logs").Scan(&replicaCount).Error)           // replica of analytics
	check(db.Exec("UPDATE logs SET event = ? WHERE id = ?", "signed up", 1).Error) // source of analytics
	check(db.Clauses(dbresolver.Write).Find(&logs).Error)                          // source of analytics
	check(db.Clauses(bindkey.Use("analytics")).Raw("SELECT 1").Scan(&count).Error) // replica of analytics, says Use
	// end
	t.Cleanup(func() { _ = plugin.Close() })
	if len(user.Logs) != 3 || user.Logs[0].Event != "seen by the replica" || replicaCount != 3 || count != 1 {
		t.Errorf("the replica did not answer: %+v, %d, %d", user, replicaCount, count)
	}
	must(t, db.Transaction(func(tx *gorm.DB) error {
		grace := User{Name: "grace"}
		if err := tx.Create(&grace).Error; err != nil { // main
			return err
		}
		if err := tx.Create(&LogEntry{UserID: grace.ID}).Error; err != nil { // source of analytics
			return err
		}
		return tx.Model(&LogEntry{}).Count(&count).Error // source of analytics, as all in a transaction
	}))
	if len(logs) != 1 || logs[0].Event != "signed up" || count != 2 {
		t.Errorf("the source did not answer: %+v, %d", logs, count)
	}
	files := map[string]string{"main": "main.db", "analytics": "analytics.db"}
	holds(t, files, "main", "users")
	holds(t, files, "analytics", "logs")
	if got := rows(t, "main.db", "SELECT name FROM users ORDER BY id"); got != "ada, grace" {
		t.Errorf("main has %s", got)
	}
	if got := rows(t, "analytics.db", "SELECT event FROM logs ORDER BY id"); got != "signed up, " {
		t.Errorf("analytics has %s", got)
	}
	if got := rows(t, "replica.db", "SELECT count(*) FROM logs"); got != "3" {
		t.Errorf("the replica has %s rows", got)
	}
}

// TestLimitsPage runs the example of docs/limits.md, word for word.
func TestLimitsPage(t *testing.T) {
	source, err := os.ReadFile("documents_test.go")
	must(t, err)
	if block(t, "docs/limits.md", "go", 0) != region(string(source), "limits") {
		t.Error("the first Go block of docs/limits.md is not the region \"limits\" of documents_test.go")
	}
	type (
		User     = models.User
		LogEntry = models.LogEntry
	)
	files := tempFiles(t, "main", "analytics")
	db := openPlain(t, files["main"])
	plugin := bindkey.New(bindkey.Models(&User{}, &LogEntry{})).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(files["analytics"])}})
	must(t, db.Use(plugin))
	t.Cleanup(func() { _ = plugin.Close() })
	must(t, db.AutoMigrate(&User{}, &LogEntry{}))
	must(t, db.Create(&[]User{{Name: "ada", Logs: []LogEntry{{Event: "joined"}}}, {Name: "grace"}}).Error)
	check := func(err error) { t.Helper(); must(t, err) }
	var users []User

	// region: limits
	joined := db.Model(&LogEntry{}).Select("user_id").Where("event = ?", "joined")
	err = db.Where("id IN (?)", joined).Find(&users).Error // an error: the subquery is in analytics
	refused := errors.Is(err, bindkey.ErrCrossBind)        // true, and no database was asked

	var ids []uint
	check(joined.Find(&ids).Error)                     // analytics
	check(db.Where("id IN ?", ids).Find(&users).Error) // main
	// end
	if !refused || len(users) != 1 || users[0].Name != "ada" {
		t.Errorf("refused %v (%v), then found %+v", refused, err, users)
	}
}

// TestLanguages compares README.md with README.ru.md: code, links and tables are
// the same, so that a change to one page reaches the other. A link may lead to a
// page's translation.
func TestLanguages(t *testing.T) {
	var pages [2]map[string][]string
	for i, document := range []string{"README.md", "README.ru.md"} {
		text, err := os.ReadFile(document)
		must(t, err)
		page := map[string][]string{"code": regexp.MustCompile("(?s)```.*?```").FindAllString(string(text), -1)}
		prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(text), "")
		for _, target := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(prose, -1) {
			page["links"] = append(page["links"], strings.Replace(target[1], ".ru.md", ".md", 1))
		}
		for _, line := range strings.Split(prose, "\n") {
			if marks := regexp.MustCompile(`^#+ |\|`).FindAllString(line, -1); marks != nil {
				page["headings and tables"] = append(page["headings and tables"], strings.Join(marks, ""))
			}
		}
		for _, kind := range []string{"code", "links", "headings and tables"} {
			if len(page[kind]) < 5 {
				t.Fatalf("%s has only %d of %s: the test does not read it right", document, len(page[kind]), kind)
			}
		}
		pages[i] = page
	}
	for kind, english := range pages[0] {
		if russian := pages[1][kind]; !reflect.DeepEqual(english, russian) {
			t.Errorf("%s of README.md and README.ru.md differ:\n%q\n%q", kind, english, russian)
		}
	}
}

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

// TestPictureFile holds that docs/picture.svg is XML that loads nothing: GitHub shows
// an image without what it would load.
func TestPictureFile(t *testing.T) {
	file, err := os.Open("docs/picture.svg")
	must(t, err)
	defer file.Close()
	words := 0
	for decoder := xml.NewDecoder(file); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if element.Name.Local == "text" {
			words++
		}
		for _, attribute := range element.Attr {
			if attribute.Name.Local == "href" || strings.Contains(attribute.Value, "url(") {
				t.Errorf("<%s> loads %s", element.Name.Local, attribute.Value)
			}
		}
	}
	if words == 0 {
		t.Error("the picture has no text")
	}
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

// region is the text between "// region: name" and "// end", one tab less
// indented.
func region(source, name string) string {
	_, text, _ := strings.Cut(source, "\t// region: "+name+"\n")
	text, _, _ = strings.Cut(text, "\t// end\n")
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n\t", "\n"), "\n")
}
