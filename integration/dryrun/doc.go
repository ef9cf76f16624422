// Package dryrun has no code of its own: its tests compile and send statements
// with the dialects of SQL Server and ClickHouse, which replace GORM's core
// callbacks, to drivers that answer nothing. It is a module of its own, so that
// the drivers stay out of all others.
package dryrun
