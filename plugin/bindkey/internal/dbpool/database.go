package dbpool

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/dsn"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// Same reports whether two pools are of one database, as far as their DSNs
// tell: the same text, or for SQLite the same file.
func (p *Pool) Same(other *Pool) bool {
	return p == other || p.Database != "" && p.Database == other.Database
}

// DatabaseOf tells a database from all others, or is "" where that is not
// known, or where each pool has a database of its own. It may hold a password:
// it is for comparison only. The dialector or the pool may be nil.
func DatabaseOf(d gorm.Dialector, conn gorm.ConnPool) string {
	source := sourceOf(d, conn)
	if isSQLite(d, conn) {
		return sqliteDatabase(source.DSN)
	}
	if d == nil || source.DSN == "" || Supplied(d) || strings.Contains(source.DSN, ":memory:") || strings.Contains(source.DSN, "mode=memory") {
		return ""
	}
	return strings.Join([]string{source.Dialect, source.Driver, source.DSN}, " ")
}

// isSQLite asks the dialector, and the driver where that hides behind another
// name or is not known.
func isSQLite(d gorm.Dialector, conn gorm.ConnPool) bool {
	if d != nil && product.Of(d.Name()).SQL == sqlscan.SQLite {
		return true
	}
	db := poolOf(conn)
	if db == nil {
		return false
	}
	driver := reflect.TypeOf(db.Driver())
	if driver != nil && driver.Kind() == reflect.Pointer {
		driver = driver.Elem()
	}
	return driver != nil && strings.Contains(driver.PkgPath(), "sqlite")
}

func poolOf(conn gorm.ConnPool) *sql.DB {
	if conn == nil {
		return nil
	}
	db, err := DBOf(conn)
	if err != nil {
		return nil
	}
	return db
}

// dsnOfPool is the DSN that sql.Open was given, where database/sql keeps it: in
// a dsnConnector, for a driver without connectors of its own, as SQLite's are.
func dsnOfPool(conn gorm.ConnPool) string {
	db := poolOf(conn)
	if db == nil {
		return ""
	}
	connector := reflect.ValueOf(db).Elem().FieldByName("connector")
	if connector.Kind() != reflect.Interface || connector.IsNil() {
		return ""
	}
	connector = connector.Elem()
	if connector.Kind() != reflect.Struct || connector.Type().PkgPath() != "database/sql" {
		return ""
	}
	if dsn := connector.FieldByName("dsn"); dsn.Kind() == reflect.String {
		return dsn.String()
	}
	return ""
}

// sqliteDatabase is the identity of a SQLite database: its file, whatever the
// DSN's spelling and parameters. A database in memory or in a temporary file has
// none, since nobody else sees it but by an agreement that the DSN does not
// tell reliably. Connections that can't write are told from others: in a branch
// of theirs the others could not, and in one of the others they could.
func sqliteDatabase(dsn string) string {
	path, query, _ := strings.Cut(dsn, "?")
	params, err := url.ParseQuery(query)
	if err != nil || path == "" {
		return ""
	}
	readOnly := isOn(params.Get("_query_only")) || strings.Contains(strings.Join(params["_pragma"], " "), "query_only")
	if uri, ok := strings.CutPrefix(path, "file:"); ok { // else the driver cuts the parameters off
		uri, _, _ = strings.Cut(uri, "#")
		if authority, ok := strings.CutPrefix(uri, "//"); ok {
			host, rest, _ := strings.Cut(authority, "/")
			if host != "" && host != "localhost" {
				return ""
			}
			uri = "/" + rest
		}
		if path, err = url.PathUnescape(uri); err != nil {
			return ""
		}
		if len(path) > 1 && filepath.VolumeName(path[1:]) != "" {
			path = path[1:] // file:///C:/dev.db
		}
		for _, mode := range params["mode"] {
			if mode == "memory" {
				return ""
			}
			readOnly = readOnly || mode == "ro"
		}
		readOnly = readOnly || isOn(params.Get("immutable"))
	} else if strings.Contains(dsn, "://") {
		return "sqlite " + dsn // of a server that speaks it
	}
	vfs := strings.Join(params["vfs"], " ")
	if path == "" || path == ":memory:" || strings.Contains(path, "\x00") || vfs == "memdb" {
		return ""
	}
	identity := "sqlite vfs=" + vfs + " "
	if readOnly {
		identity += "read-only "
	}
	return identity + realPath(path, 0)
}

func isOn(value string) bool {
	switch strings.ToLower(value) {
	case "", "0", "false", "no", "off":
		return false
	default:
		return true
	}
}

// realPath is the path that a file has, or would have once SQLite has made it.
func realPath(path string, links int) string {
	if !filepath.IsAbs(path) {
		dir, err := os.Getwd()
		if err != nil {
			return path
		}
		path = dir + string(filepath.Separator) + path // not cleaned: symlink/.. is not nothing
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir, name := filepath.Split(path)
	if target, err := os.Readlink(path); err == nil && links < 40 { // to a file that is not there yet
		if !filepath.IsAbs(target) {
			target = dir + target
		}
		return realPath(target, links+1)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return filepath.Join(real, name)
	}
	return filepath.Clean(path)
}

// Supplied reports whether the application gave the dialector an open pool:
// the dialectors of GORM have a field Conn for that.
func Supplied(d gorm.Dialector) bool {
	conn := dsn.Field(d, "Conn")
	return conn.IsValid() && !conn.IsZero()
}
