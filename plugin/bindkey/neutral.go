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
//
// In a handle of any kind, marks also tell the statement around a subquery what
// its text does not: \x01, @, a bind key and \x02 say that it belongs to that
// bind; and what stands between \x01, (, a bind key and \x02, and \x01)\x02, has
// a Use. Nothing of them is rendered.
const (
	neutralStart      = '\x01'
	neutralEnd        = '\x02'
	neutralNamePrefix = "\x01\""

	belongsPrefix = "\x01@"
	usesPrefix    = "\x01("
	usesEnd       = "\x01)\x02"
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
		case strings.HasPrefix(mark, belongsPrefix), strings.HasPrefix(mark, usesPrefix), mark == usesEnd[:2]:
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

// withoutUses is a text without its subqueries that have a Use, and the bind
// keys of all its marks.
func withoutUses(text string) (rest string, keys []string) {
	if !isNeutral(text) {
		return text, nil
	}
	var kept strings.Builder
	for depth := 0; ; {
		start := strings.IndexByte(text, neutralStart)
		length := -1
		if start >= 0 {
			length = strings.IndexByte(text[start:], neutralEnd)
		}
		if length < 0 {
			if depth == 0 {
				kept.WriteString(text)
			}
			return kept.String(), keys
		}
		mark, before := text[start:start+length], text[:start]
		if depth == 0 {
			kept.WriteString(before)
		}
		text = text[start+length+1:]
		switch {
		case strings.HasPrefix(mark, usesPrefix):
			if depth == 0 {
				keys = append(keys, mark[len(usesPrefix):])
				kept.WriteString("SELECT 1")
			}
			depth++
		case mark == usesEnd[:2]:
			depth--
		case depth > 0:
		case strings.HasPrefix(mark, belongsPrefix):
			keys = append(keys, mark[len(belongsPrefix):])
		default:
			kept.WriteString(mark)
			kept.WriteByte(neutralEnd)
		}
	}
}
