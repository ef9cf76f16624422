package sqlscan

import "strings"

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
