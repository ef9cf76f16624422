package sqlitepure_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/config/sqlitepure"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

func open(t *testing.T, gormConfig *gorm.Config) (*gorm.DB, *bindkey.Plugin) {
	t.Helper()
	cfg, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{}))
	db, err := cfg.Open(plugin, gormConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pool, err := db.DB(); err != nil || pool.Close() != nil || plugin.Close() != nil {
			t.Error("closing failed")
		}
	})
	return db, plugin
}

func TestOpen(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	for name, url := range map[string]string{
		"files":     "sqlite:////" + strings.TrimPrefix(dir, "/") + "/a b#1.db",
		"in memory": "sqlite://",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("MAIN_DB_URL", strings.Replace(url, "a b", "main", 1))
			t.Setenv("ANALYTICS_DB_URL", url)
			t.Setenv("ANALYTICS_DB_LOCK_TIMEOUT", "1500ms")
			db, plugin := open(t, &gorm.Config{TranslateError: true})
			if err := db.AutoMigrate(&models.User{}, &models.LogEntry{}); err != nil {
				t.Fatal(err)
			}
			user := models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}}
			if err := db.Create(&user).Error; err != nil {
				t.Fatal(err)
			}
			var back models.User
			if err := db.Preload("Logs").First(&back).Error; err != nil || len(back.Logs) != 1 || !back.Logs[0].CreatedAt.Equal(user.Logs[0].CreatedAt) {
				t.Fatalf("%+v, %v", back, err)
			}
			if err := db.Create(&models.LogEntry{ID: back.Logs[0].ID}).Error; !errors.Is(err, gorm.ErrDuplicatedKey) {
				t.Errorf("a key twice: %v", err)
			}
			analytics, err := plugin.Resolver("analytics")
			if err != nil {
				t.Fatal(err)
			}
			var wait int
			if err := analytics.DB.Raw("PRAGMA busy_timeout").Row().Scan(&wait); err != nil || wait != 1500 {
				t.Errorf("busy_timeout is %d, %v", wait, err)
			}
			if err := db.Raw("PRAGMA busy_timeout").Row().Scan(&wait); err != nil || wait != 5000 {
				t.Errorf("busy_timeout is %d by default, %v", wait, err)
			}
			pool, err := analytics.DB.DB()
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < 2; i++ { // the second one needs a connection of its own
				rows, err := pool.Query("SELECT event FROM logs")
				if err != nil {
					t.Fatal(err)
				}
				defer rows.Close()
				if !rows.Next() {
					t.Errorf("connection %d does not see the row: %v", i, rows.Err())
				}
			}
		})
	}
}

func TestReadOnly(t *testing.T) {
	t.Setenv("MAIN_DB_URL", "sqlite://")
	t.Setenv("ANALYTICS_DB_URL", "sqlite:////"+strings.TrimPrefix(filepath.ToSlash(t.TempDir()), "/")+"/a b#1.db")
	db, _ := open(t, nil)
	if err := errors.Join(db.AutoMigrate(&models.LogEntry{}), db.Create(&models.LogEntry{Event: "joined"}).Error); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ANALYTICS_DB_READ_ONLY", "true")
	db, _ = open(t, nil)
	var log models.LogEntry
	if err := db.First(&log).Error; err != nil || log.Event != "joined" {
		t.Errorf("%+v, %v", log, err)
	}
	if err := db.Create(&models.LogEntry{}).Error; err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("a write of a read-only bind: %v", err)
	}
}

// A COMMIT that fails leaves its connection outside of any transaction, and SQL
// without a statement has a result.
func TestDriver(t *testing.T) {
	db := plain(t, sqlitepure.Open, "sqlite://?_fk=1")
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	for _, ddl := range []string{"CREATE TABLE a (id integer PRIMARY KEY)", "CREATE TABLE b (id integer REFERENCES a DEFERRABLE INITIALLY DEFERRED)", "", "-- nothing"} {
		if result := db.Exec(ddl); result.Error != nil || result.RowsAffected != 0 {
			t.Fatalf("%q: %d rows, %v", ddl, result.RowsAffected, result.Error)
		}
	}
	for i := 0; i < 2; i++ {
		tx, err := pool.Begin()
		if err != nil {
			t.Fatalf("transaction %d: %v", i+1, err)
		}
		if _, err := tx.Exec("INSERT INTO b VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err == nil || err.Error() != "FOREIGN KEY constraint failed" {
			t.Errorf("the foreign key does not hold: %v", err)
		}
	}
	var rows int
	if err := pool.QueryRow("SELECT count(*) FROM b").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// A file has one form, whichever driver writes it: what the pure one wrote, mattn's
// reads, and the other way round. Without cgo, mattn's is a stub.
func TestOneFormOfFiles(t *testing.T) {
	if stub, err := sql.Open("sqlite3", ":memory:"); err != nil || stub.Ping() != nil {
		t.Skip("github.com/mattn/go-sqlite3 needs cgo")
	}
	url := "sqlite:////" + strings.TrimPrefix(filepath.ToSlash(t.TempDir()), "/") + "/logs.db"
	at := time.Date(2026, 5, 4, 3, 2, 1, 123456789, time.FixedZone("", 2*60*60))
	openers := map[string]config.Opener{"mattn": config.SQLite, "pure": sqlitepure.Open}
	texts := map[string]string{}
	for name, opener := range openers {
		db := plain(t, opener, url)
		if err := db.AutoMigrate(&models.LogEntry{}); err != nil {
			t.Fatal(err)
		}
		if err := db.Create(&models.LogEntry{Event: name, CreatedAt: at}).Error; err != nil {
			t.Fatal(err)
		}
	}
	for reader, opener := range openers {
		db := plain(t, opener, url)
		for writer := range openers {
			var log models.LogEntry
			if err := db.First(&log, "event = ?", writer).Error; err != nil || !log.CreatedAt.Equal(at) {
				t.Errorf("%s reads %v of %s, %v", reader, log.CreatedAt, writer, err)
			}
			var text string
			if err := db.Raw("SELECT created_at || '' FROM logs WHERE event = ?", writer).Row().Scan(&text); err != nil {
				t.Fatal(err)
			}
			texts[writer] = text
		}
	}
	if texts["mattn"] != texts["pure"] {
		t.Errorf("the files say %q", texts)
	}
}

func plain(t *testing.T, open config.Opener, url string) *gorm.DB {
	t.Helper()
	dialector, err := open(url)
	if err != nil {
		t.Fatal(err)
	}
	db, err := gorm.Open(dialector, &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pool, err := db.DB(); err != nil || pool.Close() != nil {
			t.Error("closing failed")
		}
	})
	return db
}

// A URL's parameters come to the driver as they stand, which knows mattn's pragmas.
func TestParameters(t *testing.T) {
	for parameters, want := range map[string]string{
		"":                     "main.db",
		"?_timeout=1&_fk=on":   "main.db?_timeout=1&_fk=on",
		"?_sync=1&mode=ro":     "file:main.db?_sync=1&mode=ro",
		"?_txlock=exclusive":   "main.db?_txlock=exclusive",
		"?_loc=auto":           "",
		"?_auth_pass=x":        "",
		"?_fk=1);DROP":         "",
		"?a;b":                 "",
		"?_busy_timeout=%32%3": "",
	} {
		dialector, err := sqlitepure.Open("sqlite:///main.db" + parameters)
		if (err == nil) != (want != "") {
			t.Errorf("%s: %v", parameters, err)
		} else if err == nil && dialector.(*sqlite.Dialector).DSN != want {
			t.Errorf("%s: %s, want %s", parameters, dialector.(*sqlite.Dialector).DSN, want)
		}
	}
}
