package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/docs/walkthrough/steps"
	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/sqlitedb/sqliteurl"
)

// TestMain lets the test's executable be the program, for its exit status.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_WALKTHROUGH") != "" {
		main()
	}
	os.Exit(m.Run())
}

// walk runs the program as a process of its own.
func walk(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	command := exec.Command(executable, args...)
	command.Env = append(os.Environ(), "BE_THE_WALKTHROUGH=1", "TMPDIR="+t.TempDir(), "TMP="+t.TempDir())
	command.Stdout, command.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

// rows reads a file back with database/sql.
func rows(t *testing.T, file, query string) []string {
	t.Helper()
	db, err := sql.Open(sqlitedb.DriverName, file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var all []string
	for found.Next() {
		var row string
		if err := found.Scan(&row); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there yet")
	status, out, errs := walk(t, "-dir", dir)
	if status != 0 || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	if !strings.HasSuffix(out, "\nThe files are in "+dir+"\n") {
		t.Errorf("the output does not end with the folder:\n%s", out)
	}

	const tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	const users = "SELECT id || ' ' || name FROM users ORDER BY id"
	const logs = "SELECT id || ' ' || user_id || ' ' || event FROM logs ORDER BY id"
	for _, want := range []struct{ file, query, rows string }{
		{"main.db", tables, "[users]"},
		{"main.db", users, "[1 ada 2 grace 3 mary]"},
		{"analytics.db", tables, "[logs]"},
		{"analytics.db", logs, "[1 1 joined 2 1 signed in 3 2 joined 4 3 joined 5 2 left]"},
		{"replica.db", tables, "[logs]"},
		{"replica.db", logs, "[1 1 joined 2 1 signed in 3 2 joined 4 3 joined]"},
	} {
		if got := fmt.Sprint(rows(t, filepath.Join(dir, want.file), want.query)); got != want.rows {
			t.Errorf("%s: %s, want %s", want.file, got, want.rows)
		}
	}

	status, out, errs = walk(t, "-dir", dir)
	if status != 1 || out != "" || !strings.Contains(errs, "main.db, analytics.db, replica.db exists in "+dir) {
		t.Errorf("over its own files: status %d, %s%s", status, out, errs)
	}
}

func TestTemporaryFolder(t *testing.T) {
	status, out, errs := walk(t)
	if status != 0 || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	_, dir, ok := strings.Cut(strings.TrimSpace(out), "The files are in ")
	if !ok {
		t.Fatalf("no folder in\n%s", out)
	}
	for _, name := range []string{"main.db", "analytics.db", "replica.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if strings.Count(out, dir) != 1 {
		t.Error("the folder is named outside the last line")
	}
}

func TestExitStatus(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"-h"}, 0, "-dir folder"},
		{[]string{"-nothing"}, 2, "-dir folder"},
		{[]string{"somewhere"}, 2, "takes no arguments"},
		{[]string{"-dir", file}, 1, "walkthrough:"},
		{[]string{"-dir", "what?"}, 1, `has a "?"`},
	} {
		status, out, errs := walk(t, test.args...)
		if status != test.status || out != "" || !strings.Contains(errs, test.says) {
			t.Errorf("%q: status %d, want %d, and says\n%s%s", test.args, status, test.status, out, errs)
		}
	}
}

func TestTables(t *testing.T) {
	outputs := mustSource(t).outputs
	for step, want := range map[string]string{
		"migrate": `
main.db: users    analytics.db: logs
id  name          id  user_id  event
──  ────          ──  ───────  ─────
(no rows)         (no rows)
`,
		"write": `
main.db: users    analytics.db: logs
id  name          id  user_id  event
──  ─────         ──  ───────  ───────────
 1  ada            1        1  joined
 2  grace          2        1  first login
                   3        2  joined
`,
		"replica": `
says the replica: joined
says the source:  joined, left

main.db: users    analytics.db: logs        replica.db: logs
id  name          id  user_id  event        id  user_id  event
──  ─────         ──  ───────  ─────────    ──  ───────  ─────────
 1  ada            1        1  joined        1        1  joined
 2  grace          2        1  signed in     2        1  signed in
 3  mary           3        2  joined        3        2  joined
                   4        3  joined        4        3  joined
                   5        2  left
`,
		"transaction": `
nested: on second thought, no
committed: welcome, mary

main.db: users    analytics.db: logs
id  name          id  user_id  event
──  ─────         ──  ───────  ─────────
 1  ada            1        1  joined
 2  grace          2        1  signed in
 3  mary           3        2  joined
                   4        3  joined
`,
	} {
		if got := "\n" + outputs[step]; got != want {
			t.Errorf("step %s prints%s\nwant%s", step, got, want)
		}
	}
	_, after, _ := strings.Cut(outputs["rollback"], "\n\n")
	_, before, _ := strings.Cut(outputs["replica"], "\n\n")
	if after != before {
		t.Errorf("the rollback left\n%s\nwant\n%s", after, before)
	}
}

// The steps are written once over whatever databases they are given.
func TestOtherDatabases(t *testing.T) {
	inMemory := func(title string) steps.Database {
		dialector, err := sqliteurl.Open("sqlite://")
		if err != nil {
			t.Fatal(err)
		}
		return steps.Database{Title: title, Dialector: dialector}
	}
	want := mustSource(t).outputs
	var names []string
	err := steps.Run(steps.Databases{Main: inMemory("main.db"), Analytics: inMemory("analytics.db"), Replica: inMemory("replica.db")},
		func(step steps.Step, output string) error {
			names = append(names, step.Name)
			if output != want[step.Name] {
				t.Errorf("step %s prints\n%s\nwant\n%s", step.Name, output, want[step.Name])
			}
			return nil
		})
	if err != nil || len(names) != len(steps.Steps()) {
		t.Errorf("%v after %s", err, names)
	}
}

func TestStepsStop(t *testing.T) {
	databases, err := files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	enough, reports := errors.New("enough"), 0
	err = steps.Run(databases, func(steps.Step, string) error { reports++; return enough })
	if !errors.Is(err, enough) || reports != 1 {
		t.Errorf("%v after %d reports", err, reports)
	}

	// The rows are in the copy already; the error names the step.
	databases.Replica = databases.Analytics
	err = steps.Run(databases, func(steps.Step, string) error { return nil })
	if err == nil || !strings.HasPrefix(err.Error(), "step replica: ") {
		t.Errorf("%v", err)
	}
}

// Clear drops what a run left, and nothing else.
func TestClear(t *testing.T) {
	dir := t.TempDir()
	databases, err := files(dir)
	if err != nil {
		t.Fatal(err)
	}
	tables := func() string {
		t.Helper()
		var all []string
		for _, name := range []string{"main.db", "analytics.db", "replica.db"} {
			all = append(all, rows(t, filepath.Join(dir, name),
				"SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")...)
		}
		return strings.Join(all, " ")
	}
	change := func(file, query string) {
		t.Helper()
		db, err := sql.Open(sqlitedb.DriverName, filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	all := []steps.Database{databases.Main, databases.Analytics, databases.Replica}
	for turn := 1; turn <= 2; turn++ {
		if err := steps.Run(databases, func(steps.Step, string) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if got := tables(); got != "users logs logs" {
			t.Errorf("the run left %s", got)
		}
		for _, database := range all {
			if err := steps.Clear(database.Dialector); err != nil {
				t.Error(err)
			}
		}
		if got := tables(); got != "" {
			t.Errorf("Clear left %s", got)
		}
	}

	if err := steps.Run(databases, func(steps.Step, string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []struct{ make, undo, says string }{
		{"CREATE TABLE orders (id integer)", "DROP TABLE orders", ": orders;"},
		{"UPDATE users SET name = 'eve' WHERE id = 1", "UPDATE users SET name = 'ada' WHERE id = 1", ": users;"},
		{"ALTER TABLE users ADD COLUMN email text", "ALTER TABLE users DROP COLUMN email", ": users;"},
	} {
		change("main.db", foreign.make)
		before := tables()
		if err := steps.Clear(databases.Main.Dialector); err == nil || !strings.Contains(err.Error(), foreign.says) {
			t.Errorf("after %s: %v", foreign.make, err)
		}
		if after := tables(); after != before {
			t.Errorf("after %s, Clear changed %s to %s", foreign.make, before, after)
		}
		change("main.db", foreign.undo)
	}
	if err := steps.Clear(databases.Main.Dialector); err != nil {
		t.Error(err)
	}
}
