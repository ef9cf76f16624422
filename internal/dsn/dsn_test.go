package dsn_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gormbind/gormbind/internal/dsn"
	"github.com/gormbind/gormbind/internal/testkit"
)

// A reader is a driver that reads a DSN before it connects; another can't be asked.
type reader struct{ driver.Driver }

func (reader) OpenConnector(text string) (driver.Connector, error) {
	if strings.Contains(text, "wrong") {
		return nil, errors.New("can't read " + text)
	}
	return connector{}, nil
}

type connector struct{}

func (connector) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("no") }
func (connector) Driver() driver.Driver                        { return reader{} }

type silent struct{ driver.Driver }

func init() {
	sql.Register("reader", reader{})
	sql.Register("silent", silent{})
}

type ParseConfigError struct{ error }

type coded struct{ Number uint16 }

func (e coded) Error() string { return fmt.Sprintf("Error %d: access denied", e.Number) }

func refused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 5432}, Err: syscall.ECONNREFUSED}
}

// A driver's words are shown where it has read its DSN, and none where it has not.
func TestTell(t *testing.T) {
	_, notANumber := strconv.Atoi("s3cr3t")
	for _, c := range []struct {
		driver, dsn string
		err         error
		want        string // "": nothing of the error
	}{
		{"silent", "bob:s3cr3t@tcp(db-7)/app", fmt.Errorf("bob:s3cr3t@tcp(db-7)/app: %w", refused()), "bob:…@tcp(db-7)/app: dial tcp 10.1.2.3:5432: connection refused"},
		{"silent", "bob:s3cr3t@tcp(db-7)/app", coded{1045}, "Error 1045: access denied"},
		{"silent", "bob:s3cr3t@tcp(db-7)/app", context.DeadlineExceeded, "context deadline exceeded"},
		{"silent", "bob:s3cr3t@tcp(db-7)/app", errors.Join(refused(), coded{1045}), "dial tcp 10.1.2.3:5432: connection refused\nError 1045: access denied"},
		{"silent", "bob:s3cr3t@tcp(db-7)/app", errors.New("db-7: no"), ""},
		{"silent", "bob:s3cr3t@tcp(db-7)/app", notANumber, ""},
		{"reader", "bob:s3cr3t@tcp(db-7)/app", errors.New("db-7: no plugin mysql_clear for s3cr3t"), "db-7: no plugin mysql_clear for …"},
		{"reader", "bob:s3cr3t@tcp(db-7)/wrong", errors.New("db-7: no"), ""},
		{"nowhere", "bob:s3cr3t@tcp(db-7)/app", errors.New(`sql: unknown driver "nowhere" (forgotten import?)`), `sql: unknown driver "nowhere" (forgotten import?)`},
		{"reader", "postgres://bob:s3cr3t@db-7/app", ParseConfigError{refused()}, ""},
		{"reader", "postgres://bob:s3cr3t@db-7/app", fmt.Errorf("opening: %w", ParseConfigError{errors.New("x")}), ""},
		{"reader", "postgres://bob:s3c/r3t@db-7/app", refused(), ""},
		{"reader", "postgres://bob:s3cr3t/app", refused(), ""},
		{"reader", "postgres://[::1]:5432,db-7:5433/app", refused(), "dial tcp 10.1.2.3:5432: connection refused"},
		{"silent", "", errors.New("no such tenant"), "no such tenant"},
		// Short passwords go where they stand by themselves, and the rest can be read.
		{"reader", "bob:a@tcp(db-7a)/app", errors.New("bob:a@tcp(db-7a)/app: a man refused (a:a)"), "bob:…@tcp(db-7a)/app: … man refused (…:…)"},
		{"reader", "bob:db@tcp(db-7)/app", errors.New("bob:db@tcp(db-7)/app"), "bob:…@tcp(…-7)/app"},
		{"reader", "bob::@tcp(db-7)/app", errors.New("dial tcp db-7:3306"), "dial tcp db-7:3306"},
	} {
		got := dsn.Source{Dialect: "mysql", Driver: c.driver, DSN: c.dsn}.Tell(c.err)
		hidden := strings.HasPrefix(got, "its mysql DSN can't be read") && !strings.Contains(got, "db-7")
		if got != c.want && !(c.want == "" && hidden) {
			t.Errorf("%s, %v:\n\t got %s\n\twant %s", c.dsn, c.err, got, c.want)
		}
	}
}

// No password is told, whatever a driver quotes, and whatever it takes itself to
// have done.
func TestPasswords(t *testing.T) {
	cases := 0
	for _, password := range testkit.Passwords {
		for _, form := range testkit.DSNs(password) {
			source := dsn.Source{Dialect: form.Dialect, Driver: "silent", DSN: form.Text}
			for _, quoted := range quotes(form.Text) {
				cases++
				for _, err := range []error{errors.New(quoted), fmt.Errorf("failed to connect to %s: %w", quoted, refused())} {
					if errors.Is(err, syscall.ECONNREFUSED) && form.Lost && strings.Contains(password, "@") {
						continue // nobody connects to no host, or takes the password's end for one
					}
					text := source.Tell(err)
					if piece := testkit.TellsPassword(text, password); piece != "" {
						t.Errorf("%s: %s tells %q: %s", form.Text, err, piece, text)
					}
				}
			}
			text := source.Tell(fmt.Errorf("failed to connect to %s: %w", form.Text, refused()))
			if form.Right && (!strings.Contains(text, testkit.DSNHost) || !strings.Contains(text, "connection refused")) {
				t.Errorf("%s: neither host nor reason: %s", form.Text, text)
			}
		}
	}
	if cases < 30*15 {
		t.Errorf("%d cases", cases)
	}
}

// quotes are a DSN and its parts as drivers quote them.
func quotes(text string) []string {
	quoted := []string{text, strconv.Quote(text)}
	for _, sign := range []string{"@", ":", "/", "?", "#", " ", "=", "&"} {
		for _, part := range strings.Split(text, sign) {
			quoted = append(quoted, "near "+part)
		}
	}
	return quoted
}
