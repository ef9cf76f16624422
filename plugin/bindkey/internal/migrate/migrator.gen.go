// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files, and itself, when it looks for the line of the program that
// made a statement (utils.CallerFrame). It looks at 13 frames of the stack, and
// migrations go deep, so each method here calls the bind's own migrator itself.
// What logs has its place here, too.

package migrate

import (
	"database/sql"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	gormmigrator "gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// AutoMigrate puts every table in its own database. Related models and join
// tables that GORM would add on its own go to their own binds; foreign keys
// that would cross databases are left out, and logged.
func (m Migrator) AutoMigrate(values ...any) error {
	values, skipped, err := m.withRelated(m.withOwn(values))
	if err != nil {
		return err
	}
	groups, err := m.group(values)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if m.only != nil && !contains(m.only, group.bind) {
			continue
		}
		m.logSkipped(skipped, group)
		m.learn(group)
		inner, done, err := m.changeIn(group.bind)
		if err == nil {
			defer done()
			err = inner.AutoMigrate(group.values...)
		}
		if err != nil {
			return m.failed(group, err)
		}
	}
	return nil
}

// logSkipped logs the foreign keys that a bind's tables don't get.
func (m Migrator) logSkipped(skipped []ForeignKey, group bindGroup) {
	use := m.host.HasUse(m.db) // all groups are one
	for _, key := range skipped {
		if use || key.From.Key == group.bind.Key() {
			m.db.Logger.Info(m.db.Statement.Context, "bindkey: left out the %s: it would cross databases", key)
		}
	}
}

// logged is the migrator of a bind for a call that has no error to return, or
// nil: an error, that of finding the bind or of reaching it, is logged.
func (m Migrator) logged(b Bind, err error) gorm.Migrator {
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

func (m Migrator) CreateTable(values ...any) error {
	skipped, err := m.cutRelations(values)
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
			m.logSkipped(skipped, group)
			m.learn(group)
			err = inner.CreateTable(group.values...)
		}
		if err != nil {
			return m.failed(group, err)
		}
	}
	return nil
}

func (m Migrator) DropTable(values ...any) error {
	if _, err := m.cutRelations(values); err != nil {
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
			err = dropHere(group.bind.Session(m.db, own), group.values)
		default:
			err = inner.DropTable(group.values...)
		}
		if err != nil {
			return m.failed(group, err)
		}
	}
	return nil
}

// ownOfMySQL is the connection that a call has to stay on, if it is to MySQL and
// has one.
func (m Migrator) ownOfMySQL(b Bind) (gorm.ConnPool, error) {
	if !product.Of(b.Dialector().Name()).DropsElsewhere {
		return nil, nil
	}
	conn, err := b.Conn(m.db)
	switch conn.(type) {
	case *sql.DB, gorm.ConnPoolBeginner:
		return nil, err
	default:
		return conn, err
	}
}

// dropHere drops tables of MySQL on the connection of a session. The dialect's
// own migrator takes another connection for it, which would wait for the
// transaction that the call is made in.
func dropHere(session *gorm.DB, values []any) (err error) {
	session = session.Session(&gorm.Session{})
	if err := session.Exec("SET FOREIGN_KEY_CHECKS = 0").Error; err != nil {
		return err
	}
	defer func() {
		failed := session.Exec("SET FOREIGN_KEY_CHECKS = 1").Error
		if err != nil && failed != nil {
			failed = errors.Join(err, failed)
		}
		if failed != nil {
			err = failed
		}
	}()
	return gormmigrator.Migrator{Config: gormmigrator.Config{DB: session, Dialector: session.Dialector}}.DropTable(values...)
}

func (m Migrator) HasTable(value any) bool {
	inner := m.logged(m.bindOf(value))
	return inner != nil && inner.HasTable(value)
}

// RenameTable renames a table inside its bind. The new name may be unknown,
// but must not be known in another bind.
func (m Migrator) RenameTable(oldName, newName any) error {
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
		m.host.Learn(m.db, oldName, table, b)
	}
	return err
}

func (m Migrator) GetTables() ([]string, error) {
	b, err := m.host.BindOfSchema(m.db, nil)
	if err != nil {
		return nil, err
	}
	inner, err := m.in(b)
	if err != nil {
		return nil, err
	}
	return inner.GetTables()
}

func (m Migrator) TableType(value any) (gorm.TableType, error) {
	inner, err := m.of(value)
	if err != nil {
		return nil, err
	}
	return inner.TableType(value)
}

// CreateView creates a view in the bind of Use, or else where the tables of its
// query live.
func (m Migrator) CreateView(name string, option gorm.ViewOption) error {
	if option.Query == nil {
		return gorm.ErrSubQueryRequired
	}
	b, query, err := m.host.View(m.db, option.Query)
	if err != nil {
		return err
	}
	inner, done, err := m.changeIn(b)
	if err != nil {
		return err
	}
	defer done()
	option.Query = query
	err = inner.CreateView(name, option)
	if err == nil && !m.db.DryRun {
		m.host.Learn(m.db, nil, name, b)
	}
	return err
}

func (m Migrator) DropView(name string) error {
	inner, done, err := m.change(name)
	if err != nil {
		return err
	}
	defer done()
	return inner.DropView(name)
}

func (m Migrator) CurrentDatabase() string {
	inner := m.logged(m.host.BindOfSchema(m.db, nil))
	if inner == nil {
		return ""
	}
	return inner.CurrentDatabase()
}

func (m Migrator) GetTypeAliases(databaseTypeName string) []string {
	inner := m.logged(m.host.BindOfSchema(m.db, nil))
	if inner == nil {
		return nil
	}
	return inner.GetTypeAliases(databaseTypeName)
}

func (m Migrator) FullDataTypeOf(field *schema.Field) clause.Expr {
	inner := m.logged(m.host.BindOfSchema(m.db, field.Schema))
	if inner == nil {
		return clause.Expr{}
	}
	return inner.FullDataTypeOf(field)
}

// BuildIndexOptions is of GORM's own migrators, not of the interface. It quotes
// names in the bind's dialect.
func (m Migrator) BuildIndexOptions(options []schema.IndexOption, stmt *gorm.Statement) []any {
	b, err := m.host.BindOfSchema(m.db, stmt.Schema)
	builder, ok := m.logged(b, err).(gormmigrator.BuildIndexOptionsInterface)
	if !ok {
		return nil
	}
	quoting := &gorm.Statement{DB: b.Session(m.db, nil), Schema: stmt.Schema, Table: stmt.Table, TableExpr: stmt.TableExpr}
	return builder.BuildIndexOptions(options, quoting)
}
