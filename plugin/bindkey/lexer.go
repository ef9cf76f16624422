package bindkey

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
	otherToken            // a number, a parameter, an operator, punctuation: one byte of it
)

// A token is a piece of SQL: text is src[start:end], quotes included.
type token struct {
	kind       tokenKind
	start, end int
}

// A lexer reads SQL in linear time and without allocating. Text that ends in
// the middle of a string or comment ends there.
type lexer struct {
	src     string
	pos     int
	dialect lexicon
}

// A lexicon is what differs between dialects in what is a string, a name or a
// comment.
type lexicon struct {
	backslash bool // escapes the next byte in every string: MySQL
	hash      bool // begins a comment: MySQL
	dollar    bool // begins a dollar-quoted string: PostgreSQL
	nested    bool // block comments nest: PostgreSQL, SQL Server
	brackets  bool // quote a name: SQLite, SQL Server
	escapes   bool // E'…' has backslash escapes: PostgreSQL
	hints     bool // /*! … */ is code, not a comment: MySQL
}

// lexiconOf is the lexicon of a dialect, by the name of its dialector. One
// that is not known reads as standard SQL.
func lexiconOf(dialect string) lexicon {
	switch dialect {
	case "mysql":
		return lexicon{backslash: true, hash: true, hints: true}
	case "postgres":
		return lexicon{dollar: true, nested: true, escapes: true}
	case "sqlite":
		return lexicon{brackets: true}
	case "sqlserver":
		return lexicon{brackets: true, nested: true}
	default:
		return lexicon{}
	}
}

// next is the next token, after white space and comments.
func (l *lexer) next() token {
	for l.pos < len(l.src) {
		start := l.pos
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			l.pos++
		case c == '-' && l.at(1) == '-', c == '#' && l.dialect.hash:
			l.skipLine()
		case c == '/' && l.at(1) == '*':
			l.skipBlock()
		case c == '*' && l.at(1) == '/' && l.dialect.hints:
			l.pos += 2 // the end of a hint
		case c == '\'':
			l.skipQuoted('\'', l.dialect.backslash)
			return token{stringToken, start, l.pos}
		case c == '"':
			l.skipQuoted('"', l.dialect.backslash)
			return token{quotedToken, start, l.pos}
		case c == '`':
			l.skipQuoted('`', false)
			return token{quotedToken, start, l.pos}
		case c == '[' && l.dialect.brackets:
			l.skipQuoted(']', false)
			return token{quotedToken, start, l.pos}
		case c == '$' && l.dialect.dollar && l.skipDollar():
			return token{stringToken, start, l.pos}
		case isWordStart(c):
			for l.pos < len(l.src) && isWordPart(l.src[l.pos]) {
				l.pos++
			}
			if l.dialect.escapes && l.pos == start+1 && (c == 'e' || c == 'E') && l.at(0) == '\'' {
				l.skipQuoted('\'', true)
				return token{stringToken, start, l.pos}
			}
			return token{wordToken, start, l.pos}
		case '0' <= c && c <= '9':
			for l.pos < len(l.src) && isWordPart(l.src[l.pos]) {
				l.pos++
			}
			return token{otherToken, start, l.pos}
		default:
			l.pos++
			return token{otherToken, start, l.pos}
		}
	}
	return token{endToken, len(l.src), len(l.src)}
}

// at is the byte ahead, or 0 at the end.
func (l *lexer) at(ahead int) byte {
	if l.pos+ahead < len(l.src) {
		return l.src[l.pos+ahead]
	}
	return 0
}

func (l *lexer) skipLine() {
	for l.pos < len(l.src) && l.src[l.pos] != '\n' {
		l.pos++
	}
}

func (l *lexer) skipBlock() {
	if l.dialect.hints && l.at(2) == '!' {
		for l.pos += 3; '0' <= l.at(0) && l.at(0) <= '9'; {
			l.pos++
		}
		return
	}
	depth := 0
	for l.pos < len(l.src) {
		switch {
		case l.at(0) == '/' && l.at(1) == '*' && (depth == 0 || l.dialect.nested):
			depth++
			l.pos += 2
		case l.at(0) == '*' && l.at(1) == '/':
			l.pos += 2
			if depth--; depth == 0 {
				return
			}
		default:
			l.pos++
		}
	}
}

// skipQuoted skips to behind the closing quote; a doubled one does not close.
func (l *lexer) skipQuoted(quote byte, backslash bool) {
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '\\' && backslash:
			l.pos++
		case c == quote && l.at(1) == quote:
			l.pos++
		case c == quote:
			l.pos++
			return
		}
	}
	l.pos = len(l.src)
}

// skipDollar skips a dollar-quoted string, $$…$$ or $tag$…$tag$, and reports
// whether there was one. A tag that has no end is no quote ($1 is a parameter).
func (l *lexer) skipDollar() bool {
	end := l.pos + 1
	for end < len(l.src) && isWordPart(l.src[end]) && l.src[end] != '$' {
		end++
	}
	if end >= len(l.src) || l.src[end] != '$' || end > l.pos+1 && !isWordStart(l.src[l.pos+1]) {
		return false
	}
	tag := l.src[l.pos : end+1]
	for l.pos = end + 1; l.pos < len(l.src); l.pos++ {
		if l.src[l.pos] == '$' && len(l.src)-l.pos >= len(tag) && l.src[l.pos:l.pos+len(tag)] == tag {
			l.pos += len(tag)
			return true
		}
	}
	return true
}

func isWordStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func isWordPart(c byte) bool {
	return isWordStart(c) || '0' <= c && c <= '9' || c == '$'
}
