package config

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"sort"
	"strings"

	"gorm.io/gorm"
)

// An Opener makes the dialector for the URLs of one scheme. It opens no
// connection. What its error says is shown without the URL and its password.
type Opener func(rawURL string) (gorm.Dialector, error)

// Openers are the known schemes, in lower case, each with its opener.
type Openers map[string]Opener

// DefaultOpeners are the openers that need no driver but SQLite's: one for
// sqlite. The map is the caller's own.
func DefaultOpeners() Openers { return Openers{"sqlite": SQLite} }

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
		problem.reason = "its scheme is not known; correct it, or add an opener with config.Schemes"
		return nil, problem
	}
	dialector, err := open(rawURL)
	if err == nil && dialector == nil {
		err = errors.New("its opener returned no dialector")
	}
	if err != nil {
		problem.Err, problem.reason = err, withoutSecrets(err, rawURL, "")
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
	Variable string   // that the URL comes from; empty where only a URL was given
	Scheme   string   // of the URL; empty if it has none
	Known    []string // the schemes that have an opener, sorted
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
	return fmt.Sprintf("config: %s: %s (known schemes: %s)", subject, e.reason, strings.Join(e.Known, ", "))
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

var (
	urlPattern      = regexp.MustCompile("[a-zA-Z][a-zA-Z0-9+.-]*://[^\\s\"'`]*")
	passwordPattern = regexp.MustCompile("(?i)((?:password|passwd|pwd)\\s*[=:]\\s*)('[^']*'|[^\\s;,)\"'`]*)")
	secretParameter = regexp.MustCompile("(?i)pass|pwd|secret|token")
)

// withoutSecrets is an error's text without a URL, its passwords and the DSN
// made of it.
func withoutSecrets(err error, rawURL, dsn string) string {
	var parsing *url.Error
	if errors.As(err, &parsing) {
		// It quotes the URL, and parts of a password that it takes for a port.
		return "it is not a valid URL"
	}
	text := err.Error()
	for _, secret := range append([]string{rawURL, dsn}, passwordsOf(rawURL)...) {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	text = urlPattern.ReplaceAllString(text, "…")
	return passwordPattern.ReplaceAllString(text, "${1}…")
}

// passwordsOf finds what may be a password in a URL, as it stands and decoded.
// The URL may be one that net/url does not accept: a password with a slash.
func passwordsOf(rawURL string) []string {
	_, rest, _ := strings.Cut(rawURL, "://")
	authority, _, _ := strings.Cut(rest, "/")
	beforeQuery, query, _ := strings.Cut(rest, "?")
	var raw []string
	for _, part := range []string{rest, beforeQuery, authority} {
		if at := strings.LastIndexByte(part, '@'); at >= 0 {
			_, password, _ := strings.Cut(part[:at], ":")
			raw = append(raw, password)
		}
	}
	for _, parameter := range strings.Split(query, "&") {
		if name, value, _ := strings.Cut(parameter, "="); secretParameter.MatchString(name) {
			raw = append(raw, value)
		}
	}
	passwords := raw
	for _, password := range raw {
		if decoded, err := url.QueryUnescape(password); err == nil {
			passwords = append(passwords, decoded)
		}
		if decoded, err := url.PathUnescape(password); err == nil {
			passwords = append(passwords, decoded)
		}
	}
	return passwords
}

// dsnOf is the DSN in a dialector: GORM's dialectors have a field of that name.
func dsnOf(d gorm.Dialector) (dsn string) {
	defer func() {
		if recover() != nil { // a nil pointer to an embedded Config
			dsn = ""
		}
	}()
	if value := reflect.Indirect(reflect.ValueOf(d)); value.Kind() == reflect.Struct {
		if field := value.FieldByName("DSN"); field.Kind() == reflect.String {
			return field.String()
		}
	}
	return ""
}
