package pages_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	sqlite "github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// tempFiles are paths of SQLite files, by their names.
func tempFiles(t *testing.T, names ...string) map[string]string {
	t.Helper()
	dir, files := t.TempDir(), map[string]string{}
	for _, name := range names {
		files[name] = filepath.Join(dir, name+".db")
	}
	return files
}

// openPlain is a handle without the plugin.
func openPlain(t *testing.T, file string) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(file), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() {
		if conn, err := db.DB(); err == nil {
			_ = conn.Close()
		}
	})
	return db
}

// holds tells a file's tables, read through a plain connection, from one
// table's name.
func holds(t *testing.T, files map[string]string, name, table string) {
	t.Helper()
	got := rows(t, files[name], "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if got != table {
		t.Errorf("%s has the tables %q, want %q", name, got, table)
	}
}

// rows reads a file through a plain connection: "1 ada, 2 grace".
func rows(t *testing.T, file, query string) string {
	t.Helper()
	db, err := sql.Open(sqlite.DriverName, file)
	must(t, err)
	defer db.Close()
	found, err := testkit.Query(db, query)
	must(t, err)
	return found
}

type (
	blockUser  = models.User
	blockEntry = models.LogEntry
)

// twoFiles is a handle over main.db and analytics.db, with their tables.
func twoFiles(t *testing.T) (*gorm.DB, map[string]string) {
	t.Helper()
	files := tempFiles(t, "main", "analytics")
	db := openPlain(t, files["main"])
	plugin := bindkey.New(bindkey.Models(&blockUser{}, &blockEntry{})).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(files["analytics"])}})
	must(t, db.Use(plugin))
	t.Cleanup(func() { _ = plugin.Close() })
	must(t, db.AutoMigrate(&blockUser{}, &blockEntry{}))
	return db, files
}
