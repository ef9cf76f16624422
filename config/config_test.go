package config_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/sqlitedb/sqliteurl"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// env is a lookup without an environment.
func env(variables map[string]string) config.Option {
	return config.Lookup(func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	})
}

func mustLoad(t *testing.T, options ...config.Option) *config.Config {
	t.Helper()
	c, err := config.Load(options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustOpen(t *testing.T, c *config.Config, plugin *bindkey.Plugin) *gorm.DB {
	t.Helper()
	db, err := c.Open(plugin, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plugin.Close(); err != nil {
			t.Error(err)
		}
		sqlDB, err := db.DB()
		if err != nil {
			t.Fatal(err)
		}
		if err := sqlDB.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func mustWriteAndRead(t *testing.T, db *gorm.DB) {
	t.Helper()
	if err := db.AutoMigrate(&models.User{}, &models.LogEntry{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}}).Error; err != nil {
		t.Fatal(err)
	}
	var back models.User
	if err := db.Preload("Logs").First(&back).Error; err != nil {
		t.Fatal(err)
	}
	if len(back.Logs) != 1 || back.Logs[0].Event != "joined" {
		t.Fatalf("%+v", back)
	}
}

// count counts a table's rows through a plain connection.
func count(t *testing.T, file, table string) int {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	plain, err := sql.Open(sqlitedb.DriverName, file)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	rows := -1
	if err := plain.QueryRow("SELECT count(*) FROM " + table).Scan(&rows); err != nil && !strings.Contains(err.Error(), "no such table") {
		t.Fatal(err)
	}
	return rows
}

func TestOpenPutsEachBindIntoItsURL(t *testing.T) {
	dir := t.TempDir()
	absolute := filepath.Join(dir, "logs.db")
	t.Setenv("MAIN_DB_URL", "sqlite:////"+strings.TrimPrefix(filepath.ToSlash(filepath.Join(dir, "users.db")), "/"))
	t.Setenv("ANALYTICS_DB_URL", "sqlite:////"+strings.TrimPrefix(filepath.ToSlash(absolute), "/"))

	mustWriteAndRead(t, mustOpen(t, mustLoad(t), bindkey.New()))
	for _, want := range []struct {
		file, table string
		rows        int
	}{
		{"users.db", "users", 1}, {"users.db", "logs", -1},
		{"logs.db", "users", -1}, {"logs.db", "logs", 1},
	} {
		if got := count(t, filepath.Join(dir, want.file), want.table); got != want.rows {
			t.Errorf("%s: %d rows in %s, want %d", want.file, got, want.table, want.rows)
		}
	}
}

func TestDefaultsAreTheTutorialsFiles(t *testing.T) {
	dir := t.TempDir()
	old, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(dir); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Chdir(old); err != nil {
			t.Fatal(err)
		}
	}()

	c := mustLoad(t, env(nil))
	if got, want := c.String(), "main (sqlite), analytics (sqlite)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	mustWriteAndRead(t, mustOpen(t, c, bindkey.New()))
	if count(t, filepath.Join(dir, "main.db"), "users") != 1 || count(t, filepath.Join(dir, "analytics.db"), "logs") != 1 {
		t.Error("the rows are not in main.db and analytics.db of the working directory")
	}
}

func TestSQLiteURLs(t *testing.T) {
	for _, test := range []struct{ url, dsn string }{
		{"sqlite:///main.db", "main.db"},
		{"sqlite:///sub/main.db", "sub/main.db"},
		{"sqlite:////data/main.db", "/data/main.db"},
		{"SQLite:///main.db", "main.db"},
		{"sqlite:///a b#1%20.db", "a b#1%20.db"},
		{"sqlite:///main.db?_busy_timeout=1&_foreign_keys=on", "main.db?_busy_timeout=1&_foreign_keys=on"},
		{"sqlite:///main.db?mode=ro", "file:main.db?mode=ro"},
		{"sqlite:////data/a#1%.db?mode=ro&_loc=auto", "file:/data/a%231%25.db?mode=ro&_loc=auto"},
		{"sqlite:///file:main.db?cache=shared", "file:main.db?cache=shared"},
	} {
		dialector, err := config.DefaultOpeners().Dialector(test.url)
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		if got := dialector.(*sqlite.Dialector).DSN; got != test.dsn {
			t.Errorf("%s: %s, want %s", test.url, got, test.dsn)
		}
	}
}

func TestSQLiteParametersReachSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "read only #1.db")
	base := "sqlite:////" + strings.TrimPrefix(filepath.ToSlash(file), "/")
	write := func(url string) error {
		dialector, err := config.DefaultOpeners().Dialector(url)
		if err != nil {
			t.Fatal(err)
		}
		db, err := gorm.Open(dialector, &gorm.Config{})
		if err != nil {
			t.Fatal(err)
		}
		sqlDB, err := db.DB()
		if err != nil {
			t.Fatal(err)
		}
		defer sqlDB.Close()
		_, err = sqlDB.Exec("CREATE TABLE IF NOT EXISTS t (id integer); INSERT INTO t VALUES (1)")
		return err
	}
	if err := write(base); err != nil {
		t.Fatal(err)
	}
	if err := write(base + "?mode=ro"); err == nil {
		t.Error("mode=ro was written to")
	}
	if got := count(t, file, "t"); got != 1 {
		t.Errorf("%d rows", got)
	}
}

// Two databases in memory are two, and all connections of a pool see the same.
func TestMemory(t *testing.T) {
	for _, url := range []string{"sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://?_busy_timeout=100"} {
		t.Run(url, func(t *testing.T) {
			c := mustLoad(t, env(map[string]string{"MAIN_DB_URL": url, "ANALYTICS_DB_URL": url}))
			plugin := bindkey.New()
			db := mustOpen(t, c, plugin)
			mustWriteAndRead(t, db)

			resolver, err := plugin.Resolver("analytics")
			if err != nil {
				t.Fatal(err)
			}
			analytics, err := resolver.DB.DB()
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < 2; i++ { // the second one needs a connection of its own
				rows, err := analytics.Query("SELECT event FROM logs")
				if err != nil {
					t.Fatal(err)
				}
				defer rows.Close()
				if !rows.Next() {
					t.Errorf("connection %d does not see the row: %v", i, rows.Err())
				}
			}
			if _, err := analytics.Exec("SELECT * FROM users"); err == nil {
				t.Error("analytics has the table users of main")
			}
		})
	}
}

func TestAllMistakesInOneError(t *testing.T) {
	_, err := config.Load(
		config.Bind("", ""),
		config.Bind("audit-log", "sqlite:///audit.db"),
		config.Bind("audit_log", "sqlite:///audit.db"),
		config.Bind("archive", ""),
		config.Bind("empty", "sqlite:///empty.db"),
		config.Bind("void", ""),
		config.Schemes(config.Openers{"Postgres": config.SQLite, "mysql": nil}),
		config.Lookup(nil),
		env(map[string]string{
			"MAIN_DB_URL":      "oracle://scott:tiger@db/main",
			"ANALYTICS_DB_URL": "sqlite://scott:tiger@host/analytics.db",
			"AUDIT_LOG_DB_URL": "tiger",
			"EMPTY_DB_URL":     "",
			"VOID_DB_URL":      "",
		}))
	if err == nil {
		t.Fatal("no error")
	}
	want := strings.TrimSpace(`
config: option Bind: the bind key is empty
config: bind keys "audit-log" and "audit_log" share the variable AUDIT_LOG_DB_URL; rename one of them
config: option Schemes: "Postgres" needs an opener, and a name in lower case without "://"
config: option Schemes: "mysql" needs an opener, and a name in lower case without "://"
config: option Lookup: the function is nil
config: MAIN_DB_URL (bind "main") with scheme "oracle": its scheme is not known; correct it, import the package config/… for it, or add an opener with config.Schemes (known schemes: sqlite)
config: ANALYTICS_DB_URL (bind "analytics") with scheme "sqlite": a sqlite URL has no host; three slashes begin a relative path, four an absolute one (known schemes: sqlite)
config: AUDIT_LOG_DB_URL (bind "audit-log"): it has no scheme (known schemes: sqlite)
config: ARCHIVE_DB_URL (bind "archive"): it is not set, and the bind has no default; give it a URL (known schemes: sqlite)
config: EMPTY_DB_URL (bind "empty"): it is set, but empty; give it a URL, or unset it to use the default (known schemes: sqlite)
config: VOID_DB_URL (bind "void"): it is set, but empty; give it a URL (known schemes: sqlite)
`)
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var problem *config.URLError
	if !errors.As(err, &problem) || problem.Key != "main" || problem.Variable != "MAIN_DB_URL" || problem.Scheme != "oracle" ||
		len(problem.Known) != 1 || problem.Known[0] != "sqlite" {
		t.Errorf("%+v", problem)
	}
}

func TestURLsOfWrongShape(t *testing.T) {
	for _, url := range []string{"", "main.db", "://main.db", "sqlite:main.db", "sqlite:/main.db", "a:b@c/d://e", "sqlite://main.db", "sqlite:///main.db?mode=%zz", "sqlite:///main.db?a;b"} {
		if _, err := config.DefaultOpeners().Dialector(url); err == nil {
			t.Errorf("%q is accepted", url)
		} else if url != "" && strings.Contains(err.Error(), url) {
			t.Errorf("%q is in its error: %v", url, err)
		}
	}
}

func TestNoSecrets(t *testing.T) {
	parsed := func(rawURL string) (gorm.Dialector, error) {
		_, err := url.Parse(rawURL)
		return nil, fmt.Errorf("parsing: %w", err)
	}
	said := func(format string) config.Opener {
		return func(rawURL string) (gorm.Dialector, error) { return nil, fmt.Errorf(format, rawURL) }
	}
	dsn := func(rawURL string) (gorm.Dialector, error) {
		return nil, errors.New(`can't read app:hunter/2@tcp(db)/main, password=hunter/2 or "hunter%2F2"`)
	}
	for name, test := range map[string]struct {
		url  string
		open config.Opener
	}{
		"unknown scheme": {"oracle://app:hunter/2@db/main", nil},
		"no scheme":      {"app:hunter/2@db://main", nil},
		"quoted":         {"db://app:hunter/2@db/main", said("can't read %q")},
		"other URL":      {"db://app:hunter/2@db/main", said("can't read other-%s")},
		"DSN":            {"db://app:hunter%2F2@db/main?x=a@b", dsn},
		"parameter":      {"db://db/main?user=app&password=hunter%2F2", dsn},
		"port":           {"db://app:hunter/2@db/main", parsed},
		"control":        {"db://app:hunter/2@db/\x7f", parsed},
	} {
		t.Run(name, func(t *testing.T) {
			openers := config.DefaultOpeners()
			if test.open != nil {
				openers["db"] = test.open
			}
			_, err := config.Load(config.Schemes(openers), env(map[string]string{"MAIN_DB_URL": test.url}))
			if err == nil {
				t.Fatal("no error")
			}
			for _, secret := range []string{"hunter", test.url, "://app"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q is in %v", secret, err)
				}
			}
			if !strings.Contains(err.Error(), "MAIN_DB_URL") {
				t.Errorf("the variable is not in %v", err)
			}
		})
	}

	t.Run("printed", func(t *testing.T) {
		openers := config.Openers{"db": func(string) (gorm.Dialector, error) { return sqlitedb.Open("hunter2"), nil }}
		c := mustLoad(t, config.Schemes(openers), env(map[string]string{"MAIN_DB_URL": "db://app:hunter2@db/main"}))
		for _, printed := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v", c, c), fmt.Sprintf("%v %+v %#v", *c, *c, *c)} {
			if strings.Contains(printed, "hunter2") || !strings.Contains(printed, "main (db), analytics (sqlite)") {
				t.Error(printed)
			}
		}
	})
}

func TestDatabasesThatCannotBeOpened(t *testing.T) {
	missing := filepath.ToSlash(filepath.Join(t.TempDir(), "missing", "hunter2.db"))
	for variable, key := range map[string]string{"MAIN_DB_URL": "main", "ANALYTICS_DB_URL": "analytics"} {
		t.Run(variable, func(t *testing.T) {
			urls := map[string]string{"MAIN_DB_URL": "sqlite://", "ANALYTICS_DB_URL": "sqlite://"}
			urls[variable] = "sqlite:////" + strings.TrimPrefix(missing, "/")
			db, err := mustLoad(t, env(urls)).Open(nil, nil)
			var failed *config.OpenError
			if db != nil || !errors.As(err, &failed) {
				t.Fatalf("%v, %v", db, err)
			}
			want := fmt.Sprintf("config: %s (bind %q, scheme \"sqlite\") could not be opened: unable to open database file", variable, key)
			if sqlitedb.Cgo {
				want += ": no such file or directory" // modernc's driver does not say why
			}
			if err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
			if failed.Key != key || failed.Variable != variable || failed.Scheme != "sqlite" || failed.Err == nil {
				t.Errorf("%+v", failed)
			}
			if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "://") || !strings.Contains(text, variable) {
				t.Error(text)
			}
			var bindkeys *bindkey.OpenError
			if key == "analytics" && !errors.As(err, &bindkeys) {
				t.Errorf("bindkey's error is not in the chain of %v", err)
			}
		})
	}
}

func TestOpenReturnsThePluginsError(t *testing.T) {
	plugin := bindkey.New().Register("analytics", dbresolver.Config{})
	db, err := mustLoad(t, env(map[string]string{"MAIN_DB_URL": "sqlite://"})).Open(plugin, nil)
	if db != nil || !errors.Is(err, bindkey.ErrConflict) {
		t.Errorf("%v, %v", db, err)
	}
}

func TestMoreBindsAndSchemes(t *testing.T) {
	opened := 0
	memory := func(string) (gorm.Dialector, error) {
		opened++
		return sqliteurl.Open("sqlite://")
	}
	c := mustLoad(t,
		config.Schemes(config.Openers{"test": memory}),
		config.Bind("audit-log", "test://audit"),
		config.Bind("main", "test://main"),
		env(map[string]string{"ANALYTICS_DB_URL": "TEST://analytics"}))
	if got := fmt.Sprint(c.Keys()); got != "[main analytics audit-log]" || opened != 3 {
		t.Errorf("%s, %d opened", got, opened)
	}
	plugin := bindkey.New()
	mustWriteAndRead(t, mustOpen(t, c, plugin))
	if got := fmt.Sprint(plugin.Keys()); got != "[analytics audit-log main]" {
		t.Error(got)
	}
	if _, err := c.Dialector("audit-log"); err != nil {
		t.Error(err)
	}
	if _, err := c.Dialector("archive"); !errors.Is(err, bindkey.ErrUnknownBind) {
		t.Error(err)
	}
}
