package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// A Database is one of a bind's: its source, or a replica.
type Database struct {
	Key    string // the bind
	Tenant string // whose it is, of a bind with tenants ([Config.DatabasesOf])
	Role   string // "source", "replica", or "replica-1" of several
	Scheme string // of its URL
	Origin string // the variable that the URL comes from, or the line of a file

	endpoint endpoint
}

// Databases are those of all binds, each bind's source first. Those of a bind with
// tenants ({tenant} in its URL) are of no tenant; see [Config.DatabasesOf].
func (c *Config) Databases() (all []Database) {
	for _, b := range c.binds {
		all = append(all, Database{b.key, "", "source", schemeOf(b.source.url), b.source.origin, b.source})
		for i, replica := range b.replicas {
			role := "replica"
			if len(b.replicas) > 1 {
				role = fmt.Sprintf("replica-%d", i+1)
			}
			all = append(all, Database{b.key, "", role, schemeOf(replica.url), replica.origin, replica})
		}
	}
	return all
}

// Ping connects to the database, asks it on that connection, and closes it: how
// long it took to connect, and to ask. It returns an [*OpenError] if there is no
// answer before the context ends, whatever the driver makes of that, and for a file
// of SQLite that does not exist: it makes none.
func (d Database) Ping(ctx context.Context) (connect, ask time.Duration, err error) {
	type answer struct {
		connect, ask time.Duration
		err          error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		a.connect, a.ask, a.err = d.ping(ctx)
		answered <- a
	}()
	select {
	case a := <-answered:
		connect, ask, err = a.connect, a.ask, a.err
	case <-ctx.Done():
		err = ctx.Err() // GORM's dialectors know no context while they open
	}
	if err == nil {
		return connect, ask, nil
	}
	text := d.endpoint.told().Tell(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		text = "it did not answer in time"
	case errors.Is(err, errNoFile):
		text = err.Error()
	}
	return 0, 0, &OpenError{Key: d.Key, Tenant: d.Tenant, Variable: d.Origin, Scheme: d.Scheme, Err: err, text: text}
}

func (d Database) ping(ctx context.Context) (connect, ask time.Duration, err error) {
	question := "SELECT 1"
	if d.endpoint.dialector.Name() == "sqlite" {
		question = "PRAGMA schema_version" // SELECT 1 does not look at the file
		if path := fileOf(d.endpoint.url); path != "" {
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				return 0, 0, errNoFile
			}
		}
	}
	began := time.Now()
	db, err := gorm.Open(d.endpoint.dialector, &gorm.Config{Logger: logger.Discard, DisableAutomaticPing: true})
	if err != nil {
		return 0, 0, err
	}
	pool, err := db.DB()
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = pool.Close() }() // the answer is what counts
	conn, err := pool.Conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.Close() }()
	var one int
	if err := conn.QueryRowContext(ctx, question).Scan(&one); err != nil {
		return 0, 0, err
	}
	connected := time.Now()
	if err := conn.QueryRowContext(ctx, question).Scan(&one); err != nil {
		return 0, 0, err
	}
	return connected.Sub(began), time.Since(connected), nil
}

var errNoFile = errors.New("there is no such file; the first program that opens it makes it")

// fileOf is the path in a sqlite URL, as [SQLite] reads it, or empty.
func fileOf(rawURL string) string {
	_, rest, _ := strings.Cut(rawURL, "://")
	path, _, _ := strings.Cut(rest, "?")
	path = strings.TrimPrefix(path, "/")
	if schemeOf(rawURL) != "sqlite" || path == ":memory:" || strings.HasPrefix(path, "file:") {
		return ""
	}
	return path
}
