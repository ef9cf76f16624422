// Package sqlitepure lets package config open SQLite's URLs without a C compiler,
// with modernc.org/sqlite in the place of github.com/mattn/go-sqlite3. To import it
// is enough:
//
//	import _ "github.com/gormbind/gormbind/config/sqlitepure"
//
//	ANALYTICS_DB_URL=sqlite:///analytics.db?_busy_timeout=1000
//
// The scheme sqlite is this package's then, with the same URLs, settings and files.
// Parameters of mattn's driver that are pragmas work, too; another one of its is an
// error, since modernc's would leave it alone in silence. Busy connections are waited
// for five seconds, as with mattn's.
package sqlitepure

import (
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strings"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
)

func init() {
	config.Register(config.Driver{Schemes: []string{"sqlite"}, Open: Open, Limit: config.LimitSQLite})
}

// Open makes the dialector of a URL, as [config.SQLite] does. It opens no
// connection.
func Open(rawURL string) (gorm.Dialector, error) {
	before, query, _ := strings.Cut(rawURL, "?")
	given, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("its query parameters can't be read; write name=value&name=value")
	}
	parameters, err := translated(given)
	if err != nil {
		return nil, err
	}
	like, err := config.SQLite(before + "?" + parameters)
	if err != nil {
		return nil, err
	}
	return Dialector{&sqlite.Dialector{DriverName: DriverName, DSN: like.(*sqlite.Dialector).DSN}}, nil
}

// pragmas are the parameters of mattn's driver that are pragmas, under all their
// names (sqlite3.go, Open).
var pragmas = map[string]string{
	"_auto_vacuum": "auto_vacuum", "_vacuum": "auto_vacuum",
	"_busy_timeout": "busy_timeout", "_timeout": "busy_timeout",
	"_case_sensitive_like": "case_sensitive_like", "_cslike": "case_sensitive_like",
	"_defer_foreign_keys": "defer_foreign_keys", "_defer_fk": "defer_foreign_keys",
	"_foreign_keys": "foreign_keys", "_fk": "foreign_keys",
	"_ignore_check_constraints": "ignore_check_constraints",
	"_journal_mode":             "journal_mode", "_journal": "journal_mode",
	"_locking_mode": "locking_mode", "_locking": "locking_mode",
	"_query_only":         "query_only",
	"_recursive_triggers": "recursive_triggers", "_rt": "recursive_triggers",
	"_secure_delete": "secure_delete",
	"_synchronous":   "synchronous", "_sync": "synchronous",
	"_cache_size": "cache_size",
}

// own are modernc's parameters.
var own = map[string]bool{"_pragma": true, "_txlock": true, "_time_format": true, "_time_integer_format": true}

// translated are the parameters as modernc's driver knows them. Times are written
// as mattn's driver writes them, or a file would have two forms; the pragma of busy
// connections comes first, or the others could fail on one.
func translated(given url.Values) (string, error) {
	names := make([]string, 0, len(given))
	for name := range given {
		names = append(names, name)
	}
	sort.Strings(names)
	busy, parts := "5000", []string{}
	for _, name := range names {
		for _, value := range given[name] {
			switch pragma := pragmas[name]; {
			case pragma != "" && !isWord(value):
				return "", fmt.Errorf("its parameter %s has a value that is no pragma's", name)
			case pragma == "busy_timeout":
				busy = value
			case pragma != "":
				parts = append(parts, "_pragma="+url.QueryEscape(pragma+"("+value+")"))
			case strings.HasPrefix(name, "_") && !own[name]:
				return "", fmt.Errorf("the driver does not know its parameter %s; write _pragma=name(value), or build with cgo and without config/sqlitepure", name)
			default:
				parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(value))
			}
		}
	}
	if !given.Has("_time_format") {
		parts = append(parts, "_time_format=sqlite")
	}
	return strings.Join(append([]string{"_pragma=busy_timeout(" + busy + ")"}, parts...), "&"), nil
}

func isWord(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// A Dialector is GORM's, and translates the errors of modernc's driver: GORM's own
// looks for the fields of mattn's.
type Dialector struct{ *sqlite.Dialector }

// Translate makes GORM's errors of SQLite's codes.
func (d Dialector) Translate(err error) error {
	var coded interface {
		error
		Code() int
	}
	if errors.As(err, &coded) {
		switch coded.Code() {
		case 1555, 2067: // SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE
			return gorm.ErrDuplicatedKey
		case 787: // SQLITE_CONSTRAINT_FOREIGNKEY
			return gorm.ErrForeignKeyViolated
		}
	}
	return err
}
