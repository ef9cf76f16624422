package migrate

import (
	"context"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// A recorder writes down what would be executed, and refuses a query that may
// change something: both ways of asking tell so.
func TestRecorderChangesNothing(t *testing.T) {
	db, err := gorm.Open(sqlitedb.Open(":memory:"), &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if pool, err := db.DB(); err == nil {
			pool.Close()
		}
	}()
	r := &recorder{conn: db.ConnPool, recording: &recording{dialector: db.Dialector, known: map[string]bool{}}}
	ctx := context.Background()
	for range [2]struct{}{} {
		if _, err := r.ExecContext(ctx, "CREATE TABLE t (id integer DEFAULT ?)", 1); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(r.statements, ";"), "CREATE TABLE t (id integer DEFAULT 1)"; got != want {
		t.Errorf("it has written down %q, want %q", got, want)
	}
	var n int
	if err := r.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n); err != nil || n != 0 || r.failed != nil {
		t.Errorf("there are %d tables: %v, %v", n, err, r.failed)
	}
	const writes = "INSERT INTO t VALUES (1) RETURNING id"
	rows, err := r.QueryContext(ctx, writes)
	if rows != nil {
		rows.Close()
	}
	if err == nil || r.failed != err || !strings.Contains(err.Error(), writes) {
		t.Errorf("a query that writes: %v, kept %v", err, r.failed)
	}
	if err := r.QueryRowContext(ctx, writes).Scan(&n); err == nil || !strings.Contains(err.Error(), writes) {
		t.Errorf("a row that writes: %v", err)
	}
}
