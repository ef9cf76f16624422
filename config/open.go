package config

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/dsn"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Open opens the handle on the bind main, registers the other binds with the
// plugin, and installs it. A nil plugin is bindkey.New(); a nil gormConfig is
// an empty one. The plugin must not have these binds yet, and its default bind
// must be main, as it is unless [bindkey.Default] says otherwise.
//
// It returns an [*OpenError] for a database that can't be opened, and what
// [gorm.DB.Use] says of the plugin. Nothing is left open then; try again with a
// new plugin, since this one may have the binds already. Otherwise the program
// closes two things: the handle's DB(), and the plugin.
func (c *Config) Open(plugin *bindkey.Plugin, gormConfig *gorm.Config) (*gorm.DB, error) {
	if plugin == nil {
		plugin = bindkey.New()
	}
	var db *gorm.DB
	for _, b := range c.binds {
		if b.key == bindkey.DefaultKey {
			opened, err := b.open(gormConfig)
			if err != nil {
				return nil, err
			}
			db = opened
			continue
		}
		plugin.Register(b.key, dbresolver.Config{Sources: []gorm.Dialector{b.dialector}})
	}
	if err := db.Use(plugin); err != nil {
		if sqlDB, closing := db.DB(); closing == nil {
			_ = sqlDB.Close() // what failed is the better error
		}
		return nil, c.named(err)
	}
	return db, nil
}

// open opens the bind as a handle of its own.
func (b bind) open(gormConfig *gorm.Config) (*gorm.DB, error) {
	var config gorm.Config
	if gormConfig != nil {
		config = *gormConfig
	}
	if config.Logger == nil {
		config.Logger = logger.Default
	}
	wanted := config.Logger
	config.Logger = logger.Discard // it would print the DSN that some drivers put in their errors
	db, err := gorm.Open(b.dialector, &config)
	if err != nil {
		return nil, &OpenError{Key: b.key, Variable: Variable(b.key), Scheme: schemeOf(b.url), Err: err,
			text: b.source().Tell(err)}
	}
	db.Config.Logger = wanted
	return db, nil
}

func (b bind) source() dsn.Source {
	source := dsn.Of(b.dialector)
	source.URL = b.url
	return source
}

// named adds the variable to an error of bindkey's about a bind that could not
// be opened.
func (c *Config) named(err error) error {
	var failed *bindkey.OpenError
	if !errors.As(err, &failed) {
		return err
	}
	for _, b := range c.binds {
		if b.key == failed.Key {
			text := failed.Error() // bindkey's own
			if failed.Err != nil {
				text = b.source().Tell(failed.Err) // without bindkey's words, which say the same as ours
			}
			return &OpenError{Key: b.key, Variable: Variable(b.key), Scheme: schemeOf(b.url), Err: failed, text: text}
		}
	}
	return err
}

// An OpenError says that the database of a variable could not be opened.
type OpenError struct {
	Key      string // the bind
	Variable string // that its URL comes from
	Scheme   string // of the URL
	Err      error  // what the driver or bindkey said, as they said it

	text string // what may be told of Err
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("config: %s (bind %q, scheme %q) could not be opened: %s", e.Variable, e.Key, e.Scheme, e.text)
}

// Unwrap returns the error of the driver or of bindkey.
func (e *OpenError) Unwrap() error { return e.Err }
