// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files when it looks for the line of the program that sent a statement
// (utils.CallerFrame), and the question to the join table is behind this one.

// Package joinsplit takes the join of Association("Tags").Find or Count
// (association.go) out of a statement whose join table is in another database: it
// asks the join table first, and puts an IN in the join's place.
package joinsplit

import (
	"database/sql/driver"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// variablesOfTheRest is room for those of the statement's own conditions.
const variablesOfTheRest = 100

// A Split is a statement of an association over a join table, being taken apart.
type Split struct {
	stmt   *gorm.Statement
	rel    *schema.Relationship
	pairs  map[string]string   // columns of the join table → of the model's, which are equal
	owners []clause.Expression // the rest of the join's conditions
	fields []*schema.Field     // of the join table, in the order of keys
	keys   []*schema.Field     // of the model
	// found are the keys that the join table has, each once; repeated says that it
	// has one for several owners.
	found    [][]any
	repeated bool
}

// Joined is the table that a statement joins in the form of an association, or "".
func Joined(stmt *gorm.Statement) string {
	join := joinOf(stmt)
	if join == nil {
		return ""
	}
	return join.Table.Name
}

func joinOf(stmt *gorm.Statement) *clause.Join {
	from, ok := stmt.Clauses["FROM"].Expression.(clause.From)
	if !ok || len(from.Joins) != 1 || len(from.Tables) > 0 || stmt.Schema == nil {
		return nil
	}
	join := &from.Joins[0]
	if join.Expression != nil || join.Type != "" || join.Table.Raw || len(join.ON.Exprs) == 0 {
		return nil
	}
	return join
}

// Take takes the join of a relation out of a statement. It is nil where that is not
// an association's, and says why where the answer could be another than the join's.
func Take(stmt *gorm.Statement, rel *schema.Relationship) (s *Split, inexact string) {
	join := joinOf(stmt)
	s = &Split{stmt: stmt, rel: rel}
	if s.conditions(join.ON.Exprs); s.pairs == nil {
		return nil, ""
	}
	if s.withoutJoinClauses() && alternatives(stmt) {
		return s, "the join table's rows are soft deleted, which GORM writes beside an OR"
	}
	if s.mentions() {
		return s, "the statement names the join table's columns"
	}
	delete(stmt.Clauses, "FROM")
	return s, ""
}

// Put puts what Ask has found in the place of the join, so that the conditions
// stay as GORM writes them, with an OR among them. variables is how many a
// statement may have.
func (s *Split) Put(variables int) (inexact string) {
	if len(s.found)*len(s.keys) > variables-variablesOfTheRest {
		return fmt.Sprintf("the join table has %d rows for it, more than a statement can bind", len(s.found))
	}
	if s.repeated && !s.distinct() { // the join would tell such a row once for each owner
		return "several owners have the same row; find the model's columns with Distinct to have it once"
	}
	s.stmt.Clauses["FROM"] = clause.Clause{Name: "FROM", Expression: clause.From{Joins: []clause.Join{{
		Expression: clause.Expr{SQL: "JOIN (SELECT 1) AS ? ON ?", Vars: []any{clause.Table{Name: s.rel.JoinTable.Table}, s.in()}},
	}}}}
	return ""
}

// distinct reports whether a statement asks for columns of the model, each row once:
// then it does not matter how often the join finds one. A count or a sum does.
func (s *Split) distinct() bool {
	if !s.stmt.Distinct || stmtscan.Has(s.stmt, "GROUP BY") {
		return false
	}
	if given, ok := s.stmt.Clauses["SELECT"]; ok { // GORM's Count of one column counts each value once (finisher_api.go)
		count, ok := given.Expression.(clause.Expr)
		return ok && count.SQL == "COUNT(DISTINCT(?))"
	}
	for _, column := range s.stmt.Selects {
		column = strings.TrimPrefix(column, s.stmt.Schema.Table+".")
		if column != "*" && s.stmt.Schema.LookUpField(column) == nil {
			return false
		}
	}
	return true
}

// conditions splits what the join is ON: pairs of columns that are equal in both
// tables, and the rest, which is about the owners.
func (s *Split) conditions(exprs []clause.Expression) {
	for _, expr := range exprs {
		eq, ok := expr.(clause.Eq)
		if !ok {
			s.owners = append(s.owners, expr)
			continue
		}
		column, _ := eq.Column.(clause.Column)
		other, ok := eq.Value.(clause.Column)
		if !ok {
			s.owners = append(s.owners, expr)
			continue
		}
		if column.Table != s.rel.JoinTable.Table || other.Table != s.rel.FieldSchema.Table {
			s.pairs = nil
			return
		}
		if s.pairs == nil {
			s.pairs = map[string]string{}
		}
		s.pairs[column.Name] = other.Name
	}
}

// withoutJoinClauses takes out of a statement what Association has put there for
// the join table's own clauses, such as a soft delete: the question to the join
// table has them by itself.
func (s *Split) withoutJoinClauses() (found bool) {
	stmt, rel := s.stmt, s.rel
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

// Ask asks the join table for the keys of the rows, on a session of its database.
func (s *Split) Ask(session *gorm.DB) error {
	rel := s.rel
	var columns []string
	for _, field := range rel.JoinTable.Fields {
		if name, ok := s.pairs[field.DBName]; ok && field.DBName != "" {
			columns, s.fields = append(columns, field.DBName), append(s.fields, field)
			s.keys = append(s.keys, rel.FieldSchema.LookUpField(name))
		}
	}
	conditions := append([]clause.Expression(nil), s.owners...)
	for _, column := range columns {
		// A NULL equals no key, and would be read as a zero.
		conditions = append(conditions, clause.Neq{Column: clause.Column{Table: rel.JoinTable.Table, Name: column}})
	}
	rows := rel.JoinTable.MakeSlice()
	question := session.Model(reflect.New(rel.JoinTable.ModelType).Interface()).Table(rel.JoinTable.Table).
		Select(columns).Clauses(clause.Where{Exprs: conditions})
	question.Statement.SkipHooks, question.Statement.Unscoped = true, s.stmt.Unscoped
	if err := question.Find(rows.Interface()).Error; err != nil {
		return err
	}
	told := map[string]bool{}
	for i, found := 0, rows.Elem(); i < found.Len(); i++ {
		key := make([]any, len(s.fields))
		for j, field := range s.fields {
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
		s.found = append(s.found, key)
	}
	return nil
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
		text := fmt.Sprint(v.Interface())
		fmt.Fprintf(&name, "%d:%s", len(text), text) // so that no two keys have one name
	}
	return name.String()
}

// in is the condition that a row has one of the keys. SQLite knows no list of
// rows, so a key of several columns is spelled out.
func (s *Split) in() clause.Expression {
	columns := make([]clause.Column, len(s.keys))
	for i, field := range s.keys {
		columns[i] = clause.Column{Table: s.stmt.Schema.Table, Name: field.DBName}
	}
	keys := s.found
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

// mentions reports whether the statement names the join table: by its name,
// or by a column that only it has.
func (s *Split) mentions() bool {
	stmt, rel := s.stmt, s.rel
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
