package config

import (
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/dsn"
)

// A bind is what is known of one bind: first what a file and variables say, then
// its databases and settings.
type bind struct {
	key      string
	url      string             // its default, for where nothing else gives one
	builtIn  bool               // it was not asked for; a file takes its place
	given    map[string][]given // by the name of the setting
	source   endpoint
	replicas []endpoint
	settings settings
}

// A given is a value that was given for a setting, and where.
type given struct {
	origin string // a variable, or the line of a file
	text   string
	bad    bool // what is wrong has been said; there is no text
}

// An endpoint is one database of a bind.
type endpoint struct {
	url, origin string
	dialector   gorm.Dialector
}

func (e endpoint) told() dsn.Source {
	source := dsn.Of(e.dialector)
	source.URL = e.url
	return source
}

// A SettingError says what is wrong with a setting of one bind. It quotes no value.
type SettingError struct {
	Key     string // the bind
	Setting string // its name in a file
	Origin  string // the variable, or the line of the file
	Err     error  // what is wrong

	text string
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("config: %s (bind %q): %s", e.Origin, e.Key, e.text)
}

// Unwrap returns what is wrong.
func (e *SettingError) Unwrap() error { return e.Err }

func (b *bind) mistake(name string, err error, source dsn.Source) error {
	origin := b.given[name][0].origin
	return &SettingError{Key: b.key, Setting: name, Origin: origin, Err: err, text: source.TellOpener(err)}
}

// complete makes settings and databases of what was given, and returns all
// mistakes.
func (c *Config) complete(b *bind) (mistakes []error) {
	for _, s := range allSettings {
		if values := b.given[s.name]; len(values) > 0 && !values[0].bad && !s.isURL() {
			if err := s.read(&b.settings, values[0].text); err != nil {
				mistakes = append(mistakes, b.mistake(s.name, err, dsn.Source{}))
			}
		}
	}
	for _, found := range b.settings.contradictions(len(b.given[nameReplicas])) {
		mistakes = append(mistakes, b.mistake(found.name, errors.New(found.reason), dsn.Source{}))
	}
	source := given{origin: Variable(b.key), text: b.url}
	if values := b.given[nameURL]; len(values) > 0 {
		source = values[0]
	}
	if source.text == "" && !source.bad {
		mistakes = append(mistakes, c.missing(b, source.origin))
		source.bad = true
	}
	var problems []error
	b.source, problems = c.endpoint(b, source)
	for _, replica := range b.given[nameReplicas] {
		e, more := c.endpoint(b, replica)
		if err := b.otherDialect(e, c.openers); err != nil {
			more = append(more, err)
		}
		b.replicas, problems = append(b.replicas, e), append(problems, more...)
	}
	mistakes = append(mistakes, b.checkTenants()...)
	return append(mistakes, distinct(problems)...)
}

func (c *Config) missing(b *bind, origin string) error {
	problem := &URLError{Key: b.key, Variable: origin, Known: c.openers.schemes()}
	problem.reason = "it is not set, and the bind has no default; give it a URL"
	if c.file != "" {
		problem.reason = "it is not set, and " + c.file + " has no url for the bind; give it one"
	}
	return problem
}

// endpoint makes the dialector of a URL, with the bind's limits. Where a limit is
// a mistake, the URL is looked at all the same.
func (c *Config) endpoint(b *bind, from given) (e endpoint, mistakes []error) {
	e = endpoint{url: from.text, origin: from.origin}
	if from.bad {
		return e, nil
	}
	limited := strings.ReplaceAll(from.text, tenantMark, anyTenant)
	names, limits := b.settings.limits()
	for i, name := range names {
		if c.openers[schemeOf(from.text)] == nil {
			break // which is the mistake
		}
		with, err := c.limited(limited, limits[i])
		if err != nil {
			mistakes = append(mistakes, b.mistake(name, err, dsn.Source{URL: from.text}))
			continue
		}
		limited = with
	}
	dialector, problem := c.openers.dialector(limited)
	if problem != nil {
		problem.Key, problem.Variable = b.key, from.origin
		return e, append(mistakes, problem)
	}
	e.dialector = dialector
	return e, mistakes
}

func (c *Config) limited(rawURL string, limits Limits) (string, error) {
	scheme := schemeOf(rawURL)
	limit := c.limits[scheme]
	if limit == nil {
		return "", fmt.Errorf("the opener of scheme %q knows no limits; remove it, and write a parameter of the driver into the URL", scheme)
	}
	return limit(rawURL, limits)
}

// otherDialect is what the plugin would say of a replica when it opens it.
func (b *bind) otherDialect(replica endpoint, openers Openers) error {
	if b.source.dialector == nil || replica.dialector == nil || b.source.dialector.Name() == replica.dialector.Name() {
		return nil
	}
	return &URLError{Key: b.key, Variable: replica.origin, Scheme: schemeOf(replica.url), Known: openers.schemes(),
		reason: fmt.Sprintf("a replica has the dialect of its source, and %s is not %s; give it a bind of its own", replica.dialector.Name(), b.source.dialector.Name())}
}

// distinct leaves out what a limit says of each database again.
func distinct(mistakes []error) (kept []error) {
	seen := map[string]bool{}
	for _, err := range mistakes {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			kept = append(kept, err)
		}
	}
	return kept
}

// at is the database of a pool, by the role that bindkey's errors have.
func (b bind) at(role string) endpoint {
	for i, replica := range b.replicas {
		if role == fmt.Sprintf("replica-%d", i+1) || i == 0 && role == "replica" {
			return replica
		}
	}
	return b.source
}

// String tells the bind's schemes and settings. A setting's text holds no secret:
// it has been read.
func (b bind) String() string {
	parts := []string{schemeOf(b.source.url)}
	switch len(b.replicas) {
	case 0:
	case 1:
		parts = append(parts, "1 replica")
	default:
		parts = append(parts, fmt.Sprintf("%d replicas", len(b.replicas)))
	}
	for _, s := range allSettings {
		if values := b.given[s.name]; len(values) > 0 && !s.isURL() {
			parts = append(parts, s.name+" "+values[0].text)
		}
	}
	return fmt.Sprintf("%s (%s)", b.key, strings.Join(parts, ", "))
}
