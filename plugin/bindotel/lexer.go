package bindotel

import "strings"

// SQL is read as far as tells names from literals, since a span must not have a value.
// Databases, and their settings, differ in where a string or a comment ends. So where
// that is not certain, reading fails, and the text is left out.

type tokenKind uint8

const (
	endToken     tokenKind = iota
	wordToken              // a keyword or an unquoted name
	nameToken              // a quoted name
	literalToken           // a string or a number
	signToken              // an operator, punctuation or a placeholder
)

type token struct {
	kind       tokenKind
	start, end int
	spaced     bool // white space or a comment stands before it
}

type lexer struct {
	src    string
	pos    int
	system string // as in db.system.name
	failed bool
}

func (l *lexer) mysql() bool { return l.system == "mysql" || l.system == "mariadb" }

// known reports whether the rules of the system are known here.
func (l *lexer) known() bool {
	return l.mysql() || l.system == postgresql || l.system == sqlite || l.system == sqlServer
}

func (l *lexer) at(ahead int) byte {
	if l.pos+ahead < len(l.src) {
		return l.src[l.pos+ahead]
	}
	return 0
}

// next is the next token, or the end where reading fails.
func (l *lexer) next() (t token) {
	t.spaced = l.skipBlanks()
	t.start = l.pos
	if l.pos < len(l.src) && !l.failed {
		t.kind = l.scan(l.src[l.pos])
	}
	if l.failed {
		t.kind = endToken
	}
	t.end = l.pos
	return t
}

func (l *lexer) scan(c byte) tokenKind {
	switch {
	case isLetter(c):
		l.skipWord()
		if c := l.at(0); (c == '\'' || c == '"') && !l.known() {
			l.failed = true // q'[…]'
		}
		return wordToken
	case isDigit(c):
		l.skipNumber()
		return literalToken
	case c == '\'':
		l.skipQuoted('\'', l.system != sqlite && l.system != sqlServer)
		return literalToken
	case c == '"' && (l.system == postgresql || l.system == sqlServer):
		l.skipQuoted('"', false)
		return nameToken
	case c == '"': // settings decide whether it is a string
		l.skipQuoted('"', l.system != sqlite)
		return literalToken
	case c == '`':
		l.skipQuoted('`', !l.known())
		l.failed = l.failed || l.system == postgresql || l.system == sqlServer
		return nameToken
	case c == '[' && (l.system == sqlite || l.system == sqlServer):
		l.skipQuoted(']', false)
		return nameToken
	case c == '$' && l.system == sqlServer && isDigit(l.at(1)): // money: its placeholders are @p1
		l.pos++
		l.skipNumber()
		return literalToken
	case c == '$' && !isDigit(l.at(1)):
		return l.scanDollar()
	case c == '$' || c == '@' || c == ':':
		for l.pos++; isDigit(l.at(0)); l.pos++ { // a placeholder: $1, @p1, :1
		}
		return signToken
	case c == '#' && !l.known(), c == 0:
		l.failed = true
	}
	l.pos++
	return signToken
}

// scanDollar is a string between dollar signs, or one of them.
func (l *lexer) scanDollar() tokenKind {
	if l.system != postgresql {
		l.failed = !l.known()
		l.pos++
		return signToken
	}
	end := l.pos + 1
	for end < len(l.src) && (isLetter(l.src[end]) || isDigit(l.src[end])) {
		end++
	}
	if end == len(l.src) || l.src[end] != '$' {
		l.pos++
		return signToken
	}
	tag, body := l.src[l.pos:end+1], l.src[end+1:]
	closing := strings.Index(body, tag)
	l.failed = closing < 0
	l.pos = end + 1 + max(closing, 0) + len(tag)
	return literalToken
}

// skipBlanks skips white space and comments, and reports whether there were any.
func (l *lexer) skipBlanks() bool {
	start := l.pos
	for l.pos < len(l.src) && !l.failed {
		switch c := l.src[l.pos]; {
		case c == ' ' || '\t' <= c && c <= '\r':
			l.pos++
		case c == '-' && l.at(1) == '-' && (!l.mysql() || l.at(2) <= ' '), c == '#' && l.mysql():
			l.skipLine()
		case c == '/' && l.at(1) == '*':
			l.skipBlock()
		default:
			return l.pos > start
		}
	}
	return l.pos > start
}

func (l *lexer) skipLine() {
	line := l.src[l.pos:]
	if end := strings.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	l.failed = strings.Contains(strings.TrimSuffix(line, "\r"), "\r") // which ends it in some
	l.pos += len(line)
}

func (l *lexer) skipBlock() {
	body := l.src[l.pos+2:]
	end := strings.Index(body, "*/")
	if end < 0 || strings.Contains(body[:end], "/*") || l.mysql() && (strings.HasPrefix(body, "!") || strings.HasPrefix(body, "M!")) {
		l.failed = true // open, nested in some, or code
		return
	}
	l.pos += 2 + end + 2
}

// skipQuoted skips to behind the closing quote, which doubled closes nothing. In unsure
// systems, a backslash may be an escape.
func (l *lexer) skipQuoted(quote byte, unsure bool) {
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '\\' && unsure:
			l.failed = true
			return
		case c == quote && l.at(1) == quote && !(quote == ']' && l.system == sqlite):
			l.pos++
		case c == quote:
			l.pos++
			return
		}
	}
	l.failed = true
}

// skipNumber skips what begins with a digit: 1.5e-3, 0x1F, 2024_logs.
func (l *lexer) skipNumber() {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if exponent := c|' ' == 'e' && (l.at(1) == '+' || l.at(1) == '-') && isDigit(l.at(2)); exponent {
			l.pos++
		} else if !isLetter(c) && !isDigit(c) && c != '.' {
			return
		}
		l.pos++
	}
}

func (l *lexer) skipWord() {
	for c := l.at(0); isLetter(c) || isDigit(c) || c == '$'; c = l.at(0) {
		l.pos++
	}
}

func isLetter(c byte) bool { return 'a' <= c|' ' && c|' ' <= 'z' || c == '_' || c >= 0x80 }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
