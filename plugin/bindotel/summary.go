package bindotel

import "strings"

// A reader finds the operations and tables of a text, in their order, which are its
// summary. A word that is taken for a table wrongly (a function, a query's own name) is
// still a word of the text, and no value.
type reader struct {
	lexer
	levels     []level
	operations []string
	parts      []string // operations and targets, as they come
	targets    []string
	target     string   // that is being read: a.b.c
	dotted     bool     // a name follows that belongs to it
	own        []string // names of WITH
	before     string   // the word or sign before, in upper case
}

// A level is a statement, or a parenthesis.
type level struct {
	first  bool   // no word has come yet
	query  bool   // it begins with an operation
	verb   string // its first
	with   bool   // it begins with WITH
	expect bool   // a table comes next
	list   bool   // and after a comma another
}

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(list) {
		set[word] = true
	}
	return set
}

var (
	verbs = words(`SELECT INSERT UPDATE DELETE REPLACE MERGE UPSERT CREATE ALTER DROP TRUNCATE CALL EXEC EXECUTE EXPLAIN ANALYZE
		SHOW DESCRIBE SET USE PRAGMA VACUUM REINDEX LOCK COPY GRANT REVOKE COMMENT RENAME LOAD BEGIN COMMIT ROLLBACK SAVEPOINT RELEASE
		ATTACH DETACH REFRESH LISTEN NOTIFY VALUES OPTIMIZE FLUSH KILL START DECLARE FETCH CLOSE`)
	// inside are those that may come behind another, or behind WITH.
	inside = words("SELECT INSERT UPDATE DELETE REPLACE MERGE")
	// objects belong to the verb, and their name comes next.
	objects = words("TABLE VIEW INDEX SCHEMA DATABASE SEQUENCE TRIGGER FUNCTION PROCEDURE TYPE EXTENSION")
	// skipped stand between a verb and its table.
	skipped = words("IF NOT EXISTS ONLY LATERAL IGNORE LOW_PRIORITY DELAYED OR CONCURRENTLY")
	// closing end a list of tables.
	closing = words("WHERE SET VALUES GROUP ORDER HAVING LIMIT OFFSET ON USING RETURNING UNION EXCEPT INTERSECT FOR WINDOW DEFAULT")
)

// read takes the next token.
func (r *reader) read(t token) {
	text := r.src[t.start:t.end]
	upper := strings.ToUpper(text)
	if t.kind == nameToken {
		upper = "" // no keyword
	}
	at := &r.levels[len(r.levels)-1]
	switch {
	case r.target != "" && (text == "." || r.dotted && (t.kind == wordToken || t.kind == nameToken)):
		r.dotted = text == "."
		r.target += bare(text)
		r.before = upper
		return
	case r.target != "":
		r.endTarget()
	}
	switch t.kind {
	case wordToken, nameToken:
		r.word(at, text, upper)
	case signToken:
		r.sign(at, text)
	default:
		at.expect = false
	}
	r.before = upper
}

func (r *reader) word(at *level, text, upper string) {
	first := at.first
	at.first = false
	switch {
	case first && upper == "WITH":
		at.with, at.query = true, true
	case first && verbs[upper]:
		at.query, at.verb = true, upper
		r.operation(at, text, upper)
	case upper == "SELECT", inside[upper] && (at.with && r.before == ")" || at.verb == "EXPLAIN" && len(r.operations) == 1 && r.before != "("):
		r.operation(at, text, upper)
	case at.with && (r.before == "WITH" || r.before == "RECURSIVE" || r.before == ",") && upper != "RECURSIVE" && !at.list:
		r.own = append(r.own, bare(text))
	case !at.query:
	case upper == "FROM" && r.before != "DISTINCT":
		at.expect, at.list = true, true
	case upper == "JOIN" || upper == "INTO", upper == "ON" && strings.HasSuffix(r.lastOperation(), " INDEX"):
		at.expect = true
	case objects[upper] && len(r.operations) > 0 && len(r.targets) == 0 && (at.verb == "CREATE" || at.verb == "ALTER" || at.verb == "DROP" || at.verb == "TRUNCATE"):
		r.operations[len(r.operations)-1] += " " + text
		r.parts[len(r.parts)-1] += " " + text
		at.expect = upper == "TABLE" || upper == "VIEW"
	case at.expect && skipped[upper]:
	case closing[upper]:
		at.expect, at.list = false, false
	case at.expect:
		r.target = bare(text)
		at.expect = false
	}
}

func (r *reader) sign(at *level, text string) {
	switch text {
	case "(":
		at.expect, at.first = false, false
		r.levels = append(r.levels, level{first: true})
	case ")":
		if len(r.levels) > 1 {
			r.levels = r.levels[:len(r.levels)-1]
		}
	case ";":
		*at = level{first: true}
	case ",":
		at.expect = at.list
	}
}

func (r *reader) operation(at *level, text, upper string) {
	r.operations = append(r.operations, text)
	r.parts = append(r.parts, text)
	at.with = false
	at.list = upper == "UPDATE"
	at.expect = at.list
}

func (r *reader) lastOperation() string {
	if len(r.operations) == 0 {
		return ""
	}
	return strings.ToUpper(r.operations[len(r.operations)-1])
}

// endTarget takes a table whose name is complete.
func (r *reader) endTarget() {
	name := r.target
	r.target, r.dotted = "", false
	for _, own := range r.own {
		if strings.EqualFold(own, name) {
			return
		}
	}
	if name != "" {
		r.targets = append(r.targets, name)
		r.parts = append(r.parts, name)
	}
}

func (r *reader) oneTarget() bool {
	for _, target := range r.targets {
		if target != r.targets[0] {
			return false
		}
	}
	return len(r.targets) > 0
}

func (r *reader) summary() string {
	summary := ""
	for _, part := range r.parts {
		if len(summary)+1+len(part) > longestSummary {
			break
		}
		if summary != "" {
			summary += " "
		}
		summary += part
	}
	return strings.ToValidUTF8(summary, "?")
}

// bare is a name without its quotes, if it is one word.
func bare(name string) string {
	if len(name) > 2 && strings.IndexByte("\"`[", name[0]) >= 0 && !strings.ContainsAny(name, " \t\n.") {
		return name[1 : len(name)-1]
	}
	return name
}
