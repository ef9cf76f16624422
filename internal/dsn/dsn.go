// Package dsn tells of a driver's error what an operator needs, and nothing of the
// password in the data source name that the driver was given.
//
// A driver that can't read a DSN quotes what it stumbles over, which may be any
// part of a password: where an "@" was forgotten, all of it. Nothing of such an
// error is shown. One that comes from the way to the server, or from the server,
// is shown without the passwords that the DSN has, and what may be pieces of them.
package dsn

import (
	"context"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"syscall"

	"gorm.io/gorm"
)

// A Source is a DSN and who reads it.
type Source struct {
	Dialect string // the name of GORM's dialector
	Driver  string // the name of database/sql's driver
	DSN     string
	URL     string // that the DSN was made of, if it was
}

// Of is the source of a dialector, which may be nil: GORM's have fields for it.
func Of(d gorm.Dialector) (s Source) {
	if d == nil {
		return s
	}
	s = Source{Dialect: d.Name(), Driver: fieldText(d, "DriverName"), DSN: fieldText(d, "DSN")}
	if s.Driver == "" {
		s.Driver = s.Dialect
		if name, other := map[string]string{"postgres": "pgx", "sqlite": "sqlite3"}[s.Dialect]; other {
			s.Driver = name
		}
	}
	return s
}

func fieldText(d gorm.Dialector, name string) string {
	if field := Field(d, name); field.IsValid() && field.Kind() == reflect.String {
		return field.String()
	}
	return ""
}

// Field is a field of a dialector, or of what it embeds; the zero Value without one.
func Field(d gorm.Dialector, name string) (field reflect.Value) {
	defer func() {
		if recover() != nil { // a nil pointer to an embedded Config
			field = reflect.Value{}
		}
	}()
	value := reflect.Indirect(reflect.ValueOf(d))
	if value.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return value.FieldByName(name)
}

// unread is shown in the place of what a driver says that can't read its DSN.
const unread = "its %s can't be read, or in more ways than one; what the driver says is not shown, since it may have a password in it. " +
	"Check its form, the files that it names, and that special characters are escaped"

// Tell is the text of a driver's error.
func (s Source) Tell(err error) string {
	reading := readingOf(err)
	if reading == failed || reading == unknown && !s.readable() || s.ambiguous() {
		return fmt.Sprintf(unread, s.Dialect+" DSN")
	}
	return s.Without(err.Error())
}

// TellOpener is the text of an error of a program's function that was given the URL:
// it may quote a driver.
func (s Source) TellOpener(err error) string {
	if readingOf(err) == failed || s.ambiguous() {
		return fmt.Sprintf(unread, "URL")
	}
	return s.Without(err.Error())
}

func (s Source) ambiguous() bool { return ambiguous(s.DSN) || ambiguous(s.URL) }

// Without is a text without the passwords of the source.
func (s Source) Without(text string) string {
	for _, secret := range s.secrets() {
		for range [2]int{} { // of two short ones side by side, the first takes what stands between them
			text = secret.ReplaceAllString(text, "${1}…${2}")
		}
	}
	text = userPattern.ReplaceAllString(text, "${1}…@")
	return passwordPattern.ReplaceAllString(text, "${1}…")
}

var (
	userPattern     = regexp.MustCompile("([a-zA-Z][a-zA-Z0-9+.-]*://)[^\\s\"'`]*@")
	passwordPattern = regexp.MustCompile("(?i)((?:password|passwd|pwd)\\s*[=:]\\s*)('[^']*'|[^\\s;,)\"'`]*)")
)

// readable asks the driver itself. Most read the DSN before they connect, and one
// that doesn't can't be asked.
func (s Source) readable() bool {
	if s.DSN == "" {
		return true
	}
	db, err := sql.Open(s.Driver, s.DSN)
	if err != nil {
		return false
	}
	_, asks := db.Driver().(driver.DriverContext)
	return db.Close() == nil && asks
}

type reading uint8

const (
	unknown reading = iota
	failed          // the driver can't read its DSN
	done            // it has tried to connect
)

// readingOf is what an error tells by its types alone.
func readingOf(err error) (found reading) {
	for ; err != nil; err = errors.Unwrap(err) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range joined.Unwrap() {
				if of := readingOf(one); of == failed || found == unknown {
					found = of
				}
			}
			return found
		}
		if isParsing(err) {
			return failed
		}
		if found == unknown && isConnecting(err) {
			found = done
		}
	}
	return found
}

func isParsing(err error) bool {
	switch err := err.(type) {
	case *url.Error:
		return err.Op == "parse"
	case url.EscapeError, url.InvalidHostError:
		return true
	}
	return typeName(err) == "parseconfigerror" // pgx/v5/pgconn
}

// isConnecting reports whether an error is of the network, or has a server's code:
// what drivers say of a DSN has none.
func isConnecting(err error) bool {
	switch err {
	case driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, sql.ErrConnDone, context.Canceled, context.DeadlineExceeded:
		return true
	}
	switch err.(type) {
	case net.Error, syscall.Errno, x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError,
		interface{ SQLState() string }, interface{ Code() int }:
		return true
	}
	if typeName(err) == "connecterror" || strings.HasPrefix(err.Error(), "sql: ") { // pgx/v5/pgconn, and database/sql itself
		return true
	}
	if value := reflect.Indirect(reflect.ValueOf(err)); value.Kind() == reflect.Struct {
		for _, name := range []string{"Number", "Code"} { // mysql.MySQLError, sqlite3.Error
			if field := value.FieldByName(name); field.IsValid() && (field.CanInt() || field.CanUint()) {
				return true
			}
		}
	}
	return false
}

func typeName(err error) string {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.ToLower(t.Name())
}
