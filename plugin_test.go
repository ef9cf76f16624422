package gormbind_test

import (
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

func TestTutorial(t *testing.T) {
	dir := t.TempDir()
	mainFile, logFile := filepath.Join(dir, "main.db"), filepath.Join(dir, "analytics.db")
	db, err := gorm.Open(sqlite.Open(mainFile), &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Use(bindkey.New().Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(logFile)}}))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AutoMigrate(&models.User{}, &models.LogEntry{}); err != nil {
		t.Fatal(err)
	}
	user := models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}}
	if err := db.Create(&user).Error; err != nil {
		t.Fatal(err)
	}
	var back models.User
	if err := db.Preload("Logs").First(&back).Error; err != nil {
		t.Fatal(err)
	}
	if len(back.Logs) != 1 || back.Logs[0].Event != "joined" {
		t.Fatalf("%+v", back)
	}
	for file, want := range map[string]map[string]bool{mainFile: {"users": true, "logs": false}, logFile: {"users": false, "logs": true}} {
		plain, err := gorm.Open(sqlite.Open(file), &gorm.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for table, has := range want {
			if plain.Migrator().HasTable(table) != has {
				t.Errorf("%s has %s: %v", filepath.Base(file), table, !has)
			}
		}
	}
}
