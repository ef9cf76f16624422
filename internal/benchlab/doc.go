// Package benchlab is what the two benchmark programs share: docs/benchmarks,
// on SQLite and in DryRun, and integration/benchmarks, on servers. It has the
// contenders, the tasks that they all do, the measuring, and what is written
// about it. A program is a [Program]: a list of [Work] with the [Place] that
// each piece is done in.
//
// On docs/benchmarks.md each program fills a section of its own. The result at
// the top of the page is made from the tables that stand on it, so that it says
// what they say whichever program ran last.
package benchlab
