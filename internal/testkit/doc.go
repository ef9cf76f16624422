// Package testkit is what the tests of several packages need: a driver around
// the real one that tells of its calls and makes some fail ([Wrap],
// [Recorder]), what a database holds ([Tables]), and how much of the generated
// suites runs ([Full]).
package testkit
