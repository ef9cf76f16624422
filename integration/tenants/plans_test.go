package tenants_test

import (
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/integration/servers"
)

// Statements that a driver or a server remembers, and functions that all tenants share,
// read each tenant's own table: on one connection, often enough for a generic plan.
func TestRememberedStatements(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			s := schemas(t, server, "plans", []string{"acme", "globex"})
			s.notes(t, "acme", "globex")
			admin, err := s.database.Open()
			must(t, err)
			defer admin.Close()
			queries := map[string][]any{"SELECT text FROM notes": nil}
			if server == servers.PostgreSQL {
				queries["SELECT text FROM notes WHERE text <> $1"] = []any{"none"}
				for name, ddl := range map[string]string{
					"of_sql":     "LANGUAGE sql AS $$ SELECT text FROM notes $$",
					"of_plpgsql": "LANGUAGE plpgsql AS $$ DECLARE found text; BEGIN SELECT text INTO found FROM notes; RETURN found; END $$",
					"of_row":     "LANGUAGE plpgsql AS $$ DECLARE found notes%ROWTYPE; BEGIN SELECT * INTO found FROM notes; RETURN found.text; END $$",
				} {
					_, err := admin.Exec("SET check_function_bodies = off; CREATE FUNCTION public." + name + "() RETURNS text " + ddl)
					must(t, err)
					queries["SELECT public."+name+"()"] = nil
				}
			} else {
				queries["SELECT text FROM notes WHERE text <> ?"] = []any{"none"}
			}
			s.DB().SetMaxOpenConns(1)
			ctx, of, prepared := soon(t), map[string]*sql.DB{}, map[string]*sql.Stmt{}
			for _, tenant := range []string{"acme", "globex"} {
				of[tenant] = s.seat(t, tenant)
				_, err := admin.Exec("INSERT INTO " + s.prefix + tenant + ".notes VALUES ('" + tenant + "')")
				must(t, err)
				for query := range queries {
					prepared[tenant+query], err = of[tenant].PrepareContext(ctx, query)
					must(t, err)
				}
			}
			for i := 0; i < 8; i++ {
				for query, args := range queries {
					for tenant, db := range of {
						var text string
						if err := db.QueryRowContext(ctx, query, args...).Scan(&text); err != nil || text != tenant {
							t.Fatalf("%s reads %s, %v: %s", tenant, text, err, query)
						}
						if err := prepared[tenant+query].QueryRowContext(ctx, args...).Scan(&text); err != nil || text != tenant {
							t.Fatalf("%s reads %s, %v: prepared, %s", tenant, text, err, query)
						}
						tx, err := db.BeginTx(ctx, nil)
						must(t, err)
						if err := tx.StmtContext(ctx, prepared[tenant+query]).QueryRowContext(ctx, args...).Scan(&text); err != nil || text != tenant {
							t.Fatalf("%s reads %s, %v: prepared, in a transaction, %s", tenant, text, err, query)
						}
						must(t, tx.Commit())
					}
				}
			}
		})
	}
}

// remembering are connections of PostgreSQL on which pgx remembers statements in some way.
func (s *shared) remembering(t *testing.T, mode string) driver.Connector {
	t.Helper()
	dsn, err := s.database.DSN("", map[string]string{"default_query_exec_mode": mode})
	must(t, err)
	connector, err := s.server.Connector(dsn)
	must(t, err)
	return connector
}

// Where tenants' tables differ, a statement that pgx remembers is refused, and never
// read from another table; one that it doesn't is not.
func TestTablesThatDiffer(t *testing.T) {
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run(mode, func(t *testing.T) {
			s := schemas(t, servers.PostgreSQL, "differ", []string{"acme", "globex"})
			s.notes(t, "acme", "globex")
			pool := s.on(s.remembering(t, mode))
			defer pool.Close()
			pool.DB().SetMaxOpenConns(1)
			of := map[string]*sql.DB{}
			for _, tenant := range []string{"acme", "globex"} {
				db, err := sql.Open(pool.Driver(), tenant)
				must(t, err)
				of[tenant] = db
				defer of[tenant].Close()
				_, err = of[tenant].Exec("INSERT INTO notes VALUES ($1)", tenant)
				must(t, err)
			}
			_, err := of["globex"].Exec("ALTER TABLE notes ADD COLUMN more int")
			must(t, err)
			refused := 0
			for i := 0; i < 8; i++ {
				for tenant, db := range of {
					rows, err := db.Query("SELECT * FROM notes WHERE text <> $1", "none")
					if err == nil {
						var text string
						var more any
						columns, _ := rows.Columns()
						rows.Next()
						must(t, rows.Scan([]any{&text, &more}[:len(columns)]...))
						must(t, rows.Close())
						if text != tenant || (len(columns) == 2) != (tenant == "globex") {
							t.Errorf("%s reads %s, %v", tenant, text, columns)
						}
					} else if refused++; !strings.Contains(err.Error(), "cached plan must not change result type") {
						t.Error(err)
					}
				}
			}
			if (refused > 0) != (mode != "exec") {
				t.Errorf("%d are refused", refused)
			}
		})
	}
}

// A function of PL/pgSQL that all tenants share keeps a row's type from its first call on
// a connection: docs/tenant-schemas.md. It reads the tenant's own rows all the same.
func TestRowTypesOfFunctions(t *testing.T) {
	s := schemas(t, servers.PostgreSQL, "rowtype", []string{"acme", "globex"})
	s.DB().SetMaxOpenConns(1)
	admin, err := s.database.Open()
	must(t, err)
	defer admin.Close()
	_, err = admin.Exec(`SET check_function_bodies = off;
		CREATE TABLE acme.notes (x text, y text); INSERT INTO acme.notes VALUES ('acme x', 'acme y');
		CREATE TABLE globex.notes (y text, x text); INSERT INTO globex.notes VALUES ('globex y', 'globex x');
		CREATE FUNCTION public.x() RETURNS text LANGUAGE plpgsql AS $$ DECLARE found notes%ROWTYPE; BEGIN SELECT * INTO found FROM notes; RETURN found.x; END $$`)
	must(t, err)
	for _, tenant := range []string{"acme", "globex"} {
		var text string
		must(t, s.seat(t, tenant).QueryRowContext(soon(t), "SELECT public.x()").Scan(&text))
		if !strings.HasPrefix(text, tenant) {
			t.Errorf("%s reads %s", tenant, text)
		}
		t.Logf("x of %s is %q", tenant, text)
	}
}
