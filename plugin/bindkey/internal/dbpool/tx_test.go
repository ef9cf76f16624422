package dbpool_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"testing"

	"github.com/gormbind/gormbind/internal/sqlitedb"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

func pool(t *testing.T, dsn string, hook testkit.Hook) (*sql.DB, *dbpool.Pool) {
	t.Helper()
	db := sql.OpenDB(testkit.Wrap("one", sqlitedb.Connector(dsn), hook))
	t.Cleanup(func() { _ = db.Close() })
	return db, dbpool.Over(db)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// BEGIN goes on as long as connections that were idle turn out to be lost, and no
// longer.
func TestBeginOnLostConnections(t *testing.T) {
	const idle = 5
	for _, lost := range []int{idle, 1000} {
		begun := 0
		db, p := pool(t, filepath.Join(t.TempDir(), "a.db"), func(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) error {
			if call.Kind == testkit.Begin {
				if begun++; begun <= lost {
					on.Lose()
					return driver.ErrBadConn
				}
			}
			return real(ctx)
		})
		db.SetMaxIdleConns(idle)
		var conns []*sql.Conn
		for i := 0; i < idle; i++ {
			conn, err := db.Conn(context.Background())
			must(t, err)
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			must(t, conn.Close())
		}
		var tx dbpool.Tx
		err := p.BeginPinned(context.Background(), nil, product.Of("sqlite"), &tx)
		if lost > idle {
			if !errors.Is(err, driver.ErrBadConn) || begun > idle+3 {
				t.Errorf("%v after %d attempts", err, begun)
			}
		} else {
			must(t, err)
			must(t, tx.Commit())
		}
		if n := db.Stats().InUse; n != 0 {
			t.Errorf("%d connections are in use", n)
		}
	}
}

// A transaction that stays open is nobody else's, and a database in memory survives a
// COMMIT that fails.
func TestFailedEnds(t *testing.T) {
	refused := errors.New("refused")
	for name, end := range map[string]func(*dbpool.Tx) error{testkit.Commit: (*dbpool.Tx).Commit, testkit.Rollback: (*dbpool.Tx).Rollback} {
		for _, open := range []bool{true, false} {
			db, p := pool(t, "file:"+name+"?mode=memory", func(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) error {
				if call.Kind != name {
					return real(ctx)
				}
				if !open {
					on.RollBack()
				}
				return refused
			})
			db.SetMaxOpenConns(1)
			_, err := db.Exec("CREATE TABLE rows (text)")
			must(t, err)
			var tx dbpool.Tx
			must(t, p.BeginPinned(context.Background(), nil, product.Of("sqlite"), &tx))
			if err := end(&tx); !errors.Is(err, refused) {
				t.Error(err)
			}
			if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
				t.Errorf("ROLLBACK again: %v", err)
			}
			_, err = db.Exec("INSERT INTO rows VALUES (1)")
			if kept := err == nil; kept == open {
				t.Errorf("%s, open=%v: the next user gets %v", name, open, err)
			}
			if n := db.Stats().InUse; n != 0 {
				t.Errorf("%d connections are in use", n)
			}
		}
	}
}
