// Package mysql lets package config open the URLs of MySQL and MariaDB. To import
// it is enough:
//
//	import _ "github.com/gormbind/gormbind/config/mysql"
//
//	ANALYTICS_DB_URL=mysql://app:secret@db1:3306/analytics
//	ANALYTICS_DB_URL=mariadb://app:secret@db1/analytics?loc=Local
//	ANALYTICS_DB_URL=mysql://app@/analytics?unix_socket=/run/mysqld/mysqld.sock
//
// The parameters are the driver's (github.com/go-sql-driver/mysql); times are read
// as time.Time unless parseTime says otherwise. The schemes mysql and mariadb differ
// in what the limits are called: connect_timeout is the driver's, statement_timeout
// is max_execution_time of MySQL, which holds for SELECT, or max_statement_time of
// MariaDB; lock_timeout, in whole seconds, is innodb_lock_wait_timeout, and
// read_only makes transactions and statements read-only. A server does not know
// the other's, and says so when it is connected to.
package mysql

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	driver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
)

func init() {
	config.Register(config.Driver{Schemes: []string{"mysql", "mariadb"}, Open: Open, Limit: Limit})
}

// Open makes the dialector of a URL. It opens no connection, and returns an error
// for a URL that it can't read, or that the driver would read otherwise.
func Open(rawURL string) (gorm.Dialector, error) {
	dsn, err := dsnOf(rawURL)
	if err != nil {
		return nil, err
	}
	return mysql.Open(dsn), nil
}

// dsnOf writes the URL as the driver wants it.
func dsnOf(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", err
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errors.New("its query parameters can't be read; write name=value&name=value")
	}
	server := driver.NewConfig()
	server.User = u.User.Username()
	server.Passwd, _ = u.User.Password()
	server.Net, server.Addr = "tcp", u.Host
	server.DBName = strings.TrimPrefix(u.Path, "/")
	server.ParseTime = true
	if socket := parameters.Get("unix_socket"); socket != "" {
		if u.Host != "" {
			return "", errors.New("it has a host and unix_socket; keep one of them")
		}
		server.Net, server.Addr = "unix", socket
		parameters.Del("unix_socket")
	}
	dsn := server.FormatDSN()
	if len(parameters) > 0 {
		dsn += "&" + parameters.Encode() // parseTime stands there already
	}
	read, err := driver.ParseDSN(dsn)
	if err != nil {
		return "", err
	}
	if read.User != server.User || read.Passwd != server.Passwd || read.DBName != server.DBName {
		return "", errors.New("the driver can't tell its user from the password; neither a user with \":\" nor a database with \"/\" can be written for it")
	}
	return dsn, nil
}

// Limit adds limits to a URL, as [config.Driver] wants.
func Limit(rawURL string, limits config.Limits) (string, error) {
	mariadb := strings.HasPrefix(strings.ToLower(rawURL), "mariadb:")
	name, value, err := "", "", error(nil)
	switch {
	case limits.Connect > 0:
		name, value = "timeout", limits.Connect.String()
	case limits.Statement > 0 && mariadb:
		name, value = "max_statement_time", strconv.FormatFloat(limits.Statement.Seconds(), 'f', -1, 64)
	case limits.Statement > 0:
		name = "max_execution_time"
		value, err = config.WholeMilliseconds(limits.Statement)
	case limits.Lock > 0:
		name = "innodb_lock_wait_timeout"
		value, err = config.WholeSeconds(limits.Lock)
	case mariadb:
		name, value = "tx_read_only", "1"
	default:
		name, value = "transaction_read_only", "1"
	}
	if err != nil {
		return "", err
	}
	return config.AddParameter(rawURL, name, value)
}
