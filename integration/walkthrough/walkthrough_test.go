package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/integration/servers"
)

// kinds of databases, each with a maker of a new one: its URL.
var kinds = []struct {
	name   string
	newURL func(t *testing.T, label string) string
}{
	{"sqlite", func(t *testing.T, label string) string {
		return "sqlite:///" + filepath.ToSlash(filepath.Join(t.TempDir(), label+".db"))
	}},
	{"postgres", func(t *testing.T, label string) string {
		d := servers.PostgreSQL.Database(t, label).Dialector().(*postgres.Dialector)
		config, err := pgx.ParseConfig(d.DSN)
		must(t, err)
		query := url.Values{"host": {config.Host}}
		if config.TLSConfig == nil {
			query.Set("sslmode", "disable")
		}
		return fmt.Sprintf("postgres://%s@:%d/%s?%s", url.UserPassword(config.User, config.Password), config.Port, config.Database, query.Encode())
	}},
	{"mysql", func(t *testing.T, label string) string {
		d := servers.MariaDB.Database(t, label).Dialector().(*mysql.Dialector)
		config, err := mysqldriver.ParseDSN(d.DSN)
		must(t, err)
		return fmt.Sprintf("mysql://%s@%s/%s", url.UserPassword(config.User, config.Passwd), config.Addr, config.DBName)
	}},
}

// The walkthrough runs in every pair of databases, twice, and tells the same
// story in all of them. The tables are in the databases of their binds.
func TestWorlds(t *testing.T) {
	var told, teller string
	for _, main := range kinds {
		for _, analytics := range kinds {
			main, analytics := main, analytics
			t.Run(main.name+"+"+analytics.name, func(t *testing.T) {
				mainURL, analyticsURL := main.newURL(t, "main"), analytics.newURL(t, "analytics")
				t.Setenv("MAIN_DB_URL", mainURL)
				t.Setenv("ANALYTICS_DB_URL", analyticsURL)
				for _, turn := range []string{"first", "second"} {
					status, out, errs := walk()
					if status != 0 || errs != "" {
						t.Fatalf("the %s run: status %d, %s", turn, status, errs)
					}
					head, story, _ := strings.Cut(out, "\n\n")
					for _, line := range []string{
						fmt.Sprintf("main       %-8s  the database of MAIN_DB_URL", main.name),
						fmt.Sprintf("analytics  %-8s  the database of ANALYTICS_DB_URL", analytics.name),
						fmt.Sprintf("replica    %-8s  ", analytics.name),
					} {
						if !strings.Contains("\n"+head, "\n"+line) {
							t.Errorf("no line %q in\n%s", line, head)
						}
					}
					for _, secret := range []string{mainURL, analyticsURL} {
						if strings.Contains(out, secret) {
							t.Error("the output has a URL, which may have a password")
						}
					}
					if told == "" {
						told, teller = story, t.Name()
					} else if story != told {
						t.Errorf("the %s run tells\n%s\nwhich %s told as\n%s", turn, story, teller, told)
					}
					holds(t, mainURL, "users", "1 ada, 2 grace, 3 mary")
					holds(t, analyticsURL, "logs", "1 1 joined, 2 1 signed in, 3 2 joined, 4 3 joined, 5 2 left")
				}
			})
		}
	}
}

// Without variables, the program makes databases of its own, and drops them.
func TestOwnDatabases(t *testing.T) {
	postgres, mariadb := servers.PostgreSQL.Admin(t), servers.MariaDB.Admin(t)
	unset(t, "MAIN_DB_URL", "ANALYTICS_DB_URL")
	status, out, errs := walk()
	if status != 0 || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	names := regexp.MustCompile(`(?m)^(main|analytics|replica) +(\w+) +(gormbind_walkthrough_\w+), made for this run$`).FindAllStringSubmatch(out, -1)
	if len(names) != 3 || names[0][2] != "postgres" || names[1][2] != "mysql" || names[2][2] != "mysql" {
		t.Fatalf("the output begins\n%s", out[:300])
	}
	for _, name := range names {
		admin, query := postgres, "SELECT count(*) FROM pg_database WHERE datname = $1"
		if name[2] == "mysql" {
			admin, query = mariadb, "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?"
		}
		var count int
		must(t, admin.QueryRow(query, name[3]).Scan(&count))
		if count != 0 {
			t.Errorf("%s is still there", name[3])
		}
	}
	if !strings.HasSuffix(out, "\nThe databases are dropped now. Set MAIN_DB_URL and ANALYTICS_DB_URL to keep the tables in yours.\n") {
		t.Errorf("the output ends\n%s", out[len(out)-200:])
	}
}

// The program drops nothing but what it left itself.
func TestForeignTables(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			mainURL := kind.newURL(t, "main")
			t.Setenv("MAIN_DB_URL", mainURL)
			t.Setenv("ANALYTICS_DB_URL", "sqlite://")
			db := open(t, mainURL)
			for _, ddl := range []string{
				"CREATE TABLE logs (id integer, user_id integer, event varchar(20), created_at varchar(20))", // empty
				"CREATE TABLE users (id integer, name varchar(20))",
				"INSERT INTO users VALUES (1, 'ada'), (2, 'eve')", // the story has no eve
			} {
				must(t, db.Exec(ddl).Error)
			}
			status, out, errs := walk()
			if status != 1 || out != "" || !strings.Contains(errs, "MAIN_DB_URL: the database has tables that are not the walkthrough's: users; choose an empty one") {
				t.Errorf("status %d, %s%s", status, out, errs)
			}
			tables, err := db.Migrator().GetTables()
			if sort.Strings(tables); err != nil || fmt.Sprint(tables) != "[logs users]" {
				t.Errorf("what is left: %v, %v", tables, err)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	if status := run([]string{"-dir"}, &bytes.Buffer{}, &bytes.Buffer{}); status != 2 {
		t.Errorf("with an argument: status %d", status)
	}
	t.Setenv("ANALYTICS_DB_URL", "sqlite://")
	for _, mistake := range []struct{ url, says string }{
		{"oracle://db/main", "known schemes: mariadb, mysql, postgres, postgresql, sqlite"},
		{"mysql://app:secret@127.0.0.1:1/app", `MAIN_DB_URL: `},
		{"mysql://app:secret@127.0.0.1:3306/app?parseTime=perhaps", "MAIN_DB_URL"},
		{"postgres://app:secret@127.0.0.1:1/app", `MAIN_DB_URL: `},
		{"postgres://app:secret@127.0.0.1:port/app", "its URL can't be read"},
	} {
		t.Setenv("MAIN_DB_URL", mistake.url)
		status, out, errs := walk()
		if status != 1 || out != "" || !strings.Contains(errs, mistake.says) || strings.Contains(errs, "secret") {
			t.Errorf("%s: status %d, %s%s", mistake.url, status, out, errs)
		}
	}
}

func TestMain(m *testing.M) { servers.Main(m) }

func walk() (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(nil, &out, &errs)
	return status, out.String(), errs.String()
}

// holds checks, with a handle that knows nothing of the plugin, that a
// database has one table, and its rows without the time.
func holds(t *testing.T, rawURL, table, want string) {
	t.Helper()
	db := open(t, rawURL)
	tables, err := db.Migrator().GetTables()
	must(t, err)
	var own []string
	for _, name := range tables {
		if !strings.HasPrefix(name, "sqlite_") {
			own = append(own, name)
		}
	}
	if !reflect.DeepEqual(own, []string{table}) {
		t.Errorf("a database has the tables %v, want %s", own, table)
		return
	}
	var rows []struct {
		ID, UserID  uint
		Name, Event string
	}
	must(t, db.Table(table).Order("id").Find(&rows).Error)
	texts := make([]string, len(rows))
	for i, row := range rows {
		texts[i] = fmt.Sprint(row.ID, " ", row.Name)
		if table == "logs" {
			texts[i] = fmt.Sprint(row.ID, " ", row.UserID, " ", row.Event)
		}
	}
	if got := strings.Join(texts, ", "); got != want {
		t.Errorf("%s holds %s, want %s", table, got, want)
	}
}

func open(t *testing.T, rawURL string) *gorm.DB {
	t.Helper()
	dialector, err := config.DefaultOpeners().Dialector(rawURL)
	must(t, err)
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() {
		pool, err := db.DB()
		must(t, errors.Join(err, pool.Close()))
	})
	return db
}

// unset takes variables out of the environment until the test ends.
func unset(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		t.Setenv(name, "") // puts the old value back at the end
		must(t, os.Unsetenv(name))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
