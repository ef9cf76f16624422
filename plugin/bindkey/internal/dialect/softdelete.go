package dialect

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/processor"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// Delete runs the callback of a delete in the dialect, on a handle of another. A
// soft delete builds an UPDATE with the clauses of the handle's update processor
// (soft_delete.go); those of the dialect must be found in their place and order, or
// a LIMIT is dropped. So UPDATE and WHERE, which both have, build the dialect's
// clauses up to WHERE and from there on, and the handle's others build nothing.
func (d *Dialect) Delete(db *gorm.DB, handle *Dialect, run func(*gorm.DB)) {
	stmt := db.Statement
	if stmt.Unscoped || stmt.Schema == nil || len(stmt.Schema.DeleteClauses) == 0 {
		run(db)
		return
	}
	builders := db.Config.ClauseBuilders
	replaced := make(map[string]clause.ClauseBuilder, len(builders)+4)
	for name, builder := range builders {
		replaced[name] = builder
	}
	for _, name := range handle.Clauses[processor.Update] {
		replaced[name] = func(clause.Clause, clause.Builder) {
			stmtscan.SetText(stmt, strings.TrimSuffix(stmt.SQL.String(), " ")) // which is there already, before the clause
		}
	}
	own := func(names []string) clause.ClauseBuilder {
		return func(clause.Clause, clause.Builder) {
			db.Config.ClauseBuilders = builders
			stmt.Build(names...)
			db.Config.ClauseBuilders = replaced
		}
	}
	names := d.Clauses[processor.Update]
	where := 0
	for where < len(names) && names[where] != "WHERE" {
		where++
	}
	replaced["UPDATE"], replaced["WHERE"] = own(names[:where]), own(names[where:])
	db.Config.ClauseBuilders = replaced
	run(db)
	db.Config.ClauseBuilders = builders
}
