package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
)

// SQLite is the [Opener] for sqlite URLs. As in SQLAlchemy, what follows the
// third slash is a path, taken as it stands: sqlite:///main.db is a relative
// one, sqlite:////data/main.db an absolute one. Without a path, or with
// ":memory:", each call makes a database of its own in memory, which all
// connections of its pool share; it goes when the last of them is closed.
//
// Query parameters go to the driver (_busy_timeout, _foreign_keys, …) and to
// SQLite (mode, cache, immutable, vfs, …). It returns an error for a host and
// for parameters that can't be read.
//
// The dialector connects by github.com/mattn/go-sqlite3, which needs cgo. In a build
// without cgo the scheme sqlite is an error that says so, unless the program imports
// config/sqlitepure.
func SQLite(rawURL string) (gorm.Dialector, error) {
	_, rest, _ := strings.Cut(rawURL, "://")
	path, query, _ := strings.Cut(rest, "?")
	if path != "" && path[0] != '/' {
		return nil, errors.New("a sqlite URL has no host; three slashes begin a relative path, four an absolute one")
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("its query parameters can't be read; write name=value&name=value")
	}
	path = strings.TrimPrefix(path, "/")
	switch {
	case path == "" || path == ":memory:":
		// Plain :memory: is a database for each connection of the pool.
		// https://www.sqlite.org/src/file/src/memdb.c: a name that begins with
		// a slash is shared in the process.
		path = fmt.Sprintf("file:/gormbind-%d", memories.Add(1))
		query = strings.Trim("vfs=memdb&"+query, "&")
	case strings.HasPrefix(path, "file:"):
		// SQLite's own URI
	case forSQLite(params):
		// The driver drops these, unless the name is a URI (mattn/go-sqlite3, Open).
		path = "file:" + (&url.URL{Path: path}).EscapedPath()
	}
	if query != "" {
		path += "?" + query
	}
	return sqlite.Open(path), nil
}

// LimitSQLite is the Limit of [Driver] for sqlite URLs. SQLite has a limit for
// locks, and read-only files; it connects to no server, and stops no statement.
func LimitSQLite(rawURL string, limits Limits) (string, error) {
	switch {
	case limits.Lock > 0:
		value, err := WholeMilliseconds(limits.Lock)
		if err != nil {
			return "", err
		}
		return AddParameter(rawURL, "_busy_timeout", value)
	case limits.ReadOnly:
		_, rest, _ := strings.Cut(rawURL, "://")
		path, _, _ := strings.Cut(rest, "?")
		if path = strings.TrimPrefix(path, "/"); path == "" || path == ":memory:" {
			return "", errors.New("a database in memory that nobody can write to stays empty; remove it")
		}
		return AddParameter(rawURL, "mode", "ro")
	case limits.Connect > 0:
		return "", errors.New("SQLite connects to no server; remove it")
	default:
		return "", errors.New("SQLite stops no statement after a time; remove it, and give the statement's context a deadline")
	}
}

var memories atomic.Int64

// forSQLite reports whether some parameter is SQLite's: the driver's begin
// with an underscore.
func forSQLite(params url.Values) bool {
	for name := range params {
		if !strings.HasPrefix(name, "_") {
			return true
		}
	}
	return false
}
