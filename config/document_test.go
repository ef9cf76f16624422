package config_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb/sqliteurl"
)

// TestPageIsTrue runs what docs/configuration.md shows.
func TestPageIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	source, err := os.ReadFile("../docs/walkthrough/config_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if _, region, _ := strings.Cut(string(source), "// region config\n"); !strings.Contains(page, "```go\n"+strings.TrimSpace(strings.Split(region, "// endregion")[0])+"\n```") {
		t.Error("its program is not that of docs/walkthrough/config_test.go")
	}

	servers := config.WithDriver(config.Driver{
		Schemes: []string{"postgres", "mariadb"},
		Open:    func(string) (gorm.Dialector, error) { return sqliteurl.Open("sqlite://") },
		Limit:   func(url string, _ config.Limits) (string, error) { return url, nil },
	})
	for _, assignment := range regexp.MustCompile(`(?m)^    ([A-Z_]+)=(\S+)$`).FindAllStringSubmatch(page, -1) {
		t.Setenv(assignment[1], assignment[2])
	}
	c := mustLoad(t, servers)
	if printed := "prints `" + c.String() + "`"; !strings.Contains(page, printed) || !strings.Contains(c.String(), "max_open_conns") {
		t.Errorf("its variables print %s", c)
	}
	t.Setenv("ANALYTICS_DB_MAX_OPEN_CONNS", "many")
	t.Setenv("ANALYTICS_DB_REPLICA_URL", "x")
	if _, err := config.Load(servers); err == nil || !strings.Contains(page, "\n    "+strings.ReplaceAll(err.Error(), "\n", "\n    ")+"\n") {
		t.Errorf("the mistakes are\n%v", err)
	}

	if !strings.Contains(page, "```yaml\n"+customers+"```") {
		t.Error("its file of customers is not that of ExampleTenants")
	}
	_, yaml, _ := strings.Cut(page, "```yaml\n")
	yaml, _, _ = strings.Cut(yaml, "```")
	c = mustLoad(t, servers, file(t, yaml), env(map[string]string{"MAIN_PASSWORD": "x", "ANALYTICS_PASSWORD": "y"}))
	if want := "main (postgres, max_open_conns 20, conn_max_lifetime 30m, statement_timeout 30s), " +
		"analytics (mariadb, 2 replicas, policy round-robin, max_open_conns 20, conn_max_lifetime 30m, skip_default_transaction true)"; c.String() != want {
		t.Errorf("its file is %s", c)
	}
}

// The table of databases says which limits are mistakes; that of SQLite is here,
// those of the others are in their modules.
func TestPageOfDatabases(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"postgres", "mysql", "sqlserver", "sqlitepure"} {
		_, err := os.Stat(module + "/go.mod")
		if err != nil || !strings.Contains(string(text), "`_ \"github.com/gormbind/gormbind/config/"+module+"\"`") {
			t.Errorf("%s is not in the table, or no module: %v", module, err)
		}
	}
	var row []string
	for _, name := range []string{"CONNECT_TIMEOUT=1s", "STATEMENT_TIMEOUT=1s", "LOCK_TIMEOUT=1s", "READ_ONLY=true"} {
		name, value, _ := strings.Cut(name, "=")
		_, err := config.Load(env(map[string]string{"MAIN_DB_URL": "sqlite:///main.db", "MAIN_DB_" + name: value}))
		var wrong *config.SettingError
		row = append(row, map[bool]string{true: "–", false: "yes"}[errors.As(err, &wrong)])
	}
	if want := fmt.Sprintf("| `sqlite` | none | %s, for files |", strings.Join(row, " | ")); !strings.Contains(string(text), want) {
		t.Errorf("there is no row %s", want)
	}
}
