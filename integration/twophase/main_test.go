package main

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/integration/servers"
)

// TestMain is also what coordinators and recoverers are: the tests' own program.
func TestMain(m *testing.M) {
	if role := os.Getenv(childVariable); role != "" {
		if err := child(role); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	servers.Main(m)
}

// All databases agree after each crash, and what callers were told is true.
func TestCrashes(t *testing.T) {
	servers.MariaDB.Need(t)
	servers.NeedPreparing(t)
	crashes := 60 // or as many as GORMBIND_CRASHES says
	if n, err := strconv.Atoi(os.Getenv("GORMBIND_CRASHES")); err == nil {
		crashes = n
	}
	var out bytes.Buffer
	err := run(&out, crashes, 1, false, worlds)
	t.Logf("\n%s", &out)
	if err != nil {
		t.Error(err)
	}
}

// The same crashes find what is wrong where branches are committed one after the other:
// or else they would prove nothing.
func TestCrashesFindPartialCommits(t *testing.T) {
	servers.MariaDB.Need(t)
	servers.NeedPreparing(t)
	var out bytes.Buffer
	if err := run(&out, 60, 1, true, worlds[:1]); err == nil || !strings.Contains(err.Error(), "is only in") {
		t.Errorf("%v\n%s", err, &out)
	}
}

// The page shows what the program prints of one crash.
func TestDemo(t *testing.T) {
	servers.MariaDB.Need(t)
	servers.NeedPreparing(t)
	want := block(t, "docs/two-phase.md", "console", 0)
	var out bytes.Buffer
	must(t, demo(&out))
	if got := "$ cd integration && go run ./twophase -demo\n" + out.String(); got != want {
		t.Errorf("it prints\n%s\nand the page has\n%s", got, want)
	}
}

func block(t *testing.T, page, language string, nth int) string {
	t.Helper()
	text, err := os.ReadFile("../../" + page)
	must(t, err)
	found := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	return found[nth][1]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
