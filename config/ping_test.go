package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// silent is a dialector whose database never answers.
type silent struct {
	gorm.Dialector
	until chan struct{}
}

func (s silent) Initialize(*gorm.DB) error { <-s.until; return errors.New("too late") }

func TestPing(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	for _, name := range []string{"main", "analytics", "one"} {
		if err := os.WriteFile(dir+"/"+name+".db", nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+"/text.db", []byte(strings.Repeat("no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	until := make(chan struct{})
	defer close(until)
	c := mustLoad(t, config.Bind("broken", "broken://ada:secret@db"), config.Bind("slow", "slow://db"),
		config.Bind("memory", "sqlite://"), config.Bind("text", "sqlite:///"+dir+"/text.db"), env(map[string]string{
			"MAIN_DB_URL":               "sqlite:///" + dir + "/main.db",
			"ANALYTICS_DB_URL":          "sqlite:///" + dir + "/analytics.db",
			"ANALYTICS_DB_REPLICA_URLS": "sqlite:///" + dir + "/one.db sqlite:///" + dir + "/two.db",
		}), config.Schemes(config.Openers{
			"broken": func(string) (gorm.Dialector, error) { return sqlitedb.Open("file:" + dir + "/no/folder/x.db"), nil },
			"slow":   func(string) (gorm.Dialector, error) { return silent{sqlitedb.Open(""), until}, nil },
		}))
	var got []string
	for _, database := range c.Databases() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if database.Key == "slow" {
			cancel()
			ctx, cancel = context.WithTimeout(context.Background(), 0)
		}
		connect, ask, err := database.Ping(ctx)
		cancel()
		state := "answers"
		if err != nil {
			state = "fails"
			var failed *config.OpenError
			if !errors.As(err, &failed) || failed.Key != database.Key || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", database.Key, err)
			}
		} else if connect <= 0 || ask <= 0 {
			t.Errorf("%s: connected in %v, asked in %v", database.Key, connect, ask)
		}
		got = append(got, database.Key+" "+database.Role+" "+database.Scheme+" "+database.Origin+" "+state)
	}
	want := []string{
		"main source sqlite MAIN_DB_URL answers",
		"analytics source sqlite ANALYTICS_DB_URL answers",
		"analytics replica-1 sqlite ANALYTICS_DB_REPLICA_URLS, URL 1 answers",
		"analytics replica-2 sqlite ANALYTICS_DB_REPLICA_URLS, URL 2 fails",
		"broken source broken BROKEN_DB_URL fails",
		"slow source slow SLOW_DB_URL fails",
		"memory source sqlite MEMORY_DB_URL answers",
		"text source sqlite TEXT_DB_URL fails",
	}
	if _, err := os.Stat(dir + "/two.db"); err == nil {
		t.Error("Ping has made a file")
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}
