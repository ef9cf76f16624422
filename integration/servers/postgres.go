package servers

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

type postgresEngine struct{}

func (postgresEngine) withDatabase(dsn, database string) (string, error) {
	if database == "" {
		return dsn, nil
	}
	if strings.Contains(dsn, "://") {
		u, err := url.Parse(dsn)
		if err != nil {
			return "", fmt.Errorf("the DSN is not a URL") // without the DSN
		}
		u.Path = "/" + database
		return u.String(), nil
	}
	return dsn + " dbname=" + database, nil // the last one counts
}

func (postgresEngine) connector(dsn string, dial func(Dialer) Dialer) (driver.Connector, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if dial != nil {
		config.DialFunc = pgconn.DialFunc(dial(Dialer(config.DialFunc)))
	}
	return stdlib.GetConnector(*config), nil
}

func (postgresEngine) open(dsn string) gorm.Dialector { return postgres.Open(dsn) }

func (postgresEngine) on(pool gorm.ConnPool) gorm.Dialector {
	return postgres.New(postgres.Config{Conn: pool})
}

func (postgresEngine) version() string { return "SHOW server_version" }

func (postgresEngine) address(dsn string) (network, address string, err error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "", "", err
	}
	network, address = pgconn.NetworkAddress(config.Host, config.Port)
	return network, address, nil
}

func (postgresEngine) through(dsn, address string, settings map[string]string) (string, error) {
	all := map[string]string{}
	for name, value := range settings {
		all[name] = value
	}
	if address != "" {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return "", err
		}
		all["host"], all["port"] = host, port
	}
	if strings.Contains(dsn, "://") {
		u, err := url.Parse(dsn)
		if err != nil {
			return "", fmt.Errorf("the DSN is not a URL") // without the DSN
		}
		query := u.Query()
		for name, value := range all {
			query.Set(name, value) // it counts more than what stands before it
		}
		u.RawQuery = query.Encode()
		return u.String(), nil
	}
	for name, value := range all {
		dsn += " " + name + "=" + value // the last one counts
	}
	return dsn, nil
}

func (postgresEngine) create(name string) []string {
	return []string{
		"CREATE DATABASE " + name,
		"ALTER DATABASE " + name + " SET synchronous_commit = off", // no test survives the server
	}
}
func (postgresEngine) drop(name string) string { return "DROP DATABASE " + name + " WITH (FORCE)" }
func (postgresEngine) connectionID() string    { return "SELECT pg_backend_pid()" }

// idOf asks nothing of the server, which would refuse in an aborted transaction.
func (postgresEngine) idOf(_ context.Context, conn driver.Conn) (int64, error) {
	return int64(conn.(*stdlib.Conn).Conn().PgConn().PID()), nil
}

func (postgresEngine) kill(id int64) string {
	return fmt.Sprintf("SELECT pg_terminate_backend(%d)", id)
}
func (postgresEngine) connected() string {
	return "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
}
