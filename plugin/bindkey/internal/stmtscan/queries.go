package stmtscan

import (
	"database/sql"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// HoldsQuery reports whether a statement holds subqueries as values. It allocates nothing.
func HoldsQuery(stmt *gorm.Statement) bool { return eachQuery(stmt, nil) }

// Queries are the subqueries that a statement holds as values, wherever they stand: in
// conditions, columns, joins, Table, or what is written.
func Queries(stmt *gorm.Statement) (queries []*gorm.DB) {
	eachQuery(stmt, &queries)
	return queries
}

// eachQuery collects subqueries, or stops at the first where there is nowhere to.
func eachQuery(stmt *gorm.Statement, to *[]*gorm.DB) (found bool) {
	for _, c := range stmt.Clauses {
		if found = queriesIn(c.Expression, to) || found; found && to == nil {
			return true
		}
	}
	if stmt.TableExpr != nil {
		found = queriesInAll(stmt.TableExpr.Vars, to) || found
	}
	for i := range stmt.Joins {
		join := &stmt.Joins[i]
		found = queriesInAll(join.Conds, to) || found
		if join.Expression != nil {
			found = queriesIn(join.Expression, to) || found
		}
	}
	switch written := stmt.Dest.(type) {
	case map[string]any:
		found = queriesIn(written, to) || found
	case []map[string]any:
		for _, row := range written {
			found = queriesIn(row, to) || found
		}
	}
	return found
}

// queriesIn collects the subqueries of an expression, or of a value.
func queriesIn(value any, to *[]*gorm.DB) (found bool) {
	switch value := value.(type) {
	case *gorm.DB:
		if to != nil && value != nil {
			*to = append(*to, value)
		}
		return value != nil
	case sql.NamedArg:
		return queriesIn(value.Value, to)
	case []any:
		return queriesInAll(value, to)
	case map[string]any:
		for _, one := range value {
			found = queriesIn(one, to) || found
		}
		return found
	case clause.Expr:
		return queriesInAll(value.Vars, to)
	case clause.NamedExpr:
		return queriesInAll(value.Vars, to)
	case clause.Where:
		return queriesOf(value.Exprs, to)
	case clause.AndConditions:
		return queriesOf(value.Exprs, to)
	case clause.OrConditions:
		return queriesOf(value.Exprs, to)
	case clause.NotConditions:
		return queriesOf(value.Exprs, to)
	case clause.Eq:
		return queriesIn(value.Value, to)
	case clause.IN:
		return queriesInAll(value.Values, to)
	case clause.Select:
		return value.Expression != nil && queriesIn(value.Expression, to)
	case clause.GroupBy:
		return queriesOf(value.Having, to)
	case clause.OrderBy:
		return value.Expression != nil && queriesIn(value.Expression, to)
	case clause.From:
		for i := range value.Joins {
			if value.Joins[i].Expression != nil {
				found = queriesIn(value.Joins[i].Expression, to) || found
			}
		}
		return found
	case clause.Set:
		for i := range value {
			found = queriesIn(value[i].Value, to) || found
		}
		return found
	default:
		return false
	}
}

func queriesInAll(values []any, to *[]*gorm.DB) (found bool) {
	for _, value := range values {
		found = queriesIn(value, to) || found
	}
	return found
}

func queriesOf(exprs []clause.Expression, to *[]*gorm.DB) (found bool) {
	for _, expr := range exprs {
		found = queriesIn(expr, to) || found
	}
	return found
}
