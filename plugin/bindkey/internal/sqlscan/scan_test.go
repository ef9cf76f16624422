package sqlscan

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// A sqlCase says what one text says in some dialects.
type sqlCase struct {
	dialects string // "" for all of them, or some of "mysql postgres sqlite sqlserver standard"
	sql      string
	tables   string // sorted, separated by blanks
	reads    bool
}

var allDialects = []string{"mysql", "postgres", "sqlite", "sqlserver", "standard"}

func (c sqlCase) in() []string {
	if c.dialects == "" {
		return allDialects
	}
	return strings.Fields(c.dialects)
}

const (
	sqlReads  = true
	sqlWrites = false // or locks, or is not known to do neither
)

var sqlCases = []struct {
	topic string
	cases []sqlCase
}{
	{"names", []sqlCase{
		{"", "SELECT * FROM users", "users", sqlReads},
		{"", "select * from Users", "users", sqlReads},
		{"", "SELECT 1", "", sqlReads},
		{"", "SELECT * FROM public.users", "public.users", sqlReads},
		{"", "SELECT * FROM Main . Users", "main.users", sqlReads},
		{"", "SELECT * FROM db.dbo.users", "db.dbo.users", sqlReads},
		{"sqlserver", "SELECT * FROM db..users", "db..users", sqlReads},
		{"", `SELECT * FROM "users"`, "users", sqlReads},
		{"", `SELECT * FROM "User s"`, "user s", sqlReads},
		{"", `SELECT * FROM "public"."users" WHERE "id" = ?`, "public.users", sqlReads},
		{"", `SELECT * FROM public . "users"`, "public.users", sqlReads},
		{"", `SELECT * FROM "us""ers"`, `us"ers`, sqlReads},
		{"", `SELECT * FROM "us.ers"`, "us.ers", sqlReads},
		{"", `SELECT * FROM "select"`, "select", sqlReads},
		{"", "SELECT * FROM `users` WHERE `users`.`id` = ?", "users", sqlReads},
		{"", "SELECT * FROM `us``ers`", "us`ers", sqlReads},
		{"", "SELECT * FROM`users`WHERE`id`=1", "users", sqlReads},
		{"sqlite sqlserver", "SELECT * FROM [users] WHERE [users].[id] = 1", "users", sqlReads},
		{"sqlite sqlserver", "SELECT * FROM [dbo].[user logs]", "dbo.user logs", sqlReads},
		{"sqlserver", "SELECT * FROM [us]]ers]", "us]ers", sqlReads},
		{"sqlserver", "SELECT * FROM [from]", "from", sqlReads},
		{"sqlite", "SELECT * FROM 'users'", "users", sqlReads},
		{"sqlite", "SELECT * FROM 'main'.'users' AS u", "main.users", sqlReads},
		{"sqlite", "INSERT INTO 'users' (id) VALUES (1)", "users", sqlWrites},
		{"sqlite", "UPDATE 'users' SET a = 'logs'", "users", sqlWrites},
		{"postgres mysql sqlserver standard", "SELECT * FROM 'users'", "", sqlReads},
		{"mysql", "SELECT * FROM 2024_logs", "2024_logs", sqlReads},
		{"mysql", "SELECT * FROM db.2024_logs JOIN 9a", "9a db.2024_logs", sqlReads},
		{"", "SELECT * FROM пользователи", "пользователи", sqlReads},
		{"", "SELECT * FROM ÄPFEL", "äpfel", sqlReads},
		{"", "SELECT * FROM user$data", "user$data", sqlReads},
		{"sqlserver", "SELECT * FROM #temp JOIN ##all ON 1 = 1", "##all #temp", sqlReads},
		{"sqlserver", "SELECT * FROM @rows r JOIN users ON 1 = 1", "users", sqlReads},
		{"", "SELECT * FROM comment", "comment", sqlReads},
		{"", "SELECT * FROM temp t", "temp", sqlReads},
		{"", "SELECT * FROM view JOIN share ON 1 = 1", "share view", sqlReads},
		{"", "SELECT * FROM key k, plan p", "key plan", sqlReads},
	}},
	{"aliases and columns", []sqlCase{
		{"", "SELECT logs.id FROM users AS logs", "users", sqlReads},
		{"", "SELECT logs.id FROM users logs", "users", sqlReads},
		{"", "SELECT users FROM t", "t", sqlReads},
		{"", "SELECT users, logs FROM t", "t", sqlReads},
		{"", "SELECT a AS logs FROM t", "t", sqlReads},
		{"", "SELECT a logs FROM t", "t", sqlReads},
		{"", "SELECT * FROM t ORDER BY users", "t", sqlReads},
		{"", "SELECT * FROM t ORDER BY a, users", "t", sqlReads},
		{"", "SELECT * FROM t GROUP BY a, users HAVING count(*) > 1", "t", sqlReads},
		{"", "SELECT * FROM t LIMIT 1 OFFSET 2", "t", sqlReads},
		{"", "SELECT * FROM t LIMIT ?, ?", "t", sqlReads},
		{"", "SELECT users.id FROM t users, logs", "logs t", sqlReads},
		{"", "SELECT * FROM users AS logs, logs AS users", "logs users", sqlReads},
		{"", "SELECT * FROM t AS logs (a, b), u", "t u", sqlReads},
		{"", `SELECT * FROM t AS "logs"`, "t", sqlReads},
		{"", `SELECT * FROM t "logs", u`, "t u", sqlReads},
		{"", "SELECT t.from, t.join, t.select FROM t", "t", sqlReads},
		{"", "SELECT x.table FROM t x WHERE x.into = 1", "t", sqlReads},
		{"postgres", "SELECT a AS from, b AS table, c AS select FROM t", "t", sqlReads},
		{"postgres", "SELECT a AS into FROM t", "t", sqlReads},
		{"postgres", "SELECT update, delete, insert, set, share, lock FROM t", "t", sqlReads},
		{"postgres", "SELECT max(update), f(delete), g(insert, logs) FROM t", "t", sqlReads},
		{"", "SELECT limit_, offset_ FROM t", "t", sqlReads},
		{"", "SELECT DISTINCT x FROM t", "t", sqlReads},
		{"", "SELECT DISTINCT ON (a) a, b FROM t", "t", sqlReads},
		{"", "SELECT count(DISTINCT x) FROM t", "t", sqlReads},
		{"", "SELECT ALL x FROM t", "t", sqlReads},
		{"", "SELECT * FROM t WHERE (users) = (logs)", "t", sqlReads},
		{"", "SELECT * FROM t WHERE users IN (a, logs)", "t", sqlReads},
		{"", `SELECT * FROM t WHERE ("name" LIKE logs OR "x" LIKE "logs")`, "t", sqlReads},
		{"", "SELECT * FROM t WHERE (? LIKE logs)", "t", sqlReads},
		{"sqlserver", "SELECT TOP 5 a, b FROM t", "t", sqlReads},
		{"sqlserver", "SELECT TOP (5) WITH TIES a, b FROM t ORDER BY a", "t", sqlReads},
		{"mysql", "SELECT STRAIGHT_JOIN a FROM t", "t", sqlReads},
		{"mysql", "SELECT SQL_NO_CACHE HIGH_PRIORITY a FROM t", "t", sqlReads},
		{"sqlserver", "SELECT logs = a, b = users FROM t", "t", sqlReads},
	}},
	{"lists and joins", []sqlCase{
		{"", "SELECT * FROM a, b, c WHERE a.x = b.x", "a b c", sqlReads},
		{"", "SELECT * FROM a x, b AS y, c", "a b c", sqlReads},
		{"", "SELECT * FROM a JOIN b ON a.id = b.id", "a b", sqlReads},
		{"", "SELECT * FROM a JOIN b ON a.id = b.id, c", "a b c", sqlReads},
		{"", "SELECT * FROM a INNER JOIN b USING (id, logs) LEFT JOIN c USING (id)", "a b c", sqlReads},
		{"", "SELECT * FROM a LEFT OUTER JOIN b ON (a.x = b.x) RIGHT JOIN c ON 1 = 1 FULL OUTER JOIN d ON 1 = 1", "a b c d", sqlReads},
		{"", "SELECT * FROM a CROSS JOIN b NATURAL JOIN c NATURAL LEFT JOIN d", "a b c d", sqlReads},
		{"mysql", "SELECT * FROM a STRAIGHT_JOIN b ON a.x = b.x", "a b", sqlReads},
		{"", "SELECT * FROM (a JOIN b ON a.x = b.x)", "a b", sqlReads},
		{"", "SELECT * FROM (a, b) JOIN c ON 1 = 1", "a b c", sqlReads},
		{"", "SELECT * FROM ((a JOIN b ON 1 = 1) JOIN (c JOIN d ON 1 = 1) ON 1 = 1), e", "a b c d e", sqlReads},
		{"", "SELECT * FROM (users)", "users", sqlReads},
		{"", "SELECT * FROM (users AS u)", "users", sqlReads},
		{"", "SELECT * FROM a LEFT JOIN (b JOIN c ON b.x = c.x) ON a.x = b.x", "a b c", sqlReads},
		{"", "SELECT * FROM a JOIN public.b ON public.b.id = a.id", "a public.b", sqlReads},
		{"postgres", "SELECT * FROM ONLY users, ONLY (logs) WHERE 1 = 1", "logs users", sqlReads},
		{"postgres mysql", "SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.x = a.x) AS l", "a b", sqlReads},
		{"postgres mysql", "SELECT * FROM a LEFT JOIN LATERAL (SELECT * FROM b) l ON true", "a b", sqlReads},
		{"postgres", "SELECT * FROM a, LATERAL unnest(a.xs) AS x, c", "a c", sqlReads},
		{"sqlserver", "SELECT * FROM a CROSS APPLY fn(a.id) AS f OUTER APPLY (SELECT * FROM b) AS g", "a b", sqlReads},
		{"sqlserver", "SELECT * FROM a CROSS APPLY a.doc.nodes('/x') AS n(x)", "a", sqlReads},
		{"sqlserver", "SELECT * FROM a WITH (NOLOCK) JOIN b WITH (NOLOCK, INDEX(i)) ON 1 = 1, c", "a b c", sqlReads},
		{"sqlserver", "SELECT * FROM a INNER MERGE JOIN b ON 1 = 1 OPTION (MERGE JOIN)", "a b", sqlReads},
		{"sqlserver", "SELECT * FROM a FOR SYSTEM_TIME AS OF '2020-01-01', b", "a b", sqlReads},
		{"sqlserver", "SELECT a, b FROM t PIVOT (sum(x) FOR y IN ([users], [logs])) AS p, u", "t u", sqlReads},
		{"sqlserver", "SELECT a FROM t FOR XML PATH(''), TYPE", "t", sqlReads},
		{"sqlserver", "SELECT a FROM t FOR JSON AUTO, ROOT('x')", "t", sqlReads},
		{"mysql", "SELECT * FROM a USE INDEX (i, j) JOIN b FORCE INDEX FOR JOIN (k) ON 1 = 1, c", "a b c", sqlReads},
		{"mysql", "SELECT * FROM a USE INDEX FOR ORDER BY (i), b IGNORE INDEX FOR GROUP BY (j), c", "a b c", sqlReads},
		{"mysql", "SELECT * FROM t PARTITION (p0, p1) AS x, u", "t u", sqlReads},
		{"sqlite", "SELECT * FROM t INDEXED BY i, u NOT INDEXED", "t u", sqlReads},
		{"postgres", "SELECT * FROM t TABLESAMPLE bernoulli (10) REPEATABLE (1), u", "t u", sqlReads},
		{"postgres", "SELECT * FROM users *, logs", "logs users", sqlReads},
		{"", "SELECT * FROM x LEFT JOIN logs ON logs.user_id = x.id AND logs.kind = ?", "logs x", sqlReads},
	}},
	{"subqueries", []sqlCase{
		{"", "SELECT (SELECT max(id) FROM logs) FROM users", "logs users", sqlReads},
		{"", "SELECT * FROM (SELECT * FROM users) AS u", "users", sqlReads},
		{"", "SELECT * FROM (SELECT * FROM users) logs, t", "t users", sqlReads},
		{"", "SELECT * FROM ((SELECT * FROM a) UNION (SELECT * FROM b)) AS u", "a b", sqlReads},
		{"", "SELECT * FROM (((SELECT * FROM a))) u", "a", sqlReads},
		{"", "SELECT * FROM users WHERE id IN (SELECT user_id FROM logs)", "logs users", sqlReads},
		{"", "SELECT * FROM users WHERE EXISTS (SELECT 1 FROM logs WHERE logs.user_id = users.id)", "logs users", sqlReads},
		{"", "SELECT * FROM users WHERE NOT EXISTS(SELECT 1 FROM logs) AND a = 1", "logs users", sqlReads},
		{"", "SELECT count(*) FROM t GROUP BY a HAVING count(*) > (SELECT avg(n) FROM logs)", "logs t", sqlReads},
		{"", "SELECT * FROM t ORDER BY (SELECT x FROM logs)", "logs t", sqlReads},
		{"", "SELECT CASE WHEN a > (SELECT 1 FROM b) THEN (SELECT 2 FROM c) ELSE d END FROM t", "b c t", sqlReads},
		{"", "SELECT coalesce((SELECT a FROM b), 0), x FROM t", "b t", sqlReads},
		{"", "SELECT * FROM t JOIN (SELECT x FROM u) AS v ON v.x = t.x JOIN w ON 1 = 1", "t u w", sqlReads},
		{"", "SELECT * FROM t JOIN u ON t.x = (SELECT max(x) FROM v), w", "t u v w", sqlReads},
		{"", "SELECT * FROM t WHERE a > ALL (SELECT b FROM u) AND c = ANY(SELECT d FROM v)", "t u v", sqlReads},
		{"postgres", "SELECT ARRAY(SELECT id FROM users), x FROM t", "t users", sqlReads},
		{"", "SELECT * FROM t WHERE (a, b) IN (SELECT c, d FROM u)", "t u", sqlReads},
		{"", "VALUES (1, (SELECT max(id) FROM users)), (2, 3)", "users", sqlReads},
		{"", "SELECT * FROM (VALUES (1, 2), (3, 4)) AS v (a, b), t", "t", sqlReads},
		{"sqlite", "SELECT * FROM t WHERE a IN users AND b NOT IN main.logs", "main.logs t users", sqlReads},
		{"sqlite", "SELECT a IN users FROM t", "t users", sqlReads},
		{"sqlite", "SELECT * FROM t WHERE a IN json_each('[1]')", "t", sqlReads},
		{"postgres mysql", "TABLE users", "users", sqlReads},
		{"postgres mysql", "TABLE users ORDER BY a, logs LIMIT 1", "users", sqlReads},
		{"postgres mysql", "SELECT * FROM (TABLE users) AS u WHERE a IN (TABLE logs)", "logs users", sqlReads},
		{"postgres mysql", "SELECT 1 UNION TABLE a UNION ALL TABLE b", "a b", sqlReads},
	}},
	{"unions", []sqlCase{
		{"", "SELECT a FROM t UNION SELECT b FROM u", "t u", sqlReads},
		{"", "SELECT a FROM t UNION ALL SELECT b FROM u ORDER BY 1, logs", "t u", sqlReads},
		{"", "SELECT a FROM t INTERSECT SELECT b FROM u EXCEPT SELECT c FROM v", "t u v", sqlReads},
		{"", "(SELECT a FROM t) UNION (SELECT b FROM u) ORDER BY a", "t u", sqlReads},
		{"", "((SELECT a FROM t) UNION SELECT b FROM u)", "t u", sqlReads},
		{"", "SELECT a FROM t UNION VALUES (1), (2)", "t", sqlReads},
		{"", "SELECT 1 UNION SELECT 2 UNION SELECT a FROM t", "t", sqlReads},
		{"", "SELECT a FROM t, s UNION DISTINCT SELECT b FROM u, v", "s t u v", sqlReads},
	}},
	{"functions", []sqlCase{
		{"", "SELECT * FROM generate_series(1, 10)", "", sqlReads},
		{"", "SELECT * FROM generate_series(1, 10) AS g, users", "users", sqlReads},
		{"", "SELECT * FROM users, json_each(users.tags) AS j", "users", sqlReads},
		{"", "SELECT * FROM pg_catalog.generate_series(1, 2) g JOIN t ON 1 = 1", "t", sqlReads},
		{"postgres", "SELECT * FROM unnest(ARRAY[1, 2]) WITH ORDINALITY AS x(a, n), t", "t", sqlReads},
		{"postgres", "SELECT * FROM ROWS FROM (f(1), g(2)) AS x, t", "t", sqlReads},
		{"postgres", "SELECT * FROM json_to_recordset('[]') AS x(users int, logs text), t", "t", sqlReads},
		{"mysql", "SELECT * FROM t, JSON_TABLE(t.doc, '$[*]' COLUMNS (id FOR ORDINALITY, x INT PATH '$.x')) AS j, u", "t u", sqlReads},
		{"sqlserver", "SELECT * FROM OPENJSON(@p1) WITH (id int, logs nvarchar(9)) AS j, t", "t", sqlReads},
		{"", "SELECT EXTRACT(year FROM created_at) FROM t", "t", sqlReads},
		{"", "SELECT EXTRACT(year FROM logs), users FROM t", "t", sqlReads},
		{"", "SELECT SUBSTRING(users FROM 1 FOR 2) FROM t", "t", sqlReads},
		{"", "SELECT TRIM(BOTH FROM users), TRIM(LEADING 'x' FROM logs), TRIM(FROM b) FROM t", "t", sqlReads},
		{"", "SELECT OVERLAY(a PLACING b FROM logs FOR 2) FROM t", "t", sqlReads},
		{"postgres mysql", "SELECT POSITION(a IN users) FROM t", "t", sqlReads},
		{"", "SELECT CAST(a AS integer), CAST((SELECT x FROM u) AS text) FROM t", "t u", sqlReads},
		{"", "SELECT a IS DISTINCT FROM logs FROM t", "t", sqlReads},
		{"", "SELECT a IS NOT DISTINCT FROM logs, b FROM t", "t", sqlReads},
		{"", "SELECT * FROM t WHERE a IS DISTINCT FROM users AND b IS NOT DISTINCT FROM logs", "t", sqlReads},
		{"", "SELECT * FROM t JOIN u ON a IS DISTINCT FROM users", "t u", sqlReads},
		{"", `SELECT t."distinct" FROM users t`, "users", sqlReads},
		{"", "SELECT t.distinct FROM users t", "users", sqlReads},
		{"", "SELECT row_number() OVER (PARTITION BY users ORDER BY logs, a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t", "t", sqlReads},
		{"", "SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY users), logs AS (ORDER BY b)", "t", sqlReads},
		{"", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY users), logs FROM t", "t", sqlReads},
		{"", "SELECT count(*) FILTER (WHERE logs > 1), users FROM t", "t", sqlReads},
		{"", "SELECT array_agg(a ORDER BY users, logs) FROM t", "t", sqlReads},
		{"", "SELECT REPLACE(a, 'x', users), INSERT(a, 1, 2, logs), LEFT(b, 1) FROM t", "t", sqlReads},
		{"postgres", "SELECT a::users, b::text[], c::timestamp with time zone FROM t", "t", sqlReads},
		{"postgres", "SELECT a->'from', b->>'x', c @> d, e ? 'f', g #>> '{a,b}' FROM t", "t", sqlReads},
		{"postgres", "SELECT a @@to_tsquery('x'), b[1:users] FROM t", "t", sqlReads},
		{"mysql", "SELECT MATCH (a, users) AGAINST ('x' IN NATURAL LANGUAGE MODE WITH QUERY EXPANSION) FROM t", "t", sqlReads},
		{"mysql", "SELECT a FROM t GROUP BY a, logs WITH ROLLUP", "t", sqlReads},
	}},
	{"CTEs", []sqlCase{
		{"", "WITH logs AS (SELECT * FROM users) SELECT * FROM logs", "users", sqlReads},
		{"", "WITH logs AS (SELECT * FROM users) SELECT * FROM public.logs", "public.logs users", sqlReads},
		{"", "WITH Logs AS (SELECT 1) SELECT * FROM LOGS", "", sqlReads},
		{"", `WITH "logs" AS (SELECT 1) SELECT * FROM logs`, "", sqlReads},
		{"", "WITH a AS (SELECT * FROM t), b AS (SELECT * FROM a) SELECT * FROM a, b, c", "c t", sqlReads},
		{"", "WITH a (x, users) AS (SELECT * FROM t) SELECT * FROM a", "t", sqlReads},
		{"", "WITH a (x) AS (VALUES (1)), b(y, z) AS (SELECT 1, 2) SELECT * FROM a JOIN b ON 1 = 1 JOIN c ON 1 = 1", "c", sqlReads},
		{"postgres sqlite", "WITH a AS MATERIALIZED (SELECT * FROM t), b AS NOT MATERIALIZED (SELECT * FROM u) SELECT * FROM a, b", "t u", sqlReads},
		{"postgres mysql", "WITH users AS (SELECT * FROM users) SELECT * FROM users", "users", sqlReads},
		{"postgres mysql", "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", "b", sqlReads},
		{"sqlite", "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", "", sqlReads},
		{"postgres", "WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", "", sqlReads},
		{"postgres", "WITH RECURSIVE a AS (SELECT * FROM b, c), b AS (SELECT * FROM c) SELECT * FROM a, b", "c", sqlReads},
		{"mysql", "WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", "", sqlReads},
		{"sqlserver", "WITH a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a, b", "b", sqlReads},
		{"postgres mysql sqlite standard", "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r", "", sqlReads},
		{"sqlserver sqlite", "WITH r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r", "", sqlReads},
		{"postgres mysql sqlite standard", "WITH RECURSIVE r (n) AS (SELECT id FROM users UNION ALL SELECT n FROM r JOIN logs ON 1 = 1) SELECT * FROM r", "logs users", sqlReads},
		{"", "WITH recursive AS (SELECT 1) SELECT * FROM recursive", "", sqlReads},
		{"", "SELECT * FROM (WITH a AS (SELECT * FROM t) SELECT * FROM a) AS x, a", "a t", sqlReads},
		{"", "SELECT (WITH a AS (SELECT 1 AS x) SELECT x FROM a) FROM a", "a", sqlReads},
		{"", "WITH a AS (WITH b AS (SELECT * FROM t) SELECT * FROM b) SELECT * FROM a, b", "b t", sqlReads},
		{"", "WITH a AS (SELECT 1) SELECT * FROM a; SELECT * FROM a", "a", sqlReads},
		{"", "WITH a AS (SELECT 1) SELECT * FROM t WHERE EXISTS (SELECT 1 FROM a)", "t", sqlReads},
		{"", "WITH a AS (SELECT 1) (SELECT * FROM a) UNION SELECT * FROM b", "b", sqlReads},
		{"", "WITH a AS (SELECT 1) VALUES (1)", "", sqlReads},
		{"postgres", "WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x FROM a) SEARCH DEPTH FIRST BY x, users SET logs CYCLE x, y SET is_c USING p SELECT * FROM a, users", "users", sqlReads},
		{"postgres", "SELECT * FROM t WHERE a IN (WITH c AS (SELECT 1) SELECT * FROM c)", "t", sqlReads},
		{"postgres", "WITH d AS (DELETE FROM users RETURNING *) SELECT * FROM d", "users", sqlWrites},
		{"postgres", "WITH i AS (INSERT INTO logs SELECT * FROM users RETURNING id), u AS (UPDATE t SET a = 1 FROM i RETURNING a, b) SELECT * FROM i, u", "logs t users", sqlWrites},
		{"postgres", "WITH m AS MATERIALIZED (UPDATE t SET a = 1) SELECT 1", "t", sqlWrites},
		{"", "WITH a AS (SELECT * FROM users) INSERT INTO logs SELECT * FROM a", "logs users", sqlWrites},
		{"", "INSERT INTO logs WITH a AS (SELECT * FROM users) SELECT * FROM a", "logs users", sqlWrites},
		{"", "INSERT INTO logs (x, y) WITH a AS (SELECT * FROM users) SELECT * FROM a", "logs users", sqlWrites},
		{"", "WITH a AS (SELECT * FROM users) UPDATE logs SET x = (SELECT max(x) FROM a)", "logs users", sqlWrites},
		{"", "WITH a AS (SELECT * FROM users) DELETE FROM logs WHERE x IN (SELECT x FROM a)", "logs users", sqlWrites},
		{"postgres sqlite", "WITH logs AS (SELECT * FROM users) UPDATE logs SET x = 1", "logs users", sqlWrites},
		{"sqlserver mysql", "WITH c AS (SELECT * FROM users) UPDATE c SET x = 1", "users", sqlWrites},
		{"sqlserver", "WITH c AS (SELECT * FROM users) DELETE FROM c WHERE n > 1", "users", sqlWrites},
		{"", "WITH logs AS (SELECT 1) INSERT INTO logs SELECT * FROM logs", "logs", sqlWrites},
		{"", "CREATE VIEW v AS WITH a AS (SELECT * FROM t) SELECT * FROM a", "t v", sqlWrites},
		{"", "CREATE TABLE n AS WITH a AS (SELECT * FROM t) SELECT * FROM a", "n t", sqlWrites},
		{"", "EXPLAIN WITH a AS (SELECT * FROM t) SELECT * FROM a", "t", sqlWrites},
		{"", "EXPLAIN WITH a AS (SELECT * FROM t) DELETE FROM u WHERE x IN (SELECT x FROM a)", "t u", sqlWrites},
	}},
	{"strings and comments", []sqlCase{
		{"", "SELECT 'FROM logs' FROM users", "users", sqlReads},
		{"", "SELECT 'it''s FROM logs' FROM users", "users", sqlReads},
		{"", "SELECT * FROM users -- FROM logs\nWHERE a = 1", "users", sqlReads},
		{"", "SELECT * FROM -- x\n users", "users", sqlReads},
		{"", "SELECT * FROM users -- , logs", "users", sqlReads},
		{"", "SELECT * FROM/* x */users/* , logs */", "users", sqlReads},
		{"", "SELECT * /* FROM logs */ FROM users", "users", sqlReads},
		{"", "SELECT /* 'unclosed */ * FROM users", "users", sqlReads},
		{"", "SELECT 2*/* FROM logs */3 FROM users", "users", sqlReads},
		{"postgres sqlserver", "SELECT 1 /* a /* b */ FROM logs */ FROM users", "users", sqlReads},
		{"sqlite mysql", "SELECT 1 /* a /* b */ FROM logs", "logs", sqlReads},
		{"mysql", "SELECT 1 # FROM logs\n FROM users", "users", sqlReads},
		{"postgres", "SELECT a # b FROM users", "users", sqlReads},
		{"mysql", "SELECT 5--3 FROM users", "users", sqlReads},
		{"mysql", "SELECT 5 -- 3 FROM logs\n FROM users", "users", sqlReads},
		{"postgres sqlite sqlserver", "SELECT 5 --3 FROM logs\n FROM users", "users", sqlReads},
		{"mysql", "SELECT /*! * FROM users */", "users", sqlReads},
		{"mysql", "SELECT /*!40001 SQL_NO_CACHE */ * FROM users", "users", sqlReads},
		{"mysql", "SELECT * FROM users /*!50000 FOR UPDATE */", "users", sqlWrites},
		{"mysql", "SELECT * FROM users /*M!100100 , logs */", "logs users", sqlReads},
		{"mysql", "SELECT /*+ NO_INDEX(logs) */ * FROM users", "users", sqlReads},
		{"sqlite postgres", "SELECT * FROM users /*! , logs */", "users", sqlReads},
		{"mysql", `SELECT 'a\' FROM logs --' FROM users`, "users", sqlReads},
		{"mysql", `SELECT "a\" FROM logs" FROM users`, "users", sqlReads},
		{"mysql", `SELECT 'a\\' FROM users`, "users", sqlReads},
		{"postgres sqlite sqlserver standard", `SELECT 'a\' FROM users`, "users", sqlReads},
		{"postgres", `SELECT E'a\' FROM logs --' FROM users`, "users", sqlReads},
		{"postgres", `SELECT e'\\' FROM users`, "users", sqlReads},
		{"postgres", `SELECT type'\' FROM users`, "users", sqlReads},
		{"postgres", "SELECT $$ FROM logs $$ FROM users", "users", sqlReads},
		{"postgres", "SELECT $x$ FROM $$ logs $x $x$ FROM users", "users", sqlReads},
		{"postgres", "SELECT $1, $2 FROM users WHERE a = $3", "users", sqlReads},
		{"postgres", "SELECT a$b$ FROM users WHERE c$b$ = 1", "users", sqlReads},
		{"sqlite mysql", "SELECT '$$' FROM users WHERE a = '$$'", "users", sqlReads},
		{"", "SELECT N'FROM logs' FROM users", "users", sqlReads},
		{"", `SELECT "FROM logs" FROM users`, "users", sqlReads},
		{"", "SELECT `FROM logs` FROM users", "users", sqlReads},
		{"sqlite sqlserver", "SELECT [FROM logs] FROM users", "users", sqlReads},
		{"sqlite", "SELECT [a]] FROM users", "users", sqlReads},
		{"postgres", "SELECT a[1] FROM users WHERE b[2] = ']'", "users", sqlReads},
		{"", "SELECT 1.FROM users", "users", sqlReads},
		{"", "SELECT 1.5e-3, .5, 1e9 FROM users", "users", sqlReads},
		{"postgres sqlite sqlserver", "SELECT 0xFF FROM users", "users", sqlReads},
		{"", "SELECT @p1, @p2 FROM users WHERE a = @p3", "users", sqlReads},
		{"", "SELECT :from, :into FROM users", "users", sqlReads},
		{"mysql", "SELECT @from, @@global.join, @x := 1 FROM users", "users", sqlReads},
		{"postgres", "SELECT 1 -- x\r FROM users", "users", sqlReads},
	}},
	{"locks", []sqlCase{
		{"", "SELECT * FROM users FOR UPDATE", "users", sqlWrites},
		{"", "select * from users for update", "users", sqlWrites},
		{"", "SELECT * FROM users FOR /* x */ UPDATE", "users", sqlWrites},
		{"", "SELECT * FROM users FOR -- x\n\tUPDATE", "users", sqlWrites},
		{"", "SELECT * FROM users FOR SHARE", "users", sqlWrites},
		{"", "SELECT * FROM users FOR NO KEY UPDATE", "users", sqlWrites},
		{"", "SELECT * FROM users FOR KEY SHARE", "users", sqlWrites},
		{"", "SELECT * FROM users AS u JOIN t ON 1 = 1 FOR UPDATE OF u, logs", "t users", sqlWrites},
		{"", "SELECT * FROM users FOR UPDATE OF users NOWAIT", "users", sqlWrites},
		{"", "SELECT * FROM users FOR SHARE OF a SKIP LOCKED FOR UPDATE OF b", "users", sqlWrites},
		{"", "SELECT * FROM users WHERE a = 1 LIMIT 1 FOR UPDATE SKIP LOCKED", "users", sqlWrites},
		{"", "SELECT * FROM users SKIP LOCKED", "users", sqlWrites},
		{"", "(SELECT * FROM users) FOR UPDATE", "users", sqlWrites},
		{"", "SELECT * FROM (SELECT * FROM users FOR UPDATE) AS x", "users", sqlWrites},
		{"", "SELECT * FROM t WHERE a IN (SELECT id FROM users FOR SHARE)", "t users", sqlWrites},
		{"", "WITH x AS (SELECT * FROM users FOR UPDATE) SELECT * FROM x", "users", sqlWrites},
		{"mysql", "SELECT * FROM users LOCK IN SHARE MODE", "users", sqlWrites},
		{"mysql", "SELECT * FROM users LOCK\nIN /**/ SHARE MODE", "users", sqlWrites},
		{"postgres mysql sqlite", "SELECT updlock, holdlock FROM users", "users", sqlReads},
		{"", "SELECT share, locked, nowait, skip FROM users", "users", sqlReads},
		{"", "SELECT 'FOR UPDATE' FROM users -- FOR UPDATE", "users", sqlReads},
		{"", "SELECT nextval('s')", "", sqlWrites},
		{"", "SELECT setval ('s', 1), a FROM t", "t", sqlWrites},
		{"", "SELECT pg_advisory_xact_lock(1)", "", sqlWrites},
		{"", "SELECT pg_try_advisory_lock(1)", "", sqlWrites},
		{"", "SELECT GET_LOCK('x', 1)", "", sqlWrites},
		{"", "SELECT NEXT VALUE FOR s", "", sqlWrites},
		{"", "SELECT nextval, setval FROM t", "t", sqlReads},
		{"", "SELECT t.nextval, pg_catalog.nextval('s') FROM t", "t", sqlWrites},
		{"", "SELECT * FROM pg_advisory_lock(1), t", "t", sqlWrites},
		{"", "SELECT * FROM t WHERE id = nextval('s')", "t", sqlWrites},
		{"", "VALUES (nextval('s'))", "", sqlWrites},
	}},
	{"SELECT INTO", []sqlCase{
		{"", "SELECT * INTO logs FROM users", "logs users", sqlWrites},
		{"", "SELECT a, b INTO logs FROM users, t WHERE 1 = 1", "logs t users", sqlWrites},
		{"postgres", "SELECT * INTO TEMP logs FROM users", "logs users", sqlWrites},
		{"postgres", "SELECT * INTO TEMPORARY TABLE logs FROM users", "logs users", sqlWrites},
		{"postgres", "SELECT * INTO UNLOGGED logs FROM users", "logs users", sqlWrites},
		{"sqlserver", "SELECT * INTO #t FROM users", "#t users", sqlWrites},
		{"mysql", "SELECT a INTO @x FROM users", "users", sqlWrites},
		{"mysql", "SELECT a, b FROM users INTO @x, @y", "users", sqlWrites},
		{"mysql", "SELECT * FROM users INTO OUTFILE 'f' FIELDS TERMINATED BY ','", "users", sqlWrites},
		{"mysql", "SELECT * INTO DUMPFILE 'f' FROM users", "users", sqlWrites},
	}},
	{"INSERT", []sqlCase{
		{"", "INSERT INTO users (id, logs) VALUES (1, 2)", "users", sqlWrites},
		{"", "INSERT INTO users(id) VALUES (1), (2)", "users", sqlWrites},
		{"", "INSERT INTO public.users VALUES (1)", "public.users", sqlWrites},
		{"", "INSERT INTO users DEFAULT VALUES", "users", sqlWrites},
		{"", "INSERT INTO users (id) SELECT id FROM logs", "logs users", sqlWrites},
		{"", "INSERT INTO users SELECT * FROM logs, t", "logs t users", sqlWrites},
		{"", "INSERT INTO users (SELECT * FROM logs)", "logs users", sqlWrites},
		{"", "INSERT INTO users (a, b) (SELECT a, b FROM logs) ", "logs users", sqlWrites},
		{"", "INSERT INTO users (a) VALUES ((SELECT max(a) FROM logs))", "logs users", sqlWrites},
		{"sqlite", "INSERT OR REPLACE INTO users (id) VALUES (1)", "users", sqlWrites},
		{"sqlite", "INSERT OR IGNORE INTO users SELECT * FROM logs", "logs users", sqlWrites},
		{"sqlite", "INSERT OR ROLLBACK INTO users VALUES (1)", "users", sqlWrites},
		{"sqlite mysql", "REPLACE INTO users (id) VALUES (1)", "users", sqlWrites},
		{"mysql", "REPLACE users SET id = 1, logs = 2", "users", sqlWrites},
		{"mysql", "INSERT users (a) VALUES (1)", "users", sqlWrites},
		{"mysql", "INSERT IGNORE INTO users SET a = 1, logs = 2", "users", sqlWrites},
		{"mysql", "INSERT IGNORE users (a) VALUES (1)", "users", sqlWrites},
		{"mysql", "INSERT LOW_PRIORITY IGNORE INTO users VALUES (1)", "users", sqlWrites},
		{"mysql", "INSERT INTO users PARTITION (p0) (a) VALUES (1)", "users", sqlWrites},
		{"", "INSERT INTO ignore (a) VALUES (1)", "ignore", sqlWrites},
		{"", "INSERT INTO ignore VALUES (1)", "ignore", sqlWrites},
		{"", "INSERT INTO temp SELECT 1", "temp", sqlWrites},
		{"postgres", "INSERT INTO users AS logs (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = excluded.a, logs = excluded.b WHERE logs.x IS DISTINCT FROM excluded.x", "users", sqlWrites},
		{"postgres sqlite", "INSERT INTO users (id) VALUES (1) ON CONFLICT DO NOTHING", "users", sqlWrites},
		{"postgres sqlite", "INSERT INTO users (id) SELECT id FROM t WHERE true ON CONFLICT (id) DO UPDATE SET a = 1, logs = 2 RETURNING id, logs", "t users", sqlWrites},
		{"postgres", "INSERT INTO users SELECT * FROM t ON CONFLICT (id) DO UPDATE SET a = (SELECT x FROM u), logs = 2", "t u users", sqlWrites},
		{"mysql", "INSERT INTO users (id) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a), logs = VALUES(logs)", "users", sqlWrites},
		{"mysql", "INSERT INTO users (id) SELECT id FROM t ON DUPLICATE KEY UPDATE a = t.a, logs = 2", "t users", sqlWrites},
		{"mysql", "INSERT INTO users (id) VALUES (1) AS new ON DUPLICATE KEY UPDATE a = new.a", "users", sqlWrites},
		{"mysql", "INSERT INTO users TABLE logs", "logs users", sqlWrites},
		{"postgres", "INSERT INTO users (a) OVERRIDING SYSTEM VALUE VALUES (1) RETURNING id, (SELECT max(x) FROM logs)", "logs users", sqlWrites},
		{"sqlserver", "INSERT INTO users (a) OUTPUT inserted.id VALUES (1)", "users", sqlWrites},
		{"sqlserver", "INSERT users (a) OUTPUT inserted.id INTO logs (x) VALUES (1)", "logs users", sqlWrites},
		{"sqlserver", "INSERT TOP (5) INTO users SELECT * FROM logs", "logs users", sqlWrites},
		{"sqlserver", "INSERT INTO users WITH (TABLOCK) (a) SELECT a FROM logs", "logs users", sqlWrites},
		{"sqlserver", "INSERT INTO users EXEC p", "users", sqlWrites},
		{"sqlserver", "SET IDENTITY_INSERT [users] ON;INSERT INTO [users] ([id]) VALUES (@p1);SET IDENTITY_INSERT [users] OFF;", "users", sqlWrites},
	}},
	{"UPDATE", []sqlCase{
		{"", "UPDATE users SET a = 1, logs = 2 WHERE id = 3", "users", sqlWrites},
		{"", "UPDATE public.users SET a = 1", "public.users", sqlWrites},
		{"", "UPDATE users AS logs SET a = 1", "users", sqlWrites},
		{"", "UPDATE users logs SET a = 1", "users", sqlWrites},
		{"", `UPDATE "users" SET "a"=?,"logs"=? WHERE "users"."id" = ?`, "users", sqlWrites},
		{"postgres", "UPDATE ONLY users SET a = 1", "users", sqlWrites},
		{"sqlite", "UPDATE OR IGNORE users SET a = 1", "users", sqlWrites},
		{"mysql", "UPDATE LOW_PRIORITY IGNORE users SET a = 1", "users", sqlWrites},
		{"postgres sqlite sqlserver", "UPDATE users SET a = logs.a FROM logs WHERE logs.id = users.id", "logs users", sqlWrites},
		{"postgres sqlite sqlserver", "UPDATE users SET a = 1 FROM logs AS l JOIN t ON l.x = t.x, u WHERE 1 = 1", "logs t u users", sqlWrites},
		{"", "UPDATE users SET a = b IS DISTINCT FROM logs, c = 1 WHERE d IS DISTINCT FROM logs", "users", sqlWrites},
		{"", "UPDATE users SET a = (SELECT max(x) FROM logs), b = 2", "logs users", sqlWrites},
		{"postgres", "UPDATE users SET (a, b) = (SELECT x, y FROM logs) RETURNING a, t", "logs users", sqlWrites},
		{"", "UPDATE users SET a = EXTRACT(year FROM logs)", "users", sqlWrites},
		{"mysql", "UPDATE users u JOIN logs l ON u.id = l.id SET u.a = 1, l.b = 2", "logs users", sqlWrites},
		{"mysql", "UPDATE users, logs SET users.a = 1, b = 2 WHERE 1 = 1", "logs users", sqlWrites},
		{"mysql", "UPDATE users LEFT JOIN (SELECT * FROM t) x ON 1 = 1 SET a = 1", "t users", sqlWrites},
		{"mysql", "UPDATE (users JOIN logs ON 1 = 1) SET a = 1", "logs users", sqlWrites},
		{"mysql", "UPDATE users SET a = 1 ORDER BY b, c LIMIT 5", "users", sqlWrites},
		{"sqlserver", "UPDATE u SET a = 1 FROM users AS u JOIN logs l ON l.x = u.x", "logs users", sqlWrites},
		{"sqlserver", "UPDATE u SET a = 1 FROM users u", "users", sqlWrites},
		{"sqlserver", "UPDATE [u] SET a = 1 FROM (users AS [u] JOIN logs ON 1 = 1)", "logs users", sqlWrites},
		{"sqlserver", "UPDATE users SET a = 1 FROM users AS u", "users", sqlWrites},
		{"sqlserver", "UPDATE users SET a = 1 FROM users AS users", "users", sqlWrites},
		{"sqlserver", "UPDATE x SET a = 1 FROM (SELECT * FROM users) AS x", "users", sqlWrites},
		{"sqlserver", "UPDATE u SET a = (SELECT 1 FROM t AS u) FROM logs", "logs t u", sqlWrites},
		{"sqlserver", "UPDATE TOP (5) users SET a = 1 OUTPUT inserted.a, deleted.b INTO logs WHERE 1 = 1", "logs users", sqlWrites},
		{"sqlserver", "UPDATE users WITH (ROWLOCK) SET a = 1", "users", sqlWrites},
		{"sqlserver", "UPDATE STATISTICS users", "users", sqlWrites},
		{"", "UPDATE statistics SET a = 1", "statistics", sqlWrites},
		{"", "UPDATE plan SET a = 1", "plan", sqlWrites},
		{"postgres", "UPDATE t SET set = 1, update = 2 WHERE a = 1", "t", sqlWrites},
	}},
	{"DELETE", []sqlCase{
		{"", "DELETE FROM users", "users", sqlWrites},
		{"", "DELETE FROM users WHERE a = 1 AND b IS DISTINCT FROM logs", "users", sqlWrites},
		{"", "DELETE FROM public.users AS u WHERE u.a = 1", "public.users", sqlWrites},
		{"", "DELETE FROM users WHERE id IN (SELECT id FROM logs)", "logs users", sqlWrites},
		{"postgres", "DELETE FROM ONLY users RETURNING a, logs", "users", sqlWrites},
		{"postgres", "DELETE FROM users USING logs AS l, t WHERE 1 = 1", "logs t users", sqlWrites},
		{"postgres", "DELETE FROM users USING logs JOIN t USING (id, u) WHERE 1 = 1", "logs t users", sqlWrites},
		{"postgres", "DELETE FROM users USING (SELECT * FROM logs) AS l WHERE 1 = 1", "logs users", sqlWrites},
		{"mysql", "DELETE FROM users ORDER BY a, logs LIMIT 1", "users", sqlWrites},
		{"mysql", "DELETE LOW_PRIORITY QUICK IGNORE FROM users", "users", sqlWrites},
		{"mysql", "DELETE QUICK users FROM users JOIN logs USING (id)", "logs users", sqlWrites},
		{"mysql", "DELETE u, l FROM users AS u JOIN logs l ON 1 = 1 WHERE 1 = 1", "logs users", sqlWrites},
		{"mysql", "DELETE users, logs FROM users JOIN logs ON 1 = 1 JOIN t USING (id)", "logs t users", sqlWrites},
		{"mysql", "DELETE u.*, l.* FROM users u, logs l", "logs users", sqlWrites},
		{"mysql", "DELETE FROM u, l USING users AS u JOIN logs AS l ON 1 = 1", "logs users", sqlWrites},
		{"mysql", "DELETE FROM u USING users AS u JOIN logs USING (id)", "logs users", sqlWrites},
		{"mysql", "DELETE FROM users PARTITION (p0, p1) WHERE a = 1", "users", sqlWrites},
		{"sqlserver", "DELETE users WHERE a = 1", "users", sqlWrites},
		{"sqlserver", "DELETE u FROM users AS u JOIN logs ON 1 = 1", "logs users", sqlWrites},
		{"sqlserver", "DELETE FROM u FROM users u JOIN logs ON 1 = 1", "logs users", sqlWrites},
		{"sqlserver", "DELETE FROM u WITH (ROWLOCK) FROM users u", "users", sqlWrites},
		{"sqlserver", "DELETE TOP (5) FROM users OUTPUT deleted.a, deleted.b INTO logs WHERE 1 = 1", "logs users", sqlWrites},
		{"sqlserver", "DELETE u OUTPUT deleted.a, deleted.b FROM users u", "users", sqlWrites},
		{"sqlserver", "DELETE TOP (5) users", "users", sqlWrites},
		{"postgres", "DELETE FROM users WHERE CURRENT OF c", "users", sqlWrites},
	}},
	{"MERGE", []sqlCase{
		{"", "MERGE INTO users USING logs ON users.id = logs.id WHEN MATCHED THEN UPDATE SET a = 1, t = 2 WHEN NOT MATCHED THEN INSERT (a, t) VALUES (1, 2)", "logs users", sqlWrites},
		{"", "MERGE INTO users AS u USING (SELECT * FROM logs) AS l ON u.id = l.id WHEN MATCHED AND a = 1 THEN DELETE", "logs users", sqlWrites},
		{"sqlserver", "MERGE users AS u USING (VALUES (1, 2)) AS s (a, b) ON u.a = s.a WHEN MATCHED THEN UPDATE SET t = 2 WHEN NOT MATCHED BY SOURCE THEN DELETE OUTPUT $action, inserted.id INTO logs;", "logs users", sqlWrites},
		{"sqlserver", "MERGE INTO [users] WITH (HOLDLOCK) AS u USING logs JOIN t ON 1 = 1 ON u.a = 1 WHEN NOT MATCHED THEN INSERT (a) VALUES (1);", "logs t users", sqlWrites},
		{"sqlserver", `MERGE INTO "users" USING (VALUES(@p1,@p2)) AS excluded ("id","name") ON "users"."id" = "excluded"."id" WHEN MATCHED THEN UPDATE SET "name"="excluded"."name" WHEN NOT MATCHED THEN INSERT ("name") VALUES ("excluded"."name") OUTPUT INSERTED."id";`, "users", sqlWrites},
		{"postgres", "MERGE INTO ONLY users USING logs ON 1 = 1 WHEN MATCHED THEN DO NOTHING", "logs users", sqlWrites},
	}},
	{"DDL", []sqlCase{
		{"", "CREATE TABLE users (id int, logs text)", "users", sqlWrites},
		{"", "CREATE TABLE IF NOT EXISTS public.users (id int PRIMARY KEY, a int NOT NULL DEFAULT 1, UNIQUE (a, logs))", "public.users", sqlWrites},
		{"", "CREATE TEMPORARY TABLE users (id int)", "users", sqlWrites},
		{"", "CREATE TABLE users (id int REFERENCES logs (id) ON DELETE CASCADE ON UPDATE SET NULL, x int)", "logs users", sqlWrites},
		{"", "CREATE TABLE users (id int, CONSTRAINT c FOREIGN KEY (id) REFERENCES public.logs(id) ON UPDATE CASCADE)", "public.logs users", sqlWrites},
		{"", "CREATE TABLE users (id int CHECK (logs > 1), t int GENERATED ALWAYS AS (id + logs) STORED)", "users", sqlWrites},
		{"mysql", "CREATE TABLE users (id int, KEY logs (id), INDEX t (id)) ENGINE=InnoDB, COMMENT='x' DEFAULT CHARSET=utf8", "users", sqlWrites},
		{"", "CREATE TABLE users AS SELECT * FROM logs, t", "logs t users", sqlWrites},
		{"", "CREATE TABLE users AS (SELECT * FROM logs)", "logs users", sqlWrites},
		{"postgres", "CREATE UNLOGGED TABLE users AS TABLE logs WITH NO DATA", "logs users", sqlWrites},
		{"postgres", "CREATE TABLE users (a timestamp with time zone, b int) WITH (fillfactor = 70)", "users", sqlWrites},
		{"mysql", "CREATE TABLE users LIKE logs", "logs users", sqlWrites},
		{"postgres", "CREATE TABLE users (LIKE logs INCLUDING ALL)", "logs users", sqlWrites},
		{"postgres", "CREATE TABLE users (a int) INHERITS (logs, t)", "logs t users", sqlWrites},
		{"postgres", "CREATE TABLE users_1 PARTITION OF users FOR VALUES FROM (1) TO (10)", "users users_1", sqlWrites},
		{"sqlite", "CREATE VIRTUAL TABLE users USING fts5(a, logs)", "users", sqlWrites},
		{"sqlite", "CREATE TABLE users(a) STRICT, WITHOUT ROWID", "users", sqlWrites},
		{"", "CREATE INDEX i ON users (a, logs)", "users", sqlWrites},
		{"", "CREATE UNIQUE INDEX IF NOT EXISTS i ON public.users(a) WHERE logs IS NOT NULL", "public.users", sqlWrites},
		{"postgres", "CREATE INDEX CONCURRENTLY i ON ONLY users USING btree (a)", "users", sqlWrites},
		{"postgres", "CREATE INDEX ON users (a)", "users", sqlWrites},
		{"sqlserver", "CREATE INDEX i ON users (a) INCLUDE (logs) ON filegroup", "users", sqlWrites},
		{"", "CREATE VIEW v AS SELECT * FROM users, logs", "logs users v", sqlWrites},
		{"", "CREATE OR REPLACE VIEW v (a, b) AS SELECT a, b FROM users WITH CHECK OPTION", "users v", sqlWrites},
		{"postgres", "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT * FROM users WITH NO DATA", "users v", sqlWrites},
		{"mysql", "CREATE ALGORITHM=MERGE DEFINER=a@b SQL SECURITY INVOKER VIEW v AS SELECT * FROM users", "users v", sqlWrites},
		{"postgres", "CREATE TRIGGER g BEFORE INSERT OR UPDATE OF a, logs OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION f()", "users", sqlWrites},
		{"postgres", "CREATE TRIGGER g AFTER UPDATE ON users REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION f()", "users", sqlWrites},
		{"sqlite", "CREATE TRIGGER g AFTER INSERT ON users WHEN new.a IS DISTINCT FROM old.a AND new.b LIKE 'x' BEGIN INSERT INTO logs VALUES (new.id); UPDATE t SET a = 1; DELETE FROM u; END", "logs t u users", sqlWrites},
		{"sqlite", "CREATE TRIGGER g UPDATE ON users BEGIN UPDATE OR IGNORE logs SET a = 1; END", "logs users", sqlWrites},
		{"sqlite", "CREATE TRIGGER g INSTEAD OF DELETE ON v BEGIN DELETE FROM users WHERE id = old.id; END", "users v", sqlWrites},
		{"mysql", "CREATE TRIGGER g BEFORE INSERT ON users FOR EACH ROW INSERT INTO logs VALUES (NEW.id)", "logs users", sqlWrites},
		{"mysql", "CREATE TRIGGER g AFTER UPDATE ON users FOR EACH ROW UPDATE logs SET n = n + 1, m = 2", "logs users", sqlWrites},
		{"mysql", "CREATE TRIGGER g BEFORE INSERT ON users FOR EACH ROW SET NEW.a = 1, NEW.logs = 2", "users", sqlWrites},
		{"sqlserver", "CREATE TRIGGER g ON users AFTER INSERT, UPDATE AS UPDATE logs SET a = 1 FROM inserted i", "inserted logs users", sqlWrites},
		{"postgres", "CREATE RULE r AS ON INSERT TO users DO ALSO INSERT INTO logs VALUES (1)", "logs users", sqlWrites},
		{"postgres", "CREATE RULE r AS ON UPDATE TO users DO INSTEAD (UPDATE logs SET a = 1; DELETE FROM t)", "logs t users", sqlWrites},
		{"postgres", "CREATE POLICY p ON users FOR SELECT TO logs USING (a = 1)", "users", sqlWrites},
		{"postgres", "CREATE STATISTICS s ON a, b FROM users", "users", sqlWrites},
		{"postgres", "CREATE PUBLICATION p FOR TABLE users", "users", sqlWrites},
		{"postgres", "CREATE FUNCTION f(a int) RETURNS TABLE (users int, logs int) AS $$ SELECT * FROM t $$ LANGUAGE sql", "", sqlWrites},
		{"", "ALTER TABLE users ADD COLUMN a int, DROP COLUMN logs", "users", sqlWrites},
		{"postgres", "ALTER TABLE IF EXISTS ONLY public.users ADD COLUMN a int REFERENCES logs", "logs public.users", sqlWrites},
		{"", "ALTER TABLE users ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES logs (id) ON DELETE SET NULL", "logs users", sqlWrites},
		{"", "ALTER TABLE users RENAME TO logs", "logs users", sqlWrites},
		{"", "ALTER TABLE users RENAME COLUMN a TO logs", "users", sqlWrites},
		{"", "ALTER TABLE users RENAME a TO logs", "users", sqlWrites},
		{"mysql", "ALTER TABLE users ADD INDEX i (a), RENAME AS logs", "logs users", sqlWrites},
		{"postgres", "ALTER TABLE users ALTER COLUMN a TYPE int USING logs::int, ALTER b SET DEFAULT 1", "users", sqlWrites},
		{"postgres", "ALTER TABLE users ATTACH PARTITION logs FOR VALUES IN (1)", "logs users", sqlWrites},
		{"postgres", "ALTER TABLE users OWNER TO logs", "users", sqlWrites},
		{"mysql", "ALTER TABLE users EXCHANGE PARTITION p WITH TABLE logs", "logs users", sqlWrites},
		{"postgres", "ALTER INDEX users RENAME TO logs", "", sqlWrites},
		{"sqlserver", "ALTER INDEX i ON users REBUILD", "users", sqlWrites},
		{"sqlserver", "ALTER TABLE users ALTER COLUMN a int", "users", sqlWrites},
		{"sqlserver", "ALTER TABLE users DROP COLUMN a, logs", "users", sqlWrites},
		{"sqlserver", "DISABLE TRIGGER g ON users", "users", sqlWrites},
		{"mysql", "RENAME TABLE a TO b, c TO d", "a b c d", sqlWrites},
		{"", "DROP TABLE users", "users", sqlWrites},
		{"", "DROP TABLE IF EXISTS users, public.logs CASCADE", "public.logs users", sqlWrites},
		{"", "DROP VIEW IF EXISTS v, w", "v w", sqlWrites},
		{"postgres", "DROP MATERIALIZED VIEW v", "v", sqlWrites},
		{"mysql", "DROP TEMPORARY TABLE users", "users", sqlWrites},
		{"", "DROP INDEX users", "", sqlWrites},
		{"", "DROP INDEX IF EXISTS i", "", sqlWrites},
		{"mysql sqlserver", "DROP INDEX i ON users", "users", sqlWrites},
		{"postgres", "DROP TRIGGER g ON users", "users", sqlWrites},
		{"", "TRUNCATE TABLE users", "users", sqlWrites},
		{"postgres", "TRUNCATE users, ONLY logs RESTART IDENTITY CASCADE", "logs users", sqlWrites},
		{"postgres", "COMMENT ON TABLE users IS 'x'", "users", sqlWrites},
		{"postgres", `COMMENT ON COLUMN "users"."logs" IS 'x'`, "users", sqlWrites},
		{"postgres", "COMMENT ON COLUMN public.users.logs IS 'x'", "public.users", sqlWrites},
		{"postgres", "COMMENT ON TRIGGER g ON users IS 'x'", "users", sqlWrites},
		{"postgres", "COMMENT ON CONSTRAINT c ON users IS 'x'", "users", sqlWrites},
		{"postgres", "REFRESH MATERIALIZED VIEW CONCURRENTLY v", "v", sqlWrites},
	}},
	{"other statements", []sqlCase{
		{"", "", "", sqlWrites},
		{"", "  \n\t", "", sqlWrites},
		{"", "-- SELECT 1", "", sqlWrites},
		{"", "/* SELECT 1 */ ;;", "", sqlWrites},
		{"", "EXPLAIN SELECT * FROM users", "users", sqlWrites},
		{"postgres", "EXPLAIN ANALYZE VERBOSE DELETE FROM users", "users", sqlWrites},
		{"postgres", "EXPLAIN (ANALYZE, FORMAT json) UPDATE users SET a = 1", "users", sqlWrites},
		{"postgres", "EXPLAIN (ANALYZE) CREATE TABLE users AS SELECT * FROM logs", "logs users", sqlWrites},
		{"sqlite", "EXPLAIN QUERY PLAN SELECT * FROM users", "users", sqlWrites},
		{"mysql", "EXPLAIN FORMAT=JSON INSERT INTO users SELECT * FROM logs", "logs users", sqlWrites},
		{"mysql", "EXPLAIN users", "users", sqlWrites},
		{"mysql", "DESCRIBE users;", "users", sqlWrites},
		{"mysql", "DESC `db`.`users`", "db.users", sqlWrites},
		{"mysql", "SHOW COLUMNS FROM users", "users", sqlWrites},
		{"mysql", "SHOW FULL COLUMNS FROM users FROM db", "users", sqlWrites},
		{"mysql", "SHOW INDEX FROM users", "users", sqlWrites},
		{"mysql", "SHOW TABLES FROM users", "", sqlWrites},
		{"mysql", "SHOW TABLE STATUS LIKE 'x'", "", sqlWrites},
		{"mysql", "SHOW CREATE TABLE users", "users", sqlWrites},
		{"sqlite", "PRAGMA foreign_keys = ON", "", sqlWrites},
		{"sqlite", "PRAGMA table_info(users)", "users", sqlWrites},
		{"sqlite", "PRAGMA table_info('users')", "users", sqlWrites},
		{"sqlite", `PRAGMA index_list("users")`, "users", sqlWrites},
		{"sqlite", "PRAGMA journal_mode(wal)", "", sqlWrites},
		{"postgres", "COPY users (a, logs) FROM STDIN WITH (FORMAT csv)", "users", sqlWrites},
		{"postgres", "COPY users FROM '/tmp/logs'", "users", sqlWrites},
		{"postgres", "COPY (SELECT * FROM users) TO STDOUT", "users", sqlWrites},
		{"postgres", "COPY (DELETE FROM users RETURNING *) TO STDOUT", "users", sqlWrites},
		{"postgres", "LOCK TABLE users, logs IN ACCESS EXCLUSIVE MODE", "logs users", sqlWrites},
		{"postgres", "LOCK users IN SHARE UPDATE EXCLUSIVE MODE", "users", sqlWrites},
		{"mysql", "LOCK TABLES users READ, logs AS l WRITE", "logs users", sqlWrites},
		{"mysql", "UNLOCK TABLES", "", sqlWrites},
		{"", "VACUUM", "", sqlWrites},
		{"postgres", "VACUUM FULL VERBOSE users, logs", "logs users", sqlWrites},
		{"postgres", "VACUUM (FULL, ANALYZE) users", "users", sqlWrites},
		{"postgres", "VACUUM ANALYZE users (a, b)", "users", sqlWrites},
		{"sqlite", "VACUUM INTO 'users'", "", sqlWrites},
		{"", "ANALYZE users", "users", sqlWrites},
		{"postgres", "ANALYZE VERBOSE users (a, b), logs", "logs users", sqlWrites},
		{"mysql", "ANALYZE LOCAL TABLE users, logs", "logs users", sqlWrites},
		{"mysql", "OPTIMIZE TABLE users, logs", "logs users", sqlWrites},
		{"mysql", "LOAD DATA INFILE 'f' REPLACE INTO TABLE users (a, b) SET c = 1, logs = 2", "users", sqlWrites},
		{"sqlite", "REINDEX users", "users", sqlWrites},
		{"postgres", "REINDEX TABLE users", "users", sqlWrites},
		{"postgres", "CLUSTER users USING i", "users", sqlWrites},
		{"postgres", "GRANT SELECT, UPDATE (a), REFERENCES ON users, public.logs TO t, u", "public.logs users", sqlWrites},
		{"postgres", "REVOKE DELETE ON TABLE users FROM logs", "users", sqlWrites},
		{"postgres", "GRANT USAGE ON SCHEMA users TO logs", "", sqlWrites},
		{"postgres", "GRANT ALL ON ALL TABLES IN SCHEMA users TO logs", "", sqlWrites},
		{"mysql", "GRANT ALL ON users.* TO 'a'@'b'", "", sqlWrites},
		{"postgres", "DECLARE c CURSOR FOR SELECT * FROM users", "users", sqlWrites},
		{"postgres", "FETCH NEXT FROM users", "", sqlWrites},
		{"postgres", "PREPARE p (int) AS UPDATE users SET a = $1", "users", sqlWrites},
		{"postgres", "DO $$ BEGIN DELETE FROM users; END $$", "", sqlWrites},
		{"", "CALL users(1, 2)", "", sqlWrites},
		{"sqlserver", "EXEC users @p1, @p2", "", sqlWrites},
		{"", "SET a = 1, users = 2", "", sqlWrites},
		{"", "BEGIN", "", sqlWrites},
		{"", "SAVEPOINT users", "", sqlWrites},
		{"", "RELEASE SAVEPOINT users", "", sqlWrites},
		{"sqlserver", "DECLARE @x int SELECT @x = id FROM users", "users", sqlWrites},
		{"sqlserver", "IF OBJECT_ID('x') IS NOT NULL DROP TABLE users", "users", sqlWrites},
	}},
	{"several statements", []sqlCase{
		{"", "SELECT * FROM users; SELECT * FROM logs", "logs users", sqlReads},
		{"", "SELECT * FROM users;", "users", sqlReads},
		{"", ";SELECT * FROM users;;", "users", sqlReads},
		{"", "SELECT * FROM users; DELETE FROM logs", "logs users", sqlWrites},
		{"", "UPDATE users SET a = 1; SELECT * FROM logs", "logs users", sqlWrites},
		{"", "SELECT * FROM users -- ;\n; DROP TABLE logs", "logs users", sqlWrites},
		{"", "SELECT ';' FROM users", "users", sqlReads},
		{"", "SELECT * FROM users; SELECT * FROM logs FOR UPDATE", "logs users", sqlWrites},
		{"", "BEGIN; UPDATE users SET a = 1, b = 2; COMMIT", "users", sqlWrites},
		{"sqlserver", "SELECT a FROM users INSERT INTO logs VALUES (1) SELECT SCOPE_IDENTITY()", "logs users", sqlWrites},
		{"sqlserver", "ALTER TABLE users ADD FOREIGN KEY (a) REFERENCES logs ON DELETE CASCADE ON UPDATE NO ACTION", "logs users", sqlWrites},
		{"sqlserver", "DELETE users UPDATE u SET a = 1 FROM logs AS u", "logs users", sqlWrites},
	}},
	{"broken text", []sqlCase{
		{"", "SELECT * FROM", "", sqlReads},
		{"", "SELECT * FROM (", "", sqlReads},
		{"", "SELECT * FROM users)", "users", sqlReads},
		{"", "))))SELECT * FROM users", "users", sqlReads},
		{"", "SELECT 'open FROM users", "", sqlReads},
		{"", `SELECT * FROM "`, "", sqlReads},
		{"", "SELECT * FROM users WHERE a = /* FROM logs", "users", sqlReads},
		{"", "nonsense FROM users", "", sqlWrites},
		{"", "FROM users", "", sqlWrites},
		{"", "WITH", "", sqlReads},
		{"", "WITH a", "", sqlReads},
		{"", "INSERT", "", sqlWrites},
	}},
}

func TestScan(t *testing.T) {
	for _, topic := range sqlCases {
		t.Run(topic.topic, func(t *testing.T) {
			for _, c := range topic.cases {
				for _, dialect := range c.in() {
					got := scan(c.sql, DialectOf(dialect))
					if tables := sortedTables(got.Tables); tables != c.tables || got.Reads != c.reads {
						t.Errorf("%s: %s\n\ttables %q, reads %t; want %q, %t", dialect, c.sql, tables, got.Reads, c.tables, c.reads)
					}
				}
			}
		})
	}
}

// TestScanSpelling reads every case in capitals, and with a comment behind
// every token.
func TestScanSpelling(t *testing.T) {
	eachSQLCase(func(c sqlCase, dialect Dialect) {
		if strings.Contains(c.sql, "/*!") || strings.Contains(c.sql, "/*M!") {
			return // its tokens alone are other SQL
		}
		var spaced strings.Builder
		for l := (lexer{src: c.sql, dialect: dialect}); ; {
			token := l.scan()
			if token.kind == endToken {
				break
			}
			spaced.WriteString(c.sql[token.start:token.end] + " /* FROM ; '*/\n-- x\n")
		}
		for _, sql := range []string{strings.ToUpper(c.sql), spaced.String()} {
			if strings.Contains(c.sql, "'open") || strings.Contains(c.sql, `FROM "`) && strings.HasSuffix(c.sql, `"`) {
				continue // what follows a string without an end is the string
			}
			got := scan(sql, dialect)
			if tables := sortedTables(got.Tables); tables != c.tables || got.Reads != c.reads {
				t.Errorf("%s\n\ttables %q, reads %t; want %q, %t", sql, tables, got.Reads, c.tables, c.reads)
			}
		}
	})
}

// TestScanSteps counts: text of eight times the length has as many times the
// tokens, and takes no memory that grows with its square.
func TestScanSteps(t *testing.T) {
	for _, part := range []string{
		"(", "((", ")", "'", "''", `"`, "`", "[", "]", "$", "$a$", "$a", "$$", "/*", "/*/", "*/", "-", "--", "#", "\\",
		".", "a.", "a", "1", "1.", "e'", "@", ":", ";", ",", "\n", "\xff", "\x00",
		"SELECT ", "FROM a,", "(SELECT * FROM users WHERE ", "WITH a AS (", "a(", "UNION ", "FROM ((", "/*!", "CREATE TABLE a (",
		"UPDATE a SET ", "DELETE FROM a USING a ", "FOR JOIN ", "INSERT OR ", ";/*", "; CREATE ", ";BEGIN ", "BEGIN ", "SET ", ";SET ,",
	} {
		for _, dialect := range allDialects {
			short, long := "SELECT * FROM "+strings.Repeat(part, 1000), "SELECT * FROM "+strings.Repeat(part, 8000)
			if a, b := countTokens(t, short, DialectOf(dialect)), countTokens(t, long, DialectOf(dialect)); b > 8*a+8 {
				t.Errorf("%s: %q: %d tokens, then %d", dialect, part, a, b)
			}
			if a, b := allocated(short, DialectOf(dialect)), allocated(long, DialectOf(dialect)); b > 16*a+1<<16 {
				t.Errorf("%s: %q: %d bytes, then %d", dialect, part, a, b)
			}
		}
	}
}

// allocated is how many bytes scan allocates.
func allocated(sql string, dialect Dialect) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	scan(sql, dialect)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// countTokens is how many tokens a text has. They must cover it in order.
func countTokens(t *testing.T, sql string, dialect Dialect) int {
	t.Helper()
	l := lexer{src: sql, dialect: dialect}
	for n, last := 0, 0; ; n++ {
		token := l.scan()
		if token.start < last || token.end < token.start || token.end > len(sql) || l.pos > len(sql) {
			t.Fatalf("%.40q: token %d is %d:%d behind %d", sql, n, token.start, token.end, last)
		}
		if token.kind == endToken {
			return n
		}
		if token.end == token.start {
			t.Fatalf("%.40q: token %d at %d is empty", sql, n, token.start)
		}
		last = token.end
	}
}

func TestScanAllocates(t *testing.T) {
	for sql, want := range map[string]float64{
		"SELECT 1": 0,
		"SELECT a, b FROM generate_series(1, 2) WHERE c IN ('x', $1) ORDER BY lower(d)": 0,
		`SELECT "id" FROM "users" WHERE "users"."id" = $1`:                              1, // the slice
		"SELECT * FROM users, logs WHERE ((((1))))":                                     2,
		"UPDATE users SET a = 1":                                                        1,
		"SELECT * FROM Users":                                                           2, // and the folded name
	} {
		got := testing.AllocsPerRun(100, func() { scan(sql, Postgres) })
		if got > want {
			t.Errorf("%s: %v allocations, want %v", sql, got, want)
		}
	}
}

func TestScanManyTables(t *testing.T) {
	var sql strings.Builder
	sql.WriteString("WITH RECURSIVE c AS (SELECT * FROM last")
	for i := 0; i < 100; i++ {
		fmt.Fprintf(&sql, ", t%d, t%d", i, i/2)
	}
	sql.WriteString("), last AS (SELECT 1) SELECT * FROM c, last, t1")
	if got := scan(sql.String(), Postgres); len(got.Tables) != 100 || !got.Reads {
		t.Errorf("%d tables, reads %t", len(got.Tables), got.Reads)
	}
}

// TestScanAgreesWithSQLite compares scan with the tables that SQLite
// itself asks its authorizer about when it prepares a statement. (It asks about
// a CTE too, if no column of it is read, and not about the tables of one that
// is not used: these statements have neither.)
func TestScanAgreesWithSQLite(t *testing.T) {
	if !sqlitedb.Cgo {
		t.Skip("only github.com/mattn/go-sqlite3 gives SQLite's authorizer, and it needs cgo")
	}
	statements := append(handwrittenSQL(t), generatedSQL()...)
	if len(statements) < 500 {
		t.Fatalf("only %d statements", len(statements))
	}
	db, err := sql.Open(sqlitedb.DriverName, ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(context.Background(), sqliteSchema); err != nil {
		t.Fatal(err)
	}
	err = conn.Raw(func(conn any) error {
		return agreeWithSQLite(t, conn.(authorized), statements)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Columns have the names of tables, to be mistaken for them.
const sqliteSchema = `
	CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, team_id INT, logs INT);
	CREATE TABLE logs (id INTEGER PRIMARY KEY, user_id INT, event TEXT, users INT);
	CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT);
	CREATE TABLE ids (id INTEGER PRIMARY KEY);
	CREATE TABLE "user stats" (id INTEGER PRIMARY KEY, "from" INT);
	CREATE TABLE "Order" (id INTEGER PRIMARY KEY, "select" INT);
	CREATE TABLE temp_key (id INTEGER PRIMARY KEY, replace INT, "share" INT);
	CREATE TABLE plan (id INTEGER PRIMARY KEY, view INT);
	CREATE TABLE "a.b" (id INTEGER PRIMARY KEY);
	CREATE TABLE "it's" (id INTEGER PRIMARY KEY);
	CREATE TABLE "say ""hi""" (id INTEGER PRIMARY KEY);
	CREATE TABLE größe (id INTEGER PRIMARY KEY);
`

// An authorized is a connection of mattn's driver.
type authorized interface {
	driver.Conn
	RegisterAuthorizer(func(action int, table, column, database string) int)
}

// What SQLite asks its authorizer about (https://www.sqlite.org/c3ref/c_alter_table.html).
const (
	actionDelete = 9
	actionInsert = 18
	actionRead   = 20
	actionUpdate = 23
)

func agreeWithSQLite(t *testing.T, conn authorized, statements []string) error {
	var tables map[string]bool
	var wrote bool
	conn.RegisterAuthorizer(func(action int, table, _, _ string) int {
		switch action {
		case actionInsert, actionUpdate, actionDelete:
			wrote = true
			fallthrough
		case actionRead:
			if !strings.HasPrefix(table, "sqlite_") && !strings.HasPrefix(table, "json_") {
				tables[Fold(table)] = true
			}
		}
		return 0 // SQLITE_OK
	})
	for _, statement := range statements {
		tables, wrote = map[string]bool{}, false
		stmt, err := conn.Prepare(statement)
		if err != nil {
			t.Errorf("%s\n\t%v", statement, err)
			continue
		}
		stmt.Close()
		facts := scan(statement, SQLite)
		read := map[string]bool{}
		for _, table := range facts.Tables {
			read[strings.TrimPrefix(table, "main.")] = true
		}
		if want, got := joinedTables(tables), joinedTables(read); got != want || facts.Reads == wrote {
			t.Errorf("%s\n\ttables %q, reads %t; SQLite says %q, %t", statement, got, facts.Reads, want, !wrote)
		}
	}
	return nil
}

func joinedTables(set map[string]bool) string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	return sortedTables(names)
}

// handwrittenSQL are the statements of testdata/sqlite.sql, which a blank line ends.
func handwrittenSQL(t *testing.T) []string {
	text, err := os.ReadFile("testdata/sqlite.sql")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n\n")
}

// generatedSQL are queries and changes combined of all that has a column x.id.
func generatedSQL() []string {
	columns := []string{
		"x.id",
		"count(x.id), count(*)",
		"x.id AS logs, x.id teams",
		"DISTINCT x.id",
		"(SELECT max(id) FROM teams)",
		"(SELECT count(*) FROM logs AS users WHERE users.id = x.id)",
		"CASE WHEN x.id IS DISTINCT FROM (SELECT id FROM ids) THEN 'FROM logs' END",
		"row_number() OVER (PARTITION BY x.id ORDER BY x.id, 1)",
		"/* FROM logs */ replace('a', 'b', x.id)",
	}
	sources := []string{
		"users AS x",
		"logs x",
		`"users" "x"`,
		"[logs] AS [x]",
		"`teams` x",
		"'users' AS 'x'",
		"main.users AS x",
		`"main".[logs] x`,
		`"user stats" AS x`,
		"`order` x",
		"(users AS x)",
		"users x, ids",
		"users AS logs, logs AS x",
		"teams AS users JOIN logs x ON users.id = x.users",
		"users x LEFT JOIN logs l USING (id) CROSS JOIN ids",
		"(users x JOIN (logs l JOIN ids ON l.id = ids.id) ON x.logs = l.id)",
		"(SELECT * FROM logs) AS x",
		"(SELECT users AS id FROM logs UNION SELECT id FROM teams) x",
		"(WITH teams AS (SELECT 1 AS id) SELECT id FROM teams) AS x, ids",
		"json_each('[]') AS x, ids",
		"(VALUES (1)) AS v, users AS x",
	}
	filters := []string{
		"",
		"WHERE x.id = 1",
		"WHERE x.id IN (SELECT user_id FROM logs)",
		"WHERE EXISTS (SELECT 1 FROM teams t WHERE t.id = x.id)",
		"WHERE x.id NOT IN ids -- logs",
		"WHERE x.id IS NOT DISTINCT FROM 1 AND (x.id, 2) IN (SELECT id, logs FROM users)",
	}
	ends := []string{
		"",
		"ORDER BY 1, x.id",
		"GROUP BY x.id HAVING count(*) > (SELECT count(*) FROM ids)",
		"LIMIT 1 OFFSET (SELECT id FROM teams)",
	}
	frames := []string{
		"%s",
		"SELECT id FROM ids UNION ALL SELECT * FROM (%s)",
		"WITH logs AS (SELECT 1 AS id, 2 AS user_id, 3 AS users), teams (id) AS MATERIALIZED (SELECT id FROM ids) SELECT logs.id + teams.id FROM logs, teams, (%s)",
		"WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n, (%s) FROM r",
		"INSERT INTO logs (users) %s",
		"INSERT OR REPLACE INTO teams (id) SELECT * FROM (%s) WHERE true ON CONFLICT (id) DO UPDATE SET name = excluded.name, id = (SELECT id FROM ids)",
		"UPDATE users SET logs = (%s), name = 'logs' WHERE id = 1",
		"UPDATE teams AS users SET name = 1 FROM (%s) AS logs WHERE users.id = 1 RETURNING id, name",
		"DELETE FROM ids WHERE id IN (%s)",
	}
	var statements []string
	n := 0
	for _, column := range columns {
		for _, source := range sources {
			for _, filter := range filters {
				for _, end := range ends {
					if strings.HasPrefix(end, "ORDER") && strings.HasPrefix(column, "DISTINCT") {
						end = "ORDER BY 1"
					}
					query := "SELECT " + column + " FROM " + source + " " + filter + "\n" + end
					statements = append(statements, query)
					if column == "x.id" || n%7 == 0 { // not every one in every frame
						frame := frames[n%len(frames)]
						if strings.Contains(column, ",") || !strings.Contains(column, "x.id") {
							frame = frames[0]
						}
						statements = append(statements, strings.Replace(frame, "%s", query, 1))
					}
					n++
				}
			}
		}
	}
	return statements
}

func FuzzScan(f *testing.F) {
	eachSQLCase(func(c sqlCase, dialect Dialect) { f.Add(c.sql, uint8(dialect)) })
	for _, c := range controlCases {
		for _, dialect := range (sqlCase{dialects: c.dialects}).in() {
			f.Add(c.sql, uint8(DialectOf(dialect)))
		}
	}
	f.Fuzz(func(t *testing.T, sql string, dialect uint8) {
		if len(sql) > 1<<16 {
			return
		}
		countTokens(t, sql, Dialect(dialect%5))
		facts := scan(sql, Dialect(dialect%5))
		seen := map[string]bool{}
		for _, table := range facts.Tables {
			if table == "" || seen[table] || Fold(table) != table {
				t.Errorf("table %q of %q", table, facts.Tables)
			}
			seen[table] = true
		}
		if (facts.Control != "" || facts.Commits != "") && needOf(sql, Dialect(dialect%5))&NeedControl == 0 {
			t.Errorf("no need to look for %q, %q", facts.Control, facts.Commits)
		}
		if facts.Commits != "" && Dialect(dialect%5) != MySQL || facts.Balanced && facts.Control == "" {
			t.Errorf("%+v", facts)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	short := `SELECT "users"."id","users"."name" FROM "users" WHERE "users"."team_id" = $1 ORDER BY id LIMIT 10`
	kilo := "WITH recent AS (SELECT user_id, count(*) AS n FROM logs WHERE created_at > $1 GROUP BY user_id) " +
		"SELECT u.id, u.name, coalesce(r.n, 0) AS n, t.name AS team FROM users AS u LEFT JOIN recent r ON r.user_id = u.id " +
		"JOIN teams t ON t.id = u.team_id WHERE u.deleted_at IS NULL AND EXISTS (SELECT 1 FROM grants g WHERE g.user_id = u.id AND g.kind = 'admin') "
	kilo += strings.Repeat("AND u.score BETWEEN $2 AND $3 ", (1000-len(kilo))/30)
	insert := "INSERT INTO users (id, name, team_id, created_at) VALUES "
	insert += strings.Repeat("($1, 'somebody', 17, '2024-01-01 00:00:00'), ", (10000-len(insert))/45) + "(1, 2, 3, 4)"
	for _, sql := range []string{short, kilo, insert} {
		b.Run(fmt.Sprintf("%dB", len(sql)), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(sql)))
			for i := 0; i < b.N; i++ {
				scan(sql, Postgres)
			}
		})
	}
}

// eachSQLCase calls do with every case in every dialect.
func eachSQLCase(do func(c sqlCase, dialect Dialect)) {
	for _, topic := range sqlCases {
		for _, c := range topic.cases {
			for _, dialect := range c.in() {
				do(c, DialectOf(dialect))
			}
		}
	}
}

func sortedTables(tables []string) string {
	sorted := append([]string(nil), tables...)
	sort.Strings(sorted)
	return strings.Join(sorted, " ")
}
