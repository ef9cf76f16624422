package product

import "github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"

var clickHouse = Profile{
	Name:       "clickhouse",
	SQL:        sqlscan.Standard,
	Variables:  32766,
	Undeciding: true,
}
