module github.com/gormbind/gormbind/cmd/gormbind

go 1.25.0

require (
	github.com/gormbind/gormbind v0.0.0-00010101000000-000000000000
	github.com/gormbind/gormbind/config/mysql v0.0.0-00010101000000-000000000000
	github.com/gormbind/gormbind/config/postgres v0.0.0-00010101000000-000000000000
	github.com/gormbind/gormbind/config/sqlitepure v0.0.0-00010101000000-000000000000
	github.com/gormbind/gormbind/config/sqlserver v0.0.0-00010101000000-000000000000
	golang.org/x/tools v0.49.0
	gorm.io/gorm v1.31.2
	gorm.io/plugin/dbresolver v1.6.2
)

require (
	filippo.io/edwards25519 v1.1.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-sql-driver/mysql v1.8.1 // indirect
	github.com/golang-sql/civil v0.0.0-20220223132316-b832511892a9 // indirect
	github.com/golang-sql/sqlexp v0.1.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/pgx/v5 v5.6.0 // indirect
	github.com/jackc/puddle/v2 v2.2.2 // indirect
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/mattn/go-sqlite3 v1.14.22 // indirect
	github.com/microsoft/go-mssqldb v1.8.2 // indirect
	github.com/ncruces/go-strftime v0.1.9 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/crypto v0.31.0 // indirect
	golang.org/x/exp v0.0.0-20230315142452-642cacee5cc0 // indirect
	golang.org/x/mod v0.39.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.21.0 // indirect
	gorm.io/driver/mysql v1.6.0 // indirect
	gorm.io/driver/postgres v1.6.0 // indirect
	gorm.io/driver/sqlite v1.6.0 // indirect
	gorm.io/driver/sqlserver v1.6.3 // indirect
	modernc.org/libc v1.61.13 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.8.2 // indirect
	modernc.org/sqlite v1.36.0 // indirect
)

replace (
	github.com/gormbind/gormbind => ../..
	github.com/gormbind/gormbind/config/mysql => ../../config/mysql
	github.com/gormbind/gormbind/config/postgres => ../../config/postgres
	github.com/gormbind/gormbind/config/sqlitepure => ../../config/sqlitepure
	github.com/gormbind/gormbind/config/sqlserver => ../../config/sqlserver
)
