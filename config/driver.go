package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A Driver is what a module of config/… adds: it opens the URLs of some schemes,
// and knows what its database calls the limits of a connection.
type Driver struct {
	Schemes []string // in lower case, without "://"
	Open    Opener

	// Limit adds limits to a URL, usually as parameters ([AddParameter]). It is
	// called once for each limit that is set, and returns an error for one that
	// the database does not have. A nil Limit has none.
	Limit func(rawURL string, limits Limits) (string, error)
}

// Limits are what every connection of a bind is told when it is opened.
type Limits struct {
	Connect   time.Duration // to open a connection
	Statement time.Duration // for a statement, kept by the database
	Lock      time.Duration // to wait for a lock
	ReadOnly  bool          // the database refuses writes
}

var (
	registering sync.RWMutex
	registered  = map[string]Driver{}
)

// Register makes [Load] and [DefaultOpeners] know a driver, in the place of one
// that has its schemes already. The packages config/… call it when they are
// imported. It panics if the driver has no scheme, or one in a wrong form, or no
// Open.
func Register(d Driver) {
	registering.Lock()
	defer registering.Unlock()
	if len(d.Schemes) == 0 || d.Open == nil {
		panic("config: Register needs a scheme and Open")
	}
	for _, scheme := range d.Schemes {
		if schemeOf(scheme+"://") != scheme {
			panic(fmt.Sprintf("config: Register: scheme %q is not in lower case, or has a \"://\"", scheme))
		}
		registered[scheme] = d
	}
}

func init() { Register(Driver{Schemes: []string{"sqlite"}, Open: sqliteOfBuild, Limit: LimitSQLite}) }

// drivers are the registered ones, in a map of the caller's own.
func drivers() map[string]Driver {
	registering.RLock()
	defer registering.RUnlock()
	known := make(map[string]Driver, len(registered))
	for scheme, driver := range registered {
		known[scheme] = driver
	}
	return known
}

// AddParameter adds a query parameter to a URL, for [Driver].Limit. It returns an
// error if the URL has it already.
func AddParameter(rawURL, name, value string) (string, error) {
	before, query, found := strings.Cut(rawURL, "?")
	given, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("the URL's query parameters can't be read; write name=value&name=value")
	}
	if given.Has(name) {
		return "", fmt.Errorf("the URL has the parameter %s, which says the same; keep one of them", name)
	}
	if found && query != "" {
		query += "&"
	}
	return before + "?" + query + url.QueryEscape(name) + "=" + url.QueryEscape(value), nil
}

// WholeSeconds is a limit for a database that counts it in seconds.
func WholeSeconds(d time.Duration) (string, error) {
	if d%time.Second != 0 {
		return "", errors.New("the database counts it in whole seconds")
	}
	return fmt.Sprint(int64(d / time.Second)), nil
}

// WholeMilliseconds is a limit for a database that counts it in milliseconds.
func WholeMilliseconds(d time.Duration) (string, error) {
	if d%time.Millisecond != 0 {
		return "", errors.New("the database counts it in whole milliseconds")
	}
	return fmt.Sprint(d.Milliseconds()), nil
}
