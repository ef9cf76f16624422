package integration

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// lines is a log's writer.
type lines struct{ strings.Builder }

func (l *lines) Printf(format string, args ...any) { fmt.Fprintf(&l.Builder, format+"\n", args...) }

// TestNoPasswordIsTold: what the real drivers say of DSNs × passwords, by every door.
func TestNoPasswordIsTold(t *testing.T) {
	main := filepath.Join(t.TempDir(), "main.db")
	texts, named := 0, 0
	for _, password := range testkit.Passwords {
		for _, form := range testkit.DSNs(password) {
			if form.Lost && form.Dialect == "postgres" && strings.Contains(password, "@") {
				continue // reads as a host
			}
			text := strings.ReplaceAll(form.Text, testkit.DSNHost, "127.0.0.1") // where no server has port 1
			dialector := map[string]func(string) gorm.Dialector{"mysql": mysql.Open, "postgres": postgres.Open, "sqlite": sqlite.Open}[form.Dialect](text)
			for door, said := range tellers(t, main, dialector) {
				texts++
				if piece := testkit.TellsPassword(said, password); piece != "" {
					t.Errorf("%s of %s tells %q: %s", door, text, piece, said)
				}
				if !strings.Contains(said, "broken") && door != "config" && door != "log" || said == "<nil>" {
					t.Errorf("%s of %s: %s", door, text, said)
				}
				if form.Right && strings.Contains(text, ":1") {
					named++
					if !strings.Contains(said, "127.0.0.1:1") || !strings.Contains(said, "connection refused") {
						t.Errorf("%s of %s: neither host nor reason: %s", door, text, said)
					}
				}
			}
		}
	}
	if texts < 30*15*5 || named == 0 {
		t.Errorf("%d texts, %d with a host", texts, named)
	}
}

// tellers are what each door tells of a bind that can't be opened.
func tellers(t *testing.T, main string, d gorm.Dialector) map[string]string {
	t.Helper()
	said := map[string]string{}
	var log lines
	open := func(options ...bindkey.Option) (*gorm.DB, *bindkey.Plugin, error) {
		db, err := gorm.Open(sqlite.Open(main), &gorm.Config{Logger: logger.New(&log, logger.Config{LogLevel: logger.Info})})
		if err != nil {
			t.Fatal(err)
		}
		plugin := bindkey.New(options...).Register("broken", dbresolver.Config{Sources: []gorm.Dialector{d}})
		return db, plugin, db.Use(plugin)
	}
	finish := func(db *gorm.DB) {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	}
	db, _, err := open()
	finish(db)
	said["db.Use"] = fmt.Sprint(err)

	late, plugin, err := open(bindkey.OpenLate())
	if err != nil {
		t.Fatal(err)
	}
	said["OpenLate"] = fmt.Sprint(late.Clauses(bindkey.Use("broken")).Exec("SELECT 1").Error)
	said["Ping"] = fmt.Sprint(plugin.Ping(context.Background()))
	said["log"] = log.String()
	_ = plugin.Close()
	finish(late)

	loaded, err := config.Load(config.Bind("main", "sqlite://"), config.Bind("analytics", "db://bind"), config.Lookup(func(string) (string, bool) { return "", false }),
		config.Schemes(config.Openers{"db": func(string) (gorm.Dialector, error) { return d, nil }}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = loaded.Open(nil, nil)
	said["config"] = fmt.Sprint(err)
	return said
}
