// Package testkit is what the tests of several packages need: how much of the
// generated suites runs, and what a database holds.
package testkit
