package config

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/dsn"
)

// An Opener makes the dialector for the URLs of one scheme. It opens no
// connection. What its error says is shown without the URL and its password.
type Opener func(rawURL string) (gorm.Dialector, error)

// Openers are the known schemes, in lower case, each with its opener.
type Openers map[string]Opener

// DefaultOpeners are the openers that are known without an option: one for sqlite,
// and those of the packages config/… that the program imports. The map is the
// caller's own.
func DefaultOpeners() Openers {
	openers := Openers{}
	for scheme, driver := range drivers() {
		openers[scheme] = driver.Open
	}
	return openers
}

// Dialector makes the dialector for a URL, with the opener of its scheme. It
// returns a [*URLError] for a URL without a scheme, a scheme without an
// opener, and a URL that the opener does not accept.
func (o Openers) Dialector(rawURL string) (gorm.Dialector, error) {
	dialector, problem := o.dialector(rawURL)
	if problem != nil {
		return nil, problem
	}
	return dialector, nil
}

func (o Openers) dialector(rawURL string) (gorm.Dialector, *URLError) {
	problem := &URLError{Scheme: schemeOf(rawURL), Known: o.schemes()}
	open := o[problem.Scheme]
	switch {
	case problem.Scheme == "":
		problem.reason = "it has no scheme"
		return nil, problem
	case open == nil:
		problem.reason = "its scheme is not known; correct it, import the package config/… for it, or add an opener with config.Schemes"
		return nil, problem
	}
	dialector, err := open(rawURL)
	if err == nil && dialector == nil {
		err = errors.New("its opener returned no dialector")
	}
	if err != nil {
		problem.Err, problem.reason = err, dsn.Source{URL: rawURL}.TellOpener(err)
		return nil, problem
	}
	return dialector, nil
}

func (o Openers) schemes() []string {
	schemes := make([]string, 0, len(o))
	for scheme := range o {
		schemes = append(schemes, scheme)
	}
	sort.Strings(schemes)
	return schemes
}

// A URLError says what is wrong with the URL of one bind.
type URLError struct {
	Key      string   // the bind; empty where only a URL was given
	Variable string   // that the URL comes from, or the line of a file; empty where only a URL was given
	Scheme   string   // of the URL; empty if it has none
	Known    []string // the schemes that have an opener, sorted; empty where none is missing
	Err      error    // what the opener said, as it said it; may be nil

	reason string
}

func (e *URLError) Error() string {
	subject := "the URL"
	if e.Variable != "" {
		subject = fmt.Sprintf("%s (bind %q)", e.Variable, e.Key)
	}
	if e.Scheme != "" {
		subject += fmt.Sprintf(" with scheme %q", e.Scheme)
	}
	known := ""
	if len(e.Known) > 0 {
		known = fmt.Sprintf(" (known schemes: %s)", strings.Join(e.Known, ", "))
	}
	return fmt.Sprintf("config: %s: %s%s", subject, e.reason, known)
}

// Unwrap returns the opener's error, or nil.
func (e *URLError) Unwrap() error { return e.Err }

var schemePattern = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*)://`)

// schemeOf is a URL's scheme in lower case, or nothing. What stands before a
// "://" further on is no scheme: it may be a password.
func schemeOf(rawURL string) string {
	if found := schemePattern.FindStringSubmatch(rawURL); found != nil {
		return strings.ToLower(found[1])
	}
	return ""
}
