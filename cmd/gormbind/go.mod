module github.com/gormbind/gormbind/cmd/gormbind

go 1.25.0

require (
	github.com/gormbind/gormbind v0.0.0-00010101000000-000000000000
	golang.org/x/tools v0.49.0
	gorm.io/gorm v1.31.2
	gorm.io/plugin/dbresolver v1.6.2
)

require (
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	golang.org/x/mod v0.39.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/text v0.20.0 // indirect
)

replace github.com/gormbind/gormbind => ../../
