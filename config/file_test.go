package config_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

func TestFile(t *testing.T) {
	text := `
binds:
  reports:
    url: limited://app:${REPORTS_PASSWORD}@db1/reports
    replica_urls:
      - limited://app:${REPORTS_PASSWORD}@db2/reports
      - limited://app:cost$$s$5@db3/reports
    policy: round-robin
    <<: &pool
      max_open_conns: 20
      conn_max_lifetime: 30m
    prepare_stmt: true
  main: {url: "sqlite://", max_open_conns: 5, <<: *pool}
`
	var urls []string
	keep := config.WithDriver(config.Driver{Schemes: []string{"limited"}, Open: keeper(&urls)})
	variables := map[string]string{"REPORTS_PASSWORD": "hunter2", "MAIN_DB_MAX_OPEN_CONNS": "7"}
	c := mustLoad(t, keep, config.Bind("archive", "sqlite://"), env(variables), file(t, text))
	want := "main (sqlite, max_open_conns 7, conn_max_lifetime 30m), archive (sqlite), " +
		"reports (limited, 2 replicas, policy round-robin, max_open_conns 20, conn_max_lifetime 30m, prepare_stmt true)"
	if got := c.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got, want := strings.Join(urls, " "), "limited://app:hunter2@db1/reports limited://app:hunter2@db2/reports limited://app:cost$s$5@db3/reports"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	plugin := bindkey.New()
	mustOpen(t, c, plugin)
	if got := fmt.Sprint(plugin.Keys()); got != "[archive main reports]" {
		t.Error(got)
	}
}

// A list may come from one variable.
func TestReplicasOfOneVariable(t *testing.T) {
	var urls []string
	keep := config.WithDriver(config.Driver{Schemes: []string{"db"}, Open: keeper(&urls)})
	text := "binds: {main: {url: 'sqlite://', replica_urls: '${REPLICAS}'}}"
	c := mustLoad(t, keep, env(map[string]string{"REPLICAS": "db://a,b/main, db://c/main"}), file(t, text))
	if got := fmt.Sprint(urls); got != "[db://a,b/main db://c/main]" || c.String() != "main (sqlite, 2 replicas)" {
		t.Error(got, c)
	}
}

// With a file, nothing goes to a default file in silence.
func TestFileHasNoDefaults(t *testing.T) {
	path := func(err error) string {
		return filepath.Dir(strings.Fields(strings.SplitN(err.Error(), "and ", 2)[1])[0])
	}
	_, err := config.Load(env(nil), file(t, "binds: {reports: {url: 'sqlite://'}}"))
	if err == nil {
		t.Fatal("main has no URL")
	}
	if want := `config: MAIN_DB_URL (bind "main"): it is not set, and ` + path(err) + `/binds.yaml has no url for the bind; give it one (known schemes: sqlite)`; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	c := mustLoad(t, env(map[string]string{"MAIN_DB_URL": "sqlite://"}), file(t, "binds: {reports: {url: 'sqlite://'}}"))
	if got := fmt.Sprint(c.Keys()); got != "[main reports]" {
		t.Error(got)
	}
}

// Each mistake of a file is told with its line, and nothing else of the file.
func TestMistakesOfFiles(t *testing.T) {
	const main = "binds:\n  main:\n    url: sqlite://\n"
	for name, test := range map[string]struct{ text, want string }{
		"two_phase without an app":    {main + "two_phase: {grace: 1m}\n", "\"two_phase\" has no app"},
		"another setting":             {main + "two_phase: {app: shop, hunter2: 1}\n", "the settings are app, decider, grace, every, keep"},
		"a decider that is not there": {main + "two_phase: {app: shop, decider: nowhere}\n", "nowhere"},
		"no duration":                 {main + "two_phase: {app: shop, grace: soon}\n", "grace of \"two_phase\": it must be a duration"},
		"empty":                       {"", "binds.yaml: it is empty"},
		"only a comment":              {"# hunter2\n", "binds.yaml: it is empty"},
		"no YAML":                     {"binds:\n  main: {url: hunter2\n", "binds.yaml: "},
		"a tab":                       {"binds:\n\tmain: hunter2\n", "binds.yaml: line 2: found character that cannot start any token"},
		"an alias that is none":       {main + "    policy: *hunter2\n", "binds.yaml: it is not valid YAML; put values with special characters in quotes"},
		"an indicator":                {main + "    policy: @hunter2\n", "binds.yaml: line 4: found character that cannot start any token"},
		"a tag":                       {main + "    policy: !hunter2!x y\n", "binds.yaml: "},
		"a word":                      {"hunter2", "binds.yaml:1: the file is no list of names"},
		"a list":                      {"- hunter2", "binds.yaml:1: the file is no list of names"},
		"other names":                 {main + "hunter2: 1\n", "binds.yaml:4: the file has nothing but \"binds\" and \"two_phase\" at its left margin"},
		"no binds":                    {"{}", "binds.yaml:1: it has no \"binds\""},
		"binds are a list":            {main[:7] + "- hunter2", "binds.yaml:2: \"binds\" is no list of names"},
		"binds are nothing":           {"binds:\n", "binds.yaml:1: \"binds\" is no list of names"},
		"a bind is a URL":             {main + "  analytics: db://hunter2\n", "binds.yaml:4: bind \"analytics\" is no list of names"},
		"a bind's name is a URL":      {main + "  db://hunter2: {url: x}\n", "binds.yaml:4: a bind key has a character"},
		"a bind's name is empty":      {main + "  '': {url: x}\n", "binds.yaml:4: a bind key has a character"},
		"one variable for two binds":  {main + "  a-b: {url: 'sqlite://'}\n  a_b: {url: 'sqlite://'}\n", "bind keys \"a-b\" and \"a_b\" share the variable A_B_DB_URL"},
		"a name twice":                {main + "    url: db://hunter2\n", "binds.yaml:4: bind \"main\" has a name twice"},
		"a bind twice":                {main + "  main:\n    url: db://hunter2\n", "binds.yaml:4: \"binds\" has a name twice"},
		"an unknown setting":          {main + "    hunter2: 1\n", "binds.yaml:4: bind \"main\" has a setting that is not known; the settings are url, replica_urls, policy,"},
		"a setting that is a list":    {main + "    policy: [hunter2]\n", "binds.yaml:4: policy (bind \"main\"): it is not one value (policy)"},
		"a setting with names":        {main + "    replica_urls:\n      - hunter2: x\n", "binds.yaml:5: replica_urls (bind \"main\"): it is not one value (URLs)"},
		"an empty list":               {main + "    replica_urls: []\n", "replica_urls of bind \"main\" is empty"},
		"nothing":                     {main + "    policy:\n", "binds.yaml:4: policy (bind \"main\"): it is empty"},
		"a number as a switch":        {main + "    read_only: 1\n", "binds.yaml:4: read_only (bind \"main\"): it must be true or false"},
		"a variable that is not set":  {main + "    policy: ${HUNTER}\n", "binds.yaml:4: policy (bind \"main\"): the variable HUNTER is not set, or empty"},
		"two of them":                 {main + "    policy: ${HUNTER}${EMPTY}\n", "the variable HUNTER is not set, or empty, and the variable EMPTY is not set, or empty"},
		"no variable":                 {main + "    policy: ${hunter2\n", "it has \"${\" without the name of a variable and \"}\""},
		"no variable's name":          {main + "    policy: ${hunter 2}\n", "it has \"${\" without the name of a variable and \"}\""},
		"two documents":               {main + "---\nhunter2\n", "binds.yaml: it has more than one document"},
		"a merge of no names":         {main + "    <<: hunter2\n", "binds.yaml:4: bind \"main\" merges what is no list of names"},
		"a merge of a merge":          {"binds:\n  main: &m\n    url: sqlite://\n    <<: &x {policy: hunter2, <<: *x}\n", "binds.yaml:"},
		"a wrong URL":                 {"binds: {main: {url: hunter2}}", "binds.yaml:1: url (bind \"main\"): it has no scheme"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(env(map[string]string{"EMPTY": ""}), file(t, test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error(err)
			}
		})
	}

	_, err := config.Load(env(nil), config.File(filepath.Join(t.TempDir(), "no.yaml")))
	var failed *config.FileError
	if !errors.As(err, &failed) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no.yaml: no such file or directory") {
		t.Errorf("no file: %v", err)
	}
	if _, err := config.Load(env(nil), config.File("")); err == nil || !strings.Contains(err.Error(), "config: option File: the path is empty") {
		t.Errorf("no path: %v", err)
	}
}

// All mistakes of all binds, of the file and of variables, come at once.
func TestAllMistakesOfAFileAtOnce(t *testing.T) {
	option := file(t, `
binds:
  main:
    url: oracle://app:hunter2@db/main
    policy: hunter2
  analytics:
    url: sqlite:///${NOWHERE}
    max_open_conns: many
    max_idle_conns: 1
    pool: 3
`)
	_, err := config.Load(option, config.Bind("archive", ""), env(map[string]string{"ANALYTICS_DB_MAX_IDLE_CONNS": "x"}))
	if err == nil {
		t.Fatal("no error")
	}
	var got []string
	for _, line := range strings.Split(err.Error(), "\n") {
		line = strings.TrimPrefix(line, "config: ")
		if at := strings.Index(line, "binds.yaml:"); at >= 0 && at < strings.Index(line+" ", " ") {
			line = line[at:]
		}
		got = append(got, strings.SplitN(line, "): ", 2)[0])
	}
	want := []string{
		`binds.yaml:7: url (bind "analytics"`,
		`binds.yaml:10: bind "analytics" has a setting that is not known; the settings are url, replica_urls, policy, max_open_conns, max_idle_conns, conn_max_lifetime, conn_max_idle_time, connect_timeout, statement_timeout, lock_timeout, read_only, prepare_stmt, skip_default_transaction, tenant_limit, tenant_wait`,
		`binds.yaml:5: policy (bind "main"`,
		`binds.yaml:4: url (bind "main") with scheme "oracle": its scheme is not known; correct it, import the package config/… for it, or add an opener with config.Schemes (known schemes: sqlite)`,
		`ARCHIVE_DB_URL (bind "archive"`,
		`binds.yaml:8: max_open_conns (bind "analytics"`,
		`ANALYTICS_DB_MAX_IDLE_CONNS (bind "analytics"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What the file says of two phases is the plugin's option, which finds its mistakes.
func TestTwoPhaseInAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "binds.yaml")
	write := func(other string) *config.Config {
		text := "two_phase: {app: \"${NAME}\", grace: 30s, every: never, keep: 2h}\nbinds:\n  main: {url: sqlite:///" + dir + "/main.db}\n  analytics: {url: sqlite:///" + dir + "/" + other + "}\n"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return mustLoad(t, config.File(file), env(map[string]string{"NAME": "shop"}))
	}
	c := write("main.db")
	two, ok := c.TwoPhase()
	if want := (bindkey.TwoPhaseConfig{App: "shop", Grace: 30 * time.Second, Every: -1, Keep: 2 * time.Hour}); !ok || two != want || !strings.Contains(c.String(), "two_phase shop") {
		t.Errorf("%+v, %v, %s", two, ok, c)
	}
	plugin := bindkey.New()
	mustOpen(t, c, plugin)
	if err := plugin.CreateDecisions(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := write("other.db").Open(nil, nil); !errors.Is(err, bindkey.ErrCannotPrepare) {
		t.Errorf("a second file: %v", err)
	}
	if _, ok := mustLoad(t, env(nil)).TwoPhase(); ok {
		t.Error("without a file there are two phases")
	}
}
