package testkit

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An Outcome is a row of the table of outcomes in docs/transactions.md: what becomes of
// a transaction in a case.
type Outcome struct {
	Case    string
	Outcome string // begins with what AfterCommit and AfterRollback say: committed, rolled back, unknown
	Says    []string
	Test    string // that proves it
}

// Outcomes are the rows of the table, which follows this heading.
func Outcomes(t testing.TB) (rows []Outcome) {
	t.Helper()
	text := readUp(t, "docs", "transactions.md")
	_, table, found := strings.Cut(text, "\n| case | outcome | the error says | proof |\n")
	if !found {
		t.Fatal("docs/transactions.md has no table of outcomes")
	}
	for _, line := range strings.Split(table, "\n")[1:] {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 4 {
			t.Fatalf("the table of outcomes has the row %q", line)
		}
		row := Outcome{Case: cells[0], Outcome: cells[1], Test: strings.Trim(cells[3], "`")}
		for _, phrase := range phrases.FindAllStringSubmatch(cells[2], -1) {
			row.Says = append(row.Says, phrase[1])
		}
		rows = append(rows, row)
	}
	return rows
}

var phrases = regexp.MustCompile("`([^`]+)`")

// CheckOutcome compares what a transaction came to with the row of a case: its error, and
// what the functions that waited for the outcome say.
func CheckOutcome(t testing.TB, about string, err error, committed, rolledBack int) {
	t.Helper()
	for _, row := range Outcomes(t) {
		if row.Case != about {
			continue
		}
		if test, _, _ := strings.Cut(t.Name(), "/"); test != row.Test {
			t.Errorf("%s: the table says that %s proves it, not %s", about, row.Test, test)
		}
		told := map[[2]int]string{{1, 0}: "committed", {0, 1}: "rolled back", {0, 0}: "unknown"}[[2]int{committed, rolledBack}]
		if told == "" || !strings.HasPrefix(row.Outcome, told) {
			t.Errorf("%s: %d AfterCommit and %d AfterRollback functions ran, and the table says %q", about, committed, rolledBack, row.Outcome)
		}
		if (err == nil) != (len(row.Says) == 0) {
			t.Errorf("%s: the error is %v, and the table says %q", about, err, row.Says)
		}
		for _, phrase := range row.Says {
			if err != nil && !strings.Contains(err.Error(), phrase) {
				t.Errorf("%s: %v does not say %q, as the table does", about, err, phrase)
			}
		}
		return
	}
	t.Errorf("the table of outcomes has no case %q", about)
}

// readUp reads a file of the repository, from wherever in it a test runs.
func readUp(t testing.TB, path ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
		if err == nil {
			return string(text)
		}
		if filepath.Dir(dir) == dir {
			t.Fatal(err)
		}
		dir = filepath.Dir(dir)
	}
}
