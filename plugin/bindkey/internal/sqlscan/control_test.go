package sqlscan

import (
	"strings"
	"testing"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

var controlCases = []struct {
	dialects string // as in sqlCase
	sql      string
	control  string // a + behind it for balanced
	commits  string
}{
	{"", "", "", ""},
	{"", ";;", "", ""},
	{"", "SELECT 1", "", ""},
	{"", "SELECT 1; SELECT 2", "", ""},
	{"", "SELECT commit, begin FROM rollback", "", ""},
	{"", "SELECT 'x; COMMIT; y' FROM t", "", ""},
	{"", "INSERT INTO t VALUES ('; ROLLBACK')", "", ""},
	{"", "UPDATE t SET a = 1 -- ; COMMIT", "", ""},
	{"", "DELETE FROM t /* ; COMMIT */", "", ""},
	{"", "1 COMMIT", "", ""},
	{"", "(COMMIT)", "", ""},
	{"", "EXPLAIN COMMIT", "", ""},
	{"", "COMMITS", "", ""},
	{"", `"COMMIT"`, "", ""},
	{"", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "", ""},

	{"mysql", "SET STATEMENT lock_wait_timeout = 1 FOR ALTER TABLE t ADD c INT", "", "ALTER"},
	{"mysql", "set statement max_statement_time=1, a=2 for COMMIT", "COMMIT", ""},
	{"mysql", "SET STATEMENT a = 1 FOR SELECT 1", "", ""},
	{"mysql", "IF 1 = 1 THEN ALTER TABLE t ADD c INT; END IF", "", "IF"},
	{"mysql", "BACKUP STAGE START", "", "BACKUP"},
	{"postgres sqlite sqlserver standard", "BEGIN TRANSACTION", "BEGIN", ""},
	{"postgres sqlite standard", "BEGIN", "BEGIN", ""},
	{"mysql", "BEGIN", "BEGIN", "BEGIN"},
	{"mysql", "begin work;", "BEGIN", "BEGIN"},
	{"sqlserver", "BEGIN TRAN t", "BEGIN", ""},
	{"sqlserver", "BEGIN DISTRIBUTED TRANSACTION", "BEGIN", ""},
	{"postgres", "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY", "BEGIN", ""},
	{"postgres", "BEGIN NOT DEFERRABLE", "BEGIN", ""},
	{"sqlite", "BEGIN IMMEDIATE", "BEGIN", ""},
	{"postgres sqlite sqlserver standard", "START TRANSACTION", "START TRANSACTION", ""},
	{"mysql", "START TRANSACTION READ ONLY", "START TRANSACTION", "START TRANSACTION"},
	{"", "COMMIT", "COMMIT", ""},
	{"", "CoMmIt ;", "COMMIT", ""},
	{"", " \n\t/* x */ -- y\n COMMIT", "COMMIT", ""},
	{"", ";; ; COMMIT", "COMMIT", ""},
	{"", "COMMIT WORK", "COMMIT", ""},
	{"mysql", "/*!40000 COMMIT */", "COMMIT", ""},
	{"mysql", "/*! SELECT 1; */ COMMIT", "COMMIT", ""},
	{"mysql", "# x\nCOMMIT", "COMMIT", ""},
	{"postgres sqlite standard", "END", "END", ""},
	{"postgres sqlite standard", "END TRANSACTION;", "END", ""},
	{"mysql sqlserver", "END", "", ""},
	{"", "ROLLBACK", "ROLLBACK", ""},
	{"", "ROLLBACK TRANSACTION", "ROLLBACK", ""},
	{"postgres mysql sqlite standard", "ROLLBACK TO a", "ROLLBACK TO", ""},
	{"postgres mysql sqlite standard", "ROLLBACK WORK /* x */ TO SAVEPOINT a", "ROLLBACK TO", ""},
	{"sqlserver", "ROLLBACK TRAN a", "ROLLBACK", ""},
	{"postgres standard", "ABORT", "ABORT", ""},
	{"mysql sqlite sqlserver", "ABORT", "", ""},
	{"", "SAVEPOINT a", "SAVEPOINT", ""},
	{"", "RELEASE SAVEPOINT a", "RELEASE", ""},
	{"", "RELEASE a", "RELEASE", ""},
	{"sqlserver", "SAVE TRAN a", "SAVE TRANSACTION", ""},
	{"sqlserver", "SAVE TRANSACTION a", "SAVE TRANSACTION", ""},
	{"", "PREPARE TRANSACTION 'x'", "PREPARE TRANSACTION", ""},
	{"postgres", "PREPARE p AS SELECT 1", "", ""},
	{"mysql", "PREPARE p FROM 'COMMIT'", "", ""},
	{"", "COMMIT PREPARED 'x'", "", ""},
	{"", "ROLLBACK PREPARED 'x'", "", ""},
	{"mysql", "XA START 'x'", "XA START", ""},
	{"mysql", "xa begin 'x'", "XA BEGIN", ""},
	{"mysql", "XA END 'x'", "XA END", ""},
	{"mysql", "XA PREPARE 'x'", "XA PREPARE", ""},
	{"mysql", "XA COMMIT 'x'", "", ""},
	{"mysql", "XA ROLLBACK 'x'", "", ""},
	{"mysql", "XA RECOVER", "", ""},
	{"postgres sqlite sqlserver standard", "XA START 'x'", "", ""},

	{"", "SELECT 1; COMMIT", "COMMIT", ""},
	{"", "SELECT 1;COMMIT; BEGIN TRANSACTION", "COMMIT", ""},
	{"", "UPDATE t SET a = 1; /* x */ ROLLBACK", "ROLLBACK", ""},
	{"", "UPDATE t SET a = 1; -- x\nROLLBACK", "ROLLBACK", ""},

	{"postgres sqlite standard", "BEGIN; UPDATE users SET a = 1; COMMIT", "BEGIN+", ""},
	{"postgres sqlite standard", "BEGIN; UPDATE users SET a = 1; END;", "BEGIN+", ""},
	{"mysql", "BEGIN; UPDATE users SET a = 1; COMMIT", "BEGIN+", "BEGIN"},
	{"", "START TRANSACTION; UPDATE users SET a = 1; ROLLBACK", "START TRANSACTION+", "mysql:START TRANSACTION"},
	{"postgres", "BEGIN; SAVEPOINT a; ROLLBACK TO a; RELEASE a; ABORT; BEGIN; COMMIT", "BEGIN+", ""},
	{"postgres", "BEGIN; COMMIT; BEGIN", "BEGIN", ""},
	{"postgres", "BEGIN; COMMIT; COMMIT", "BEGIN", ""},
	{"postgres", "BEGIN; COMMIT; SAVEPOINT a", "BEGIN", ""},
	{"postgres", "COMMIT; BEGIN; COMMIT", "COMMIT", ""},
	{"postgres", "BEGIN; COMMIT AND CHAIN", "BEGIN", ""},
	{"postgres", "BEGIN; COMMIT AND NO CHAIN", "BEGIN+", ""},
	{"postgres", "BEGIN; COMMIT WORK AND CHAIN; ROLLBACK", "BEGIN", ""},
	{"postgres", "BEGIN; PREPARE TRANSACTION 'x'", "BEGIN", ""},
	{"postgres", "BEGIN; COMMIT; COMMIT PREPARED 'x'", "BEGIN+", ""},
	{"sqlserver", "BEGIN TRAN; BEGIN TRAN; COMMIT", "BEGIN", ""},
	{"sqlserver", "BEGIN TRAN; BEGIN TRAN; COMMIT; COMMIT TRAN", "BEGIN+", ""},
	{"sqlserver", "BEGIN TRAN; BEGIN TRAN; ROLLBACK", "BEGIN+", ""},
	{"sqlserver", "BEGIN TRAN; SAVE TRAN a; ROLLBACK TRAN a", "BEGIN", ""},
	{"sqlserver", "BEGIN TRAN UPDATE t SET a = 1 COMMIT", "BEGIN", ""},

	// Blocks and bodies.
	{"mysql", "BEGIN NOT ATOMIC UPDATE t SET a = 1; END", "", ""},
	{"mysql", "BEGIN NOT ATOMIC COMMIT; END", "COMMIT", ""},
	{"mysql", "BEGIN NOT ATOMIC DROP TABLE t; END", "", "DROP"},
	{"sqlserver", "BEGIN UPDATE t SET a = 1; END", "", ""},
	{"sqlserver", "BEGIN TRY BEGIN TRAN; UPDATE t SET a = 1; COMMIT; END TRY BEGIN CATCH ROLLBACK; END CATCH", "BEGIN+", ""},
	{"standard", "BEGIN UPDATE t SET a = 1; COMMIT; END;", "", ""},
	{"sqlite mysql standard", "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE u SET a = 1; END", "", "mysql:CREATE"},
	{"sqlite", "CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN UPDATE u SET a = 1; DELETE FROM u; END", "", ""},
	{"sqlite", "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE u SET a = 1; END; COMMIT", "COMMIT", ""},
	{"sqlite", "BEGIN; CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE u SET a = 1; END; COMMIT", "BEGIN+", ""},
	{"mysql", "CREATE DEFINER = `root`@`localhost` PROCEDURE p() BEGIN START TRANSACTION; COMMIT; END", "", "CREATE"},
	{"mysql", "CREATE DEFINER=root@localhost EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN ROLLBACK; COMMIT; END", "", "CREATE"},
	{"mysql", "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN SELECT 1; ROLLBACK; END", "", "CREATE"},
	{"mysql", "CREATE PACKAGE BODY p AS PROCEDURE q AS BEGIN SELECT 1; COMMIT; END; END", "", "CREATE"},
	{"mysql", "ALTER EVENT e DO BEGIN SELECT 1; COMMIT; END", "", "ALTER"},
	{"sqlserver", "CREATE OR ALTER PROCEDURE p AS BEGIN TRAN; COMMIT", "", ""},
	{"sqlserver", "ALTER PROC p AS SELECT 1; COMMIT", "", ""},
	{"standard", "DECLARE x NUMBER; BEGIN x := 1; COMMIT; END;", "", ""},
	{"standard", "DO x; COMMIT", "", ""},
	{"", "CREATE TABLE event (a int); COMMIT", "COMMIT", "mysql:CREATE"},
	{"", "ALTER TABLE t ADD procedure int; COMMIT", "COMMIT", "mysql:ALTER"},
	{"", "DROP PROCEDURE p; COMMIT", "COMMIT", "mysql:DROP"},
	// PostgreSQL's bodies are strings, and its DECLARE is a cursor.
	{"postgres", "DO $$ BEGIN COMMIT; END $$", "", ""},
	{"postgres", "DO $$ BEGIN COMMIT; END $$; COMMIT", "COMMIT", ""},
	{"postgres", "DECLARE c CURSOR FOR SELECT 1; COMMIT", "COMMIT", ""},
	{"postgres", "CREATE FUNCTION f() RETURNS int AS $$ BEGIN; COMMIT; $$ LANGUAGE sql; ROLLBACK", "ROLLBACK", ""},
	{"postgres", "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f(); COMMIT", "COMMIT", ""},
	{"postgres", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "", ""},
	{"sqlserver", "DECLARE @x int = 1; COMMIT", "COMMIT", ""},
	{"mysql", "DO sleep(1); COMMIT", "COMMIT", ""},

	// What commits by itself, in MySQL.
	{"postgres sqlite sqlserver standard", "CREATE TABLE t (a int)", "", ""},
	{"postgres sqlite sqlserver standard", "TRUNCATE TABLE t; LOCK TABLES t", "", ""},
	{"mysql", "CREATE TABLE t (a int)", "", "CREATE"},
	{"mysql", "create unique index i on t (a)", "", "CREATE"},
	{"mysql", "/*!40000 ALTER TABLE t DISABLE KEYS */", "", "ALTER"},
	{"mysql", "SELECT 1; DROP TABLE t; CREATE TABLE t (a int)", "", "DROP"},
	{"mysql", "CREATE TEMPORARY TABLE t (a int)", "", ""},
	{"mysql", "CREATE OR REPLACE TEMPORARY TABLE t (a int)", "", ""},
	{"mysql", "CREATE TEMPORARY SEQUENCE s", "", "CREATE"},
	{"mysql", "DROP TEMPORARY TABLE t", "", ""},
	{"mysql", "DROP PREPARE p", "", ""},
	{"mysql", "RENAME TABLE a TO b", "", "RENAME"},
	{"mysql", "TRUNCATE t", "", "TRUNCATE"},
	{"mysql", "GRANT SELECT ON d.* TO u", "", "GRANT"},
	{"mysql", "REVOKE SELECT ON d.* FROM u", "", "REVOKE"},
	{"mysql", "SET PASSWORD FOR u = 'x'", "", "SET PASSWORD"},
	{"mysql", "SET DEFAULT ROLE NONE", "", "SET DEFAULT ROLE"},
	{"mysql", "SET ROLE NONE", "", ""},
	{"mysql", "SET NAMES utf8mb4", "", ""},
	{"mysql", "SET autocommit = 1", "", "SET AUTOCOMMIT"},
	{"mysql", "SET @@autocommit := ON", "", "SET AUTOCOMMIT"},
	{"mysql", "SET @@session.autocommit=1", "", "SET AUTOCOMMIT"},
	{"mysql", "SET SESSION autocommit = ?", "", "SET AUTOCOMMIT"},
	{"mysql", "SET NAMES utf8, `autocommit` = TRUE", "", "SET AUTOCOMMIT"},
	{"mysql", "SET GLOBAL x = 1, SESSION autocommit = 1", "", "SET AUTOCOMMIT"},
	{"mysql", "SET autocommit = 0", "", ""},
	{"mysql", "SET autocommit = OFF", "", ""},
	{"mysql", "SET GLOBAL autocommit = 1", "", ""},
	{"mysql", "SET @@global.autocommit = 1", "", ""},
	{"mysql", "SET @x = @@autocommit", "", ""},
	{"mysql", "LOCK TABLES t WRITE", "", "LOCK TABLES"},
	{"mysql", "LOCK TABLE t READ", "", "LOCK TABLE"},
	{"mysql", "UNLOCK TABLES", "", "UNLOCK TABLES"},
	{"mysql", "ANALYZE TABLE t", "", "ANALYZE TABLE"},
	{"mysql", "ANALYZE LOCAL TABLE t", "", "ANALYZE TABLE"},
	{"mysql", "ANALYZE FORMAT=JSON SELECT 1", "", ""},
	{"mysql", "CHECK TABLE t", "", "CHECK TABLE"},
	{"mysql", "CHECK VIEW v", "", "CHECK VIEW"},
	{"mysql", "CHECKSUM TABLE t", "", ""},
	{"mysql", "OPTIMIZE NO_WRITE_TO_BINLOG TABLE t", "", "OPTIMIZE TABLE"},
	{"mysql", "REPAIR TABLE t", "", "REPAIR TABLE"},
	{"mysql", "CACHE INDEX t IN c", "", "CACHE INDEX"},
	{"mysql", "LOAD INDEX INTO CACHE t", "", "LOAD INDEX"},
	{"mysql", "LOAD DATA INFILE 'f' INTO TABLE t", "", ""},
	{"mysql", "FLUSH STATUS", "", "FLUSH"},
	{"mysql", "RESET QUERY CACHE", "", "RESET"},
	{"mysql", "RESET PERSIST", "", ""},
	{"mysql", "INSTALL PLUGIN p SONAME 'x'", "", "INSTALL"},
	{"mysql", "UNINSTALL PLUGIN p", "", "UNINSTALL"},
	{"mysql", "START REPLICA", "", "START REPLICA"},
	{"mysql", "STOP ALL SLAVES", "", "STOP ALL"},
	{"mysql", "CHANGE MASTER TO MASTER_HOST = 'x'", "", "CHANGE MASTER"},
	{"mysql", "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'x'", "", "CHANGE REPLICATION"},
	{"mysql", "SAVEPOINT a; CREATE TABLE t (a int)", "SAVEPOINT", "CREATE"},
	{"mysql", "HANDLER t OPEN", "", ""},
	{"mysql", "USE d", "", ""},
	{"mysql", "KILL QUERY 1", "", ""},
}

func TestControl(t *testing.T) {
	before, after := neutral.Uses("main")
	for _, c := range controlCases {
		for _, dialect := range (sqlCase{dialects: c.dialects}).in() {
			commits := c.commits
			if of, what, ok := strings.Cut(commits, ":"); ok {
				if commits = ""; of == dialect {
					commits = what
				}
			}
			control, balanced := strings.CutSuffix(c.control, "+")
			d := DialectOf(dialect)
			for _, sql := range []string{c.sql, strings.ToUpper(c.sql), strings.ToLower(c.sql), neutral.Belongs("main") + c.sql, before + c.sql + after,
				"SELECT 1;" + before + c.sql + after, "/* x */" + c.sql + ";", "SELECT 1;\n" + c.sql} {
				got := scan(sql, d)
				if got.Control != control || got.Balanced != balanced || got.Commits != commits {
					t.Errorf("%s: %q\n\tcontrol %q, balanced %t, commits %q; want %q, %t, %q", dialect, sql, got.Control, got.Balanced, got.Commits, control, balanced, commits)
				}
				if needOf(sql, d)&NeedControl == 0 && (control != "" || commits != "") {
					t.Errorf("%s: %q: no need to look for %q, %q", dialect, sql, control, commits)
				}
			}
		}
	}
}

// What most statements are needs no second look.
func TestNeedNoControl(t *testing.T) {
	for _, sql := range []string{"", "SELECT * FROM t", "  select 1;", "INSERT INTO t VALUES (1); ", "UPDATE t SET a = ';x'", "DELETE FROM t", "WITH a AS (SELECT 1) SELECT * FROM a",
		"/* trace */ SELECT 1", "-- x\nSELECT 1", neutral.Belongs("main") + "SELECT 1", "SELECT 1; SELECT 2", "(SELECT 1) UNION SELECT 2", "REPLACE INTO t VALUES (1)", "PRAGMA foreign_keys"} {
		for _, dialect := range allDialects {
			if needOf(sql, DialectOf(dialect))&NeedControl != 0 {
				t.Errorf("%s: %q", dialect, sql)
			}
		}
	}
	for _, dialect := range []string{"postgres", "sqlite", "sqlserver", "standard"} {
		if needOf("CREATE TABLE t (a int)", DialectOf(dialect))&NeedControl != 0 {
			t.Errorf("%s: what commits in MySQL alone", dialect)
		}
	}
	const sql = "INSERT INTO t (a, b) VALUES ($1, $2)"
	if n := testing.AllocsPerRun(100, func() { needOf(sql, MySQL) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A byte order mark at the beginning, which SQLite skips, hides nothing.
func TestByteOrderMark(t *testing.T) {
	var c Cache
	for _, d := range []Dialect{Standard, MySQL, Postgres, SQLite, TransactSQL} {
		if facts := c.Scan("\ufeffCOMMIT", d); facts.Control != "COMMIT" || c.Need("\ufeffCOMMIT", d)&NeedControl == 0 {
			t.Errorf("%v: %+v", d, facts)
		}
		if facts := c.Scan("\ufeffDELETE FROM logs", d); len(facts.Tables) != 1 || facts.Reads {
			t.Errorf("%v: %+v", d, facts)
		}
	}
}
