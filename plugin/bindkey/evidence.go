package bindkey

import (
	"database/sql"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// An evidence collects what a statement says of its bind.
type evidence struct {
	plugin *Plugin
	found  []evidenced
	unsure []string // tables that several binds have
	// unknown are tables that no bind is known to have.
	unknown []string
	// written is the dialect that given SQL is written in.
	written sqlscan.Dialect
	// fallback is the ambient bind, which has the tables that are known through a
	// model without a key; nil: the default bind.
	fallback *bind
	kind     crossingKind
}

type evidenced struct {
	bind   *bind
	why    Reason
	source string
	table  string // in the place of source, for what is not told but in an error
	keyed  bool   // and not only the ambient or default bind's
}

func (e *evidence) decided() bool { return len(e.found) > 0 }

func (e *evidence) add(b *bind, why Reason, source string) {
	e.found = append(e.found, evidenced{bind: b, why: why, source: source, keyed: true})
}

// A join is read as one to a table that nobody has.
const (
	joinedTo   = "bindkey_joined"
	joinPrefix = "SELECT * FROM " + joinedTo + " "
)

// names adds the binds of known tables. A table of several binds is no
// evidence, but must agree with the rest.
func (e *evidence) names(tables []string, why Reason) {
	for _, table := range tables {
		if table != joinedTo {
			e.name(table, why)
		}
	}
}

func (e *evidence) name(table string, why Reason) {
	binds, keyed := e.plugin.whereIs(table, e.fallback)
	if len(binds) == 0 && e.plugin.learnParsed() {
		binds, keyed = e.plugin.whereIs(table, e.fallback)
	}
	switch len(binds) {
	case 0:
		e.unknown = append(e.unknown, table)
	case 1:
		if !keyed && e.fallback != nil {
			why = ReasonUse
		}
		e.found = append(e.found, evidenced{bind: binds[0], why: why, table: table, keyed: keyed})
	default:
		e.unsure = append(e.unsure, table)
	}
}

// namesOnly reports whether Table was given a table's name alone, which GORM has
// quoted: there is nothing else to read in it.
func namesOnly(expr *clause.Expr, table string) bool {
	if len(expr.Vars) > 0 || len(table) == 0 {
		return false
	}
	for i := 0; i < len(table); i++ {
		if c := table[i] | ' '; !('a' <= c && c <= 'z' || '0' <= table[i] && table[i] <= '9' || table[i] == '_' || c >= 0x80) {
			return false
		}
	}
	sql := expr.SQL
	if name, ok := neutral.Name(sql); ok {
		return name == table
	}
	return len(sql) == len(table)+2 && sql[1:len(sql)-1] == table && strings.IndexByte("`\"[", sql[0]) >= 0 && strings.IndexByte("`\"]", sql[len(sql)-1]) >= 0
}

// text adds the known tables that a text names, and the binds of its subqueries.
func (e *evidence) text(text string, why Reason) {
	rest, keys := neutral.WithoutUses(text)
	e.names(e.plugin.texts.Scan(rest, e.written).Tables, why)
	e.keys(keys, why)
}

// keys adds the binds of subqueries.
func (e *evidence) keys(keys []string, why Reason) {
	for _, key := range keys {
		if key == "" { // what has no key
			b := e.fallback
			if b == nil {
				b = e.plugin.defaultBind()
			}
			e.found = append(e.found, evidenced{bind: b, why: why, source: "a subquery"})
			continue
		}
		if b, err := e.plugin.lookup(key, ""); err == nil {
			e.add(b, why, "a subquery")
		}
	}
}

// expression adds the tables of SQL that was given with arguments. Each
// subquery among them is evidence of the bind that it would go to. GORM renders
// what is left.
func (e *evidence) expression(stmt *gorm.Statement, prefix string, expr clause.Expr, why Reason) {
	if len(expr.Vars) == 0 {
		e.text(prefix+expr.SQL, why)
		return
	}
	vars := make([]any, len(expr.Vars))
	for i, value := range expr.Vars {
		vars[i] = e.withoutSubqueries(value, why)
	}
	session := stmt.DB.Session(&gorm.Session{NewDB: true, DryRun: true, Logger: logger.Discard, Initialized: true})
	scratch := session.Statement
	scratch.Schema, scratch.Table, scratch.Model = stmt.Schema, stmt.Table, stmt.Model
	scratch.Dest, scratch.ReflectValue, scratch.Unscoped = stmt.Dest, stmt.ReflectValue, stmt.Unscoped
	defer func() {
		// An expression of the application's that can't be rendered here says so
		// where GORM renders it.
		_ = recover()
	}()
	clause.NamedExpr{SQL: prefix + expr.SQL, Vars: vars}.Build(scratch)
	e.text(scratch.SQL.String(), why)
}

// withoutSubqueries is an argument with its subqueries asked where they go, and
// left out: they may say Use, which their text does not show, and rendering
// them here and again in the statement would double the work at each level.
func (e *evidence) withoutSubqueries(value any, why Reason) any {
	each := func(values []any) []any {
		without := make([]any, len(values))
		for i, value := range values {
			without[i] = e.withoutSubqueries(value, why)
		}
		return without
	}
	switch value := value.(type) {
	case *gorm.DB:
		route, err := e.plugin.Explain(value)
		if err != nil {
			return value // refused where it is rendered
		}
		if b, err := e.plugin.lookup(route.Key, ""); err == nil {
			e.add(b, why, "a subquery")
		}
		return clause.Expr{SQL: "SELECT 1"}
	case sql.NamedArg:
		return sql.Named(value.Name, e.withoutSubqueries(value.Value, why))
	case clause.Expr:
		value.Vars = each(value.Vars)
		return value
	case clause.NamedExpr:
		value.Vars = each(value.Vars)
		return value
	case []any:
		return each(value)
	case map[string]any:
		without := make(map[string]any, len(value))
		for name, value := range value {
			without[name] = e.withoutSubqueries(value, why)
		}
		return without
	default:
		return value
	}
}

// table adds a table's name; a raw one may be any SQL that stands for a table.
func (e *evidence) table(name string, raw bool) {
	switch {
	case name == "" || name == clause.CurrentTable:
	case raw:
		e.text("SELECT * FROM "+name, ReasonTable)
	default:
		e.name(sqlscan.Fold(name), ReasonTable)
	}
}

// clauses adds the tables of clauses that were given: FROM, and in a write INSERT
// and UPDATE. A soft delete has an UPDATE.
func (e *evidence) clauses(stmt *gorm.Statement, writes bool) {
	if insert, ok := stmt.Clauses["INSERT"].Expression.(clause.Insert); ok && writes {
		e.table(insert.Table.Name, insert.Table.Raw)
	}
	if update, ok := stmt.Clauses["UPDATE"].Expression.(clause.Update); ok && writes {
		e.table(update.Table.Name, update.Table.Raw)
	}
	from, ok := stmt.Clauses["FROM"].Expression.(clause.From)
	if !ok {
		return
	}
	for _, table := range from.Tables {
		e.table(table.Name, table.Raw)
	}
	for _, join := range from.Joins {
		if join.Expression != nil {
			e.expression(stmt, joinPrefix, clause.Expr{SQL: "?", Vars: []any{join.Expression}}, ReasonRawSQL)
		} else {
			e.table(join.Table.Name, join.Table.Raw)
		}
	}
}

func whereOf(stmt *gorm.Statement) []clause.Expression {
	where, _ := stmt.Clauses["WHERE"].Expression.(clause.Where)
	return where.Exprs
}

// mayHaveSubquery reports whether there may be a subquery in conditions.
func mayHaveSubquery(exprs []clause.Expression) bool {
	for _, expr := range exprs {
		switch expr.(type) {
		case clause.AndConditions, clause.OrConditions, clause.NotConditions:
			return true
		}
	}
	return hasSubquery(exprs)
}

func hasSubquery(exprs []clause.Expression) bool {
	for _, expr := range exprs {
		if given, ok := expr.(clause.Expr); ok {
			for _, value := range given.Vars {
				if _, ok := value.(*gorm.DB); ok {
					return true
				}
			}
		}
	}
	return false
}

// rawSubqueries adds the binds of subqueries whose SQL was given, where they have
// a Use or a model: GORM renders these without a callback (statement.go, AddVar),
// and their text does not tell.
func (e *evidence) rawSubqueries(exprs []clause.Expression) {
	for _, expr := range exprs {
		switch expr := expr.(type) {
		case clause.Expr:
			for _, value := range expr.Vars {
				query, ok := value.(*gorm.DB)
				if !ok || query.Statement.SQL.Len() == 0 || !has(query.Statement, resolver.UsingClause) && query.Statement.Model == nil {
					continue
				}
				if route, err := e.plugin.Explain(query); err == nil && route.Why != ReasonDefault {
					if b, err := e.plugin.lookup(route.Key, ""); err == nil {
						e.add(b, ReasonTable, "a subquery")
					}
				}
			}
		case clause.AndConditions:
			e.rawSubqueries(expr.Exprs)
		case clause.OrConditions:
			e.rawSubqueries(expr.Exprs)
		case clause.NotConditions:
			e.rawSubqueries(expr.Exprs)
		}
	}
}

// joins adds what is joined: the models of relations, the tables of SQL.
func (e *evidence) joins(stmt *gorm.Statement) error {
	for i := range stmt.Joins {
		join := &stmt.Joins[i]
		switch relations := relationsNamed(stmt.Schema, join.Name); {
		case join.Expression != nil:
			e.expression(stmt, joinPrefix, clause.Expr{SQL: "?", Vars: []any{join.Expression}}, ReasonRawSQL)
		case len(relations) > 0:
			for _, rel := range relations {
				b, err := e.plugin.strictly(rel.FieldSchema)
				if err != nil {
					return err
				}
				e.add(b, ReasonTable, "model "+schemaName(rel.FieldSchema))
			}
		default:
			e.expression(stmt, joinPrefix, clause.Expr{SQL: join.Name, Vars: join.Conds}, ReasonRawSQL)
		}
	}
	return nil
}

// relationsNamed are the relations that a join names, "Team" or "Team.Owner";
// nil where it is SQL. GORM decides in the same way (callbacks/query.go).
func relationsNamed(s *schema.Schema, name string) (relations []*schema.Relationship) {
	for _, part := range strings.Split(name, ".") {
		if s == nil {
			return nil
		}
		rel, ok := s.Relationships.Relations[part]
		if !ok {
			return nil
		}
		relations, s = append(relations, rel), rel.FieldSchema
	}
	return relations
}

// destination adds the key of what a query scans into, if that is not its model.
func (e *evidence) destination(stmt *gorm.Statement) error {
	t := catalog.ModelType(stmt.Dest)
	if t == nil || stmt.Schema != nil && stmt.Schema.ModelType == t {
		return nil
	}
	claim, faults := e.plugin.catalog.OfType(t)
	if faults != nil || claim.Key == "" {
		return e.plugin.faultsError(faults)
	}
	b, err := e.plugin.lookup(claim.Key, catalog.TypeName(t))
	if err == nil {
		e.add(b, Reason(claim.Why), "model "+catalog.TypeName(t))
	}
	return err
}
