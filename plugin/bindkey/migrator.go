package bindkey

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	gormmigrator "gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
)

// A migrator sends each call to the migrator of the bind where the model or
// table lives: a plain one, on a plain handle of that bind, since GORM's
// migrators run their DDL through Exec and Raw, without a model. It runs on
// the transaction's branch, or on a source, never on a replica.
type migrator struct {
	plugin *Plugin
	db     *gorm.DB
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
// It is the default bind if nothing says which.
func (m migrator) weigh(s *schema.Schema, table string) (b *bind, says bool, err error) {
	model := home{bind: m.plugin.defaultBind(), why: ReasonDefault}
	if s != nil {
		if plain := m.plugin.plainSchema(s); plain != nil {
			s, table = plain, s.Table
		}
		model = *m.plugin.askHome(s)
	}
	if model.err != nil || table == "" || s != nil && table == s.Table {
		return model.bind, model.keyed(), model.err
	}
	e := evidence{plugin: m.plugin}
	if model.keyed() {
		e.add(model.bind, model.why, "model "+schemaName(s))
	}
	e.name(foldTable(table), ReasonTable)
	if b, _, err = e.verdict(); b != nil || err != nil {
		return b, true, err
	}
	return model.bind, false, nil
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
		return t.branchOf(b)
	}
	switch pool := unwrap(m.db.Statement.ConnPool).(type) {
	case *rootPool, *usedPool, *boundPool:
	case *sql.DB:
		if !m.plugin.overtaken(m.db) {
			return nil, errStale
		}
	default:
		return pool, m.plugin.foreign(m.db, updateStatement, b, pool)
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

// change runs a call that changes a bind's tables. Statements prepared before
// may not fit them any more.
func (m migrator) change(value any, call func(gorm.Migrator) error) error {
	b, err := m.bindOf(value)
	if err != nil {
		return err
	}
	return m.changeIn(b, call)
}

func (m migrator) changeIn(b *bind, call func(gorm.Migrator) error) error {
	if t := transactionOf(m.db); t != nil && t.readOnly() {
		return fmt.Errorf("%w: migrate in one without sql.TxOptions.ReadOnly", ErrReadOnly)
	}
	inner, err := m.in(b)
	if err != nil {
		return err
	}
	defer func() {
		for _, pool := range b.sources {
			pool.real.forget()
		}
		for _, pool := range b.replicas {
			pool.real.forget()
		}
	}()
	return call(inner)
}

// ask runs a call that has no error to return: a routing error is logged.
func ask[T any](m migrator, value any, call func(gorm.Migrator) T) T {
	b, err := m.bindOf(value)
	return askOf(m, b, err, call)
}

// askOf is ask where the bind is found, or is not.
func askOf[T any](m migrator, b *bind, err error, call func(gorm.Migrator) T) (answer T) {
	var inner gorm.Migrator
	if err == nil {
		inner, err = m.in(b)
	}
	if err != nil {
		m.db.Logger.Error(m.db.Statement.Context, "%v", err)
		return answer
	}
	return call(inner)
}

// askFor is ask for calls that name no table, or a part of a schema.
func askFor[T any](m migrator, s *schema.Schema, call func(gorm.Migrator) T) T {
	b, err := m.bindOfSchema(s)
	return askOf(m, b, err, call)
}

// A bindGroup is the part of a call's values that lives in one bind.
type bindGroup struct {
	bind   *bind
	values []any
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

// each splits values by bind and changes each bind's tables.
func (m migrator) each(values []any, call func(gorm.Migrator, bindGroup) error) error {
	groups, err := m.group(values)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if err := m.changeGroup(group, call); err != nil {
			return err
		}
	}
	return nil
}

func (m migrator) changeGroup(group bindGroup, call func(gorm.Migrator, bindGroup) error) error {
	err := m.changeIn(group.bind, func(inner gorm.Migrator) error { return call(inner, group) })
	if err != nil {
		return fmt.Errorf("bindkey: bind %q: %w", group.bind.key, err)
	}
	return nil
}

// AutoMigrate puts every table in its own database. Related models and join
// tables that GORM would add on its own go to their own binds; foreign keys
// that would cross databases are left out, and logged.
func (m migrator) AutoMigrate(values ...any) error { return m.autoMigrate(nil, values) }

// autoMigrate leaves the other binds alone, if some are named.
func (m migrator) autoMigrate(only []*bind, values []any) error {
	values, leftOut, err := m.withRelated(values)
	if err != nil {
		return err
	}
	groups, err := m.group(values)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if len(only) > 0 && !hasBind(only, group.bind) {
			continue
		}
		m.tell(leftOut, group)
		m.learn(group)
		err := m.changeGroup(group, func(inner gorm.Migrator, group bindGroup) error { return inner.AutoMigrate(group.values...) })
		if err != nil {
			return err
		}
	}
	return nil
}

// tell logs the foreign keys that a bind's tables don't get.
func (m migrator) tell(leftOut []ForeignKey, group bindGroup) {
	use := m.plugin.effectiveUse(m.db.Statement) != nil // all groups are one
	for _, key := range leftOut {
		if use || key.From.Key == group.bind.key {
			m.db.Logger.Info(m.db.Statement.Context, "bindkey: left out the %s: it would cross databases", key)
		}
	}
}

// learn makes the tables of models known to raw SQL and Table.
func (m migrator) learn(group bindGroup) {
	for _, value := range group.values {
		s, err := m.plugin.parse(value)
		switch {
		case err != nil: // the call will say so
		case m.db.Statement.Table != "":
			m.learnName(m.db.Statement.Table, group.bind)
		default:
			m.learnName(s.Table, group.bind)
		}
	}
}

func (m migrator) CreateTable(values ...any) error {
	leftOut, err := m.sever(values)
	if err != nil {
		return err
	}
	return m.each(values, func(inner gorm.Migrator, group bindGroup) error {
		m.tell(leftOut, group)
		m.learn(group)
		return inner.CreateTable(group.values...)
	})
}

func (m migrator) DropTable(values ...any) error {
	if _, err := m.sever(values); err != nil {
		return err
	}
	return m.each(values, func(inner gorm.Migrator, group bindGroup) error {
		if group.bind.plain.Dialector.Name() == "mysql" {
			conn, err := m.connection(group.bind)
			if err != nil {
				return err
			}
			if _, pool := conn.(*sql.DB); !pool {
				return dropHere(m.on(group.bind, conn), group.values)
			}
		}
		return inner.DropTable(group.values...)
	})
}

// dropHere drops tables of MySQL on the connection of a session. The dialect's
// own migrator takes another connection for it, which would wait for the
// transaction that the call is made in.
func dropHere(session *gorm.DB, values []any) (err error) {
	session = session.Session(&gorm.Session{})
	if err := session.Exec("SET FOREIGN_KEY_CHECKS = 0").Error; err != nil {
		return err
	}
	defer func() { err = joinErrors(err, session.Exec("SET FOREIGN_KEY_CHECKS = 1").Error) }()
	return gormmigrator.Migrator{Config: gormmigrator.Config{DB: session, Dialector: session.Dialector}}.DropTable(values...)
}

func (m migrator) HasTable(value any) bool {
	return ask(m, value, func(inner gorm.Migrator) bool { return inner.HasTable(value) })
}

// RenameTable renames a table inside its bind. The new name may be unknown,
// but must not be known in another bind. GORM takes a model's own table here,
// whatever Table(…) says.
func (m migrator) RenameTable(oldName, newName any) error {
	b, err := m.bindOfIn(oldName, "")
	if err != nil {
		return err
	}
	if table, ok := newName.(string); !ok || len(m.plugin.bindsWithTable(foldTable(table))) > 0 {
		to, err := m.bindOfIn(newName, "")
		if err != nil {
			return err
		}
		if to != b {
			return &CrossBindError{
				Claims: []Claim{{Key: b.key, Source: fmt.Sprintf("table %v", tableLabel(oldName))}, {Key: to.key, Source: fmt.Sprintf("table %v", tableLabel(newName))}},
				Way:    "a table is renamed inside its database; copy the rows to move it to another",
			}
		}
	}
	err = m.changeIn(b, func(inner gorm.Migrator) error { return inner.RenameTable(oldName, newName) })
	if table, ok := newName.(string); ok && err == nil {
		m.learnName(table, b)
	}
	return err
}

// learnName makes a table known, unless DryRun only prints, or Use makes a copy
// of a table that is known.
func (m migrator) learnName(table string, b *bind) {
	use := m.plugin.effectiveUse(m.db.Statement) != nil
	if !m.db.DryRun && (!use || len(m.plugin.bindsWithTable(foldTable(table))) == 0) {
		m.plugin.tables.add(table, b)
	}
}

func tableLabel(value any) string {
	if table, ok := value.(string); ok {
		return quoted(table)
	}
	return fmt.Sprintf("of %T", value)
}

func (m migrator) TableType(value any) (gorm.TableType, error) {
	inner, err := m.of(value)
	if err != nil {
		return nil, err
	}
	return inner.TableType(value)
}

func (m migrator) AddColumn(value any, field string) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.AddColumn(value, field) })
}

func (m migrator) DropColumn(value any, field string) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.DropColumn(value, field) })
}

func (m migrator) AlterColumn(value any, field string) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.AlterColumn(value, field) })
}

func (m migrator) MigrateColumn(value any, field *schema.Field, columnType gorm.ColumnType) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.MigrateColumn(value, field, columnType) })
}

func (m migrator) MigrateColumnUnique(value any, field *schema.Field, columnType gorm.ColumnType) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.MigrateColumnUnique(value, field, columnType) })
}

func (m migrator) HasColumn(value any, field string) bool {
	return ask(m, value, func(inner gorm.Migrator) bool { return inner.HasColumn(value, field) })
}

func (m migrator) RenameColumn(value any, oldName, field string) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.RenameColumn(value, oldName, field) })
}

func (m migrator) ColumnTypes(value any) ([]gorm.ColumnType, error) {
	inner, err := m.of(value)
	if err != nil {
		return nil, err
	}
	return inner.ColumnTypes(value)
}

// CreateView creates a view in the bind of Use, or else where the tables of its
// query live.
func (m migrator) CreateView(name string, option gorm.ViewOption) error {
	if option.Query == nil {
		return gorm.ErrSubQueryRequired
	}
	route, err := m.plugin.Explain(option.Query)
	if err != nil {
		return err
	}
	key := route.Key
	if u := m.plugin.effectiveUse(m.db.Statement); u != nil {
		key = u.key
	}
	b, err := m.plugin.lookup(key, "")
	if err != nil {
		return err
	}
	err = m.changeIn(b, func(inner gorm.Migrator) error {
		query, err := m.spoken(b, option.Query)
		if err != nil {
			return err
		}
		option.Query = query
		return inner.CreateView(name, option)
	})
	if err == nil {
		m.learnName(name, b)
	}
	return err
}

// spoken is a query as SQL in a bind's dialect, with its variables written into
// it: the bind's own migrator can't read neutral SQL.
func (m migrator) spoken(b *bind, query *gorm.DB) (*gorm.DB, error) {
	session := m.on(b, nil)
	var text strings.Builder
	session.Statement.AddVar(&text, query)
	vars := session.Statement.Vars
	if crossing := b.crossing(text.String()); crossing != nil && m.plugin.effectiveUse(m.db.Statement) == nil {
		return nil, crossing
	}
	return m.on(b, nil).Raw(b.dialect.Explain(renderNeutral(b.dialect, text.String(), vars), vars...)), nil
}

func (m migrator) DropView(name string) error {
	return m.change(name, func(inner gorm.Migrator) error { return inner.DropView(name) })
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

func (m migrator) CreateConstraint(value any, name string) error {
	b, crossing, err := m.bindOfConstraint(value, name)
	if err = joinErrors(err, crossing); err != nil {
		return err
	}
	return m.changeIn(b, func(inner gorm.Migrator) error { return inner.CreateConstraint(value, name) })
}

// DropConstraint drops a constraint across binds only where there is one, from
// before the models had keys: Drift finds it.
func (m migrator) DropConstraint(value any, name string) error {
	b, crossing, err := m.bindOfConstraint(value, name)
	if err != nil {
		return err
	}
	if crossing != nil && !m.asking().HasConstraint(value, name) {
		return crossing
	}
	return m.changeIn(b, func(inner gorm.Migrator) error { return inner.DropConstraint(value, name) })
}

// asking is the migrator without DryRun, in which GORM's can't ask.
func (m migrator) asking() migrator {
	m.db = m.db.Session(&gorm.Session{})
	m.db.DryRun = false
	return m
}

func (m migrator) HasConstraint(value any, name string) bool {
	b, _, err := m.bindOfConstraint(value, name)
	return askOf(m, b, err, func(inner gorm.Migrator) bool { return inner.HasConstraint(value, name) })
}

func (m migrator) CreateIndex(value any, name string) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.CreateIndex(value, name) })
}

func (m migrator) DropIndex(value any, name string) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.DropIndex(value, name) })
}

func (m migrator) HasIndex(value any, name string) bool {
	return ask(m, value, func(inner gorm.Migrator) bool { return inner.HasIndex(value, name) })
}

func (m migrator) RenameIndex(value any, oldName, newName string) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.RenameIndex(value, oldName, newName) })
}

func (m migrator) GetIndexes(value any) ([]gorm.Index, error) {
	inner, err := m.of(value)
	if err != nil {
		return nil, err
	}
	return inner.GetIndexes(value)
}

func (m migrator) GetTables() ([]string, error) {
	b, err := m.bindOfSchema(nil)
	if err != nil {
		return nil, err
	}
	inner, err := m.in(b)
	if err != nil {
		return nil, err
	}
	return inner.GetTables()
}

func (m migrator) CurrentDatabase() string {
	return askFor(m, nil, gorm.Migrator.CurrentDatabase)
}

func (m migrator) GetTypeAliases(databaseTypeName string) []string {
	return askFor(m, nil, func(inner gorm.Migrator) []string { return inner.GetTypeAliases(databaseTypeName) })
}

func (m migrator) FullDataTypeOf(field *schema.Field) clause.Expr {
	return askFor(m, field.Schema, func(inner gorm.Migrator) clause.Expr { return inner.FullDataTypeOf(field) })
}

// BuildIndexOptions is of GORM's own migrators, not of the interface. It quotes
// names in the bind's dialect.
func (m migrator) BuildIndexOptions(options []schema.IndexOption, stmt *gorm.Statement) []any {
	return askFor(m, stmt.Schema, func(inner gorm.Migrator) []any {
		builder, ok := inner.(gormmigrator.BuildIndexOptionsInterface)
		if !ok {
			return nil
		}
		quoting := &gorm.Statement{DB: stmt.DB, Schema: stmt.Schema, Table: stmt.Table, TableExpr: stmt.TableExpr}
		if b, err := m.bindOfSchema(stmt.Schema); err == nil {
			quoting.DB = m.on(b, nil)
		}
		return builder.BuildIndexOptions(options, quoting)
	})
}
