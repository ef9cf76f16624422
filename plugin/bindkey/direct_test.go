package bindkey_test

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// directWorld is a world whose binds have one pool each, so that most statements
// go the short way, and whose models have all been met.
func directWorld(t *testing.T, config worldConfig, registered ...any) *world {
	t.Helper()
	before := config.install
	config.install = func(w *world) {
		if before != nil {
			before(w)
		}
		w.plugin.Register("main", dbresolver.Config{}, registered...)
		for _, key := range []string{"analytics", "archive"} {
			w.plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{w.dialector(key)}})
		}
	}
	w := newWorld(t, config)
	for _, model := range append([]any{&directRow{}, &holder{}}, worldModels...) {
		w.db.Session(&gorm.Session{DryRun: true}).Find(model)
	}
	return w
}

// weighs has all further statements weighed: they get a clause that says nothing,
// but that is looked at.
func (w *world) weighs() {
	callbacks := w.db.Callback()
	add := func(c clause.Interface) func(*gorm.DB) {
		return func(db *gorm.DB) {
			if _, ok := db.Statement.Clauses[c.Name()]; !ok {
				db.Statement.AddClause(c)
			}
		}
	}
	for _, err := range []error{
		callbacks.Query().Before("*").Register("app:weigh", add(clause.From{})),
		callbacks.Row().Before("*").Register("app:weigh", add(clause.From{})),
		callbacks.Delete().Before("*").Register("app:weigh", func(db *gorm.DB) { // where a FROM is an UPDATE's
			db.Statement.AddClause(clause.Where{Exprs: []clause.Expression{clause.AndConditions{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 1"}}}}})
		}),
		callbacks.Create().Before("*").Register("app:weigh", add(clause.Insert{})),
		callbacks.Update().Before("*").Register("app:weigh", add(clause.Update{})),
	} {
		w.must(err)
	}
}

var answeredBy = regexp.MustCompile(`(?i)origin:([\w-]+)`)

// answered is who answered a statement: the files of the rows that it read, and
// of those that it wrote.
func (w *world) answered(run func(*gorm.DB) *gorm.DB) (files string, err error) {
	w.Helper()
	told := map[string]bool{}
	changed := w.changes(func() {
		result := run(w.db)
		err = result.Error
		for _, origin := range answeredBy.FindAllStringSubmatch(fmt.Sprintf("%+v", result.Statement.Dest), -1) {
			told[origin[1]] = true
		}
	})
	if changed != "" {
		told = map[string]bool{}
		for _, table := range strings.Fields(changed) {
			told[strings.Split(table, ".")[0]] = true
		}
	}
	names := make([]string, 0, len(told))
	for name := range told {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, " "), err
}

// directRow is a model without a key, of a table that nobody has.
type directRow struct{ Origin string }

func finds[T any](chain func(tx *gorm.DB) *gorm.DB) func(tx *gorm.DB) *gorm.DB {
	return func(tx *gorm.DB) *gorm.DB { return chain(tx).Find(&[]T{}) }
}

// The short way ends where the weighing does: a statement reaches the same
// database, or the same error, whether it takes it or not; and Explain, which
// never takes it, names that bind.
func TestDirectly(t *testing.T) {
	table := func(name string) clause.Table { return clause.Table{Name: name} }
	plain := func(tx *gorm.DB) *gorm.DB { return tx }
	refused := bindkey.ErrCrossBind
	var before *gorm.DB

	used := func(w *world) { w.must(w.db.Clauses(bindkey.Use("main")).Take(&User{}).Error) }
	ways := []struct {
		name    string
		prepare func(w *world)
	}{
		{"short", func(*world) {}},
		{"short, with a Use before", used},
		{"weighed", (*world).weighs},
		{"weighed, with a Use before", func(w *world) { used(w); w.weighs() }},
	}
	cases := []struct {
		name  string
		run   func(tx *gorm.DB) *gorm.DB
		wants string // the bind that is explained
		also  string // who answers besides, for what GORM derives
		is    error
		world worldConfig
		given []any // to Register, for main
		after func(*world)
		once  bool // in DryRun, GORM can't, or keeps the SQL of what it is chained on
	}{
		// What most programs ask.
		{name: "First", wants: "analytics", run: func(tx *gorm.DB) *gorm.DB { return tx.First(&LogEntry{}) }},
		{name: "First by key", wants: "main", run: func(tx *gorm.DB) *gorm.DB { return tx.First(&User{}, 1) }},
		{name: "Find", wants: "archive", run: finds[Note](plain)},
		{name: "Find of the default bind", wants: "main", run: finds[Team](plain)},
		{name: "Where with a value", wants: "archive", run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Where("owner_id = ?", 1) })},
		{name: "Where with a list", wants: "archive", run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN ?", []int{1, 2}) })},
		{name: "Where with a struct", wants: "archive", run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Where(&Note{ID: 1}) })},
		{name: "Where with a map", wants: "archive", run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Where(map[string]any{"id": 1}) })},
		{name: "Where with SQL", wants: "archive", run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Where("notes.text <> 'logs'") })},
		{name: "Where with SQL of another bind", is: refused, run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN (SELECT id FROM logs)") })},
		{name: "Or", wants: "archive", run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Where("id = 1").Or("id = 2") })},
		{name: "Not of a group", wants: "archive", run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Not(tx.Where("id = 1").Or("id = 2")) })},
		{name: "Select, Order, Limit", wants: "analytics", run: finds[LogEntry](func(tx *gorm.DB) *gorm.DB {
			return tx.Select("id", "origin").Order("id DESC").Limit(2).Offset(1)
		})},
		{name: "Model and a DTO", wants: "analytics", run: finds[directRow](func(tx *gorm.DB) *gorm.DB { return tx.Model(&LogEntry{}) })},
		{name: "Model and a DTO with a key", wants: "archive", run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Model(&Note{}) })},
		{name: "Scan", wants: "analytics", once: true, run: func(tx *gorm.DB) *gorm.DB { return tx.Model(&LogEntry{}).Scan(&[]directRow{}) }},
		{name: "PrepareStmt", wants: "archive", run: finds[Note](plain), world: worldConfig{gorm: gorm.Config{PrepareStmt: true}}},
		{name: "Session PrepareStmt", wants: "archive", run: finds[Note](func(tx *gorm.DB) *gorm.DB { return tx.Session(&gorm.Session{PrepareStmt: true}) })},

		// Subqueries.
		{name: "subquery", wants: "main", run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN (?)", tx.Model(&Order{}).Select("user_id")) })},
		{name: "subquery of another bind", is: refused, run: finds[Team](func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN (?)", tx.Model(&LogEntry{}).Select("id")) })},
		{name: "subquery with a Use", is: refused, run: finds[Note](func(tx *gorm.DB) *gorm.DB {
			return tx.Where("id IN (?)", tx.Clauses(bindkey.Use("main")).Table("notes").Select("id"))
		})},
		{name: "raw subquery", wants: "main", run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN (?)", tx.Raw("SELECT user_id FROM orders")) })},
		{name: "raw subquery of another bind", is: refused, run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN (?)", tx.Raw("SELECT id FROM logs")) })},
		{name: "raw subquery of another model", is: refused, run: finds[User](func(tx *gorm.DB) *gorm.DB {
			return tx.Where("id IN (?)", tx.Model(&LogEntry{}).Raw("SELECT 1"))
		})},
		{name: "raw subquery of another model in a group", is: refused, run: finds[User](func(tx *gorm.DB) *gorm.DB {
			return tx.Where("id = 1").Where(tx.Where("id = 2").Or("id IN (?)", tx.Model(&LogEntry{}).Raw("SELECT 1")))
		})},
		{name: "raw subquery of another model in Not", is: refused, run: finds[User](func(tx *gorm.DB) *gorm.DB {
			return tx.Not("id IN (?)", tx.Model(&LogEntry{}).Raw("SELECT 1"))
		})},

		// Other tables than the model's own.
		{name: "Joins", wants: "main", run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Joins("JOIN orders ON orders.user_id = users.id") })},
		{name: "Joins of another bind", is: refused, run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Joins("JOIN logs ON logs.user_id = users.id") })},
		{name: "Joins of a relation", wants: "main", run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Joins("Team") })},
		{name: "Joins of a relation of another bind", is: refused, run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Joins("Profile") })},
		{name: "Joins of a relation of no bind", is: bindkey.ErrUnknownBind, run: finds[holder](func(tx *gorm.DB) *gorm.DB { return tx.Joins("Team") })},
		{name: "Table", wants: "archive", run: finds[Team](func(tx *gorm.DB) *gorm.DB { return tx.Table("notes") })},
		{name: "Table by the model's name", wants: "analytics", run: finds[Team](func(tx *gorm.DB) *gorm.DB { return tx.Table("(SELECT * FROM logs) AS teams") })},
		{name: "Table without a model", wants: "analytics", run: finds[map[string]any](func(tx *gorm.DB) *gorm.DB { return tx.Table("logs") })},
		{name: "Table of a scope", wants: "archive", run: finds[Team](func(tx *gorm.DB) *gorm.DB {
			return tx.Scopes(func(tx *gorm.DB) *gorm.DB { tx.Statement.Table = "notes"; return tx })
		})},
		{name: "Raw", wants: "archive", run: func(tx *gorm.DB) *gorm.DB { return tx.Raw("SELECT * FROM notes").Find(&[]Team{}) }},
		{name: "clause.From", wants: "archive", run: finds[directRow](func(tx *gorm.DB) *gorm.DB { return tx.Clauses(clause.From{Tables: []clause.Table{table("notes")}}) })},
		{name: "clause.From of another bind's model", is: refused, run: finds[Team](func(tx *gorm.DB) *gorm.DB {
			return tx.Model(&User{}).Clauses(clause.From{Tables: []clause.Table{table("notes")}})
		})},
		{name: "clause.Insert", is: refused, run: func(tx *gorm.DB) *gorm.DB {
			return tx.Clauses(clause.Insert{Table: table("notes")}).Create(&Team{Name: "x"})
		}},
		{name: "clause.Update", is: refused, run: func(tx *gorm.DB) *gorm.DB {
			return tx.Clauses(clause.Update{Table: table("notes")}).Model(&Team{ID: 1}).Update("name", "x")
		}},
		{name: "clause.Update of a soft delete", is: refused, run: func(tx *gorm.DB) *gorm.DB {
			return tx.Clauses(clause.Update{Table: clause.Table{Name: "teams AS logs", Raw: true}}).Delete(&LogEntry{}, 1)
		}},
		{name: "Table twice, with a blank", wants: "analytics", given: []any{"log"}, run: finds[map[string]any](func(tx *gorm.DB) *gorm.DB {
			return tx.Table("log").Table(" logs") // which leaves "log" in the statement
		})},
		{name: "Strict", is: bindkey.ErrUnbound, run: finds[directRow](plain), given: []any{&Team{}}, world: worldConfig{options: []bindkey.Option{bindkey.Strict()}}},

		// What the chain or somebody else says.
		{name: "Use", wants: "archive", run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Clauses(bindkey.Use("archive")) })},
		{name: "Use of dbresolver", wants: "archive", run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Clauses(dbresolver.Use("archive")) })},
		{name: "Use that has gone with an association", wants: "archive", run: func(tx *gorm.DB) *gorm.DB {
			return tx.Clauses(bindkey.Use("archive")).Create(&User{Name: "x", Orders: []Order{{Item: "x"}}})
		}},
		{name: "Use of a callback", wants: "archive", run: finds[User](plain), after: func(w *world) {
			w.must(w.db.Callback().Query().Before("*").Register("app:use", func(db *gorm.DB) { db.Clauses(bindkey.Use("archive")) }))
		}},
		{name: "Use of a dbresolver that came later", wants: "archive", run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Clauses(dbresolver.Use("archive")) }), after: func(w *world) {
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{}, "notes")))
		}},
		{name: "a dbresolver that came later", wants: "archive", run: finds[Note](plain), after: func(w *world) {
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{}, "notes")))
		}},
		{name: "Write and AllowCrossBind", wants: "main", run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Clauses(dbresolver.Write, bindkey.AllowCrossBind) })},
		{name: "a session made before the plugin was", is: bindkey.ErrForeignPool, once: true, run: func(*gorm.DB) *gorm.DB { return before.Find(&[]Note{}) },
			world: worldConfig{install: func(w *world) { before = w.db.Session(&gorm.Session{}) }}},
		{name: "Use of a callback that has gone with an association", wants: "archive", run: func(tx *gorm.DB) *gorm.DB {
			return tx.Create(&User{Name: "x", Orders: []Order{{Item: "x"}}})
		}, after: func(w *world) {
			w.must(w.db.Callback().Create().Before("*").Register("app:use", func(db *gorm.DB) {
				if db.Statement.Table == "users" {
					db.Clauses(bindkey.Use("archive"))
				}
			}))
		}},
		{name: "AllowCrossBind", wants: "main", run: finds[User](func(tx *gorm.DB) *gorm.DB {
			return tx.Clauses(bindkey.AllowCrossBind).Where("id IN (SELECT id FROM logs)")
		})},
		{name: "on a result", wants: "analytics", once: true, run: func(tx *gorm.DB) *gorm.DB {
			var n int64
			return tx.Model(&LogEntry{}).Where("id < 3").Count(&n).Find(&[]LogEntry{})
		}},
		{name: "on a result, to another bind", wants: "archive", once: true, run: func(tx *gorm.DB) *gorm.DB {
			return tx.Find(&[]User{}).Model(&Note{}).Table("notes").Find(&[]Note{})
		}},
		{name: "a new session of a result", wants: "archive", run: func(tx *gorm.DB) *gorm.DB {
			return tx.Find(&[]LogEntry{}).Session(&gorm.Session{NewDB: true}).Find(&[]Note{})
		}},

		// Writes, and what GORM derives.
		{name: "Create", wants: "analytics", run: func(tx *gorm.DB) *gorm.DB { return tx.Create(&LogEntry{Event: "x"}) }},
		{name: "Create without a transaction", wants: "archive", run: func(tx *gorm.DB) *gorm.DB {
			return tx.Session(&gorm.Session{SkipDefaultTransaction: true}).Create(&[]Note{{Text: "x"}, {Text: "y"}})
		}},
		{name: "Save", wants: "archive", run: func(tx *gorm.DB) *gorm.DB { return tx.Save(&Note{ID: 1, Text: "x"}) }},
		{name: "Updates", wants: "main", run: func(tx *gorm.DB) *gorm.DB { return tx.Model(&Team{ID: 1}).Updates(Team{Name: "x"}) }},
		{name: "Update by a subquery of another bind", is: refused, run: func(tx *gorm.DB) *gorm.DB {
			return tx.Model(&User{}).Where("id IN (?)", tx.Model(&LogEntry{}).Select("id")).Update("name", "x")
		}},
		{name: "Delete", wants: "archive", run: func(tx *gorm.DB) *gorm.DB { return tx.Delete(&Note{ID: 1}) }},
		{name: "soft Delete", wants: "analytics", run: func(tx *gorm.DB) *gorm.DB { return tx.Where("id > 1").Delete(&LogEntry{}) }},
		{name: "Preload", wants: "main", also: "analytics", run: finds[User](func(tx *gorm.DB) *gorm.DB { return tx.Preload("Logs") })},
		{name: "Create with an association", wants: "main", also: "analytics", run: func(tx *gorm.DB) *gorm.DB {
			return tx.Create(&User{Name: "x", Logs: []LogEntry{{Event: "x"}}})
		}},
		{name: "in a transaction", wants: "analytics", run: func(tx *gorm.DB) *gorm.DB {
			tx = tx.Begin()
			defer tx.Commit()
			return tx.Create(&LogEntry{Event: "x"})
		}},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := strings.Fields(c.wants + " " + c.also)
			sort.Strings(want)
			for m, way := range ways {
				if !testkit.Runs(i, len(cases), m, len(ways)) {
					continue
				}
				w := directWorld(t, c.world, c.given...)
				way.prepare(w)
				if c.after != nil {
					c.after(w)
				}
				answered, err := w.answered(c.run)
				if answered != strings.Join(want, " ") || !errors.Is(err, c.is) {
					t.Errorf("%s: answered by %q, want %q: %v", way.name, answered, want, err)
				}
				if c.once {
					continue
				}
				route, err := w.plugin.Explain(c.run(w.db.Session(&gorm.Session{DryRun: true})))
				if route.Key != c.wants || !errors.Is(err, c.is) {
					t.Errorf("%s: explained as %q, want %q: %v", way.name, route.Key, c.wants, err)
				}
			}
		})
	}
}

var raceDetector bool

// A routed statement of a model allocates no more than one of a plain handle,
// and a transaction on one bind three objects more, its own and two of the
// connection that it keeps: also GORM's own, around a write. What names its tables itself, in Table or in SQL, allocates a few more.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools at random; without it, this runs")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties the pools of others
	silent := logger.Default.LogMode(logger.Silent)  // logger.Discard is a subquery's
	type statement struct {
		run    func(db *gorm.DB) error
		more   float64 // objects than without the plugin
		writes bool    // in a transaction of GORM's own
	}
	statements := map[string]statement{
		"First":                     {func(db *gorm.DB) error { return db.First(&LogEntry{}, 1).Error }, 0, false},
		"First with Where":          {func(db *gorm.DB) error { return db.Where("name = ?", "user1").First(&User{}).Error }, 0, false},
		"First of the default bind": {func(db *gorm.DB) error { return db.First(&Team{}).Error }, 0, false},
		"Find":                      {func(db *gorm.DB) error { return db.Limit(2).Find(&[]Note{}).Error }, 0, false},
		"Find with Where, Order": {func(db *gorm.DB) error {
			return db.Where("owner_id = ? AND text <> ?", 1, "x").Order("id").Limit(3).Find(&[]Note{}).Error
		}, 0, false},
		"Find of a few columns": {func(db *gorm.DB) error { return db.Model(&Note{}).Limit(2).Find(&[]directRow{}).Error }, 0, false},
		"Count":                 {func(db *gorm.DB) error { return db.Model(&Note{}).Count(new(int64)).Error }, 0, false},
		"Create":                {func(db *gorm.DB) error { return db.Create(&Note{Text: "x"}).Error }, 0, true},
		"Create of many":        {func(db *gorm.DB) error { return db.Create(&[]Note{{Text: "x"}, {Text: "y"}}).Error }, 0, true},
		"Update":                {func(db *gorm.DB) error { return db.Model(&Note{ID: 1}).Update("text", "x").Error }, 0, true},
		"Delete":                {func(db *gorm.DB) error { return db.Delete(&Note{ID: 4}).Error }, 0, true},

		// What names its tables itself is weighed.
		"Table":    {func(db *gorm.DB) error { return db.Table("notes").Limit(2).Find(&[]directRow{}).Error }, 1, false},
		"Table AS": {func(db *gorm.DB) error { return db.Table("notes AS n").Limit(2).Find(&[]directRow{}).Error }, 2, false},
		"Raw":      {func(db *gorm.DB) error { return db.Raw("SELECT * FROM notes LIMIT 2").Find(&[]directRow{}).Error }, 1, false},
		"Raw with arguments": {func(db *gorm.DB) error {
			return db.Raw("SELECT * FROM notes WHERE id = ? AND text <> ?", 1, "y").Find(&[]directRow{}).Error
		}, 1, false},
		"Exec with arguments": {func(db *gorm.DB) error { return db.Exec("UPDATE notes SET text = ? WHERE id = ?", "x", 1).Error }, 1, false},
		"subquery": {func(db *gorm.DB) error {
			return db.Where("id IN (?)", db.Model(&Note{}).Select("id")).Limit(2).Find(&[]Note{}).Error
		}, 2, false},
		"Joins in SQL": {func(db *gorm.DB) error {
			return db.Joins("JOIN notes n ON n.id = notes.id").Limit(2).Find(&[]Note{}).Error
		}, 5, false},
	}
	transaction := func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			return errors.Join(tx.First(&Note{}, 1).Error, tx.Model(&Note{ID: 1}).Update("text", "x").Error)
		})
	}
	for config, c := range map[string]struct {
		config gorm.Config
		more   float64 // of what writes
		used   bool    // the program has a Use somewhere else
	}{
		"DryRun":                    {gorm.Config{DryRun: true, SkipDefaultTransaction: true}, 0, false},
		"DryRun, with a Use before": {gorm.Config{DryRun: true, SkipDefaultTransaction: true}, 0, true},
		"DryRun in a transaction":   {gorm.Config{DryRun: true}, 3, false},
		"SQLite":                    {gorm.Config{SkipDefaultTransaction: true}, 0, false},
		"SQLite in a transaction":   {gorm.Config{}, 3, false},
		"SQLite in a transaction, with a Use before": {gorm.Config{}, 3, true},
		"SQLite, PrepareStmt":                        {gorm.Config{SkipDefaultTransaction: true, PrepareStmt: true}, 0, false},
		"SQLite, PrepareStmt, transaction":           {gorm.Config{PrepareStmt: true}, 3, false},
	} {
		c.config.Logger = silent
		own := c.config
		w := directWorld(t, worldConfig{gorm: c.config})
		if c.used {
			w.db.Clauses(bindkey.Use("main")).Take(&User{})
		}
		plain, err := gorm.Open(w.dialector("archive"), &own)
		w.must(err)
		w.Cleanup(func() { closeDB(plain) })
		count := w.allocations
		for name, s := range statements {
			run, more := s.run, s.more
			if s.writes {
				more += c.more
			}
			routed, alone := count(w.db, run), count(plain, run)
			for try := 0; try < 5 && routed > alone+more; try++ { // on a busy machine it may end later
				time.Sleep(10 * time.Millisecond)
				routed, alone = count(w.db, run), count(plain, run)
			}
			if routed > alone+more {
				t.Errorf("%s: %s allocates %v times, %v without the plugin", config, name, routed, alone)
			}
		}
		if c.config.DryRun || c.used { // with a Use somewhere, Transaction looks at the stack
			continue
		}
		routed, alone := count(w.db, transaction), count(plain, transaction)
		for try := 0; try < 5 && routed > alone+3; try++ {
			time.Sleep(10 * time.Millisecond)
			routed, alone = count(w.db, transaction), count(plain, transaction)
		}
		if routed > alone+3 {
			t.Errorf("%s: a transaction allocates %v times, %v without the plugin", config, routed, alone)
		}
	}
}

// allocations are those of a statement, of several runs the fewest: what others
// do meanwhile counts, too.
func (w *world) allocations(db *gorm.DB, run func(*gorm.DB) error) (least float64) {
	w.Helper()
	for i := 0; i < 10; i++ {
		n := testing.AllocsPerRun(20, func() {
			w.must(run(db))
			runtime.Gosched() // database/sql's goroutine of a transaction ends, and its memory is the next one's
		})
		if i == 0 || n < least {
			least = n
		}
	}
	return least
}

// Where binds have several dialects, a statement allocates more, also in a bind
// of the handle's: most for the variables of given SQL.
func TestAllocationsOfDialects(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools at random; without it, this runs")
	}
	if !sqlitedb.Cgo {
		t.Skip("modernc.org/sqlite allocates more for numbered variables, which only one of the dialects writes; with cgo, this runs")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	config := gorm.Config{SkipDefaultTransaction: true, Logger: logger.Default.LogMode(logger.Silent)}
	own := config
	for _, archive := range []string{"the handle's", "another"} {
		w := newWorld(t, worldConfig{gorm: config, install: func(w *world) {
			one, other := "archive", "analytics"
			if archive == "another" {
				one, other = other, one
			}
			w.plugin.Register(one, dbresolver.Config{Sources: []gorm.Dialector{w.dialector(one)}})
			w.plugin.Register(other, dbresolver.Config{Sources: []gorm.Dialector{accent{w.dialector(other).(*sqlite.Dialector)}}})
		}})
		plain, err := gorm.Open(w.dialector("archive"), &own)
		w.must(err)
		w.Cleanup(func() { closeDB(plain) })
		for name, s := range map[string]struct {
			run  func(db *gorm.DB) error
			more map[string]float64
		}{
			"First": {func(db *gorm.DB) error { return db.First(&Note{}).Error }, map[string]float64{"the handle's": 1, "another": 4}},
			"Table": {func(db *gorm.DB) error { return db.Table("notes").Limit(2).Find(&[]directRow{}).Error }, map[string]float64{"the handle's": 7, "another": 8}},
			"Raw with three arguments": {func(db *gorm.DB) error {
				return db.Raw("SELECT origin FROM notes WHERE id = ? OR id = ? OR text = ?", 1, 2, "x").Scan(&[]directRow{}).Error
			}, map[string]float64{"the handle's": 17, "another": 27}},
		} {
			routed, alone := w.allocations(w.db, s.run), w.allocations(plain, s.run)
			if routed > alone+s.more[archive] {
				t.Errorf("dialect of archive is %s: %s allocates %v times, %v without the plugin", archive, name, routed, alone)
			}
		}
	}
}
