package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/docs/walkthrough/steps"
)

// keys are what the story needs a database for. The replica has no bind of its
// own; it comes after analytics, whose server it may need.
var keys = []string{"main", "analytics", "replica"}

// A choice is a database for each of the keys.
type choice []database

type database struct {
	key       string
	variable  string // of the environment, that names it; or empty
	name      string // of one that is made for the run; or empty
	dialector gorm.Dialector
	drop      func() error // of one that is made for the run; or nil
}

// make finds the databases that the environment names, and makes the others.
func (c *choice) make(cfg *config.Config) error {
	for _, key := range keys {
		d := database{key: key}
		var err error
		if _, named := os.LookupEnv(config.Variable(key)); named {
			d.variable = config.Variable(key)
			if d.dialector, err = cfg.Dialector(key); err == nil {
				err = steps.Clear(d.dialector)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", d.variable, err)
			}
		} else if err = d.create(c.server(key)); err != nil {
			return fmt.Errorf("make a database for %s, since %s is not set: %w", key, config.Variable(key), err)
		}
		*c = append(*c, d)
	}
	return nil
}

// server is the server for a database that no variable names.
func (c choice) server(key string) gorm.Dialector {
	switch key {
	case "main":
		return postgres.Open(environment("GORMBIND_POSTGRES_DSN", "host=127.0.0.1 user=postgres dbname=postgres sslmode=disable"))
	case "analytics":
		return mysql.Open(environment("GORMBIND_MYSQL_DSN", "root@tcp(127.0.0.1:3306)/"))
	default:
		return c[1].dialector // a replica is where its source is
	}
}

func environment(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

// create makes a database with a unique name on a server. SQLite has none: the
// database is one in memory then, which goes by itself.
func (d *database) create(server gorm.Dialector) (err error) {
	d.name = fmt.Sprintf("gormbind_walkthrough_%d_%s", time.Now().UnixNano(), d.key)
	switch server := server.(type) {
	case *postgres.Dialector:
		d.dialector, err = postgresDatabase(server.DSN, d.name)
	case *mysql.Dialector:
		d.dialector, err = mysqlDatabase(server.DSN, d.name)
	default:
		d.name = ":memory:"
		d.dialector, err = config.SQLite("sqlite://")
		return err
	}
	if err != nil {
		return err
	}
	if err := execute(server, "CREATE DATABASE "+d.name); err != nil {
		return err
	}
	d.drop = func() error { return execute(server, "DROP DATABASE "+d.name) }
	return nil
}

func postgresDatabase(dsn, name string) (gorm.Dialector, error) {
	if !strings.Contains(dsn, "://") {
		return postgres.Open(dsn + " dbname=" + name), nil // the last one counts
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("the server's address is not a URL") // without the address
	}
	u.Path = "/" + name
	return postgres.Open(u.String()), nil
}

func mysqlDatabase(dsn, name string) (gorm.Dialector, error) {
	server, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	server.DBName, server.ParseTime = name, true
	return mysql.Open(server.FormatDSN()), nil
}

func execute(server gorm.Dialector, ddl string) error {
	db, err := gorm.Open(server, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return err
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return errors.Join(db.Exec(ddl).Error, pool.Close())
}

// drop drops what was made for the run, the replica first, which was made from
// the database of analytics.
func (c choice) drop() error {
	var failures []error
	for i := len(c) - 1; i >= 0; i-- {
		if c[i].drop != nil {
			failures = append(failures, c[i].drop())
		}
	}
	return errors.Join(failures...)
}

// databases are called what they are for, so that the story reads the same
// wherever it is told.
func (c choice) databases() steps.Databases {
	named := func(i int) steps.Database { return steps.Database{Title: c[i].key, Dialector: c[i].dialector} }
	return steps.Databases{Main: named(0), Analytics: named(1), Replica: named(2)}
}

// String tells the databases without their addresses, which may hold passwords.
func (c choice) String() string {
	var text strings.Builder
	for _, d := range c {
		origin := "the database of " + d.variable
		if d.variable == "" {
			origin = d.name + ", made for this run"
		}
		fmt.Fprintf(&text, "%-9s  %-8s  %s\n", d.key, d.dialector.Name(), origin)
	}
	return text.String()
}

// ending says what becomes of the tables.
func (c choice) ending() string {
	var kept []string
	for _, d := range c {
		if d.variable != "" {
			kept = append(kept, d.variable)
		}
	}
	if len(kept) == 0 {
		return "The databases are dropped now. Set MAIN_DB_URL and ANALYTICS_DB_URL to keep the tables in yours.\n"
	}
	return "The tables stay in the databases of " + strings.Join(kept, ", ") + "\n"
}
