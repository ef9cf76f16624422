package bindkey_test

import (
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A resolver that has the default bind's name stands beside a global one: what has no key
// went to the global one until now.
func TestTwoDefaultResolvers(t *testing.T) {
	for _, c := range []struct {
		options []bindkey.Option
		want    string // the database of what has no key; "": refused
	}{
		{nil, ""},
		{[]bindkey.Option{bindkey.Default("main")}, "analytics"},
		{[]bindkey.Option{bindkey.Default("global")}, "archive"},
	} {
		w := newWorld(t, worldConfig{})
		db := openPlain(t, w.dialector("main"), &gorm.Config{Logger: w.db.Logger})
		resolver := dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}).
			Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "main")
		w.must(db.Use(resolver))
		err := db.Use(bindkey.New(c.options...))
		if c.want == "" {
			if !errors.Is(err, bindkey.ErrInstall) || !strings.Contains(err.Error(), `bindkey.Default("main")`) {
				t.Errorf("%v", err)
			}
			continue
		}
		w.must(err)
		if changed := w.changes(func() { w.must(db.Create(&Team{Name: "x"}).Error) }); changed != c.want+".teams" {
			t.Errorf("%v: changed %s, want %s", c.options, changed, c.want)
		}
	}
}

// dbresolver goes by the first table that SQL names, and to the global resolver where
// that has no name. Where the plugin does not know the first one, it does not go by
// another.
func TestFirstTableOfAnAdoptedResolver(t *testing.T) {
	const moves = "INSERT INTO teams (name) SELECT event FROM logs"
	run := func(options ...bindkey.Option) (*world, func(text string) (string, error)) {
		w := newWorld(t, worldConfig{install: func(w *world) {
			w.plugin = bindkey.New(options...)
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("main")}}).
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "analytics", &LogEntry{})))
		}})
		return w, func(text string) (changed string, err error) {
			changed = w.changes(func() { err = w.db.Exec(text).Error })
			return changed, err
		}
	}
	w, exec := run()
	for _, text := range []string{
		moves,
		"UPDATE teams SET name = 'x' WHERE id IN (SELECT id FROM logs)",
		"DELETE FROM teams WHERE id IN (SELECT id FROM logs)",
	} {
		changed, err := exec(text)
		if !errors.Is(err, bindkey.ErrCrossBind) || !strings.Contains(err.Error(), "bindkey.Models") || changed != "" {
			t.Errorf("%s: %v, changed %q", text, err, changed)
		}
	}
	var names []string
	if err := w.db.Raw("SELECT teams.name FROM teams, logs").Scan(&names).Error; !errors.Is(err, bindkey.ErrCrossBind) {
		t.Errorf("a read: %v, %v", err, names)
	}
	w.must(w.db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Exec(moves).Error; !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("in a transaction: %v", err)
		}
		return nil
	}))

	// As with dbresolver: by the first table, known or not, and by a Use.
	for text, want := range map[string]string{
		"INSERT INTO logs (event) SELECT name FROM teams": "analytics.logs",
		"UPDATE teams SET name = 'x'":                     "main.teams",
		"DELETE FROM logs":                                "analytics.logs",
	} {
		if changed, err := exec(text); err != nil || changed != want {
			t.Errorf("%s: %v, changed %q, want %q", text, err, changed, want)
		}
	}
	if changed := w.changes(func() {
		w.must(w.db.Clauses(bindkey.Use("analytics")).Exec("INSERT INTO logs (event) SELECT name FROM teams").Error)
	}); changed != "analytics.logs" {
		t.Errorf("Use: changed %q", changed)
	}

	// A model that is known says where it is.
	_, exec = run(bindkey.Models(&Team{}, &LogEntry{}))
	if _, err := exec(moves); !errors.Is(err, bindkey.ErrCrossBind) || strings.Contains(err.Error(), "bindkey.Models") {
		t.Errorf("with Models: %v", err)
	}
}
