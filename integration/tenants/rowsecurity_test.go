package tenants_test

import (
	"database/sql"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/tenantschema"
)

func block(t *testing.T, page, language string, nth int) string {
	t.Helper()
	text, err := os.ReadFile("../../" + page)
	must(t, err)
	return regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)[nth][1]
}

// The policy of docs/tenant-schemas.md keeps each tenant to its own rows of a table that all
// share. It does not keep SQL that a tenant has written.
func TestRowSecurity(t *testing.T) {
	database := servers.PostgreSQL.Database(t, "rows")
	admin, err := database.Open()
	must(t, err)
	defer admin.Close()
	app := strings.ReplaceAll(database.Name, "_rows", "_app") // roles are the server's
	ddl := strings.ReplaceAll(block(t, "docs/tenant-schemas.md", "sql", 0), " app;", " "+app+";")
	for _, sql := range []string{"CREATE SCHEMA acme", "CREATE SCHEMA globex", "CREATE ROLE " + app + " LOGIN", "GRANT USAGE ON SCHEMA acme, globex, public TO " + app, ddl} {
		_, err := admin.Exec(sql)
		must(t, err)
	}
	defer func() {
		_, err := admin.Exec("DROP OWNED BY " + app + "; DROP ROLE " + app)
		must(t, err)
	}()
	dsn, err := database.DSN("", map[string]string{"user": app})
	must(t, err)
	connector, err := servers.PostgreSQL.Connector(dsn)
	must(t, err)
	pool := tenantschema.PostgreSQL(connector, "public")
	defer pool.Close()
	pool.DB().SetMaxOpenConns(1)
	of := map[string]*sql.DB{}
	for _, tenant := range []string{"acme", "globex"} {
		of[tenant], err = sql.Open(pool.Driver(), tenant)
		must(t, err)
		defer of[tenant].Close()
	}
	for i := 1; i < 9; i++ { // with a plan that is remembered
		for tenant, db := range of {
			if _, err := db.Exec("INSERT INTO invoices (amount) VALUES ($1)", i); err != nil {
				t.Fatal(err)
			}
			var n, own int
			must(t, db.QueryRow("SELECT count(*), count(*) FILTER (WHERE tenant = $1) FROM invoices", tenant).Scan(&n, &own))
			if n != i || own != i {
				t.Errorf("%s sees %d rows, and %d of its own", tenant, n, own)
			}
		}
	}
	if _, err := of["acme"].Exec("INSERT INTO invoices (tenant, amount) VALUES ('globex', 1)"); err == nil || !strings.Contains(err.Error(), "row-level security") {
		t.Errorf("acme writes for globex: %v", err)
	}
	for of, db := range map[string]*sql.DB{"no tenant": pool.DB(), "the owner": admin} {
		var n int
		must(t, db.QueryRow("SELECT count(*) FROM public.invoices").Scan(&n))
		if want := map[string]int{"the owner": 16}[of]; n != want {
			t.Errorf("%s sees %d rows", of, n)
		}
	}
	// SET ROLE is no wall on a connection of a role that may do more.
	var user string
	_, err = admin.Exec("CREATE ROLE " + app + "_acme; GRANT " + app + "_acme TO " + app)
	must(t, err)
	defer func() {
		_, err := admin.Exec("DROP ROLE " + app + "_acme")
		must(t, err)
	}()
	must(t, inTransaction(of["acme"], &user, "SET LOCAL ROLE "+app+"_acme", "RESET ROLE", "SELECT current_user"))
	if user != app {
		t.Errorf("after RESET ROLE the user is %s: the page says that it is the connection's", user)
	}
	// SQL of acme's own goes where it wants to.
	var n int
	must(t, inTransaction(of["acme"], &n, "SET LOCAL search_path TO globex, public", "SELECT count(*) FROM invoices WHERE tenant = 'globex'"))
	if n != 8 {
		t.Errorf("acme sees %d rows of globex: the page says that nothing keeps its SQL", n)
	}
}

// inTransaction reads one value with the last of some statements.
func inTransaction(db *sql.DB, to any, statements ...string) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	last := len(statements) - 1
	for _, statement := range statements[:last] {
		if _, err := tx.Exec(statement); err != nil {
			return err
		}
	}
	return tx.QueryRow(statements[last]).Scan(to)
}
