package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/mattn/go-sqlite3"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The products, as a world names them.
const (
	sqliteFile = "SQLite"
	postgres   = "PostgreSQL"
	mariaDB    = "MariaDB"
)

// worlds are the databases of transactions, the decider's first.
var worlds = [][]string{
	{sqliteFile, postgres, mariaDB},
	{postgres, mariaDB},
	{mariaDB, postgres},
	{sqliteFile, mariaDB, mariaDB}, // two databases of one server
}

var keys = []string{"main", "analytics", "archive"}

// The models, one for each bind; all have the same columns.
type (
	Row struct {
		Txn int64 `gorm:"primaryKey;autoIncrement:false"`
		Seq int   `gorm:"primaryKey;autoIncrement:false"`
	}
	MainRow struct {
		_ struct{} `bind:"main"`
		Row
	}
	AnalyticsRow struct {
		_ struct{} `bind:"analytics"`
		Row
	}
	ArchiveRow struct {
		_ struct{} `bind:"archive"`
		Row
	}
)

const rowsPerBind = 2

func rowOf(key string, txn int64, seq int) any {
	switch r := (Row{txn, seq}); key {
	case "main":
		return &MainRow{Row: r}
	case "analytics":
		return &AnalyticsRow{Row: r}
	default:
		return &ArchiveRow{Row: r}
	}
}

// A database is one of a world's, as its processes open it.
type database struct {
	Key, Product string
	DSN, Victim  string // the latter for processes that are killed, whose connections are told apart
}

// A world is what the processes are told.
type world struct {
	App       string
	Databases []database

	names []string
	own   []*servers.Database
	plain []*sql.DB // past the library
	dir   string
	maria *sql.DB // where there is a user for victims; or nil
}

// newWorld creates the databases with their tables.
func newWorld(products []string) (w *world, err error) {
	w = &world{App: fmt.Sprintf("crash%d", os.Getpid()), names: products}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.dir, err = os.MkdirTemp("", "twophase"); err != nil {
		return w, err
	}
	for i, product := range products {
		if err := w.add(keys[i], product); err != nil {
			return w, err
		}
	}
	h, err := w.open(false, nil)
	if err != nil {
		return w, err
	}
	defer h.close()
	models := []any{&MainRow{}, &AnalyticsRow{}, &ArchiveRow{}}
	return w, errors.Join(h.db.AutoMigrate(models[:len(products)]...), h.plugin.CreateDecisions(context.Background()))
}

// add creates a database. Servers give up a lock soon, so that recovery does not wait
// for a coordinator that has been stopped.
func (w *world) add(key, product string) error {
	if product == sqliteFile {
		file := filepath.Join(w.dir, "main.db")
		plain, err := sql.Open("sqlite3", "file:"+file+"?_busy_timeout=5000")
		w.plain = append(w.plain, plain)
		w.own = append(w.own, nil)
		dsn := "file:" + file + "?_busy_timeout=300&_txlock=immediate&_journal_mode=WAL&_synchronous=FULL"
		w.Databases = append(w.Databases, database{key, product, dsn, dsn})
		return err
	}
	server, settings := servers.MariaDB, map[string]string{"innodb_lock_wait_timeout": "1"}
	if product == postgres {
		var err error
		if server, err = servers.PreparingPostgreSQL(); err != nil {
			return err
		}
		settings = map[string]string{"lock_timeout": "300", "synchronous_commit": "on"}
	}
	d, err := server.Create("crash")
	if err != nil {
		return err
	}
	w.own = append(w.own, d)
	dsn, err := d.DSN("", settings)
	if err != nil {
		return err
	}
	plain, err := d.Open()
	if err != nil {
		return err
	}
	plain.SetMaxOpenConns(2)
	w.plain = append(w.plain, plain)
	settings["application_name"] = victimName
	victimDSN, err := d.DSN("", settings)
	if product == mariaDB && err == nil {
		victimDSN, err = w.mariaVictim(plain, d.Name, dsn)
	}
	w.Databases = append(w.Databases, database{key, product, dsn, victimDSN})
	return err
}

// victimName is what servers know the connections of victims by.
var victimName = fmt.Sprintf("victim_%d", os.Getpid())

// mariaVictim is a DSN of a user for victims alone.
func (w *world) mariaVictim(plain *sql.DB, name, dsn string) (string, error) {
	config, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return "", err
	}
	for _, statement := range []string{"CREATE USER IF NOT EXISTS " + victimName + "@'%'", "GRANT ALL ON `" + name + "`.* TO " + victimName + "@'%'"} {
		if _, err := plain.Exec(statement); err != nil {
			return "", err
		}
	}
	w.maria = plain
	config.User, config.Passwd = victimName, ""
	return config.FormatDSN(), nil
}

func (w *world) close() (err error) {
	if w.maria != nil {
		_, err = w.maria.Exec("DROP USER " + victimName + "@'%'")
	}
	for i, plain := range w.plain {
		err = errors.Join(err, plain.Close())
		if w.own[i] != nil {
			err = errors.Join(err, w.own[i].Drop())
		}
	}
	return errors.Join(err, os.RemoveAll(w.dir))
}

// A handle is the library over a world.
type handle struct {
	db     *gorm.DB
	plugin *bindkey.Plugin
	pools  []*sql.DB
}

// open opens a handle, a victim's or another, whose calls go through a hook, unless that
// is nil.
func (w *world) open(victim bool, hook testkit.Hook) (h *handle, err error) {
	h = &handle{}
	dialectors := make([]gorm.Dialector, len(w.Databases))
	for i, d := range w.Databases {
		if victim {
			d.DSN = d.Victim
		}
		connector, on, err := d.connector()
		if err != nil {
			return nil, err
		}
		if hook != nil {
			connector = testkit.Wrap(d.Key, connector, hook)
		}
		pool := sql.OpenDB(connector)
		h.pools = append(h.pools, pool)
		dialectors[i] = on(pool)
	}
	if h.db, err = gorm.Open(dialectors[0], &gorm.Config{Logger: logger.Discard}); err != nil {
		return nil, err
	}
	h.plugin = bindkey.New(bindkey.TwoPhase(bindkey.TwoPhaseConfig{App: w.App, Grace: time.Nanosecond, Every: -1}), bindkey.EndTimeout(20*time.Second))
	for i := 1; i < len(dialectors); i++ {
		h.plugin.Register(keys[i], dbresolver.Config{Sources: dialectors[i : i+1]})
	}
	return h, h.db.Use(h.plugin)
}

func (h *handle) close() {
	_ = h.plugin.Close()
	for _, pool := range h.pools {
		_ = pool.Close()
	}
}

func (d database) connector() (driver.Connector, func(gorm.ConnPool) gorm.Dialector, error) {
	switch d.Product {
	case sqliteFile:
		return fileConnector(d.DSN), func(pool gorm.ConnPool) gorm.Dialector { return &sqlite.Dialector{Conn: pool} }, nil
	case postgres:
		connector, err := servers.PostgreSQL.Connector(d.DSN)
		return connector, servers.PostgreSQL.DialectorOn, err
	default:
		connector, err := servers.MariaDB.Connector(d.DSN)
		return connector, servers.MariaDB.DialectorOn, err
	}
}

type fileConnector string

func (c fileConnector) Connect(context.Context) (driver.Conn, error) {
	return c.Driver().Open(string(c))
}
func (c fileConnector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }
