package product

import "github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"

var sqlite = Profile{
	Name:      "sqlite",
	SQL:       sqlscan.SQLite,
	Variables: 32766,
}
