package config_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

func ExampleConfig_Open() {
	inMemory := config.Lookup(func(name string) (string, bool) { return "sqlite://", strings.HasSuffix(name, "_DB_URL") })

	cfg, err := config.Load(inMemory) // config.Load() reads the environment
	if err != nil {
		log.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{}))
	db, err := cfg.Open(plugin, &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer plugin.Close()

	fmt.Println(cfg)
	fmt.Println(plugin.KeyOf(&models.User{}))
	fmt.Println(plugin.KeyOf(&models.LogEntry{}))
	fmt.Println(db.AutoMigrate(&models.User{}, &models.LogEntry{}))
	// Output:
	// main (sqlite), analytics (sqlite)
	// main <nil>
	// analytics <nil>
	// <nil>
}

func ExampleLoad_mistakes() {
	_, err := config.Load(
		config.Bind("archive", ""), // no default: ARCHIVE_DB_URL must be set
		config.Lookup(func(name string) (string, bool) { return "postgres://app:secret@db/app", name == "MAIN_DB_URL" }))
	fmt.Println(err)
	// Output:
	// config: MAIN_DB_URL (bind "main") with scheme "postgres": its scheme is not known; correct it, import the package config/… for it, or add an opener with config.Schemes (known schemes: sqlite)
	// config: ARCHIVE_DB_URL (bind "archive"): it is not set, and the bind has no default; give it a URL (known schemes: sqlite)
}

func ExampleFile() {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("binds-%d.yaml", os.Getpid()))
	defer os.Remove(path)
	binds := `
binds:
  main:
    url: sqlite:///${DATA}/main.db
  analytics:
    url: sqlite:///${DATA}/analytics.db
    replica_urls: ["sqlite:///${DATA}/replica.db"]
    max_open_conns: 20
    lock_timeout: 2s
`
	if err := os.WriteFile(path, []byte(binds), 0o600); err != nil {
		log.Fatal(err)
	}
	os.Setenv("DATA", "data")

	cfg, err := config.Load(config.File(path))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cfg)
	// Output:
	// main (sqlite), analytics (sqlite, 1 replica, max_open_conns 20, lock_timeout 2s)
}
