package bindkey

import (
	"errors"
	"fmt"

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
func (m migrator) bindOf(value any) (*bind, error) {
	if u := m.plugin.effectiveUse(m.db.Statement); u != nil {
		return m.plugin.lookup(u.key, "")
	}
	if table, ok := value.(string); ok {
		return m.bindOfTable(table)
	}
	s, err := m.plugin.parse(value)
	if err != nil {
		return nil, err
	}
	b, err := m.plugin.strictly(s)
	if table := m.db.Statement.Table; err == nil && table != "" && table != s.Table {
		e := evidence{plugin: m.plugin}
		e.add(b, ReasonDefault, "model "+schemaName(s))
		e.names([]string{foldTable(table)}, ReasonTable)
		b, _, err = e.verdict()
	}
	return b, err
}

func (m migrator) bindOfTable(table string) (*bind, error) {
	e := evidence{plugin: m.plugin}
	e.names([]string{foldTable(table)}, ReasonTable)
	b, _, err := e.verdict()
	switch {
	case err != nil:
		return nil, err
	case b != nil:
		return b, nil
	case m.plugin.strict:
		return nil, &UnboundError{Table: table, Known: m.plugin.known()}
	default:
		return m.plugin.defaultBind(), nil
	}
}

// in is the bind's own migrator, with the settings of the session that asked.
func (m migrator) in(b *bind) (gorm.Migrator, error) {
	conn, err := m.connection(b)
	if err != nil {
		return nil, err
	}
	session := b.plainSession(m.db, conn)
	session.Config.DryRun = m.db.DryRun
	session.Config.DisableForeignKeyConstraintWhenMigrating = m.db.DisableForeignKeyConstraintWhenMigrating
	session.Config.IgnoreRelationshipsWhenMigrating = m.db.IgnoreRelationshipsWhenMigrating
	session.Statement.Table, session.Statement.TableExpr = m.db.Statement.Table, m.db.Statement.TableExpr
	m.db.Statement.Settings.Range(func(key, value any) bool {
		session.Statement.Settings.Store(key, value)
		return true
	})
	return session.Migrator(), nil
}

func (m migrator) connection(b *bind) (gorm.ConnPool, error) {
	if t := transactionOf(m.db); t != nil {
		return t.branchOf(b)
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
func ask[T any](m migrator, value any, call func(gorm.Migrator) T) (answer T) {
	inner, err := m.of(value)
	if err != nil {
		m.db.Logger.Error(m.db.Statement.Context, "%v", err)
		return answer
	}
	return call(inner)
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

// each splits values by bind and runs call for each bind's.
func (m migrator) each(values []any, call func(gorm.Migrator, []any) error) error {
	groups, err := m.group(values)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if err := m.changeIn(group.bind, func(inner gorm.Migrator) error { return call(inner, group.values) }); err != nil {
			return fmt.Errorf("bindkey: bind %q: %w", group.bind.key, err)
		}
	}
	return nil
}

// AutoMigrate puts every table in its own database. Related models and join
// tables that GORM would add on its own go to their own binds; foreign keys
// that would cross databases are left out, and logged.
func (m migrator) AutoMigrate(values ...any) error {
	values, err := m.withRelated(values)
	if err != nil {
		return err
	}
	m.learn(values)
	return m.each(values, func(inner gorm.Migrator, values []any) error { return inner.AutoMigrate(values...) })
}

// learn makes the tables of models known to raw SQL and Table.
func (m migrator) learn(values []any) {
	for _, value := range values {
		b, err := m.bindOf(value)
		if err != nil || m.db.DryRun {
			continue // the call will say so
		}
		if table := m.db.Statement.Table; table != "" {
			m.plugin.tables.add(table, b)
		} else if s, err := m.plugin.parse(value); err == nil {
			m.plugin.tables.add(s.Table, b)
		}
	}
}

func (m migrator) CreateTable(values ...any) error {
	if err := m.sever(values); err != nil {
		return err
	}
	m.learn(values)
	return m.each(values, func(inner gorm.Migrator, values []any) error { return inner.CreateTable(values...) })
}

func (m migrator) DropTable(values ...any) error {
	if err := m.sever(values); err != nil {
		return err
	}
	return m.each(values, func(inner gorm.Migrator, values []any) error { return inner.DropTable(values...) })
}

func (m migrator) HasTable(value any) bool {
	return ask(m, value, func(inner gorm.Migrator) bool { return inner.HasTable(value) })
}

// RenameTable renames a table inside its bind. The new name may be unknown,
// but must not be known in another bind.
func (m migrator) RenameTable(oldName, newName any) error {
	b, err := m.bindOf(oldName)
	if err != nil {
		return err
	}
	if table, ok := newName.(string); !ok || len(m.plugin.bindsWithTable(foldTable(table))) > 0 {
		to, err := m.bindOf(newName)
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
	return m.changeIn(b, func(inner gorm.Migrator) error { return inner.RenameTable(oldName, newName) })
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

// CreateView creates a view where the tables of its query live.
func (m migrator) CreateView(name string, option gorm.ViewOption) error {
	if option.Query == nil {
		return gorm.ErrSubQueryRequired
	}
	route, err := m.plugin.Explain(option.Query)
	if err != nil {
		return err
	}
	b, err := m.plugin.lookup(route.Key, "")
	if err != nil {
		return err
	}
	err = m.changeIn(b, func(inner gorm.Migrator) error { return inner.CreateView(name, option) })
	if err == nil {
		m.plugin.tables.add(name, b)
	}
	return err
}

func (m migrator) DropView(name string) error {
	return m.change(name, func(inner gorm.Migrator) error { return inner.DropView(name) })
}

func (m migrator) CreateConstraint(value any, name string) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.CreateConstraint(value, name) })
}

func (m migrator) DropConstraint(value any, name string) error {
	return m.change(value, func(inner gorm.Migrator) error { return inner.DropConstraint(value, name) })
}

func (m migrator) HasConstraint(value any, name string) bool {
	return ask(m, value, func(inner gorm.Migrator) bool { return inner.HasConstraint(value, name) })
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

// anywhere is the migrator for calls that name no table: that of Use, else the
// default bind's.
func (m migrator) anywhere() (gorm.Migrator, error) {
	b := m.plugin.defaultBind()
	if u := m.plugin.effectiveUse(m.db.Statement); u != nil {
		var err error
		if b, err = m.plugin.lookup(u.key, ""); err != nil {
			return nil, err
		}
	}
	return m.in(b)
}

// askAnywhere is ask for calls that name no table.
func askAnywhere[T any](m migrator, call func(gorm.Migrator) T) (answer T) {
	inner, err := m.anywhere()
	if err != nil {
		m.db.Logger.Error(m.db.Statement.Context, "%v", err)
		return answer
	}
	return call(inner)
}

func (m migrator) GetTables() ([]string, error) {
	inner, err := m.anywhere()
	if err != nil {
		return nil, err
	}
	return inner.GetTables()
}

func (m migrator) CurrentDatabase() string {
	return askAnywhere(m, gorm.Migrator.CurrentDatabase)
}

func (m migrator) GetTypeAliases(databaseTypeName string) []string {
	return askAnywhere(m, func(inner gorm.Migrator) []string { return inner.GetTypeAliases(databaseTypeName) })
}

func (m migrator) FullDataTypeOf(field *schema.Field) clause.Expr {
	if field.Schema != nil {
		if h := m.plugin.homeOf(field.Schema); h.err == nil && h.keyed() {
			if inner, err := m.in(h.bind); err == nil {
				return inner.FullDataTypeOf(field)
			}
		}
	}
	return askAnywhere(m, func(inner gorm.Migrator) clause.Expr { return inner.FullDataTypeOf(field) })
}

// BuildIndexOptions is of GORM's own migrators, not of the interface.
func (m migrator) BuildIndexOptions(options []schema.IndexOption, stmt *gorm.Statement) []any {
	b := m.plugin.defaultBind()
	if stmt.Schema != nil {
		if h := m.plugin.homeOf(stmt.Schema); h.err == nil {
			b = h.bind
		}
	}
	inner, err := m.in(b)
	if err != nil {
		m.db.Logger.Error(m.db.Statement.Context, "%v", err)
		return nil
	}
	if builder, ok := inner.(gormmigrator.BuildIndexOptionsInterface); ok {
		return builder.BuildIndexOptions(options, stmt)
	}
	return nil
}
