package main_test

import (
	"bufio"
	"os/exec"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/internal/testkit"
)

// On a terminal it draws a bar of tenants, above what it has found, and elsewhere none.
func TestPingOnTerminal(t *testing.T) {
	w := newTenantWorld(t, customers+"  region: {url: \"sqlite:///customer_{tenant}.db\"}\n", "acme")
	shown, terminal := testkit.Terminal(t)
	run := exec.Command(command, "ping", "-config", "binds.yaml", "-tenants", "acme,globex", "-at-once", "1")
	var table strings.Builder
	run.Dir, run.Stdout, run.Stderr = w.dir, &table, terminal
	_ = run.Run()
	_ = terminal.Close() // so that reading ends
	if run.ProcessState.ExitCode() != 1 || strings.Contains(table.String(), "tenants") {
		t.Errorf("status %d:\n%s", run.ProcessState.ExitCode(), table.String())
	}
	lines := bufio.NewReader(shown)
	for _, want := range []string{
		"\r\x1b[K[############............] 1 of 2 tenants: acme\r\x1b[K2 of 2 tenants, 1 failed\r\n",
		`gormbind ping: config: binds.yaml:3: url (bind "customer", tenant "globex"`,
		`gormbind ping: config: binds.yaml:4: url (bind "region", tenant "globex"`,
		"gormbind ping: 2 of 5 databases do not answer\r\n",
	} {
		if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("%q (%v), want %q", line, err, want)
		}
	}
	if _, out := w.ping("-tenants acme,globex", 1); strings.Contains(out, "of 2 tenants") {
		t.Errorf("a pipe has a bar:\n%s", out)
	}
}
