package sqlscan

import (
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// SQL is read token by token, exactly as far as tells names from strings and
// comments in the dialects that GORM speaks. docs/design.md says why no
// library does it: their lexers read a backslash, a backtick or a dollar sign
// alike in all dialects, and a name hidden in a misread string is a statement
// sent to the wrong database.

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
	dialect Dialect
	hint    bool // inside /*! … */, which is code: MySQL
}

const byteOrderMark = "\ufeff"

// scan is the next token, after white space and comments.
func (l *lexer) scan() token {
	if l.pos == 0 && strings.HasPrefix(l.src, byteOrderMark) { // of a file; SQLite skips it
		l.pos = len(byteOrderMark)
	}
	for l.pos < len(l.src) {
		start := l.pos
		switch c := l.src[l.pos]; {
		case bytesOf[c] == letterByte, c == '#' && l.dialect == TransactSQL:
			return l.scanWord(start)
		case bytesOf[c] == blankByte:
			l.pos++
		case bytesOf[c] == digitByte:
			return l.scanNumber(start)
		case c == '-' && l.at(1) == '-' && (l.dialect != MySQL || bytesOf[l.at(2)] == blankByte),
			c == '#' && l.dialect == MySQL:
			l.skipLine()
		case c == '/' && l.at(1) == '*':
			l.skipBlock()
		case c == '*' && l.at(1) == '/' && l.hint:
			l.pos += 2
			l.hint = false
		case c == '\'':
			l.skipQuoted('\'', l.dialect == MySQL)
			return token{kind: stringToken, start: start, end: l.pos}
		case c == '"':
			l.skipQuoted('"', l.dialect == MySQL)
			return token{kind: quotedToken, start: start, end: l.pos}
		case c == '`':
			l.skipQuoted('`', false)
			return token{kind: quotedToken, start: start, end: l.pos}
		case c == '[' && (l.dialect == SQLite || l.dialect == TransactSQL):
			l.skipQuoted(']', false)
			return token{kind: quotedToken, start: start, end: l.pos}
		case c == '$' && l.dialect == Postgres && l.skipDollar():
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
	if l.pos == start+1 && l.dialect == Postgres && l.src[start]|' ' == 'e' && l.at(0) == '\'' {
		l.skipQuoted('\'', true) // E'…' has backslash escapes
		return token{kind: stringToken, start: start, end: l.pos}
	}
	return token{kind: wordToken, key: keywordOf(l.src[start:l.pos]), start: start, end: l.pos}
}

// scanNumber leaves alone what is written against the number, as in 1FROM, but
// in MySQL that makes a name: 2024_logs.
func (l *lexer) scanNumber(start int) token {
	l.skipDigits()
	if l.dialect == MySQL && bytesOf[l.at(0)] == letterByte {
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
		if of := bytesOf[c]; of != letterByte && of != digitByte && c != '$' && (l.dialect != TransactSQL || c != '#' && c != '@') {
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
	if l.dialect == Postgres {
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
	if l.dialect == MySQL {
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
	nest := l.dialect == Postgres || l.dialect == TransactSQL
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
		case c == quote && l.at(1) == quote && !(quote == ']' && l.dialect == SQLite):
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
