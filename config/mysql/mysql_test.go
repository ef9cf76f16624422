package mysql_test

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	openmysql "github.com/gormbind/gormbind/config/mysql"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// database makes a database for the test, on the server at GORMBIND_MYSQL_URL, a
// MariaDB, and returns its URL.
func database(t *testing.T) string {
	t.Helper()
	server := os.Getenv("GORMBIND_MYSQL_URL")
	if server == "" {
		server = "mariadb://root@127.0.0.1:3306/"
	}
	dialector, err := openmysql.Open(server)
	if err != nil {
		t.Fatal("the server's URL can't be read")
	}
	admin, err := sql.Open("mysql", dialector.(*mysql.Dialector).DSN)
	if err != nil {
		t.Fatal("the server's URL can't be read")
	}
	if err := admin.Ping(); err != nil {
		if os.Getenv("REQUIRE_SERVERS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	name := fmt.Sprintf("gormbind_config_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP DATABASE " + name); err != nil {
			t.Error(err)
		}
		_ = admin.Close()
	})
	return strings.TrimSuffix(server, "/") + "/" + name
}

// One import is enough; the settings reach the server.
func TestOpen(t *testing.T) {
	t.Setenv("MAIN_DB_URL", "sqlite://")
	t.Setenv("ANALYTICS_DB_URL", database(t))
	for name, value := range map[string]string{"MAX_OPEN_CONNS": "4", "CONNECT_TIMEOUT": "7s", "STATEMENT_TIMEOUT": "12500ms", "LOCK_TIMEOUT": "3s"} {
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
	for setting, want := range map[string]string{"max_statement_time": "12.5", "innodb_lock_wait_timeout": "3", "tx_read_only": "0"} {
		var got string
		if err := analytics.DB.Raw("SELECT @@" + setting).Row().Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v, not %q", setting, got, err, want)
		}
	}
	if got := plugin.Stats()["analytics"]["source"].MaxOpenConnections; got != 4 {
		t.Errorf("%d connections at most", got)
	}

	t.Setenv("ANALYTICS_DB_READ_ONLY", "true")
	db, _ = open(t)
	var log models.LogEntry
	if err := db.First(&log).Error; err != nil || log.Event != "joined" || log.CreatedAt.IsZero() {
		t.Errorf("%+v, %v", log, err)
	}
	if err := db.Create(&models.LogEntry{Event: "left"}).Error; err == nil || !strings.Contains(err.Error(), "READ ONLY") {
		t.Errorf("a write of a read-only bind: %v", err)
	}
	if err := db.Session(&gorm.Session{SkipDefaultTransaction: true}).Create(&models.LogEntry{Event: "left"}).Error; err == nil || !strings.Contains(err.Error(), "READ ONLY") {
		t.Errorf("a write of a read-only bind without a transaction: %v", err)
	}
}

// A limit of the other product is not ignored.
func TestOtherProductsLimit(t *testing.T) {
	t.Setenv("MAIN_DB_URL", "sqlite://")
	t.Setenv("ANALYTICS_DB_URL", strings.Replace(database(t), "mariadb://", "mysql://", 1))
	t.Setenv("ANALYTICS_DB_STATEMENT_TIMEOUT", "10s")
	cfg, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.Open(nil, nil); err == nil || !strings.Contains(err.Error(), "max_execution_time") {
		t.Errorf("MariaDB and the limit of MySQL: %v", err)
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
	for url, want := range map[string]driver.Config{
		"mysql://app:secret@db1:3307/app":                        {User: "app", Passwd: "secret", Net: "tcp", Addr: "db1:3307", DBName: "app", ParseTime: true},
		"mariadb://app:a%2Fb%40c%3A@db1/app?parseTime=false":     {User: "app", Passwd: "a/b@c:", Net: "tcp", Addr: "db1:3306", DBName: "app"},
		"MySQL://app@[::1]:3306/app?timeout=3s":                  {User: "app", Net: "tcp", Addr: "[::1]:3306", DBName: "app", ParseTime: true, Timeout: 3 * time.Second},
		"mysql://app@/app?unix_socket=%2Frun%2Fmysqld.sock":      {User: "app", Net: "unix", Addr: "/run/mysqld.sock", DBName: "app", ParseTime: true},
		"mysql://app@/app?unix_socket=/run/mysqld.sock&tls=true": {User: "app", Net: "unix", Addr: "/run/mysqld.sock", DBName: "app", ParseTime: true, TLSConfig: "true"},
		"mysql:///app?loc=Local&charset=utf8mb4":                 {Net: "tcp", Addr: "127.0.0.1:3306", DBName: "app", ParseTime: true},
		"mysql://db1":                                            {Net: "tcp", Addr: "db1:3306", ParseTime: true},
	} {
		dialector, err := config.DefaultOpeners().Dialector(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		got, err := driver.ParseDSN(dialector.(*mysql.Dialector).DSN)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if got.User != want.User || got.Passwd != want.Passwd || got.Net != want.Net || got.Addr != want.Addr || got.DBName != want.DBName ||
			got.ParseTime != want.ParseTime || got.Timeout != want.Timeout || got.TLSConfig != want.TLSConfig {
			t.Errorf("%s becomes %+v", url, got)
		}
	}
	for _, wrong := range []string{
		"mysql://app:hun/ter2@db1/app", "mysql://a%3Apart:hunter2@db1/app", "mysql://app:hunter2@db1/app?timeout=hunter2",
		"mysql://app:hunter2@db1/app?unix_socket=/x", "mysql://app:hunter2@db1/app?tls=hunter2", "mysql://app:hunter2@db1/app?a;b",
	} {
		if _, err := config.DefaultOpeners().Dialector(wrong); err == nil {
			t.Errorf("%s is accepted", wrong)
		} else if strings.Contains(err.Error(), "ter2") {
			t.Error(err)
		}
	}
}

func TestLimit(t *testing.T) {
	for _, test := range []struct {
		scheme string
		limits config.Limits
		want   string // or "" for an error
	}{
		{"mysql", config.Limits{Connect: 1500 * time.Millisecond}, "timeout=1.5s"},
		{"mysql", config.Limits{Statement: 1500 * time.Millisecond}, "max_execution_time=1500"},
		{"MariaDB", config.Limits{Statement: 1500 * time.Millisecond}, "max_statement_time=1.5"},
		{"mysql", config.Limits{Lock: 2 * time.Second}, "innodb_lock_wait_timeout=2"},
		{"mysql", config.Limits{ReadOnly: true}, "transaction_read_only=1"},
		{"mariadb", config.Limits{ReadOnly: true}, "tx_read_only=1"},
		{"mysql", config.Limits{Lock: 1500 * time.Millisecond}, ""},
		{"mysql", config.Limits{Statement: time.Microsecond}, ""},
	} {
		url := test.scheme + "://app@db1/app"
		got, err := openmysql.Limit(url, test.limits)
		if test.want == "" && err == nil || test.want != "" && got != url+"?"+test.want {
			t.Errorf("%s with %+v: %s, %v", url, test.limits, got, err)
		}
	}
}
