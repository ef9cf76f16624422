package testkit

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// DSNHost is the host of every DSN of [DSNs] that has one. Nobody answers there.
const DSNHost = "db-7.invalid"

// A DSN is one with a password in it, as people write them, right or wrong.
type DSN struct {
	Dialect string // of GORM's dialector
	Text    string
	// Right: the driver reads it as it is meant, so that its error names the host.
	Right bool
	// Lost: the host was forgotten, so that behind an "@" in the password, the rest of
	// it can't be told from a host.
	Lost bool
}

// Passwords have what DSNs, URLs and SQL give a meaning to. Their pieces are no
// words that a text has anyway.
var Passwords = []string{
	"s3cr3tKx", "Kx7@zQ9w", "Kx7:zQ9w", "Kx7/zQ9w", "Kx7#zQ9w", "Kx7?zQ9w=vB4", "Kx7%zQ9w", "Kx7 zQ9w", "Kx7'zQ9w", `Kx7"zQ9w`,
	`Kx7\zQ9w`, "Kx7&zQ9w=vB4", "Kx7)zQ9w(vB4", "Käx7ßzQ9", "729461", "Kx7;zQ9w", "Kx7@tcp(zQ9w)/vB4", "://Kx7zQ9", "{Kx7},zQ9w", "Kx7 zQ9w=vB4 yT5",
}

// DSNs are DSNs with a password in each place that drivers know, among them wrong
// ones that people write. Most passwords need escapes that only some of them have.
func DSNs(password string) (dsns []DSN) {
	add := func(dialect string, right bool, forms ...string) {
		for _, form := range forms {
			text := strings.NewReplacer(
				"HOST", DSNHost,
				"ESCAPED", url.QueryEscape(password), "USERINFO", strings.TrimPrefix(url.UserPassword("", password).String(), ":"),
				"BACKSLASHED", "'"+strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(password)+"'",
				"PASS", password).Replace(form)
			dsns = append(dsns, DSN{dialect, text, right, !strings.Contains(form, "HOST")})
		}
	}
	add("mysql", true, "bob:PASS@tcp(HOST:1)/app", "bob:PASS@tcp(HOST:1)/app?parseTime=true", ":PASS@tcp(HOST)/app", "bob:PASS@tcp(HOST:1)/")
	add("mysql", false, "bob:PASS@HOST:1/app", "bob:PASS/app", "bob:PASS@tcp(HOST:1 /app", "bob:PASS@tcp(HOST:1)", "bob:PASS@(HOST:1)",
		"bob:PASS@tcp(HOST:1)/app?parseTime=maybe", "bob:PASS@tcp(HOST:1)/app?tls=nope", "bob:PASS@tcp(HOST:1)/app?loc=No/Where",
		"bob:PASS@tcp(HOST:1)/app?timeout=PASS", "mysql://bob:PASS@HOST:1/app", "PASS@tcp(HOST:1)/app?timeout=x&password=PASS")
	add("postgres", true, "postgres://bob:USERINFO@HOST:1/app", "postgresql://bob:USERINFO@HOST:1/app?sslmode=disable&connect_timeout=2",
		"postgres://HOST:1/app?user=bob&password=ESCAPED", "host=HOST port=1 user=bob password=BACKSLASHED dbname=app", "password=BACKSLASHED user=bob host=HOST")
	add("postgres", false, "postgres://bob:PASS@HOST:1/app", "postgres://bob:PASS@HOST:x/app", "postgres://bob:PASS@HOST:1,HOST:2/app?connect_timeout=2",
		"postgres://bob:PASS/app", "postgres://bob:PASS@HOST:1/app?sslmode=nope", "postgres://bob:USERINFO@HOST:1/app?connect_timeout=x",
		"postgres://HOST:1/app?user=bob&password=PASS", "postgres://HOST:1/app?password=PASS&user=bob&sslmode=nope",
		"host=HOST port=1 user=bob password=PASS dbname=app", "host=HOST port=1 user=bob password='PASS' dbname=app",
		"host=HOST port=1 user=bob password = PASS", "host=HOST port=x user=bob password=PASS", "password=PASS host=HOST port=1 sslmode=nope",
		"host=HOST password=PASS sslmode=verify-full sslrootcert=/nowhere/root.crt")
	add("sqlite", false, "/nowhere/app.db?_auth&_auth_user=bob&_auth_pass=PASS", "file:/nowhere/app.db?_auth&_auth_user=bob&_auth_pass=PASS&_busy_timeout=x",
		"file:/nowhere/app.db?_key=PASS&cache=nope", "/nowhere/app.db?_txlock=PASS&_pragma_key=PASS")
	return dsns
}

// TellsPassword is a password, or a piece of three characters or more between
// the signs that end what a driver quotes, that a text has; "" without one. What
// a password has that ends a part is not what is secret in it.
func TellsPassword(text, password string) string {
	pieces := append(strings.FieldsFunc(password, func(c rune) bool { return strings.ContainsRune("/\\:#?@&=%;,()[]{}'\"` ", c) }),
		password, url.QueryEscape(password), url.PathEscape(password))
	for _, piece := range pieces {
		if utf8.RuneCountInString(piece) > 2 && piece != "tcp" && strings.Contains(text, piece) {
			return piece
		}
	}
	return ""
}
