package bindkey

import (
	"reflect"

	"gorm.io/gorm"
)

// compiled is a callback that renders and sends a statement, in a handle of
// several dialects: it runs the bind's own, with the bind's dialector, on a pool
// that renders what subqueries left neutral.
func (p *Plugin) compiled(kind statementKind, callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		outside, ok := db.Config.Dialector.(*dialector)
		if db.Error != nil || !ok || outside.bind == nil {
			callback(db)
			return
		}
		stmt, spoken := db.Statement, outside.bind.dialect
		run := callback
		if spoken != p.dialect && spoken.callbacks[kind] != nil {
			run = spoken.callbacks[kind]
		}
		db.Config.Dialector = outside.inside
		if db.DryRun {
			p.deleting(db, kind, run)
		} else {
			pool := stmt.ConnPool
			stmt.ConnPool = rendering(spoken, pool)
			p.deleting(db, kind, run)
			stmt.ConnPool = pool
		}
		db.Config.Dialector = outside
		if outside == outside.inside {
			return // a subquery
		}
		if text := stmt.SQL.String(); isNeutral(text) {
			stmt.SQL.Reset()
			stmt.SQL.WriteString(renderNeutral(spoken, text, stmt.Vars))
		}
		if db.DryRun && len(stmt.Vars) > 0 {
			stmt.Vars = withDialect(stmt.Vars, spoken)
		}
	}
}

// deleting runs a callback. A soft delete builds an UPDATE with the clauses of
// the handle's update processor (soft_delete.go); those of the bind's dialect
// must be found in their place, or a LIMIT is dropped.
func (p *Plugin) deleting(db *gorm.DB, kind statementKind, run func(*gorm.DB)) {
	stmt := db.Statement
	spoken := db.Config.Dialector.(*dialector).bind
	if kind != deleteStatement || spoken.dialect == p.dialect || stmt.Schema == nil || len(stmt.Schema.DeleteClauses) == 0 {
		run(db)
		return
	}
	config := *spoken.plain.Config // which has the dialect's callbacks, in a field of GORM's own
	to, from := reflect.ValueOf(&config).Elem(), reflect.ValueOf(db.Config).Elem()
	for i := 0; i < to.NumField(); i++ {
		if to.Type().Field(i).IsExported() {
			to.Field(i).Set(from.Field(i))
		}
	}
	stmt.DB = &gorm.DB{Config: &config, Statement: stmt}
	run(db)
	err := stmt.DB.Error
	stmt.DB = db
	if err != nil {
		_ = db.AddError(err)
	}
}

// ToSQL explains SQL with the handle's dialector, whatever the statement's was
// (gorm.go). The variables of a statement that was rendered for another dialect
// carry that behind their end.
func withDialect(vars []any, d *dialect) []any {
	return append(vars[:len(vars):cap(vars)], d)[:len(vars)]
}

func dialectBehind(vars []any) *dialect {
	if len(vars) == 0 || cap(vars) == len(vars) {
		return nil
	}
	d, _ := vars[:len(vars)+1][len(vars)].(*dialect)
	return d
}
