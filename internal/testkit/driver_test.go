package testkit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// openRecorded opens a file with a table, whose calls are recorded.
func openRecorded(t *testing.T) (*sql.DB, *Recorder) {
	t.Helper()
	recorder := &Recorder{}
	db := sql.OpenDB(recorder.Wrap("one", sqlitedb.Connector(t.TempDir()+"/one.db?_synchronous=OFF")))
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	exec(t, db, "CREATE TABLE numbers (n INTEGER)")
	return db, recorder
}

func exec(t *testing.T, db interface {
	Exec(string, ...any) (sql.Result, error)
}, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func count(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT count(*) FROM numbers").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRecorder(t *testing.T) {
	db, recorder := openRecorded(t)
	recorder.Start(nil)
	tx := begin(t, db)
	exec(t, tx, "SAVEPOINT s")
	prepared, err := tx.Prepare("INSERT INTO numbers VALUES (?)")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 3; n++ {
		if _, err := prepared.Exec(n); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, tx, " rollback to s")
	var one int
	if err := errors.Join(tx.QueryRow("SELECT 1").Scan(&one), tx.Commit(), begin(t, db).Rollback()); err != nil {
		t.Fatal(err)
	}
	calls := recorder.Stop()
	exec(t, db, "INSERT INTO numbers VALUES (?)", 1) // is not recorded
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows: the calls do not reach the database", n)
	}
	all := "BEGIN one, SAVEPOINT one, STATEMENT one, STATEMENT one, STATEMENT one, ROLLBACK TO one, CHECK one, COMMIT one, BEGIN one, ROLLBACK one"
	if got := Trace(calls); got != all {
		t.Errorf("calls: %s", got)
	}
	if c := calls[2]; !c.Part || c.Prepared || c.SQL != "INSERT INTO numbers VALUES (?)" {
		t.Errorf("PREPARE: %+v", c)
	}
	if c := calls[3]; c.Part || !c.Prepared || c.SQL != "INSERT INTO numbers VALUES (?)" {
		t.Errorf("a prepared statement: %+v", c)
	}
	if got := len(Whole(calls)); got != len(calls)-1 {
		t.Errorf("%d whole calls of %d", got, len(calls))
	}
}

// A connection is gone once it is lost or closed.
func TestGone(t *testing.T) {
	for name, end := range map[string]func(*sql.DB, *Conn) error{
		"closed": func(pool *sql.DB, _ *Conn) error { return pool.Close() },
		"lost":   func(_ *sql.DB, on *Conn) error { on.Lose(); return nil },
	} {
		var conn *Conn
		pool := sql.OpenDB(Wrap("one", sqlitedb.Connector(t.TempDir()+"/one.db"), func(ctx context.Context, on *Conn, _ Call, real Real) error {
			conn = on
			return real(ctx)
		}))
		exec(t, pool, "CREATE TABLE numbers (n INTEGER)")
		if conn.Gone() {
			t.Error("a connection in a pool is gone")
		}
		if err := end(pool, conn); err != nil || !conn.Gone() {
			t.Errorf("%s: %v, gone: %v", name, err, conn.Gone())
		}
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRecorderFaults(t *testing.T) {
	refusal := errors.New("refused")
	refuses := func(context.Context, *Conn, Call, Real) error { return refusal }
	for name, c := range map[string]struct {
		faults map[int]Hook
		insert error
		commit error
		rows   int
		trace  string
	}{
		"none":                   {rows: 1, trace: "BEGIN one, STATEMENT one, COMMIT one"},
		"a statement is refused": {faults: map[int]Hook{1: refuses}, insert: refusal, trace: "BEGIN one, STATEMENT one, COMMIT one"},
		"COMMIT is refused, and its rows are gone": {
			faults: map[int]Hook{2: func(_ context.Context, on *Conn, _ Call, _ Real) error {
				on.RollBack()
				return refusal
			}}, commit: refusal, trace: "BEGIN one, STATEMENT one, COMMIT one"},
		"the connection is lost": {
			faults: map[int]Hook{1: func(_ context.Context, on *Conn, _ Call, _ Real) error {
				on.Lose()
				return driver.ErrBadConn
			}}, insert: driver.ErrBadConn, commit: driver.ErrBadConn, trace: "BEGIN one, STATEMENT one"},
		"the connection is lost after a statement": {
			faults: map[int]Hook{1: func(ctx context.Context, on *Conn, _ Call, real Real) error {
				err := real(ctx)
				on.Drain()
				on.Lose()
				return err
			}}, commit: driver.ErrBadConn, trace: "BEGIN one, STATEMENT one"},
		"the connection is lost after COMMIT": {
			faults: map[int]Hook{2: func(ctx context.Context, on *Conn, call Call, real Real) error {
				if on.TxContext() == nil || on.Inner() == nil || call.Kind != Commit {
					return errors.New("what the hook is told is wrong")
				}
				err := real(ctx)
				on.Lose()
				return err
			}}, rows: 1, trace: "BEGIN one, STATEMENT one, COMMIT one"},
	} {
		t.Run(name, func(t *testing.T) {
			db, recorder := openRecorded(t)
			recorder.Start(func(before []Call, _ Call) Hook { return c.faults[len(before)] })
			tx := begin(t, db)
			if _, err := tx.Exec("INSERT INTO numbers VALUES (1)"); !errors.Is(err, c.insert) {
				t.Errorf("INSERT: %v", err)
			}
			if err := tx.Commit(); !errors.Is(err, c.commit) {
				t.Errorf("COMMIT: %v", err)
			}
			if got := Trace(Whole(recorder.Stop())); got != c.trace {
				t.Errorf("calls: %s", got)
			}
			if n := count(t, db); n != c.rows {
				t.Errorf("%d rows, want %d", n, c.rows)
			}
			if n := db.Stats().InUse; n != 0 {
				t.Errorf("%d connections in use", n)
			}
		})
	}
}
