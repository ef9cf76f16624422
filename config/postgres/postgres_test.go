package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	openpostgres "github.com/gormbind/gormbind/config/postgres"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// database makes a database for the test, on the server at GORMBIND_POSTGRES_URL,
// and returns its URL.
func database(t *testing.T) string {
	t.Helper()
	server := os.Getenv("GORMBIND_POSTGRES_URL")
	if server == "" {
		server = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
	}
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, server)
	if err != nil {
		if os.Getenv("REQUIRE_SERVERS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	name := fmt.Sprintf("gormbind_config_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		_ = admin.Close(ctx)
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("the server's URL can't be read")
	}
	u.Path = "/" + name
	return u.String()
}

// One import is enough; the settings reach the server.
func TestOpen(t *testing.T) {
	t.Setenv("MAIN_DB_URL", "sqlite://")
	t.Setenv("ANALYTICS_DB_URL", database(t))
	for name, value := range map[string]string{"MAX_OPEN_CONNS": "4", "CONNECT_TIMEOUT": "7s", "STATEMENT_TIMEOUT": "12s", "LOCK_TIMEOUT": "1500ms"} {
		t.Setenv("ANALYTICS_DB_"+name, value)
	}
	db, plugin := open(t)
	if err := db.AutoMigrate(&models.LogEntry{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&models.LogEntry{Event: "joined"}).Error; err != nil {
		t.Fatal(err)
	}
	analytics, err := plugin.Resolver("analytics")
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{"statement_timeout": "12s", "lock_timeout": "1500ms", "default_transaction_read_only": "off"} {
		var got string
		if err := analytics.DB.Raw("SHOW " + setting).Row().Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v, not %q", setting, got, err, want)
		}
	}
	if got := plugin.Stats()["analytics"]["source"].MaxOpenConnections; got != 4 {
		t.Errorf("%d connections at most", got)
	}

	t.Setenv("ANALYTICS_DB_READ_ONLY", "true")
	db, _ = open(t)
	var log models.LogEntry
	if err := db.First(&log).Error; err != nil || log.Event != "joined" {
		t.Errorf("%+v, %v", log, err)
	}
	if err := db.Create(&models.LogEntry{Event: "left"}).Error; err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a write of a read-only bind: %v", err)
	}
}

func open(t *testing.T) (*gorm.DB, *bindkey.Plugin) {
	t.Helper()
	cfg, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{}))
	db, err := cfg.Open(plugin, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pool, err := db.DB(); err != nil || pool.Close() != nil || plugin.Close() != nil {
			t.Error("closing failed")
		}
	})
	return db, plugin
}

func TestURLs(t *testing.T) {
	for _, scheme := range []string{"postgres", "postgresql"} {
		dialector, err := config.DefaultOpeners().Dialector(scheme + "://app:secret@db1:5432,db2:5432/app?sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		if got := dialector.(*postgres.Dialector).DSN; got != scheme+"://app:secret@db1:5432,db2:5432/app?sslmode=disable" {
			t.Error("the URL is not left alone")
		}
	}
	for _, wrong := range []string{"postgres://app:hun/ter2@db1/app", "postgres://app:hunter2@db1:port/app", "postgres://app:hunter2@db1/app?sslmode=hunter2", "postgres://app:hunter2@db1/app?connect_timeout=hunter2"} {
		if _, err := config.DefaultOpeners().Dialector(wrong); err == nil {
			t.Errorf("%s is accepted", wrong)
		} else if strings.Contains(err.Error(), "ter2") {
			t.Error(err)
		}
	}
}

func TestLimit(t *testing.T) {
	const url = "postgres://app@db1/app"
	for _, test := range []struct {
		url    string
		limits config.Limits
		want   string // or "" for an error
	}{
		{url, config.Limits{Connect: 5 * time.Second}, url + "?connect_timeout=5"},
		{url + "?sslmode=disable", config.Limits{Statement: 90 * time.Second}, url + "?sslmode=disable&statement_timeout=90000"},
		{url, config.Limits{Lock: time.Millisecond}, url + "?lock_timeout=1"},
		{url, config.Limits{ReadOnly: true}, url + "?default_transaction_read_only=on"},
		{url, config.Limits{Connect: 500 * time.Millisecond}, ""},
		{url, config.Limits{Statement: time.Microsecond}, ""},
		{url + "?connect_timeout=3", config.Limits{Connect: 5 * time.Second}, ""},
	} {
		got, err := openpostgres.Limit(test.url, test.limits)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s with %+v: %s, %v", test.url, test.limits, got, err)
		}
	}
}
