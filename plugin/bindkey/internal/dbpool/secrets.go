package dbpool

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"gorm.io/gorm"
)

var (
	keywordPattern  = regexp.MustCompile(`(?i)(?:password|passwd|pwd)\s*=\s*('(?:[^'\\]|\\.)*'|(?:\\.|[^\s\\;&])*)`)
	urlPattern      = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'` + "`" + `]*`)
	passwordPattern = regexp.MustCompile(`(?i)(password|passwd|pwd)\s*[=:]\s*('[^']*'|[^\s;,)"'` + "`" + `]*)`)
)

// secretsOf are the passwords of a DSN, and their parts: a driver that can't read
// one tells where it stopped.
func secretsOf(dsn string) (secrets []string) {
	var passwords []string
	if at := strings.LastIndexByte(dsn, '@'); at >= 0 {
		user := dsn[:at]
		if scheme := strings.Index(user, "://"); scheme >= 0 {
			user = user[scheme+len("://"):]
		}
		if _, password, ok := strings.Cut(user, ":"); ok {
			passwords = append(passwords, password)
		}
	}
	for _, found := range keywordPattern.FindAllStringSubmatch(dsn, -1) {
		passwords = append(passwords, found[1])
	}
	for _, password := range passwords {
		secrets = append(secrets, password)
		for _, part := range strings.FieldsFunc(password, func(c rune) bool { return strings.ContainsRune(`/\:#?@ '"`, c) }) {
			if len(part) > 2 {
				secrets = append(secrets, part)
			}
		}
	}
	kept := secrets[:0]
	for _, secret := range secrets {
		if secret != "" {
			kept = append(kept, secret)
		}
	}
	return kept
}

// WithoutSecrets takes what a driver's error says of the DSN out of its text.
func WithoutSecrets(text string, d gorm.Dialector) string {
	if dsn := dialectorField(d, "DSN"); dsn.IsValid() && dsn.Kind() == reflect.String && dsn.String() != "" {
		text = strings.ReplaceAll(text, dsn.String(), "…")
		for _, secret := range secretsOf(dsn.String()) {
			text = strings.ReplaceAll(text, secret, "…")
		}
		if u, err := url.Parse(dsn.String()); err == nil {
			if password, ok := u.User.Password(); ok && password != "" {
				text = strings.ReplaceAll(text, password, "…")
			}
			for _, values := range u.Query() {
				for _, value := range values {
					if len(value) > 2 { // drivers quote a parameter that they refuse
						text = strings.ReplaceAll(text, value, "…")
					}
				}
			}
		}
	}
	text = urlPattern.ReplaceAllString(text, "…")
	return passwordPattern.ReplaceAllString(text, "$1=…")
}
