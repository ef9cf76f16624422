package sqlscan

import (
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// Transaction control is known by the first words of a statement. What a server
// does inside a statement (CALL, EXECUTE, IF … COMMIT) is not seen: a statement whose
// first word nobody knows is a write, and controls nothing (firstWord, statement.go).

// A lead is a word that begins a statement which controls transactions, commits
// one by itself, or has a body of other statements.
type lead struct {
	word string // in capitals
	does leadKind
}

type leadKind uint8

const (
	leadControls leadKind = 1 << iota
	leadCommits           // in MySQL
	leadBody
)

// longestLead is how long the longest of leadWords is; TestLeadWords holds it.
const longestLead = len("UNINSTALL")

var leadWords = func() map[string]lead {
	words := map[string]lead{}
	for does, text := range map[leadKind]string{
		leadControls:               "COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE SAVE PREPARE XA",
		leadControls | leadCommits: "BEGIN START",
		leadCommits:                "DROP RENAME TRUNCATE GRANT REVOKE SET LOCK UNLOCK BACKUP IF FOR WHILE LOOP REPEAT CASE ANALYZE CHECK OPTIMIZE REPAIR CACHE LOAD FLUSH RESET INSTALL UNINSTALL STOP CHANGE",
		leadCommits | leadBody:     "CREATE ALTER",
		leadBody:                   "DECLARE DO",
	} {
		for _, word := range strings.Fields(text) {
			words[word] = lead{word, does}
		}
	}
	return words
}()

func leadOf(word string) lead {
	if len(word) > longestLead {
		return lead{}
	}
	var upper [longestLead]byte
	for i := 0; i < len(word); i++ {
		c := word[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	return leadWords[string(upper[:len(word)])]
}

// concerns reports whether a statement that begins with a word may have Control
// or Commits.
func (l lead) concerns(d Dialect) bool {
	return l.does&leadControls != 0 || l.does&leadCommits != 0 && d == MySQL
}

// A control is what the statements of a text, so far, do to transactions.
type control struct {
	first      string // Facts.Control
	commits    string // Facts.Commits
	open       int    // transactions that the text has begun and not ended
	unbalanced bool
	fresh      bool // the next word begins a statement
	body       bool // what follows is the body of a routine
}

func (c *control) balanced() bool {
	return c.open == 0 && !c.unbalanced && (c.first == "BEGIN" || c.first == "START TRANSACTION")
}

// begun looks at the first token of a statement, and at the words that belong to
// it. Marks may stand before it.
func (r *reader) begun() {
	if r.cur.kind == otherToken {
		if length, _ := neutral.Mark(r.src[r.cur.start:]); length > 0 || r.isSign(r.cur, ';') {
			return
		}
	}
	r.control.fresh = false
	if r.cur.kind != wordToken || r.cur.key == kwSelect || r.cur.key == kwInsert {
		return
	}
	l := leadOf(r.src[r.cur.start:r.cur.end])
	if l.does == 0 {
		return
	}
	f := following{lexer: r.lexer}
	f.pos, f.hint = r.cur.end, r.dialect == MySQL
	f.next()
	if r.dialect == MySQL && l.word == "SET" && f.is("STATEMENT") { // of MariaDB: SET STATEMENT … FOR …
		for !f.ended() && !f.is("FOR") {
			f.next()
		}
		f.next()
		l = leadOf(f.word)
		f.next()
	}
	for l.does != 0 {
		if r.control.body {
			// A trigger's body is not more than rows written and read.
			r.control.body = !(r.dialect == SQLite && l.word == "END")
			return
		}
		if l.word != "BEGIN" || !f.skipBlock(r.dialect) {
			break
		}
		if r.dialect == Standard {
			r.control.body = true // its END may be that of a transaction elsewhere
			return
		}
		l = leadOf(f.word) // of the first statement in the block
		f.next()
	}
	if l.does&leadBody != 0 && f.hasBody(l.word, r.dialect) {
		r.control.body = true
	}
	if l.does&leadControls != 0 {
		r.control.add(l.word, &f)
	}
	if l.does&leadCommits != 0 && r.dialect == MySQL && r.control.commits == "" {
		r.control.commits = f.commits(l.word)
	}
}

// add adds what a statement does that begins with a word and those that follow.
func (c *control) add(word string, f *following) {
	name, does := f.controlOf(word)
	if name == "" {
		return
	}
	if c.first == "" {
		c.first = name
	}
	switch {
	case does == begins && f.dialect == TransactSQL:
		c.open++
	case does == begins:
		c.open = 1
	case c.open == 0 || does == unbalances:
		c.unbalanced = true
	case does == ends:
		c.open--
	case does == endsAll:
		c.open = 0
	}
}

type controlKind uint8

const (
	marksInside controlKind = iota // a savepoint
	begins
	ends
	endsAll
	unbalances
)

// controlOf is how a statement controls transactions, or "".
func (f *following) controlOf(word string) (name string, does controlKind) {
	switch word {
	case "BEGIN":
		return "BEGIN", begins // and no block: see skipBlock
	case "START":
		if f.is("TRANSACTION") {
			return "START TRANSACTION", begins
		}
	case "COMMIT":
		if !f.is("PREPARED") {
			return word, f.chained(ends)
		}
	case "END":
		if f.dialect != MySQL && f.dialect != TransactSQL && (f.word == "" || f.is("WORK", "TRANSACTION", "AND")) {
			return word, f.chained(ends)
		}
	case "ABORT":
		if f.dialect == Postgres || f.dialect == Standard {
			return word, f.chained(endsAll)
		}
	case "ROLLBACK":
		if f.is("PREPARED") {
			break
		}
		does = f.chained(endsAll) // which skips WORK
		if f.is("TO") {
			return "ROLLBACK TO", marksInside
		}
		if f.dialect == TransactSQL && f.word != "" {
			does = unbalances // to a savepoint, or the whole transaction of that name
		}
		return word, does
	case "SAVEPOINT", "RELEASE":
		return word, marksInside
	case "SAVE":
		if f.is("TRAN", "TRANSACTION") {
			return "SAVE TRANSACTION", marksInside
		}
	case "PREPARE":
		if f.is("TRANSACTION") {
			return "PREPARE TRANSACTION", unbalances
		}
	case "XA":
		if f.dialect == MySQL && f.is("START", "BEGIN", "END", "PREPARE") {
			return "XA " + strings.ToUpper(f.word), unbalances
		}
	}
	return "", 0
}

// A following is the words that follow the first of a statement, one by one.
type following struct {
	lexer
	token token
	word  string // "" for what is no word, and at the end
}

func (f *following) next() {
	f.token, f.word = f.scan(), ""
	if f.token.kind == wordToken {
		f.word = f.src[f.token.start:f.token.end]
	}
}

func (f *following) is(words ...string) bool {
	for _, word := range words {
		if strings.EqualFold(f.word, word) {
			return true
		}
	}
	return false
}

func (f *following) skip(words ...string) {
	for f.is(words...) {
		f.next()
	}
}

func (f *following) ended() bool {
	return f.token.kind == endToken || f.token.kind == otherToken && f.src[f.token.start] == ';'
}

// chained is what ends a transaction does, unless another begins with it: AND
// CHAIN.
func (f *following) chained(does controlKind) controlKind {
	f.skip("WORK", "TRAN", "TRANSACTION")
	if f.is("AND") {
		if f.next(); f.is("CHAIN") {
			return unbalances
		}
	}
	return does
}

// skipBlock reports whether BEGIN begins a block, and skips to its first word.
func (f *following) skipBlock(d Dialect) bool {
	switch d {
	case MySQL:
		if f.word == "" || f.is("WORK") {
			return false
		}
		f.skip("NOT", "ATOMIC") // MariaDB
		return true
	case TransactSQL:
		if f.is("TRAN", "TRANSACTION", "DISTRIBUTED") {
			return false
		}
		f.skip("TRY", "CATCH")
		return true
	case Standard:
		// BEGIN UPDATE …; END is a block in Oracle.
		return f.word != "" && !f.is("WORK", "TRAN", "TRANSACTION", "ISOLATION", "READ", "DEFERRED", "IMMEDIATE", "EXCLUSIVE")
	}
	return false
}

// hasBody reports whether a statement has a body of others, whose semicolons do
// not end it. PostgreSQL's bodies are strings, but for BEGIN ATOMIC.
func (f following) hasBody(word string, d Dialect) bool {
	switch {
	case d == Postgres:
		return false
	case word == "DECLARE" || word == "DO":
		return d == Standard // a statement of its own in MySQL and SQL Server
	}
	for named := false; !f.ended(); f.next() { // DEFINER = root@localhost
		switch {
		case f.word == "":
			named = f.src[f.token.start] == '='
			continue
		case named:
		case f.is("TRIGGER", "PROCEDURE", "PROC", "FUNCTION", "EVENT", "PACKAGE"):
			return word == "CREATE" || d == TransactSQL || f.is("EVENT", "PACKAGE")
		case !f.is("OR", "REPLACE", "ALTER", "TEMP", "TEMPORARY", "DEFINER", "AGGREGATE", "EDITIONABLE", "NONEDITIONABLE"):
			return false
		}
		named = false
	}
	return false
}
