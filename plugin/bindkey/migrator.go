package bindkey

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/migrate"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A migrateHost answers what the package migrate asks of the plugin.
type migrateHost struct{ plugin *Plugin }

var (
	_ migrate.Host = migrateHost{}
	_ migrate.Bind = (*bind)(nil)
)

// asMigrated is a bind for the package migrate, in which none is nil.
func asMigrated(b *bind, err error) (migrate.Bind, error) {
	if b == nil {
		return nil, err
	}
	return b, err
}

// BindOf is the bind of Use, else that of a table's name, or of a model with the
// table that Table(…) names for it.
func (h migrateHost) BindOf(db *gorm.DB, value any, table string) (migrate.Bind, error) {
	p := h.plugin
	if u := p.effectiveUse(db.Statement); u != nil {
		return asMigrated(p.lookup(u.key, ""))
	}
	if name, ok := value.(string); ok {
		b, says, err := h.weigh(db, nil, name)
		if err == nil && !says && p.strict {
			return nil, &UnboundError{Table: name, Known: p.known()}
		}
		return asMigrated(b, err)
	}
	s, err := p.parse(value)
	if err != nil {
		return nil, noModel(value, err)
	}
	return asMigrated(h.requiredBind(db, s, table))
}

// BindOfSchema is the bind of Use, else that of a schema, or of none.
func (h migrateHost) BindOfSchema(db *gorm.DB, s *schema.Schema) (migrate.Bind, error) {
	if u := h.plugin.effectiveUse(db.Statement); u != nil {
		return asMigrated(h.plugin.lookup(u.key, ""))
	}
	b, _, err := h.weigh(db, s, db.Statement.Table)
	return asMigrated(b, err)
}

// Home is a model's own bind. With Use, it need not have one.
func (h migrateHost) Home(db *gorm.DB, s *schema.Schema) (migrate.Bind, error) {
	b, err := h.requiredBind(db, s, "")
	if err != nil && h.HasUse(db) {
		b, err = h.plugin.peekBindOfModel(s).bind, nil
	}
	return asMigrated(b, err)
}

// HasUse reports whether the session has a Use of its own.
func (h migrateHost) HasUse(db *gorm.DB) bool { return h.plugin.effectiveUse(db.Statement) != nil }

// requiredBind is what weigh finds, and with Strict not the default bind.
func (h migrateHost) requiredBind(db *gorm.DB, s *schema.Schema, table string) (*bind, error) {
	b, says, err := h.weigh(db, s, table)
	if err == nil && !says && h.plugin.strict {
		return nil, &UnboundError{Model: schemaName(s), Table: s.Table, Known: h.plugin.known()}
	}
	return b, err
}

// weigh weighs a model, or nil, and the table that Table(…) names for it, or
// none, as statements do: a known table decides, and a model that has a key must
// agree. A model without one whose table is not the one named is no evidence.
// It is the ambient bind if nothing says which, or the default.
func (h migrateHost) weigh(db *gorm.DB, s *schema.Schema, table string) (b *bind, says bool, err error) {
	ambient, err := h.plugin.ambientOf(db.Statement)
	if err != nil {
		return nil, false, err
	}
	fallback := ambient
	if fallback == nil {
		fallback = h.plugin.defaultBind()
	}
	model := modelBind{bind: fallback, why: ReasonDefault}
	if s != nil {
		if plain := h.plugin.catalog.ModelSchema(s); plain != nil {
			s, table = plain, s.Table
		}
		model = *h.plugin.peekBindOfModel(s)
		if model.err == nil && !model.keyed() {
			model.bind = fallback
		}
	}
	if model.err != nil || table == "" || s != nil && table == s.Table {
		return model.bind, model.keyed() || ambient != nil, model.err
	}
	e := evidence{plugin: h.plugin, fallback: ambient}
	if model.keyed() {
		e.add(model.bind, model.why, "model "+schemaName(s))
	}
	e.name(sqlscan.Fold(table), ReasonTable)
	if b, err = e.verdict(&decision{}); b != nil || err != nil {
		return b, true, err
	}
	if !model.keyed() && ambient == nil && !db.DryRun {
		h.plugin.tables.Guess(e.unknown)
	}
	return model.bind, ambient != nil, nil
}

// View is the bind of Use, or else that of a view's query, and the query in its
// dialect, with the variables written into it: the bind's own migrator can't
// read neutral SQL.
func (h migrateHost) View(db, query *gorm.DB) (migrate.Bind, *gorm.DB, error) {
	p := h.plugin
	route, _, err := p.explain(query)
	if err != nil {
		return nil, nil, err
	}
	key, used := route.Key, p.effectiveUse(db.Statement)
	if used != nil {
		key = used.key
	}
	b, err := p.lookup(key, "")
	if err != nil {
		return nil, nil, err
	}
	if err := b.ready(db.Statement.Context); err != nil {
		return nil, nil, err
	}
	session := b.Session(db, nil)
	var text strings.Builder
	session.Statement.AddVar(&text, query)
	vars := session.Statement.Vars
	if _, err := b.ofOneTenant(db.Statement.Context, text.String()); err != nil {
		return nil, nil, err
	}
	if crossing := b.crossing(text.String(), nil, false); crossing != nil && used == nil {
		return nil, nil, crossing
	}
	return b, b.Session(db, nil).Raw(b.dialect.Explain(neutral.Render(b.dialect, text.String(), vars), vars...)), nil
}

// Binds are all binds, but for one with tenants whose tenant the session does not name.
// One may have several keys.
func (h migrateHost) Binds(db *gorm.DB) (binds []migrate.Bind, err error) {
	for _, key := range h.plugin.known() {
		b, err := h.plugin.lookup(key, "")
		if err != nil {
			return nil, err
		}
		if b.family != nil {
			if _, err := b.family.tenantOf(db.Statement.Context); err != nil {
				continue
			}
		}
		if b.key == key {
			binds = append(binds, b)
		}
	}
	return binds, nil
}

// BindsWithTable are the binds where a table is known.
func (h migrateHost) BindsWithTable(name string, exactly bool) []migrate.Bind {
	name = sqlscan.Fold(name)
	var found []*bind
	if exactly {
		found, _ = h.plugin.tables.Find(name, h.plugin.defaultBind().itself)
	} else {
		found = h.plugin.bindsWithTable(name, nil)
	}
	binds := make([]migrate.Bind, len(found))
	for i, b := range found {
		binds[i] = b
	}
	return binds
}

// Learn makes a table known in a bind. Without a key, it is where what has no
// key goes; with one, Use makes a copy of a table that is known.
func (h migrateHost) Learn(db *gorm.DB, of any, table string, b migrate.Bind) {
	if of == nil {
		h.plugin.tables.Add(table, b.(*bind))
		return
	}
	keyed := h.hasKey(of)
	known, byKey := h.plugin.whereIs(sqlscan.Fold(table), nil)
	switch {
	case !keyed && !byKey:
		h.plugin.tables.AddUnkeyed(table)
	case keyed && (len(known) == 0 || !h.HasUse(db)):
		h.plugin.tables.Add(table, b.(*bind))
	}
}

// hasKey reports whether a model or a table's name has a key.
func (h migrateHost) hasKey(value any) bool {
	if table, ok := value.(string); ok {
		_, keyed := h.plugin.whereIs(sqlscan.Fold(table), nil)
		return keyed
	}
	s, err := h.plugin.parse(value)
	return err == nil && h.plugin.peekBindOfModel(s).keyed()
}

// Parse is a model's schema: one of its own where Table(…) names the table.
func (h migrateHost) Parse(model any, table string) (*schema.Schema, error) {
	s, err := h.plugin.parse(model)
	if err == nil && table != "" {
		stmt := gorm.Statement{DB: h.plugin.db}
		err = stmt.ParseWithSpecialTableName(model, table)
		s = stmt.Schema
	}
	if err != nil {
		return nil, noModel(model, err)
	}
	return s, nil
}

func (h migrateHost) ModelName(s *schema.Schema) string { return schemaName(s) }

func (h migrateHost) OfModel(err error, value any) error {
	var missing *NoTenantError
	if errors.As(err, &missing) && missing.Model == "" {
		if s, parsing := h.plugin.parse(value); parsing == nil {
			return h.plugin.ofModel(missing, s, &use{key: missing.Key}) // nothing else sends a migration elsewhere
		}
	}
	return err
}

func (h migrateHost) CrossBind(from, to migrate.Claim, way string) error {
	return &CrossBindError{Claims: []Claim{Claim(from), Claim(to)}, Way: way}
}

func (b *bind) Key() string { return b.key }

func (b *bind) Dialector() gorm.Dialector { return b.plain.Dialector }

// SessionConfig is the configuration of the session that asks, with what the bind has
// for itself.
func (b *bind) SessionConfig(db *gorm.DB) gorm.Config {
	config := *db.Config
	if b.isOpen() {
		b.plugin.configure(db, b, &config)
	}
	return config
}

// Conn is the transaction's branch, or a connection of the application's own, if
// that is the bind's; else a source.
func (b *bind) Conn(db *gorm.DB) (gorm.ConnPool, error) {
	if err := b.ready(db.Statement.Context); err != nil {
		return nil, err
	}
	if t := transactionOf(db); t != nil && t.plugin == b.plugin {
		branch, err := t.branchOf(db.Statement.Context, b)
		if err != nil {
			return nil, err
		}
		return b.plugin.withRecord(branch, record{bind: b, trusted: true}), nil
	}
	switch pool := unwrap(db.Statement.ConnPool).(type) {
	case *rootPool, *chainPool, *boundPool:
	case *sql.DB:
		if !b.plugin.overtaken(db) {
			return nil, errStale
		}
	default:
		return pool, b.plugin.onForeignConn(db, updateStatement, &decision{bind: b}, pool)
	}
	if db.DryRun {
		return b.sources[0].real.Conn, nil
	}
	pool, err := b.source(db.Statement.Context)
	if err != nil {
		return nil, err
	}
	return pool.plainConn(), nil
}

// Session is a plain session of a bind on a connection, with the settings of the
// session that asks.
func (b *bind) Session(db *gorm.DB, conn gorm.ConnPool) *gorm.DB {
	session := b.plainSession(db, conn)
	config := b.SessionConfig(db)
	session.Config.DryRun, session.Config.Logger = db.DryRun, config.Logger
	b.tellBeside(session, transactionOf(db))
	session.Config.DisableForeignKeyConstraintWhenMigrating = config.DisableForeignKeyConstraintWhenMigrating
	session.Config.IgnoreRelationshipsWhenMigrating = config.IgnoreRelationshipsWhenMigrating
	session.Statement.Table, session.Statement.TableExpr = db.Statement.Table, b.dialect.Table(db.Statement.TableExpr)
	db.Statement.Settings.Range(func(key, value any) bool {
		session.Statement.Settings.Store(key, value)
		return true
	})
	return session
}

func (b *bind) Shares(other migrate.Bind) bool { return b.shares(other.(*bind)) }

// Change forbids changes in read-only transactions, and forgets afterwards the
// prepared statements, which may not fit the bind's tables any more.
func (b *bind) Change(db *gorm.DB) (done func(), err error) {
	if t := transactionOf(db); t != nil && t.operation() == reading {
		return nil, fmt.Errorf("%w: migrate in one without sql.TxOptions.ReadOnly", ErrReadOnly)
	}
	if b.family != nil {
		return b.family.change(db.Statement.Context)
	}
	return func() {
		for _, pool := range b.plugin.realPools() {
			if b.has(pool) || b.hasSourceAt(pool) {
				pool.Forget()
			}
		}
	}, nil
}
