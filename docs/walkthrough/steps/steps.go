// Package steps is the walkthrough's story, written once over whatever
// databases it is given. The program in docs/walkthrough tells it on SQLite
// files, that in integration/walkthrough on servers.
package steps

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Databases are what the steps run on: three that are empty. The replica
// speaks the dialect of analytics.
type Databases struct {
	Main      Database // of the bind main
	Analytics Database // the source of the bind analytics
	Replica   Database // stands in for a replica of analytics, from the step "replica" on
}

// A Database is one database, and what it is called in the output.
type Database struct {
	Title     string
	Dialector gorm.Dialector // opened more than once
}

// A Step is one chapter of the story.
type Step struct {
	Name  string // also of the region with its code
	Title string
	run   func(*story) error
}

// Steps are all steps, in order.
func Steps() []Step {
	return []Step{
		{"migrate", "Each table in its own database", func(s *story) error { return migrate(s.db) }},
		{"write", "Users and their log entries in one Create", func(s *story) error { return write(s.db) }},
		{"read", "Read across", func(s *story) error { return read(s.db, s.out) }},
		{"raw", "Raw SQL goes by its tables", func(s *story) error { return raw(s.db, s.out) }},
		{"transaction", "One transaction over both", func(s *story) error { return transaction(s.db, s.out) }},
		{"replica", "Read from a replica", func(s *story) error { return s.replica() }},
		{"rollback", "One fails, both are rolled back", func(s *story) error { return rollback(s.db, s.out) }},
		{"explain", "Ask where a statement would go", func(s *story) error { return explain(s.db, s.plugin, s.out) }},
		{"refuse", "What is refused", func(s *story) error { return refuse(s.db, s.out) }},
		{"crossbind", "Two databases in one statement", func(s *story) error { return crossBind(s.db, s.out) }},
		{"map", "The map", func(s *story) error { return drawMap(s.plugin, s.out) }},
	}
}

// Run runs the steps, and reports what each of them printed, followed by what
// each database holds after it. It stops at the first step that fails, or that
// report returns an error for.
func Run(databases Databases, report func(step Step, output string) error) (err error) {
	s := &story{databases: databases}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(dbresolver.Config{Sources: []gorm.Dialector{databases.Analytics.Dialector}}); err != nil {
		return err
	}
	for _, database := range []Database{databases.Main, databases.Analytics} {
		if err := s.show(database); err != nil {
			return err
		}
	}
	for _, step := range Steps() {
		var out strings.Builder
		s.out = &out
		if err := step.run(s); err != nil {
			return fmt.Errorf("step %s: %w", step.Name, err)
		}
		tables, err := s.tables()
		if err != nil {
			return fmt.Errorf("step %s: reading back: %w", step.Name, err)
		}
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(beside(tables))
		if err := report(step, out.String()); err != nil {
			return err
		}
	}
	return nil
}

// A story is what the steps have in common.
type story struct {
	databases Databases
	db        *gorm.DB // the routed handle
	plugin    *bindkey.Plugin
	shown     []shown
	out       io.Writer
}

// A shown database is printed after each step. Its handle is a plain one, that
// knows nothing of the plugin.
type shown struct {
	title string
	plain *gorm.DB
}

// open makes the routed handle, in the place of an earlier one.
func (s *story) open(analytics dbresolver.Config) error {
	if err := s.closeRouted(); err != nil {
		return err
	}
	db, plugin, err := open(s.databases.Main.Dialector, analytics)
	s.db, s.plugin = db, plugin
	return err
}

// region open
func open(main gorm.Dialector, analytics dbresolver.Config) (*gorm.DB, *bindkey.Plugin, error) {
	db, err := gorm.Open(main, &gorm.Config{Logger: logger.Discard, TranslateError: true})
	if err != nil {
		return nil, nil, err
	}
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})).
		Register("analytics", analytics)
	return db, plugin, db.Use(plugin)
}

// endregion

func (s *story) show(database Database) error {
	plain, err := gorm.Open(database.Dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return fmt.Errorf("opening %s to read it back: %w", database.Title, err)
	}
	s.shown = append(s.shown, shown{database.Title, plain})
	return nil
}

func (s *story) closeRouted() error {
	if s.db == nil {
		return nil
	}
	own, err := s.db.DB()
	return errors.Join(s.plugin.Close(), closePool(own, err))
}

func (s *story) close() error {
	err := s.closeRouted()
	for _, database := range s.shown {
		err = errors.Join(err, closePool(database.plain.DB()))
	}
	return err
}

func closePool(db *sql.DB, err error) error {
	if err != nil {
		return err
	}
	return db.Close()
}
