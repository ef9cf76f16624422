package dsn

import (
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var scheme = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*://`)

// ambiguous reports whether a URL may be meant otherwise than it reads. An "@" behind
// its host may end a password in which a "/", "?" or "#" is not escaped, so that a
// part of it reads as the host, the path or a parameter; and what stands in the place
// of a port and is no number may be a password whose "@" was forgotten.
func ambiguous(text string) bool {
	rest := text[len(scheme.FindString(text)):]
	if len(rest) == len(text) || strings.HasPrefix(text, "file:") {
		return false
	}
	authority := cutAny(rest, "/?#")
	return strings.Contains(rest[len(authority):], "@") || !strings.Contains(authority, "@") && oddPort.MatchString(authority)
}

var oddPort = regexp.MustCompile(`:[^,\]]*[^,\]0-9:][^,\]]*(?:,|$)|:(?:[0-9]{6}|,|$)`)

// passwords are what may be a password in a DSN, as it stands there.
func passwords(text, dialect string) []string {
	rest := text[len(scheme.FindString(text)):]
	if isURL := len(rest) < len(text); isURL || dialect != "sqlite" && !strings.HasPrefix(text, "odbc:") {
		return append(ofKeywords(text), ofUser(rest, isURL))
	}
	return ofKeywords(text)
}

// ofUser is the password between a user and the host, which begins behind the last
// "@": a driver that is shown a password with one in it may stop at any.
func ofUser(text string, isURL bool) string {
	if isURL {
		text = cutAny(text, "/?#")
	}
	user, password, _ := strings.Cut(text, ":")
	if at := strings.LastIndexByte(password, '@'); at >= 0 {
		return password[:at]
	}
	if isURL || strings.ContainsAny(user, "@=") {
		return ""
	}
	return password // the "@" was forgotten
}

func cutAny(text, chars string) string {
	if end := strings.IndexAny(text, chars); end >= 0 {
		return text[:end]
	}
	return text
}

var (
	keyword = regexp.MustCompile(`(?i)(?:^|[\s;?&])(?:\w*(?:pass|pwd|secret|token|key)\w*)\s*=\s*`)
	// What may follow a password in the keyword/value form, libpq's and pgx's and that
	// of SQL Server, and in parameters. Words that are none belong to a password with
	// blanks or signs in it.
	nextKeyword = regexp.MustCompile(`(?i)[\s;&](?:_\w+|host|hostaddr|port|user|dbname|database|service\w*|ssl\w*|application_name|fallback_application_name|` +
		`connect_timeout|timezone|client_encoding|options|target_session_attrs|krb\w*|gss\w*|channel_binding|search_path|keepalives\w*|` +
		`statement_cache_capacity|description_cache_capacity|default_query_exec_mode|server|data source|initial catalog|user id|uid|encrypt|trustservercertificate)\s*=`)
)

// ofKeywords are the passwords of the keyword/value form, and of parameters.
func ofKeywords(text string) (found []string) {
	for _, at := range keyword.FindAllStringIndex(text, -1) {
		value := text[at[1]:]
		if end := nextKeyword.FindStringIndex(value); end != nil {
			value = value[:end[0]]
		}
		value = strings.TrimRight(value, " \t\r\n;")
		found = append(found, value, strings.Trim(value, `'"{}`))
	}
	return found
}

// secrets find what must not be shown in a text, the longest first: each password
// as it stands, decoded and encoded, and its pieces.
func (s Source) secrets() []*regexp.Regexp {
	seen := map[string]bool{"": true}
	var all []string
	add := func(secret string) {
		if !seen[secret] {
			seen[secret] = true
			all = append(all, secret)
		}
	}
	for _, text := range []string{s.DSN, s.URL} {
		for _, password := range passwords(text, s.Dialect) {
			for _, form := range formsOf(password) {
				if strings.ContainsFunc(form, isLetter) { // signs alone tell nothing
					add(form)
				}
				for _, piece := range strings.FieldsFunc(form, isSeparator) {
					if utf8.RuneCountInString(piece) >= shortestPiece {
						add(piece)
					}
				}
			}
		}
	}
	sort.Slice(all, func(i, j int) bool { return len(all[i]) > len(all[j]) })
	found := make([]*regexp.Regexp, len(all))
	for i, secret := range all {
		found[i] = finder(secret)
	}
	return found
}

// shortestPiece is how long a piece of a password is, in characters, to be told from
// what else a text has.
const shortestPiece = 3

// isSeparator reports whether a character may end what a driver quotes of a DSN.
func isSeparator(c rune) bool { return strings.ContainsRune("/\\:#?@&=%;,()[]{}'\"` \t\r\n", c) }

func isLetter(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }

// finder finds a secret; a short one only where it stands by itself, or each of its
// letters would be missing from the text around it, and so be told.
func finder(secret string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(secret)
	if utf8.RuneCountInString(secret) < shortestPiece {
		return regexp.MustCompile(`(^|[^\pL\pN])` + pattern + `([^\pL\pN]|$)`)
	}
	return regexp.MustCompile("()" + pattern + "()")
}

var escaped = regexp.MustCompile(`\\(.)`)

// formsOf are the ways in which a driver may write a password.
func formsOf(password string) []string {
	plain := []string{password, escaped.ReplaceAllString(password, "$1"), strings.ReplaceAll(password, "''", "'")}
	if decoded, err := url.QueryUnescape(password); err == nil {
		plain = append(plain, decoded)
	}
	if decoded, err := url.PathUnescape(password); err == nil {
		plain = append(plain, decoded)
	}
	forms := plain
	for _, text := range plain {
		inQuotes := strconv.Quote(text)
		user := url.UserPassword("", text).String()
		forms = append(forms, url.QueryEscape(text), url.PathEscape(text), user[1:], inQuotes[1:len(inQuotes)-1])
	}
	return forms
}
