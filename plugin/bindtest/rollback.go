package bindtest

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindtest/internal/onetx"
)

// Rollback keeps all that the test t does in one transaction over all binds, which is
// rolled back when t ends: the databases are then as they were before. It is for
// subtests that share a handle with rows that took long to make; a handle of its own is
// simpler where that is fast.
//
// The program notices little. Its transactions begin, commit and roll back as
// savepoints do; savepoints, nested transactions and faults ([Fail]) work as elsewhere;
// [bindkey.AfterCommit] functions run at the program's commit; constraints of PostgreSQL that
// are deferred are checked there.
//
// There is one transaction in each database, so these can't be had. Each fails the test at
// once, with the program's line, and gives the program an error:
//
//   - two transactions of the program's in one bind at a time, or a statement outside of the
//     one that is open, which would see its rows and be rolled back with it
//   - transactions that are read-only, or have an isolation level
//   - DDL on MySQL and MariaDB, which commits
//   - PRAGMA foreign_keys of SQLite, which does nothing inside a transaction
//   - a database that ends the transaction by itself: a deadlock on MySQL, RAISE(ROLLBACK) on SQLite
//   - parallel tests with one handle
//
// A transaction that is still open when t ends fails the test: its rows look as if they
// were committed. Deferred foreign keys of SQLite are not checked. Sequences and AUTO_INCREMENT of servers go
// on counting. No connection of the handle may be in use when Rollback is called.
func Rollback(t TB, db *gorm.DB) {
	t.Helper()
	k := kitOf(t, db, "Rollback")
	if k == nil || !k.hold(t, "Rollback") || !k.roll(t) {
		return
	}
	t.Cleanup(func() { k.unroll(t) })
	for _, key := range k.names() {
		if err := k.binds[key].connector.Begin(context.Background()); err != nil {
			t.Fatalf("bindtest: Rollback: BEGIN in bind %q: %v", key, err)
			return
		}
	}
}

// roll reports whether a test may have the one transaction.
func (k *kit) roll(t TB) bool {
	t.Helper()
	for _, key := range k.names() {
		for _, pool := range k.binds[key].opened() {
			if n := pool.Stats().InUse; n > 0 {
				t.Fatalf("bindtest: Rollback: in bind %q %s in use, and what is done there could not be rolled back: end the transactions and close the rows before", key, counted(n, "connection is", "connections are"))
				return false
			}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rolling != nil {
		t.Fatalf("bindtest: Rollback has been called for this handle, and that test is still running: call it once, in the test or in each subtest")
		return false
	}
	k.rolling, k.rollingAt = t, programLine()
	return true
}

func (k *kit) unroll(t TB) {
	t.Helper()
	k.tellOpen(t)
	for _, key := range k.names() {
		if err := k.binds[key].connector.End(); err != nil {
			t.Errorf("bindtest: Rollback: ROLLBACK in bind %q: %v", key, err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rolling = nil
}

// tellUnable fails the test for what Rollback can't honour.
func (k *kit) tellUnable(b *bind, call testkit.Call, err error) {
	var unable *onetx.Unable
	if err == nil || !errors.As(err, &unable) || call.Kind == testkit.Aside { // the latter the plugin asks after the refusal
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rolling != nil {
		k.rolling.Errorf("bindtest: %s: in bind %q, Rollback (set at %s) can't honour this: %s\n\t%s", programLine(), b.String(), k.rollingAt, unable.Reason, told(call))
	}
}
