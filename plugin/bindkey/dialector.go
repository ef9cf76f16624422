package bindkey

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// A dialector stands in a Config in the place of GORM's own, which it forwards
// to. GORM asks it, and no callback, for the migrator and for savepoints. In a
// handle of several dialects, it also tells which bind a Config is compiled
// for, and writes neutral SQL where that is not known yet.
type dialector struct {
	gorm.Dialector
	plugin  *Plugin
	dialect *dialect.Dialect
	bind    *bind              // nil in the handle, and in its sessions before a statement is routed
	set     dialect.SessionSet // what the session has set itself
	neutral bool
	name    string // of the dialect of a Use in the chain; "": the dialector's own
	// subquery is the same for a subquery of the bind, which stays neutral; and
	// inside is the same, for the callback that renders and sends a statement.
	// Hooks and associations around it may render for other binds.
	subquery, inside *dialector
}

var (
	_ gorm.SavePointerDialectorInterface = (*dialector)(nil)
	_ gorm.ErrorTranslator               = (*dialector)(nil)
)

// innerDialector is the dialector behind the plugin's.
func innerDialector(d gorm.Dialector) gorm.Dialector {
	if routed, ok := d.(*dialector); ok {
		return routed.Dialector
	}
	return d
}

// Name is the dialect's: that of the bind of a Use, where the chain has one.
func (d *dialector) Name() string {
	if d.name != "" {
		return d.name
	}
	return d.Dialector.Name()
}

// BindVarTo writes the placeholder of a statement's last variable.
func (d *dialector) BindVarTo(writer clause.Writer, stmt *gorm.Statement, v any) {
	switch {
	case !d.plugin.mixed:
		d.Dialector.BindVarTo(writer, stmt, v)
	case stmt.ConnPool == nil && d.neutral:
		// A part that GORM renders by itself, and then takes in as an expression.
		_ = writer.WriteByte('?')
	case d.neutral, len(stmt.BuildClauses) == 0 && routedBy(stmt.ConnPool) != nil:
		neutral.WriteVar(writer, stmt)
	default:
		d.Dialector.BindVarTo(writer, stmt, v)
	}
}

// QuoteTo writes a quoted name. It may have been quoted before, by Statement.Quote.
func (d *dialector) QuoteTo(writer clause.Writer, name string) {
	if d.neutral {
		neutral.WriteName(writer, name)
		return
	}
	d.dialect.QuoteTo(writer, name)
}

// Explain is SQL with its variables written into it, for logs and ToSQL. A part of
// a statement that has no variables of neutral SQL was rendered by itself, and is
// to be taken into a statement (gorm.io/gen does so): its names stay neutral.
func (d *dialector) Explain(sql string, vars ...any) string {
	if d.neutral && neutral.Is(sql) && !neutral.HasVars(sql) {
		return logger.ExplainSQL(sql, nil, "'", vars...)
	}
	inner := d.Dialector
	if spoken := dialect.BehindVars(vars); spoken != nil {
		inner = spoken
	}
	return inner.Explain(neutral.Render(inner, sql, vars), vars...)
}

// Migrator sends the DDL of each model to its bind.
func (d *dialector) Migrator(db *gorm.DB) gorm.Migrator {
	return d.plugin.migrations.On(db)
}

// Translate translates a driver's error. That in a BranchError is translated
// already.
func (d *dialector) Translate(err error) error {
	if translator, ok := d.Dialector.(gorm.ErrorTranslator); ok {
		return translator.Translate(err)
	}
	return err
}
