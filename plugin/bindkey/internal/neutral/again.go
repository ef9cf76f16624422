package neutral

import (
	"database/sql"
	"database/sql/driver"
	"reflect"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// GORM renders a raw subquery again for the statement around it: it searches the
// text for each variable's placeholder, puts "?" in its place, and copies the text
// each time (statement.go, AddVar), so that the work grows with the square of the
// variables. It copies nothing where the placeholder is "?" already. A mark has one
// "?", and so can be left where it is: when GORM then puts the variable there, the
// new index is written into the mark, before the old one.

// manyVariables is how many a text has for that to be worth its while.
const manyVariables = 16

// leaves stands in such a statement's SQL, which GORM throws away, while it asks for
// the placeholders, so that the text is looked at once.
const leaves = "\x01"

// Rewrites reports whether GORM asks for the placeholder of a variable of a raw
// subquery, to be searched for, whose mark can be left where it is.
func Rewrites(writer clause.Writer, stmt *gorm.Statement, v any) bool {
	if asks, ok := writer.(*strings.Builder); !ok || asks.Len() > 0 {
		return false
	}
	// Only there has a statement the text of many variables, and one of them.
	if len(stmt.Vars) == 1 && cap(stmt.Vars) >= manyVariables && allMarked(stmt.SQL.String(), cap(stmt.Vars)) {
		stmt.SQL.Reset()
		stmt.SQL.WriteString(leaves)
	}
	return stmt.SQL.Len() == len(leaves) && stmt.SQL.String() == leaves && isOne(v)
}

// allMarked reports whether a text has the marks of so many variables, in order, and
// nothing else that GORM takes for a placeholder.
func allMarked(text string, variables int) bool {
	if strings.Count(text, "?") != variables || strings.Contains(text, "@") {
		return false
	}
	for found := 0; ; {
		_, mark, rest := nextMark(text)
		if mark == "" {
			return found == variables
		}
		if strings.HasPrefix(mark, variablePrefix) {
			if index, _, _ := strings.Cut(mark[len(variablePrefix):], ";"); index != strconv.Itoa(found) {
				return false
			}
			found++
		}
		text = rest
	}
}

// isOne reports whether GORM writes one placeholder for a value, and nothing else.
func isOne(v any) bool {
	switch v.(type) {
	case gorm.Valuer, clause.Interface, clause.Expression, clause.Column, clause.Table, sql.NamedArg, *gorm.DB, []any:
		return false
	case driver.Valuer, []byte:
		return true
	}
	kind := reflect.ValueOf(v).Kind()
	return kind != reflect.Slice && kind != reflect.Array
}
