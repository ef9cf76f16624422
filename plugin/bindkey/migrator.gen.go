// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files, and itself, when it looks for the line of the program that
// made a statement (utils.CallerFrame). It looks at 13 frames of the stack, and
// migrations go deep, so each method here calls the bind's own migrator itself.
// What logs has its place here, too.

package bindkey

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	gormmigrator "gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// AutoMigrate puts every table in its own database. Related models and join
// tables that GORM would add on its own go to their own binds; foreign keys
// that would cross databases are left out, and logged.
func (m migrator) AutoMigrate(values ...any) error {
	values, leftOut, err := m.withRelated(values)
	if err != nil {
		return err
	}
	groups, err := m.group(values)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if m.only != nil && !hasBind(m.only, group.bind) {
			continue
		}
		m.tell(leftOut, group)
		m.learn(group)
		inner, done, err := m.changeIn(group.bind)
		if err == nil {
			defer done()
			err = inner.AutoMigrate(group.values...)
		}
		if err != nil {
			return group.failed(err)
		}
	}
	return nil
}

// AutoMigrate is [gorm.DB.AutoMigrate] for some binds only: models of others are
// left alone, and so are related models and join tables that live there. With
// no keys it is for all binds. So AutoMigrate for each key in turn does what
// the handle's own AutoMigrate does at once.
//
// It returns [ErrInstall] before the plugin is installed, an
// [*UnknownBindError] for a key that no bind has, and the errors of the
// handle's AutoMigrate.
//
//	err := plugin.AutoMigrate(ctx, []string{"analytics"}, &User{}, &LogEntry{}) // logs alone
func (p *Plugin) AutoMigrate(ctx context.Context, keys []string, models ...any) error {
	if p.db == nil {
		return installError("AutoMigrate needs an installed plugin; call db.Use first")
	}
	m := p.migratorFor(ctx)
	for _, key := range keys {
		b, err := p.lookup(key, "")
		if err != nil {
			return err
		}
		m.only = append(m.only, b)
	}
	return m.AutoMigrate(models...)
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

// asked is the migrator of a bind for a call that has no error to return, or
// nil: an error, that of finding the bind or of reaching it, is logged.
func (m migrator) asked(b *bind, err error) gorm.Migrator {
	var inner gorm.Migrator
	if err == nil {
		inner, err = m.in(b)
	}
	if err != nil {
		m.db.Logger.Error(m.db.Statement.Context, "%v", err)
		return nil
	}
	return inner
}

func (m migrator) CreateTable(values ...any) error {
	leftOut, err := m.sever(values)
	if err != nil {
		return err
	}
	groups, err := m.group(values)
	if err != nil {
		return err
	}
	for _, group := range groups {
		inner, done, err := m.changeIn(group.bind)
		if err == nil {
			defer done()
			m.tell(leftOut, group)
			m.learn(group)
			err = inner.CreateTable(group.values...)
		}
		if err != nil {
			return group.failed(err)
		}
	}
	return nil
}

func (m migrator) DropTable(values ...any) error {
	if _, err := m.sever(values); err != nil {
		return err
	}
	groups, err := m.group(values)
	if err != nil {
		return err
	}
	for _, group := range groups {
		inner, done, err := m.changeIn(group.bind)
		var own gorm.ConnPool
		if err == nil {
			defer done()
			own, err = m.ownOfMySQL(group.bind)
		}
		switch {
		case err != nil:
		case own != nil:
			err = dropHere(m.on(group.bind, own), group.values)
		default:
			err = inner.DropTable(group.values...)
		}
		if err != nil {
			return group.failed(err)
		}
	}
	return nil
}

// ownOfMySQL is the connection that a call has to stay on, if it is to MySQL and
// has one.
func (m migrator) ownOfMySQL(b *bind) (gorm.ConnPool, error) {
	if b.plain.Dialector.Name() != "mysql" {
		return nil, nil
	}
	conn, err := m.connection(b)
	if _, pool := conn.(*sql.DB); pool {
		return nil, err
	}
	return conn, err
}

// dropHere drops tables of MySQL on the connection of a session. The dialect's
// own migrator takes another connection for it, which would wait for the
// transaction that the call is made in.
func dropHere(session *gorm.DB, values []any) (err error) {
	session = session.Session(&gorm.Session{})
	if err := session.Exec("SET FOREIGN_KEY_CHECKS = 0").Error; err != nil {
		return err
	}
	defer func() { err = xact.Join(err, session.Exec("SET FOREIGN_KEY_CHECKS = 1").Error) }()
	return gormmigrator.Migrator{Config: gormmigrator.Config{DB: session, Dialector: session.Dialector}}.DropTable(values...)
}

func (m migrator) HasTable(value any) bool {
	inner := m.asked(m.bindOf(value))
	return inner != nil && inner.HasTable(value)
}

// RenameTable renames a table inside its bind. The new name may be unknown,
// but must not be known in another bind.
func (m migrator) RenameTable(oldName, newName any) error {
	b, err := m.bindOfRename(oldName, newName)
	if err != nil {
		return err
	}
	inner, done, err := m.changeIn(b)
	if err != nil {
		return err
	}
	defer done()
	err = inner.RenameTable(oldName, newName)
	if table, ok := newName.(string); ok && err == nil && !m.db.DryRun {
		m.learnTable(table, b, m.hasKey(oldName))
	}
	return err
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

func (m migrator) TableType(value any) (gorm.TableType, error) {
	inner, err := m.of(value)
	if err != nil {
		return nil, err
	}
	return inner.TableType(value)
}

// CreateView creates a view in the bind of Use, or else where the tables of its
// query live.
func (m migrator) CreateView(name string, option gorm.ViewOption) error {
	b, err := m.bindOfView(option)
	if err != nil {
		return err
	}
	inner, done, err := m.changeIn(b)
	if err != nil {
		return err
	}
	defer done()
	if option.Query, err = m.spoken(b, option.Query); err != nil {
		return err
	}
	err = inner.CreateView(name, option)
	if err == nil && !m.db.DryRun {
		m.plugin.tables.add(name, b)
	}
	return err
}

func (m migrator) DropView(name string) error {
	inner, done, err := m.change(name)
	if err != nil {
		return err
	}
	defer done()
	return inner.DropView(name)
}

func (m migrator) CurrentDatabase() string {
	inner := m.asked(m.bindOfSchema(nil))
	if inner == nil {
		return ""
	}
	return inner.CurrentDatabase()
}

func (m migrator) GetTypeAliases(databaseTypeName string) []string {
	inner := m.asked(m.bindOfSchema(nil))
	if inner == nil {
		return nil
	}
	return inner.GetTypeAliases(databaseTypeName)
}

func (m migrator) FullDataTypeOf(field *schema.Field) clause.Expr {
	inner := m.asked(m.bindOfSchema(field.Schema))
	if inner == nil {
		return clause.Expr{}
	}
	return inner.FullDataTypeOf(field)
}

// BuildIndexOptions is of GORM's own migrators, not of the interface. It quotes
// names in the bind's dialect.
func (m migrator) BuildIndexOptions(options []schema.IndexOption, stmt *gorm.Statement) []any {
	b, err := m.bindOfSchema(stmt.Schema)
	builder, ok := m.asked(b, err).(gormmigrator.BuildIndexOptionsInterface)
	if !ok {
		return nil
	}
	quoting := &gorm.Statement{DB: m.on(b, nil), Schema: stmt.Schema, Table: stmt.Table, TableExpr: stmt.TableExpr}
	return builder.BuildIndexOptions(options, quoting)
}
