package main

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
)

// A database is one of the soak's own, for all rounds.
type database struct {
	product *product
	plain   *sql.DB // past the proxy and the library
	proxy   *proxy  // nil: a file
	server  *servers.Database
	file    string
}

// newDatabase creates a database with all tables; its files are in a folder.
func newDatabase(p *product, dir string) (*database, error) {
	d := &database{product: p}
	if err := d.create(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", p.name, err), d.close())
	}
	for _, ddl := range p.tables() {
		if _, err := d.plain.Exec(ddl); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", p.name, err), d.close())
		}
	}
	return d, nil
}

func (d *database) create(dir string) (err error) {
	if d.product.server == nil {
		d.file = filepath.Join(dir, fmt.Sprintf("soak%d.db", rand.Int63()))
		d.plain, err = d.product.openDSN("file:" + d.file + "?_busy_timeout=20000")
		return err
	}
	if d.server, err = d.product.server.Create("soak"); err != nil {
		return err
	}
	dsn, err := d.server.DSN("", nil)
	if err != nil {
		return err
	}
	if d.plain, err = d.product.openDSN(dsn); err != nil {
		return err
	}
	network, address, err := d.server.Address()
	if err != nil {
		return err
	}
	if d.proxy, err = newProxy(d.product, network, address); err != nil {
		return err
	}
	d.proxy.strike = strikeOn(d)
	return nil
}

func (d *database) close() (err error) {
	if d.proxy != nil {
		d.proxy.close()
	}
	if d.plain != nil {
		err = d.plain.Close()
	}
	if d.server != nil {
		err = errors.Join(err, d.server.Drop())
	}
	return err
}

// open opens a pool through the proxy, with settings that differ from round to
// round.
func (d *database) open(rng *rand.Rand) (*sql.DB, string, error) {
	one := func(of ...string) string { return of[rng.Intn(len(of))] }
	settings := map[string]string{}
	switch d.product {
	case sqliteProduct:
		dsn := fmt.Sprintf("file:%s?_foreign_keys=on&_synchronous=OFF&_txlock=%s&_busy_timeout=%s",
			d.file, one("deferred", "immediate"), one("20", "100", "300"))
		pool, err := d.product.openDSN(dsn)
		return pool, dsn, err
	case postgresProduct:
		settings = map[string]string{
			"lock_timeout": "400", "deadlock_timeout": one("10", "100"),
			"default_query_exec_mode": one("cache_statement", "exec", "simple_protocol"),
		}
	case mariaProduct:
		settings = map[string]string{
			"innodb_lock_wait_timeout": "1", "innodb_snapshot_isolation": one("OFF", "ON"),
			"interpolateParams": one("true", "false"),
		}
	}
	dsn, err := d.server.DSN(d.proxy.listener.Addr().String(), settings)
	if err != nil {
		return nil, "", err
	}
	pool, err := d.product.openDSN(dsn)
	return pool, fmt.Sprint(d.product.name, " ", settings), err
}

func (d *database) dialector(pool *sql.DB) gorm.Dialector {
	if d.product.server == nil {
		return &sqlite.Dialector{Conn: pool}
	}
	return d.product.server.DialectorOn(pool)
}

// settle ends what the round has left open on the server, so that what is read is
// final.
func (d *database) settle() error {
	if d.proxy == nil {
		return nil
	}
	return d.product.endAll(d.plain, d.proxy.forget())
}

// clear makes the database as it was before the round.
func (d *database) clear() error {
	for _, key := range keys {
		for _, statement := range []string{"DELETE FROM " + key + "_rows", "UPDATE " + key + "_hots SET n = 0"} {
			if _, err := d.plain.Exec(statement); err != nil {
				return fmt.Errorf("clear %s: %w", d.product.name, err)
			}
		}
	}
	return nil
}
