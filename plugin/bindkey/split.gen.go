package bindkey

import (
	"database/sql/driver"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// Association("Tags").Find and Count join the join table to the model's
// (association.go). Where the two live in different databases, split asks the
// join table first, and then the model's for those rows: an IN takes the place
// of the join. What the join would tell twice, for two owners of one row, is
// refused.

// A split is a statement whose join was taken out.
type split struct {
	plugin *Plugin
	stmt   *gorm.Statement
	rel    *schema.Relationship
	keys   []*schema.Field
	// repeated: the join finds some row for several owners.
	repeated bool
}

// variablesOfTheRest is room for those of the statement's own conditions.
const variablesOfTheRest = 100

// splitQuery is a callback of its own, before routing, so that the program's line
// stands next to GORM's on the stack: this file's name ends in .gen.go, though
// nobody generates it, since GORM's logger skips such files when it looks for the
// line that sent a statement (utils.CallerFrame).
func (p *Plugin) splitQuery(db *gorm.DB) {
	if db.Error != nil || !stmtscan.Has(db.Statement, "FROM") {
		return
	}
	if err := p.splitJoin(db); err != nil {
		fail(db, queryStatement, err)
	}
}

// splitJoin takes the join of an association across binds out of a statement.
func (p *Plugin) splitJoin(db *gorm.DB) error {
	stmt := db.Statement
	from, ok := stmt.Clauses["FROM"].Expression.(clause.From)
	if !ok || db.DryRun || len(from.Joins) != 1 || len(from.Tables) > 0 || stmt.Schema == nil {
		return nil
	}
	join := from.Joins[0]
	if join.Expression != nil || join.Type != "" || join.Table.Raw || len(join.ON.Exprs) == 0 {
		return nil
	}
	rel, err := p.relationOf(stmt, join.Table.Name)
	if rel == nil || err != nil {
		return err
	}
	home, at := p.homeOf(stmt.Schema), p.homeOf(rel.JoinTable)
	if home.err != nil || at.err != nil || home.bind.shares(at.bind) || p.effectiveUse(stmt) != nil || p.allows(stmt, home.bind) {
		return nil
	}
	if r := around(stmt); r != nil && r.use != nil && r.from == at.bind && r.bind == home.bind {
		return nil // a Use further up has both
	}

	s := split{plugin: p, stmt: stmt, rel: rel}
	pairs, owners := s.conditions(rel, join.ON.Exprs)
	if pairs == nil {
		return nil // not the join of an association
	}
	if p.withoutJoinClauses(stmt, rel) && alternatives(stmt) {
		return s.inexact(home, at, rel, "the join table's rows are soft deleted, which GORM writes beside an OR")
	}
	if p.mentions(stmt, rel) {
		return s.inexact(home, at, rel, "the statement names the join table's columns")
	}
	delete(stmt.Clauses, "FROM")
	if err := p.crossingBefore(db); err != nil {
		return err
	}
	keys, err := s.ask(db, rel, pairs, owners)
	if err != nil {
		return err
	}
	if limit := home.bind.product.Variables - variablesOfTheRest; len(keys)*len(s.keys) > limit {
		return s.inexact(home, at, rel, fmt.Sprintf("the join table has %d rows for it, more than a statement can bind", len(keys)))
	}
	if s.repeated && !stmt.Distinct { // the join would tell such a row once for each owner
		return s.inexact(home, at, rel, "several owners have the same row; add Distinct to have it once")
	}

	// In the place of the join, so that the conditions stay as GORM writes them,
	// with an OR among them.
	stmt.Clauses["FROM"] = clause.Clause{Name: "FROM", Expression: clause.From{Joins: []clause.Join{{
		Expression: clause.Expr{SQL: "JOIN (SELECT 1) AS ? ON ?", Vars: []any{clause.Table{Name: rel.JoinTable.Table}, s.in(stmt.Schema.Table, keys)}},
	}}}}
	return nil
}

// crossingBefore is the error of a statement that crosses binds all the same: it
// is told before anything else is asked.
func (p *Plugin) crossingBefore(db *gorm.DB) error {
	stmt := db.Statement
	var d destination
	if err := p.destination(stmt, &d); err != nil {
		return err
	}
	if crossing := d.bind.crossing(stmtscan.Rendered(stmt), d.ambient, false); crossing != nil {
		return crossing
	}
	return nil
}

// relationOf is the many2many relation to the statement's model over a join
// table of this name, or nil.
func (p *Plugin) relationOf(stmt *gorm.Statement, table string) (*schema.Relationship, error) {
	type place struct {
		target *schema.Schema
		table  string
	}
	if found, ok := p.joined.Load(place{stmt.Schema, table}); ok {
		return found.(*schema.Relationship), nil
	}
	var found *schema.Relationship
	var conflict error
	p.eachSchema(func(s *schema.Schema) {
		for _, rel := range s.Relationships.Many2Many {
			if rel.JoinTable == nil || rel.JoinTable.Table != table || rel.FieldSchema != stmt.Schema {
				continue
			}
			if found != nil && conflict == nil {
				one, other := p.askHome(found.JoinTable), p.askHome(rel.JoinTable)
				if one.err == nil && other.err == nil && !one.bind.shares(other.bind) {
					conflict = &AmbiguousTableError{Table: table, Keys: sortedKeys(map[string]bool{one.bind.key: true, other.bind.key: true})}
				}
			}
			found = rel
		}
	})
	if found != nil && conflict == nil {
		p.joined.Store(place{stmt.Schema, table}, found)
	}
	return found, conflict
}

// schemaCache is GORM's own of the handle, or nil where this version of GORM hides
// it elsewhere.
func (p *Plugin) schemaCache() *sync.Map {
	field := reflect.ValueOf(p.db.Config).Elem().FieldByName("cacheStore")
	if !field.IsValid() || field.Type() != reflect.TypeOf((*sync.Map)(nil)) {
		return nil
	}
	return (*sync.Map)(field.UnsafePointer())
}

// eachSchema visits the schemas that GORM has parsed for the handle: its cache
// is the only place where the owner of a relation is found from the other side.
func (p *Plugin) eachSchema(visit func(*schema.Schema)) {
	cache := p.schemaCache()
	if cache == nil {
		return
	}
	cache.Range(func(_, cached any) bool {
		if s, ok := cached.(*schema.Schema); ok {
			visit(s)
		}
		return true
	})
}

// conditions splits what the join is ON: pairs of columns that are equal in both
// tables, and the rest, which is about the owners.
func (s *split) conditions(rel *schema.Relationship, exprs []clause.Expression) (pairs map[string]string, owners []clause.Expression) {
	for _, expr := range exprs {
		eq, ok := expr.(clause.Eq)
		if !ok {
			owners = append(owners, expr)
			continue
		}
		column, _ := eq.Column.(clause.Column)
		other, ok := eq.Value.(clause.Column)
		if !ok {
			owners = append(owners, expr)
			continue
		}
		if column.Table != rel.JoinTable.Table || other.Table != rel.FieldSchema.Table {
			return nil, nil
		}
		if pairs == nil {
			pairs = map[string]string{}
		}
		pairs[column.Name] = other.Name
	}
	return pairs, owners
}

// withoutJoinClauses takes out of a statement what Association has put there for
// the join table's own clauses, such as a soft delete: the question to the join
// table has them by itself.
func (p *Plugin) withoutJoinClauses(stmt *gorm.Statement, rel *schema.Relationship) (found bool) {
	where, ok := stmt.Clauses["WHERE"].Expression.(clause.Where)
	if !ok || len(rel.JoinTable.QueryClauses) == 0 {
		return false
	}
	own := gorm.Statement{DB: stmt.DB, Context: stmt.Context, Schema: rel.JoinTable, Table: rel.JoinTable.Table, Clauses: map[string]clause.Clause{}}
	for _, query := range rel.JoinTable.QueryClauses {
		own.AddClause(query)
	}
	own.Build("WHERE")
	text := strings.Replace(own.SQL.String(), "WHERE ", "", 1)
	var kept []clause.Expression
	for _, expr := range where.Exprs {
		if given, ok := expr.(clause.Expr); !ok || given.SQL != text {
			kept = append(kept, expr)
		}
	}
	replaceWhere(stmt, kept)
	return len(kept) < len(where.Exprs)
}

// alternatives reports whether a statement's conditions have an OR that GORM
// leaves without parentheses.
func alternatives(stmt *gorm.Statement) bool {
	where, _ := stmt.Clauses["WHERE"].Expression.(clause.Where)
	for _, expr := range where.Exprs {
		switch expr := expr.(type) {
		case clause.OrConditions:
			return true
		case clause.NotConditions:
			for _, not := range expr.Exprs {
				if named, ok := not.(clause.NamedExpr); ok && strings.Contains(strings.ToUpper(named.SQL), " OR ") {
					return true
				}
			}
		}
	}
	return false
}

func replaceWhere(stmt *gorm.Statement, exprs []clause.Expression) {
	if len(exprs) == 0 {
		delete(stmt.Clauses, "WHERE")
		return
	}
	kept := stmt.Clauses["WHERE"]
	kept.Expression = clause.Where{Exprs: exprs}
	stmt.Clauses["WHERE"] = kept
}

// ask asks the join table for the keys of the rows, each once.
func (s *split) ask(db *gorm.DB, rel *schema.Relationship, pairs map[string]string, owners []clause.Expression) ([][]any, error) {
	var columns []string
	var fields []*schema.Field // of the join table
	for _, field := range rel.JoinTable.Fields {
		if name, ok := pairs[field.DBName]; ok && field.DBName != "" {
			columns, fields = append(columns, field.DBName), append(fields, field)
			s.keys = append(s.keys, rel.FieldSchema.LookUpField(name))
		}
	}
	op := reading
	if _, locking := s.stmt.Clauses["FOR"]; locking || s.plugin.askedFor(db) == writing {
		op = writing
	}
	session, err := s.plugin.beside(db, s.plugin.homeOf(rel.JoinTable).bind, op)
	if err != nil {
		return nil, err
	}
	rows := rel.JoinTable.MakeSlice()
	question := session.Model(reflect.New(rel.JoinTable.ModelType).Interface()).Table(rel.JoinTable.Table).
		Select(columns).Clauses(clause.Where{Exprs: owners})
	question.Statement.SkipHooks, question.Statement.Unscoped = true, s.stmt.Unscoped
	if err := question.Find(rows.Interface()).Error; err != nil {
		return nil, err
	}
	var keys [][]any
	told := map[string]bool{}
	for i, found := 0, rows.Elem(); i < found.Len(); i++ {
		key := make([]any, len(fields))
		for j, field := range fields {
			key[j], _ = field.ValueOf(s.stmt.Context, found.Index(i))
		}
		name := keyName(key)
		if name == "" {
			continue
		}
		if told[name] {
			s.repeated = true
			continue
		}
		told[name] = true
		keys = append(keys, key)
	}
	return keys, nil
}

// keyName makes keys comparable, whatever integer types the two tables have. A
// key with a NULL, which equals none, has no name.
func keyName(key []any) string {
	var name strings.Builder
	for _, value := range key {
		if valuer, ok := value.(driver.Valuer); ok {
			value, _ = valuer.Value()
		}
		v := reflect.Indirect(reflect.ValueOf(value))
		if !v.IsValid() {
			return ""
		}
		fmt.Fprintf(&name, "%v\x00", v.Interface())
	}
	return name.String()
}

// in is the condition that a row has one of the keys. SQLite knows no list of
// rows, so a key of several columns is spelled out.
func (s *split) in(table string, keys [][]any) clause.Expression {
	columns := make([]clause.Column, len(s.keys))
	for i, field := range s.keys {
		columns[i] = clause.Column{Table: table, Name: field.DBName}
	}
	return oneOf(columns, keys)
}

func oneOf(columns []clause.Column, keys [][]any) clause.Expression {
	if len(columns) == 1 || len(keys) == 0 {
		values := make([]any, len(keys))
		for i, key := range keys {
			values[i] = key[0]
		}
		return clause.IN{Column: columns[0], Values: values}
	}
	alternatives := make([]clause.Expression, len(keys))
	for i, key := range keys {
		same := make([]clause.Expression, len(columns))
		for j, column := range columns {
			same[j] = clause.Eq{Column: column, Value: key[j]}
		}
		alternatives[i] = clause.And(same...)
	}
	return clause.And(clause.Or(alternatives...))
}

// mentions reports whether the statement speaks of the join table: by its name,
// or by a column that only it has.
func (p *Plugin) mentions(stmt *gorm.Statement, rel *schema.Relationship) bool {
	table, columns := sqlscan.Fold(rel.JoinTable.Table), map[string]bool{}
	for _, field := range rel.JoinTable.Fields {
		if field.DBName != "" && rel.FieldSchema.LookUpField(field.DBName) == nil {
			columns[sqlscan.Fold(field.DBName)] = true
		}
	}
	mentioned := false
	sqlscan.Names(stmtscan.Rendered(stmt), func(name string, inSubquery bool) bool {
		// A column in a subquery is that of its own tables.
		mentioned = name == table || !inSubquery && columns[name]
		return !mentioned
	})
	return mentioned
}

// inexact refuses a split that could answer something else than the join.
func (s *split) inexact(home, at *home, rel *schema.Relationship, why string) error {
	return &CrossBindError{
		Claims: []Claim{{Key: home.bind.key, Source: "model " + schemaName(rel.FieldSchema)}, {Key: at.bind.key, Source: "join table " + quoted(rel.JoinTable.Table)}},
		Way:    "across binds the association is asked in two statements, which can't be exact here, since " + why + "; query the join table and then the model",
	}
}
