package main

import (
	"net/url"
	"strings"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
)

// region openers
var openers = config.Openers{
	"postgres":   openPostgres,
	"postgresql": openPostgres,
	"mysql":      openMySQL,
	"mariadb":    openMySQL,
}

// openPostgres leaves the URL to the driver, except for one that can't be
// read: the driver's error would show the password.
func openPostgres(rawURL string) (gorm.Dialector, error) {
	if _, err := url.Parse(rawURL); err != nil {
		return nil, err
	}
	return postgres.Open(rawURL), nil
}

// openMySQL writes the URL as the driver wants it, with times as time.Time.
func openMySQL(rawURL string) (gorm.Dialector, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	server := mysqldriver.NewConfig()
	server.User = u.User.Username()
	server.Passwd, _ = u.User.Password()
	server.Net, server.Addr = "tcp", u.Host
	server.DBName = strings.TrimPrefix(u.Path, "/")
	server.ParseTime = true
	dsn := server.FormatDSN()
	if u.RawQuery != "" {
		dsn += "&" + u.RawQuery // parseTime stands there already
	}
	if _, err := mysqldriver.ParseDSN(dsn); err != nil {
		return nil, err
	}
	return mysql.Open(dsn), nil
}

// endregion
