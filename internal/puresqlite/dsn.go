package puresqlite

import (
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strings"
)

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

// DSN is a DSN of mattn's driver as modernc's reads it: with a pragma for each
// parameter that is one, and with what is mattn's default (busy connections are
// waited for five seconds, and times are written in its form, or a file would have
// two). It returns an error for another parameter of mattn's, which modernc's would
// leave alone in silence. The error has no value of a parameter.
func DSN(name string) (string, error) {
	at := strings.IndexByte(name, '?')
	if name == "" || at == 0 {
		return name, nil // without a name before them, there are no parameters
	}
	file, query, _ := strings.Cut(name, "?")
	given, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("its query parameters can't be read; write name=value&name=value")
	}
	parameters, err := translated(given)
	if err != nil {
		return "", err
	}
	return file + "?" + parameters, nil
}

// translated are the parameters as modernc's driver knows them. The pragma of busy
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
				return "", fmt.Errorf("SQLite's driver without cgo does not know the parameter %s; write _pragma=name(value), or build with cgo", name)
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
