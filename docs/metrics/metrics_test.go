package metrics_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/docs/metrics"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// gathered are a small program's metrics: name → labels → value.
func gathered(t *testing.T) (found map[string]map[string]float64, labels map[string]bool) {
	t.Helper()
	dir := t.TempDir()
	file := func(name string) gorm.Dialector { return sqlite.Open(filepath.Join(dir, name+".db")) }
	db, err := gorm.Open(file("main"), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})).Register("analytics", dbresolver.Config{
		Sources: []gorm.Dialector{file("analytics")}, Replicas: []gorm.Dialector{file("analytics")}})
	must(t, db.Use(plugin))
	t.Cleanup(func() {
		_ = plugin.Close()
		if own, err := db.DB(); err == nil {
			_ = own.Close()
		}
	})
	plugin.SetMaxOpenConns(5)
	must(t, db.AutoMigrate(&models.User{}, &models.LogEntry{}))
	registry := prometheus.NewPedanticRegistry()
	must(t, metrics.Register(db, plugin, registry))

	must(t, db.Create(&models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}}).Error)
	must(t, db.Preload("Logs").Find(&[]models.User{}).Error)
	db.First(&models.LogEntry{}, 99)                             // is not found
	db.Exec("UPDATE logs SET nothing = 1")                       // fails
	db.Joins("JOIN logs ON TRUE").Find(&[]models.User{})         // goes nowhere
	must(t, db.Raw("SELECT id FROM logs").Scan(&[]uint{}).Error) // a replica

	return gather(t, registry)
}

// gather are the metrics of a registry: name → labels → value.
func gather(t *testing.T, registry *prometheus.Registry) (found map[string]map[string]float64, labels map[string]bool) {
	t.Helper()
	found, labels = map[string]map[string]float64{}, map[string]bool{}
	families, err := registry.Gather()
	must(t, err)
	for _, family := range families {
		of := map[string]float64{}
		for _, metric := range family.GetMetric() {
			var name []string
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = true
				name = append(name, label.GetName()+"="+label.GetValue())
			}
			of[strings.Join(name, " ")] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
		found[family.GetName()] = of
	}
	return found, labels
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Each pool has its numbers, and each statement is counted where it went.
func TestMetrics(t *testing.T) {
	found, _ := gathered(t)
	for _, pool := range []string{"main/source", "analytics/source", "analytics/replica"} {
		if found["go_sql_max_open_connections"]["db_name="+pool] != 5 || found["go_sql_open_connections"]["db_name="+pool] == 0 {
			t.Errorf("%s: %v, %v", pool, found["go_sql_max_open_connections"], found["go_sql_open_connections"])
		}
	}
	if n := len(found["go_sql_open_connections"]); n != 3 {
		t.Errorf("%d pools", n)
	}
	for labels, want := range map[string]float64{
		"bind=main failed=no role=source":       2, // Create, Find
		"bind=analytics failed=no role=source":  1, // the association
		"bind=analytics failed=yes role=source": 1,
		"bind=analytics failed=no role=replica": 3, // the preload, First, Scan
	} {
		if got := found["gormbind_statements_total"][labels]; got != want {
			t.Errorf("%s: %v, want %v", labels, got, want)
		}
	}
	if n := len(found["gormbind_statements_total"]); n != 4 {
		t.Errorf("counted: %v", found["gormbind_statements_total"])
	}
}

var (
	metricName = regexp.MustCompile(`\b(?:go_sql|gormbind)_\w+`)
	labelName  = regexp.MustCompile(`[{,]\s*(\w+)\s*=~?"|by \(([^)]*)\)|\{\{(\w+)\}\}|label_values\([^)]*, (\w+)\)`)
)

// The dashboard is one that Grafana imports, and asks for metrics and labels that there are.
func TestDashboard(t *testing.T) {
	found, labels := gathered(t)
	labels["job"] = true // Prometheus adds it
	text, err := os.ReadFile("dashboard.json")
	must(t, err)
	var board struct {
		ID            any `json:"id"`
		UID, Title    string
		SchemaVersion int
		Panels        []struct {
			ID         int
			Type       string
			Title      string
			Datasource struct{ UID string }
			GridPos    struct{ H, W, X, Y int }
			Targets    []struct{ RefID, Expr, LegendFormat string }
		}
		Templating struct {
			List []struct {
				Name, Type string
				Query      any
			}
		}
	}
	must(t, json.Unmarshal(text, &board))
	if board.ID != nil || board.UID == "" || board.Title == "" || board.SchemaVersion == 0 || len(board.Panels) == 0 {
		t.Errorf("it is no dashboard to import: %+v", board)
	}
	variables := map[string]bool{"__rate_interval": true}
	for _, variable := range board.Templating.List {
		variables[variable.Name] = true
	}
	ids := map[int]bool{}
	for _, panel := range board.Panels {
		if ids[panel.ID] || panel.ID == 0 || panel.Title == "" || panel.Type == "" || panel.GridPos.H == 0 || panel.GridPos.X+panel.GridPos.W > 24 || panel.Datasource.UID != "${datasource}" {
			t.Errorf("the panel %+v", panel)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			if target.RefID == "" || !metricName.MatchString(target.Expr) {
				t.Errorf("the target %+v", target)
			}
		}
	}
	asked := map[string]bool{}
	for _, name := range metricName.FindAllString(string(text), -1) {
		asked[name] = true
		if found[name] == nil {
			t.Errorf("there is no metric %s", name)
		}
	}
	for name := range found {
		if !asked[name] && name != "go_sql_wait_count_total" {
			t.Errorf("no panel shows %s", name)
		}
	}
	for _, match := range labelName.FindAllStringSubmatch(strings.ReplaceAll(string(text), `\"`, `"`), -1) {
		for _, name := range strings.Split(strings.Join(match[1:], ""), ", ") {
			if !labels[name] {
				t.Errorf("no metric has the label %q: %s", name, match[0])
			}
		}
	}
	for _, name := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(string(text), -1) {
		if !variables[name[1]] && name[1] != "__all" {
			t.Errorf("there is no variable %s", name[1])
		}
	}
}

// docs/observability.md shows the program.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../observability.md")
	must(t, err)
	program, err := os.ReadFile("metrics.go")
	must(t, err)
	if !strings.Contains(string(page), "```go\n"+string(program)+"```\n") {
		t.Error("docs/observability.md does not show metrics.go as it is")
	}
}
