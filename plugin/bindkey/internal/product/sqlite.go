package product

import "github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"

var sqlite = Profile{
	Name:         "sqlite",
	SQL:          sqlscan.SQLite,
	Variables:    32766,
	Identity:     "SELECT file FROM pragma_database_list WHERE name = 'main'",
	ForeignKeys:  `SELECT DISTINCT '' AS name, "table" AS refers, '' AS refers_schema, 0 AS elsewhere FROM pragma_foreign_key_list(?) WHERE ? IS NOT NULL ORDER BY "table"`,
	AltersByCopy: true,
}
