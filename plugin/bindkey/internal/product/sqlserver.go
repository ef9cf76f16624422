package product

import "github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"

var sqlServer = Profile{
	Name:      "sqlserver",
	SQL:       sqlscan.TransactSQL,
	Variables: 2100,
}
