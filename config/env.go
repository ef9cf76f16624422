package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Variable is the name of the variable with the URL of a bind: its key in
// upper case, with "_" for what is no letter or digit, and "_DB_URL". The bind's
// other settings have their names in place of "URL": ANALYTICS_DB_REPLICA_URLS.
func Variable(key string) string { return prefix(key) + "_DB_URL" }

func prefix(key string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(key))
}

// readVariables lets the bind's variables take the place of what a file says.
func (c *Config) readVariables(b *bind) (mistakes []error) {
	for _, s := range allSettings {
		name := prefix(b.key) + s.suffix()
		text, set := c.lookup(name)
		if s.name == nameURL && !isEmpty(text) && strings.Contains(b.otherwise(), tenantMark) && !strings.Contains(text, tenantMark) {
			mistakes = append(mistakes, &URLError{Key: b.key, Variable: name, Scheme: schemeOf(text),
				reason: "it has no " + tenantMark + ", and the URL in whose place it stands has: all tenants would have one database; give it the mark, or unset it"})
		}
		switch {
		case !set:
		case text == "" && s.name == nameURL:
			// A default would hide that something was forgotten. What a file says
			// would, too.
			mistakes = append(mistakes, &URLError{Key: b.key, Variable: name, Known: c.openers.schemes(),
				reason: "it is set, but empty; give it a URL" + c.instead(b)})
			b.given[s.name] = []given{{origin: name, bad: true}}
		case isEmpty(text):
			b.given[s.name] = []given{{origin: name, bad: true}}
			mistakes = append(mistakes, &SettingError{Key: b.key, Setting: s.name, Origin: name, Err: errEmpty,
				text: "it is set, but empty; give it a value, or unset it"})
		case s.kind == kindURLs:
			b.given[s.name] = splitURLs(name, text)
		default:
			b.given[s.name] = []given{{origin: name, text: text}}
		}
	}
	return mistakes
}

// otherwise is a bind's URL without its variable.
func (b *bind) otherwise() string {
	if values := b.given[nameURL]; len(values) > 0 {
		return values[0].text
	}
	return b.url
}

// instead says what a bind's URL would be without its variable.
func (c *Config) instead(b *bind) string {
	switch {
	case len(b.given[nameURL]) > 0:
		return ", or unset it to use that of " + c.file
	case b.url != "":
		return ", or unset it to use the default"
	}
	return ""
}

// isEmpty reports whether a value has nothing but blanks, and commas of a list.
func isEmpty(text string) bool { return strings.Trim(text, ", \t\r\n") == "" }

var urlStart = regexp.MustCompile(`(?:^|[\s,]+)[a-zA-Z][a-zA-Z0-9+.-]*://`)

// splitURLs splits at blanks and commas before a scheme. Other commas belong to a
// URL: PostgreSQL's may have several hosts.
func splitURLs(origin, text string) (urls []given) {
	ends := urlStart.FindAllStringIndex(text, -1)
	add := func(from, to int) {
		if one := strings.Trim(text[from:to], ", \t\r\n"); one != "" {
			urls = append(urls, given{origin: origin, text: one})
		}
	}
	from := 0
	for _, at := range ends {
		add(from, at[0])
		from = at[0]
	}
	add(from, len(text))
	if len(urls) > 1 {
		for i := range urls {
			urls[i].origin = fmt.Sprintf("%s, URL %d", origin, i+1)
		}
	}
	return urls
}
