package bindtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"gorm.io/gorm"
)

// A State is what all tables of all binds hold: lines of text, sorted by bind, table and
// row.
type State struct {
	tables []table
}

type table struct {
	name string // "main: users", "customer/acme: orders"
	rows []string
}

// String is the state as it stands in a golden file.
func (s State) String() string {
	var text strings.Builder
	for _, t := range s.tables {
		text.WriteString(t.name + "\n")
		for _, row := range t.rows {
			text.WriteString("  " + row + "\n")
		}
	}
	return text.String()
}

// Look is what all tables of all binds hold now, for a later [Same]. It is read as
// [Rows] reads. Columns that are named in except are left out: "created_at" in all tables, or
// "logs.created_at" in one. On PostgreSQL, tables of other schemas than the current one are
// read, too, and called "audit.logs". A column that no table has fails the test.
func Look(t TB, db *gorm.DB, except ...string) State {
	t.Helper()
	k := kitOf(t, db, "Look")
	if k == nil || !k.hold(t, "Look") {
		return State{}
	}
	return k.look(t, db, "Look", except)
}

// Same fails the test unless all tables of all binds hold what they held before, and
// says which rows have come and gone. except is what it was for that [Look].
//
//	before := bindtest.Look(t, db)
//	…
//	bindtest.Same(t, db, before)
func Same(t TB, db *gorm.DB, before State, except ...string) {
	t.Helper()
	k := kitOf(t, db, "Same")
	if k == nil || !k.hold(t, "Same") {
		return
	}
	if difference := compare(before, k.look(t, db, "Same", except)); difference != "" {
		t.Errorf("bindtest: the databases hold something else (- gone, + new):\n%s", difference)
	}
}

// UpdateVariable is the environment variable that has [SameAsFile] write its files:
// BINDTEST_UPDATE=1 go test ./...
const UpdateVariable = "BINDTEST_UPDATE"

// SameAsFile is [Same] for a golden file, such as "testdata/sign-up.golden". With
// BINDTEST_UPDATE=1 in the environment it writes the file instead, and says so in the
// log. Columns that differ from run to run belong into except; or give the handle a NowFunc
// ([Config]).
func SameAsFile(t TB, db *gorm.DB, path string, except ...string) {
	t.Helper()
	k := kitOf(t, db, "SameAsFile")
	if k == nil || !k.hold(t, "SameAsFile") {
		return
	}
	now := k.look(t, db, "SameAsFile", except)
	if os.Getenv(UpdateVariable) == "1" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatalf("bindtest: SameAsFile: %v", err)
		}
		if err := os.WriteFile(path, []byte(now.String()), 0o644); err != nil {
			t.Fatalf("bindtest: SameAsFile: %v", err)
		}
		t.Logf("bindtest: %s is written", path)
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("bindtest: SameAsFile: %v; run the test with %s=1 to write it", err, UpdateVariable)
		return
	}
	if difference := compare(parseState(string(text)), now); difference != "" {
		t.Errorf("bindtest: the databases hold something else than %s (- in the file, + in the databases; %s=1 writes it anew):\n%s", path, UpdateVariable, difference)
	}
}

func parseState(text string) (s State) {
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		row, isRow := strings.CutPrefix(line, "  ")
		switch {
		case isRow && len(s.tables) > 0:
			last := &s.tables[len(s.tables)-1]
			last.rows = append(last.rows, row)
		case line != "":
			s.tables = append(s.tables, table{name: line})
		}
	}
	return s
}

func (k *kit) look(t TB, db *gorm.DB, what string, except []string) (s State) {
	t.Helper()
	left := &exceptions{names: except, used: map[string]bool{}}
	for _, key := range k.names() {
		tables, err := readTables(k.binds[key], db, left)
		if err != nil {
			t.Fatalf("bindtest: reading the tables of bind %q: %v", key, err)
			return State{}
		}
		s.tables = append(s.tables, tables...)
	}
	for _, name := range except {
		if !left.used[name] {
			t.Errorf("bindtest: %s leaves out the column %q, which no table has (known: %s)", what, name, strings.Join(left.columnsLike(name), ", "))
		}
	}
	return s
}

// exceptions are the columns that a state leaves out.
type exceptions struct {
	names []string
	used  map[string]bool
	all   []string // columns that there are: "logs.event"
}

// leaveOut reports which columns of a table are left out.
func (e *exceptions) leaveOut(table string, columns []string) []bool {
	out := make([]bool, len(columns))
	for i, column := range columns {
		full := table + "." + column
		e.all = append(e.all, full)
		for _, name := range e.names {
			if name == column || name == full {
				out[i], e.used[name] = true, true
			}
		}
	}
	return out
}

// columnsLike are the columns of the table that a name says, or all.
func (e *exceptions) columnsLike(name string) (like []string) {
	table, _, _ := strings.Cut(name, ".")
	for _, full := range e.all {
		if strings.HasPrefix(full, table+".") {
			like = append(like, full)
		}
	}
	if len(like) == 0 {
		return e.all
	}
	return like
}

func readTables(b *bind, db *gorm.DB, left *exceptions) (tables []table, err error) {
	plain, err := b.open(db)
	if err != nil {
		return nil, err
	}
	names, err := tableNames(plain)
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	for _, name := range names {
		rows, err := readTable(plain, name, left)
		if err != nil {
			return nil, err
		}
		tables = append(tables, table{b.String() + ": " + name, rows})
	}
	return tables, nil
}

func readTable(plain *gorm.DB, name string, left *exceptions) (lines []string, err error) {
	rows, err := plain.Table(name).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	named, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	out := left.leaveOut(name, named)
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		var parts []string
		for i, column := range columns {
			if !out[i] {
				parts = append(parts, column.Name()+"="+valueText(values[i], column.DatabaseTypeName()))
			}
		}
		lines = append(lines, strings.Join(parts, " "))
	}
	sort.Strings(lines)
	return lines, rows.Err()
}

// numbers are in the names of types whose values MySQL's driver gives as bytes.
var numbers = regexp.MustCompile("INT|DECIMAL|NUMERIC|FLOAT|DOUBLE|REAL|YEAR")

// valueText is a value as it reads in every dialect: drivers give texts as bytes, too.
func valueText(value any, typeName string) string {
	switch value := value.(type) {
	case nil:
		return "NULL"
	case []byte:
		if numbers.MatchString(typeName) {
			return string(value)
		}
		return fmt.Sprintf("%q", value)
	case string:
		return fmt.Sprintf("%q", value)
	case time.Time:
		return value.UTC().Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(value)
	}
}

// compare lists the rows that only one of two states has, by table: nothing more is
// needed to read what differs, since a state is lists of rows without an order.
func compare(before, now State) string {
	names := map[string][2][]string{}
	for i, s := range []State{before, now} {
		for _, t := range s.tables {
			both := names[t.name]
			both[i] = append(append([]string{}, both[i]...), t.rows...) // a file may name it twice
			sort.Strings(both[i])                                       // a golden file may have been edited
			names[t.name] = both
		}
	}
	var sorted []string
	for name := range names {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	var text strings.Builder
	for _, name := range sorted {
		lines := differences(names[name][0], names[name][1])
		heading := name
		switch {
		case names[name][0] == nil:
			heading += " (a new table)"
		case names[name][1] == nil:
			heading += " (the table is gone)"
		case len(lines) == 0:
			continue
		}
		text.WriteString(heading + "\n")
		for _, line := range lines {
			text.WriteString("  " + line + "\n")
		}
	}
	return text.String()
}

// differences merges two sorted lists, and keeps what only one of them has. Lines of
// one first column, which is most often the primary key, are next to each other, the old
// one first.
func differences(before, now []string) (lines []string) {
	for len(before) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(before) > 0 && before[0] < now[0]:
			lines, before = append(lines, "- "+before[0]), before[1:]
		case len(before) == 0 || now[0] < before[0]:
			lines, now = append(lines, "+ "+now[0]), now[1:]
		default:
			before, now = before[1:], now[1:]
		}
	}
	sort.SliceStable(lines, func(i, j int) bool {
		one, _, _ := strings.Cut(lines[i][2:], " ")
		other, _, _ := strings.Cut(lines[j][2:], " ")
		if one == other {
			return lines[i][0] == '-' && lines[j][0] == '+'
		}
		return one < other
	})
	return lines
}
