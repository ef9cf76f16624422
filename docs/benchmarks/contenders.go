package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand"
	"path/filepath"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The contenders. The second is the first once more, on handles and files of
// its own: how far its ratio is from 1 is how far the others' can be trusted.
const (
	plain    = "plain"          // (a) handles chosen by hand
	again    = "plain again"    // (a) once more
	resolver = "dbresolver"     // (b) models registered
	using    = "dbresolver.Use" // (c) with Clauses(dbresolver.Use(…))
	routed   = "bindkey"        // (d) this plugin
)

var contenderNames = []string{plain, again, resolver, using, routed}

var useOther = dbresolver.Use(other)

// silent keeps every contender from logging. GORM takes a statement that has a
// logger which discards for a subquery or for ToSQL; this one is a program's.
var silent = logger.Default.LogMode(logger.Silent)

// A setup is how the contenders are opened, all alike.
type setup struct {
	dryRun   bool // nothing behind, not even files
	prepare  bool // PrepareStmt
	skip     bool // SkipDefaultTransaction
	replicas bool // two for the bind analytics
	mixed    bool // analytics speaks another dialect
	used     bool // the program has a Use somewhere else
}

// A contender is one way to reach two databases with GORM.
type contender struct {
	name  string
	pools map[string]*sql.DB // of each file
	// reads and writes give the function that a program calls where a chain
	// for models of a bind begins.
	reads, writes func(key string) func() *gorm.DB
	// transaction is one on a bind, both is one on both.
	transaction func(key string, run func(tx *gorm.DB) error) error
	both        func(run func(home, other *gorm.DB) error) error
}

// open opens a contender on pools of its own.
func open(name string, s setup, dir, seeded string) (*contender, error) {
	c := &contender{name: name, pools: map[string]*sql.DB{}}
	files := []string{home, other}
	if s.replicas {
		files = append(files, "replica-1", "replica-2")
	}
	for _, file := range files {
		if s.dryRun {
			c.pools[file] = nothingPool()
			continue
		}
		pool, err := filePool(seeded, filepath.Join(dir, file+".db"))
		if err != nil {
			return nil, err
		}
		c.pools[file] = pool
	}
	switch name {
	case plain, again:
		return c, c.openPlain(s)
	case resolver, using:
		return c, c.openResolver(s)
	default:
		return c, c.openRouted(s)
	}
}

// handle opens a *gorm.DB.
func (s setup) handle(d gorm.Dialector, plugins ...gorm.Plugin) (*gorm.DB, error) {
	db, err := gorm.Open(d, &gorm.Config{Logger: silent, PrepareStmt: s.prepare, SkipDefaultTransaction: s.skip})
	if err != nil {
		return nil, err
	}
	for _, plugin := range plugins {
		if err := db.Use(plugin); err != nil {
			return nil, err
		}
	}
	if s.dryRun {
		db = db.Session(&gorm.Session{DryRun: true, NewDB: true})
	}
	return db, nil
}

func (c *contender) dialector(file string, s setup) gorm.Dialector {
	if s.mixed && file != home {
		return accent{dialector(c.pools[file])}
	}
	return dialector(c.pools[file])
}

// config is the bind analytics, for dbresolver and for the plugin.
func (c *contender) config(s setup) dbresolver.Config {
	config := dbresolver.Config{Sources: []gorm.Dialector{c.dialector(other, s)}}
	if s.replicas {
		config.Replicas = []gorm.Dialector{c.dialector("replica-1", s), c.dialector("replica-2", s)}
	}
	return config
}

// openPlain opens one handle for each database. The program chooses, also
// among replicas.
func (c *contender) openPlain(s setup) error {
	handles := map[string]*gorm.DB{}
	for file := range c.pools {
		db, err := s.handle(c.dialector(file, s))
		if err != nil {
			return err
		}
		handles[file] = db
	}
	c.writes = func(key string) func() *gorm.DB {
		db := handles[key]
		return func() *gorm.DB { return db }
	}
	c.reads = c.writes
	if s.replicas {
		c.reads = func(key string) func() *gorm.DB {
			if key != other {
				return c.writes(key)
			}
			replicas := []*gorm.DB{handles["replica-1"], handles["replica-2"]}
			return func() *gorm.DB { return replicas[rand.Intn(len(replicas))] }
		}
	}
	c.transaction = func(key string, run func(*gorm.DB) error) error {
		return handles[key].Transaction(run)
	}
	c.both = func(run func(home, other *gorm.DB) error) error {
		return handles[home].Transaction(func(first *gorm.DB) error {
			return handles[other].Transaction(func(second *gorm.DB) error { return run(first, second) })
		})
	}
	return nil
}

// openResolver opens a handle with dbresolver, which knows the models or is
// told with Use.
func (c *contender) openResolver(s setup) error {
	// The second is for all other models: without it, what is preloaded into a
	// model of analytics would be asked there, too.
	plugin := dbresolver.Register(c.config(s), &LogEntry{}, &Odd{}).Register(dbresolver.Config{})
	if c.name == using {
		plugin = dbresolver.Register(c.config(s), other).Register(dbresolver.Config{}, home)
	}
	db, err := s.handle(c.dialector(home, s), plugin)
	if err != nil {
		return err
	}
	c.writes = func(key string) func() *gorm.DB {
		if c.name == using {
			return func() *gorm.DB { return db.Clauses(dbresolver.Use(key)) }
		}
		return func() *gorm.DB { return db }
	}
	c.reads = c.writes
	c.transaction = func(key string, run func(*gorm.DB) error) error {
		if c.name == using {
			return db.Clauses(dbresolver.Use(key), dbresolver.Write).Transaction(run)
		}
		return db.Transaction(run)
	}
	c.both = func(run func(home, other *gorm.DB) error) error {
		return c.transaction(home, func(first *gorm.DB) error {
			return c.transaction(other, func(second *gorm.DB) error { return run(first, second) })
		})
	}
	return nil
}

// openRouted opens a handle with this plugin.
func (c *contender) openRouted(s setup) error {
	plugin := bindkey.New(bindkey.Models(&User{}, &LogEntry{}, &Even{}, &Odd{})).Register(other, c.config(s))
	db, err := s.handle(c.dialector(home, s), plugin)
	if err != nil {
		return err
	}
	c.route(db)
	if s.used {
		return db.Clauses(bindkey.Use(other)).First(&LogEntry{}).Error
	}
	return nil
}

// route makes a handle with this plugin the contender's.
func (c *contender) route(db *gorm.DB) {
	c.writes = func(string) func() *gorm.DB { return func() *gorm.DB { return db } }
	c.reads = c.writes
	c.transaction = func(_ string, run func(*gorm.DB) error) error { return db.Transaction(run) }
	c.both = func(run func(home, other *gorm.DB) error) error {
		return db.Transaction(func(tx *gorm.DB) error { return run(tx, tx) })
	}
}

// exec runs SQL on a file, past the contender.
func (c *contender) exec(file, sql string, vars ...any) error {
	if _, err := c.pools[file].ExecContext(context.Background(), sql, vars...); err != nil {
		return fmt.Errorf("%s: %s: %w", c.name, sql, err)
	}
	return nil
}

func (c *contender) close() error {
	var first error
	for _, pool := range c.pools {
		if err := pool.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
