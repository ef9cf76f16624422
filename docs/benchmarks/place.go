package main

import (
	"database/sql"
	"os"
	"path/filepath"

	"gorm.io/gorm"

	lab "github.com/gormbind/gormbind/internal/benchlab"
	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// The places where work is done.
var (
	dry      = nowhere{}
	dryMixed = nowhere{accented: true}
)

// nowhere has nothing behind its pools: what is measured is what comes before.
type nowhere struct {
	accented bool // analytics speaks another dialect
}

func (nowhere) Begin(string) error { return nil }
func (nowhere) End() error         { return nil }
func (nowhere) DryRun() bool       { return true }

func (nowhere) Open(_ int, databases []string) (map[string]*sql.DB, error) {
	pools := map[string]*sql.DB{}
	for _, database := range databases {
		pools[database] = nothingPool()
	}
	return pools, nil
}

func (n nowhere) Dialector(database string, pool *sql.DB) gorm.Dialector {
	if n.accented && database != lab.Home {
		return accent{dialector(pool)}
	}
	return dialector(pool)
}

// The settings of every connection, whoever opens it.
const dsnSettings = "?_journal_mode=WAL&_synchronous=OFF&_busy_timeout=10000"

// files has a file for each database, all copies of one.
type files struct{ dir, seeded string }

func (f *files) Begin(dir string) error {
	f.dir, f.seeded = dir, filepath.Join(dir, "seed.db")
	pool, err := sql.Open(sqlitedb.DriverName, f.seeded+"?_synchronous=OFF")
	if err != nil {
		return err
	}
	defer pool.Close()
	return lab.Seed(dialector(pool))
}

// End leaves the files to the folder's end.
func (f *files) End() error { return nil }

func (f *files) DryRun() bool { return false }

func (f *files) Open(_ int, databases []string) (map[string]*sql.DB, error) {
	dir, err := os.MkdirTemp(f.dir, "")
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(f.seeded)
	if err != nil {
		return nil, err
	}
	pools := map[string]*sql.DB{}
	for _, database := range databases {
		path := filepath.Join(dir, database+".db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
		if pools[database], err = sql.Open(sqlitedb.DriverName, path+dsnSettings); err != nil {
			return nil, err
		}
		pools[database].SetMaxIdleConns(16) // one for each goroutine, or they open files all the time
	}
	return pools, nil
}

func (f *files) Dialector(_ string, pool *sql.DB) gorm.Dialector { return dialector(pool) }
