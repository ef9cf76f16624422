package main

import (
	"os"
	"path/filepath"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	_ "github.com/gormbind/gormbind/internal/sqlitedb/sqliteurl"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// region config
func openFromEnvironment() (*gorm.DB, *bindkey.Plugin, error) {
	cfg, err := config.Load(
		config.Bind("main", "sqlite:///main.db"),
		config.Bind("analytics", "sqlite:///analytics.db"),
	)
	if err != nil {
		return nil, nil, err
	}
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{}))
	db, err := cfg.Open(plugin, &gorm.Config{})
	return db, plugin, err
}

// endregion

func TestOpenFromEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("MAIN_DB_URL", "sqlite:///"+filepath.ToSlash(filepath.Join(dir, "main.db")))
	t.Setenv("ANALYTICS_DB_URL", "sqlite:///"+filepath.ToSlash(filepath.Join(dir, "analytics.db")))
	db, plugin, err := openFromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AutoMigrate(&models.User{}, &models.LogEntry{}); err != nil {
		t.Error(err)
	}
	if sqlDB, err := db.DB(); err != nil || sqlDB.Close() != nil || plugin.Close() != nil {
		t.Error("closing failed")
	}
	for _, name := range []string{"main.db", "analytics.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
