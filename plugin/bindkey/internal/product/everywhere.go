package product

import "strings"

// Everywhere reports whether a folded name is one that each database has, some
// product's catalog or a table that is none: it does not tell databases apart.
func Everywhere(table string) bool {
	if table == "dual" || table == "dbstat" {
		return true
	}
	for _, prefix := range []string{"information_schema.", "pg_", "performance_schema.", "mysql.", "sys.", "system.", "sqlite_", "pragma_", "seq_"} {
		if strings.HasPrefix(table, prefix) {
			return true
		}
	}
	dot := strings.IndexByte(table, '.') // main.sqlite_master, pg_catalog.pg_class
	return dot > 0 && (strings.HasPrefix(table[dot+1:], "sqlite_") || strings.HasPrefix(table[dot+1:], "pragma_"))
}
