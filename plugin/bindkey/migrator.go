package bindkey

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	gormmigrator "gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A migrator sends each call to the migrator of the bind where the model or
// table lives: a plain one, on a plain handle of that bind, since GORM's
// migrators run their DDL through Exec and Raw, without a model. It runs on
// the transaction's branch, or on a source, never on a replica.
type migrator struct {
	plugin *Plugin
	db     *gorm.DB
	only   []*bind // if not nil, AutoMigrate leaves the other binds alone
}

var (
	_ gorm.Migrator = migrator{}
	// GORM's CreateTable and CreateIndex assert it (migrator/migrator.go).
	_ gormmigrator.BuildIndexOptionsInterface = migrator{}
)

// bindOf finds the bind of a model or of a table's name: that of Use, else its
// own.
func (m migrator) bindOf(value any) (*bind, error) { return m.bindOfIn(value, m.db.Statement.Table) }

// bindOfIn is bindOf with the table that Table(…) names for a model, if any.
func (m migrator) bindOfIn(value any, table string) (*bind, error) {
	if u := m.plugin.effectiveUse(m.db.Statement); u != nil {
		return m.plugin.lookup(u.key, "")
	}
	if name, ok := value.(string); ok {
		b, says, err := m.weigh(nil, name)
		if err == nil && !says && m.plugin.strict {
			return nil, &UnboundError{Table: name, Known: m.plugin.known()}
		}
		return b, err
	}
	s, err := m.plugin.parse(value)
	if err != nil {
		return nil, noModel(value, err)
	}
	return m.strictly(s, table)
}

// bindOfSchema is bindOf where only a schema is given, or none, and where a part
// of it is asked about, that needs no key.
func (m migrator) bindOfSchema(s *schema.Schema) (*bind, error) {
	if u := m.plugin.effectiveUse(m.db.Statement); u != nil {
		return m.plugin.lookup(u.key, "")
	}
	b, _, err := m.weigh(s, m.db.Statement.Table)
	return b, err
}

// strictly is what weigh finds, and with Strict not the default bind.
func (m migrator) strictly(s *schema.Schema, table string) (*bind, error) {
	b, says, err := m.weigh(s, table)
	if err == nil && !says && m.plugin.strict {
		return nil, &UnboundError{Model: schemaName(s), Table: s.Table, Known: m.plugin.known()}
	}
	return b, err
}

// weigh weighs a model, or nil, and the table that Table(…) names for it, or
// none, as statements do: a known table decides, and a model that has a key must
// agree. A model without one whose table is not the one named is no evidence.
// It is the ambient bind if nothing says which, or the default.
func (m migrator) weigh(s *schema.Schema, table string) (b *bind, says bool, err error) {
	ambient := m.plugin.ambientOf(m.db.Statement)
	fallback := ambient
	if fallback == nil {
		fallback = m.plugin.defaultBind()
	}
	model := home{bind: fallback, why: ReasonDefault}
	if s != nil {
		if plain := m.plugin.catalog.ModelSchema(s); plain != nil {
			s, table = plain, s.Table
		}
		model = *m.plugin.askHome(s)
		if model.err == nil && !model.keyed() {
			model.bind = fallback
		}
	}
	if model.err != nil || table == "" || s != nil && table == s.Table {
		return model.bind, model.keyed() || ambient != nil, model.err
	}
	e := evidence{plugin: m.plugin, fallback: ambient}
	if model.keyed() {
		e.add(model.bind, model.why, "model "+schemaName(s))
	}
	e.name(sqlscan.Fold(table), ReasonTable)
	if b, err = e.verdict(&destination{}); b != nil || err != nil {
		return b, true, err
	}
	if !model.keyed() && ambient == nil && !m.db.DryRun {
		m.plugin.tables.guess(e.unknown)
	}
	return model.bind, ambient != nil, nil
}

// in is the bind's own migrator, on the connection that the session's own says.
func (m migrator) in(b *bind) (gorm.Migrator, error) {
	conn, err := m.connection(b)
	if err != nil {
		return nil, err
	}
	return m.on(b, conn).Migrator(), nil
}

// on is a plain session of a bind on a connection, with the settings of the
// session that asked.
func (m migrator) on(b *bind, conn gorm.ConnPool) *gorm.DB {
	session := b.plainSession(m.db, conn)
	config := m.configOf(b)
	session.Config.DryRun, session.Config.Logger = m.db.DryRun, config.Logger
	session.Config.DisableForeignKeyConstraintWhenMigrating = config.DisableForeignKeyConstraintWhenMigrating
	session.Config.IgnoreRelationshipsWhenMigrating = config.IgnoreRelationshipsWhenMigrating
	session.Statement.Table, session.Statement.TableExpr = m.db.Statement.Table, b.dialect.table(m.db.Statement.TableExpr)
	m.db.Statement.Settings.Range(func(key, value any) bool {
		session.Statement.Settings.Store(key, value)
		return true
	})
	return session
}

// configOf is the configuration of the session that asked, with what the bind has
// for itself.
func (m migrator) configOf(b *bind) gorm.Config {
	config := *m.db.Config
	if b != nil && b.isOpen() {
		m.plugin.configure(m.db, b, &config)
	}
	return config
}

// connection is the transaction's branch, or a connection of the application's
// own, if that is the bind's; else a source.
func (m migrator) connection(b *bind) (gorm.ConnPool, error) {
	if err := b.ready(); err != nil {
		return nil, err
	}
	if t := transactionOf(m.db); t != nil && t.plugin == m.plugin {
		branch, err := t.branchOf(b)
		if err != nil {
			return nil, err
		}
		return withRecord(branch, record{bind: b, trusted: true}), nil
	}
	switch pool := unwrap(m.db.Statement.ConnPool).(type) {
	case *rootPool, *chainPool, *boundPool:
	case *sql.DB:
		if !m.plugin.overtaken(m.db) {
			return nil, errStale
		}
	default:
		return pool, m.plugin.foreign(m.db, updateStatement, &destination{bind: b}, pool)
	}
	if m.db.DryRun {
		return b.sources[0].real.conn, nil
	}
	pool, err := b.source(m.db.Statement.Context)
	if err != nil {
		return nil, err
	}
	return pool.real.conn, nil
}

// of is the migrator for a model or table.
func (m migrator) of(value any) (gorm.Migrator, error) {
	b, err := m.bindOf(value)
	if err != nil {
		return nil, err
	}
	return m.in(b)
}

// change is the migrator for a call that changes a model's or a name's table,
// and done ends the call.
func (m migrator) change(value any) (inner gorm.Migrator, done func(), err error) {
	b, err := m.bindOf(value)
	if err != nil {
		return nil, nil, err
	}
	return m.changeIn(b)
}

// changeIn is change for a bind's tables. Statements prepared before may not fit
// them any more.
func (m migrator) changeIn(b *bind) (inner gorm.Migrator, done func(), err error) {
	if t := transactionOf(m.db); t != nil && t.readOnly() {
		return nil, nil, fmt.Errorf("%w: migrate in one without sql.TxOptions.ReadOnly", ErrReadOnly)
	}
	inner, err = m.in(b)
	return inner, func() {
		for _, pool := range m.plugin.realPools() {
			if b.has(pool) || b.hasSourceAt(pool) {
				pool.forget()
			}
		}
	}, err
}

// A bindGroup is the part of a call's values that lives in one bind.
type bindGroup struct {
	bind   *bind
	values []any
}

func (g bindGroup) failed(err error) error {
	return fmt.Errorf("bindkey: bind %q: %w", g.bind.key, err)
}

// group splits values by bind, and keeps their order inside each.
func (m migrator) group(values []any) ([]bindGroup, error) {
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
func (m migrator) learn(group bindGroup) {
	if m.db.DryRun {
		return // it only prints
	}
	for _, value := range group.values {
		s, err := m.plugin.parse(value)
		if err != nil {
			continue // the call will say so
		}
		table := s.Table
		if m.db.Statement.Table != "" {
			table = m.db.Statement.Table
		}
		m.learnTable(table, group.bind, m.plugin.askHome(s).keyed())
	}
}

// hasKey reports whether a model or a table's name has a key.
func (m migrator) hasKey(value any) bool {
	if table, ok := value.(string); ok {
		_, keyed := m.plugin.whereIs(sqlscan.Fold(table), nil)
		return keyed
	}
	s, err := m.plugin.parse(value)
	return err == nil && m.plugin.askHome(s).keyed()
}

// learnTable makes a table known in a bind. Without a key, it is where what has no
// key goes; with one, Use makes a copy of a table that is known.
func (m migrator) learnTable(table string, b *bind, keyed bool) {
	known, byKey := m.plugin.whereIs(sqlscan.Fold(table), nil)
	switch {
	case !keyed && !byKey:
		m.plugin.tables.addUnkeyed(table)
	case keyed && (len(known) == 0 || m.plugin.effectiveUse(m.db.Statement) == nil):
		m.plugin.tables.add(table, b)
	}
}

// bindOfRename is where a table is renamed. GORM takes a model's own table here,
// whatever Table(…) says.
func (m migrator) bindOfRename(oldName, newName any) (*bind, error) {
	b, err := m.bindOfIn(oldName, "")
	if err != nil {
		return nil, err
	}
	if table, ok := newName.(string); ok && len(m.plugin.bindsWithTable(sqlscan.Fold(table), nil)) == 0 {
		return b, nil
	}
	to, err := m.bindOfIn(newName, "")
	if err != nil {
		return nil, err
	}
	if to != b {
		return nil, &CrossBindError{
			Claims: []Claim{{Key: b.key, Source: fmt.Sprintf("table %v", tableLabel(oldName))}, {Key: to.key, Source: fmt.Sprintf("table %v", tableLabel(newName))}},
			Way:    "a table is renamed inside its database; copy the rows to move it to another",
		}
	}
	return b, nil
}

func tableLabel(value any) string {
	if table, ok := value.(string); ok {
		return quoted(table)
	}
	return fmt.Sprintf("of %T", value)
}

// bindOfView is the bind of Use, or else that of a view's query.
func (m migrator) bindOfView(option gorm.ViewOption) (*bind, error) {
	if option.Query == nil {
		return nil, gorm.ErrSubQueryRequired
	}
	route, err := m.plugin.Explain(option.Query)
	if err != nil {
		return nil, err
	}
	if u := m.plugin.effectiveUse(m.db.Statement); u != nil {
		return m.plugin.lookup(u.key, "")
	}
	return m.plugin.lookup(route.Key, "")
}

// spoken is a query as SQL in a bind's dialect, with its variables written into
// it: the bind's own migrator can't read neutral SQL.
func (m migrator) spoken(b *bind, query *gorm.DB) (*gorm.DB, error) {
	session := m.on(b, nil)
	var text strings.Builder
	session.Statement.AddVar(&text, query)
	vars := session.Statement.Vars
	if crossing := b.crossing(text.String(), nil); crossing != nil && m.plugin.effectiveUse(m.db.Statement) == nil {
		return nil, crossing
	}
	return m.on(b, nil).Raw(b.dialect.Explain(neutral.Render(b.dialect, text.String(), vars), vars...)), nil
}

// bindOfConstraint finds where the table lives that has a constraint, or would
// have it: a relation names the constraint of the other model, or of a join
// table. There is an error for one that crosses binds, for who would create it.
func (m migrator) bindOfConstraint(value any, name string) (b *bind, crossing, err error) {
	b, err = m.bindOf(value)
	if _, named := value.(string); named || err != nil || m.plugin.effectiveUse(m.db.Statement) != nil {
		return b, nil, err
	}
	stmt := &gorm.Statement{DB: m.plugin.db}
	if err := stmt.ParseWithSpecialTableName(value, m.db.Statement.Table); err != nil {
		return nil, nil, err
	}
	found, _ := gormmigrator.Migrator{}.GuessConstraintInterfaceAndTable(stmt, name)
	c, ok := found.(*schema.Constraint)
	if !ok || c.Schema == nil || c.ReferenceSchema == nil {
		return b, nil, nil
	}
	from, err := m.strictly(c.Schema, "")
	if err != nil {
		return nil, nil, err
	}
	to, err := m.strictly(c.ReferenceSchema, "")
	if err != nil {
		return nil, nil, err
	}
	if from != to {
		crossing = &CrossBindError{
			Claims: []Claim{{Key: from.key, Source: "model " + schemaName(c.Schema)}, {Key: to.key, Source: "model " + schemaName(c.ReferenceSchema)}},
			Way:    "a foreign key can't cross databases; put both models into one bind, or do without " + quoted(c.Name),
		}
	}
	return from, crossing, nil
}

// asking is the migrator without DryRun, in which GORM's can't ask.
func (m migrator) asking() migrator {
	m.db = m.db.Session(&gorm.Session{})
	m.db.DryRun = false
	return m
}
