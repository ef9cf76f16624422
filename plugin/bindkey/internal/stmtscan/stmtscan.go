// Package stmtscan is what a GORM statement names: its own table or others, in Table,
// From, joins and subqueries. It knows no key and no bind.
package stmtscan

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// Has reports whether a statement has a clause.
func Has(stmt *gorm.Statement, clause string) bool {
	_, ok := stmt.Clauses[clause]
	return ok
}

// NamesTables reports whether a statement may name tables beside its own: in joins,
// From, a subquery in its conditions or, in a write, Insert and Update.
func NamesTables(stmt *gorm.Statement, writes bool) bool {
	return len(stmt.Joins) > 0 ||
		len(stmt.Clauses) > 0 && (Has(stmt, "FROM") || writes && (Has(stmt, "INSERT") || Has(stmt, "UPDATE")) || mayHaveSubquery(where(stmt)))
}

// OwnTable reports whether the statement's table is its model's own, and not one
// that was given to Table or From. bare is its dialector as nobody has wrapped it.
func OwnTable(stmt *gorm.Statement, bare gorm.Dialector) bool {
	if stmt.Schema == nil {
		return false
	}
	if from, ok := stmt.Clauses["FROM"].Expression.(clause.From); ok && len(from.Tables) > 0 {
		return false
	}
	if stmt.TableExpr == nil {
		return stmt.Table == stmt.Schema.Table
	}
	// GORM makes an expression of a model's "schema.table" (statement.go).
	if len(stmt.TableExpr.Vars) > 0 || strings.Count(stmt.Schema.Table, ".") != 1 {
		return false
	}
	if stmt.TableExpr.SQL == stmt.Quote(stmt.Schema.Table) {
		return true
	}
	var quoted strings.Builder // what is chained on a result has the bind's own quotes
	bare.QuoteTo(&quoted, stmt.Schema.Table)
	return stmt.TableExpr.SQL == quoted.String()
}

// onlyName reports whether Table was given a table's name alone, which GORM has
// quoted: there is nothing else to read in it.
func onlyName(expr *clause.Expr, table string) bool {
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

// Built reports whether GORM has built a statement's SQL from its clauses.
func Built(stmt *gorm.Statement) bool {
	for _, name := range []string{"INSERT", "SET", "UPDATE", "DELETE", "SELECT"} {
		if Has(stmt, name) {
			return true
		}
	}
	return false
}

// Parse finds a statement's schema, as processor.Execute does (callbacks.go).
func Parse(stmt *gorm.Statement) error {
	if optimizer, ok := stmt.Dest.(gorm.StatementModifier); ok {
		optimizer.ModifyStatement(stmt)
	}
	if stmt.Model == nil {
		stmt.Model = stmt.Dest
	} else if stmt.Dest == nil {
		stmt.Dest = stmt.Model
	}
	if stmt.Model == nil {
		return nil
	}
	unnamed := stmt.Table == "" && stmt.TableExpr == nil
	err := stmt.Parse(stmt.Model)
	switch {
	case err == nil:
	case errors.Is(err, schema.ErrUnsupportedDataType) && unnamed && stmt.SQL.Len() == 0:
		return fmt.Errorf("%w: Table not set, please set it like: db.Model(&user) or db.Table(\"users\")", err)
	case !errors.Is(err, schema.ErrUnsupportedDataType):
		return err
	}
	stmt.ReflectValue = reflect.Indirect(reflect.ValueOf(stmt.Dest))
	return nil
}

// SetText replaces a statement's SQL.
func SetText(stmt *gorm.Statement, text string) {
	stmt.SQL.Reset()
	stmt.SQL.WriteString(text)
}
