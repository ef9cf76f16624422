// Package sqlscan tells what a text of SQL says in a dialect: the tables that it
// names, whether it only reads, and what it does to transactions. It remembers
// texts.
package sqlscan

import "strings"

// A Dialect is the dialect that a text is written in.
type Dialect uint8

const (
	Standard Dialect = iota // also of a dialect that is not known
	MySQL                   // and MariaDB
	Postgres
	SQLite
	TransactSQL // SQL Server
)

// Ambiguous reports whether dialects may read a text differently: where its
// strings, comments and names end.
func Ambiguous(text string) bool {
	return strings.ContainsAny(text, "\\#$[") || strings.Contains(text, "--") || strings.Contains(text, "/*")
}
