package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

func (w *world) drift(of ...any) string {
	w.Helper()
	found, err := w.plugin.Drift(context.Background(), of...)
	w.must(err)
	if (found == nil) != (len(found) == 0) {
		w.Errorf("%#v is neither nil nor full", found)
	}
	return found.String()
}

// Drift finds tables that are missing, that are in another bind's database, and
// foreign keys to tables of another bind.
func TestDrift(t *testing.T) {
	w := newEmptyWorld(t, worldConfig{})
	same := func(what string, want ...string) {
		t.Helper()
		if got := w.drift(planModels...); got != strings.Join(want, "\n") {
			t.Errorf("%s: Drift finds\n%s\nwant\n%s", what, got, strings.Join(want, "\n"))
		}
	}
	same("new databases",
		`bind "main" has no table "plan_members" for model bindkey_test.planMember`,
		`bind "main" has no table "plan_member_skills" for model of join table "plan_member_skills"`,
		`bind "main" has no table "plan_member_topics" for model of join table "plan_member_topics"`,
		`bind "archive" has no table "plan_accounts" for model bindkey_test.planAccount`,
		`bind "archive" has no table "plan_photos" for model bindkey_test.planPhoto`,
		`bind "analytics" has no table "plan_topics" for model bindkey_test.planTopic`,
		`bind "analytics" has no table "plan_visits" for model bindkey_test.planVisit`)
	w.must(w.db.AutoMigrate(planModels...))
	same("after AutoMigrate")

	// A database that was made before the models had keys: all in main.
	old := newEmptyWorld(t, worldConfig{})
	w.must(old.plain["main"].AutoMigrate(planModels...))
	if got, want := old.drift(planModels...), strings.Join([]string{
		`in bind "main", table "plan_member_topics" of model of join table "plan_member_topics" has a foreign key "fk_plan_member_topics_plan_topic" to table "plan_topics", which lives in "analytics"`,
		`bind "archive" has no table "plan_accounts" for model bindkey_test.planAccount`,
		`bind "main" has a table "plan_accounts", but model bindkey_test.planAccount lives in "archive"`,
		`bind "archive" has no table "plan_photos" for model bindkey_test.planPhoto`,
		`bind "main" has a table "plan_photos", but model bindkey_test.planPhoto lives in "archive"`,
		`bind "analytics" has no table "plan_topics" for model bindkey_test.planTopic`,
		`bind "main" has a table "plan_topics", but model bindkey_test.planTopic lives in "analytics"`,
		`bind "analytics" has no table "plan_visits" for model bindkey_test.planVisit`,
		`bind "main" has a table "plan_visits", but model bindkey_test.planVisit lives in "analytics"`,
	}, "\n"); got != want {
		t.Errorf("all in main:\n%s\nwant\n%s", got, want)
	}

	// Foreign keys of any name, to tables of models that are known or related.
	w.must(w.plain["analytics"].Exec("DROP TABLE plan_visits").Error)
	w.must(w.plain["analytics"].Exec("CREATE TABLE plan_visits (id integer PRIMARY KEY, member_id integer REFERENCES Plan_Members(id), room_id integer REFERENCES plan_rooms(id), x integer REFERENCES unheard_of(id))").Error)
	same("a foreign key without a name",
		`in bind "analytics", table "plan_visits" of model bindkey_test.planVisit has a foreign key to table "Plan_Members", which lives in "main"`)
	if found, err := w.plugin.Drift(context.Background(), &planVisit{}); err != nil || len(found) != 1 || found[0] != (bindkey.Drift{
		Kind: bindkey.CrossForeignKey, Model: "bindkey_test.planVisit", Table: "plan_visits", Key: "analytics", Other: "main", References: "Plan_Members",
	}) {
		t.Errorf("a model alone: %#v, %v", found, err)
	}
}

// A table is in no wrong database where a model of that bind has it, or where
// both binds are one database.
func TestDriftOfBindsThatShare(t *testing.T) {
	twin := func(t *testing.T, options ...bindkey.Option) *world {
		return newEmptyWorld(t, worldConfig{options: options, install: func(w *world) {
			w.plugin.
				Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(w.file("main"))}}). // another pool, the same database
				Register("archive", dbresolver.Config{})                                                            // the handle's own
		}})
	}
	w := twin(t)
	w.must(w.db.AutoMigrate(planModels...))
	if got := w.drift(planModels...); got != "" {
		t.Errorf("binds on one database: %s", got)
	}
	w.must(w.plain["main"].Exec("DROP TABLE plan_visits").Error)
	w.must(w.plain["main"].Exec("CREATE TABLE plan_visits (id integer PRIMARY KEY, member_id integer REFERENCES plan_members(id))").Error)
	if got := w.drift(planModels...); got != "" {
		t.Errorf("a foreign key inside one database: %s", got)
	}

	for name, options := range map[string][]bindkey.Option{"": nil, "known": {bindkey.Models(&archivedThing{})}} {
		w := newEmptyWorld(t, worldConfig{options: options})
		w.must(w.db.AutoMigrate(&MainThing{}))
		w.must(w.plain["archive"].AutoMigrate(&archivedThing{}))
		got, want := w.drift(&MainThing{}), ""
		if options == nil {
			want = `bind "archive" has a table "main_things", but model bindkey_test.MainThing lives in "main"`
		}
		if got != want {
			t.Errorf("%s: %s", name, got)
		}
		if got := w.drift(&MainThing{}, &archivedThing{}); got != "" {
			t.Errorf("given: %s", got)
		}
	}
}

// archivedThing has a table of a name that another bind has, too.
type archivedThing struct {
	_  struct{} `bind:"archive"`
	ID uint
}

func (archivedThing) TableName() string { return "main_things" }

// Drift asks sources, changes nothing, and says which bind does not answer.
func TestDriftErrors(t *testing.T) {
	ctx := context.Background()
	if _, err := bindkey.New().Drift(ctx, &MainThing{}); !errors.Is(err, bindkey.ErrInstall) {
		t.Errorf("before the installation: %v", err)
	}
	w := newEmptyWorld(t, worldConfig{options: []bindkey.Option{bindkey.Strict()}, gorm: gorm.Config{DryRun: true}})
	if got := w.altered(func() { w.drift(planModels[1:3]...) }); got != "" {
		t.Errorf("it altered %q", got)
	}
	found, err := w.plugin.Drift(ctx, &Team{}, &nowhereTeam{}, 42)
	if !errors.Is(err, bindkey.ErrUnbound) || !errors.Is(err, bindkey.ErrUnknownBind) || !strings.Contains(fmt.Sprint(err), "int") || found != nil {
		t.Errorf("three mistakes: %v, %v", found, err)
	}
	if found, err := w.plugin.Drift(ended(), &MainThing{}); !errors.Is(err, context.Canceled) || found != nil {
		t.Errorf("ended: %v, %v", found, err)
	}
	w.must(w.plugin.Close())
	if found, err := w.plugin.Drift(ctx, &MainThing{}); err == nil || found != nil || !strings.Contains(err.Error(), `"analytics"`) {
		t.Errorf("closed: %v, %v", found, err)
	}
}
