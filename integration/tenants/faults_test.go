package tenants_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/testkit"
)

// A script is what a tenant's program does. It goes on after errors, and tells what was
// written for certain.
func script(ctx context.Context, db *sql.DB) (written []string) {
	wrote := func(name string, err error) {
		if err == nil {
			written = append(written, name)
		}
	}
	insert := func(name string) string { return "INSERT INTO notes VALUES ('" + name + "')" }
	_, err := db.ExecContext(ctx, insert("alone"))
	wrote("alone", err)
	if tx, err := db.BeginTx(ctx, nil); err == nil {
		_, err := tx.ExecContext(ctx, insert("in a transaction"))
		wrote("in a transaction", errors.Join(err, tx.Commit()))
	}
	if tx, err := db.BeginTx(ctx, nil); err == nil {
		_, _ = tx.ExecContext(ctx, insert("rolled back"))
		_ = tx.Rollback()
	}
	if conn, err := db.Conn(ctx); err == nil {
		_, err := conn.ExecContext(ctx, insert("on a connection"))
		wrote("on a connection", err)
		if rows, err := conn.QueryContext(ctx, "SELECT text FROM notes"); err == nil {
			for rows.Next() {
			}
			_ = rows.Close()
		}
		_ = conn.Close()
	}
	if stmt, err := db.PrepareContext(ctx, insert("prepared")); err == nil {
		_, err := stmt.ExecContext(ctx)
		wrote("prepared", err)
		_ = stmt.Close()
	}
	if rows, err := db.QueryContext(ctx, "SELECT text FROM notes"); err == nil {
		rows.Next()
		_ = rows.Close()
	}
	return written
}

// Each call of the driver goes wrong once, in each way: what was answered is written
// once, in its tenant's schema, and the one connection goes on, for the other tenant.
func TestFaultInEachCall(t *testing.T) {
	type fault func(server *servers.Server, cancel context.CancelFunc) testkit.Hook
	faults := map[string]fault{
		"lost before": func(*servers.Server, context.CancelFunc) testkit.Hook { return testkit.LosesBefore },
		"lost after":  func(*servers.Server, context.CancelFunc) testkit.Hook { return testkit.LosesAfter },
		"refused": func(*servers.Server, context.CancelFunc) testkit.Hook {
			return testkit.StaysOpen(errors.New("refused"))
		},
		"canceled after": func(_ *servers.Server, cancel context.CancelFunc) testkit.Hook {
			return func(ctx context.Context, _ *testkit.Conn, _ testkit.Call, real testkit.Real) error {
				defer cancel()
				return real(ctx)
			}
		},
		"canceled before": func(_ *servers.Server, cancel context.CancelFunc) testkit.Hook {
			return func(ctx context.Context, _ *testkit.Conn, _ testkit.Call, real testkit.Real) error {
				cancel()
				return real(ctx)
			}
		},
		"killed": func(server *servers.Server, _ context.CancelFunc) testkit.Hook {
			return func(ctx context.Context, on *testkit.Conn, _ testkit.Call, real testkit.Real) error {
				if err := server.CutConn(context.Background(), on.Inner()); err != nil {
					return err
				}
				return real(ctx)
			}
		},
	}
	for _, server := range servers.All() {
		for name, fault := range faults {
			t.Run(server.Name+", "+name, func(t *testing.T) {
				server.Need(t)
				s := schemas(t, server, "faults", []string{"acme", "globex"})
				s.notes(t, "acme", "globex")
				look, err := s.database.Open()
				must(t, err)
				defer look.Close()
				must(t, look.Ping())
				before := runtime.NumGoroutine()
				for at, more := int64(1), true; more && !t.Failed(); at++ {
					var n atomic.Int64 // -1000: the script is over
					ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
					happens := fault(server, cancel)
					connector := testkit.Wrap("shared", s.database.Connector(t, nil), func(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) error {
						if !call.Dead && n.Add(1) == at {
							return happens(ctx, on, call, real)
						}
						return real(ctx)
					})
					pool := s.on(connector)
					pool.DB().SetMaxOpenConns(1)
					acme, err := sql.Open(pool.Driver(), s.prefix+"acme")
					must(t, err)
					globex, err := sql.Open(pool.Driver(), s.prefix+"globex")
					must(t, err)
					written := script(ctx, acme)
					more = n.Swap(-1000) >= at
					last, done := context.WithTimeout(context.Background(), 20*time.Second)
					if _, err := globex.ExecContext(last, "INSERT INTO notes VALUES ('of globex')"); err != nil {
						t.Errorf("call %d: globex: %v", at, err)
					}
					var current sql.NullString
					now, home := "SELECT current_schema()", "public"
					if server == servers.MariaDB {
						now, home = "SELECT database()", s.database.Name
					}
					if err := pool.DB().QueryRowContext(last, now).Scan(&current); err != nil || current.String != home {
						t.Errorf("call %d: without a tenant: %v, %v", at, current, err)
					}
					done()
					cancel()
					if stats := pool.DB().Stats(); stats.InUse != 0 || stats.OpenConnections > 1 {
						t.Errorf("call %d: %+v", at, stats)
					}
					must(t, errors.Join(acme.Close(), globex.Close(), pool.Close()))

					for tenant, want := range map[string][]string{"acme": written, "globex": {"of globex"}} {
						found := map[string]int{}
						rows, err := look.Query("SELECT text FROM " + s.prefix + tenant + ".notes")
						must(t, err)
						for rows.Next() {
							var text string
							must(t, rows.Scan(&text))
							if found[text]++; found[text] > 1 || text == "rolled back" || (text == "of globex") != (tenant == "globex") {
								t.Errorf("call %d: %s has %q, %d times", at, tenant, text, found[text])
							}
						}
						must(t, rows.Err())
						for _, text := range want {
							if found[text] != 1 {
								t.Errorf("call %d: %s has %q %d times, and that was answered", at, tenant, text, found[text])
							}
						}
						_, err = look.Exec("DELETE FROM " + s.prefix + tenant + ".notes")
						must(t, err)
					}
				}
				for i := 0; i < 300 && runtime.NumGoroutine() > before+2; i++ {
					time.Sleep(10 * time.Millisecond)
				}
				if n := runtime.NumGoroutine(); n > before+2 {
					stacks := make([]byte, 1<<16)
					t.Errorf("%d goroutines, and before %d\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
				}
			})
		}
	}
}

// To switch is one round trip for each statement outside of transactions, and one for
// each transaction.
func TestRoundTripsOfSchemas(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			s := schemas(t, server, "trips", []string{"acme", "globex"})
			s.notes(t, "acme", "globex")
			var n atomic.Int64
			pool := s.on(testkit.Wrap("shared", s.database.Connector(t, nil), func(ctx context.Context, _ *testkit.Conn, _ testkit.Call, real testkit.Real) error {
				n.Add(1)
				return real(ctx)
			}))
			defer pool.Close()
			acme, err := sql.Open(pool.Driver(), s.prefix+"acme")
			must(t, err)
			defer acme.Close()
			ctx := soon(t)
			for i := 0; i < 3; i++ {
				n.Store(0)
				_, err = acme.ExecContext(ctx, "INSERT INTO notes VALUES ('a')")
				must(t, err)
				if n.Load() != 2 {
					t.Errorf("%d calls for a statement", n.Load())
				}
				n.Store(0)
				tx, err := acme.BeginTx(ctx, nil)
				must(t, err)
				for i := 0; i < 4; i++ {
					_, err = tx.ExecContext(ctx, "INSERT INTO notes VALUES ('a')")
					must(t, err)
				}
				must(t, tx.Commit())
				if n.Load() != 1+1+4+1 {
					t.Errorf("%d calls for a transaction of four statements", n.Load())
				}
			}
		})
	}
}

// What is open on a tenant's connections outlives the tenant's pool, and the shared one.
func TestPoolsCloseUnderUse(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			s := schemas(t, server, "close", []string{"acme", "globex"})
			count, ctx := s.notes(t, "acme", "globex"), soon(t)
			for i := 0; i < 3; i++ {
				if _, err := s.seat(t, "globex").ExecContext(ctx, "INSERT INTO notes VALUES ('globex')"); err != nil {
					t.Fatal(err)
				}
			}
			acme, globex := s.seat(t, "acme"), s.seat(t, "globex")
			tx, err := acme.BeginTx(ctx, nil)
			must(t, err)
			rows, err := globex.QueryContext(ctx, "SELECT text FROM notes")
			must(t, err)
			conn, err := acme.Conn(ctx)
			must(t, err)
			must(t, conn.PingContext(ctx))
			must(t, errors.Join(acme.Close(), globex.Close()))
			for _, on := range []interface {
				ExecContext(context.Context, string, ...any) (sql.Result, error)
			}{tx, conn} {
				_, err = on.ExecContext(ctx, "INSERT INTO notes VALUES ('acme')")
				must(t, err)
			}
			n := 0
			for rows.Next() {
				n++
			}
			must(t, errors.Join(rows.Err(), s.Close()))
			_, err = conn.ExecContext(ctx, "INSERT INTO notes VALUES ('acme')")
			must(t, errors.Join(err, tx.Commit(), conn.Close(), rows.Close()))
			if a, g := count("acme"), count("globex"); n != 3 || a != 3 || g != 3 {
				t.Error(n, a, g)
			}
			for i := 0; i < 100 && s.DB().Stats().OpenConnections > 0; i++ {
				time.Sleep(10 * time.Millisecond)
			}
			if stats := s.DB().Stats(); stats.OpenConnections != 0 {
				t.Errorf("%+v", stats)
			}
			if err := s.seat(t, "acme").PingContext(ctx); err == nil || fmt.Sprint(err) != "sql: database is closed" {
				t.Error(err)
			}
		})
	}
}
