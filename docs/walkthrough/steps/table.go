package steps

import (
	"database/sql"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"
)

// tables reads back what the databases hold, one table of output for each of
// theirs.
func (s *story) tables() ([]table, error) {
	var all []table
	for _, database := range s.shown {
		names, err := ownTables(database.plain)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			held, err := readTable(database.plain, name)
			if err != nil {
				return nil, err
			}
			held.title = database.title + ": " + name
			all = append(all, held)
		}
		if len(names) == 0 {
			all = append(all, table{title: database.title + ": no tables"})
		}
	}
	return all, nil
}

// ownTables are the names of a database's tables, sorted.
func ownTables(db *gorm.DB) ([]string, error) {
	all, err := db.Migrator().GetTables()
	if err != nil {
		return nil, err
	}
	var own []string
	for _, name := range all {
		if !strings.HasPrefix(name, "sqlite_") { // SQLite's own
			own = append(own, name)
		}
	}
	sort.Strings(own)
	return own, nil
}

// readTable reads a table's rows in the order of their ids, without the column
// created_at, which differs from run to run.
func readTable(plain *gorm.DB, name string) (table, error) {
	rows, err := plain.Table(name).Order("id").Rows()
	if err != nil {
		return table{}, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return table{}, err
	}
	held := table{}
	kept := make([]bool, len(columns))
	for i, column := range columns {
		if kept[i] = column != "created_at"; kept[i] {
			held.columns = append(held.columns, column)
		}
	}
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return table{}, err
		}
		var cells []string
		for i, value := range values {
			switch {
			case !kept[i]:
			case !value.Valid:
				cells = append(cells, "NULL")
			default:
				cells = append(cells, value.String)
			}
		}
		held.add(cells...)
	}
	return held, rows.Err()
}

// A table is printed with aligned columns, numbers to the right.
type table struct {
	title   string
	columns []string // none: only the title is printed
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t table) String() string { return beside([]table{t}) }

func (t table) lines() []string {
	var lines []string
	if t.title != "" {
		lines = append(lines, t.title)
	}
	if len(t.columns) == 0 {
		return lines
	}
	widths := make([]int, len(t.columns))
	numbers := make([]bool, len(t.columns))
	rules := make([]string, len(t.columns))
	for i, column := range t.columns {
		widths[i], numbers[i] = utf8.RuneCountInString(column), len(t.rows) > 0
		for _, row := range t.rows {
			if width := utf8.RuneCountInString(row[i]); width > widths[i] {
				widths[i] = width
			}
			if _, err := strconv.ParseInt(row[i], 10, 64); err != nil {
				numbers[i] = false
			}
		}
		rules[i] = strings.Repeat("─", widths[i])
	}
	line := func(cells []string) string {
		padded := make([]string, len(cells))
		for i, cell := range cells {
			padded[i] = pad(cell, widths[i], numbers[i])
		}
		return strings.Join(padded, "  ")
	}
	lines = append(lines, line(t.columns), line(rules))
	for _, row := range t.rows {
		lines = append(lines, line(row))
	}
	if len(t.rows) == 0 {
		lines = append(lines, "(no rows)")
	}
	return lines
}

// beside prints tables next to each other.
func beside(tables []table) string {
	var (
		blocks  [][]string
		widths  []int
		highest int
		out     strings.Builder
	)
	for _, t := range tables {
		lines, width := t.lines(), 0
		for _, line := range lines {
			if w := utf8.RuneCountInString(line); w > width {
				width = w
			}
		}
		if len(lines) > highest {
			highest = len(lines)
		}
		blocks, widths = append(blocks, lines), append(widths, width)
	}
	for i := 0; i < highest; i++ {
		var line strings.Builder
		for j, block := range blocks {
			cell := ""
			if i < len(block) {
				cell = block[i]
			}
			line.WriteString(pad(cell, widths[j], false) + "    ")
		}
		fmt.Fprintln(&out, strings.TrimRight(line.String(), " "))
	}
	return out.String()
}

func pad(text string, width int, right bool) string {
	gap := strings.Repeat(" ", width-utf8.RuneCountInString(text))
	if right {
		return gap + text
	}
	return text + gap
}
