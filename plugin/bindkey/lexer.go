package bindkey

import (
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// SQL is read token by token, exactly as far as tells names from strings and
// comments in the dialects that GORM speaks. docs/design.md says why no
// library does it: their lexers read a backslash, a backtick or a dollar sign
// alike in all dialects, and a name hidden in a misread string is a statement
// sent to the wrong database.

// A lexicon is the dialect that a text is written in.
type lexicon uint8

const (
	standardSQL lexicon = iota // also of a dialect that is not known
	mysqlSQL                   // and MariaDB
	postgresSQL
	sqliteSQL
	transactSQL // SQL Server
)

// lexiconOf is the lexicon of a dialect, by the name of its dialector.
func lexiconOf(dialect string) lexicon {
	switch dialect {
	case "mysql":
		return mysqlSQL
	case "postgres":
		return postgresSQL
	case "sqlite":
		return sqliteSQL
	case "sqlserver":
		return transactSQL
	default:
		return standardSQL
	}
}

// ambiguous reports whether dialects may read a text differently: where its
// strings, comments and names end.
func ambiguous(text string) bool {
	return strings.ContainsAny(text, "\\#$[") || strings.Contains(text, "--") || strings.Contains(text, "/*")
}

type tokenKind uint8

const (
	endToken    tokenKind = iota
	wordToken             // a keyword or an unquoted name
	quotedToken           // a name in double quotes, backticks or brackets
	stringToken           // a string in single quotes or dollar quotes
	otherToken            // a number, a parameter, or one byte of an operator or of punctuation
)

// A token is a piece of SQL: text is src[start:end], quotes included.
type token struct {
	kind       tokenKind
	key        keyword // of a word
	start, end int
}

// A lexer reads SQL in linear time and without allocating. Text that ends in
// the middle of a string or comment ends there.
type lexer struct {
	src     string
	pos     int
	dialect lexicon
	hint    bool // inside /*! … */, which is code: MySQL
}

// scan is the next token, after white space and comments.
func (l *lexer) scan() token {
	for l.pos < len(l.src) {
		start := l.pos
		switch c := l.src[l.pos]; {
		case bytesOf[c] == letterByte, c == '#' && l.dialect == transactSQL:
			return l.scanWord(start)
		case bytesOf[c] == blankByte:
			l.pos++
		case bytesOf[c] == digitByte:
			return l.scanNumber(start)
		case c == '-' && l.at(1) == '-' && (l.dialect != mysqlSQL || bytesOf[l.at(2)] == blankByte),
			c == '#' && l.dialect == mysqlSQL:
			l.skipLine()
		case c == '/' && l.at(1) == '*':
			l.skipBlock()
		case c == '*' && l.at(1) == '/' && l.hint:
			l.pos += 2
			l.hint = false
		case c == '\'':
			l.skipQuoted('\'', l.dialect == mysqlSQL)
			return token{kind: stringToken, start: start, end: l.pos}
		case c == '"':
			l.skipQuoted('"', l.dialect == mysqlSQL)
			return token{kind: quotedToken, start: start, end: l.pos}
		case c == '`':
			l.skipQuoted('`', false)
			return token{kind: quotedToken, start: start, end: l.pos}
		case c == '[' && (l.dialect == sqliteSQL || l.dialect == transactSQL):
			l.skipQuoted(']', false)
			return token{kind: quotedToken, start: start, end: l.pos}
		case c == '$' && l.dialect == postgresSQL && l.skipDollar():
			return token{kind: stringToken, start: start, end: l.pos}
		case c == '$' || c == '@' || c == ':':
			l.pos++
			l.skipWord() // a parameter or variable; or the type of a cast, a::text
			return token{kind: otherToken, start: start, end: l.pos}
		default:
			if length, isName := neutral.Mark(l.src[start:]); length > 0 {
				l.pos += length
				if isName {
					return token{kind: quotedToken, start: start, end: l.pos}
				}
				return token{kind: otherToken, start: start, end: l.pos} // a variable
			}
			l.pos++
			return token{kind: otherToken, start: start, end: l.pos}
		}
	}
	return token{kind: endToken, start: len(l.src), end: len(l.src)}
}

func (l *lexer) scanWord(start int) token {
	l.pos++
	l.skipWord()
	if l.pos == start+1 && l.dialect == postgresSQL && l.src[start]|' ' == 'e' && l.at(0) == '\'' {
		l.skipQuoted('\'', true) // E'…' has backslash escapes
		return token{kind: stringToken, start: start, end: l.pos}
	}
	return token{kind: wordToken, key: keywordOf(l.src[start:l.pos]), start: start, end: l.pos}
}

// scanNumber leaves alone what is written against the number, as in 1FROM, but
// in MySQL that makes a name: 2024_logs.
func (l *lexer) scanNumber(start int) token {
	l.skipDigits()
	if l.dialect == mysqlSQL && bytesOf[l.at(0)] == letterByte {
		l.skipWord()
		return token{kind: wordToken, start: start, end: l.pos}
	}
	if l.at(0) == '.' {
		l.pos++
		l.skipDigits()
	}
	switch l.at(0) | ' ' {
	case 'e':
		if next := l.at(1); bytesOf[next] == digitByte || (next == '+' || next == '-') && bytesOf[l.at(2)] == digitByte {
			l.pos += 2
			l.skipDigits()
		}
	case 'x':
		if l.pos == start+1 && l.src[start] == '0' {
			l.skipWord()
		}
	}
	return token{kind: otherToken, start: start, end: l.pos}
}

// at is the byte ahead, or 0 at the end.
func (l *lexer) at(ahead int) byte {
	if l.pos+ahead < len(l.src) {
		return l.src[l.pos+ahead]
	}
	return 0
}

func (l *lexer) skipWord() {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if of := bytesOf[c]; of != letterByte && of != digitByte && c != '$' && (l.dialect != transactSQL || c != '#' && c != '@') {
			return
		}
		l.pos++
	}
}

func (l *lexer) skipDigits() {
	for bytesOf[l.at(0)] == digitByte {
		l.pos++
	}
}

func (l *lexer) skipLine() {
	ends := "\n"
	if l.dialect == postgresSQL {
		ends = "\r\n"
	}
	if end := strings.IndexAny(l.src[l.pos:], ends); end >= 0 {
		l.pos += end
	} else {
		l.pos = len(l.src)
	}
}

// skipBlock skips a comment: up to the first end of one, or, where they nest,
// up to its own.
func (l *lexer) skipBlock() {
	if l.dialect == mysqlSQL {
		switch { // code for MySQL or MariaDB, or for versions from a number on
		case l.at(2) == '!':
			l.pos += len("/*!")
			l.skipDigits()
			l.hint = true
			return
		case l.at(2) == 'M' && l.at(3) == '!':
			l.pos += len("/*M!")
			l.skipDigits()
			l.hint = true
			return
		}
	}
	nest := l.dialect == postgresSQL || l.dialect == transactSQL
	l.pos += len("/*")
	for depth := 1; l.pos < len(l.src); l.pos++ {
		switch {
		case l.src[l.pos] == '*' && l.at(1) == '/':
			l.pos++
			depth--
		case l.src[l.pos] == '/' && l.at(1) == '*' && nest:
			l.pos++
			depth++
		}
		if depth == 0 {
			l.pos++
			return
		}
	}
}

// skipQuoted skips to behind the closing quote; a doubled one does not close.
func (l *lexer) skipQuoted(quote byte, backslash bool) {
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '\\' && backslash:
			l.pos++
		case c == quote && l.at(1) == quote && !(quote == ']' && l.dialect == sqliteSQL):
			l.pos++
		case c == quote:
			l.pos++
			return
		}
	}
	l.pos = len(l.src)
}

// skipDollar skips a dollar-quoted string, $$…$$ or $tag$…$tag$, and reports
// whether there was one: $1 is a parameter.
func (l *lexer) skipDollar() bool {
	end := l.pos + 1
	for end < len(l.src) && (bytesOf[l.src[end]] == letterByte || bytesOf[l.src[end]] == digitByte && end > l.pos+1) {
		end++
	}
	if end >= len(l.src) || l.src[end] != '$' {
		return false
	}
	tag, body := l.src[l.pos:end+1], l.src[end+1:]
	if closing := strings.Index(body, tag); closing >= 0 {
		l.pos = end + 1 + closing + len(tag)
	} else {
		l.pos = len(l.src)
	}
	return true
}

type byteClass uint8

const (
	signByte byteClass = iota
	blankByte
	letterByte // of a name, its first byte included
	digitByte
)

var bytesOf = func() (class [256]byteClass) {
	for _, c := range " \t\n\r\f\v" {
		class[c] = blankByte
	}
	for c := range class {
		switch {
		case '0' <= c && c <= '9':
			class[c] = digitByte
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c >= 0x80:
			class[c] = letterByte
		}
	}
	return class
}()

// A keyword is a word that says where a table's name stands, or what the text
// does. Words that mean the same here share one.
type keyword uint8

const (
	noKeyword keyword = iota

	// Never a table's name, unless quoted.
	kwAs
	kwFrom
	kwInto
	kwJoin
	kwOn
	kwSelect
	kwSet
	kwTable
	kwUsing
	kwValues
	kwWhere
	kwWith
	lastReserved

	kwAfter
	kwAlter
	kwAnalyze
	kwApply
	kwAttach // and DETACH
	kwBegin  // and other words before a statement inside one: DO, THEN, …
	kwColumn
	kwColumns // and other words that SHOW … FROM a table
	kwCopy
	kwCreate
	kwCross // and OUTER, before APPLY
	kwDelete
	kwDescribe // and REINDEX
	kwDistinct
	kwDrop
	kwDuplicate
	kwEffect // a function that changes or locks something
	kwExec
	kwExplain
	kwFor
	kwGrant // and REVOKE, DENY
	kwGroup
	kwHint     // a table hint of SQL Server
	kwHintLock // one that locks
	kwIdentityInsert
	kwIf // and NOT, EXISTS, CONCURRENTLY, …: words between TABLE and its name
	kwIn
	kwIndex // and other objects that are ON a table
	kwInherits
	kwInsert
	kwKey
	kwLateral
	kwLike
	kwLimit // and other words that end a list of tables
	kwLock  // and CLUSTER
	kwLocked
	kwMaterialized
	kwMerge
	kwNext
	kwNo
	kwOf
	kwOnly
	kwOr
	kwOrder
	kwOutfile
	kwOutput
	kwPartition
	kwPriority // and IGNORE, QUICK, …: words between a verb and its table
	kwRecursive
	kwRename
	kwReplace
	kwRows
	kwRule
	kwShare
	kwShow
	kwSkip
	kwReferences
	kwStatistics
	kwStatus
	kwSystemTime
	kwTableInfo // and other PRAGMA of a table
	kwTemporary
	kwThen
	kwTo
	kwTop
	kwTruncate
	kwUpdate
	kwVacuum
	kwValue
	kwView
)

const longestKeyword = len("FOREIGN_KEY_CHECK")

// keywordOf is the keyword that a word is, in any case. (The switch compares
// without making a string of the buffer.)
func keywordOf(word string) keyword {
	if len(word) > longestKeyword {
		if isAdvisoryLock(word) {
			return kwEffect
		}
		return noKeyword
	}
	var upper [longestKeyword]byte
	for i := 0; i < len(word); i++ {
		c := word[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	switch string(upper[:len(word)]) {
	case "AFTER", "BEFORE":
		return kwAfter
	case "ALTER":
		return kwAlter
	case "ANALYZE", "ANALYSE":
		return kwAnalyze
	case "APPLY":
		return kwApply
	case "AS":
		return kwAs
	case "ATTACH", "DETACH":
		return kwAttach
	case "BEGIN", "ATOMIC", "ELSE", "LOOP", "REPEAT", "DO", "ALSO", "INSTEAD", "ROW":
		return kwBegin
	case "COLUMN":
		return kwColumn
	case "COLUMNS", "FIELDS", "INDEXES", "KEYS":
		return kwColumns
	case "COPY":
		return kwCopy
	case "CREATE":
		return kwCreate
	case "CROSS", "OUTER":
		return kwCross
	case "DELETE":
		return kwDelete
	case "DESCRIBE", "DESC", "REINDEX":
		return kwDescribe
	case "DISTINCT":
		return kwDistinct
	case "DROP":
		return kwDrop
	case "DUPLICATE":
		return kwDuplicate
	case "NEXTVAL", "SETVAL", "GET_LOCK", "RELEASE_LOCK", "PG_NOTIFY":
		return kwEffect
	case "EXEC", "EXECUTE":
		return kwExec
	case "EXPLAIN":
		return kwExplain
	case "FOR":
		return kwFor
	case "FROM":
		return kwFrom
	case "GRANT", "REVOKE", "DENY":
		return kwGrant
	case "GROUP":
		return kwGroup
	case "NOLOCK", "READUNCOMMITTED", "READCOMMITTED", "READPAST", "ROWLOCK", "PAGLOCK", "NOWAIT":
		return kwHint
	case "UPDLOCK", "XLOCK", "TABLOCK", "TABLOCKX", "HOLDLOCK", "SERIALIZABLE", "REPEATABLEREAD":
		return kwHintLock
	case "IDENTITY_INSERT":
		return kwIdentityInsert
	case "IF", "NOT", "EXISTS", "CONCURRENTLY", "VERBOSE", "FULL", "FREEZE", "LOCAL", "TABLES":
		return kwIf
	case "IN":
		return kwIn
	case "INDEX", "TRIGGER", "POLICY", "CONSTRAINT":
		return kwIndex
	case "INHERITS":
		return kwInherits
	case "INSERT":
		return kwInsert
	case "INTO":
		return kwInto
	case "JOIN", "STRAIGHT_JOIN":
		return kwJoin
	case "KEY":
		return kwKey
	case "LATERAL":
		return kwLateral
	case "LIKE":
		return kwLike
	case "HAVING", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "WINDOW", "RETURNING", "WHEN":
		return kwLimit
	case "LOCK", "CLUSTER":
		return kwLock
	case "LOCKED":
		return kwLocked
	case "MATERIALIZED":
		return kwMaterialized
	case "MERGE":
		return kwMerge
	case "NEXT":
		return kwNext
	case "NO":
		return kwNo
	case "OF":
		return kwOf
	case "ON":
		return kwOn
	case "ONLY":
		return kwOnly
	case "OR":
		return kwOr
	case "ORDER":
		return kwOrder
	case "OUTFILE", "DUMPFILE":
		return kwOutfile
	case "OUTPUT":
		return kwOutput
	case "PARTITION":
		return kwPartition
	case "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK":
		return kwPriority
	case "RECURSIVE":
		return kwRecursive
	case "REFERENCES":
		return kwReferences
	case "RENAME":
		return kwRename
	case "REPLACE":
		return kwReplace
	case "ROWS":
		return kwRows
	case "RULE":
		return kwRule
	case "SELECT":
		return kwSelect
	case "SET":
		return kwSet
	case "SHARE":
		return kwShare
	case "SHOW":
		return kwShow
	case "SKIP":
		return kwSkip
	case "STATISTICS":
		return kwStatistics
	case "STATUS":
		return kwStatus
	case "SYSTEM_TIME":
		return kwSystemTime
	case "TABLE":
		return kwTable
	case "TABLE_INFO", "TABLE_XINFO", "INDEX_LIST", "FOREIGN_KEY_LIST", "FOREIGN_KEY_CHECK":
		return kwTableInfo
	case "TEMP", "TEMPORARY", "UNLOGGED":
		return kwTemporary
	case "THEN":
		return kwThen
	case "TO":
		return kwTo
	case "TOP":
		return kwTop
	case "TRUNCATE":
		return kwTruncate
	case "UPDATE":
		return kwUpdate
	case "USING":
		return kwUsing
	case "VACUUM":
		return kwVacuum
	case "VALUE":
		return kwValue
	case "VALUES":
		return kwValues
	case "VIEW":
		return kwView
	case "WHERE":
		return kwWhere
	case "WITH":
		return kwWith
	}
	if isAdvisoryLock(word) {
		return kwEffect
	}
	return noKeyword
}

// isAdvisoryLock knows PostgreSQL's pg_advisory_lock, pg_try_advisory_xact_lock
// and the other functions of that family.
func isAdvisoryLock(word string) bool {
	return hasPrefixFold(word, "pg_advisory_") || hasPrefixFold(word, "pg_try_advisory_")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
