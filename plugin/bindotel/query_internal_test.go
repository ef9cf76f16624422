package bindotel

import (
	"hash/maphash"
	"strings"
	"testing"
)

// Texts, as spans show them. Without a summary they are left out, since it is not certain
// where their literals end.
func TestReadQuery(t *testing.T) {
	const all = "postgresql mysql mariadb sqlite microsoft.sql_server other_sql clickhouse"
	for _, c := range []struct{ systems, sql, text, summary string }{
		{all, "SELECT * FROM users WHERE id = 7 AND name = 'Ann' LIMIT 1", "SELECT * FROM users WHERE id = ? AND name = ? LIMIT ?", "SELECT users"},
		{all, "  SELECT\n*\tFROM users, logs AS l, x.y z", "SELECT * FROM users, logs AS l, x.y z", "SELECT users logs x.y"},
		{all, "INSERT INTO shipping (a, b) SELECT a, -1.5e-3 FROM orders WHERE c = 0x1F", "INSERT INTO shipping (a, b) SELECT a, -? FROM orders WHERE c = ?", "INSERT shipping SELECT orders"},
		{all, "SELECT d FROM (SELECT * FROM orders o JOIN customers c ON o.c = c.id) x", "SELECT d FROM (SELECT * FROM orders o JOIN customers c ON o.c = c.id) x", "SELECT SELECT orders customers"},
		{all, "UPDATE users SET active = TRUE, name = NULL WHERE id IN (?,?)", "UPDATE users SET active = ?, name = NULL WHERE id IN (?,?)", "UPDATE users"},
		{all, "DELETE FROM logs WHERE a IS DISTINCT FROM b", "DELETE FROM logs WHERE a IS DISTINCT FROM b", "DELETE logs"},
		{all, "WITH w AS (SELECT 1 FROM a), v AS (SELECT x, y FROM w) SELECT b, c FROM w, v, d", "WITH w AS (SELECT ? FROM a), v AS (SELECT x, y FROM w) SELECT b, c FROM w, v, d", "SELECT a SELECT SELECT d"},
		{all, "WITH w AS (SELECT 1) UPDATE a SET b = 2", "WITH w AS (SELECT ?) UPDATE a SET b = ?", "SELECT UPDATE a"},
		{all, "SELECT EXTRACT(YEAR FROM born) FROM users", "SELECT EXTRACT(YEAR FROM born) FROM users", "SELECT users"},
		{all, "select 'it''s' from users", "select ? from users", "select users"},
		{all, "SELECT 1; DELETE FROM a", "SELECT ?; DELETE FROM a", "SELECT DELETE a"},
		{all, "CREATE TABLE IF NOT EXISTS users (id int DEFAULT 5)", "CREATE TABLE IF NOT EXISTS users (id int DEFAULT ?)", "CREATE TABLE users"},
		{all, "CREATE UNIQUE INDEX i ON users (id)", "CREATE UNIQUE INDEX i ON users (id)", "CREATE INDEX users"},
		{all, "TRUNCATE TABLE users", "TRUNCATE TABLE users", "TRUNCATE TABLE users"},
		{all, "EXPLAIN SELECT replace(a, 'x', 'y') FROM t", "EXPLAIN SELECT replace(a, ?, ?) FROM t", "EXPLAIN SELECT t"},
		{all, "SELECT a /* 'secret' */ FROM t -- 'secret'", "SELECT a FROM t", "SELECT t"},
		{all, "SELECT a FROM t WHERE b = 'open", "", ""},
		{all, "SELECT a FROM t /* open", "", ""},
		{"postgresql", `SELECT "users"."id" FROM "users" WHERE "a" = $1 AND b::text = $12`, `SELECT "users"."id" FROM "users" WHERE "a" = $1 AND b::text = $12`, "SELECT users"},
		{"postgresql", `INSERT INTO "s"."t" ("a") VALUES ($1),($2) ON CONFLICT ("a") DO UPDATE SET "a"="excluded"."a" RETURNING "id"`, `INSERT INTO "s"."t" ("a") VALUES ($1),($2) ON CONFLICT ("a") DO UPDATE SET "a"="excluded"."a" RETURNING "id"`, "INSERT s.t"},
		{"postgresql", `SELECT $$secret$$, $a$ $$ secret $a$, ARRAY[1,2] FROM t WHERE j #> '{a}' = E'x'`, `SELECT ?, ?, ARRAY[?,?] FROM t WHERE j #> ? = E?`, "SELECT t"},
		{"postgresql", `SELECT E'it\'s' FROM t`, "", ""},
		{"postgresql", "SELECT `a` FROM t", "", ""},
		{"postgresql", `SELECT "song list" FROM "song list"`, `SELECT "song list" FROM "song list"`, `SELECT "song list"`},
		{"mysql mariadb", "SELECT `a` FROM `users` WHERE b = \"secret\" # 'secret'\n AND c = 5--3", "SELECT `a` FROM `users` WHERE b = ? AND c = ?--?", "SELECT users"},
		{"mysql mariadb", `SELECT 'it\'s' FROM t`, "", ""},
		{"mysql mariadb", `SELECT "it\"s" FROM t`, "", ""},
		{"mysql mariadb", "SELECT 1 /*! FROM t WHERE a = 'x' */", "", ""},
		{"mysql mariadb", "UPDATE a, b SET c = 1", "UPDATE a, b SET c = ?", "UPDATE a b"},
		{"mysql mariadb", "SELECT * FROM 2024_logs", "SELECT * FROM ?", "SELECT"},
		{"sqlite", "SELECT \"secret\", [a b] FROM `users` WHERE c = '\\'", "SELECT ?, [a b] FROM `users` WHERE c = ?", "SELECT users"},
		{"microsoft.sql_server", `SELECT "a", [b] FROM [my logs] WHERE c = @p1 AND d = N'x\'`, `SELECT "a", [b] FROM [my logs] WHERE c = @p1 AND d = N?`, "SELECT [my logs]"},
		{"microsoft.sql_server", `SELECT a FROM t WHERE price > $1200.50 OR price = -$5`, `SELECT a FROM t WHERE price > ? OR price = -?`, "SELECT t"},
		{"other_sql clickhouse", `SELECT 'a\' FROM t`, "", ""},
		{"other_sql clickhouse", "SELECT q'[it's]' FROM t", "", ""},
		{"other_sql clickhouse", "SELECT $$secret$$ FROM t", "", ""},
		{"other_sql clickhouse", "SELECT 1 # 'secret", "", ""},
		{"other_sql clickhouse", `SELECT "secret" FROM t`, `SELECT ? FROM t`, "SELECT t"},
	} {
		for _, system := range strings.Fields(c.systems) {
			q := readQuery(c.sql, system)
			if q.text != c.text || q.summary != c.summary {
				t.Errorf("%s in %s:\n%s\n%s\nwant\n%s\n%s", c.sql, system, q.text, q.summary, c.text, c.summary)
			}
		}
	}
}

// A secret in a literal, behind and in front of all that may hide where it ends, is in no
// text and in no summary, whatever the system.
func TestNoLiteralIsShown(t *testing.T) {
	const secret = "s3cret"
	pieces := []string{"'", "''", `"`, "`", `\`, "--", "-- ", "\n", "\r", "/*", "*/", "/*!", "#", "$$", "$a$", "[", "]", "(", ")", ",", "FROM ", "JOIN ", "E", "q", "N", " ", ";", "@", ":", "1", "\x00"}
	quotes := []string{"'" + secret + "'", "N'" + secret + "'", "'x " + secret + " x'", "'FROM " + secret + "'"}
	shown := func(sql, system string) bool {
		q := readQuery(sql, system)
		return strings.Contains(q.text+q.summary+q.verb, secret)
	}
	for _, system := range []string{"postgresql", "mysql", "sqlite", "microsoft.sql_server", "other_sql"} {
		for _, quoted := range quotes {
			if shown("SELECT "+quoted+" FROM t", system) {
				t.Errorf("%s in %s", quoted, system)
			}
			// A literal that holds any two of the pieces, where the dialect itself tells for
			// sure that it is one: quotes doubled, no backslash.
			for _, a := range pieces {
				for _, b := range pieces {
					inside := strings.NewReplacer("'", "''", `\`, "").Replace(a + secret + b)
					if sql := "SELECT '" + inside + "' FROM t WHERE b = " + quoted + a; shown(sql, system) {
						t.Errorf("%q in %s: %q", sql, system, readQuery(sql, system).text)
					}
				}
			}
		}
	}
}

// Long texts are cut, and summaries between two words.
func TestLongQuery(t *testing.T) {
	q := readQuery("INSERT INTO t VALUES "+strings.Repeat("(?),", 10000)+"('secret')", "sqlite")
	if len(q.text) > longestText+100 || !strings.HasSuffix(q.text, " …") || q.summary != "INSERT t" {
		t.Errorf("%d bytes, %s", len(q.text), q.summary)
	}
	q = readQuery("SELECT 1 FROM "+strings.Repeat("some_table, ", 100)+"t", "sqlite")
	if len(q.summary) > 255 || !strings.HasSuffix(q.summary, " some_table") {
		t.Errorf("summary %s", q.summary)
	}
}

func TestCache(t *testing.T) {
	c := cache{seed: maphash.MakeSeed()}
	first := c.of(`SELECT "a" FROM t`, postgresql)
	if again := c.of(`SELECT "a" FROM t`, postgresql); again != first {
		t.Error("read twice")
	}
	if other := c.of(`SELECT "a" FROM t`, sqlite); other == first || strings.Contains(other.text, "a") {
		t.Error(other.text)
	}
}
