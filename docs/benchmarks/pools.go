package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
)

// The binds, which are also the names of their files.
const (
	home  = "main" // the default bind
	other = "analytics"
)

// How many rows every file has. Work that makes rows deletes them between the
// slices.
const (
	users       = 100
	logs        = 1000 // ten for each user
	chainLength = 4    // Evens and Odds
)

// The settings of every connection, whoever opens it.
const dsnSettings = "?_journal_mode=WAL&_synchronous=OFF&_busy_timeout=10000"

// seed makes the file that all others are copies of.
func seed(dir string) (string, error) {
	path := filepath.Join(dir, "seed.db")
	db, err := gorm.Open(sqlite.Open(path+"?_synchronous=OFF"), &gorm.Config{
		Logger: silent, DisableForeignKeyConstraintWhenMigrating: true})
	if err != nil {
		return "", err
	}
	if err := db.AutoMigrate(&User{}, &LogEntry{}, &Even{}, &Odd{}); err != nil {
		return "", err
	}
	const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
	for _, insert := range []struct {
		sql  string
		rows int
	}{
		{"INSERT INTO users (id, name) SELECT i, 'user ' || i FROM n", users},
		{"INSERT INTO logs (id, user_id, event, level) SELECT i, (i - 1) / 10 + 1, 'event ' || i, i % 5 FROM n", logs},
		{"INSERT INTO evens (id, odd_id) SELECT i, i - 1 FROM n", chainLength},
		{"INSERT INTO odds (id, even_id) SELECT i, i FROM n", chainLength},
	} {
		if err := db.Exec(numbers+insert.sql, insert.rows).Error; err != nil {
			return "", err
		}
	}
	return path, closeDB(db)
}

// filePool opens a copy of the seeded file.
func filePool(seeded, path string) (*sql.DB, error) {
	content, err := os.ReadFile(seeded)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, err
	}
	pool, err := sql.Open(sqlite.DriverName, path+dsnSettings)
	if err != nil {
		return nil, err
	}
	pool.SetMaxIdleConns(16) // one for each goroutine, or they open files all the time
	return pool, nil
}

// nothingPool is a pool with no database behind it, for DryRun. All there is
// to do is what GORM does in DryRun, too: BEGIN and COMMIT around a Create, and
// the question for SQLite's version when the handle is opened.
func nothingPool() *sql.DB {
	pool := sql.OpenDB(nothing{})
	pool.SetMaxIdleConns(16)
	return pool
}

type nothing struct{}

var (
	_ driver.Connector      = nothing{}
	_ driver.QueryerContext = nothing{}
	_ driver.ConnBeginTx    = nothing{}
)

func (n nothing) Connect(context.Context) (driver.Conn, error) { return n, nil }
func (n nothing) Driver() driver.Driver                        { return n }
func (n nothing) Open(string) (driver.Conn, error)             { return n, nil }
func (n nothing) Close() error                                 { return nil }
func (n nothing) Begin() (driver.Tx, error)                    { return n, nil }
func (n nothing) Commit() error                                { return nil }
func (n nothing) Rollback() error                              { return nil }
func (n nothing) Prepare(string) (driver.Stmt, error)          { return nil, errNothing }

// BeginTx is of driver.ConnBeginTx.
func (n nothing) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return n, nil }

// QueryContext is of driver.QueryerContext.
func (n nothing) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if query != "select sqlite_version()" {
		return nil, errNothing
	}
	return &version{}, nil
}

// A version is the one answer.
type version struct{ read bool }

func (v *version) Columns() []string { return []string{"version"} }
func (v *version) Close() error      { return nil }
func (v *version) Next(values []driver.Value) error {
	if v.read {
		return io.EOF
	}
	v.read, values[0] = true, "3.45.1"
	return nil
}

type nothingError struct{}

func (nothingError) Error() string { return "a statement was sent, though there is no database behind" }

var errNothing error = nothingError{}

func closeDB(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}
