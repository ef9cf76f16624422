package tenants_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/tenantschema"
)

// A name is one schema, whatever stands in it, and one that is too long is none: a
// server that cuts names would give it to the tenant whose name begins alike.
func TestSchemaNames(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			s := schemas(t, server, "names", nil)
			s.DB().SetMaxOpenConns(1)
			admin, err := s.database.Open()
			must(t, err)
			defer admin.Close()
			quote, create, drop, now := `"`, "CREATE SCHEMA ", "DROP SCHEMA ", "SELECT current_schema()"
			if server == servers.MariaDB {
				quote, create, drop, now = "`", "CREATE DATABASE ", "DROP DATABASE ", "SELECT database()"
			}
			short := s.database.Name[len(s.database.Name)-12:] + "_"
			names := []string{"Acme", "acme", `a"b`, "a`b", `a'b`, "a, b", "a;b", "été", "日本", "a-b", "a b", "a$user", "select", `a\b`, `a\'b`, strings.Repeat("a", 63-len(short)), strings.Repeat("é", (63-len(short))/2)}
			for _, name := range names {
				name = short + name
				quoted := quote + strings.ReplaceAll(name, quote, quote+quote) + quote
				if _, err := admin.Exec(create + quoted); err != nil {
					t.Log(name, err) // MariaDB allows less
					continue
				}
				if server == servers.MariaDB {
					defer func() { _, _ = admin.Exec(drop + quoted) }()
				}
				db, err := sql.Open(s.Driver(), name)
				must(t, err)
				defer db.Close()
				for i := 0; i < 2; i++ {
					var got string
					if err := db.QueryRowContext(soon(t), now).Scan(&got); err != nil || got != name {
						t.Errorf("%q: %q, %v", name, got, err)
					}
				}
			}
			long := short + strings.Repeat("a", 63-len(short)) + "bc"
			for _, name := range []string{long, long[:64], "pg_temp", "$user", "missing"} {
				db, err := sql.Open(s.Driver(), name)
				if err != nil {
					continue
				}
				defer db.Close()
				if err := db.PingContext(soon(t)); err == nil {
					t.Errorf("%q is a schema", name)
				} else if server == servers.PostgreSQL && !strings.Contains(err.Error(), name) {
					t.Error(err)
				}
			}
			if n := s.DB().Stats().InUse; n != 0 {
				t.Error(n)
			}
		})
	}
}

// A tenant without a schema, or whose schema the user may not use, is an error, and not
// in the schemas that all share.
func TestNoSchemaBesideShared(t *testing.T) {
	database := servers.PostgreSQL.Database(t, "beside")
	pool := tenantschema.PostgreSQL(database.Connector(t, nil), "public")
	defer pool.Close()
	pool.DB().SetMaxOpenConns(1)
	user := strings.ReplaceAll(database.Name, "beside", "guest")
	admin, err := database.Open()
	must(t, err)
	defer admin.Close()
	for _, ddl := range []string{"CREATE TABLE public.notes (text text)", "CREATE SCHEMA closed", "CREATE TABLE closed.notes (text text)", "CREATE ROLE " + user, "GRANT ALL ON public.notes TO " + user} {
		_, err := admin.Exec(ddl)
		must(t, err)
	}
	defer func() {
		_, err := admin.Exec("DROP OWNED BY " + user)
		must(t, err)
		_, err = admin.Exec("DROP ROLE " + user)
		must(t, err)
	}()
	for _, schema := range []string{"missing", "closed"} {
		db, err := sql.Open(pool.Driver(), schema)
		must(t, err)
		defer db.Close()
		if schema == "closed" { // the connection is another user's from now on
			_, err := pool.DB().Exec("SELECT set_config('role', $1, false)", user)
			must(t, err)
		}
		_, err = db.ExecContext(soon(t), "INSERT INTO notes VALUES ('of "+schema+"')")
		if err == nil || !strings.Contains(err.Error(), schema) {
			t.Errorf("%s: %v", schema, err)
		}
	}
	var n int
	must(t, admin.QueryRow("SELECT count(*) FROM public.notes").Scan(&n))
	if n != 0 {
		t.Errorf("%d rows are in public", n)
	}
}

// Who has no tenant is where the connection begins: as its DSN says, or the database, or
// the role.
func TestHomeOfShared(t *testing.T) {
	s := schemas(t, servers.PostgreSQL, "home", []string{"acme", "home", "other"})
	admin, err := s.database.Open()
	must(t, err)
	defer admin.Close()
	_, err = admin.Exec("ALTER DATABASE " + s.database.Name + " SET search_path = home")
	must(t, err)
	for _, home := range []string{"home", "other"} {
		settings := map[string]string{}
		if home == "other" {
			settings["search_path"] = home
		}
		dsn, err := s.database.DSN("", settings)
		must(t, err)
		connector, err := s.server.Connector(dsn)
		must(t, err)
		pool := s.on(connector)
		defer pool.Close()
		pool.DB().SetMaxOpenConns(1)
		acme, err := sql.Open(pool.Driver(), "acme")
		must(t, err)
		defer acme.Close()
		for i := 0; i < 2; i++ {
			for want, db := range map[string]*sql.DB{home: pool.DB(), "acme": acme} {
				var got string
				if err := db.QueryRowContext(soon(t), "SELECT current_schema()").Scan(&got); err != nil || got != want {
					t.Errorf("%s, %v, and want %s", got, err, want)
				}
			}
		}
	}
}
