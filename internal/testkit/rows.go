package testkit

import (
	"database/sql"
	"fmt"
	"sort"
	"strings"
)

// Tables reads all tables of a SQLite database: by name, their rows as a text
// to compare, which does not tell in which order they are stored.
func Tables(db *sql.DB) (map[string]string, error) {
	names, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
	if err != nil {
		return nil, err
	}
	defer names.Close()
	tables := map[string]string{}
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			return nil, err
		}
		tables[name] = ""
	}
	if err := names.Err(); err != nil {
		return nil, err
	}
	for name := range tables {
		if tables[name], err = rowsOf(db, name); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

func rowsOf(db *sql.DB, table string) (string, error) {
	rows, err := db.Query(`SELECT * FROM "` + strings.ReplaceAll(table, `"`, `""`) + `"`)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	var lines []string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		var line strings.Builder
		for i, column := range columns {
			fmt.Fprintf(&line, "%s: %T(%#v) ", column, values[i], values[i])
		}
		lines = append(lines, line.String())
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n"), rows.Err()
}
