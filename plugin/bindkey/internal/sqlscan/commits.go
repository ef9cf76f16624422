package sqlscan

import "strings"

// commits is the first words of a statement of MySQL or MariaDB that commits the
// open transaction by itself, or "". (MySQL's manual, "Statements That Cause an
// Implicit Commit", tried in MariaDB 10.11.)
//
// MariaDB differs from the manual, and from what is told here, in this:
//
//   - CACHE INDEX and LOAD INDEX do not commit;
//   - CHECK VIEW, REPAIR VIEW, CREATE TEMPORARY SEQUENCE and SET DEFAULT ROLE do.
//
// In both, SET autocommit = 1 commits only where it was 0, and UNLOCK TABLES only
// where tables are locked. EXECUTE, CALL and EXECUTE IMMEDIATE commit if what they run
// does, which is not seen here.
func (f *following) commits(word string) string {
	switch word {
	case "ALTER", "RENAME", "TRUNCATE", "GRANT", "REVOKE", "FLUSH", "INSTALL", "UNINSTALL", "BACKUP":
		return word
	case "IF", "FOR", "WHILE", "LOOP", "REPEAT", "CASE":
		return word // MariaDB's compound statements may have any of these inside
	case "CREATE":
		f.skip("OR", "REPLACE")
		if f.is("TEMPORARY") {
			if f.next(); f.is("TABLE") {
				return ""
			}
		}
		return word
	case "DROP":
		if !f.is("TEMPORARY", "PREPARE") {
			return word
		}
	case "RESET":
		if !f.is("PERSIST") {
			return word
		}
	case "BEGIN":
		return word
	case "START":
		return f.second(word, "TRANSACTION", "SLAVE", "REPLICA", "ALL", "GROUP_REPLICATION")
	case "STOP":
		return f.second(word, "SLAVE", "REPLICA", "ALL", "GROUP_REPLICATION")
	case "CHANGE":
		return f.second(word, "MASTER", "REPLICATION")
	case "LOCK", "UNLOCK":
		return f.second(word, "TABLES", "TABLE")
	case "CACHE", "LOAD":
		return f.second(word, "INDEX")
	case "ANALYZE", "CHECK", "OPTIMIZE", "REPAIR":
		f.skip("LOCAL", "NO_WRITE_TO_BINLOG")
		return f.second(word, "TABLE", "TABLES", "VIEW")
	case "SET":
		return f.set()
	}
	return ""
}

// second is both words, if the second is one of some.
func (f *following) second(word string, words ...string) string {
	if !f.is(words...) {
		return ""
	}
	return word + " " + strings.ToUpper(f.word)
}

// set is about SET PASSWORD, SET DEFAULT ROLE, and what turns autocommit on, for
// the session: autocommit = 1, @@session.autocommit := ON, among others.
func (f *following) set() string {
	switch {
	case f.is("PASSWORD"):
		return "SET PASSWORD"
	case f.is("DEFAULT"):
		if f.next(); f.is("ROLE") {
			return "SET DEFAULT ROLE"
		}
	}
	for global := false; !f.ended(); f.next() {
		text := f.src[f.token.start:f.token.end]
		switch {
		case text == ",":
			global = false
		case strings.EqualFold(text, "GLOBAL"), strings.EqualFold(text, "@global"):
			global = true
		case strings.EqualFold(text, "autocommit"), strings.EqualFold(text, "@autocommit"), strings.EqualFold(text, "`autocommit`"):
			f.next()
			assigned := false
			for !f.ended() && f.token.kind == otherToken && strings.ContainsAny(f.src[f.token.start:f.token.end], "=:") {
				assigned = true
				f.next()
			}
			off := f.is("OFF", "FALSE") || f.src[f.token.start:f.token.end] == "0"
			if assigned && !global && !off {
				return "SET AUTOCOMMIT"
			}
		}
	}
	return ""
}
