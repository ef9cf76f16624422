// Package bindtest tests programs with several databases behind one *gorm.DB of
// package bindkey. It gives a test fresh databases, shows which of them got which
// statement, forbids some, makes their COMMITs fail, and compares what they hold.
//
//	func TestSignUp(t *testing.T) {
//		db := bindtest.Open(t, bindkey.New(bindkey.Models(&User{}, &LogEntry{})))
//		bindtest.Fail(t, db, "main", bindtest.Commit, errors.New("disk full"))
//
//		err := signUp(db, "ada") // writes to main and to analytics
//		if !errors.Is(err, bindkey.ErrPartialCommit) {
//			t.Error(err)
//		}
//		if logs := bindtest.Rows(t, db, "analytics", &LogEntry{}); len(logs) != 1 {
//			t.Error(logs)
//		}
//	}
//
// [Open] opens the handle: on SQLite files, or on servers ([On]), with a database for each bind, and
// for each tenant of one ([Tenants]). [Rows], [Look], [Same] and
// [SameAsFile] read what the databases hold, past the plugin. [Record] tells what was sent
// where, [Only] forbids databases, [Fail] lets one fail, and [Rollback] takes back what a
// subtest has done. What they ask for ends with the test that they are given.
//
// The kit sits in the drivers of the databases. So it sees what each database is really
// asked, in hooks, associations, migrations and goroutines as well, and the plugin works as
// it does in production. A handle is for one test and its subtests, one at a time; parallel
// tests open one each. Two that call the kit with one handle at a time fail.
//
// A transaction that is still open when the handle's test ends fails the test. So does a context
// that names a tenant where the option [Tenants] is forgotten.
//
// docs/testing.md tells a story from a first test to a fault.
//
// # Limitations
//
//   - Two binds have two databases, even if they share one in production, and a replica
//     never lags behind its source.
//   - Each tenant has a database, even if they share one by schema in production, and the program's
//     own function that opens a tenant is not called ([Tenants]).
//   - SQLite does not check foreign keys unless a connection is told to, and the files that
//     Open makes are opened without. A test that relies on them is for a server ([On]).
//   - A connection of the handle is wrapped: what asks database/sql for the driver's own
//     (sql.Conn.Raw) gets one that it does not know.
//   - A template on a server is what the migration has sent; one that rolls back, sets
//     savepoints, or names the database itself in its SQL, is made anew for each handle.
//   - [Rollback] says what one transaction can't do.
package bindtest
