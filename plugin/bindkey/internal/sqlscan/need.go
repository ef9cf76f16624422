package sqlscan

import (
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// A Need is what a text has that makes the guard read or render it.
type Need uint8

const (
	NeedTables  Need = 1 << iota // it may name a table that routing has not seen
	NeedMarks                    // it is neutral
	NeedControl                  // it may have Control or Commits
)

func needOf(text string, d Dialect) (need Need) {
	if nested(text) {
		need |= NeedTables
	}
	if neutral.Is(text) {
		need |= NeedMarks
	}
	if mayControl(text, d) {
		need |= NeedControl
	}
	return need
}

// mayControl reports whether a word that may control transactions stands first in
// the text, or behind something that may be the end of a statement.
func mayControl(text string, d Dialect) bool {
	l := lexer{src: text, dialect: d}
	first := l.scan()
	for first.kind == otherToken {
		if length, _ := neutral.Mark(text[first.start:]); length == 0 && text[first.start] != ';' {
			break
		}
		first = l.scan()
	}
	if first.kind == wordToken && leadOf(text[first.start:first.end]).concerns(d) {
		return true
	}
	for {
		end := strings.IndexByte(text[l.pos:], ';')
		if end < 0 {
			return false
		}
		l.pos += end + 1
		for bytesOf[l.at(0)] == blankByte {
			l.pos++
		}
		switch c := l.at(0); {
		case bytesOf[c] == letterByte:
			start := l.pos
			l.skipWord()
			if leadOf(text[start:l.pos]).concerns(d) {
				return true
			}
		case c == '/', c == '-', c == '#', c == '*':
			return true // a comment may stand before a word
		default:
			if length, _ := neutral.Mark(text[l.pos:]); length > 0 {
				return true
			}
		}
	}
}

// nested reports whether a text may name a table that routing has not seen: it
// has a SELECT inside, a JOIN, a second FROM, IN without parentheses, or a second
// statement.
func nested(text string) bool {
	froms := 0
	for i := 1; i+1 < len(text); i++ {
		if !leads[text[i]] {
			continue
		}
		switch text[i] | ' ' {
		case 's':
			if is(text, i, "select") {
				return true
			}
		case 'j':
			if is(text, i, "join") {
				return true
			}
		case 'f':
			if is(text, i, "from") {
				if froms++; froms > 1 {
					return true
				}
			}
		case 'i':
			if is(text, i, "in") && !inWord(text[i-1]) && !inWord(text[i+2]) && !strings.HasPrefix(strings.TrimLeft(text[i+2:], " \t\r\n"), "(") {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// leads are the bytes that nested looks at: a semicolon, and the first letters of
// its words.
var leads = func() (leads [256]bool) {
	for _, lead := range []byte(";sSjJfFiI") {
		leads[lead] = true
	}
	return leads
}()

// inWord reports whether a byte continues a word. What else stands beside IN may be a
// blank, a quote or a comment, before a table's name.
func inWord(c byte) bool { return bytesOf[c] == letterByte || bytesOf[c] == digitByte }

// is reports whether a word stands in a text, in any case. Another letter before
// or behind it only means that the text is read for nothing.
func is(text string, at int, word string) bool {
	return at+len(word) < len(text) && strings.EqualFold(text[at:at+len(word)], word)
}
