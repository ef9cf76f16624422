package config

import (
	"fmt"
	"regexp"
	"sort"
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
		switch {
		case !set:
		case text == "" && s.name == nameURL:
			// A default would hide that something was forgotten. What a file says
			// would, too.
			b.given[s.name] = []given{{origin: name, bad: true}}
			mistakes = append(mistakes, &URLError{Key: b.key, Variable: name, Known: c.openers.schemes(),
				reason: "it is set, but empty; give it a URL, or unset it to use the default"})
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

// misspelt finds variables that are no setting, but nearly one: they would be
// ignored in silence. Others that begin like a bind's may be somebody else's.
func (c *Config) misspelt() (mistakes []error) {
	if c.environ == nil {
		return nil
	}
	known := map[string]*bind{}
	for _, b := range c.binds {
		for _, s := range allSettings {
			known[prefix(b.key)+s.suffix()] = b
		}
	}
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, variable := range c.environ() {
		variable, _, _ = strings.Cut(variable, "=")
		if known[variable] != nil || c.expanded[variable] {
			continue
		}
		for _, name := range names {
			b := known[name]
			own := len(prefix(b.key) + "_DB_")
			if len(variable) > own && variable[:own] == name[:own] && near(variable[own:], name[own:]) {
				mistakes = append(mistakes, &SettingError{Key: b.key, Origin: variable, Err: errUnknown,
					text: "there is no such setting; did you mean " + name + "?"})
				break
			}
		}
	}
	return mistakes
}

// near reports whether two names differ by a character, or long ones by two.
func near(a, b string) bool {
	allowed := 1
	if len(b) > 6 {
		allowed = 2
	}
	return distance(a, b) <= allowed
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			changed := before
			if a[i-1] != b[j-1] {
				changed++
			}
			before = row[j]
			row[j] = least(changed, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

func least(a, b, c int) int {
	if b < a {
		a = b
	}
	if c < a {
		a = c
	}
	return a
}
