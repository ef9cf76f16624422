package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// testServer is a server as a program gives it to the kit.
func testServer(t *testing.T, server *servers.Server) bindtest.Server {
	t.Helper()
	driver := map[*servers.Server]string{servers.PostgreSQL: "pgx", servers.MariaDB: "mysql"}[server]
	return bindtest.Server{Driver: driver, Dialector: server.DialectorOn, DSN: func(database string) string {
		dsn, err := server.DSNOf(database)
		must(t, err)
		return dsn
	}}
}

// onTestServers runs a test on each server, and with main there and analytics in a SQLite
// file, which has prepared statements.
func onTestServers(t *testing.T, test func(t *testing.T, options ...bindtest.Option)) {
	onServers(t, servers.All(), func(t *testing.T, server *servers.Server) {
		t.Run("all", func(t *testing.T) {
			test(t, bindtest.Config(gorm.Config{TranslateError: true}), bindtest.On(testServer(t, server)))
		})
		t.Run("main, prepared", func(t *testing.T) {
			test(t, bindtest.Config(gorm.Config{PrepareStmt: true, TranslateError: true}), bindtest.On(testServer(t, server), "main"))
		})
	})
}

func openKit(t bindtest.TB, options ...bindtest.Option) *gorm.DB {
	t.Helper()
	return bindtest.Open(t, bindkey.New(bindkey.Models(models...)), options...)
}

func kitSignUp(db *gorm.DB, name string) error {
	return db.Transaction(func(tx *gorm.DB) error {
		user := User{Name: name}
		if err := tx.Create(&user).Error; err != nil {
			return err
		}
		return tx.Create(&LogEntry{UserID: user.ID, Event: name + " joined"}).Error
	})
}

func kitHolds(t bindtest.TB, db *gorm.DB) string {
	t.Helper()
	var names []string
	for _, user := range bindtest.Rows(t, db, "main", &User{}) {
		names = append(names, user.Name)
	}
	return fmt.Sprintf("%s, %d logs", strings.Join(names, " "), len(bindtest.Rows(t, db, "analytics", &LogEntry{})))
}

// The databases are migrated once, made again from what was sent, and dropped.
func TestKitOpen(t *testing.T) {
	onTestServers(t, func(t *testing.T, options ...bindtest.Option) {
		var states []string
		for i := 0; i < 2; i++ {
			t.Run("handle", func(t *testing.T) {
				db := openKit(t, options...)
				rec := bindtest.Record(t, db)
				must(t, kitSignUp(db, "ada"))
				must(t, db.Create(&User{Name: "grace", Logs: []LogEntry{{Event: "g"}}, Tags: []Tag{{Name: "t"}}, Notes: []Note{{Text: "n"}}}).Error)
				if err := db.Create(&User{Name: "ada"}).Error; err == nil {
					t.Error("the unique index is missing")
				}
				rec.WantCommits("analytics", "main", "analytics", "archive", "main")
				states = append(states, bindtest.Look(t, db).String())
			})
		}
		if !strings.Contains(states[0], "main: users\n  id=1 name=\"ada\"\n  id=2 name=\"grace\"\n") {
			t.Errorf("the databases hold\n%s", states[0])
		}
		for _, state := range states[1:] {
			if mask(state) != mask(states[0]) {
				t.Errorf("a copy holds\n%s\nand the first\n%s", state, states[0])
			}
		}
	})
}

// What is declared runs once, and the next handle has what it has sent; but for a migration
// that rolls back, since DDL of MariaDB stays all the same.
func TestKitMigratesOnce(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) { // one after the other: they count together
			server.Need(t)
			for want, migrate := range map[int]func(*gorm.DB) error{1: kitMigrate, 2: kitMigrateWithRollback} {
				before := kitMigrations
				for i := 0; i < 2; i++ {
					db := openKit(t, bindtest.On(testServer(t, server), "main"), bindtest.Migrate(migrate))
					if got := kitHolds(t, db); got != "seeded, 1 logs" {
						t.Errorf("the databases hold %s", got)
					}
					if err := db.Create(&User{Name: "seeded"}).Error; err == nil {
						t.Error("the unique index is missing")
					}
				}
				if n := kitMigrations - before; n != want {
					t.Errorf("it was migrated %d times, not %d", n, want)
				}
			}
		})
	}
}

var kitMigrations int

func kitMigrate(db *gorm.DB) error {
	kitMigrations++
	return errors.Join(db.AutoMigrate(models...), kitSignUp(db, "seeded"))
}

func kitMigrateWithRollback(db *gorm.DB) error {
	err := db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(tx.AutoMigrate(&User{}), errors.New("on second thought"))
	})
	if err == nil {
		return errors.New("no error of what is rolled back")
	}
	return kitMigrate(db)
}

// mask takes out the numbers of rows: of what failed, AUTO_INCREMENT has counted.
func mask(state string) string { return regexp.MustCompile(`id=\d+`).ReplaceAllString(state, "id") }

// What the test commits is gone afterwards, and what one transaction can't do is said.
func TestKitRollback(t *testing.T) {
	onTestServers(t, func(t *testing.T, options ...bindtest.Option) {
		db := openKit(t, options...)
		must(t, kitSignUp(db, "first"))
		before := bindtest.Look(t, db)
		for i := 0; i < 2; i++ {
			t.Run("subtest", func(t *testing.T) {
				bindtest.Rollback(t, db)
				rec := bindtest.Record(t, db)
				committed := 0
				must(t, db.Transaction(func(tx *gorm.DB) error {
					return errors.Join(kitSignUp(tx, "ada"), bindkey.AfterCommit(tx, func(context.Context) error { committed++; return nil }))
				}))
				rec.WantCommits("analytics", "main")
				if committed != 1 {
					t.Errorf("AfterCommit ran %d times", committed)
				}
				if err := db.Create(&User{Name: "ada"}).Error; !errors.Is(err, gorm.ErrDuplicatedKey) { // PostgreSQL would abort the one transaction
					t.Errorf("a second ada: %v", err)
				}
				if err := db.Create(&LogEntry{Event: "ada joined"}).Error; !errors.Is(err, gorm.ErrDuplicatedKey) {
					t.Errorf("a second event: %v", err)
				}
				if err := db.Exec("INSERT INTO users (nothing) VALUES (1)").Error; err == nil {
					t.Error("there is no column nothing")
				}
				err := db.Transaction(func(tx *gorm.DB) error {
					must(t, kitSignUp(tx, "grace"))
					_ = tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&User{Name: "ada"}).Error })
					return tx.Create(&LogEntry{Event: "more"}).Error
				})
				must(t, err)
				rows, err := db.Model(&User{}).Order("id").Rows()
				must(t, err)
				for rows.Next() {
					var user User
					must(t, db.ScanRows(rows, &user))
					must(t, db.Create(&LogEntry{UserID: user.ID, Event: "seen " + user.Name}).Error)
				}
				must(t, errors.Join(rows.Err(), rows.Close()))
				if got := kitHolds(t, db); got != "first ada grace, 7 logs" {
					t.Errorf("the databases hold %s", got)
				}
				bindtest.Fail(t, db, "main", bindtest.Commit, bindtest.ErrLost)
				if err := kitSignUp(db, "mary"); !errors.Is(err, bindkey.ErrPartialCommit) {
					t.Errorf("the program got %v", err)
				}
				if got := kitHolds(t, db); got != "first ada grace, 8 logs" {
					t.Errorf("the databases hold %s", got)
				}
			})
			bindtest.Same(t, db, before)
		}
		must(t, kitSignUp(db, "last"))
		if got := kitHolds(t, db); got != "first last, 2 logs" {
			t.Errorf("afterwards the databases hold %s", got)
		}
	})
}

// docs/testing.md shows this program.
func TestKitDocument(t *testing.T) {
	source, err := os.ReadFile("bindtest_example_test.go")
	must(t, err)
	_, region, found := strings.Cut(string(source), "// region server\n")
	region, _, ended := strings.Cut(region, "// endregion\n")
	page, err := os.ReadFile("../docs/testing.md")
	must(t, err)
	shown := "    " + strings.ReplaceAll(strings.TrimSpace(region), "\n", "\n    ") + "\n"
	if !found || !ended || !strings.Contains(string(page), shown) {
		t.Errorf("docs/testing.md does not show\n%s", shown)
	}
}

// A constraint of PostgreSQL that is checked at COMMIT is checked at the program's.
func TestKitDeferredConstraints(t *testing.T) {
	onServers(t, []*servers.Server{servers.PostgreSQL}, func(t *testing.T, server *servers.Server) {
		db := openKit(t, bindtest.Config(gorm.Config{TranslateError: true}), bindtest.On(testServer(t, server)))
		must(t, db.Exec("ALTER TABLE main_rows ADD CONSTRAINT tickets UNIQUE (ticket) DEFERRABLE INITIALLY DEFERRED").Error)
		bindtest.Rollback(t, db)
		for i := 0; i < 2; i++ {
			err := db.Transaction(func(tx *gorm.DB) error {
				return errors.Join(tx.Create(ticketRow("main", fmt.Sprint("a", i), i)).Error, tx.Create(ticketRow("main", fmt.Sprint("b", i), i)).Error)
			})
			if !errors.Is(err, gorm.ErrDuplicatedKey) || !strings.Contains(err.Error(), `COMMIT in bind "main"`) {
				t.Errorf("two rows of one ticket: %v", err)
			}
			must(t, db.Transaction(func(tx *gorm.DB) error { // for a while there are two
				return errors.Join(tx.Create(ticketRow("main", fmt.Sprint("c", i), 10+i)).Error, tx.Create(ticketRow("main", fmt.Sprint("d", i), 10+i)).Error,
					tx.Exec("UPDATE main_rows SET ticket = ? WHERE name = ?", 20+i, fmt.Sprint("d", i)).Error)
			}))
		}
		if got := len(bindtest.Rows(t, db, "main", &MainRow{})); got != 4 {
			t.Errorf("%d rows", got)
		}
	})
}

// DDL on MariaDB would commit what the test rolls back.
func TestKitDDL(t *testing.T) {
	onServers(t, []*servers.Server{servers.MariaDB}, func(t *testing.T, server *servers.Server) {
		on := bindtest.On(testServer(t, server))
		f := tryKit(t, func(t bindtest.TB) {
			db := openKit(t, on)
			bindtest.Rollback(t, db)
			if err := db.Exec("CREATE TABLE more (id INT)").Error; err == nil {
				t.Errorf("no error of DDL")
			}
			if err := db.Exec("CREATE TEMPORARY TABLE more (id INT)").Error; err != nil {
				t.Errorf("%v", err)
			}
			if err := kitSignUp(db, "ada"); err != nil {
				t.Errorf("%v", err)
			}
		})
		if len(f.said) != 4 || !strings.Contains(f.said[0], "CREATE TABLE commits on MySQL and MariaDB") || !strings.Contains(f.said[0], "bindtest_test.go:") {
			t.Errorf("the test said %q", f.said)
		}
		dropKept(t, server, f.said)
	})
}

// The databases of a test that failed are kept, and named; those of others are dropped.
func TestKitKeepsDatabases(t *testing.T) {
	onServers(t, servers.All(), func(t *testing.T, server *servers.Server) {
		for _, failing := range []bool{true, false} {
			var names []string
			on := bindtest.On(testServer(t, server))
			f := tryKit(t, func(t bindtest.TB) {
				db := openKit(t, on)
				for _, key := range []string{"main", "analytics", "archive"} {
					var name string
					question := map[*servers.Server]string{servers.PostgreSQL: "SELECT current_database()", servers.MariaDB: "SELECT database()"}[server]
					if err := db.Clauses(bindkey.Use(key)).Raw(question).Scan(&name).Error; err != nil {
						t.Fatalf("%v", err)
					}
					names = append(names, name)
				}
				if failing {
					t.Errorf("on purpose")
				}
			})
			said := strings.Join(f.said, "\n")
			for _, name := range names {
				if !strings.HasPrefix(name, "bindtest_") {
					t.Errorf("a database is called %q", name)
				}
				if exists(t, server, name) != failing {
					t.Errorf("failing %t: the database %s exists: %t", failing, name, !failing)
				}
				if strings.Contains(said, "DROP DATABASE "+name) != failing {
					t.Errorf("failing %t: the test said %q of %s", failing, said, name)
				}
			}
			if len(names) != 3 {
				t.Errorf("databases: %v", names)
			}
			dropKept(t, server, f.said)
		}
	})
}

// An error of a server that does not answer, or of a DSN, has no password.
func TestKitSecrets(t *testing.T) {
	for driver, dsn := range map[string]string{"pgx": "host=127.0.0.1 port=1 user=u password=s3cr3tKx dbname=", "mysql": "u:s3cr3tKx@tcp(127.0.0.1:1)/", "nobody": "s3cr3tKx"} {
		server := bindtest.Server{Driver: driver, DSN: func(database string) string { return dsn + database }}
		server.Dialector = servers.PostgreSQL.DialectorOn
		if driver == "mysql" {
			server.Dialector = servers.MariaDB.DialectorOn
		}
		f := tryKit(t, func(t bindtest.TB) { openKit(t, bindtest.On(server)) })
		said := strings.Join(f.said, "\n")
		if !f.failed || strings.Contains(said, "s3cr3tKx") || !strings.Contains(said, `making the database of bind "main"`) {
			t.Errorf("%s: the test said %q", driver, said)
		}
	}
}

func exists(t *testing.T, server *servers.Server, name string) bool {
	t.Helper()
	question := map[*servers.Server]string{
		servers.PostgreSQL: "SELECT count(*) FROM pg_database WHERE datname = $1",
		servers.MariaDB:    "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?",
	}[server]
	var n int
	must(t, server.Admin(t).QueryRow(question, name).Scan(&n))
	return n > 0
}

func dropKept(t *testing.T, server *servers.Server, said []string) {
	t.Helper()
	for _, drop := range regexp.MustCompile(`DROP DATABASE bindtest_\w+`).FindAllString(strings.Join(said, "\n"), -1) {
		_, err := server.Admin(t).Exec(drop)
		must(t, err)
	}
}

// A kitTest is a test that records what it is told.
type kitTest struct {
	testing.TB
	cleanups []func()
	failed   bool
	said     []string
}

func (f *kitTest) Helper()           {}
func (f *kitTest) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }
func (f *kitTest) Failed() bool      { return f.failed }
func (f *kitTest) Logf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}
func (f *kitTest) Errorf(format string, args ...any) { f.failed = true; f.Logf(format, args...) }
func (f *kitTest) Fatalf(format string, args ...any) { f.Errorf(format, args...); runtime.Goexit() }

func tryKit(t *testing.T, test func(bindtest.TB)) *kitTest {
	t.Helper()
	f := &kitTest{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		test(f)
	}()
	<-ended
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
	return f
}

// On PostgreSQL, a state has the tables of all schemas.
func TestKitLooksIntoSchemas(t *testing.T) {
	servers.PostgreSQL.Need(t)
	db := openKit(t, bindtest.On(testServer(t, servers.PostgreSQL), "main"))
	must(t, db.Clauses(bindkey.Use("main")).Exec("CREATE SCHEMA audit").Error)
	must(t, db.Clauses(bindkey.Use("main")).Exec("CREATE TABLE audit.users (id INTEGER, at TEXT)").Error)
	before := bindtest.Look(t, db, "audit.users.at")
	must(t, db.Clauses(bindkey.Use("main")).Exec("INSERT INTO audit.users VALUES (7, 'now')").Error)
	now := bindtest.Look(t, db, "audit.users.at").String()
	if now == before.String() || !strings.Contains(now, "main: audit.users\n  id=7\n") || !strings.Contains(now, "main: users\n") {
		t.Errorf("the databases hold\n%s", now)
	}
}
