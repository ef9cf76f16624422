package twophase_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/twophase"
)

var ctx = context.Background()

// newStore is a table of decisions in a SQLite file, as a process sees it; again is the
// same as another does.
func newStore(t *testing.T) (s *twophase.Store, db *sql.DB, again func() *twophase.Store) {
	t.Helper()
	db, err := sql.Open(sqlitedb.DriverName, "file:"+filepath.Join(t.TempDir(), "a.db")+"?_busy_timeout=10000&_txlock=immediate")
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.Exec("CREATE TABLE " + twophase.Table + " (gid VARCHAR(64) PRIMARY KEY, outcome CHAR(1) NOT NULL, participants VARCHAR(1024) NOT NULL, decided_at BIGINT NOT NULL)")
	must(t, err)
	again = func() *twophase.Store {
		return &twophase.Store{Product: product.Of("sqlite"), DB: func() (*sql.DB, error) { return db, nil }}
	}
	return again(), db, again
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An id is short enough and safe in a literal, whatever the application and the time.
func TestGID(t *testing.T) {
	safe := regexp.MustCompile(`^[A-Za-z0-9:_-]+$`)
	seen := map[string]bool{}
	for i := 0; i < 1000; i++ {
		gid := twophase.NewGID(strings.Repeat("a", twophase.MaxApp), "STORE123", time.Now())
		if len(gid) != 64 || !safe.MatchString(gid) || seen[gid] || !strings.HasPrefix(gid, twophase.Prefix(strings.Repeat("a", twophase.MaxApp))) {
			t.Fatal(gid)
		}
		seen[gid] = true
	}
	if early, late := twophase.NewGID("a", "STORE123", time.UnixMilli(1)), twophase.NewGID("a", "STORE123", time.UnixMilli(1e15)); early >= late {
		t.Errorf("%s is not before %s", early, late)
	}
	for app, ok := range map[string]bool{"shop": true, "shop-2_x": true, "": false, "a b": false, "a'b": false, "é": false, "a:b": false, strings.Repeat("a", 25): false} {
		if err := twophase.CheckApp(app); (err == nil) != ok {
			t.Errorf("%q: %v", app, err)
		}
	}
}

// The name of a bind's branch is safe, short, and of that bind alone.
func TestQualifier(t *testing.T) {
	safe := regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
	seen := map[string]string{}
	for _, key := range []string{"main", "a.b", "a b", "it's", "ключ", strings.Repeat("k", 41), strings.Repeat("k", 42), "a,b"} {
		q := twophase.Qualifier(key)
		if !safe.MatchString(q) || seen[q] != "" {
			t.Errorf("%q is named %q, as %q is", key, q, seen[q])
		}
		seen[q] = key
	}
	if twophase.Qualifier("main") != "main" {
		t.Error("a plain key is not its own name")
	}
}

// All processes find one name of the table, also those that look for it first at once.
func TestOneID(t *testing.T) {
	_, _, again := newStore(t)
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			id, err := again().ID(ctx)
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		}()
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] || len(id) != 8 {
			t.Errorf("%q and %q", id, ids[0])
		}
	}
}

// A coordinator that commits C, and two recoveries that insert A: all are told the same.
func TestWhoIsFirstDecides(t *testing.T) {
	store, db, again := newStore(t)
	outcomes := map[bool]int{}
	for i := 0; i < 60; i++ {
		gid := twophase.NewGID("shop", "STORE123", time.Now())
		decision, err := store.Decision(gid, []string{"analytics"})
		must(t, err)
		told := make([]bool, 3)
		var all sync.WaitGroup
		run := func(n int, decide func() (bool, error)) {
			all.Add(1)
			go func() {
				defer all.Done()
				commit, err := decide()
				if err != nil {
					t.Error(err)
				}
				told[n] = commit
			}()
		}
		run(0, func() (bool, error) {
			time.Sleep(time.Duration(i%3) * 300 * time.Microsecond)
			tx, err := db.Begin()
			if err != nil {
				return false, err
			}
			if _, err = tx.Exec(decision); err != nil {
				return false, tx.Rollback()
			}
			return true, tx.Commit()
		})
		run(1, func() (bool, error) { return again().Decided(ctx, gid) })
		run(2, func() (bool, error) { return again().Resolve(ctx, gid) })
		all.Wait()
		if told[0] != told[1] || told[1] != told[2] {
			t.Fatalf("they are told %v", told)
		}
		outcomes[told[0]]++
		outcome, err := store.Read(ctx, gid)
		must(t, err)
		if outcome != map[bool]string{true: "C", false: "A"}[told[0]] {
			t.Errorf("the row is %q", outcome)
		}
	}
	if outcomes[true] == 0 || outcomes[false] == 0 {
		t.Logf("one of them was always first: %v", outcomes)
	}
}

// A decision whose list of participants is too long is an error, and not cut.
func TestTooManyParticipants(t *testing.T) {
	store, _, _ := newStore(t)
	var names []string
	for i := 0; i < 60; i++ {
		names = append(names, fmt.Sprintf("a_bind_with_a_long_name_%d", i))
	}
	if _, err := store.Decision("gid", names); err == nil {
		t.Error("no error")
	}
}

// Without the table, recovery says so and does nothing.
func TestNoTable(t *testing.T) {
	store, db, _ := newStore(t)
	_, err := db.Exec("DROP TABLE " + twophase.Table)
	must(t, err)
	r := twophase.Recovery{App: "shop", Store: store}
	if _, err := r.Run(ctx); err == nil || !strings.Contains(err.Error(), twophase.Table) {
		t.Errorf("%v", err)
	}
}

// Decisions are deleted once they are old and all their databases have been asked.
func TestTidy(t *testing.T) {
	store, db, _ := newStore(t)
	_, err := store.ID(ctx)
	must(t, err)
	now := time.Now().Unix()
	for gid, row := range map[string]struct {
		outcome, participants string
		age                   int64
	}{
		"old": {"C", "analytics", 7200}, "young": {"C", "analytics", 60}, "unreached": {"C", "analytics,archive", 7200}, "unknown": {"C", "removed", 7200},
		"aborted": {"A", "", 7200}, "old-aborted": {"A", "", 90000}, "heuristic": {"H", "analytics", 7200},
	} {
		_, err := db.Exec("INSERT INTO "+twophase.Table+" VALUES (?, ?, ?, ?)", "gb1:shop:"+gid, row.outcome, row.participants, now-row.age)
		must(t, err)
	}
	for _, gid := range []string{"gb1:shop-2:old", "gb1:sho_:old"} { // of other programs, with a bind of the same name
		_, err := db.Exec("INSERT INTO "+twophase.Table+" VALUES (?, 'C', 'analytics', ?)", gid, now-7200)
		must(t, err)
	}
	empty := &product.TwoPhase{Find: func(context.Context, product.Querier, string) ([]product.Found, error) { return nil, nil }}
	r := twophase.Recovery{App: "shop", Store: store, KeepCommits: time.Hour, KeepAborts: 24 * time.Hour, Participants: []twophase.Participant{
		{Key: "analytics", DB: store.DB, On: empty},
		{Key: "archive", DB: func() (*sql.DB, error) { return nil, errors.New("is down") }, On: empty},
	}}
	if _, err := r.Run(ctx); err == nil || !strings.Contains(err.Error(), "is down") {
		t.Errorf("%v", err)
	}
	if got, want := strings.Join(gids(t, db), " "), "gb1:sho_:old gb1:shop-2:old gb1:shop:aborted gb1:shop:heuristic gb1:shop:unknown gb1:shop:unreached gb1:shop:young store"; got != want {
		t.Errorf("left are %q, want %q", got, want)
	}
	r.App = "sho_"
	_, _ = r.Run(ctx)
	if got := strings.Join(gids(t, db), " "); strings.Contains(got, "sho_") || !strings.Contains(got, "gb1:shop-2:old") || !strings.Contains(got, "gb1:shop:unknown") {
		t.Errorf("left are %q", got)
	}
}

// gids are those of the rows in the table.
func gids(t *testing.T, db *sql.DB) (all []string) {
	t.Helper()
	rows, err := db.Query("SELECT gid FROM " + twophase.Table + " ORDER BY gid")
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var gid string
		must(t, rows.Scan(&gid))
		all = append(all, gid)
	}
	must(t, rows.Err())
	return all
}

// Many decisions that must stay, since their bind is gone, do not keep the others from
// being deleted.
func TestTidyBehindWhatStays(t *testing.T) {
	store, db, _ := newStore(t)
	tx, err := db.Begin()
	must(t, err)
	for i := 0; i < 12000; i++ {
		participants := "removed"
		if i >= 11000 {
			participants = "analytics"
		}
		_, err := tx.Exec("INSERT INTO "+twophase.Table+" VALUES (?, 'C', ?, ?)", fmt.Sprintf("gb1:shop:%05d", i), participants, time.Now().Unix()-7200)
		must(t, err)
	}
	must(t, tx.Commit())
	empty := &product.TwoPhase{Find: func(context.Context, product.Querier, string) ([]product.Found, error) { return nil, nil }}
	r := twophase.Recovery{App: "shop", Store: store, KeepCommits: time.Hour, KeepAborts: 24 * time.Hour, Participants: []twophase.Participant{{Key: "analytics", DB: store.DB, On: empty}}}
	for i := 0; i < 6; i++ { // each looks at some, and begins again behind the last
		_, err := r.Run(ctx)
		must(t, err)
	}
	if n := len(gids(t, db)); n != 11001 {
		t.Errorf("%d rows are left", n)
	}
}

// A table that is made anew while the process runs has another name, which recovery sees:
// it must not decide for transactions that the old one has decided. InDoubt writes nothing.
func TestTableMadeAnew(t *testing.T) {
	store, db, _ := newStore(t)
	id, err := store.ID(ctx)
	must(t, err)
	gid := twophase.NewGID("shop", id, time.Now().Add(-time.Hour))
	_, err = db.Exec("DELETE FROM " + twophase.Table)
	must(t, err)
	one := &product.TwoPhase{Rollback: func(product.Branch) string { return "SELECT 1" }, Find: func(context.Context, product.Querier, string) ([]product.Found, error) {
		return []product.Found{{Branch: product.Branch{GID: gid, Qualifier: "analytics"}, Age: time.Hour}}, nil
	}}
	r := twophase.Recovery{App: "shop", Store: store, KeepCommits: time.Hour, KeepAborts: time.Hour, Participants: []twophase.Participant{{Key: "analytics", DB: store.DB, On: one}}}
	for _, step := range []struct {
		run    func(context.Context) ([]twophase.Finding, error)
		leaves string
	}{{r.Look, ""}, {r.Run, "store"}, {r.Look, "store"}} {
		found, err := step.run(ctx)
		if err != nil || len(found) != 1 || !errors.Is(found[0].Err, twophase.ErrOtherStore) {
			t.Errorf("%v, %v", found, err)
		}
		if left := strings.Join(gids(t, db), " "); left != step.leaves {
			t.Errorf("the table has %q, want %q", left, step.leaves)
		}
	}
}
