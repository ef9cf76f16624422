// Package postgres lets package config open PostgreSQL's URLs. To import it is
// enough:
//
//	import _ "github.com/gormbind/gormbind/config/postgres"
//
//	ANALYTICS_DB_URL=postgres://app:secret@db1:5432/analytics?sslmode=require
//
// The schemes are postgres and postgresql, and the URL is the driver's (pgx's), with
// its parameters and with several hosts, if there are. The settings
// connect_timeout (in whole seconds), statement_timeout, lock_timeout and read_only
// become parameters of the URL.
package postgres

import (
	"github.com/jackc/pgx/v5"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
)

func init() {
	config.Register(config.Driver{Schemes: []string{"postgres", "postgresql"}, Open: Open, Limit: Limit})
}

// Open makes the dialector of a URL. It opens no connection, and returns the
// driver's error for a URL that it can't read.
func Open(rawURL string) (gorm.Dialector, error) {
	if _, err := pgx.ParseConfig(rawURL); err != nil {
		return nil, err
	}
	return postgres.Open(rawURL), nil
}

// Limit adds limits to a URL, as [config.Driver] wants.
func Limit(rawURL string, limits config.Limits) (string, error) {
	name, value, err := "default_transaction_read_only", "on", error(nil)
	switch {
	case limits.Connect > 0:
		name = "connect_timeout"
		value, err = config.WholeSeconds(limits.Connect)
	case limits.Statement > 0:
		name = "statement_timeout"
		value, err = config.WholeMilliseconds(limits.Statement)
	case limits.Lock > 0:
		name = "lock_timeout"
		value, err = config.WholeMilliseconds(limits.Lock)
	}
	if err != nil {
		return "", err
	}
	return config.AddParameter(rawURL, name, value)
}
