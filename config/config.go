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
// # URLs
//
// The URLs follow SQLAlchemy's convention:
//
//	sqlite:///relative.db          relative to the working directory
//	sqlite:////absolute/path.db    absolute
//	sqlite://                      in memory; so is sqlite:///:memory:
//	sqlite:///main.db?mode=ro      parameters go to the driver, and to SQLite
//
// Other schemes come from the program, with the option [Schemes], so that this
// module needs no driver but SQLite's:
//
//	config.Load(config.Schemes(config.Openers{
//		"postgres": func(url string) (gorm.Dialector, error) { return postgres.Open(url), nil },
//	}))
//
// # Secrets
//
// A URL may hold a password. No error text of this package holds one, and a
// printed [Config] shows schemes only. What a driver says is not shown where it
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
	binds   []bind // in the order of their Bind options
	openers Openers
	lookup  func(string) (string, bool)
}

type bind struct {
	key       string
	url       string // its default, until Load has asked for the variable
	dialector gorm.Dialector
}

// An Option configures [Load].
type Option func(*Config) error

// Bind adds a bind, and the URL of its database where its variable is not set;
// with the empty URL, the variable must be set. By default, there are main and
// analytics; a Bind of one of them replaces its default URL.
func Bind(key, defaultURL string) Option {
	return func(c *Config) error {
		if key == "" {
			return errors.New("config: option Bind: the bind key is empty")
		}
		for i := range c.binds {
			if c.binds[i].key == key {
				c.binds[i].url = defaultURL
				return nil
			}
			if Variable(c.binds[i].key) == Variable(key) {
				return fmt.Errorf("config: bind keys %q and %q share the variable %s; rename one of them", c.binds[i].key, key, Variable(key))
			}
		}
		c.binds = append(c.binds, bind{key: key, url: defaultURL})
		return nil
	}
}

// Schemes adds openers for URLs of further schemes, or replaces that of a known
// one. By default, only sqlite is known.
func Schemes(openers Openers) Option {
	return func(c *Config) error {
		var mistakes []error
		for _, scheme := range openers.schemes() {
			if openers[scheme] == nil || schemeOf(scheme+"://") != scheme {
				mistakes = append(mistakes, fmt.Errorf("config: option Schemes: %q needs an opener, and a name in lower case without \"://\"", scheme))
				continue
			}
			c.openers[scheme] = openers[scheme]
		}
		return errors.Join(mistakes...)
	}
}

// Lookup says where the variables are. It is [os.LookupEnv] by default.
func Lookup(lookup func(name string) (value string, ok bool)) Option {
	return func(c *Config) error {
		if lookup == nil {
			return errors.New("config: option Lookup: the function is nil")
		}
		c.lookup = lookup
		return nil
	}
}

// Variable is the name of the variable with the URL of a bind: its key in
// upper case, with "_" for what is no letter or digit, and "_DB_URL".
func Variable(key string) string {
	name := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(key))
	return name + "_DB_URL"
}

// Load reads the URL of each bind from its variable. A variable that is set,
// but empty, is a mistake: a default would hide that something was forgotten.
//
// It returns all mistakes joined in one error: those of options, and a
// [*URLError] for each variable. It opens no database.
func Load(options ...Option) (*Config, error) {
	c := &Config{
		binds: []bind{
			{key: bindkey.DefaultKey, url: "sqlite:///main.db"},
			{key: "analytics", url: "sqlite:///analytics.db"},
		},
		openers: DefaultOpeners(),
		lookup:  os.LookupEnv,
	}
	var mistakes []error
	for _, option := range options {
		mistakes = append(mistakes, option(c))
	}
	for i := range c.binds {
		mistakes = append(mistakes, c.read(&c.binds[i]))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return c, nil
}

// read finds a bind's URL and makes its dialector.
func (c *Config) read(b *bind) error {
	value, set := c.lookup(Variable(b.key))
	if set {
		b.url = value
	}
	problem := &URLError{Key: b.key, Variable: Variable(b.key), Known: c.openers.schemes()}
	switch {
	case b.url == "" && set:
		problem.reason = "it is set, but empty; give it a URL, or unset it to use the default"
		return problem
	case b.url == "":
		problem.reason = "it is not set, and the bind has no default; give it a URL"
		return problem
	}
	b.dialector, problem = c.openers.dialector(b.url)
	if problem != nil {
		problem.Key, problem.Variable = b.key, Variable(b.key)
		return problem
	}
	return nil
}

// Keys are the bind keys, the default binds first, the others in the order of
// their [Bind] options.
func (c *Config) Keys() []string {
	keys := make([]string, len(c.binds))
	for i, b := range c.binds {
		keys[i] = b.key
	}
	return keys
}

// Dialector is the dialector of a bind, for programs that register it
// themselves, or open it without the plugin. It returns a
// [*bindkey.UnknownBindError] for a key that the Config does not have.
func (c *Config) Dialector(key string) (gorm.Dialector, error) {
	for _, b := range c.binds {
		if b.key == key {
			return b.dialector, nil
		}
	}
	known := c.Keys()
	sort.Strings(known)
	return nil, &bindkey.UnknownBindError{Key: key, Known: known}
}

// String lists the binds with the schemes of their URLs, for a program's
// start: "main (sqlite), analytics (postgres)".
func (c Config) String() string {
	parts := make([]string, len(c.binds))
	for i, b := range c.binds {
		parts[i] = fmt.Sprintf("%s (%s)", b.key, schemeOf(b.url))
	}
	return strings.Join(parts, ", ")
}

// GoString is String, so that %#v shows no URL either.
func (c Config) GoString() string { return "config.Config{" + c.String() + "}" }
