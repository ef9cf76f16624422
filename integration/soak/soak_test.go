package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gormbind/gormbind/integration/servers"
)

// The test's own program is the one that is killed.
func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		fmt.Fprintln(os.Stderr, victim())
		os.Exit(1)
	}
	servers.Main(m)
}

// TestSoak runs for a few seconds, or as long as GORMBIND_SOAK says.
func TestSoak(t *testing.T) {
	for _, server := range servers.All() {
		server.Need(t)
	}
	length := 5 * time.Second
	if text := os.Getenv("GORMBIND_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	var told strings.Builder
	r := &run{seed: 1, bound: defaultBound, stories: 1, out: &told}
	err := r.lasting(length)
	t.Log(told.String())
	if err != nil {
		t.Error(err)
	}
}

func TestKill9(t *testing.T) {
	for _, server := range servers.All() {
		server.Need(t)
	}
	if err := kill9(io.Discard, 1, 3, false); err != nil {
		t.Error(err)
	}
}

// In two phases, databases never disagree once recovery has run.
func TestKill9InTwoPhases(t *testing.T) {
	servers.MariaDB.Need(t)
	servers.NeedPreparing(t)
	if err := kill9(io.Discard, 1, 10, true); err != nil {
		t.Error(err)
	}
}
