package migrations

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The code and SQL of docs/migrations.md are this package's: a region of a Go
// file, a whole SQL file, or what an example prints; and each region is shown.
func TestDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/migrations.md")
	must(t, err)
	wanted := map[string]string{} // text → where it is from
	regions := map[string]bool{}
	for _, pattern := range []string{"*.go", "*/*.sql"} {
		names, err := filepath.Glob(pattern)
		must(t, err)
		for _, name := range names {
			source, err := os.ReadFile(name)
			must(t, err)
			if strings.HasSuffix(name, ".sql") {
				wanted["sql "+string(source)] = name
				continue
			}
			for _, found := range regionPattern.FindAllStringSubmatch(string(source), -1) {
				text := "go " + dedent(found[2])
				wanted[text], regions[text] = name, true
			}
			for _, found := range outputPattern.FindAllStringSubmatch(string(source), -1) {
				text := "text " + commentPattern.ReplaceAllString(found[1], "")
				wanted[text], regions[text] = name, true
			}
		}
	}
	shown := 0
	for _, block := range blockPattern.FindAllStringSubmatch(string(document), -1) {
		shown++
		text := block[1] + " " + block[2]
		if _, ok := wanted[text]; !ok {
			t.Errorf("docs/migrations.md shows what is not in this package:\n%s", block[0])
		}
		delete(regions, text)
	}
	for text := range regions {
		t.Errorf("docs/migrations.md does not show this, of %s:\n%s", wanted[text], text)
	}
	if shown == 0 {
		t.Error("docs/migrations.md shows nothing")
	}
}

var (
	regionPattern  = regexp.MustCompile(`(?s)\n\t*// region (\w+)\n(.*?)\n\t*// endregion\n`)
	outputPattern  = regexp.MustCompile(`\n\t// Output:\n((?:\t//.*\n)+)`)
	commentPattern = regexp.MustCompile(`(?m)^\t// ?`)
	blockPattern   = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")
)

// dedent takes the first line's tabs off all lines.
func dedent(code string) string {
	code = "\n" + strings.Trim(code, "\n") + "\n"
	tabs := code[1 : len(code)-len(strings.TrimLeft(code[1:], "\t"))]
	return strings.ReplaceAll(code, "\n"+tabs, "\n")[1:]
}
