package bindtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindtest/internal/onetx"
)

// A database is a fresh one for a bind, which nobody has opened yet.
type database struct {
	name      string // of a server's
	connector driver.Connector
	dialector func(gorm.ConnPool) gorm.Dialector
	drop      func(TB)
	file      string // SQLite's
}

// dsnConnector is sql.Open's, for drivers that have none of their own.
type dsnConnector struct {
	driver driver.Driver
	dsn    string
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c dsnConnector) Driver() driver.Driver                        { return c.driver }

// connectorOf connects by a driver that is registered with database/sql.
func connectorOf(name, dsn string) (driver.Connector, error) {
	pool, err := sql.Open(name, dsn)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if opener, ok := pool.Driver().(driver.DriverContext); ok {
		return opener.OpenConnector(dsn)
	}
	return dsnConnector{pool.Driver(), dsn}, nil
}

// newFile makes a SQLite file in a folder, with the bytes of a template.
func newFile(dir, key string, content []byte) (*database, error) {
	file, err := freshFile(dir, plainName(key), content)
	if err != nil {
		return nil, err
	}
	connector := sqlitedb.Connector(file + "?_busy_timeout=5000&_synchronous=OFF")
	return &database{connector: connector, file: file, drop: func(TB) {}, dialector: onSQLite}, nil
}

func onSQLite(pool gorm.ConnPool) gorm.Dialector { return sqlite.New(sqlite.Config{Conn: pool}) }

// freshFile makes a file that nobody else has: plain names of two keys may be one.
func freshFile(dir, name string, content []byte) (string, error) {
	for n := 1; ; n++ {
		path := filepath.Join(dir, name+".db")
		if n > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d.db", name, n))
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = file.Write(content)
		return path, errors.Join(err, file.Close())
	}
}

// open opens a bind's pools: each is seen by the kit, but for the one past it. The plugin
// has a tenant's opened when it needs them.
func (d *database) open(k *kit, at place, roles []string) *bind {
	dialect := d.dialector(nil).Name()
	b := &bind{place: at, roles: roles, dialector: d.dialector, dialect: dialect, connector: onetx.New(d.connector, dialect), drop: d.drop}
	if at.tenant == "" {
		for _, role := range roles {
			b.pool(k, role)
		}
	}
	b.aside = sql.OpenDB(b.connector.Aside())
	return b
}

// The roles of pools.
const (
	source  = "source"
	replica = "replica"
)

// pool opens a pool that the kit sees, and has it closed at the end.
func (b *bind) pool(k *kit, role string) *sql.DB {
	pool := sql.OpenDB(testkit.Wrap(b.String(), b.connector, k.through(b, role)))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pools = append(b.pools, pool)
	return pool
}

// plainName is a key as it may stand in the name of a file or database.
func plainName(key string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		default:
			return '_'
		}
	}, key)
	if len(name) > 24 {
		name = name[:24]
	}
	return name
}

// uniqueName is a database's name that nobody else has.
func uniqueName(key string) (string, error) {
	random := make([]byte, 6)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return fmt.Sprintf("bindtest_%s_%s", plainName(key), hex.EncodeToString(random)), nil
}
