package sqlitedb_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// What follows holds for each driver: a build with cgo runs it on mattn's, and
// one without on modernc's.

type thing struct {
	ID   uint
	Name string `gorm:"uniqueIndex"`
	At   time.Time
}

type part struct {
	ID      uint
	ThingID uint
	Thing   thing
}

func open(t *testing.T, dsn string, config *gorm.Config) (*gorm.DB, *sql.DB) {
	t.Helper()
	config.Logger = logger.Discard
	db, err := gorm.Open(sqlitedb.Open(dsn), config)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return db, pool
}

// The texts of errors, and what GORM makes of them.
func TestErrors(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		for _, translate := range []bool{false, true} {
			db, _ := open(t, filepath.Join(t.TempDir(), "a.db")+"?_foreign_keys=on", &gorm.Config{PrepareStmt: prepare, TranslateError: translate})
			if err := db.AutoMigrate(&thing{}, &part{}); err != nil {
				t.Fatal(err)
			}
			if err := db.Create(&thing{ID: 1, Name: "a"}).Error; err != nil {
				t.Fatal(err)
			}
			for text, c := range map[string]struct {
				err  error
				want error
			}{
				"UNIQUE constraint failed: things.id":   {db.Create(&thing{ID: 1, Name: "b"}).Error, gorm.ErrDuplicatedKey},
				"UNIQUE constraint failed: things.name": {db.Create(&thing{ID: 2, Name: "a"}).Error, gorm.ErrDuplicatedKey},
				"FOREIGN KEY constraint failed":         {db.Exec("INSERT INTO parts (thing_id) VALUES (7)").Error, gorm.ErrForeignKeyViolated},
				"no such table: absent":                 {db.Exec("DELETE FROM absent").Error, nil},
				"no such column: absent":                {db.Where("absent = 1").Find(&[]thing{}).Error, nil},
			} {
				if translate && c.want != nil {
					if !errors.Is(c.err, c.want) {
						t.Errorf("PrepareStmt %t: %v, want %v", prepare, c.err, c.want)
					}
				} else if c.err == nil || c.err.Error() != text {
					t.Errorf("PrepareStmt %t: %v, want %s", prepare, c.err, text)
				}
			}
		}
	}
}

// An error of a later row comes with that row.
func TestErrorOfARow(t *testing.T) {
	_, pool := open(t, ":memory:", &gorm.Config{})
	rows, err := pool.Query("SELECT abs(column1) FROM (VALUES (1), (-9223372036854775808))")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); n != 1 || err == nil || err.Error() != "integer overflow" {
		t.Errorf("%d rows, %v", n, err)
	}
}

// A COMMIT that fails leaves its connection outside of any transaction.
func TestCommitThatFails(t *testing.T) {
	_, pool := open(t, filepath.Join(t.TempDir(), "a.db")+"?_fk=1", &gorm.Config{})
	pool.SetMaxOpenConns(1)
	for _, ddl := range []string{"CREATE TABLE a (id integer PRIMARY KEY)", "CREATE TABLE b (id integer REFERENCES a DEFERRABLE INITIALLY DEFERRED)"} {
		if _, err := pool.Exec(ddl); err != nil {
			t.Fatal(err)
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
			t.Errorf("COMMIT: %v", err)
		}
	}
	var rows int
	if err := pool.QueryRow("SELECT count(*) FROM b").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// Prepared, it crashes mattn's driver.
func TestSQLWithoutAStatement(t *testing.T) {
	db, _ := open(t, ":memory:", &gorm.Config{})
	for _, text := range []string{"", "-- nothing"} {
		if result := db.Exec(text); result.Error != nil || result.RowsAffected != 0 {
			t.Errorf("%q: %d rows, %v", text, result.RowsAffected, result.Error)
		}
	}
}

// A busy file is waited for, five seconds unless the DSN says otherwise.
func TestBusy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	for dsn, want := range map[string]int{file: 5000, file + "?_busy_timeout=1": 1} {
		_, pool := open(t, dsn, &gorm.Config{})
		var wait int
		if err := pool.QueryRow("PRAGMA busy_timeout").Scan(&wait); err != nil || wait != want {
			t.Errorf("%s: %d, %v", dsn, wait, err)
		}
	}
	_, pool := open(t, file+"?_busy_timeout=1&_txlock=exclusive", &gorm.Config{})
	tx, err := pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Begin(); err == nil || err.Error() != "database is locked" {
		t.Errorf("a second transaction: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
}

// Times are written in one form, and come back.
func TestTimes(t *testing.T) {
	db, pool := open(t, filepath.Join(t.TempDir(), "a.db"), &gorm.Config{})
	at := time.Date(2026, 5, 4, 3, 2, 1, 123456789, time.FixedZone("", 2*60*60))
	if err := errors.Join(db.AutoMigrate(&thing{}), db.Create(&thing{At: at}).Error); err != nil {
		t.Fatal(err)
	}
	var text string
	if err := pool.QueryRow("SELECT at || '' FROM things").Scan(&text); err != nil || text != "2026-05-04 03:02:01.123456789+02:00" {
		t.Errorf("%s, %v", text, err)
	}
	var back thing
	if err := db.First(&back).Error; err != nil || !back.At.Equal(at) {
		t.Errorf("%v, %v", back.At, err)
	}
}

func TestConnector(t *testing.T) {
	conn, err := sqlitedb.Connector(filepath.Join(t.TempDir(), "a.db") + "?_query_only=1").Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if conn, err := sqlitedb.Connector(filepath.Join(t.TempDir(), "no", "a.db")).Connect(context.Background()); err == nil {
		t.Errorf("a file of no folder is opened: %v", conn.Close())
	} else if !strings.HasPrefix(err.Error(), "unable to open database file") {
		t.Error(err)
	}
}
