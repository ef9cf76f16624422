package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gormbind/gormbind/integration/servers"
)

// A product is what the soak knows of a database product by itself.
type product struct {
	name         string
	server       *servers.Server // nil: a file
	connectionID func(firstAnswer []byte) int64
	kill         func(id int64) string
	killQuery    func(id int64) string
	connected    func(ids string) string // counts the connections with these ids
	ownID        string                  // asks for a connection's id
	others       string                  // counts the connections of others to the same database
	slow         string                  // a table expression with one row, that takes a while
}

var (
	sqliteProduct = &product{
		name: "SQLite",
		slow: "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 400000) SELECT max(n) AS n FROM c) AS slow",
	}
	postgresProduct = &product{
		name: "PostgreSQL", server: servers.PostgreSQL, connectionID: postgresID,
		kill:      func(id int64) string { return fmt.Sprintf("SELECT pg_terminate_backend(%d)", id) },
		killQuery: func(id int64) string { return fmt.Sprintf("SELECT pg_cancel_backend(%d)", id) },
		connected: func(ids string) string { return "SELECT count(*) FROM pg_stat_activity WHERE pid IN (" + ids + ")" },
		others:    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
		slow:      "(SELECT pg_sleep(0.06)) AS slow",
	}
	mariaProduct = &product{
		name: "MariaDB", server: servers.MariaDB, connectionID: mysqlID,
		kill:      func(id int64) string { return fmt.Sprintf("KILL %d", id) },
		killQuery: func(id int64) string { return fmt.Sprintf("KILL QUERY %d", id) },
		connected: func(ids string) string {
			return "SELECT count(*) FROM information_schema.processlist WHERE id IN (" + ids + ")"
		},
		ownID:  "SELECT CONNECTION_ID()",
		others: "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
		slow:   "(SELECT SLEEP(0.06) AS n) AS slow",
	}
)

var products = []*product{sqliteProduct, postgresProduct, mariaProduct}

func (p *product) openDSN(dsn string) (*sql.DB, error) {
	if p.server == nil {
		return sql.Open("sqlite3", dsn)
	}
	return p.server.Open(dsn)
}

// endAll ends connections of the soak's own, and returns when the server has let
// go of them: what they had open is decided then.
func (p *product) endAll(plain *sql.DB, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		_, _ = plain.Exec(p.kill(id)) // most have gone
		texts[i] = fmt.Sprint(id)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		var n int
		if err := plain.QueryRowContext(ctx, p.connected(strings.Join(texts, ","))).Scan(&n); err != nil {
			return fmt.Errorf("%s: wait for the end of connections: %w", p.name, err)
		}
		if n == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New(p.name + " does not let go of its connections")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// tables are those of all binds: a row that goes astray finds its table, and so
// is seen. Tickets are refused at COMMIT (by MariaDB at once), and SQLite rolls
// back at a row named "…raise". A row named "…slow" makes PostgreSQL's COMMIT
// take a while.
func (p *product) tables() []string {
	ddl := []string{"CREATE TABLE tickets (id bigint PRIMARY KEY)"}
	for _, key := range keys {
		table := key + "_rows"
		ddl = append(ddl,
			"CREATE TABLE "+table+` (id bigint PRIMARY KEY, name varchar(64) NOT NULL, bind varchar(16) NOT NULL, txn bigint NOT NULL,
				seq bigint NOT NULL, val bigint NOT NULL, parent_id bigint, ticket bigint, CONSTRAINT `+table+`_ticket FOREIGN KEY (ticket)
				REFERENCES tickets (id)`+p.deferred()+`)`,
			"CREATE INDEX "+table+"_txn ON "+table+" (txn)",
			"CREATE TABLE "+key+"_hots (id bigint PRIMARY KEY, n bigint NOT NULL)",
			"INSERT INTO "+key+"_hots VALUES (1, 0), (2, 0), (3, 0), (4, 0)")
		switch p {
		case sqliteProduct:
			ddl = append(ddl, "CREATE TRIGGER "+table+"_raise BEFORE INSERT ON "+table+" WHEN NEW.name LIKE '%raise' BEGIN SELECT RAISE(ROLLBACK, 'raised'); END")
		case postgresProduct:
			ddl = append(ddl,
				"CREATE FUNCTION "+table+"_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.03); RETURN NULL; END $$",
				"CREATE CONSTRAINT TRIGGER "+table+"_slow AFTER INSERT ON "+table+" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.name LIKE '%slow') EXECUTE FUNCTION "+table+"_slow()")
		}
	}
	return ddl
}

func (p *product) deferred() string {
	if p == mariaProduct {
		return ""
	}
	return " DEFERRABLE INITIALLY DEFERRED"
}
