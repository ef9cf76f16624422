package bindkey

import (
	"fmt"
	"reflect"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A config is what options, Register, Configure and the pool settings have said.
// Installation checks all of it, and then makes the plugin's parts.
type config struct {
	strict           bool
	defaultKey       string
	defaultGiven     bool // by the option Default
	tag              string
	openLate         bool
	logBinds         bool
	listed           []any    // of the option Models
	order            []string // of COMMITs
	endTimeout       time.Duration
	twoPhase         *twoPhase // nil: without
	registered       []*bind
	registeredTypes  map[reflect.Type]string          // models given to Register
	registeredModels []any                            // the same, in their order
	names            map[string][]string              // table names given to Register, folded → keys
	setters          []func(gorm.ConnPool)            // of all pools
	ownSetters       map[string][]func(gorm.ConnPool) // of one bind's
	configuring      map[string][]func(*gorm.Config)
	families         []*family // of the option Tenants
	observers        observers
	mistakes         []error // told by Initialize
}

func newConfig(options []Option) config {
	c := config{
		defaultKey:      DefaultKey,
		tag:             DefaultTagName,
		endTimeout:      DefaultEndTimeout,
		registeredTypes: map[reflect.Type]string{},
		names:           map[string][]string{},
	}
	for _, option := range options {
		if err := option(&c); err != nil {
			c.mistake(err)
		}
	}
	return c
}

func (c *config) mistake(err error) { c.mistakes = append(c.mistakes, err) }

func (c *config) registerData(key string, item any) {
	if table, ok := item.(string); ok {
		c.names[sqlscan.Fold(table)] = append(c.names[sqlscan.Fold(table)], key)
		return
	}
	t := catalog.ModelType(item)
	if t == nil {
		c.mistake(&InvalidKeyError{Subject: fmt.Sprintf("Plugin.Register(%q)", key),
			Reason: catalog.WithoutImportPaths(fmt.Sprintf("data is a %T, but only models and table names live in a bind", item))})
		return
	}
	if other, ok := c.registeredTypes[t]; ok && other != key {
		c.mistake(&ConflictError{Subject: "model " + catalog.TypeName(t), Way: "register it in one bind",
			Claims: []Claim{{Key: other, Source: "its Register"}, {Key: key, Source: "another Register"}}})
		return
	}
	if c.registeredTypes[t] == "" {
		c.registeredModels = append(c.registeredModels, reflect.New(t).Interface())
	}
	c.registeredTypes[t] = key
}
