package bindkey_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb"
	_ "github.com/gormbind/gormbind/internal/sqlitedb/sqliteurl"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A quotingDriver says what the worst of drivers do: go-sql-driver/mysql, pgx and
// mattn/go-sqlite3 each quote the part of the DSN that they stumble over; and
// some quote all of it where they can't connect.
type quotingDriver struct{ connects bool }

func (d quotingDriver) Open(dsn string) (driver.Conn, error) {
	if d.connects {
		return nil, fmt.Errorf("failed to connect to %s: %w", dsn,
			&net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 1}, Err: syscall.ECONNREFUSED})
	}
	before, behind, _ := strings.Cut(dsn, "@")
	return nil, fmt.Errorf("default addr for network '%s' unknown, invalid port %q, cannot parse `%s`", before, behind, dsn)
}

func init() {
	sql.Register("quoting", quotingDriver{})
	sql.Register("quoting-connects", quotingDriver{connects: true})
}

// A quotingDialector opens a pool of a quotingDriver, and asks it, unless lazy.
type quotingDialector struct {
	sqlite.Dialector
	of, DriverName, DSN string
	lazy                bool
}

func (d quotingDialector) Name() string { return d.of }

func (d quotingDialector) Initialize(db *gorm.DB) error {
	pool, err := sql.Open(d.DriverName, d.DSN)
	if err == nil && !d.lazy {
		defer pool.Close()
		err = pool.Ping()
	}
	db.ConnPool = pool
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{})
	return err
}

// TestNoPasswordIsTold: DSNs × passwords × doors.
func TestNoPasswordIsTold(t *testing.T) {
	dir := t.TempDir()
	doors, forms := 0, 0
	for i, password := range testkit.Passwords {
		forms = 0
		for _, form := range testkit.DSNs(password) {
			forms++
			if !testkit.Full() && (i+forms)%4 != 0 {
				continue // in a sample, each form with some of the passwords
			}
			d := quotingDialector{of: form.Dialect, DriverName: "quoting", DSN: form.Text}
			if (i+forms)%2 == 0 && !(form.Lost && strings.Contains(password, "@")) { // that one names no host
				d.DriverName = "quoting-connects"
			}
			for door, text := range tellers(t, filepath.Join(dir, "main.db"), d) {
				doors++
				if piece := testkit.TellsPassword(text, password); piece != "" {
					t.Errorf("%s of %s tells %q: %s", door, form.Text, piece, text)
				}
				if door != "log" && door != "config" && !strings.Contains(text, `"broken"`) {
					t.Errorf("%s of %s: no bind: %s", door, form.Text, text)
				}
				if d.DriverName == "quoting" {
					if !strings.Contains(text, form.Dialect) || !strings.Contains(text, "can't be read") {
						t.Errorf("%s of %s: %s", door, form.Text, text)
					}
				} else if form.Right && (!strings.Contains(text, testkit.DSNHost) || !strings.Contains(text, "connection refused")) {
					t.Errorf("%s of %s: neither host nor reason: %s", door, form.Text, text)
				}
			}
		}
	}
	if passwords := len(testkit.Passwords); forms < 30 || passwords < 15 || doors < 30*15*5 && testkit.Full() {
		t.Errorf("%d forms, %d passwords, %d texts", forms, passwords, doors)
	}
}

// tellers are what each door tells of a bind that can't be opened.
func tellers(t *testing.T, main string, d quotingDialector) map[string]string {
	t.Helper()
	texts := map[string]string{}
	var log strings.Builder
	open := func(d quotingDialector, options ...bindkey.Option) (*gorm.DB, *bindkey.Plugin, error) {
		db, err := gorm.Open(sqlitedb.Open(main), &gorm.Config{Logger: logger.New(printer{&log}, logger.Config{LogLevel: logger.Info}), DisableAutomaticPing: true})
		if err != nil {
			t.Fatal(err)
		}
		plugin := bindkey.New(options...).Register("broken", dbresolver.Config{Sources: []gorm.Dialector{d}})
		return db, plugin, db.Use(plugin)
	}
	db, _, err := open(d)
	closeDB(db)
	texts["db.Use"] = fmt.Sprint(err)

	late, plugin, err := open(d, bindkey.OpenLate())
	if err != nil {
		t.Fatal(err)
	}
	texts["OpenLate"] = fmt.Sprint(late.Clauses(bindkey.Use("broken")).Exec("SELECT 1").Error)
	texts["Ping, late"] = fmt.Sprint(plugin.Ping(context.Background()))
	closeDB(late)

	d.lazy = true
	lazy, plugin, err := open(d)
	if err != nil {
		t.Fatal(err)
	}
	texts["Ping"] = fmt.Sprint(plugin.Ping(context.Background()))
	_ = plugin.Close()
	closeDB(lazy)
	texts["log"] = log.String()

	d.lazy = false
	loaded, err := config.Load(config.Bind("main", "sqlite://"), config.Bind("analytics", "quoting://bind"), config.Lookup(func(string) (string, bool) { return "", false }),
		config.Schemes(config.Openers{"quoting": func(string) (gorm.Dialector, error) { return d, nil }}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = loaded.Open(nil, nil)
	texts["config"] = fmt.Sprint(err)
	return texts
}
