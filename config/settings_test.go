package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb/sqliteurl"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// dialects are schemes without limits, db with SQLite's dialect and other with one
// of its own.
func dialects() config.Option {
	return config.Schemes(config.Openers{
		"db":    func(string) (gorm.Dialector, error) { return sqliteurl.Open("sqlite://") },
		"other": func(string) (gorm.Dialector, error) { return otherDialector{}, nil },
	})
}

type otherDialector struct{ gorm.Dialector }

func (otherDialector) Name() string { return "other" }

// limited is a driver that has every limit.
func limited() config.Option {
	return config.WithDriver(config.Driver{
		Schemes: []string{"limited"},
		Open:    func(string) (gorm.Dialector, error) { return sqliteurl.Open("sqlite://") },
		Limit: func(url string, l config.Limits) (string, error) {
			if l.Connect > 0 {
				if _, err := config.WholeSeconds(l.Connect); err != nil {
					return "", err
				}
			}
			return config.AddParameter(url, strings.Trim(fmt.Sprint(l.Connect, l.Statement, l.Lock, l.ReadOnly), "0s"), "x")
		},
	})
}

// settingCases are right and wrong values of each setting, and what is said of a
// wrong one.
var settingCases = []struct {
	name         string
	right, wrong []string
	says         string
}{
	{"replica_urls", []string{"sqlite://", "sqlite:///a,b.db, sqlite:///c.db\nsqlite:///d.db"}, []string{"hunter2", "sqlite://hunter2/x", "sqlite:// oracle://hunter2@db"}, ""},
	{"policy", []string{"random", "round-robin"}, []string{"hunter2", "Random", "round_robin"}, "it must be one of: random, round-robin"},
	{"max_open_conns", []string{"1", "20"}, []string{"0", "-1", "hunter2", "1.5", "1e3", "99999999999999999999"}, "it must be a whole number, 1 or more"},
	{"max_idle_conns", []string{"0", "20"}, []string{"-1", "hunter2", "2.0"}, "it must be a whole number, 0 or more"},
	{"conn_max_lifetime", []string{"30m", "1h30m"}, []string{"0", "0s", "-1s", "30", "hunter2"}, "it must be a duration above 0 with a unit"},
	{"conn_max_idle_time", []string{"5m"}, []string{"0", "5 m", "hunter2"}, "it must be a duration above 0 with a unit"},
	{"connect_timeout", []string{"5s"}, []string{"5", "hunter2", "500ms"}, "it "},
	{"statement_timeout", []string{"30s"}, []string{"-30s", "hunter2"}, "it must be a duration above 0 with a unit"},
	{"lock_timeout", []string{"1s", "500ms"}, []string{"1", "hunter2"}, "it must be a duration above 0 with a unit"},
	{"read_only", []string{"true", "false"}, []string{"yes", "1", "TRUE", "hunter2"}, "it must be true or false"},
	{"prepare_stmt", []string{"true", "false"}, []string{"on", "hunter2"}, "it must be true or false"},
	{"skip_default_transaction", []string{"true", "false"}, []string{"off", "hunter2"}, "it must be true or false"},
	{"tenant_limit", []string{"1", "1000"}, []string{"0", "hunter2"}, "it must be a whole number, 1 or more"},
	{"tenant_wait", []string{"30s"}, []string{"0", "30", "hunter2"}, "it must be a duration above 0 with a unit"},
}

// databaseFor is the URL of analytics in a case, which has tenants for their settings.
func databaseFor(setting string) string {
	if strings.HasPrefix(setting, "tenant_") {
		return "limited://db_{tenant}"
	}
	return "limited://db"
}

// loaders give one setting of analytics, as a variable and in a file.
var loaders = map[string]func(t *testing.T, name, value string, more ...config.Option) (*config.Config, error){
	"variable": func(t *testing.T, name, value string, more ...config.Option) (*config.Config, error) {
		variables := map[string]string{"MAIN_DB_URL": "sqlite://", "ANALYTICS_DB_URL": databaseFor(name), "ANALYTICS_DB_" + strings.ToUpper(name): value}
		if name == "policy" {
			variables["ANALYTICS_DB_REPLICA_URLS"] = "sqlite://"
		}
		return config.Load(append(more, limited(), env(variables))...)
	},
	"file": func(t *testing.T, name, value string, more ...config.Option) (*config.Config, error) {
		text := "binds:\n  main:\n    url: sqlite://\n  analytics:\n    url: '" + databaseFor(name) + "'\n"
		if name == "policy" {
			text += "    replica_urls: [sqlite://]\n"
		}
		return config.Load(append(more, limited(), env(nil), file(t, text+fmt.Sprintf("    %s: %q\n", name, value)))...)
	},
}

// file writes a YAML file, and is the option that reads it.
func file(t *testing.T, text string) config.Option {
	t.Helper()
	path := filepath.Join(t.TempDir(), "binds.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.File(path)
}

func TestSettings(t *testing.T) {
	for from, load := range loaders {
		for _, test := range settingCases {
			t.Run(from+" "+test.name, func(t *testing.T) {
				for _, right := range test.right {
					c, err := load(t, test.name, right)
					if err != nil {
						t.Errorf("%q: %v", right, err)
					} else if says := test.name + " " + right; test.name != "replica_urls" && !strings.Contains(c.String(), says) {
						t.Errorf("%q is not in %s", says, c)
					}
				}
				for _, wrong := range append(test.wrong, "", " ", " ,\n") {
					_, err := load(t, test.name, wrong)
					says := test.says
					if strings.Trim(wrong, " ,\n") == "" {
						says = "empty"
					}
					if err == nil {
						t.Errorf("%q is accepted", wrong)
						continue
					}
					subject := map[string]string{"variable": "ANALYTICS_DB_" + strings.ToUpper(test.name), "file": "binds.yaml:"}[from]
					if text := err.Error(); !strings.Contains(text, says) || !strings.Contains(text, subject) || !strings.Contains(text, `bind "analytics"`) {
						t.Errorf("%q: %v", wrong, err)
					}
					if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
						t.Errorf("%q: the value is in the error, or there are several: %v", wrong, err)
					}
					var setting *config.SettingError
					var url *config.URLError
					if !(errors.As(err, &setting) && setting.Key == "analytics" && setting.Setting == test.name && setting.Err != nil) && !errors.As(err, &url) {
						t.Errorf("%q: %#v", wrong, err)
					}
				}
			})
		}
	}
}

// Every setting but url is in the table of cases.
func TestSettingCasesAreComplete(t *testing.T) {
	_, err := config.Load(file(t, "binds: {main: {url: 'sqlite://', x: y}}"), env(nil))
	_, list, _ := strings.Cut(fmt.Sprint(err), "the settings are url, ")
	var names []string
	for _, test := range settingCases {
		names = append(names, test.name)
	}
	if got := strings.Join(names, ", "); got != list {
		t.Errorf("there are cases for\n%s, and the settings are\n%s", got, list)
	}
}

func TestContradictions(t *testing.T) {
	base := map[string]string{"MAIN_DB_URL": "sqlite://", "ANALYTICS_DB_URL": "limited://db"}
	for want, variables := range map[string]map[string]string{
		`config: ANALYTICS_DB_POLICY (bind "analytics"): the bind has no replicas, so there is nothing to choose; add replica_urls, or remove it`: {
			"ANALYTICS_DB_POLICY": "random"},
		`config: ANALYTICS_DB_MAX_IDLE_CONNS (bind "analytics"): it is more than max_open_conns`: {
			"ANALYTICS_DB_MAX_IDLE_CONNS": "3", "ANALYTICS_DB_MAX_OPEN_CONNS": "2"},
		`config: ANALYTICS_DB_CONN_MAX_IDLE_TIME (bind "analytics"): it is longer than conn_max_lifetime`: {
			"ANALYTICS_DB_CONN_MAX_IDLE_TIME": "2m", "ANALYTICS_DB_CONN_MAX_LIFETIME": "1m"},
		`config: ANALYTICS_DB_REPLICA_URLS, URL 2 (bind "analytics") with scheme "other": a replica has the dialect of its source, and other is not sqlite; give it a bind of its own (known schemes: db, limited, other, sqlite)`: {
			"ANALYTICS_DB_REPLICA_URLS": "sqlite:// other://db"},
		`config: ANALYTICS_DB_LOCK_TIMEOUT (bind "analytics"): the opener of scheme "db" knows no limits; remove it, and write a parameter of the driver into the URL`: {
			"ANALYTICS_DB_URL": "db://x", "ANALYTICS_DB_REPLICA_URLS": "db://y", "ANALYTICS_DB_LOCK_TIMEOUT": "1s"},
		`config: MAIN_DB_STATEMENT_TIMEOUT (bind "main"): SQLite stops no statement after a time; remove it, and give the statement's context a deadline`: {
			"MAIN_DB_STATEMENT_TIMEOUT": "1s"},
		`config: MAIN_DB_CONNECT_TIMEOUT (bind "main"): SQLite connects to no server; remove it`: {
			"MAIN_DB_CONNECT_TIMEOUT": "1s"},
		`config: MAIN_DB_READ_ONLY (bind "main"): a database in memory that nobody can write to stays empty; remove it`: {
			"MAIN_DB_READ_ONLY": "true"},
		`config: MAIN_DB_LOCK_TIMEOUT (bind "main"): the URL has the parameter _busy_timeout, which says the same; keep one of them`: {
			"MAIN_DB_URL": "sqlite:///a.db?_busy_timeout=1", "MAIN_DB_LOCK_TIMEOUT": "1s"},
		`config: MAIN_DB_LOCK_TIMEOUT (bind "main"): the database counts it in whole milliseconds`: {
			"MAIN_DB_LOCK_TIMEOUT": "1us"},
	} {
		all := map[string]string{}
		for _, from := range []map[string]string{base, variables} {
			for name, value := range from {
				all[name] = value
			}
		}
		if _, err := config.Load(limited(), dialects(), env(all)); err == nil || err.Error() != want {
			t.Errorf("%v\nwant\n%s", err, want)
		}
	}
}

// What a bind is told reaches its pools, its statements and its databases.
func TestOpenWithSettings(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	at := func(name string) string { return "sqlite:////" + strings.TrimPrefix(dir, "/") + "/" + name + ".db" }
	for _, name := range []string{"replica", "replica2"} { // a replica has what its source has, but for the rows of this test
		db := mustOpen(t, mustLoad(t, env(map[string]string{"MAIN_DB_URL": "sqlite://", "ANALYTICS_DB_URL": at(name)})), bindkey.New())
		if err := errors.Join(db.AutoMigrate(&models.LogEntry{}), db.Create(&models.LogEntry{Event: name}).Error); err != nil {
			t.Fatal(err)
		}
	}
	c := mustLoad(t, env(map[string]string{
		"MAIN_DB_URL": at("main"), "MAIN_DB_MAX_OPEN_CONNS": "3", "MAIN_DB_SKIP_DEFAULT_TRANSACTION": "true",
		"ANALYTICS_DB_URL": at("analytics"), "ANALYTICS_DB_REPLICA_URLS": at("replica") + "," + at("replica2"), "ANALYTICS_DB_POLICY": "round-robin",
		"ANALYTICS_DB_MAX_OPEN_CONNS": "5", "ANALYTICS_DB_MAX_IDLE_CONNS": "1", "ANALYTICS_DB_CONN_MAX_LIFETIME": "1h", "ANALYTICS_DB_CONN_MAX_IDLE_TIME": "1m",
		"ANALYTICS_DB_LOCK_TIMEOUT": "1234ms", "ANALYTICS_DB_PREPARE_STMT": "true",
	}))
	want := "main (sqlite, max_open_conns 3, skip_default_transaction true), " +
		"analytics (sqlite, 2 replicas, policy round-robin, max_open_conns 5, max_idle_conns 1, conn_max_lifetime 1h, conn_max_idle_time 1m, lock_timeout 1234ms, prepare_stmt true)"
	if got := c.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	plugin := bindkey.New()
	db := mustOpen(t, c, plugin)
	if err := errors.Join(db.AutoMigrate(&models.User{}, &models.LogEntry{}), db.Create(&models.LogEntry{Event: "source"}).Error); err != nil {
		t.Fatal(err)
	}
	read := map[string]int{}
	for i := 0; i < 4; i++ {
		var log models.LogEntry
		if err := db.First(&log).Error; err != nil {
			t.Fatal(err)
		}
		read[log.Event]++
	}
	if read["replica"] != 2 || read["replica2"] != 2 {
		t.Errorf("read %v", read)
	}
	for key, roles := range map[string][]string{"main": {"source"}, "analytics": {"source", "replica", "replica-2"}} {
		for _, role := range roles {
			if got, want := plugin.Stats()[key][role].MaxOpenConnections, map[string]int{"main": 3, "analytics": 5}[key]; got != want {
				t.Errorf("%s of %s: %d connections at most, want %d", role, key, got, want)
			}
		}
	}
	var wait int
	if err := db.Clauses(bindkey.Use("analytics")).Raw("PRAGMA busy_timeout").Row().Scan(&wait); err != nil || wait != 1234 {
		t.Errorf("busy_timeout is %d, %v", wait, err)
	}
	configs := map[string]*gorm.Config{}
	for _, model := range []any{&models.User{}, &models.LogEntry{}} {
		key, err := plugin.KeyOf(model)
		if err != nil {
			t.Fatal(err)
		}
		configs[key] = db.Limit(1).Find(model).Config
	}
	if main, analytics := configs["main"], configs["analytics"]; !main.SkipDefaultTransaction || main.PrepareStmt || analytics.SkipDefaultTransaction || !analytics.PrepareStmt {
		t.Errorf("SkipDefaultTransaction is %t and %t, PrepareStmt %t and %t", main.SkipDefaultTransaction, analytics.SkipDefaultTransaction, main.PrepareStmt, analytics.PrepareStmt)
	}
}

func TestReadOnly(t *testing.T) {
	url := "sqlite:////" + strings.TrimPrefix(filepath.ToSlash(filepath.Join(t.TempDir(), "logs.db")), "/")
	variables := map[string]string{"MAIN_DB_URL": "sqlite://", "ANALYTICS_DB_URL": url}
	mustWriteAndRead(t, mustOpen(t, mustLoad(t, env(variables)), bindkey.New()))
	variables["ANALYTICS_DB_READ_ONLY"] = "true"
	db := mustOpen(t, mustLoad(t, env(variables)), bindkey.New(bindkey.Models(&models.User{})))
	var log models.LogEntry
	if err := db.First(&log).Error; err != nil {
		t.Error(err)
	}
	if err := db.Create(&models.LogEntry{}).Error; err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("a write: %v", err)
	}
}

// main has replicas, too; and it may be the only bind.
func TestMainAlone(t *testing.T) {
	db := mustOpen(t, mustLoad(t, env(nil), file(t, "binds: {main: {url: 'sqlite://', max_open_conns: 2}}")), bindkey.New())
	if err := db.AutoMigrate(&models.User{}); err != nil {
		t.Error(err)
	}
	plugin := bindkey.New()
	mustOpen(t, mustLoad(t, env(nil), file(t, "binds: {main: {url: 'sqlite://', replica_urls: ['sqlite://'], policy: random}}")), plugin)
	if got := len(plugin.Stats()["main"]); got != 2 {
		t.Errorf("%d pools", got)
	}
}

func TestReplicaThatCannotBeOpened(t *testing.T) {
	missing := "sqlite:////" + strings.TrimPrefix(filepath.ToSlash(filepath.Join(t.TempDir(), "missing", "hunter2.db")), "/")
	_, err := mustLoad(t, env(map[string]string{"MAIN_DB_URL": "sqlite://", "ANALYTICS_DB_URL": "sqlite://", "ANALYTICS_DB_REPLICA_URLS": "sqlite:// " + missing})).Open(nil, nil)
	var failed *config.OpenError
	if !errors.As(err, &failed) || failed.Variable != "ANALYTICS_DB_REPLICA_URLS, URL 2" || failed.Key != "analytics" || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

// A variable that is nearly a setting's is a mistake; one that is not may be
// somebody else's.
func TestMisspeltVariables(t *testing.T) {
	t.Setenv("MAIN_DB_URL", "sqlite://")
	t.Setenv("ANALYTICS_DB_URL", "sqlite://")
	for _, name := range []string{"MAIN_DB_PORT", "MAIN_DB_SERVICE_HOST", "ANALYTICS_DB_PASSWORD", "ANALYTICS_DB_NAME", "ARCHIVE_DB_URI", "ANALYTICS_DB_", "ANALYTICS_DATABASE_URL"} {
		t.Setenv(name, "hunter2")
	}
	mustLoad(t)
	for name, meant := range map[string]string{
		"ANALYTICS_DB_REPLICA_URL": "ANALYTICS_DB_REPLICA_URLS", "MAIN_DB_URI": "MAIN_DB_URL", "MAIN_DB_MAX_OPEN_CONN": "MAIN_DB_MAX_OPEN_CONNS",
		"MAIN_DB_READONLY": "MAIN_DB_READ_ONLY", "ANALYTICS_DB_PREPARE_STMTS": "ANALYTICS_DB_PREPARE_STMT",
		"MAIN_DB_MAX_CONNS": "MAIN_DB_MAX_OPEN_CONNS", "MAIN_DB_POOL": "MAIN_DB_MAX_OPEN_CONNS", "MAIN_DB_POOL_SIZE": "MAIN_DB_MAX_OPEN_CONNS",
		"ANALYTICS_DB_REPLICA": "ANALYTICS_DB_REPLICA_URLS", "ANALYTICS_DB_IDLE_TIMEOUT": "ANALYTICS_DB_CONN_MAX_IDLE_TIME",
		"MAIN_DB_TIMEOUT": "MAIN_DB_CONNECT_TIMEOUT, MAIN_DB_STATEMENT_TIMEOUT or MAIN_DB_LOCK_TIMEOUT",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "hunter2")
			want := name + ` (bind "` + strings.ToLower(strings.Split(name, "_")[0]) + `"): there is no such setting; did you mean ` + meant + "?"
			if _, err := config.Load(); err == nil || err.Error() != "config: "+want {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

// A DSN is no mistake beside the URL. Without it, the default would take its place.
func TestDSNInPlaceOfURL(t *testing.T) {
	t.Setenv("MAIN_DB_DSN", "hunter2")
	want := `config: MAIN_DB_DSN (bind "main"): there is no such setting; did you mean MAIN_DB_URL?`
	if _, err := config.Load(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	t.Setenv("MAIN_DB_URL", "sqlite://")
	mustLoad(t)
}

// One that the file names is the program's own, however it is called.
func TestMisspeltVariablesOfTheFile(t *testing.T) {
	t.Setenv("MAIN_DB_URI", "sqlite://")
	mustLoad(t, file(t, "binds: {main: {url: '${MAIN_DB_URI}'}}"))
}

func TestRegister(t *testing.T) {
	for name, driver := range map[string]config.Driver{
		"no scheme":  {Open: config.SQLite},
		"no opener":  {Schemes: []string{"x"}},
		"upper case": {Schemes: []string{"X"}, Open: config.SQLite},
		"a URL":      {Schemes: []string{"x://"}, Open: config.SQLite},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is accepted", name)
				}
			}()
			config.Register(driver)
		}()
	}
}

func TestVariable(t *testing.T) {
	for key, want := range map[string]string{
		"main": "MAIN_DB_URL", "audit-log": "AUDIT_LOG_DB_URL", "Logs2026": "LOGS2026_DB_URL", "eu.west": "EU_WEST_DB_URL",
	} {
		if got := config.Variable(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}
