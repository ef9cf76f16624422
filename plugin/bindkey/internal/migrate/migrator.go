package migrate

import (
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	gormmigrator "gorm.io/gorm/migrator"
)

// A Migrator sends each call to the migrator of the bind where the model or
// table lives: a plain one, on a plain handle of that bind, since GORM's
// migrators run their DDL through Exec and Raw, without a model. It runs on
// the transaction's branch, or on a source, never on a replica.
type Migrator struct {
	*Migrations
	db   *gorm.DB
	only []Bind // if not nil, AutoMigrate leaves the other binds alone
}

var (
	_ gorm.Migrator = Migrator{}
	// GORM's CreateTable and CreateIndex assert it (migrator/migrator.go).
	_ gormmigrator.BuildIndexOptionsInterface = Migrator{}
)

// DB is the session that the migrator was made for. Its chain's Scopes have run.
func (m Migrator) DB() *gorm.DB { return m.db }

// Only is the migrator whose AutoMigrate leaves all other binds alone; with
// none, it is for all.
func (m Migrator) Only(binds ...Bind) Migrator {
	m.only = binds
	return m
}

func (m Migrator) bindOf(value any) (Bind, error) {
	return m.host.BindOf(m.db, value, m.db.Statement.Table)
}

// in is the bind's own migrator, on the connection that the session's own says.
func (m Migrator) in(b Bind) (gorm.Migrator, error) {
	conn, err := b.Conn(m.db)
	if err != nil {
		return nil, err
	}
	return b.Session(m.db, conn).Migrator(), nil
}

// of is the migrator for a model or table.
func (m Migrator) of(value any) (gorm.Migrator, error) {
	b, err := m.bindOf(value)
	if err != nil {
		return nil, err
	}
	inner, err := m.in(b)
	return inner, m.host.OfModel(err, value)
}

// change is the migrator for a call that changes a model's or a name's table,
// and done ends the call.
func (m Migrator) change(value any) (inner gorm.Migrator, done func(), err error) {
	b, err := m.bindOf(value)
	if err != nil {
		return nil, nil, err
	}
	inner, done, err = m.changeIn(b)
	return inner, done, m.host.OfModel(err, value)
}

// changeIn is change for a bind's tables.
func (m Migrator) changeIn(b Bind) (inner gorm.Migrator, done func(), err error) {
	if done, err = b.Change(m.db); err != nil {
		return nil, nil, err
	}
	if inner, err = m.in(b); err != nil {
		done()
		return nil, nil, err
	}
	return inner, done, nil
}

// withOwn are the values of AutoMigrate with those of the host's own, unless a Use sends
// all to one bind.
func (m Migrator) withOwn(values []any) []any {
	if own := m.host.Also(); len(own) > 0 && !m.host.HasUse(m.db) {
		return append(values[:len(values):len(values)], own...)
	}
	return values
}

// asking is the migrator without DryRun, in which GORM's can't ask.
func (m Migrator) asking() Migrator {
	m.db = m.db.Session(&gorm.Session{})
	m.db.DryRun = false
	return m
}

// A bindGroup is the part of a call's values that lives in one bind.
type bindGroup struct {
	bind   Bind
	values []any
}

func (m Migrator) failed(g bindGroup, err error) error {
	return failedIn(g.bind, m.host.OfModel(err, g.values[0]))
}

// failedIn says in which bind it was, unless the error does.
func failedIn(b Bind, err error) error {
	in := fmt.Sprintf("bind %q", b.Key())
	if text := err.Error(); strings.HasPrefix(text, "bindkey: ") && strings.Contains(text, in) {
		return err
	}
	return fmt.Errorf("bindkey: %s: %w", in, err)
}

// group splits values by bind, and keeps their order inside each.
func (m Migrator) group(values []any) ([]bindGroup, error) {
	var (
		groups   []bindGroup
		failures []error
	)
next:
	for _, value := range values {
		b, err := m.bindOf(value)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		for i := range groups {
			if groups[i].bind == b {
				groups[i].values = append(groups[i].values, value)
				continue next
			}
		}
		groups = append(groups, bindGroup{b, []any{value}})
	}
	return groups, errors.Join(failures...)
}

// learn makes the tables of models known to raw SQL and Table.
func (m Migrator) learn(group bindGroup) {
	if m.db.DryRun {
		return // it only prints
	}
	for _, value := range group.values {
		s, err := m.host.Parse(value, m.db.Statement.Table)
		if err != nil {
			continue // the call will say so
		}
		m.host.Learn(m.db, value, s.Table, group.bind)
	}
}
