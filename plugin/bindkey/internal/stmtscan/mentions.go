package stmtscan

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A Mention is something that a statement names. One of its fields is set, beside
// Joined.
type Mention struct {
	Table  string // a table's folded name
	Text   string // SQL that names tables
	Joined bool   // it stands in a join
	// Subquery is one that stands for a table or in a join, and in no Text.
	Subquery *gorm.DB
	// RawSubquery is one in conditions whose SQL was given.
	RawSubquery *gorm.DB
	// Relation is the model of a relation that is joined.
	Relation *schema.Schema
}

// A join is read as one to a table that nobody has.
const (
	joinedTo   = "bindkey_joined"
	joinPrefix = "SELECT * FROM " + joinedTo + " "
)

// IsNobodys reports whether a table is none of the statement's, but one that stands
// in a Text for what is joined to.
func IsNobodys(table string) bool { return table == joinedTo }

// Mentions appends what a statement names: what Table(…) does, unless the
// statement's table is its model's own; the tables of From and, in a write, of
// Insert and Update (a soft delete has an Update); the subqueries whose SQL was
// given; and what is joined.
func Mentions(stmt *gorm.Statement, own, writes bool, to []Mention) []Mention {
	switch {
	case own:
	case stmt.TableExpr != nil && onlyName(stmt.TableExpr, stmt.Table):
		to = append(to, Mention{Table: sqlscan.Fold(stmt.Table)})
	case stmt.TableExpr != nil:
		to = expression(stmt, "SELECT * FROM ", *stmt.TableExpr, false, to)
	case stmt.Table != "":
		to = table(stmt.Table, false, to)
	}
	to = clauses(stmt, writes, to)
	to = rawSubqueries(where(stmt), to)
	return joins(stmt, to)
}

// table appends a table's name; a raw one may be any SQL that stands for a table.
func table(name string, raw bool, to []Mention) []Mention {
	switch {
	case name == "" || name == clause.CurrentTable:
		return to
	case raw:
		return append(to, Mention{Text: "SELECT * FROM " + name})
	default:
		return append(to, Mention{Table: sqlscan.Fold(name)})
	}
}

func clauses(stmt *gorm.Statement, writes bool, to []Mention) []Mention {
	if insert, ok := stmt.Clauses["INSERT"].Expression.(clause.Insert); ok && writes {
		to = table(insert.Table.Name, insert.Table.Raw, to)
	}
	if update, ok := stmt.Clauses["UPDATE"].Expression.(clause.Update); ok && writes {
		to = table(update.Table.Name, update.Table.Raw, to)
	}
	from, ok := stmt.Clauses["FROM"].Expression.(clause.From)
	if !ok {
		return to
	}
	for _, of := range from.Tables {
		to = table(of.Name, of.Raw, to)
	}
	for _, join := range from.Joins {
		if join.Expression != nil {
			to = expression(stmt, joinPrefix, clause.Expr{SQL: "?", Vars: []any{join.Expression}}, true, to)
		} else {
			to = table(join.Table.Name, join.Table.Raw, to)
		}
	}
	return to
}

// joins appends the models of relations, and the SQL of other joins.
func joins(stmt *gorm.Statement, to []Mention) []Mention {
	for i := range stmt.Joins {
		join := &stmt.Joins[i]
		switch relations := relationsNamed(stmt.Schema, join.Name); {
		case join.Expression != nil:
			to = expression(stmt, joinPrefix, clause.Expr{SQL: "?", Vars: []any{join.Expression}}, true, to)
		case len(relations) > 0:
			for _, rel := range relations {
				to = append(to, Mention{Relation: rel.FieldSchema})
			}
		default:
			to = expression(stmt, joinPrefix, clause.Expr{SQL: join.Name, Vars: join.Conds}, true, to)
		}
	}
	return to
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
