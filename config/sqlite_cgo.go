//go:build cgo

package config

// sqliteOfBuild opens the scheme sqlite where no package has registered it.
var sqliteOfBuild Opener = SQLite
