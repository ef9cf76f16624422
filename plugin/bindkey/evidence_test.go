package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A subquery that is refused takes the statement around it with it: GORM drops
// its error and its text, and "id NOT IN ()" is true of every row.
func TestRefusedSubquery(t *testing.T) {
	type Typo struct {
		_  struct{} `bind:"nowhere"`
		ID uint
	}
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		refused := map[string]func() any{
			"model":    func() any { return w.db.Model(&Typo{}).Select("id") },
			"Use":      func() any { return w.db.Clauses(bindkey.Use("nowhere")).Model(&User{}).Select("id") },
			"generics": func() any { return gorm.G[Typo](w.db).Select("id").Where("id > 0") },
		}
		for name, run := range map[string]func(subquery any) error{
			"Delete NOT IN": func(q any) error { return w.db.Where("id NOT IN (?)", q).Delete(&Order{}).Error },
			"Update NOT IN": func(q any) error {
				return w.db.Model(&User{}).Where("id NOT IN (?)", q).Update("name", "wiped").Error
			},
			"Find IN":           func(q any) error { return w.db.Where("id IN (?)", q).Find(&[]User{}).Error },
			"Delete NOT EXISTS": func(q any) error { return w.db.Where("NOT EXISTS (?)", q).Delete(&Order{}).Error },
			"Update with a subquery": func(q any) error {
				return w.db.Model(&User{}).Where("1 = 1").Update("team_id", gorm.Expr("(?)", q)).Error
			},
			"Exec": func(q any) error { return w.db.Exec("DELETE FROM users WHERE id NOT IN (?)", q).Error },
			"Row":  func(q any) error { return w.db.Raw("SELECT 1 WHERE 1 NOT IN (?)", q).Row().Scan(new(int)) },
		} {
			for kind, subquery := range refused {
				var err error
				if changed := w.changes(func() { err = run(subquery()) }); changed != "" {
					t.Errorf("%s, %s: changed %s", name, kind, changed)
				}
				if !errors.Is(err, bindkey.ErrUnknownBind) {
					t.Errorf("%s, %s: %v", name, kind, err)
				}
			}
		}
	}
}

// logs is a DTO without a key, whose table, says GORM, is that of LogEntry.
type Log struct {
	ID     uint
	Event  string
	Origin string
}

// What stands where a table does decides, however it is spelled.
func TestTablesDecide(t *testing.T) {
	w := newWorld(t, worldConfig{})
	origin := func(tx *gorm.DB) string {
		var origins []string
		if err := tx.Pluck("origin", &origins).Error; err != nil {
			return err.Error()
		}
		return origins[0]
	}
	find := func(tx *gorm.DB) string {
		var logs []Log
		if err := tx.Find(&logs).Error; err != nil {
			return err.Error()
		}
		return logs[0].Origin
	}
	joined := func(tx *gorm.DB) string {
		var users []User
		if err := tx.Find(&users).Error; err != nil {
			return err.Error()
		}
		return users[0].Team.Origin
	}
	for name, c := range map[string]struct{ got, want string }{
		"Table of a DTO's name":     {find(w.db.Table("logs")), "analytics-replica"},
		"Table AS the DTO's name":   {find(w.db.Table("profiles AS logs")), "analytics-replica"},
		"a DTO alone":               {find(w.db), "main-replica"}, // its own table, in the default bind
		"subquery without AS":       {origin(w.db.Table("(?) x", w.db.Model(&LogEntry{}))), "analytics-replica"},
		"subquery with Use":         {origin(w.db.Table("(?) AS x", w.db.Clauses(bindkey.Use("archive")).Model(&User{}))), "archive"},
		"clause.From":               {find(w.db.Clauses(clause.From{Tables: []clause.Table{{Name: "logs"}}})), "analytics-replica"},
		"join of one bind":          {origin(w.db.Table("logs").Joins("JOIN profiles ON profiles.id = logs.id").Select("logs.origin AS origin").Limit(1)), "analytics-replica"},
		"join subquery of one bind": {find(w.db.Table("logs").Joins("JOIN (?) q ON q.id = logs.id", w.db.Model(&Profile{}).Select("id")).Select("logs.*")), "analytics-replica"},
		"relation of one bind":      {joined(w.db.Joins("Team")), "main-replica"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s answered, want %s", name, c.got, c.want)
		}
	}
	if changed := w.changes(func() {
		w.must(w.db.Table("logs").Create(&Log{Event: "x"}).Error)
		w.must(w.db.Table("logs").Where("id = 1").Delete(&Log{}).Error)
		w.must(w.db.Model(&Team{ID: 2}).Updates(LogEntry{Origin: "y"}).Error) // a keyed struct as values
	}); changed != "analytics.logs main.teams" {
		t.Errorf("changed %s", changed)
	}
	for name, run := range map[string]func() error{
		"alias of the model's table": func() error {
			return w.db.Table("logs AS users").Model(&User{}).Where("id = 2").Update("name", "x").Error
		},
		"subquery of another bind":      func() error { return w.db.Table("(?) x", w.db.Model(&LogEntry{})).Find(&[]User{}).Error },
		"comma join":                    func() error { return w.db.Model(&User{}).Joins(",logs").Find(&[]User{}).Error },
		"join without spaces":           func() error { return w.db.Joins("JOIN`logs`ON`logs`.`id`=`users`.`id`").Find(&[]User{}).Error },
		"join of a subquery":            func() error { return w.db.Joins("JOIN (?) q ON 1", w.db.Model(&LogEntry{})).Find(&[]User{}).Error },
		"join of a model without key":   func() error { return w.db.Joins("JOIN logs ON 1").Find(&[]Team{}).Error },
		"update of a model without key": func() error { return w.db.Model(&Team{}).Joins("JOIN logs ON 1").Where("1").Update("name", "x").Error },
		"join in clause.From": func() error {
			return w.db.Clauses(clause.From{Joins: []clause.Join{{Table: clause.Table{Name: "logs"}}}}).Find(&[]User{}).Error
		},
		"expression in clause.From": func() error {
			return w.db.Clauses(clause.From{Joins: []clause.Join{{Expression: clause.Expr{SQL: "JOIN logs"}}}}).Find(&[]User{}).Error
		},
		"relation":                 func() error { return w.db.Joins("Profile").Find(&[]User{}).Error },
		"nested relation":          func() error { return w.db.Joins("User.Team").Find(&[]LogEntry{}).Error },
		"inner join of a relation": func() error { return w.db.InnerJoins("Profile").Find(&[]User{}).Error },
		"generics' join": func() error {
			_, err := gorm.G[User](w.db).Joins(clause.LeftJoin.Association("Profile"), nil).Find(context.Background())
			return err
		},
		"Table and AutoMigrate": func() error { return w.db.Table("users").AutoMigrate(&LogEntry{}) },
		"Use in a subquery of other table": func() error {
			return w.db.Table("(?) AS x, logs", w.db.Clauses(bindkey.Use("archive")).Model(&User{})).Find(&[]map[string]any{}).Error
		},
	} {
		var err error
		if changed := w.changes(func() { err = run() }); changed != "" || !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("%s: changed %q, %v", name, changed, err)
		}
	}
}

// A Use goes with its statement, and no further.
func TestUseEnds(t *testing.T) {
	use := bindkey.Use("archive")
	create := func(tx *gorm.DB) error { return tx.Create(&User{Name: "u"}).Error }
	for name, c := range map[string]struct {
		run  func(w *world) error
		want string
	}{
		"nested Transaction": {func(w *world) error {
			return w.db.Transaction(func(tx *gorm.DB) error { return tx.Clauses(use).Transaction(create) })
		}, "main.users"},
		"nested CreateInBatches": {func(w *world) error {
			return w.db.Transaction(func(tx *gorm.DB) error { return tx.Clauses(use).CreateInBatches(batch(4), 2).Error })
		}, "archive.logs"},
		"Session PrepareStmt, Transaction": {func(w *world) error {
			return w.db.Clauses(use).Session(&gorm.Session{PrepareStmt: true}).Transaction(create)
		}, "main.users"},
		"Session PrepareStmt, CreateInBatches": {func(w *world) error {
			return w.db.Clauses(use).Session(&gorm.Session{PrepareStmt: true}).CreateInBatches(batch(4), 2).Error
		}, "archive.logs"},
		"Transaction on the result": {func(w *world) error {
			return w.db.Clauses(use).Exec("UPDATE logs SET event = event").Transaction(create)
		}, "main.users"},
		"the result, for a model of another bind": {func(w *world) error {
			return w.db.Clauses(use).Exec("UPDATE logs SET event = event").Create(&User{Name: "u"}).Error
		}, "main.users"},
		"the result, for a model of the same bind": {func(w *world) error {
			chain := w.db.Clauses(use).Model(&LogEntry{}).Where("id = 1")
			var n int64
			var logs []LogEntry
			if err := errors.Join(chain.Count(&n).Error, chain.Limit(1).Find(&logs).Error); err != nil || logs[0].Origin != "archive" {
				return fmt.Errorf("%+v, %w", logs, err)
			}
			return nil
		}, ""},
		"a session with Use, for every model": {func(w *world) error {
			archive := w.db.Clauses(use).Session(&gorm.Session{})
			return errors.Join(create(archive), archive.Create(&LogEntry{}).Error, create(archive))
		}, "archive.logs archive.users"},
		"Save, which updates and then creates": {func(w *world) error {
			return w.db.Clauses(use).Save(&User{ID: 77, Name: "u"}).Error
		}, "archive.users"},
		"FirstOrCreate": {func(w *world) error {
			return w.db.Clauses(use).FirstOrCreate(&User{}, User{Name: "absent"}).Error
		}, "archive.users"},
		"hooks' sessions": {func(w *world) error {
			return w.db.Clauses(use).Session(&gorm.Session{PrepareStmt: true}).Create(&hooked{Name: "h"}).Error
		}, "analytics.logs archive.hookeds archive.teams"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldConfig{})
			w.must(w.db.AutoMigrate(&hooked{}))
			if changed := w.changes(func() { w.must(c.run(w)) }); changed != c.want {
				t.Errorf("changed %s, want %s", changed, c.want)
			}
		})
	}
	t.Run("the first Use on a connection of another bind", func(t *testing.T) {
		w := newWorld(t, worldConfig{})
		err := w.db.Connection(func(tx *gorm.DB) error { return tx.Clauses(use).Find(&[]User{}).Error })
		if !errors.Is(err, bindkey.ErrCrossBind) {
			t.Error(err)
		}
	})
	t.Run("DB after Session PrepareStmt", func(t *testing.T) {
		w := newWorld(t, worldConfig{})
		db, err := w.db.Clauses(use).Session(&gorm.Session{PrepareStmt: true}).DB()
		w.must(err)
		if origin := originOf(db); origin != "archive" {
			t.Errorf("DB is %s", origin)
		}
	})
	t.Run("a nested Transaction begins the branch", func(t *testing.T) {
		w := newWorld(t, worldConfig{})
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			return tx.Clauses(use).Transaction(func(tx *gorm.DB) error {
				if inUse := w.plugin.Stats()["archive"]["source"].InUse; inUse != 1 {
					t.Errorf("%d connections in use", inUse)
				}
				return nil
			})
		}))
		err := w.db.Transaction(func(tx *gorm.DB) error {
			return tx.Clauses(bindkey.Use("nowhere")).Transaction(func(*gorm.DB) error { return nil })
		})
		if !errors.Is(err, bindkey.ErrUnknownBind) {
			t.Error(err)
		}
	})
}

// A read-only transaction is at replicas, where nothing must be written; not
// every database refuses it.
func TestReadOnlyTransactionRefusesWrites(t *testing.T) {
	w := newWorld(t, worldConfig{})
	for name, run := range map[string]func(tx *gorm.DB) error{
		"Create":      func(tx *gorm.DB) error { return tx.Create(&LogEntry{}).Error },
		"Update":      func(tx *gorm.DB) error { return tx.Model(&LogEntry{ID: 1}).Update("event", "x").Error },
		"Delete":      func(tx *gorm.DB) error { return tx.Delete(&LogEntry{ID: 1}).Error },
		"AutoMigrate": func(tx *gorm.DB) error { return tx.AutoMigrate(&LogEntry{}) },
	} {
		var err error
		changed := w.changes(func() { err = w.db.Transaction(run, &sql.TxOptions{ReadOnly: true}) })
		if changed != "" || !errors.Is(err, bindkey.ErrReadOnly) {
			t.Errorf("%s: changed %q, %v", name, changed, err)
		}
	}
}

type (
	kin struct {
		ID   uint
		Kids []kid `gorm:"foreignKey:KinID"`
	}
	kid struct{ ID, KinID uint }
)

// The names of one Register call are one bind of the application's dbresolver.
func TestOneResolverIsOneBind(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.must(w.db.Use(dbresolver.
			Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, &kin{}, &kid{}, "archive").
			Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "analytics")))
	}})
	w.must(w.db.AutoMigrate(&kin{}, &kid{}))
	var ddl string
	w.must(w.plain["archive"].Raw("SELECT sql FROM sqlite_master WHERE name = 'kids'").Scan(&ddl).Error)
	if !strings.Contains(ddl, "FOREIGN KEY") {
		t.Errorf("no foreign key inside one bind: %s", ddl)
	}
	w.must(w.db.Model(&kin{}).Joins("JOIN kids ON kins.id = kids.kin_id").Count(new(int64)).Error)
	if key, err := w.plugin.KeyOf(&kid{}); key != "archive" || err != nil {
		t.Errorf("%s, %v", key, err)
	}
	var group sync.WaitGroup // under -race
	for _, run := range []func() error{
		func() error { return w.db.Find(&[]LogEntry{}).Error },
		func() error { return w.db.Clauses(bindkey.Use("kins")).Find(&[]kin{}).Error },
		func() error { return w.db.Connection(func(tx *gorm.DB) error { return tx.Find(&[]Team{}).Error }) },
	} {
		run := run
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 50; i++ {
				if err := run(); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
}

type (
	crossUser struct {
		_    struct{} `bind:"main"`
		ID   uint
		Name string
		Tags []crossTag `gorm:"many2many:cross_user_tags"`
		Pets []crossPet
	}
	crossTag struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Name  string
		Users []crossUser `gorm:"many2many:cross_user_tags" bind:"main"`
	}
	crossPet struct {
		_           struct{} `bind:"archive"`
		ID          uint
		Name        string
		CrossUserID uint
		CrossUser   *crossUser
	}
)

// Each table goes to its own database, those that GORM adds on its own
// included, and foreign keys that would cross are left out; again and again,
// and from several goroutines.
func TestAutoMigrateAcross(t *testing.T) {
	tables := func(w *world, file string) string {
		var names []string
		w.must(w.plain[file].Raw("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'cross%' ORDER BY name").Scan(&names).Error)
		return fmt.Sprint(names)
	}
	for name, models := range map[string][]any{
		"all":             {&crossUser{}, &crossTag{}, &crossPet{}},
		"what is related": {&crossUser{}, &crossPet{}},
		"in other order":  {&crossPet{}, &crossTag{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldConfig{})
			var group sync.WaitGroup
			for i := 0; i < 4; i++ {
				group.Add(1)
				go func() {
					defer group.Done()
					_ = w.db.AutoMigrate(models...) // SQLite may find the table already made by another
				}()
			}
			group.Wait()
			w.must(w.db.AutoMigrate(models...))
			for file, want := range map[string]string{
				"main": "[cross_user_tags cross_users]", "analytics": "[cross_tags]", "archive": "[cross_pets]", "main-replica": "[]", "analytics-replica": "[]",
			} {
				if got := tables(w, file); got != want {
					t.Errorf("%s has %s, want %s", file, got, want)
				}
			}
			var ddl []string
			w.must(w.plain["main"].Raw("SELECT sql FROM sqlite_master WHERE name = 'cross_user_tags'").Scan(&ddl).Error)
			w.must(w.plain["archive"].Raw("SELECT sql FROM sqlite_master WHERE name = 'cross_pets'").Scan(&ddl).Error)
			if strings.Contains(fmt.Sprint(ddl), "cross_tags`(") || strings.Contains(ddl[len(ddl)-1], "FOREIGN KEY") {
				t.Errorf("a foreign key crosses: %s", ddl)
			}
			w.must(w.db.Create(&crossUser{Tags: []crossTag{{}}, Pets: []crossPet{{}}}).Error)
			if !w.db.Migrator().HasTable(&crossTag{}) || !w.db.Migrator().HasTable("cross_pets") {
				t.Error("HasTable finds no table")
			}
			w.must(w.db.Migrator().DropTable(&crossUser{}, &crossTag{}, &crossPet{}, "cross_user_tags"))
			for _, file := range worldFiles {
				if got := tables(w, file); got != "[]" {
					t.Errorf("%s still has %s", file, got)
				}
			}
		})
	}
	t.Run("Table names a table of its own", func(t *testing.T) {
		w := newWorld(t, worldConfig{})
		w.must(w.db.Table("cross_pets_2026").Migrator().CreateTable(&crossPet{}))
		if got := tables(w, "archive"); got != "[cross_pets_2026]" {
			t.Errorf("archive has %s", got)
		}
		var ddl string
		w.must(w.plain["archive"].Raw("SELECT sql FROM sqlite_master WHERE name = 'cross_pets_2026'").Scan(&ddl).Error)
		if strings.Contains(ddl, "FOREIGN KEY") {
			t.Errorf("a foreign key crosses: %s", ddl)
		}
		w.must(w.db.Table("cross_pets_2026").Find(&[]map[string]any{}).Error) // known now
	})
	t.Run("Use", func(t *testing.T) {
		w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.Strict(), bindkey.Models()}, install: func(w *world) {
			w.plugin.Register("main", dbresolver.Config{}, &Team{})
			w.registerBut("main")
		}})
		type crossStray struct{ ID uint }
		w.must(w.db.Clauses(bindkey.Use("archive")).AutoMigrate(&crossStray{}))
		if got := tables(w, "archive"); got != "[cross_strays]" {
			t.Errorf("archive has %s", got)
		}
	})
}

type (
	nowhereTeam struct {
		_    struct{} `bind:"nowhere"`
		ID   uint
		Name string
	}
	holder struct {
		_      struct{} `bind:"main"`
		ID     uint
		TeamID uint
		Team   nowhereTeam
	}
	mainThing      struct{ ID uint }
	analyticsThing struct{ ID uint }
	// tabled names its table while the statement is built.
	tabled struct {
		ID   uint
		Text string
	}
)

func (nowhereTeam) TableName() string                { return "teams" }
func (holder) TableName() string                     { return "users" }
func (mainThing) TableName() string                  { return "main.things" }
func (mainThing) Bind() string                       { return "main" }
func (analyticsThing) TableName() string             { return "aux.things" }
func (analyticsThing) Bind() string                  { return "analytics" }
func (tabled) TableName() string                     { return "teams" }
func (*tabled) ModifyStatement(stmt *gorm.Statement) { stmt.Table = "notes" }

// modelExpr reads the statement that it is rendered in.
type modelExpr struct{}

func (modelExpr) Build(builder clause.Builder) {
	stmt := builder.(*gorm.Statement)
	_ = stmt.ReflectValue.Type()
	builder.WriteString("SELECT * FROM " + stmt.Schema.Table)
}

func TestTablesInEveryClause(t *testing.T) {
	w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.Models(&mainThing{}, &analyticsThing{})}})
	raw := func(name string) clause.Table { return clause.Table{Name: name, Raw: true} }
	for name, c := range map[string]struct {
		run func() error
		is  error
	}{
		"relation of an unknown bind": {func() error { return w.db.Joins("Team").Find(&[]holder{}).Error }, bindkey.ErrUnknownBind},
		"raw table in From": {func() error {
			return w.db.Clauses(clause.From{Tables: []clause.Table{raw("logs AS users")}}).Find(&[]User{}).Error
		}, bindkey.ErrCrossBind},
		"second table in From": {func() error {
			return w.db.Clauses(clause.From{Tables: []clause.Table{{Name: clause.CurrentTable}, raw("(SELECT * FROM logs) x")}}).Find(&[]User{}).Error
		}, bindkey.ErrCrossBind},
		"raw join in From": {func() error {
			return w.db.Clauses(clause.From{Joins: []clause.Join{{Table: raw("(SELECT * FROM logs) l")}}}).Find(&[]User{}).Error
		}, bindkey.ErrCrossBind},
		"clause.Insert": {func() error {
			return w.db.Clauses(clause.Insert{Table: clause.Table{Name: "logs"}}).Create(&User{}).Error
		}, bindkey.ErrCrossBind},
		"clause.Update": {func() error {
			return w.db.Clauses(clause.Update{Table: clause.Table{Name: "logs"}}).Model(&User{ID: 1}).Update("name", "x").Error
		}, bindkey.ErrCrossBind},
		"another schema's table": {func() error { return w.db.Table("main.things").Find(&[]analyticsThing{}).Error }, bindkey.ErrCrossBind},
		"named subquery of a join": {func() error {
			return w.db.Joins("JOIN (@q) q ON 1", map[string]any{"q": w.db.Model(&LogEntry{})}).Find(&[]User{}).Error
		}, bindkey.ErrCrossBind},
		"expression that reads a stmt": {func() error { return w.db.Model(&User{}).Table("(?) AS users", modelExpr{}).Find(&[]User{}).Error }, nil},
	} {
		var err error
		if changed := w.changes(func() { err = c.run() }); changed != "" || !errors.Is(err, c.is) {
			t.Errorf("%s: changed %q, %v", name, changed, err)
		}
	}
	if changed := w.changes(func() { w.must(w.db.Create(&tabled{Text: "x"}).Error) }); changed != "archive.notes" {
		t.Errorf("a table of ModifyStatement: changed %s", changed)
	}
	strict := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.Strict()}, install: func(w *world) {
		w.plugin.Register("main", dbresolver.Config{}, &Team{})
		w.registerBut("main")
	}})
	strict.must(strict.db.Exec("").Error)
	if err := strict.db.Table("(SELECT 1 AS a) t").Find(&[]map[string]any{}).Error; !errors.Is(err, bindkey.ErrUnbound) {
		t.Error(err)
	}
}

// Asking teaches nothing: the same statement goes the same way before and after.
func TestAskingTeachesNothing(t *testing.T) {
	w := newWorld(t, worldConfig{})
	where := func() string {
		route, err := w.plugin.Explain(w.db.Table("reports"))
		return fmt.Sprint(route.Key, err)
	}
	before := where()
	w.db.Table("reports").Migrator().HasTable(&LogEntry{})
	_ = w.db.Table("reports").Migrator().DropTable(&LogEntry{})
	_ = w.db.Session(&gorm.Session{DryRun: true}).Table("reports").AutoMigrate(&LogEntry{})
	if after := where(); after != before {
		t.Errorf("%s before, %s after", before, after)
	}
}

// A model that is bound by its table's name keeps its bind, and its foreign
// keys, in a table of another name.
func TestTableOfARegisteredName(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "kins", "kids")
		w.registerBut("analytics")
	}})
	w.must(w.db.AutoMigrate(&kin{}))
	w.must(w.db.Table("kids_2026").Migrator().CreateTable(&kid{}))
	w.must(w.db.Table("kids_2026").Find(&[]map[string]any{}).Error)
	var n int64
	w.must(w.plain["analytics"].Raw("SELECT count(*) FROM sqlite_master WHERE name = 'kids_2026'").Scan(&n).Error)
	if n != 1 {
		t.Error("analytics has no table kids_2026")
	}
}

// A subquery deep in a join's arguments is asked once for each level.
func TestNestedSubqueriesAreNotRenderedTwice(t *testing.T) {
	w := newWorld(t, worldConfig{})
	scopes := 0
	q := w.db.Model(&Order{}).Scopes(func(tx *gorm.DB) *gorm.DB { scopes++; return tx })
	const depth = 8
	for i := 0; i < depth; i++ {
		q = w.db.Model(&Order{}).Joins("JOIN (@q) q ON q.id = orders.id", map[string]any{"q": q})
	}
	w.must(q.Find(&[]Order{}).Error)
	if scopes > 2*depth {
		t.Errorf("the innermost was rendered %d times", scopes)
	}
}

func TestUseOnAChain(t *testing.T) {
	w := newWorld(t, worldConfig{})
	use := bindkey.Use("archive")
	for name, chained := range map[string]func(*gorm.DB) *gorm.DB{
		"WithContext": func(tx *gorm.DB) *gorm.DB { return tx.WithContext(context.Background()) },
		"Session":     func(tx *gorm.DB) *gorm.DB { return tx.Session(&gorm.Session{}) },
		"PrepareStmt": func(tx *gorm.DB) *gorm.DB { return tx.Session(&gorm.Session{PrepareStmt: true}) },
		"Debug":       func(tx *gorm.DB) *gorm.DB { return tx.Session(&gorm.Session{Logger: tx.Logger}) },
	} {
		result := w.db.Clauses(use).Exec("UPDATE logs SET event = event")
		if changed := w.changes(func() { w.must(chained(result).Create(&User{Name: "u"}).Error) }); changed != "main.users" {
			t.Errorf("%s on the result: changed %s", name, changed)
		}
	}
	for _, plain := range w.plain { // a table that nobody knows
		w.must(plain.Exec("CREATE TABLE logs_2020 AS SELECT * FROM logs").Error)
	}
	chain := w.db.Clauses(use).Table("logs_2020")
	var n int64
	var logs []LogEntry
	w.must(chain.Count(&n).Error)
	w.must(chain.Find(&logs).Error)
	if logs[0].Origin != "archive" {
		t.Errorf("after Count, %s answered", logs[0].Origin)
	}
}

// An application may remove GORM's callbacks; Use holds for what is left.
func TestUseWithoutTheAssociationCallback(t *testing.T) {
	w := newWorld(t, worldConfig{})
	w.must(w.db.Callback().Create().Remove("gorm:save_before_associations"))
	changed := w.changes(func() {
		w.must(w.db.Clauses(bindkey.Use("archive")).Create(&User{Name: "u", Orders: []Order{{Item: "i"}}}).Error)
	})
	if changed != "archive.orders archive.users" {
		t.Errorf("changed %s", changed)
	}
}
