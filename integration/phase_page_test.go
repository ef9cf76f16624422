package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// TestTwoPhasePage runs the example of docs/two-phase.md.
func TestTwoPhasePage(t *testing.T) {
	type Order struct{ ID uint }
	type Event struct {
		_  struct{} `bind:"analytics"`
		ID uint
	}
	servers.MariaDB.Need(t)
	main, other := servers.NeedPreparing(t).Database(t, "page"), servers.MariaDB.Database(t, "page")
	db, err := gorm.Open(main.Server.DialectorOn(openPool(t, main.Connector(t, nil))), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	analytics := other.Server.DialectorOn(openPool(t, other.Connector(t, nil)))
	check := func(err error) { t.Helper(); must(t, err) }

	plugin := bindkey.New(bindkey.TwoPhase(bindkey.TwoPhaseConfig{App: "shop"})).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{analytics}})
	check(db.Use(plugin))                     // an error if a database can't take part
	check(db.AutoMigrate(&Order{}, &Event{})) // makes the table of decisions, too

	check(db.Transaction(func(tx *gorm.DB) error { // two databases
		return errors.Join(tx.Create(&Order{ID: 1}).Error, tx.Create(&Event{ID: 1}).Error)
	}))

	var decisions int64
	check(db.Table("gormbind_decisions").Where("outcome = 'C' AND participants = 'analytics'").Count(&decisions).Error)
	if check(plugin.Close()); decisions != 1 {
		t.Errorf("%d decisions", decisions)
	}
}

// pendingWorld has a transaction that is decided, and prepared in analytics and archive.
func pendingWorld(t *testing.T) (w *phaseWorld, gid string) {
	t.Helper()
	config := young
	config.two.App = "shop"
	w = newPhaseWorld(t, config)
	hook := func(on *testkit.Conn, call testkit.Call, real func() error) error {
		if strings.HasPrefix(call.SQL, "COMMIT PREPARED") || strings.HasPrefix(call.SQL, "XA COMMIT") {
			return lost(on, real, false)
		}
		return real()
	}
	w.hook.Store(&hook)
	_, err := w.all("a")
	w.hook.Store(nil)
	var pending *bindkey.PendingError
	if !errors.As(err, &pending) || len(pending.Binds) != 2 {
		t.Fatalf("told %v", err)
	}
	w.expect("main: a")
	return w, pending.GID
}

// An operator finishes branches by hand, with the statements of the page.
func TestByHandAsThePageSays(t *testing.T) {
	w, gid := pendingWorld(t)
	qualifier, owner := w.xaBranch(gid)
	statements := regexp.MustCompile(`(?m)^([A-Z][^;\n]*);`).FindAllStringSubmatch(block(t, "docs/two-phase.md", "sql", 0), -1)
	if len(statements) != 6 {
		t.Fatalf("%d statements", len(statements))
	}
	fill := strings.NewReplacer("…/analytics", strings.TrimPrefix(gid, "gb1:shop:")+"/archive", "…", strings.TrimPrefix(gid, "gb1:shop:"), "analytics.2s.t8k1", qualifier)
	run := func(key, statement string) (found int, err error) {
		rows, err := w.plain[key].Query(statement)
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		for rows.Next() {
			found++
		}
		return found, rows.Err()
	}
	for start := time.Now(); ; time.Sleep(time.Millisecond) { // as the page says of MariaDB
		n, err := run("analytics", fmt.Sprintf("SELECT id FROM information_schema.processlist WHERE id = %d", owner))
		must(t, err)
		if n == 0 {
			break
		}
		if time.Since(start) > 5*time.Second {
			t.Fatal("the connection stays")
		}
	}
	for i, key := range []string{"archive", "analytics", "main", "main", "archive", "analytics"} {
		statement := fill.Replace(statements[i][1])
		n, err := run(key, statement)
		if i == 3 { // it is decided, so that nobody can decide otherwise
			if err == nil {
				t.Errorf("%s succeeds", statement)
			}
			continue
		}
		if err != nil || i < 3 && n == 0 {
			t.Errorf("%s: %d rows, %v", statement, n, err)
		}
	}
	w.expect(everywhere)
}

// xaBranch is the qualifier of a transaction's branch in MariaDB, and the id of the
// connection that is in it.
func (w *phaseWorld) xaBranch(gid string) (qualifier string, owner int64) {
	rows, err := w.plain["analytics"].Query("XA RECOVER")
	must(w.T, err)
	defer rows.Close()
	for rows.Next() {
		var format, first, second int
		var data string
		must(w.T, rows.Scan(&format, &first, &second, &data))
		if strings.HasPrefix(data, gid) {
			qualifier = data[first:]
		}
	}
	must(w.T, rows.Err())
	var digits string
	if parts := strings.Split(qualifier, "."); len(parts) == 3 {
		digits = parts[1]
	}
	for _, digit := range digits {
		owner = owner*36 + int64(strings.IndexRune("0123456789abcdefghijklmnopqrstuvwxyz", digit))
	}
	return qualifier, owner
}

// The command lists and finishes what is prepared, over a file.
func TestCommandRecovers(t *testing.T) {
	w, gid := pendingWorld(t)
	dir := t.TempDir()
	command := filepath.Join(dir, "gormbind")
	build := exec.Command("go", "build", "-o", command, ".")
	build.Dir = "../cmd/gormbind"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file := filepath.Join(dir, "binds.yaml")
	text := "two_phase: {app: shop, grace: 1ns}\nbinds:\n"
	for _, key := range keys {
		text += fmt.Sprintf("  %s: {url: \"%s\"}\n", key, w.url(key))
	}
	text += fmt.Sprintf("  customer: {url: \"%s_{tenant}\"}\n", w.url("analytics")) // whose databases have no branches
	must(t, os.WriteFile(file, []byte(text), 0o600))
	run := func(name string) (string, int) {
		c := exec.Command(command, name, "-config", file)
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState.ExitCode()
	}
	out, status := run("in-doubt")
	if status != 1 || strings.Count(out, gid) != 2 || strings.Count(out, "decided: commit") != 2 {
		t.Errorf("in-doubt: %d\n%s", status, out)
	}
	w.expect("main: a")
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if out, status = run("recover"); status == 0 || time.Since(start) > 10*time.Second {
			break
		}
	}
	if status != 0 {
		t.Errorf("recover: %d\n%s", status, out)
	}
	w.expect(everywhere)
	if out, status = run("in-doubt"); status != 0 || out != "nothing is prepared\n" {
		t.Errorf("in-doubt afterwards: %d\n%s", status, out)
	}
}

// url is a bind's database as package config has it.
func (w *phaseWorld) url(key string) string {
	dsn, err := w.at[key].DSN("", nil)
	must(w.T, err)
	if key == "analytics" {
		c, err := mysqldriver.ParseDSN(dsn)
		must(w.T, err)
		return "mysql://" + c.User + "@" + c.Addr + "/" + c.DBName
	}
	c, err := pgx.ParseConfig(dsn)
	must(w.T, err)
	return fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", c.User, c.Host, c.Port, c.Database)
}

func block(t *testing.T, page, language string, nth int) string {
	t.Helper()
	text, err := os.ReadFile("../" + page)
	must(t, err)
	return regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)[nth][1]
}
