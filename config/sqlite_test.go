package config_test

import (
	"strings"
	"testing"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A build without cgo says at once what it lacks, and not at the first connection
// what the driver says that can't be used.
func TestSQLiteOfTheBuild(t *testing.T) {
	sqlite := config.Schemes(config.Openers{"sqlite": config.SQLiteOfBuild})
	c, err := config.Load(sqlite, env(map[string]string{"MAIN_DB_URL": "sqlite://", "ANALYTICS_DB_URL": "sqlite://"}))
	if !sqlitedb.Cgo {
		if err == nil || !strings.Contains(err.Error(), "MAIN_DB_URL") || !strings.Contains(err.Error(), "config/sqlitepure") {
			t.Errorf("without cgo: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	mustWriteAndRead(t, mustOpen(t, c, bindkey.New()))
}
