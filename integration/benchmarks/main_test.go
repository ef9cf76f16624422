package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	lab "github.com/gormbind/gormbind/internal/benchlab"

	"github.com/gormbind/gormbind/integration/servers"
)

// TestSmoke runs the work on both servers once, and looks at what the program
// leaves: its tables, and no database. TestDatabases has all the work.
func TestSmoke(t *testing.T) {
	for _, server := range servers.All() {
		server.Need(t)
	}
	var stdout, stderr bytes.Buffer
	if status := program().Run([]string{"-smoke", "-run", "^PostgreSQL and MariaDB/", "-dir", t.TempDir()}, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d\n%s", status, stderr.String())
	}
	for _, w := range twoServers(nil) {
		if !strings.Contains(stdout.String(), w.Name) || !strings.Contains(stdout.String(), w.Group) {
			t.Errorf("the output does not have %s: %s", w.Group, w.Name)
		}
	}
	for server, names := range map[*servers.Server]string{
		servers.PostgreSQL: "pg_database WHERE datname",
		servers.MariaDB:    "information_schema.schemata WHERE schema_name",
	} {
		var left int
		own := fmt.Sprintf("SELECT count(*) FROM %s LIKE 'gormbind\\_%d\\_%%'", names, os.Getpid())
		if err := server.Admin(t).QueryRow(own).Scan(&left); err != nil || left > 0 {
			t.Errorf("%s still has %d databases: %v", server.Name, left, err)
		}
	}
}

// TestDatabases holds that all contenders ask the database that they should.
func TestDatabases(t *testing.T) { program().CheckDatabases(t) }

// TestAbsent: work on a server that does not answer is left out with a message,
// or is a failure where servers are required.
func TestAbsent(t *testing.T) {
	nobody := servers.PostgreSQL.At("host=127.0.0.1 port=1 user=postgres sslmode=disable")
	absent := &place{home: nobody, other: nobody}
	p := lab.Program{Name: "integration/benchmarks", Versions: versions, Work: func() []*lab.Work { return lab.Common("PostgreSQL", absent)[:1] }}
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args     []string
		required bool
		status   int
		says     string
	}{
		{[]string{"-smoke"}, false, 0, "left out: absent: no PostgreSQL answers"},
		{[]string{"-smoke"}, true, 1, "no PostgreSQL answers"},
		{[]string{"-smoke", "-page", page}, false, 1, "no PostgreSQL answers"}, // or the page would lose what it has
	} {
		var stdout, stderr bytes.Buffer
		p.Required = test.required
		if status := p.Run(test.args, &stdout, &stderr); status != test.status || !strings.Contains(stderr.String(), test.says) {
			t.Errorf("%q, required %t: status %d\n%s", test.args, test.required, status, stderr.String())
		}
	}
}

// Benchmark has the work of the program, for benchstat:
//
//	go test ./benchmarks -run '^$' -bench . -count 10 | benchstat -col /by -
func Benchmark(b *testing.B) { program().Benchmark(b) }
