package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestStatus holds the exit status of each way to end.
func TestStatus(t *testing.T) {
	empty := t.TempDir()
	for line, want := range map[string]struct {
		status int
		text   string
	}{
		"gormbind":                                    {2, "Usage:"},
		"gormbind -h":                                 {0, "gormbind where [flags] [packages]"},
		"gormbind rename":                             {2, `no command "rename"`},
		"gormbind where -h":                           {0, "-tagname tag"},
		"gormbind where -x":                           {2, "-x"},
		"gormbind where ./plain":                      {0, "plain.Event"},
		"gormbind where -C plain":                     {0, "plain.Event"},
		"gormbind where -tagname db ./plain":          {0, "CROSSES\n"},
		"gormbind where ./mistakes":                   {1, "a mistake"},
		"gormbind where ./nowhere":                    {1, "nowhere"},
		"gormbind vet -h":                             {0, "find db in place of tx inside a Transaction"},
		"gormbind vet help bindtx":                    {0, "AfterCommit"},
		"gormbind vet ./plain":                        {0, ""},
		"gormbind vet -bindtx ./mistakes":             {3, "use tx"},
		"gormbind vet -tagname=db ./plain":            {0, ""},
		"gormbind vet -x ./plain":                     {2, "-x"},
		"gormbind vet ./nowhere":                      {1, "nowhere"},
		"cd plain && gormbind vet":                    {0, ""},
		"gormbind ping -h":                            {0, "-timeout duration"},
		"gormbind ping binds.yaml":                    {2, "-config"},
		"gormbind ping -config nowhere.yaml":          {1, "no such file"},
		"cd " + empty + " && gormbind ping":           {1, "there is no such file"},
		"MAIN_DB_URL=sqlite:// gormbind ping -bind x": {1, "X_DB_URL"},
		"gormbind in-doubt -h":                        {0, "touches nothing"},
		"gormbind recover -h":                         {0, "grace period"},
		"gormbind recover":                            {2, "-config"},
		"gormbind in-doubt -config nowhere.yaml":      {1, "no such file"},
		"cd " + empty + " && printf 'binds: {main: {url: sqlite:///a.db}}' > ../x.yaml && gormbind recover -config ../x.yaml":                         {1, "no two_phase"},
		"cd " + empty + " && printf 'two_phase: {app: shop}\nbinds: {main: {url: sqlite:///a.db}}' > ../y.yaml && gormbind recover -config ../y.yaml": {1, "no such file"},
		"MAIN_DB_URL=sqlite:// ANALYTICS_DB_URL=sqlite:// gormbind ping":                                                                              {0, "analytics"},
		"MAIN_DB_URL=postgres://ada:secret@127.0.0.1:1/x ANALYTICS_DB_URL=sqlite:// gormbind ping":                                                    {1, "refused"},
	} {
		out, status := shell(t, "testdata", line)
		if status != want.status || !strings.Contains(out, want.text) || strings.Contains(out, "secret") {
			t.Errorf("%s: status %d, and\n%s", line, status, out)
		}
	}
	if made, err := filepath.Glob(filepath.Join(empty, "*")); err != nil || len(made) > 0 {
		t.Errorf("ping has made %v (%v)", made, err)
	}
}

// TestVetTool runs the checks by go vet, which sees one package at a time, and
// holds what they find against gormbind vet.
func TestVetTool(t *testing.T) {
	alone, _ := shell(t, "testdata", "gormbind vet ./mistakes ./shop ./plain")
	tool, status := shell(t, "testdata", "go vet -vettool=$(which gormbind) ./mistakes ./shop ./plain")
	if status != 1 {
		t.Errorf("go vet has status %d", status)
	}
	var found []string
	for _, line := range strings.Split(tool, "\n") {
		if !strings.HasPrefix(line, "#") {
			found = append(found, strings.TrimPrefix(line, "./"))
		}
	}
	if lines(strings.Join(found, "\n")) != lines(alone) {
		t.Errorf("go vet finds\n%s\nand gormbind vet\n%s", tool, alone)
	}
}
