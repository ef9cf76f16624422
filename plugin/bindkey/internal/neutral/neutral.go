// Package neutral is SQL that is rendered before its dialect is known, and what
// a subquery tells the statement around it: text with marks, and its rendering.
package neutral

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Neutral SQL is what GORM renders before the bind is known, in a handle of
// several dialects: Raw, Exec and Table render while the chain is built, and a
// subquery may stand in a statement of another bind. It has marks for variables,
// by their index in Statement.Vars, and for quoted names.
//
// In a handle of any kind, marks also tell the statement around a subquery what
// its text does not: that it belongs to a bind, or that it has a Use. Nothing of
// them is rendered.
//
// A mark begins and ends with bytes that no database accepts, so that what was
// left by mistake fails instead of meaning something else, and with a number that
// is random in each process: nobody who chooses a name or a value can write one.
var (
	markStart, markEnd = func() (start, end string) {
		var random [8]byte
		if _, err := rand.Read(random[:]); err != nil {
			panic("bindkey: no random numbers: " + err.Error())
		}
		number := hex.EncodeToString(random[:])
		return "\x01" + number, number + "\x02"
	}()
	variablePrefix = markStart + "?"  // and the index
	namePrefix     = markStart + "\"" // and the name
	belongsPrefix  = markStart + "@"  // and the bind key
	usesPrefix     = markStart + "("  // and the bind key, before a subquery
	usesSuffix     = markStart + ")" + markEnd
	tenantPrefix   = markStart + "!" // and the tenant of a subquery's context
)

// WriteVar writes the last of the statement's variables. In a raw subquery that GORM
// renders again, it is written into the mark that it had before (see Rewrites).
func WriteVar(writer clause.Writer, stmt *gorm.Statement) {
	if again, ok := writer.(*gorm.Statement); ok && strings.HasSuffix(again.SQL.String(), markStart) {
		_, _ = writer.WriteString("?" + strconv.Itoa(len(stmt.Vars)-1) + ";")
		return
	}
	_, _ = writer.WriteString(variablePrefix)
	_, _ = writer.WriteString(strconv.Itoa(len(stmt.Vars) - 1))
	_, _ = writer.WriteString(markEnd)
}

// WriteName writes a name, which may be quoted already.
func WriteName(writer clause.Writer, name string) {
	_, _ = writer.WriteString(namePrefix)
	_, _ = writer.WriteString(Unmark(name))
	_, _ = writer.WriteString(markEnd)
}

// Unmark is a name, or a qualified one, without the marks that WriteName has put
// around its parts, and without the bytes that marks begin and end with: whatever
// else it has, no mark can be put together from it. Only names lose them. Values
// are never written into SQL.
func Unmark(name string) string {
	if strings.IndexByte(name, markStart[0]) < 0 && strings.IndexByte(name, markEnd[len(markEnd)-1]) < 0 {
		return name
	}
	return withoutBytes.Replace(withoutMarks.Replace(name))
}

var (
	withoutMarks = strings.NewReplacer(namePrefix, "", markEnd, "")
	withoutBytes = strings.NewReplacer("\x01", "", "\x02", "")
)

// Is reports whether a text has marks.
func Is(sql string) bool { return strings.Contains(sql, markStart) }

// Mark is how long the mark is that a text begins with, 0 without one, and
// whether it stands for a name. A mark without an end is all the rest.
func Mark(text string) (length int, isName bool) {
	if text == "" || text[0] != markStart[0] {
		return 0, false
	}
	return markAt(text)
}

func markAt(text string) (length int, isName bool) {
	if !strings.HasPrefix(text, markStart) {
		return 0, false
	}
	_, mark, rest := nextMark(text)
	return len(text) - len(rest), strings.HasPrefix(mark, namePrefix)
}

// Name is the name that a text stands for which is one mark of a name, and
// nothing else.
func Name(text string) (name string, ok bool) {
	if length, isName := Mark(text); !isName || length != len(text) {
		return "", false
	}
	return text[len(namePrefix) : len(text)-len(markEnd)], true
}

// Belongs is what a subquery begins with whose text does not tell that it belongs
// to a bind.
func Belongs(key string) string { return belongsPrefix + key + markEnd }

// Uses is what stands around a subquery that has a Use.
func Uses(key string) (before, after string) { return usesPrefix + key + markEnd, usesSuffix }

// nextMark is the text before the first mark, the mark without its end, and the
// text behind it. Without a mark, all is before.
func nextMark(text string) (before, mark, rest string) {
	start := strings.Index(text, markStart)
	if start < 0 {
		return text, "", ""
	}
	length := strings.Index(text[start:], markEnd)
	if length < 0 {
		return text, "", ""
	}
	return text[:start], text[start : start+length], text[start+length+len(markEnd):]
}

// Render writes neutral SQL in a dialect.
func Render(d gorm.Dialector, sql string, vars []any) string {
	if !Is(sql) {
		return sql
	}
	var (
		rendered strings.Builder
		stmt     gorm.Statement
	)
	rendered.Grow(len(sql))
	for {
		before, mark, rest := nextMark(sql)
		rendered.WriteString(before)
		switch {
		case mark == "":
			return rendered.String()
		case strings.HasPrefix(mark, namePrefix):
			d.QuoteTo(&rendered, mark[len(namePrefix):])
		case strings.HasPrefix(mark, variablePrefix):
			number, _, _ := strings.Cut(mark[len(variablePrefix):], ";") // behind it are those from before
			index, err := strconv.Atoi(number)
			if err != nil || index < 0 || index >= len(vars) {
				rendered.WriteString(mark + markEnd) // and so it fails
				break
			}
			stmt.Vars = vars[:index+1]
			d.BindVarTo(&rendered, &stmt, vars[index])
		}
		sql = rest
	}
}

// WithoutUses is a text without its subqueries that have a Use and without the marks of
// tenants, and the bind keys of all its marks.
func WithoutUses(text string) (without string, keys []string) {
	if !Is(text) {
		return text, nil
	}
	var kept strings.Builder
	for depth := 0; ; {
		before, mark, rest := nextMark(text)
		if depth == 0 {
			kept.WriteString(before)
		}
		switch {
		case mark == "":
			return kept.String(), keys
		case strings.HasPrefix(mark, usesPrefix):
			if depth == 0 {
				keys = append(keys, mark[len(usesPrefix):])
				kept.WriteString("SELECT 1")
			}
			depth++
		case mark+markEnd == usesSuffix:
			depth--
		case depth > 0, strings.HasPrefix(mark, tenantPrefix):
		case strings.HasPrefix(mark, belongsPrefix):
			keys = append(keys, mark[len(belongsPrefix):])
		default:
			kept.WriteString(mark + markEnd)
		}
		text = rest
	}
}

// HasVars reports whether neutral SQL has a variable.
func HasVars(sql string) bool { return strings.Contains(sql, variablePrefix) }
