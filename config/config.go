// Package config turns the environment into binds: each bind key has a
// variable with the URL of its database, as in the tutorial.
//
//	variable            default                 bind
//	MAIN_DB_URL         sqlite:///main.db       main, which the handle opens
//	ANALYTICS_DB_URL    sqlite:///analytics.db  analytics
//
// [Load] reads the variables and reports everything that is wrong with them in
// one error; (*Config).Open opens the handle and installs the plugin:
//
//	cfg, err := config.Load()
//	…
//	db, err := cfg.Open(bindkey.New(), &gorm.Config{})
//
// Each bind has more settings: replicas, pool sizes, limits, read-only.
// docs/configuration.md has them all; ANALYTICS_DB_REPLICA_URLS and
// ANALYTICS_DB_MAX_OPEN_CONNS are two. The option [File] reads them from a YAML file
// instead.
//
// # URLs
//
// The URLs of SQLite follow SQLAlchemy's convention:
//
//	sqlite:///relative.db          relative to the working directory
//	sqlite:////absolute/path.db    absolute
//	sqlite://                      in memory; so is sqlite:///:memory:
//	sqlite:///main.db?mode=ro      parameters go to the driver, and to SQLite
//
// Other schemes come with an import, so that this module needs no driver but
// SQLite's: the packages postgres, mysql, sqlserver and sqlitepure (SQLite without a
// C compiler) beside this one, each a module of its own. The option [Schemes] adds a
// program's own.
//
//	import _ "github.com/gormbind/gormbind/config/postgres"
//
// # Secrets
//
// A URL may hold a password. No error text of this package holds one, or any value
// that is wrong, and a printed [Config] shows schemes and settings, and no URL. What a driver says is not shown where it
// can't read its DSN, or where the URL can be read in more ways than one: escape
// "/", "?", "#" and "@" in a password as %2F, %3F, %23 and %40.
package config

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A Config knows the database of each bind. [Load] makes it; every URL in it
// has an opener that accepts it.
type Config struct {
	binds    []*bind // main first, then in the order of their Bind options, then of the file
	openers  Openers
	limits   map[string]func(string, Limits) (string, error) // by scheme
	lookup   func(string) (string, bool)
	environ  func() []string // nil where lookup is the program's own
	file     string          // of the option File, or ""
	expanded map[string]bool // variables that the file has in ${}
	twoPhase *bindkey.TwoPhaseConfig
	tenants  map[string]tenants // by bind: what the option Tenants says
}

// An Option configures [Load].
type Option func(*Config) error

// Bind adds a bind, and the URL of its database where neither its variable nor the
// file gives one; with the empty URL, one of them must.
//
// main and analytics exist even without a Bind, with their default URLs; a Bind of one
// of them replaces that. A program with other binds gets them as well: with the
// option [File], there are only main and those of the file and of Bind.
func Bind(key, defaultURL string) Option {
	return func(c *Config) error {
		if key == "" {
			return errors.New("config: option Bind: the bind key is empty")
		}
		b, err := c.bindFor(key)
		if err == nil {
			b.url, b.builtIn = defaultURL, false
		}
		return err
	}
}

// bindFor is the bind with a key, added if there is none.
func (c *Config) bindFor(key string) (*bind, error) {
	for _, b := range c.binds {
		if b.key == key {
			return b, nil
		}
		if Variable(b.key) == Variable(key) {
			return nil, fmt.Errorf("config: bind keys %q and %q share the variable %s; rename one of them", b.key, key, Variable(key))
		}
	}
	b := &bind{key: key, given: map[string][]given{}}
	c.binds = append(c.binds, b)
	return b, nil
}

// Schemes adds openers for URLs of further schemes, or replaces that of a known
// one. By default, sqlite is known, and what [Register] was given. Their databases
// have no [Limits] but in their URLs.
func Schemes(openers Openers) Option {
	return func(c *Config) error {
		var mistakes []error
		for _, scheme := range openers.schemes() {
			if openers[scheme] == nil || schemeOf(scheme+"://") != scheme {
				mistakes = append(mistakes, fmt.Errorf("config: option Schemes: %q needs an opener, and a name in lower case without \"://\"", scheme))
				continue
			}
			c.openers[scheme] = openers[scheme]
			delete(c.limits, scheme)
		}
		return errors.Join(mistakes...)
	}
}

// Lookup says where the variables are. It is [os.LookupEnv] by default. It is asked
// for every setting of every bind, and for each ${NAME} of a file.
func Lookup(lookup func(name string) (value string, ok bool)) Option {
	return func(c *Config) error {
		if lookup == nil {
			return errors.New("config: option Lookup: the function is nil")
		}
		c.lookup, c.environ = lookup, nil
		return nil
	}
}

// Load reads the URL and the settings of each bind, from its variables and, with
// the option [File], from a file. A variable that is set, but empty, is a mistake:
// a default would hide that something was forgotten. So is one whose name is nearly a
// setting's, or a frequent wrong name for one (ANALYTICS_DB_POOL_SIZE), unless
// [Lookup] says where the variables are. Other names are ignored.
//
// It returns all mistakes joined in one error: those of options, a [*FileError] for
// the file, a [*SettingError] for each setting, and a [*URLError] for each URL. It
// opens no database.
func Load(options ...Option) (*Config, error) {
	c := newConfig()
	var mistakes []error
	for _, option := range options {
		mistakes = append(mistakes, option(c))
	}
	if c.file != "" {
		mistakes = append(mistakes, c.readFile()...)
	}
	for _, b := range c.binds {
		mistakes = append(mistakes, c.readVariables(b)...)
		mistakes = append(mistakes, c.complete(b)...)
	}
	mistakes = append(mistakes, c.checkTwoPhase()...)
	mistakes = append(mistakes, c.checkOptions()...)
	mistakes = append(mistakes, c.misspelt()...)
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return c, nil
}

func newConfig() *Config {
	c := &Config{
		binds: []*bind{
			{key: bindkey.DefaultKey, url: "sqlite:///main.db", builtIn: true, given: map[string][]given{}},
			{key: "analytics", url: "sqlite:///analytics.db", builtIn: true, given: map[string][]given{}},
		},
		openers:  Openers{},
		limits:   map[string]func(string, Limits) (string, error){},
		lookup:   os.LookupEnv,
		environ:  os.Environ,
		expanded: map[string]bool{},
		tenants:  map[string]tenants{},
	}
	for scheme, driver := range drivers() {
		c.openers[scheme], c.limits[scheme] = driver.Open, driver.Limit
	}
	return c
}

// Keys are the bind keys: the default binds first, the others in the order of
// their [Bind] options, and then of the file.
func (c *Config) Keys() []string {
	keys := make([]string, len(c.binds))
	for i, b := range c.binds {
		keys[i] = b.key
	}
	return keys
}

// Dialector is the dialector of a bind's source, for programs that register it
// themselves, or open it without the plugin. It returns a
// [*bindkey.UnknownBindError] for a key that the Config does not have.
func (c *Config) Dialector(key string) (gorm.Dialector, error) {
	for _, b := range c.binds {
		if b.key == key {
			return b.source.dialector, nil
		}
	}
	known := c.Keys()
	sort.Strings(known)
	return nil, &bindkey.UnknownBindError{Key: key, Known: known}
}

// String lists the binds with the schemes of their URLs and their settings, for a
// program's start: "main (sqlite), analytics (postgres, 2 replicas, max_open_conns 20)".
func (c Config) String() string {
	parts := make([]string, len(c.binds))
	for i, b := range c.binds {
		parts[i] = b.String()
	}
	if c.twoPhase != nil {
		parts = append(parts, "two_phase "+c.twoPhase.App)
	}
	return strings.Join(parts, ", ")
}

// GoString is String, so that %#v shows no URL either.
func (c Config) GoString() string { return "config.Config{" + c.String() + "}" }
