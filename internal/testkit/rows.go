package testkit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Tables reads all tables of a SQLite database: by name, their rows as a text
// to compare, which does not tell in which order they are stored.
func Tables(db *sql.DB) (tables map[string]string, err error) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	err = conn.Raw(func(raw any) error {
		tables, err = TablesOf(raw.(driver.QueryerContext))
		return err
	})
	return tables, err
}

// TablesOf is [Tables] for a connection of the driver.
func TablesOf(conn driver.QueryerContext) (map[string]string, error) {
	tables := map[string]string{}
	err := query(conn, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
		func(_ []string, values []driver.Value) { tables[fmt.Sprint(values[0])] = "" })
	for name := range tables {
		var lines []string
		err = errors.Join(err, query(conn, `SELECT * FROM "`+strings.ReplaceAll(name, `"`, `""`)+`"`, func(columns []string, values []driver.Value) {
			var line strings.Builder
			for i, column := range columns {
				fmt.Fprintf(&line, "%s: %T(%#v) ", column, values[i], values[i])
			}
			lines = append(lines, line.String())
		}))
		sort.Strings(lines)
		tables[name] = strings.Join(lines, "\n")
	}
	return tables, err
}

func query(conn driver.QueryerContext, sql string, row func(columns []string, values []driver.Value)) error {
	rows, err := conn.QueryContext(context.Background(), sql, nil)
	if err != nil {
		return err
	}
	columns := rows.Columns()
	values := make([]driver.Value, len(columns))
	for err = rows.Next(values); err == nil; err = rows.Next(values) {
		row(columns, values)
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// Query is what a query returns, in one line: "1 ada, 2 grace".
func Query(db *sql.DB, query string) (string, error) {
	found, err := db.Query(query)
	if err != nil {
		return "", err
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		return "", err
	}
	var lines []string
	for found.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(string)
		}
		if err := found.Scan(values...); err != nil {
			return "", err
		}
		for i := range values {
			values[i] = *values[i].(*string)
		}
		lines = append(lines, strings.TrimSuffix(fmt.Sprintln(values...), "\n"))
	}
	return strings.Join(lines, ", "), found.Err()
}
