// Package sqlserver lets package config open SQL Server's URLs. To import it is
// enough:
//
//	import _ "github.com/gormbind/gormbind/config/sqlserver"
//
//	ANALYTICS_DB_URL=sqlserver://app:secret@db1:1433?database=analytics
//
// The URL is the driver's (github.com/microsoft/go-mssqldb), with its parameters; its
// path is the instance. The setting connect_timeout, in whole seconds, becomes the
// parameter "dial timeout". The driver has none for statement_timeout, lock_timeout
// and read_only, which are mistakes.
package sqlserver

import (
	"errors"

	"github.com/microsoft/go-mssqldb/msdsn"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
)

func init() {
	config.Register(config.Driver{Schemes: []string{"sqlserver"}, Open: Open, Limit: Limit})
}

// Open makes the dialector of a URL. It opens no connection, and returns the
// driver's error for a URL that it can't read.
func Open(rawURL string) (gorm.Dialector, error) {
	if _, err := msdsn.Parse(rawURL); err != nil {
		return nil, err
	}
	return sqlserver.Open(rawURL), nil
}

// Limit adds limits to a URL, as [config.Driver] wants.
func Limit(rawURL string, limits config.Limits) (string, error) {
	switch {
	case limits.Connect > 0:
		value, err := config.WholeSeconds(limits.Connect)
		if err != nil {
			return "", err
		}
		return config.AddParameter(rawURL, "dial timeout", value)
	case limits.Statement > 0:
		return "", errors.New("SQL Server's driver has no such limit; remove it, and give the statement's context a deadline")
	case limits.Lock > 0:
		return "", errors.New("SQL Server's driver has no such limit; remove it, and run SET LOCK_TIMEOUT where it matters")
	default:
		return "", errors.New("SQL Server has no read-only connections; remove it, and connect as a user who may only read")
	}
}
