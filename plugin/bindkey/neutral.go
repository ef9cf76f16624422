package bindkey

import (
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Neutral SQL is what GORM renders before the bind is known, in a handle of
// several dialects: Raw, Exec and Table render while the chain is built, and a
// subquery may stand in a statement of another bind. A variable is written as
// \x01, its index in Statement.Vars and \x02; a quoted name as \x01, a double
// quote, the name and \x02. No database accepts these bytes, so that what was
// left neutral by mistake fails instead of meaning something else.
const (
	neutralStart      = '\x01'
	neutralEnd        = '\x02'
	neutralNamePrefix = "\x01\""
)

func writeNeutralVar(writer clause.Writer, stmt *gorm.Statement) {
	_ = writer.WriteByte(neutralStart)
	_, _ = writer.WriteString(strconv.Itoa(len(stmt.Vars) - 1))
	_ = writer.WriteByte(neutralEnd)
}

var withoutMarks = strings.NewReplacer(neutralNamePrefix, "", string(neutralStart), "", string(neutralEnd), "")

func writeNeutralName(writer clause.Writer, name string) {
	if strings.IndexByte(name, neutralStart) >= 0 || strings.IndexByte(name, neutralEnd) >= 0 {
		name = withoutMarks.Replace(name) // it is quoted already, or would end the quotes
	}
	_, _ = writer.WriteString(neutralNamePrefix)
	_, _ = writer.WriteString(name)
	_ = writer.WriteByte(neutralEnd)
}

func isNeutral(sql string) bool { return strings.IndexByte(sql, neutralStart) >= 0 }

// renderNeutral writes neutral SQL in a dialect.
func renderNeutral(d gorm.Dialector, sql string, vars []any) string {
	if !isNeutral(sql) {
		return sql
	}
	var (
		rendered strings.Builder
		stmt     gorm.Statement
	)
	rendered.Grow(len(sql))
	for {
		start := strings.IndexByte(sql, neutralStart)
		if start < 0 {
			break
		}
		length := strings.IndexByte(sql[start:], neutralEnd)
		if length < 0 {
			break
		}
		rendered.WriteString(sql[:start])
		mark := sql[start : start+length]
		index, err := strconv.Atoi(mark[1:])
		switch {
		case strings.HasPrefix(mark, neutralNamePrefix):
			d.QuoteTo(&rendered, mark[len(neutralNamePrefix):])
		case err == nil && 0 <= index && index < len(vars):
			stmt.Vars = vars[:index+1]
			d.BindVarTo(&rendered, &stmt, vars[index])
		default:
			rendered.WriteString(sql[start : start+length+1]) // not the plugin's
		}
		sql = sql[start+length+1:]
	}
	rendered.WriteString(sql)
	return rendered.String()
}
