package servers

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

type mysqlEngine struct{}

func (mysqlEngine) withDatabase(dsn, database string) (string, error) {
	config, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return "", err
	}
	config.DBName, config.ParseTime = database, true
	return config.FormatDSN(), nil
}

func (mysqlEngine) connector(dsn string, dial func(Dialer) Dialer) (driver.Connector, error) {
	config, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.Logger = &mysqldriver.NopLogger{} // it tells of every connection that a test cuts
	if dial != nil {
		// The driver knows dialers by a name that stands for the network.
		var dialer net.Dialer
		network, wrapped := config.Net, dial(dialer.DialContext)
		config.Net = fmt.Sprintf("wrapped-%d", dialers.Add(1))
		mysqldriver.RegisterDialContext(config.Net, func(ctx context.Context, address string) (net.Conn, error) {
			return wrapped(ctx, network, address)
		})
	}
	return mysqldriver.NewConnector(config)
}

var dialers atomic.Int64

func (mysqlEngine) open(dsn string) gorm.Dialector { return mysql.Open(dsn) }

func (mysqlEngine) on(pool gorm.ConnPool) gorm.Dialector { return mysql.New(mysql.Config{Conn: pool}) }

func (mysqlEngine) version() string { return "SELECT version()" }

func (mysqlEngine) address(dsn string) (network, address string, err error) {
	config, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return "", "", err
	}
	return config.Net, config.Addr, nil
}

func (mysqlEngine) through(dsn, address string, settings map[string]string) (string, error) {
	config, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return "", err
	}
	if address != "" {
		config.Net, config.Addr = "tcp", address
	}
	dsn = config.FormatDSN()
	for name, value := range settings {
		separator := "&"
		if !strings.Contains(dsn, "?") {
			separator = "?"
		}
		dsn += separator + name + "=" + url.QueryEscape(value)
	}
	return dsn, nil
}

func (mysqlEngine) create(name string) []string {
	return []string{"CREATE DATABASE " + name + " CHARACTER SET utf8mb4"}
}
func (mysqlEngine) drop(name string) string { return "DROP DATABASE " + name }
func (mysqlEngine) connectionID() string    { return "SELECT CONNECTION_ID()" }

func (e mysqlEngine) idOf(ctx context.Context, conn driver.Conn) (int64, error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, e.connectionID(), nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	id := make([]driver.Value, 1)
	if err := rows.Next(id); err != nil {
		return 0, err
	}
	switch id := id[0].(type) {
	case int64:
		return id, nil
	case []byte:
		return strconv.ParseInt(string(id), 10, 64)
	default:
		return 0, fmt.Errorf("a connection's id is a %T", id)
	}
}

func (mysqlEngine) kill(id int64) string { return fmt.Sprintf("KILL %d", id) }
func (mysqlEngine) connected() string {
	return "SELECT count(*) FROM information_schema.processlist WHERE id = ?"
}
