package config

import (
	"net/url"
	"regexp"
	"strings"
)

// nearMarks are what others write for {tenant}. A URL with one of them would give all
// tenants one database, of this very name.
var nearMarks = regexp.MustCompile(`(?i)[{}]|<[a-z_ -]+>|%[sqv]|%d([^0-9a-f]|$)|[$%]tenant|[/_.=-]:tenant`)

// secretParameter are those of a URL's parameters that may be anything.
var secretParameter = regexp.MustCompile(`(?i)pass|pwd|secret|token|key|auth`)

// misspeltMark says what is wrong with what looks like {tenant} in a URL, or nothing. It
// does not look at the user and the password, which may hold such characters.
func misspeltMark(rawURL string) string {
	parts := partsOf(rawURL)
	if strings.Contains(parts.fragment, tenantMark) {
		return `it has ` + tenantMark + ` behind "#", which ends a URL; write %23, or leave it out`
	}
	for _, part := range [][2]string{{"host", parts.hosts}, {"path", parts.path}, {"query", openParameters(parts.query)}} {
		name, text := part[0], part[1]
		if strings.Contains(text, "$"+tenantMark) || strings.Contains(text, "#"+tenantMark) {
			return "its " + name + ` has a sign before ` + tenantMark + ` that would be a part of the name; write ` + tenantMark + ` alone`
		}
		text = strings.ReplaceAll(text, tenantMark, "")
		if nearMarks.MatchString(text) || nearMarks.MatchString(unescaped(text)) {
			return "its " + name + " has what looks like the mark for a tenant, and is not " + tenantMark + ", so that all would have one database; write " + tenantMark +
				" in these letters, unescaped. A name with braces in it can't be written: rename it"
		}
	}
	return ""
}

// openParameters leaves out the parameters that may be passwords.
func openParameters(query string) string {
	var kept []string
	for _, parameter := range strings.Split(query, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if decoded, err := url.QueryUnescape(name); err == nil && !secretParameter.MatchString(decoded) {
			kept = append(kept, parameter)
		}
	}
	return strings.Join(kept, "&")
}
