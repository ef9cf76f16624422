package config

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Open opens the handle on the bind main, registers the other binds and main's
// replicas with the plugin, gives each bind its settings, and installs it. A nil
// plugin is bindkey.New(); a nil gormConfig is an empty one. The plugin must not have
// these binds yet, except for main without a source. With [bindkey.Default], models
// without a key live in another bind than main.
// What the file says in two_phase is the plugin's option [bindkey.TwoPhase], unless it
// has that already.
//
// It returns an [*OpenError] for a database that can't be opened, a
// [*bindkey.UnknownBindError] for a bindkey.Default that no bind has, and what
// [gorm.DB.Use] says of the plugin. Nothing is left open then; try again with a
// new plugin, since this one may have the binds already. Otherwise the program
// closes two things: the plugin, and the handle's DB(), which with another default
// bind is db.Clauses(bindkey.Use("main")).DB().
func (c *Config) Open(plugin *bindkey.Plugin, gormConfig *gorm.Config) (*gorm.DB, error) {
	if plugin == nil {
		plugin = bindkey.New()
	}
	if c.twoPhase != nil {
		plugin.UseTwoPhase(*c.twoPhase)
	}
	otherDefault, err := c.otherDefault(plugin)
	if err != nil {
		return nil, err
	}
	db, err := c.binds[0].open(gormConfig)
	if err != nil {
		return nil, err
	}
	for _, b := range c.binds {
		if err := c.register(plugin, b, otherDefault || len(c.binds) == 1); err != nil {
			closeHandle(db)
			return nil, err
		}
	}
	if err := db.Use(plugin); err != nil {
		closeHandle(db)
		return nil, c.named(err)
	}
	return db, nil
}

func closeHandle(db *gorm.DB) {
	if sqlDB, err := db.DB(); err == nil {
		_ = sqlDB.Close() // what failed is the better error
	}
}

// otherDefault reports whether the plugin's default bind is another than main, which
// is no bind then unless it is registered. Which one it is shows only where the
// program has registered no binds of its own.
func (c *Config) otherDefault(plugin *bindkey.Plugin) (bool, error) {
	keys := plugin.Keys() // with the default's
	for _, key := range keys {
		if key == bindkey.DefaultKey {
			return false, nil
		}
	}
	if len(keys) == 1 {
		if _, err := c.Dialector(keys[0]); err != nil {
			return true, fmt.Errorf("config: option bindkey.Default: %w", err)
		}
	}
	return true, nil
}

// register tells the plugin of the bind. The source of main is the handle itself;
// main is registered only if it must be: the program may have done it, for its data.
func (c *Config) register(plugin *bindkey.Plugin, b *bind, always bool) error {
	if b.tenanted() {
		if err := c.registerTenants(plugin, b); err != nil {
			return err
		}
		b.set(plugin)
		return nil
	}
	resolver := dbresolver.Config{Policy: b.settings.policyOf()}
	if b.key != bindkey.DefaultKey {
		resolver.Sources = []gorm.Dialector{b.source.dialector}
	}
	for _, replica := range b.replicas {
		resolver.Replicas = append(resolver.Replicas, replica.dialector)
	}
	if len(resolver.Sources)+len(resolver.Replicas) > 0 || always {
		plugin.Register(b.key, resolver)
	}
	b.set(plugin)
	return nil
}

// set gives the bind its settings.
func (b *bind) set(plugin *bindkey.Plugin) {
	if b.settings.limitsPools() {
		plugin.ConfigurePools(b.key, b.settings.limitPool)
	}
	if b.settings.configures() {
		plugin.Configure(b.key, b.settings.configure)
	}
}

// open opens the bind as a handle of its own.
func (b *bind) open(gormConfig *gorm.Config) (*gorm.DB, error) {
	var config gorm.Config
	if gormConfig != nil {
		config = *gormConfig
	}
	if config.Logger == nil {
		config.Logger = logger.Default
	}
	wanted := config.Logger
	config.Logger = logger.Discard // it would print the DSN that some drivers put in their errors
	db, err := gorm.Open(b.source.dialector, &config)
	if err != nil {
		return nil, &OpenError{Key: b.key, Variable: b.source.origin, Scheme: schemeOf(b.source.url), Err: err,
			text: b.source.told().Tell(err)}
	}
	db.Config.Logger = wanted
	return db, nil
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
			at := b.at(failed.Role)
			text := failed.Error() // bindkey's own
			if failed.Err != nil {
				text = at.told().Tell(failed.Err) // without bindkey's words, which say the same as ours
			}
			return &OpenError{Key: b.key, Variable: at.origin, Scheme: schemeOf(at.url), Err: failed, text: text}
		}
	}
	return err
}

// An OpenError says that the database of a variable could not be opened.
type OpenError struct {
	Key      string // the bind
	Tenant   string // whose database it is, of a bind with tenants ([Config.DatabasesOf])
	Variable string // that its URL comes from, or the line of a file
	Scheme   string // of the URL
	Err      error  // what the driver or bindkey said, as they said it

	text string // what may be told of Err
}

func (e *OpenError) Error() string {
	tenant := ""
	if e.Tenant != "" {
		tenant = fmt.Sprintf(", tenant %q", e.Tenant)
	}
	return fmt.Sprintf("config: %s (bind %q%s, scheme %q) could not be opened: %s", e.Variable, e.Key, tenant, e.Scheme, e.text)
}

// Unwrap returns the error of the driver or of bindkey.
func (e *OpenError) Unwrap() error { return e.Err }
