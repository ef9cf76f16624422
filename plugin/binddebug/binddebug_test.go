package binddebug_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/binddebug"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A pinged connector is a SQLite database whose connections answer no ping, or only when
// the context ends.
type pinged struct {
	driver driver.Driver
	dsn    string
	state  *atomic.Pointer[string]
}

type pingedConn struct {
	driver.Conn
	state *atomic.Pointer[string]
}

func (c pinged) Driver() driver.Driver { return c.driver }

func (c pinged) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	return pingedConn{conn, c.state}, err
}

func (c pingedConn) Ping(ctx context.Context) error {
	switch state := *c.state.Load(); state {
	case "":
		return nil
	case "hangs":
		<-ctx.Done()
		return ctx.Err()
	default:
		return errors.New(state)
	}
}

// serve is the handler over main and analytics, whose replica answers pings as state says.
func serve(t *testing.T, state *atomic.Pointer[string]) *binddebug.Handler {
	t.Helper()
	state.Store(new(string))
	dir := t.TempDir()
	file := func(name string) gorm.Dialector { return sqlitedb.Open(filepath.Join(dir, name)) }
	replica := sql.OpenDB(pinged{sqlitedb.Driver(), filepath.Join(dir, "replica.db"), state})
	t.Cleanup(func() { _ = replica.Close() })
	db, err := gorm.Open(file("main.db"), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})).Register("analytics", dbresolver.Config{
		Sources: []gorm.Dialector{file("analytics.db")}, Replicas: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: replica})}})
	must(t, db.Use(plugin))
	plugin.SetMaxOpenConns(7)
	t.Cleanup(func() {
		_ = plugin.Close()
		if own, err := db.DB(); err == nil {
			_ = own.Close()
		}
	})
	return &binddebug.Handler{Plugin: plugin, PingTimeout: time.Second}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(h http.Handler, method, path, accept string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, nil)
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	return answer
}

// The page and the JSON have every pool, whether it answers, and the map; and nothing secret.
func TestHandler(t *testing.T) {
	var state atomic.Pointer[string]
	h := serve(t, &state)
	for is, answers := range map[string]string{"": "", "hangs": "deadline exceeded", "refused <b>, password=hunter2": "refused <b>"} {
		is := is
		state.Store(&is)

		answer := get(h, "GET", "/debug/binds?format=json", "")
		var report binddebug.Report
		must(t, json.Unmarshal(answer.Body.Bytes(), &report))
		if answer.Code != http.StatusOK || report.OK != (answers == "") || len(report.Pools) != 3 {
			t.Fatalf("%q: %d, %+v", is, answer.Code, report)
		}
		for _, pool := range report.Pools {
			replica := pool.Key == "analytics" && pool.Role == "replica"
			if pool.OK != (!replica || answers == "") || !pool.OK && !strings.Contains(pool.Error, answers) || pool.OK && pool.Error != "" {
				t.Errorf("%q: %+v", is, pool)
			}
			if pool.Stats == nil || pool.Stats.MaxOpen != 7 || pool.OK && pool.Stats.Open == 0 {
				t.Errorf("%q: the statistics of %s %s are %+v", is, pool.Key, pool.Role, pool.Stats)
			}
		}
		if got := report.Map.String(); got != h.Plugin.Map().String() || !strings.Contains(got, "models.LogEntry") {
			t.Errorf("the map is %s", got)
		}

		page := get(h, "GET", "/debug/binds", "text/html,application/xhtml+xml,*/*;q=0.8").Body.String()
		for _, want := range []string{"analytics", "replica", "models.User", "Logs → models.LogEntry (analytics, preload)", html.EscapeString(answers), `name="viewport"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%q: the page has no %q", is, want)
			}
		}
		if strings.Contains(page, "Every database answers") != (answers == "") {
			t.Errorf("%q: the page says the contrary", is)
		}
		if regexp.MustCompile(`(?i)<script|javascript:|onload=|https?://`).MatchString(page) || strings.Contains(page, "refused <b>") {
			t.Errorf("%q: the page has a script, loads something, or does not escape", is)
		}
		for _, text := range []string{page, answer.Body.String()} {
			if strings.Contains(text, "hunter2") || strings.Contains(text, ".db") {
				t.Errorf("%q: a password or DSN is told: %s", is, text)
			}
		}
	}
}

// What a request accepts decides, and the parameter before that.
func TestHandlerFormats(t *testing.T) {
	var state atomic.Pointer[string]
	h := serve(t, &state)
	for _, c := range []struct{ path, accept, kind string }{
		{"/debug/binds", "", "text/html"},
		{"/debug/binds", "*/*", "text/html"},
		{"/debug/binds", "text/html, application/json", "text/html"},
		{"/debug/binds", "application/json", "application/json"},
		{"/debug/binds", "application/json, text/html", "application/json"},
		{"/debug/binds?format=json", "text/html", "application/json"},
		{"/debug/binds?format=html", "application/json", "text/html"},
	} {
		answer := get(h, "GET", c.path, c.accept)
		if kind := answer.Header().Get("Content-Type"); answer.Code != http.StatusOK || kind != c.kind+"; charset=utf-8" {
			t.Errorf("%s, Accept %q: %d, %s", c.path, c.accept, answer.Code, kind)
		}
		if answer.Header().Get("Cache-Control") != "no-store" || !strings.Contains(answer.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("the headers are %v", answer.Header())
		}
	}
	if answer := get(h, "POST", "/debug/binds", ""); answer.Code != http.StatusMethodNotAllowed || answer.Header().Get("Allow") == "" {
		t.Errorf("POST: %d", answer.Code)
	}
}

// A bind that is not open yet is on the page, and what several binds share is there once.
func TestHandlerOfOpenLateAndShared(t *testing.T) {
	dir := t.TempDir()
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	plugin := bindkey.New(bindkey.OpenLate()).
		Register("also", dbresolver.Config{}).
		Register("late", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, "nowhere", "late.db"))}})
	must(t, db.Use(plugin))
	report := (&binddebug.Handler{Plugin: plugin}).Report(context.Background())
	if report.OK || len(report.Pools) != 2 || report.Pools[0].Key != "main" || !report.Pools[0].OK || report.Pools[0].Shared[0] != "also" ||
		report.Pools[1].Key != "late" || report.Pools[1].OK || report.Pools[1].Stats != nil || strings.Contains(report.Pools[1].Error, dir) {
		t.Errorf("%+v", report)
	}
	if page := get(&binddebug.Handler{Plugin: plugin}, "GET", "/", "").Body.String(); !strings.Contains(page, "not open yet") {
		t.Error(page)
	}
	own, err := db.DB()
	must(t, err)
	must(t, own.Close())
	report = (&binddebug.Handler{Plugin: plugin}).Report(context.Background())
	if report.Pools[0].OK || len(report.Pools) != 2 {
		t.Errorf("its pool is closed: %+v", report)
	}
}
