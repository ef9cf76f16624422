package config

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"
)

// A setting is one line of the table of settings: all that reads, documents or
// prints settings goes by this table, so a new one is a line here and a field of
// settings.
type setting struct {
	name string // in a file; in variables in upper case
	kind kind
	doc  string // one sentence or two, for the tables
	none string // what holds without it
	read func(s *settings, text string) error
}

// A kind is the form of a setting's value.
type kind string

const (
	kindURL      kind = "URL"
	kindURLs     kind = "URLs"
	kindPolicy   kind = "policy"
	kindPositive kind = "number from 1"
	kindNumber   kind = "number from 0"
	kindDuration kind = "duration"
	kindSwitch   kind = "true or false"
)

// settings are what a bind's settings but its URLs say.
type settings struct {
	policy                              string
	maxOpenConns, maxIdleConns          *int
	connMaxLifetime, connMaxIdleTime    time.Duration
	connect, statement, lock            time.Duration
	readOnly                            bool
	prepareStmt, skipDefaultTransaction *bool
	tenantLimit                         *int
	tenantWait                          time.Duration
}

const (
	nameURL      = "url"
	nameReplicas = "replica_urls"

	nameTenantLimit = "tenant_limit"
	nameTenantWait  = "tenant_wait"
)

// allSettings is the table, in the order of the documents.
var allSettings = []setting{
	{nameURL, kindURL, "The database of the bind: its source, which is written to.", "the default of `Bind`; without one, a mistake", nil},
	{nameReplicas, kindURLs, "Replicas, which are read from. Their dialect must be that of `url`.", "reads go to the source", nil},
	{"policy", kindPolicy, "Which replica a read goes to: `random` or `round-robin`.", "random",
		func(s *settings, text string) (err error) { s.policy, err = oneOf(text, policyNames...); return err }},
	{"max_open_conns", kindPositive, "How many connections each pool has open at most.", "no limit",
		func(s *settings, text string) (err error) { s.maxOpenConns, err = number(text, 1); return err }},
	{"max_idle_conns", kindNumber, "How many idle connections each pool keeps; not more than `max_open_conns`.", "2, as database/sql has it",
		func(s *settings, text string) (err error) { s.maxIdleConns, err = number(text, 0); return err }},
	{"conn_max_lifetime", kindDuration, "How long a connection is used.", "no limit",
		func(s *settings, text string) (err error) { s.connMaxLifetime, err = duration(text); return err }},
	{"conn_max_idle_time", kindDuration, "How long a connection may be idle; not longer than `conn_max_lifetime`.", "no limit",
		func(s *settings, text string) (err error) { s.connMaxIdleTime, err = duration(text); return err }},
	{"connect_timeout", kindDuration, "How long opening a connection may take.", "as the driver has it",
		func(s *settings, text string) (err error) { s.connect, err = duration(text); return err }},
	{"statement_timeout", kindDuration, "How long a statement may run; the database stops it.", "as the server has it",
		func(s *settings, text string) (err error) { s.statement, err = duration(text); return err }},
	{"lock_timeout", kindDuration, "How long a statement waits for a lock.", "as the server has it; 5s on SQLite",
		func(s *settings, text string) (err error) { s.lock, err = duration(text); return err }},
	{"read_only", kindSwitch, "The bind's connections refuse writes; the database enforces it.", "false",
		func(s *settings, text string) error {
			on, err := onOff(text)
			s.readOnly = on != nil && *on
			return err
		}},
	{"prepare_stmt", kindSwitch, "Statements of the bind are prepared and kept (gorm.Config's PrepareStmt).", "that of the handle's gorm.Config",
		func(s *settings, text string) (err error) { s.prepareStmt, err = onOff(text); return err }},
	{"skip_default_transaction", kindSwitch, "Writes of the bind run without a transaction of their own (gorm.Config's SkipDefaultTransaction).", "that of the handle's gorm.Config",
		func(s *settings, text string) (err error) { s.skipDefaultTransaction, err = onOff(text); return err }},
	{nameTenantLimit, kindPositive, "How many tenants of the bind are open at most, if its URL has `{tenant}` (bindkey.TenantLimit).", "100",
		func(s *settings, text string) (err error) { s.tenantLimit, err = number(text, 1); return err }},
	{nameTenantWait, kindDuration, "How long a statement waits until its tenant is open (bindkey.TenantWait).", "10s",
		func(s *settings, text string) (err error) { s.tenantWait, err = duration(text); return err }},
}

var policyNames = []string{"random", "round-robin"}

func settingNamed(name string) (setting, bool) {
	for _, s := range allSettings {
		if s.name == name {
			return s, true
		}
	}
	return setting{}, false
}

// suffix is the end of the setting's variable.
func (s setting) suffix() string { return "_DB_" + strings.ToUpper(s.name) }

func (s setting) isURL() bool { return s.read == nil }

// The readers say what a right value is, and never quote a wrong one: it may be a
// secret in the wrong place.

func oneOf(text string, allowed ...string) (string, error) {
	for _, one := range allowed {
		if text == one {
			return one, nil
		}
	}
	return "", fmt.Errorf("it must be one of: %s", strings.Join(allowed, ", "))
}

func number(text string, least int) (*int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		return nil, fmt.Errorf("it must be a whole number, %d or more", least)
	}
	return &n, nil
}

func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New("it must be a duration above 0 with a unit, such as 500ms, 30s, 5m or 1h30m")
	}
	return d, nil
}

func onOff(text string) (*bool, error) {
	on := text == "true"
	if !on && text != "false" {
		return nil, errors.New("it must be true or false")
	}
	return &on, nil
}

// contradiction is a setting that makes no sense beside another.
type contradiction struct{ name, reason string }

func (s settings) contradictions(replicas int) (found []contradiction) {
	if s.policy != "" && replicas == 0 {
		found = append(found, contradiction{"policy", "the bind has no replicas, so there is nothing to choose; add replica_urls, or remove it"})
	}
	if s.maxOpenConns != nil && s.maxIdleConns != nil && *s.maxIdleConns > *s.maxOpenConns {
		found = append(found, contradiction{"max_idle_conns", "it is more than max_open_conns"})
	}
	if s.connMaxLifetime > 0 && s.connMaxIdleTime > s.connMaxLifetime {
		found = append(found, contradiction{"conn_max_idle_time", "it is longer than conn_max_lifetime"})
	}
	return found
}

// limits are the settings that drivers know, one at a time, with their names.
func (s settings) limits() (names []string, limits []Limits) {
	add := func(set bool, name string, l Limits) {
		if set {
			names, limits = append(names, name), append(limits, l)
		}
	}
	add(s.connect > 0, "connect_timeout", Limits{Connect: s.connect})
	add(s.statement > 0, "statement_timeout", Limits{Statement: s.statement})
	add(s.lock > 0, "lock_timeout", Limits{Lock: s.lock})
	add(s.readOnly, "read_only", Limits{ReadOnly: true})
	return names, limits
}

// policyOf is dbresolver's policy. Its RoundRobinPolicy counts without a lock.
func (s settings) policyOf() dbresolver.Policy {
	if s.policy == "round-robin" {
		return dbresolver.StrictRoundRobinPolicy()
	}
	return nil // random
}

func (s settings) limitsPools() bool {
	return s.maxOpenConns != nil || s.maxIdleConns != nil || s.connMaxLifetime > 0 || s.connMaxIdleTime > 0
}

// limitPool sets what is set; database/sql keeps its defaults for the rest.
func (s settings) limitPool(pool *sql.DB) {
	if s.maxOpenConns != nil {
		pool.SetMaxOpenConns(*s.maxOpenConns)
	}
	if s.maxIdleConns != nil {
		pool.SetMaxIdleConns(*s.maxIdleConns)
	}
	if s.connMaxLifetime > 0 {
		pool.SetConnMaxLifetime(s.connMaxLifetime)
	}
	if s.connMaxIdleTime > 0 {
		pool.SetConnMaxIdleTime(s.connMaxIdleTime)
	}
}

func (s settings) configures() bool { return s.prepareStmt != nil || s.skipDefaultTransaction != nil }

// configure changes what a bind has for itself of gorm.Config.
func (s settings) configure(c *gorm.Config) {
	if s.prepareStmt != nil {
		c.PrepareStmt = *s.prepareStmt
	}
	if s.skipDefaultTransaction != nil {
		c.SkipDefaultTransaction = *s.skipDefaultTransaction
	}
}
