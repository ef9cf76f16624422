package bindotel

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// errorType classes an error: by the code of the database, if it has one, else by the
// name of its variable or of its type. Never by its text: MySQL's has values of rows.
func errorType(err error) (class, code string) {
	if code = codeOf(err); code != "" {
		return code, code
	}
	for _, known := range sentinels {
		if errors.Is(err, known.err) {
			return known.name, ""
		}
	}
	class = "_OTHER"
	eachError(err, func(err error) bool {
		switch name := strings.TrimLeft(fmt.Sprintf("%T", err), "*"); name {
		case "errors.errorString", "errors.joinError", "fmt.wrapError", "fmt.wrapErrors":
		default:
			class = name // the innermost tells most
		}
		return false
	})
	return class, ""
}

var sentinels = []struct {
	err  error
	name string
}{
	{context.Canceled, "context.Canceled"},
	{context.DeadlineExceeded, "context.DeadlineExceeded"},
	{bindkey.ErrNoAnswer, "bindkey.ErrNoAnswer"},
	{bindkey.ErrRolledBack, "bindkey.ErrRolledBack"},
	{bindkey.ErrReadOnly, "bindkey.ErrReadOnly"},
	{bindkey.ErrForeignPool, "bindkey.ErrForeignPool"},
	{driver.ErrBadConn, "driver.ErrBadConn"},
	{sql.ErrTxDone, "sql.ErrTxDone"},
	{sql.ErrConnDone, "sql.ErrConnDone"},
	{sql.ErrNoRows, "sql.ErrNoRows"},
	{gorm.ErrDuplicatedKey, "gorm.ErrDuplicatedKey"},
	{gorm.ErrForeignKeyViolated, "gorm.ErrForeignKeyViolated"},
	{gorm.ErrCheckConstraintViolated, "gorm.ErrCheckConstraintViolated"},
	{net.ErrClosed, "net.ErrClosed"},
	{io.ErrUnexpectedEOF, "io.ErrUnexpectedEOF"},
	{io.EOF, "io.EOF"},
}

// codeOf is what the database has answered, as its driver keeps it; or "".
func codeOf(err error) (code string) {
	eachError(err, func(err error) bool {
		switch err := err.(type) {
		case interface{ SQLState() string }: // pgx, lib/pq
			code = err.SQLState()
		case interface{ Code() int }: // SQLite without cgo
			if ofDriver(reflect.TypeOf(err)) {
				code = strconv.Itoa(err.Code())
			}
		default:
			code = numberOf(err)
		}
		return code != ""
	})
	return code
}

// numberOf is the number of MySQL's, SQL Server's and SQLite's errors, which are structs.
func numberOf(err error) string {
	value := reflect.ValueOf(err)
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct || !ofDriver(value.Type()) {
		return ""
	}
	for _, name := range []string{"Number", "ExtendedCode"} {
		switch field := value.FieldByName(name); {
		case field.IsValid() && field.CanInt() && field.Int() != 0:
			return strconv.FormatInt(field.Int(), 10)
		case field.IsValid() && field.CanUint() && field.Uint() != 0:
			return strconv.FormatUint(field.Uint(), 10)
		}
	}
	return ""
}

// ofDriver reports whether an error's type is a driver's: the number in one of the program's
// own, from a Scanner or a Valuer, may be a value.
func ofDriver(of reflect.Type) bool {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	for _, name := range []string{"mysql", "mssql", "sqlite"} {
		if strings.Contains(of.PkgPath(), name) {
			return true
		}
	}
	return false
}

// eachError visits an error and what it wraps, until visit reports true.
func eachError(err error, visit func(error) bool) bool {
	for err != nil {
		if visit(err) {
			return true
		}
		switch wraps := err.(type) {
		case interface{ Unwrap() error }:
			err = wraps.Unwrap()
		case interface{ Unwrap() []error }:
			for _, one := range wraps.Unwrap() {
				if eachError(one, visit) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return false
}
