package config_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A note has no key: it lives in the default bind.
type note struct{ ID uint }

// The default bind may be another than main, where the handle is, and main is a bind
// all the same.
func TestOpenWithOtherDefault(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name+".db") }
	c := mustLoad(t, env(map[string]string{"MAIN_DB_URL": "sqlite:///" + filepath.ToSlash(at("main")), "ANALYTICS_DB_URL": "sqlite:///" + filepath.ToSlash(at("analytics"))}))
	db := mustOpen(t, c, bindkey.New(bindkey.Default("analytics")))
	mustWriteAndRead(t, db)
	if err := errors.Join(db.AutoMigrate(&note{}), db.Create(&note{}).Error); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]string{"users": "main", "logs": "analytics", "notes": "analytics"} {
		for _, name := range []string{"main", "analytics"} {
			if got := count(t, at(name), table) == 1; got != (name == want) {
				t.Errorf("%s in %s: %t", table, name, got)
			}
		}
	}

	own, err := db.Clauses(bindkey.Use("main")).DB() // the handle's, which db.DB() is not
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Close(); err != nil {
		t.Fatal(err)
	}
	if main, analytics := db.First(&models.User{}).Error, db.First(&models.LogEntry{}).Error; main == nil || analytics != nil {
		t.Errorf("main: %v, analytics: %v; only main is closed", main, analytics)
	}
}

// A default bind that the configuration does not have is an error before a database
// is opened, not another name of main.
func TestOpenWithUnknownDefault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "main.db")
	c := mustLoad(t, env(map[string]string{"MAIN_DB_URL": "sqlite:///" + filepath.ToSlash(file), "ANALYTICS_DB_URL": "sqlite://"}))
	_, err := c.Open(bindkey.New(bindkey.Default("nosuch"), bindkey.Models(&models.LogEntry{})), nil)
	want := `config: option bindkey.Default: bindkey: bind key "nosuch" is not registered (known: analytics, main); register it with Plugin.Register or correct the name`
	var unknown *bindkey.UnknownBindError
	if err == nil || err.Error() != want || !errors.As(err, &unknown) || !errors.Is(err, bindkey.ErrUnknownBind) {
		t.Errorf("%v, want %s", err, want)
	}
	if found, _ := filepath.Glob(file); found != nil {
		t.Error("main was opened")
	}
}

// Where a variable is empty, the file is named that has a URL.
func TestEmptyVariableBesideAFile(t *testing.T) {
	_, err := config.Load(file(t, "binds: {main: {url: 'sqlite://'}}"), env(map[string]string{"MAIN_DB_URL": ""}))
	if err == nil || !strings.Contains(err.Error(), `MAIN_DB_URL (bind "main"): it is set, but empty; give it a URL, or unset it to use that of `) || !strings.Contains(err.Error(), "binds.yaml") {
		t.Error(err)
	}
}

// The default binds exist beside those that a program lists.
func TestBindAddsToTheDefaults(t *testing.T) {
	catalog, lending := config.Bind("catalog", "sqlite://"), config.Bind("lending", "sqlite://")
	if got := strings.Join(mustLoad(t, env(nil), catalog, lending).Keys(), " "); got != "main analytics catalog lending" {
		t.Error(got)
	}
	if got := strings.Join(mustLoad(t, env(nil), catalog, file(t, "binds: {main: {url: 'sqlite://'}}")).Keys(), " "); got != "main catalog" {
		t.Error(got)
	}
}
