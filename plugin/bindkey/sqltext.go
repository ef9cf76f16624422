package bindkey

import "strings"

// sqlFacts is what routing wants to know of SQL that was given as text.
type sqlFacts struct {
	tables []string // the names that stand where a table does, folded, without quotes; "schema.table" where qualified
	reads  bool     // it changes and locks nothing, so that a replica can answer
}

// readSQL finds the facts of a text of one or more statements. It knows no
// grammar beyond where a table's name stands: a column or alias that has a
// table's name is not that table, and the name of a CTE shadows one.
func readSQL(sql string, dialect lexicon) sqlFacts {
	r := sqlReader{lexer: lexer{src: sql, dialect: dialect}, reads: true}
	r.levels = append(r.levelStore[:0], sqlLevel{})
	for r.cur = r.next(); r.cur.kind != endToken; r.prev, r.cur = r.cur, r.next() {
		r.step()
	}
	return sqlFacts{tables: r.tables, reads: r.reads && r.started}
}

// A sqlReader steps through the tokens, with what it knows of each level of
// parentheses.
type sqlReader struct {
	lexer
	cur, prev token
	levels    []sqlLevel
	tables    []string
	ctes      []cte
	reads     bool
	started   bool // some statement has begun

	levelStore [8]sqlLevel
}

// A sqlLevel is the text between two parentheses, or a whole statement.
type sqlLevel struct {
	verb    string // the statement's first word, or "" in an expression
	expect  expectation
	list    bool // a comma is followed by a table
	with    bool // between WITH and the statement that it belongs to
	recurse bool // WITH RECURSIVE
	object  string
	call    bool // the parenthesis of a function call or a column list
	defines int  // index+1 in ctes of the CTE that this parenthesis defines
	ctes    int  // how many CTEs were in sight outside
}

type expectation uint8

const (
	noTable      expectation = iota
	readTable                // FROM, JOIN: a name before a parenthesis is a function
	writtenTable             // INTO, UPDATE, TABLE, …: a name before a parenthesis is a table and its columns
	definedName              // WITH: the name of a CTE
)

type cte struct {
	name    string
	visible bool
}

func (r *sqlReader) level() *sqlLevel { return &r.levels[len(r.levels)-1] }

func (r *sqlReader) step() {
	level := r.level()
	switch r.cur.kind {
	case wordToken:
		var buffer [maxKeyword]byte
		r.word(level, keyword(r.text(r.cur), &buffer))
	case quotedToken, stringToken:
		r.name(level)
	case otherToken:
		r.punctuation(level, r.src[r.cur.start])
	}
}

func (r *sqlReader) text(t token) string { return r.src[t.start:t.end] }

func (r *sqlReader) prevIs(word string) bool {
	return r.prev.kind == wordToken && strings.EqualFold(r.text(r.prev), word)
}

// word handles a keyword, or a name that is no keyword.
func (r *sqlReader) word(level *sqlLevel, word string) {
	if r.prev.kind == otherToken && r.src[r.prev.start] == '.' {
		return // the tail of a qualified column
	}
	if level.verb == "" && level.expect != definedName && r.begins(level, word) {
		return
	}
	switch word {
	case "SELECT", "VALUES":
		level.expect, level.list = noTable, false
		if level.with || level.verb == "" {
			level.verb, level.with = word, false
		}
	case "INSERT", "DELETE", "MERGE", "REPLACE":
		if r.peekIs('(') {
			return // the function of that name
		}
		if word != "REPLACE" {
			r.reads = false
		}
		level.expect, level.list = noTable, false
		if level.with {
			level.verb, level.with, r.reads = word, false, false
		}
	case "FROM":
		if r.prevIs("DISTINCT") && level.verb != "SELECT" || level.call && level.verb == "" || r.isDistinctFrom() {
			return
		}
		level.expect, level.list = readTable, true
	case "JOIN", "STRAIGHT_JOIN":
		level.expect, level.list = readTable, true
	case "INTO":
		r.reads = false
		level.expect, level.list = writtenTable, false
	case "UPDATE":
		r.reads = false
		switch {
		case r.prevIs("FOR"), r.prevIs("KEY"), r.prevIs("ON"), r.prevIs("DO"), r.prevIs("BEFORE"), r.prevIs("AFTER"), r.prevIs("OF"), r.prevIs("OR"):
			level.expect = noTable
		default:
			level.expect, level.list = writtenTable, true
			if level.with {
				level.verb, level.with = word, false
			}
		}
	case "TABLE", "VIEW", "REFERENCES":
		if level.verb == "SELECT" {
			return // a column or an alias
		}
		level.expect, level.list = writtenTable, word != "REFERENCES"
	case "INDEX", "TRIGGER", "POLICY", "RULE", "STATISTICS":
		if level.verb == "CREATE" || level.verb == "DROP" {
			level.object = word
			level.expect = noTable
		}
	case "ON":
		if level.object != "" {
			level.expect, level.object = writtenTable, ""
		} else {
			level.expect = noTable
		}
	case "USING":
		if level.verb == "DELETE" || level.verb == "MERGE" {
			level.expect, level.list = readTable, true
		}
	case "FOR":
		level.expect, level.list = noTable, false
	case "SHARE", "LOCKED", "NOWAIT", "UPDLOCK", "XLOCK", "HOLDLOCK":
		r.reads = false
		r.other(level, word)
	case "LOCK":
		if level.verb == "SELECT" && r.peekWordIs("IN") {
			r.reads = false
		}
	case "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FETCH", "UNION", "INTERSECT", "EXCEPT", "SET", "RETURNING", "WINDOW", "WHEN":
		level.expect, level.list = noTable, false
	case "WITH":
		if level.verb == "" || level.verb == "INSERT" {
			level.with, level.expect = true, definedName
		}
	default:
		r.other(level, word)
	}
}

// begins handles the first word of a statement, or of a parenthesis.
func (r *sqlReader) begins(level *sqlLevel, word string) bool {
	top := len(r.levels) == 1
	if top {
		r.started = true
	}
	switch word {
	case "SELECT", "VALUES":
		level.verb, level.with, level.expect, level.list = word, false, noTable, false
		return true
	case "WITH":
		if level.call && level.expect == noTable && !top {
			return false
		}
		level.with, level.expect, level.list = true, definedName, false
		return true
	case "INSERT", "DELETE", "MERGE", "UPDATE", "REPLACE":
		if !top && r.peekIs('(') {
			return false
		}
		r.reads = false
		level.verb, level.with = word, false
		level.expect, level.list = noTable, word == "UPDATE"
		if word == "UPDATE" {
			level.expect = writtenTable
		}
		return true
	}
	if !top || level.with {
		return false
	}
	r.reads = false
	level.verb = "other"
	switch word {
	case "CREATE", "DROP":
		level.verb = word
	case "TRUNCATE", "ANALYZE", "VACUUM", "DESCRIBE", "DESC", "COPY", "LOCK", "REINDEX", "OPTIMIZE", "TABLE", "REPAIR":
		level.expect, level.list = writtenTable, true
	case "EXPLAIN":
		level.verb = ""
	}
	return true
}

// other handles a word that is a name, or a keyword without meaning here.
func (r *sqlReader) other(level *sqlLevel, word string) {
	switch word {
	case "ONLY", "LATERAL", "IF", "NOT", "EXISTS", "OR", "IGNORE", "ABORT", "FAIL", "ROLLBACK", "LOW_PRIORITY",
		"DELAYED", "HIGH_PRIORITY", "QUICK", "CONCURRENTLY", "TEMPORARY", "TEMP", "RECURSIVE", "TABLE", "FULL", "VERBOSE":
		if word == "RECURSIVE" && level.expect == definedName {
			level.recurse = true
			return
		}
		if level.expect != noTable && level.expect != definedName {
			return
		}
	}
	r.name(level)
}

// name handles a name where a table's, or a CTE's, may stand.
func (r *sqlReader) name(level *sqlLevel) {
	switch level.expect {
	case definedName:
		if r.cur.kind == stringToken {
			return
		}
		r.ctes = append(r.ctes, cte{name: r.unquoted(r.cur), visible: level.recurse})
		level.expect = noTable
		level.defines = len(r.ctes)
	case readTable, writtenTable:
		expect := level.expect
		level.expect = noTable
		name, qualified := r.unquoted(r.cur), false
		for r.peekIs('.') {
			r.next()
			part := r.peek()
			if part.kind != wordToken && part.kind != quotedToken && part.kind != stringToken {
				return
			}
			r.next()
			r.cur = part
			name, qualified = name+"."+r.unquoted(part), true
		}
		if expect == readTable && r.peekIs('(') || !qualified && r.isCTE(name) {
			return
		}
		for _, known := range r.tables {
			if known == name {
				return
			}
		}
		r.tables = append(r.tables, name)
	}
}

func (r *sqlReader) isCTE(name string) bool {
	for i := len(r.ctes) - 1; i >= 0; i-- {
		if r.ctes[i].name == name && r.ctes[i].visible {
			return true
		}
	}
	return false
}

func (r *sqlReader) punctuation(level *sqlLevel, c byte) {
	switch c {
	case '(':
		inner := sqlLevel{ctes: len(r.ctes), call: r.prev.kind == wordToken || r.prev.kind == quotedToken}
		if level.expect == readTable {
			inner.expect, inner.list, inner.call = readTable, true, false
		}
		if level.with && level.defines > 0 && r.definesCTE() {
			inner.defines, inner.call = level.defines, false
			level.defines = 0
		}
		if level.expect != definedName {
			level.expect = noTable
		}
		r.levels = append(r.levels, inner)
	case ')':
		if len(r.levels) == 1 {
			return
		}
		if level.defines > 0 {
			// the CTEs inside go out of sight, the one it defines comes into it
			r.ctes = r.ctes[:max(level.ctes, level.defines)]
			r.ctes[level.defines-1].visible = true
		} else {
			r.ctes = r.ctes[:level.ctes]
		}
		r.levels = r.levels[:len(r.levels)-1]
	case ',':
		if level.with && level.defines == 0 {
			level.expect = definedName
		} else if level.list {
			level.expect = readTable
		} else {
			level.expect = noTable
		}
	case ';':
		r.levels = append(r.levels[:0], sqlLevel{})
		r.ctes = r.ctes[:0]
	default:
		if level.expect != definedName {
			level.expect = noTable
		}
	}
}

// definesCTE reports whether the parenthesis at hand is a CTE's definition,
// behind AS, and not its list of columns.
func (r *sqlReader) definesCTE() bool {
	return r.prevIs("AS") || r.prevIs("MATERIALIZED")
}

// isDistinctFrom reports whether FROM at hand is that of IS DISTINCT FROM.
func (r *sqlReader) isDistinctFrom() bool {
	if !r.prevIs("DISTINCT") {
		return false
	}
	before := strings.TrimRight(r.src[:r.prev.start], " \t\r\n")
	return len(before) >= 2 && strings.EqualFold(before[len(before)-2:], "IS") ||
		len(before) >= 3 && strings.EqualFold(before[len(before)-3:], "NOT")
}

// peek is the token after the one at hand.
func (r *sqlReader) peek() token {
	ahead := r.lexer
	return ahead.next()
}

func (r *sqlReader) peekIs(c byte) bool {
	t := r.peek()
	return t.kind == otherToken && r.src[t.start] == c
}

func (r *sqlReader) peekWordIs(word string) bool {
	t := r.peek()
	return t.kind == wordToken && strings.EqualFold(r.text(t), word)
}

// unquoted is a name as it compares: folded, without its quotes.
func (r *sqlReader) unquoted(t token) string {
	text := r.text(t)
	if t.kind == wordToken || len(text) < 2 {
		return foldTable(text)
	}
	quote := text[len(text)-1:]
	return foldTable(strings.ReplaceAll(text[1:len(text)-1], quote+quote, quote))
}

const maxKeyword = 16

// keyword is a word in upper case, or "" if it is too long for a keyword.
func keyword(word string, buffer *[maxKeyword]byte) string {
	if len(word) > maxKeyword {
		return ""
	}
	for i := 0; i < len(word); i++ {
		c := word[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buffer[i] = c
	}
	return string(buffer[:len(word)])
}
