package stmtscan

import (
	"database/sql"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

func where(stmt *gorm.Statement) []clause.Expression {
	where, _ := stmt.Clauses["WHERE"].Expression.(clause.Where)
	return where.Exprs
}

// mayHaveSubquery reports whether there may be a subquery in conditions.
func mayHaveSubquery(exprs []clause.Expression) bool {
	for _, expr := range exprs {
		switch expr := expr.(type) {
		case clause.AndConditions, clause.OrConditions, clause.NotConditions:
			return true
		case clause.Expr:
			for _, value := range expr.Vars {
				if _, ok := value.(*gorm.DB); ok {
					return true
				}
			}
		}
	}
	return false
}

// rawSubqueries appends the subqueries whose SQL was given, in conditions: GORM
// renders these without a callback (statement.go, AddVar), and their text does not
// tell a Use or a model.
func rawSubqueries(exprs []clause.Expression, to []Mention) []Mention {
	for _, expr := range exprs {
		switch expr := expr.(type) {
		case clause.Expr:
			for _, value := range expr.Vars {
				if query, ok := value.(*gorm.DB); ok && query.Statement.SQL.Len() > 0 {
					to = append(to, Mention{RawSubquery: query})
				}
			}
		case clause.AndConditions:
			to = rawSubqueries(expr.Exprs, to)
		case clause.OrConditions:
			to = rawSubqueries(expr.Exprs, to)
		case clause.NotConditions:
			to = rawSubqueries(expr.Exprs, to)
		}
	}
	return to
}

// expression appends SQL that was given with arguments, rendered by GORM behind a
// prefix, and the subqueries among the arguments.
func expression(stmt *gorm.Statement, prefix string, expr clause.Expr, joined bool, to []Mention) []Mention {
	if len(expr.Vars) == 0 {
		return append(to, Mention{Text: prefix + expr.SQL, Joined: joined})
	}
	vars, queries := withoutSubqueries(expr.Vars)
	for _, query := range queries {
		to = append(to, Mention{Subquery: query, Joined: joined})
	}
	if text := renderedExpression(stmt, clause.NamedExpr{SQL: prefix + expr.SQL, Vars: vars}); text != "" {
		to = append(to, Mention{Text: text, Joined: joined})
	}
	return to
}

func renderedExpression(stmt *gorm.Statement, expr clause.NamedExpr) (text string) {
	scratch := scratchOf(stmt)
	scratch.Unscoped = stmt.Unscoped
	defer func() {
		// An expression of the application's that can't be rendered here says so
		// where GORM renders it.
		_ = recover()
	}()
	expr.Build(scratch)
	return scratch.SQL.String()
}

// scratchOf is a statement to render parts of another with.
func scratchOf(stmt *gorm.Statement) *gorm.Statement {
	session := stmt.DB.Session(&gorm.Session{NewDB: true, DryRun: true, Logger: logger.Discard, Initialized: true})
	scratch := session.Statement
	scratch.Schema, scratch.Table, scratch.Model = stmt.Schema, stmt.Table, stmt.Model
	scratch.Dest, scratch.ReflectValue = stmt.Dest, stmt.ReflectValue
	return scratch
}

// withoutSubqueries are arguments with their subqueries left out, and these: they
// may say Use, which their text does not show, and rendering them here and again in
// the statement would double the work at each level.
func withoutSubqueries(values []any) (without []any, queries []*gorm.DB) {
	without = make([]any, len(values))
	for i, value := range values {
		var more []*gorm.DB
		without[i], more = withoutSubquery(value)
		queries = append(queries, more...)
	}
	return without, queries
}

func withoutSubquery(value any) (without any, queries []*gorm.DB) {
	switch value := value.(type) {
	case *gorm.DB:
		return clause.Expr{SQL: "SELECT 1"}, []*gorm.DB{value}
	case sql.NamedArg:
		value.Value, queries = withoutSubquery(value.Value)
		return value, queries
	case clause.Expr:
		value.Vars, queries = withoutSubqueries(value.Vars)
		return value, queries
	case clause.NamedExpr:
		value.Vars, queries = withoutSubqueries(value.Vars)
		return value, queries
	case []any:
		return withoutSubqueries(value)
	case map[string]any:
		without := make(map[string]any, len(value))
		for name, value := range value {
			var more []*gorm.DB
			without[name], more = withoutSubquery(value)
			queries = append(queries, more...)
		}
		return without, queries
	default:
		return value, nil
	}
}

// Rendered is what GORM would make of a statement's conditions, columns and order.
func Rendered(stmt *gorm.Statement) (text string) {
	scratch := scratchOf(stmt)
	scratch.TableExpr = stmt.TableExpr
	for name, c := range stmt.Clauses {
		if where, ok := c.Expression.(clause.Where); ok {
			// GORM changes the order of conditions while it builds them (clause/where.go).
			where.Exprs = append([]clause.Expression(nil), where.Exprs...)
			c.Expression = where
		}
		scratch.Clauses[name] = c
	}
	defer func() {
		if recover() != nil { // GORM says so where it renders it
			text = ""
		}
	}()
	scratch.Build("SELECT", "SET", "WHERE", "GROUP BY", "ORDER BY")
	return scratch.SQL.String() + " " + strings.Join(stmt.Selects, ", ")
}
