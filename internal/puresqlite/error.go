package puresqlite

import (
	"encoding/json"
	"fmt"
	"strings"
)

const cantOpen = 14 // SQLITE_CANTOPEN

// An Error is an error of SQLite's, with the text that it has with mattn's driver,
// and with its code where GORM's dialector looks for it, which is in the JSON of
// mattn's (gorm.io/driver/sqlite, Translate).
type Error struct {
	text string
	of   moderncError
}

type moderncError interface {
	error
	Code() int
}

func (e *Error) Error() string { return e.text }

func (e *Error) Unwrap() error { return e.of }

// Code is SQLite's extended code.
func (e *Error) Code() int { return e.of.Code() }

func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct{ Code, ExtendedCode int }{e.Code() & 0xff, e.Code()})
}

// coded wraps an error of SQLite's, and leaves those alone that database/sql compares.
func coded(err error) error {
	of, ok := err.(moderncError) //nolint:errorlint // as the driver gives it
	if !ok {
		return err
	}
	// The driver writes SQLite's words for the code, then its message if that says
	// more, then the code (sqlite.go, errstr).
	text := strings.TrimSuffix(strings.TrimSuffix(of.Error(), " (SQLITE_BUSY)"), fmt.Sprintf(" (%d)", of.Code()))
	if words, message, found := strings.Cut(text, ": "); found {
		text = message
		if of.Code() == cantOpen && message == "out of memory" { // the message of a connection that is none
			text = words
		}
	}
	return &Error{text, of}
}
