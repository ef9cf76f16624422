// Package integration has the tests of bindotel that need much: servers with their drivers,
// and gorm.io/plugin/opentelemetry, which requires the drivers of ClickHouse and others. It
// is a module of its own, so that bindotel's go.mod stays small.
package integration
