package benchlab

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The contenders. The second is the first once more, on handles and databases
// of its own: how far its ratio is from 1 is how far the others' can be trusted.
const (
	Plain    = "plain"          // (a) handles chosen by hand
	Again    = "plain again"    // (a) once more
	Resolver = "dbresolver"     // (b) models registered
	Using    = "dbresolver.Use" // (c) with Clauses(dbresolver.Use(…))
	Routed   = "bindkey"        // (d) this plugin
)

var contenderNames = []string{Plain, Again, Resolver, Using, Routed}

var useOther = dbresolver.Use(Other)

// silent keeps every contender from logging. GORM takes a statement that has a
// logger which discards for a subquery or for ToSQL; this one is a program's.
var silent = logger.Default.LogMode(logger.Silent)

// A Setup is how the contenders are opened, all alike.
type Setup struct {
	Prepare  bool // PrepareStmt
	Skip     bool // SkipDefaultTransaction
	Replicas bool // two for the bind analytics
	Used     bool // the program has a Use somewhere else
	TwoPhase bool // the plugin commits in two phases; the default bind decides
}

// A Contender is one way to reach two databases with GORM.
type Contender struct {
	Name  string
	place Place
	pools map[string]*sql.DB // of each database
	// reads and writes give the function that a program calls where a chain
	// for models of a bind begins.
	reads, writes func(key string) func() *gorm.DB
	// transaction is one on a bind, both is one on both.
	transaction func(key string, run func(tx *gorm.DB) error) error
	both        func(run func(home, other *gorm.DB) error) error
}

// On is a contender that has one handle for everything.
func On(name string, db *gorm.DB) *Contender {
	c := &Contender{Name: name}
	c.route(db)
	return c
}

// Reads gives the function that a program calls where a chain begins that reads
// models of a bind.
func (c *Contender) Reads(key string) func() *gorm.DB { return c.reads(key) }

// Writes is Reads for chains that write.
func (c *Contender) Writes(key string) func() *gorm.DB { return c.writes(key) }

// open opens a contender on pools of its own.
func open(name string, w *Work, turn int) (*Contender, error) {
	databases := []string{Home, Other}
	if w.Setup.Replicas {
		databases = append(databases, replicas...)
	}
	pools, err := w.Place.Open(turn, databases)
	if err != nil {
		return nil, err
	}
	c := &Contender{Name: name, place: w.Place, pools: pools}
	switch name {
	case Plain, Again:
		err = c.openPlain(w.Setup)
	case Resolver, Using:
		err = c.openResolver(w.Setup)
	default:
		err = c.openRouted(w.Setup)
	}
	return c, err
}

// handle opens a *gorm.DB.
func (c *Contender) handle(database string, s Setup, plugins ...gorm.Plugin) (*gorm.DB, error) {
	return Handle(c.dialector(database), s, c.place.DryRun(), plugins...)
}

// Handle opens a *gorm.DB as contenders have it.
func Handle(d gorm.Dialector, s Setup, dryRun bool, plugins ...gorm.Plugin) (*gorm.DB, error) {
	db, err := gorm.Open(d, &gorm.Config{Logger: silent, PrepareStmt: s.Prepare, SkipDefaultTransaction: s.Skip})
	if err != nil {
		return nil, err
	}
	for _, plugin := range plugins {
		if err := db.Use(plugin); err != nil {
			return nil, err
		}
	}
	if dryRun {
		db = db.Session(&gorm.Session{DryRun: true, NewDB: true})
	}
	return db, nil
}

func (c *Contender) dialector(database string) gorm.Dialector {
	return c.place.Dialector(database, c.pools[database])
}

// config is the bind analytics, for dbresolver and for the plugin.
func (c *Contender) config(s Setup) dbresolver.Config {
	config := dbresolver.Config{Sources: []gorm.Dialector{c.dialector(Other)}}
	if s.Replicas {
		for _, replica := range replicas {
			config.Replicas = append(config.Replicas, c.dialector(replica))
		}
	}
	return config
}

// openPlain opens one handle for each database. The program chooses, also
// among replicas.
func (c *Contender) openPlain(s Setup) error {
	handles := map[string]*gorm.DB{}
	for database := range c.pools {
		db, err := c.handle(database, s)
		if err != nil {
			return err
		}
		handles[database] = db
	}
	c.writes = func(key string) func() *gorm.DB {
		db := handles[key]
		return func() *gorm.DB { return db }
	}
	c.reads = c.writes
	if s.Replicas {
		c.reads = func(key string) func() *gorm.DB {
			if key != Other {
				return c.writes(key)
			}
			replicas := []*gorm.DB{handles[replicas[0]], handles[replicas[1]]}
			return func() *gorm.DB { return replicas[rand.Intn(len(replicas))] }
		}
	}
	c.transaction = func(key string, run func(*gorm.DB) error) error {
		return handles[key].Transaction(run)
	}
	c.both = func(run func(home, other *gorm.DB) error) error {
		return handles[Home].Transaction(func(first *gorm.DB) error {
			return handles[Other].Transaction(func(second *gorm.DB) error { return run(first, second) })
		})
	}
	return nil
}

// openResolver opens a handle with dbresolver, which knows the models or is
// told with Use.
func (c *Contender) openResolver(s Setup) error {
	// The second is for all other models: without it, what is preloaded into a
	// model of analytics would be asked there, too.
	plugin := dbresolver.Register(c.config(s), &LogEntry{}, &Odd{}).Register(dbresolver.Config{})
	if c.Name == Using {
		plugin = dbresolver.Register(c.config(s), Other).Register(dbresolver.Config{}, Home)
	}
	db, err := c.handle(Home, s, plugin)
	if err != nil {
		return err
	}
	c.writes = func(key string) func() *gorm.DB {
		if c.Name == Using {
			return func() *gorm.DB { return db.Clauses(dbresolver.Use(key)) }
		}
		return func() *gorm.DB { return db }
	}
	c.reads = c.writes
	c.transaction = func(key string, run func(*gorm.DB) error) error {
		if c.Name == Using {
			return db.Clauses(dbresolver.Use(key), dbresolver.Write).Transaction(run)
		}
		return db.Transaction(run)
	}
	c.both = func(run func(home, other *gorm.DB) error) error {
		return c.transaction(Home, func(first *gorm.DB) error {
			return c.transaction(Other, func(second *gorm.DB) error { return run(first, second) })
		})
	}
	return nil
}

// openRouted opens a handle with this plugin.
func (c *Contender) openRouted(s Setup) error {
	plugin := bindkey.New(bindkey.Models(&User{}, &LogEntry{}, &Even{}, &Odd{})).Register(Other, c.config(s))
	if s.TwoPhase {
		plugin.UseTwoPhase(bindkey.TwoPhaseConfig{App: "bench", Every: -1})
	}
	db, err := c.handle(Home, s, plugin)
	if err != nil {
		return err
	}
	if s.TwoPhase {
		if err := plugin.CreateDecisions(context.Background()); err != nil {
			return err
		}
	}
	c.route(db)
	if s.Used {
		return db.Clauses(bindkey.Use(Other)).First(&LogEntry{}).Error
	}
	return nil
}

// route makes a handle with this plugin the contender's.
func (c *Contender) route(db *gorm.DB) {
	c.writes = func(string) func() *gorm.DB { return func() *gorm.DB { return db } }
	c.reads = c.writes
	c.transaction = func(_ string, run func(*gorm.DB) error) error { return db.Transaction(run) }
	c.both = func(run func(home, other *gorm.DB) error) error {
		return db.Transaction(func(tx *gorm.DB) error { return run(tx, tx) })
	}
}

// exec runs SQL on a database, past the contender.
func (c *Contender) exec(database, sql string) error {
	if _, err := c.pools[database].ExecContext(context.Background(), sql); err != nil {
		return fmt.Errorf("%s: %s: %w", c.Name, sql, err)
	}
	return nil
}

func (c *Contender) close() error {
	var first error
	for _, pool := range c.pools {
		if err := pool.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
