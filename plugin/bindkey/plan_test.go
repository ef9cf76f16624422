package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Relations of every kind, inside binds and across, given in an order that is
// not that of their dependencies.
type (
	planMember struct {
		_       struct{} `bind:"main"`
		ID      uint
		Name    string      `gorm:"size:40;not null;default:'it''s';uniqueIndex:idx_member_name,sort:desc"`
		Age     int         `gorm:"check:age >= 0"`
		Home    planAddress `gorm:"embedded;embeddedPrefix:home_"`
		ClubID  uint
		Club    *planClub
		BossID  *uint
		Boss    *planMember
		Visits  []planVisit `gorm:"foreignKey:MemberID"`
		Photos  []planPhoto `gorm:"polymorphic:Owner"`
		Skills  []planSkill `gorm:"many2many:plan_member_skills"`
		Topics  []planTopic `gorm:"many2many:plan_member_topics"`
		Account *planAccount
	}
	planAddress struct {
		Street string `gorm:"comment:with its number"`
		CityID *uint
		City   *planCity
	}
	planClub struct {
		_         struct{} `bind:"main"`
		ID        uint
		Name      string `gorm:"unique"`
		FounderID *uint
		Founder   *planFounder
	}
	planCity  struct{ ID uint } // main, the default
	planSkill struct {
		_  struct{} `bind:"main"`
		ID uint
	}
	// planFounder and planClub refer to each other.
	planFounder struct {
		_      struct{} `bind:"analytics"`
		ID     uint
		ClubID *uint
		Club   *planClub
	}
	planVisit struct {
		_        struct{} `bind:"analytics"`
		ID       uint
		MemberID uint
		RoomID   uint
		Room     planRoom
	}
	planRoom struct {
		_  struct{} `bind:"analytics"`
		ID uint
	}
	planTopic struct {
		_       struct{} `bind:"analytics"`
		ID      uint
		Members []planMember `gorm:"many2many:plan_member_topics" bind:"main"`
	}
	planPhoto struct {
		_         struct{} `bind:"archive"`
		ID        uint
		OwnerID   uint
		OwnerType string
	}
	planAccount struct {
		_            struct{} `bind:"archive"`
		ID           uint
		PlanMemberID uint
	}
	// planSkillOfMember is given to SetupJoinTable.
	planSkillOfMember struct {
		PlanMemberID uint `gorm:"primaryKey"`
		PlanSkillID  uint `gorm:"primaryKey"`
		Level        int  `gorm:"default:1"`
	}
)

func (planSkillOfMember) TableName() string { return "plan_member_skills" }

var planModels = []any{&planMember{}, &planAccount{}, &planPhoto{}, &planTopic{}, &planVisit{}}

func (w *world) plan(of ...any) bindkey.Plan {
	w.Helper()
	plan, err := w.plugin.Plan(of...)
	w.must(err)
	return plan
}

// execute runs a plan by hand.
func (w *world) execute(plan bindkey.Plan) {
	w.Helper()
	for _, bind := range plan {
		for _, statement := range bind.Statements {
			w.must(w.plain[bind.Key].Exec(statement).Error)
		}
	}
}

// sorted is DDL with its constraints in order, which GORM keeps in a map.
func sorted(ddl string) string {
	lines := strings.Split(ddl, "\n")
	for i, line := range lines {
		parts := strings.Split(strings.TrimSuffix(line, ")"), ",CONSTRAINT ")
		sort.Strings(parts[1:])
		lines[i] = strings.Join(parts, ",CONSTRAINT ")
	}
	return strings.Join(lines, "\n")
}

// What Plan says, run by hand, makes the tables that AutoMigrate makes, and
// Plan itself makes none.
func TestPlanIsWhatAutoMigrateRuns(t *testing.T) {
	for name, before := range map[string]map[string][]string{ // old tables, by file
		"new databases": nil,
		"old tables": {
			"main": {
				"CREATE TABLE plan_clubs (id integer PRIMARY KEY AUTOINCREMENT, name text)",
				"CREATE TABLE plan_members (id integer PRIMARY KEY AUTOINCREMENT, name integer, age text NOT NULL, left_over text)",
				"CREATE INDEX idx_left_over ON plan_members (left_over)",
				"CREATE TABLE others (id integer)",
				"CREATE VIEW other_view AS SELECT * FROM others", // one of a table that is made anew is an error of SQLite
				"CREATE TRIGGER other_trigger AFTER INSERT ON others BEGIN DELETE FROM others; END",
				"CREATE VIRTUAL TABLE place USING rtree(id, x0, x1)",
				"INSERT INTO plan_members (id, name, age, left_over) VALUES (1, 'ann', '7', 'x')",
				"INSERT INTO plan_clubs (id, name) VALUES (1, 'chess')",
			},
			"analytics": {
				"CREATE TABLE plan_visits (id integer PRIMARY KEY AUTOINCREMENT, member_id text, room_id text)",
				"INSERT INTO plan_visits (id, member_id, room_id) VALUES (1, '1', NULL)",
			},
		},
	} {
		for _, keys := range []string{"", "?_foreign_keys=1"} {
			t.Run(name+keys, func(t *testing.T) {
				worlds := [2]*world{}
				for i := range worlds {
					worlds[i] = newEmptyWorld(t, worldConfig{install: func(w *world) {
						for _, key := range []string{"analytics", "archive"} {
							w.plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(w.file(key) + keys)}})
						}
					}})
					worlds[i].must(worlds[i].db.SetupJoinTable(&planMember{}, "Skills", &planSkillOfMember{}))
					for file, statements := range before {
						for _, statement := range statements {
							worlds[i].must(worlds[i].plain[file].Exec(statement).Error)
						}
					}
				}
				auto, hand := worlds[0], worlds[1]
				plan := hand.plan(planModels...)
				for _, file := range worldFiles {
					if got, want := sorted(hand.ddl(file)), sorted(auto.ddl(file)); got != want {
						t.Errorf("Plan changed %s to %s", file, got)
					}
				}
				hand.execute(plan)
				auto.must(auto.db.AutoMigrate(planModels...))
				for _, file := range worldFiles {
					if got, want := sorted(hand.ddl(file)), sorted(auto.ddl(file)); got != want {
						t.Errorf("by hand, %s has\n%s\nand with AutoMigrate\n%s", file, got, want)
					}
				}
				got, want := hand.snapshot(), auto.snapshot()
				delete(got, "main.place_node") // a blob, printed as a pointer
				delete(want, "main.place_node")
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("by hand, the rows are %s, and with AutoMigrate %s", got, want)
				}
				if keys != "" && before != nil && !strings.Contains(plan.String(), "PRAGMA foreign_keys = OFF;\nCREATE TABLE `plan_visits__temp`") {
					t.Errorf("foreign keys stay on while a table is made anew: %s", plan)
				}
				// SQLite's migrator drops the indexes of a table that it makes anew,
				// when it adds the foreign keys: the second time finds them missing.
				again := hand.plan(planModels...)
				hand.execute(again)
				auto.must(auto.db.AutoMigrate(planModels...))
				if after := hand.plan(planModels...); !after.Empty() || fmt.Sprint(after) == fmt.Sprint(plan) {
					t.Errorf("there is something left to do:\n%s", after)
				}
				if before == nil && !again.Empty() {
					t.Errorf("AutoMigrate left something to do:\n%s", again)
				}
			})
		}
	}
}

// Plan names what it leaves out, each once, and lists tables in the order of
// their dependencies.
func TestPlanText(t *testing.T) {
	w := newEmptyWorld(t, worldConfig{})
	plan := w.plan(&planVisit{}, &planMember{}, &planAccount{})
	var left []string
	for _, bind := range plan {
		for _, key := range bind.LeftOut {
			left = append(left, bind.Key+": "+key.String())
		}
	}
	if got, want := strings.Join(left, "\n"), strings.Join([]string{
		`analytics: foreign key fk_plan_members_visits from plan_visits(member_id) in "analytics" to plan_members(id) in "main"`,
		`analytics: foreign key fk_plan_founders_club from plan_founders(club_id) in "analytics" to plan_clubs(id) in "main"`,
		`main: foreign key fk_plan_clubs_founder from plan_clubs(founder_id) in "main" to plan_founders(id) in "analytics"`,
		`main: foreign key fk_plan_member_topics_plan_topic from plan_member_topics(plan_topic_id) in "main" to plan_topics(id) in "analytics"`,
		`archive: foreign key fk_plan_members_account from plan_accounts(plan_member_id) in "archive" to plan_members(id) in "main"`,
	}, "\n"); got != want {
		t.Errorf("left out:\n%s\nwant:\n%s", got, want)
	}
	var tables []string
	for _, bind := range plan {
		if bind.Key == "main" {
			statements := strings.Join(bind.Statements, "\n")
			for _, pair := range [][2]string{{"plan_clubs", "plan_members"}, {"plan_cities", "plan_members"}, {"plan_members", "plan_member_skills"}, {"plan_skills", "plan_member_skills"}, {"plan_members", "plan_member_topics"}} {
				if before, after := strings.Index(statements, "CREATE TABLE `"+pair[0]+"`"), strings.Index(statements, "CREATE TABLE `"+pair[1]+"`"); before < 0 || after < before {
					t.Errorf("%s is not before %s", pair[0], pair[1])
				}
			}
			continue
		}
		tables = append(tables, bind.Key+":")
		for _, statement := range bind.Statements {
			if rest, ok := strings.CutPrefix(statement, "CREATE TABLE `"); ok {
				table, _, _ := strings.Cut(rest, "`")
				tables = append(tables, table)
			}
		}
	}
	if got, want := strings.Join(tables, " "), "analytics: plan_rooms plan_visits plan_founders plan_topics archive: plan_accounts"; got != want {
		t.Errorf("the tables are %s, want %s", got, want)
	}

	text := fmt.Sprint(w.plan(&planAccount{}))
	w.must(w.db.AutoMigrate(&planAccount{}))
	text += "\n" + fmt.Sprint(w.plan(&planAccount{}))
	for _, want := range []string{
		"-- bind \"archive\"\n-- left out: foreign key fk_plan_members_account from plan_accounts(plan_member_id) in \"archive\" to plan_members(id) in \"main\"\n" +
			"CREATE TABLE `plan_accounts` (`id` integer PRIMARY KEY AUTOINCREMENT,`plan_member_id` integer);\n",
		"\n-- bind \"archive\": nothing to do\n-- left out: ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the plan:\n%s", want, text)
		}
	}
	if got := w.plan(); got != nil || !got.Empty() || got.String() != "" {
		t.Errorf("the plan for no models is %v", got)
	}
}

// Plan asks sources alone, and neither logs nor teaches what it does not do.
func TestPlanOnlyAsks(t *testing.T) {
	told := &logs{}
	w := newEmptyWorld(t, worldConfig{gorm: gorm.Config{Logger: told, DryRun: true}})
	plan := w.plan(&MainThing{}, &AnalyticsThing{}, &AnalyticsEvent{})
	if got := strings.Count(plan.String(), "CREATE TABLE"); got != 3 {
		t.Errorf("it has %d tables", got)
	}
	if told.String() != "" {
		t.Errorf("it logs %s", told)
	}
	w.plan(&Team{})
	if route, err := w.plugin.Explain(w.db.Table("teams")); err != nil || route.Why != bindkey.ReasonDefault {
		t.Errorf("teams is known: %v, %v", route, err)
	}
}

// What can't be asked is an error, and not a table to create.
func TestPlanErrors(t *testing.T) {
	if _, err := bindkey.New().Plan(&MainThing{}); !errors.Is(err, bindkey.ErrInstall) {
		t.Errorf("before the installation: %v", err)
	}
	w := newEmptyWorld(t, worldConfig{options: []bindkey.Option{bindkey.Strict()}})
	for name, test := range map[string]struct {
		model any
		want  error
	}{
		"unknown key":         {&nowhereTeam{}, bindkey.ErrUnknownBind},
		"unknown key related": {&holder{}, bindkey.ErrUnknownBind},
		"no key":              {&Team{}, bindkey.ErrUnbound},
	} {
		plan, err := w.plugin.Plan(&MainThing{}, test.model)
		if !errors.Is(err, test.want) || plan != nil {
			t.Errorf("%s: %v, %v", name, plan, err)
		}
	}
	if plan, err := w.plugin.Plan(42); err == nil {
		t.Errorf("42 is a model: %v", plan)
	}
	w.must(w.plugin.Close())
	plan, err := w.plugin.Plan(&AnalyticsThing{})
	if err == nil || plan != nil || !strings.Contains(err.Error(), `"analytics"`) {
		t.Errorf("closed: %v, %v", plan, err)
	}
}

// AutoMigrate for some binds leaves the others alone, and for each in turn does
// what the handle's does.
func TestAutoMigrateForBinds(t *testing.T) {
	ctx := context.Background()
	all := newEmptyWorld(t, worldConfig{})
	all.must(all.db.AutoMigrate(planModels...))
	for _, keys := range [][]string{{"main"}, {"analytics"}, {"archive"}, {"archive", "main"}, {}, nil} {
		w := newEmptyWorld(t, worldConfig{})
		want := strings.Join(keys, " ")
		if len(keys) == 0 {
			want = "main analytics archive"
		} else if len(keys) > 1 {
			want = "main archive"
		}
		if got := w.altered(func() { w.must(w.plugin.AutoMigrate(ctx, keys, planModels...)) }); got != want {
			t.Errorf("%q: it altered %q", keys, got)
		}
		for _, file := range strings.Fields(want) {
			if got, want := sorted(w.ddl(file)), sorted(all.ddl(file)); got != want {
				t.Errorf("%q: %s has\n%s\nwant\n%s", keys, file, got, want)
			}
		}
	}

	w := newEmptyWorld(t, worldConfig{})
	for name, test := range map[string]struct {
		ctx    context.Context
		keys   []string
		plugin *bindkey.Plugin
		want   error
	}{
		"unknown key":    {ctx, []string{"main", "nowhere"}, w.plugin, bindkey.ErrUnknownBind},
		"not installed":  {ctx, nil, bindkey.New(), bindkey.ErrInstall},
		"ended context":  {ended(), nil, w.plugin, context.Canceled},
		"context of one": {ended(), []string{"analytics"}, w.plugin, context.Canceled},
	} {
		if got := w.altered(func() {
			if err := test.plugin.AutoMigrate(test.ctx, test.keys, planModels...); !errors.Is(err, test.want) {
				t.Errorf("%s: %v", name, err)
			}
		}); got != "" {
			t.Errorf("%s: it altered %q", name, got)
		}
	}
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// AutoMigrate logs at Info what it leaves out, and a second time runs no DDL.
func TestAutoMigrateLogs(t *testing.T) {
	told := &logs{}
	w := newEmptyWorld(t, worldConfig{gorm: gorm.Config{Logger: told}})
	w.plan(planModels...) // must not take the log away
	w.must(w.db.AutoMigrate(planModels...))
	if got := told.String(); strings.Count(got, "info: ") != 5 || !strings.Contains(got,
		`info: bindkey: left out the foreign key fk_plan_members_account from plan_accounts(plan_member_id) in "archive" to plan_members(id) in "main": it would cross databases`) {
		t.Errorf("it logs %s", got)
	}
	told.text.Reset()
	w.must(w.db.AutoMigrate(planModels...))
	for _, line := range strings.Split(told.String(), "\n") {
		if sql, ok := strings.CutPrefix(line, "sql: "); ok && !strings.HasPrefix(sql, "SELECT") && !strings.HasPrefix(sql, "PRAGMA") {
			t.Errorf("the second time, it runs %s", sql)
		}
	}
	told.text.Reset()
	w.must(w.plugin.AutoMigrate(context.Background(), []string{"archive"}, planModels...))
	if got := told.String(); strings.Count(got, "info: ") != 1 {
		t.Errorf("for archive, it logs %s", got)
	}
}

// What is left out does not depend on what was migrated before, and not on Use.
func TestForeignKeysAreLeftOutAlways(t *testing.T) {
	ddl := func(before ...any) string {
		w := newEmptyWorld(t, worldConfig{})
		if len(before) > 0 {
			w.must(w.db.AutoMigrate(before...))
		}
		if got := w.altered(func() {
			w.must(w.db.Clauses(bindkey.Use("archive")).AutoMigrate(&planMember{}, &planVisit{}, &planSkill{}))
		}); got != "archive" {
			t.Errorf("after %T, Use(archive) altered %q", before, got)
		}
		for _, table := range []string{"plan_topics", "plan_founders", "plan_rooms"} {
			if w.plain["archive"].Migrator().HasTable(table) != (table == "plan_rooms") {
				t.Errorf("after %T: Use takes related models along, if they are of the same bind: %s", before, table)
			}
		}
		var all []string
		w.must(w.plain["archive"].Raw("SELECT sql FROM sqlite_master WHERE name LIKE 'plan_%' AND name NOT IN ('plan_photos', 'plan_accounts') AND type = 'table' ORDER BY name").Scan(&all).Error)
		return strings.Join(all, "\n")
	}
	fresh := sorted(ddl())
	for _, before := range [][]any{planModels, {&planTopic{}}, {&planMember{}}} {
		if got := sorted(ddl(before...)); got != fresh {
			t.Errorf("after %T:\n%s\nfresh:\n%s", before, got, fresh)
		}
	}
	if !strings.Contains(fresh, "fk_plan_members_boss") || strings.Contains(fresh, "fk_plan_members_visits") {
		t.Errorf("foreign keys inside are missing, or one crosses: %s", fresh)
	}
}

// A join model that both sides are given keeps its foreign key inside the bind,
// whichever side is migrated first.
func TestJoinModelOfBothSides(t *testing.T) {
	for _, first := range []any{&bothUser{}, &bothTag{}, &bothLink{}} {
		w := newEmptyWorld(t, worldConfig{gorm: gorm.Config{Logger: logger.Discard}})
		w.must(w.db.SetupJoinTable(&bothUser{}, "Tags", &bothLink{}))
		w.must(w.db.SetupJoinTable(&bothTag{}, "Users", &bothLink{}))
		w.must(w.db.AutoMigrate(first))
		w.must(w.db.AutoMigrate(&bothUser{}, &bothTag{}))
		if got := w.ddl("main"); !strings.Contains(got, "REFERENCES `both_users`") || strings.Contains(got, "REFERENCES `both_tags`") {
			t.Errorf("%T first: main has %s", first, got)
		}
	}
}

type (
	bothUser struct {
		_    struct{} `bind:"main"`
		ID   uint
		Tags []bothTag `gorm:"many2many:both_links"`
	}
	bothTag struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Users []bothUser `gorm:"many2many:both_links"`
	}
	bothLink struct {
		_          struct{} `bind:"main"`
		BothUserID uint     `gorm:"primaryKey"`
		BothTagID  uint     `gorm:"primaryKey"`
		Note       string
	}
)

func (bothLink) TableName() string { return "both_links" }

// The switches of the configuration hold for Plan and AutoMigrate, and those of
// Configure for their bind; what a session sets goes to all binds.
func TestMigrationSwitches(t *testing.T) {
	for name, test := range map[string]struct {
		gorm              gorm.Config
		analytics         func(*gorm.Config)
		left, keys, other int // foreign keys left out; in main; in analytics
		tables            int
	}{
		"none":                          {left: 4, keys: 6, other: 1, tables: 11},
		"no foreign keys":               {gorm: gorm.Config{DisableForeignKeyConstraintWhenMigrating: true}, tables: 11},
		"no relations":                  {gorm: gorm.Config{IgnoreRelationshipsWhenMigrating: true}, tables: 3},
		"no foreign keys in analytics":  {analytics: func(c *gorm.Config) { c.DisableForeignKeyConstraintWhenMigrating = true }, left: 2, keys: 6, tables: 11},
		"no relations in analytics":     {analytics: func(c *gorm.Config) { c.IgnoreRelationshipsWhenMigrating = true }, left: 2, keys: 6, tables: 10},
		"foreign keys in analytics all": {gorm: gorm.Config{DisableForeignKeyConstraintWhenMigrating: true}, analytics: func(c *gorm.Config) { c.DisableForeignKeyConstraintWhenMigrating = false }, left: 2, other: 1, tables: 11},
	} {
		t.Run(name, func(t *testing.T) {
			w := newEmptyWorld(t, worldConfig{gorm: test.gorm, install: func(w *world) {
				w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}})
				w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
				if test.analytics != nil {
					w.plugin.Configure("analytics", test.analytics)
				}
			}})
			given := []any{&planVisit{}, &planMember{}, &planPhoto{}}
			plan := w.plan(given...)
			left := 0
			for _, bind := range plan {
				left += len(bind.LeftOut)
			}
			w.must(w.db.AutoMigrate(given...))
			keys, other := strings.Count(w.ddl("main"), "FOREIGN KEY"), strings.Count(w.ddl("analytics"), "FOREIGN KEY")
			tables := strings.Count(w.ddl("main")+w.ddl("analytics")+w.ddl("archive"), "CREATE TABLE `")
			if left != test.left || keys != test.keys || other != test.other || tables != test.tables {
				t.Errorf("%d left out, %d in main, %d in analytics, %d tables; want %d, %d, %d, %d", left, keys, other, tables, test.left, test.keys, test.other, test.tables)
			}
			if planned := strings.Count(plan.String(), "CREATE TABLE `"); planned != tables {
				t.Errorf("%d tables are planned, %d made", planned, tables)
			}
		})
	}
	w := newEmptyWorld(t, worldConfig{})
	w.must(w.db.Set("gorm:table_options", " STRICT").AutoMigrate(&planCity{}, &planRoom{}))
	if !strings.Contains(w.ddl("main"), ") STRICT") || !strings.Contains(w.ddl("analytics"), ") STRICT") {
		t.Errorf("table options are missing: %s, %s", w.ddl("main"), w.ddl("analytics"))
	}
}

// In one bind, the tables are those of plain GORM: relations in a circle, and
// whatever is added to the models, included.
func TestAutoMigrateInOneBind(t *testing.T) {
	for _, given := range [][]any{planModels, {&planMember{}}, {&planVisit{}}, {&planTopic{}}, {&planClub{}}, {&planCity{}}} {
		w := newEmptyWorld(t, worldConfig{options: []bindkey.Option{bindkey.TagName("none")}}) // so all are in main
		plan := w.plan(given...)
		if got := w.altered(func() { w.must(w.db.AutoMigrate(given...)) }); got != "main" {
			t.Errorf("it altered %q", got)
		}
		w.must(w.plain["analytics"].AutoMigrate(given...))
		if got, want := sorted(w.ddl("main")), sorted(w.ddl("analytics")); got != want {
			t.Errorf("%T: main has\n%s\nwant\n%s", given[0], got, want)
		}
		if len(plan) != 1 || len(plan[0].LeftOut) > 0 {
			t.Errorf("%T: the plan is %s", given[0], plan)
		}

		// In three binds, they are the same tables. But a model that is added to
		// another bind has its join tables added, too, which GORM forgets.
		want := strings.Join(w.tables("main"), " ")
		if _, ok := given[0].(*planTopic); ok {
			want = strings.Replace(want, "plan_member_topics plan_members", "plan_member_skills plan_member_topics plan_members plan_skills", 1)
		}
		w = newEmptyWorld(t, worldConfig{})
		w.must(w.db.AutoMigrate(given...))
		tables := append(append(w.tables("main"), w.tables("analytics")...), w.tables("archive")...)
		sort.Strings(tables)
		if got := strings.Join(tables, " "); got != want {
			t.Errorf("%T: the binds have %s, want %s", given[0], got, want)
		}
	}
}

func (w *world) tables(file string) (tables []string) {
	w.must(w.plain[file].Raw("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name").Scan(&tables).Error)
	return tables
}
