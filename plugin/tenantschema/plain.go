package tenantschema

import "strings"

// plain are the first words of statements that leave nothing on a connection once their
// transaction is over. There are others: their connection is closed for nothing.
var plain = map[string]bool{
	"SELECT": true, "INSERT": true, "UPDATE": true, "DELETE": true, "REPLACE": true, "MERGE": true, "WITH": true, "VALUES": true, "TABLE": true,
	"SHOW": true, "EXPLAIN": true, "DESCRIBE": true, "DESC": true, "ANALYZE": true, "ALTER": true, "DROP": true, "RENAME": true, "TRUNCATE": true,
	"COMMENT": true, "GRANT": true, "REVOKE": true, "SAVEPOINT": true, "RELEASE": true,
}

// leaves reports whether SQL may leave something on a connection that is the next
// user's, too: a transaction, a setting, a temporary table, a lock. What a function
// does is not seen.
func (p *Pool) leaves(query string) bool {
	query = skipComments(query)
	if strings.Contains(strings.TrimRight(query, "; \t\r\n"), ";") {
		return true // there may be a second statement
	}
	word, rest := firstWord(query)
	next, _ := firstWord(rest)
	switch {
	case plain[word]:
		return p.postgres && intoTemporary(word, rest)
	case word == "CREATE":
		return strings.Contains(strings.ToUpper(rest), "TEMP")
	case word == "ROLLBACK":
		return next != "TO"
	case word == "SET" && p.postgres: // LOCAL is the session in MySQL
		return next != "LOCAL" && next != "TRANSACTION" && next != "CONSTRAINTS"
	}
	return true
}

// intoTemporary reports whether a statement that begins with a plain word may make a
// temporary table all the same: SELECT … INTO TEMP, EXPLAIN ANALYZE CREATE TEMP TABLE.
func intoTemporary(word, rest string) bool {
	if word != "SELECT" && word != "WITH" && word != "EXPLAIN" {
		return false
	}
	rest = strings.ToUpper(rest)
	return strings.Contains(rest, "TEMP") && (word == "EXPLAIN" || strings.Contains(rest, "INTO"))
}

const space = " \t\r\n("

// firstWord is in capitals.
func firstWord(query string) (word, rest string) {
	query = strings.TrimLeft(query, space)
	end := strings.IndexFunc(query, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') })
	if end < 0 {
		end = len(query)
	}
	return strings.ToUpper(query[:end]), query[end:]
}

// skipComments stops at a comment that MySQL executes, and at one in another, which
// servers read in different ways.
func skipComments(query string) string {
	for {
		query = strings.TrimLeft(query, space)
		end := ""
		switch {
		case strings.HasPrefix(query, "--"):
			end = "\n"
		case strings.HasPrefix(query, "/*") && !strings.HasPrefix(query, "/*!") && !strings.HasPrefix(query, "/*M!"):
			end = "*/"
		default:
			return query
		}
		comment, rest, found := strings.Cut(query[2:], end)
		// "/*/" begins another, and for PostgreSQL "\r" ends a line.
		if !found || strings.Contains(comment+end, "/*") || strings.Contains(strings.TrimSuffix(comment, "\r"), "\r") {
			return query
		}
		query = rest
	}
}
