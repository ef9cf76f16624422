package tenants_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gormbind/gormbind/integration/servers"
)

// A seat is the *sql.DB of a tenant, as a dialector opens it.
func (s *shared) seat(t *testing.T, tenant string) *sql.DB {
	t.Helper()
	db, err := sql.Open(s.Driver(), s.prefix+tenant)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// notes are a table in the schema of each tenant, which is empty.
func (s *shared) notes(t *testing.T, tenants ...string) (count func(tenant string) int) {
	t.Helper()
	pool, err := s.database.Open()
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	for _, tenant := range tenants {
		_, err := pool.Exec("CREATE TABLE " + s.prefix + tenant + ".notes (text varchar(80))")
		must(t, err)
	}
	return func(tenant string) (n int) {
		t.Helper()
		must(t, pool.QueryRow("SELECT count(*) FROM "+s.prefix+tenant+".notes").Scan(&n))
		return n
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// A transaction that somebody leaves open on a shared connection, past BeginTx, is not
// the next tenant's: its writes would be lost, and a ROLLBACK would bring the other
// schema back.
func TestTransactionLeftOpen(t *testing.T) {
	begins := map[*servers.Server][]string{
		servers.PostgreSQL: {"BEGIN", "start transaction", "/* a */ -- b\n begin", "BEGIN; SELECT 1", "SELECT 1; BEGIN", "BEGIN; SELECT 1/0", "BEGIN; COMMIT AND CHAIN"},
		servers.MariaDB:    {"BEGIN", "start transaction", "/*!50000 BEGIN */", "SET autocommit = 0", "XA START 'a'", "COMMIT AND CHAIN", "LOCK TABLES %[1]snotes READ", "CALL %[1]sleaves()"},
	}
	for _, server := range servers.All() {
		for _, begin := range begins[server] {
			for _, who := range []string{"a tenant", "none"} {
				t.Run(fmt.Sprintf("%s, %s, %s", server.Name, begin, who), func(t *testing.T) {
					server.Need(t)
					s := schemas(t, server, "left", []string{"acme", "globex"})
					s.DB().SetMaxOpenConns(1)
					count := s.notes(t, "acme", "globex")
					if server == servers.MariaDB {
						_, err := server.Admin(t).Exec("CREATE PROCEDURE " + s.prefix + "acme.leaves() START TRANSACTION")
						must(t, err)
						begin = fmt.Sprintf(begin+"%.0[1]s", s.prefix+"acme.")
					}
					ctx, first, globex := soon(t), s.seat(t, "acme"), s.seat(t, "globex")
					if who == "none" {
						first = s.DB()
					}
					_, _ = first.ExecContext(ctx, begin) // some end in an error
					insert := "INSERT INTO notes VALUES ('of globex')"
					if _, err := globex.ExecContext(ctx, insert); err != nil {
						t.Error(err)
					}
					conn, err := globex.Conn(ctx)
					must(t, err)
					for _, query := range []string{insert, "ROLLBACK", insert} {
						if _, err := conn.ExecContext(ctx, query); err != nil {
							t.Error(err)
						}
					}
					must(t, conn.Close())
					if a, g := count("acme"), count("globex"); a != 0 || g != 3 {
						t.Errorf("%d rows of globex are acme's, and %d of 3 its own", a, g)
					}
				})
			}
		}
	}
}

// What SQL says about a session ends with its use: the next tenant has a new one.
func TestSessionLeft(t *testing.T) {
	type left struct{ does, shows, want string }
	for server, all := range map[*servers.Server][]left{
		servers.PostgreSQL: {
			{"SET statement_timeout = 12345", "SHOW statement_timeout", "0"},
			{"SET ROLE pg_monitor", "SELECT current_user = session_user", "true"},
			{"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SHOW transaction_read_only", "off"},
			{"CREATE TEMP TABLE t (a int)", "SELECT count(*) FROM pg_class WHERE relname = 't'", "0"},
			{"SELECT 1 AS a INTO TEMP t", "SELECT count(*) FROM pg_class WHERE relname = 't'", "0"},
			{"WITH x AS (SELECT 1 AS a) SELECT a INTO pg_temp.t FROM x", "SELECT count(*) FROM pg_class WHERE relname = 't'", "0"},
			{"EXPLAIN ANALYZE CREATE TEMP TABLE t AS SELECT 1", "SELECT count(*) FROM pg_class WHERE relname = 't'", "0"},
			{"-- a\rPREPARE a AS\nSELECT 1", "SELECT count(*) FROM pg_prepared_statements WHERE name = 'a'", "0"},
			{"/*/*/ SELECT 1 */ */ SET statement_timeout = 12345", "SHOW statement_timeout", "0"},
			{"LISTEN a", "SELECT count(*) FROM pg_listening_channels()", "0"},
			{"PREPARE a AS SELECT 1", "SELECT count(*) FROM pg_prepared_statements WHERE name = 'a'", "0"},
			{"RESET ALL", "SELECT current_schema()", "globex"},
			{"DISCARD ALL", "SELECT current_schema()", "globex"},
			{"SELECT set_config('search_path', 'acme', false)", "SELECT current_schema()", "globex"},
		},
		servers.MariaDB: {
			{"SET SESSION sort_buffer_size = 65536", "SELECT @@sort_buffer_size = 65536", "0"},
			{"SET @a = 7", "SELECT coalesce(@a, 0)", "0"},
			{"SET SESSION TRANSACTION READ ONLY", "SELECT @@tx_read_only", "0"},
			{"CREATE TEMPORARY TABLE notes2 (a int)", "SELECT count(*) FROM information_schema.tables WHERE table_name = 'notes2'", "0"},
		},
	} {
		for _, of := range all {
			t.Run(server.Name+", "+of.does, func(t *testing.T) {
				server.Need(t)
				s := schemas(t, server, "session", []string{"acme", "globex"})
				s.DB().SetMaxOpenConns(1)
				ctx := soon(t)
				globex := s.seat(t, "globex")
				must(t, globex.PingContext(ctx))
				_, err := s.seat(t, "acme").ExecContext(ctx, of.does)
				must(t, err)
				var got string
				if err := globex.QueryRowContext(ctx, of.shows).Scan(&got); err != nil || got != of.want {
					t.Errorf("%s: %s, %v", of.shows, got, err)
				}
			})
		}
	}
}

// Who has done something to the session that is not seen says that the connection is bad,
// as database/sql has it.
func TestConnectionGivenUp(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			s := schemas(t, server, "bad", []string{"acme", "globex"})
			s.DB().SetMaxOpenConns(1)
			acme, globex, ctx := s.seat(t, "acme"), s.seat(t, "globex"), soon(t)
			for _, bad := range []bool{false, true} {
				conn, err := acme.Conn(ctx)
				must(t, err)
				id := server.ConnectionID(t, conn)
				if bad {
					_ = conn.Raw(func(any) error { return driver.ErrBadConn })
				} else {
					must(t, conn.Close())
				}
				if now := server.ConnectionID(t, globex); (now != id) != bad {
					t.Errorf("bad: %v, and globex has connection %d after %d", bad, now, id)
				}
			}
			// A transaction that ends by its context, between statements, is no reason.
			id := server.ConnectionID(t, globex)
			ends, cancel := context.WithCancel(ctx)
			tx, err := acme.BeginTx(ends, nil)
			must(t, err)
			cancel()
			for acme.Stats().InUse > 0 {
				time.Sleep(time.Millisecond)
			}
			_ = tx.Rollback()
			if now := server.ConnectionID(t, globex); server == servers.MariaDB && now != id {
				t.Error("the connection was closed for nothing") // pgx closes it
			}
		})
	}
}

// A transaction's own settings, and what it does to the search path, end with it. The
// connection goes on.
func TestTransactionLeaves(t *testing.T) {
	s := schemas(t, servers.PostgreSQL, "local", []string{"acme", "globex"})
	s.DB().SetMaxOpenConns(1)
	count, ctx := s.notes(t, "acme", "globex"), soon(t)
	acme, globex := s.seat(t, "acme"), s.seat(t, "globex")
	id := servers.PostgreSQL.ConnectionID(t, acme)
	for _, does := range []string{
		"SET LOCAL search_path TO globex", "SET LOCAL statement_timeout = 1000", "SELECT set_config('search_path', 'globex', false)", "SAVEPOINT a", "ROLLBACK TO SAVEPOINT a", "RELEASE SAVEPOINT a",
		"SELECT set_config('search_path', 'globex', true)",
	} {
		for _, end := range []func(*sql.Tx) error{(*sql.Tx).Commit, (*sql.Tx).Rollback} {
			tx, err := acme.BeginTx(ctx, nil)
			must(t, err)
			if does == "ROLLBACK TO SAVEPOINT a" || does == "RELEASE SAVEPOINT a" {
				_, err = tx.ExecContext(ctx, "SAVEPOINT a")
				must(t, err)
			}
			_, _ = tx.ExecContext(ctx, does)
			_ = end(tx)
			for _, db := range []*sql.DB{globex, acme} {
				if _, err := db.ExecContext(ctx, "INSERT INTO notes VALUES ($1)", does); err != nil {
					t.Errorf("%s: %v", does, err)
				}
			}
		}
	}
	if a, g := count("acme"), count("globex"); a != 14 || g != 14 {
		t.Errorf("%d and %d rows", a, g)
	}
	if servers.PostgreSQL.ConnectionID(t, globex) != id {
		t.Error("a connection was closed for nothing")
	}
}

// A temporary table that a function makes is not seen as the next tenant's own table.
func TestTemporaryTableHidesNothing(t *testing.T) {
	s := schemas(t, servers.PostgreSQL, "temp", []string{"acme", "globex"})
	s.DB().SetMaxOpenConns(1)
	count, ctx := s.notes(t, "acme", "globex"), soon(t)
	admin, err := s.database.Open()
	must(t, err)
	defer admin.Close()
	_, err = admin.Exec("CREATE FUNCTION public.temp() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE notes (text varchar(40)); INSERT INTO pg_temp.notes VALUES ('acme''s'); END $$")
	must(t, err)
	_, err = s.seat(t, "acme").ExecContext(ctx, "SELECT public.temp()")
	must(t, err)
	globex := s.seat(t, "globex")
	var n int
	must(t, globex.QueryRowContext(ctx, "SELECT count(*) FROM notes").Scan(&n))
	_, err = globex.ExecContext(ctx, "INSERT INTO notes VALUES ('globex''s')")
	must(t, err)
	if n != 0 || count("globex") != 1 {
		t.Errorf("globex sees %d rows of acme's temporary table, and has %d in its own", n, count("globex"))
	}
}

// A tenant's pool that opens a connection for a statement which does not wait any more
// takes no shared connection for it.
func TestNobodyWaits(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			s := schemas(t, server, "waits", []string{"acme", "globex"})
			s.DB().SetMaxOpenConns(1)
			acme, globex := s.seat(t, "acme"), s.seat(t, "globex")
			acme.SetMaxOpenConns(1)
			busy, err := acme.Conn(soon(t))
			must(t, err)
			must(t, busy.PingContext(soon(t)))
			waits := make(chan error)
			ctx, cancel := context.WithCancel(context.Background())
			go func() { waits <- acme.PingContext(ctx) }()
			for acme.Stats().WaitCount == 0 {
				time.Sleep(time.Millisecond)
			}
			// Who waits gets a connection that acme's pool opens anew, and globex is before it.
			other := make(chan *sql.Conn)
			go func() {
				conn, err := globex.Conn(soon(t))
				if err == nil {
					err = conn.PingContext(soon(t))
				}
				if err != nil {
					t.Error(err)
				}
				other <- conn
			}()
			for s.DB().Stats().WaitCount == 0 {
				time.Sleep(time.Millisecond)
			}
			must(t, busy.Close())
			conn := <-other
			time.Sleep(20 * time.Millisecond) // acme's pool opens one
			cancel()
			if err := <-waits; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			must(t, conn.Close())
			time.Sleep(20 * time.Millisecond)
			if n := s.DB().Stats().InUse; n != 0 {
				t.Errorf("%d connections are taken for nobody", n)
			}
			ctx, cancel = context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			if err := globex.PingContext(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
