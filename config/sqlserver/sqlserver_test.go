package sqlserver_test

import (
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlserver"

	"github.com/gormbind/gormbind/config"
	opensqlserver "github.com/gormbind/gormbind/config/sqlserver"
)

// The driver's library takes in the URL as it stands. No test connects.
func TestURLs(t *testing.T) {
	t.Setenv("MAIN_DB_URL", "sqlite://")
	t.Setenv("ANALYTICS_DB_URL", "sqlserver://app:secret@db1:1433?database=analytics")
	t.Setenv("ANALYTICS_DB_CONNECT_TIMEOUT", "5s")
	cfg, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	dialector, err := cfg.Dialector("analytics")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := dialector.(*sqlserver.Dialector).DSN, "sqlserver://app:secret@db1:1433?database=analytics&dial+timeout=5"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, wrong := range []string{
		"sqlserver://app:hun/ter2@db1", "sqlserver://app:hunter2@db1:port", "sqlserver://app:hunter2@db1?encrypt=hunter2", "sqlserver://app:hunter2@db1?dial+timeout=hunter2",
	} {
		if _, err := config.DefaultOpeners().Dialector(wrong); err == nil {
			t.Errorf("%s is accepted", wrong)
		} else if strings.Contains(err.Error(), "ter2") {
			t.Error(err)
		}
	}
}

func TestLimit(t *testing.T) {
	const url = "sqlserver://app@db1"
	for _, test := range []struct {
		limits config.Limits
		want   string // or "" for an error
	}{
		{config.Limits{Connect: 5 * time.Second}, url + "?dial+timeout=5"},
		{config.Limits{Connect: 500 * time.Millisecond}, ""},
		{config.Limits{Statement: time.Second}, ""},
		{config.Limits{Lock: time.Second}, ""},
		{config.Limits{ReadOnly: true}, ""},
	} {
		got, err := opensqlserver.Limit(url, test.limits)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%+v: %s, %v", test.limits, got, err)
		}
	}
}
