package bindkey_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Models that say nothing of their bind, over tables that every file has.
type (
	givenNote struct {
		ID     uint
		Text   string
		Origin string
		Users  []givenUser `gorm:"many2many:user_tags;joinForeignKey:TagID;joinReferences:UserID"`
	}
	givenUser struct {
		ID   uint
		Name string
	}
)

func (givenNote) TableName() string { return "notes" }
func (givenUser) TableName() string { return "users" }

// givenWays install a plugin that was given givenNote in analytics, by either way,
// and nothing else: no Models.
var givenWays = map[string]func(w *world, options ...bindkey.Option){
	"bindkey": func(w *world, options ...bindkey.Option) {
		w.plugin = bindkey.New(options...).Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, &givenNote{})
	},
	"dbresolver": func(w *world, options ...bindkey.Option) {
		w.plugin = bindkey.New(options...)
		w.must(w.db.Use(dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, &givenNote{})))
	},
}

// Models given to Register are known from db.Use on, with their join tables: no
// statement has named them before.
func TestRegisteredModelsAreKnown(t *testing.T) {
	cases := []struct {
		name string
		run  func(tx *gorm.DB) error
		want string
	}{
		{"INSERT", func(tx *gorm.DB) error { return tx.Exec("INSERT INTO notes (text) VALUES ('x')").Error }, "analytics.notes"},
		{"UPDATE with arguments", func(tx *gorm.DB) error {
			return tx.Exec("UPDATE `Notes` SET text = @text WHERE id = @id", map[string]any{"text": "x", "id": 1}).Error
		}, "analytics.notes"},
		{"a CTE", func(tx *gorm.DB) error {
			return tx.Exec("WITH x AS (SELECT max(id) AS id FROM notes) DELETE FROM main.notes WHERE id IN (SELECT id FROM x)").Error
		}, "analytics.notes"},
		{"Table", func(tx *gorm.DB) error {
			return tx.Table("notes").Where("id = 1").Update("text", "x").Error
		}, "analytics.notes"},
		{"Table, a map", func(tx *gorm.DB) error { return tx.Table("notes").Create(map[string]any{"text": "x"}).Error }, "analytics.notes"},
		{"the join table", func(tx *gorm.DB) error {
			return tx.Exec("INSERT INTO user_tags (user_id, tag_id) VALUES (3, 3)").Error
		}, "analytics.user_tags"},
		{"Raw", func(tx *gorm.DB) error {
			var origin string
			if err := tx.Raw("SELECT origin FROM notes WHERE id = ?", 1).Scan(&origin).Error; err != nil || origin != "analytics" {
				return fmt.Errorf("%s answered: %w", origin, err)
			}
			return nil
		}, ""},
		{"Rows", func(tx *gorm.DB) error {
			var origin string
			if err := tx.Table("notes AS n").Select("n.origin").Row().Scan(&origin); err != nil || origin != "analytics" {
				return fmt.Errorf("%s answered: %w", origin, err)
			}
			return nil
		}, ""},
		{"a subquery in Table", func(tx *gorm.DB) error {
			var origins []string
			if err := tx.Table("(?) AS n", tx.Table("notes")).Pluck("origin", &origins).Error; err != nil || origins[0] != "analytics" {
				return fmt.Errorf("%s answered: %w", origins, err)
			}
			return nil
		}, ""},
		{"HasTable", func(tx *gorm.DB) error {
			if !tx.Migrator().HasTable("notes") || !tx.Migrator().HasColumn("notes", "text") {
				return errors.New("no such table")
			}
			return nil
		}, ""},
	}
	m := -1
	for _, way := range []string{"bindkey", "dbresolver"} {
		for _, mode := range modes() {
			m++
			m, way, mode := m, way, mode
			t.Run(way+"/"+mode.name, func(t *testing.T) {
				t.Parallel()
				for i, c := range cases {
					if !testkit.Runs(i, len(cases), m, len(givenWays)*len(modes())) {
						continue
					}
					w := newWorld(t, worldConfig{gorm: mode.config, install: func(w *world) { givenWays[way](w) }})
					var err error
					if changed := w.changes(func() { mode.run(w.db, func(tx *gorm.DB) { err = c.run(tx) }) }); err != nil || changed != c.want {
						t.Errorf("%s changed %q, want %q: %v", c.name, changed, c.want, err)
					}
				}
			})
		}
	}
}

// DDL names tables that no statement has named before.
func TestRegisteredModelsAreKnownToDDL(t *testing.T) {
	for way, install := range givenWays {
		for name, run := range map[string]func(tx *gorm.DB) error{
			"DropTable":        func(tx *gorm.DB) error { return tx.Migrator().DropTable("notes") },
			"DropTable, model": func(tx *gorm.DB) error { return tx.Migrator().DropTable(&givenNote{}) },
			"RenameTable":      func(tx *gorm.DB) error { return tx.Migrator().RenameTable("notes", "renamed") },
			"ALTER TABLE":      func(tx *gorm.DB) error { return tx.Exec("ALTER TABLE notes RENAME TO renamed").Error },
			"DROP TABLE":       func(tx *gorm.DB) error { return tx.Exec("DROP TABLE notes").Error },
		} {
			for _, inTx := range []bool{false, true} {
				w := newWorld(t, worldConfig{install: func(w *world) { install(w) }})
				err := run(w.db)
				if inTx {
					w = newWorld(t, worldConfig{install: func(w *world) { install(w) }})
					err = w.db.Transaction(run)
				}
				w.must(err)
				if w.plain["analytics"].Migrator().HasTable("notes") || !w.plain["main"].Migrator().HasTable("notes") {
					t.Errorf("%s, %s, in a transaction %v: main has notes %v", way, name, inTx, w.plain["main"].Migrator().HasTable("notes"))
				}
			}
		}
	}
}

// strictTeam has no key, and writes a row without one from its hook.
type strictTeam struct {
	ID   uint
	Name string
}

func (strictTeam) TableName() string { return "teams" }

func (*strictTeam) AfterCreate(tx *gorm.DB) error { return tx.Create(&Team{Name: "of a hook"}).Error }

// With Strict, SQL that names tables and none that is known is refused; what names
// no table, and what a Use decides, is not.
func TestStrictSQL(t *testing.T) {
	for way, install := range givenWays {
		w := newWorld(t, worldConfig{install: func(w *world) { install(w, bindkey.Strict()) }})
		for name, run := range map[string]func(tx *gorm.DB) error{
			"Exec": func(tx *gorm.DB) error { return tx.Exec("UPDATE teams SET name = 'x'").Error },
			"Raw":  func(tx *gorm.DB) error { return tx.Raw("SELECT name FROM teams").Scan(&[]string{}).Error },
			"Rows": func(tx *gorm.DB) error { _, err := tx.Raw("SELECT name FROM teams").Rows(); return err },
			"in a transaction": func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error { return tx.Exec("DELETE FROM teams").Error })
			},
			"Table":             func(tx *gorm.DB) error { return tx.Table("teams").Find(&[]map[string]any{}).Error },
			"a model":           func(tx *gorm.DB) error { return tx.Create(&Team{Name: "x"}).Error },
			"a DTO of a table":  func(tx *gorm.DB) error { return tx.Raw("SELECT * FROM teams").Scan(&[]Team{}).Error },
			"DDL":               func(tx *gorm.DB) error { return tx.Exec("DROP TABLE teams").Error },
			"a migrator's call": func(tx *gorm.DB) error { return tx.Migrator().DropTable("teams") },
		} {
			changed := w.changes(func() {
				if err := run(w.db); !errors.Is(err, bindkey.ErrUnbound) {
					t.Errorf("%s, %s: %v", way, name, err)
				}
			})
			if changed != "" {
				t.Errorf("%s, %s: changed %s", way, name, changed)
			}
		}
		use := w.db.Clauses(dbresolver.Use("analytics"))
		if way == "dbresolver" {
			use = w.db.Clauses(bindkey.Use("notes"))
		}
		use = use.Session(&gorm.Session{})
		for name, run := range map[string]func() error{
			"no table":      func() error { return w.db.Exec("SELECT 1").Error },
			"a known table": func() error { return w.db.Exec("UPDATE notes SET text = 'x'").Error },
			"Use":           func() error { return use.Exec("UPDATE teams SET name = 'x'").Error },
			"Use, a model":  func() error { return use.Create(&Team{Name: "x"}).Error },
			"Use, Table":    func() error { return use.Table("teams").Where("id = 1").Update("name", "y").Error },
			"Use, a hook":   func() error { return use.Create(&strictTeam{Name: "x"}).Error },
			"Use, a transaction": func() error {
				return use.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&Team{Name: "x"}).Error, tx.Exec("UPDATE teams SET name = 'z'").Error,
						tx.Session(&gorm.Session{NewDB: true}).Create(&Team{Name: "w"}).Error)
				})
			},
		} {
			if changed := w.changes(func() {
				if err := run(); err != nil {
					t.Errorf("%s, %s: %v", way, name, err)
				}
			}); strings.Contains(changed, "main") {
				t.Errorf("%s, %s: changed %s", way, name, changed)
			}
		}
	}
}

// A name that went to the default bind, and turns out to live elsewhere, is told
// once, with the way out.
func TestGuessedTables(t *testing.T) {
	var lines bytes.Buffer
	w := newWorld(t, worldConfig{
		gorm:    gorm.Config{Logger: logger.New(log.New(&lines, "", 0), logger.Config{LogLevel: logger.Error})},
		install: func(w *world) { w.plugin = bindkey.New(); w.registerAll() },
	})
	told := func() int { return strings.Count(lines.String(), `table "logs" was named before`) }
	w.must(w.db.Exec("UPDATE logs SET event = event").Error)
	w.must(w.db.Table("logs").Where("id = 1").Update("event", "x").Error)
	w.must(w.db.Exec("UPDATE teams SET name = name").Error)
	w.must(w.db.Session(&gorm.Session{DryRun: true}).Exec("UPDATE notes SET text = text").Error) // was not sent
	if told() != 0 {
		t.Fatalf("told before it is known: %s", &lines)
	}
	for range [2]int{} {
		w.must(w.db.First(&LogEntry{}).Error)
		w.must(w.db.First(&Team{}).Error)
		w.must(w.db.First(&Note{}).Error)
	}
	if told() != 1 || strings.Contains(lines.String(), `"teams" was named`) || strings.Contains(lines.String(), `"notes" was named`) {
		t.Errorf("told: %s", &lines)
	}
	if !strings.Contains(lines.String(), "bindkey.Models") || !strings.Contains(lines.String(), `"analytics"`) {
		t.Errorf("told: %s", &lines)
	}
	for i := 0; i < 5000; i++ { // any number of names, in bounded memory
		w.db.WithContext(context.Background()).Session(&gorm.Session{Logger: logger.Discard}).Exec(fmt.Sprint("DELETE FROM t", i))
	}
}

// What GORM has parsed for a relation is known, though no statement has named it.
func TestRelatedModelsAreKnown(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) { w.plugin = bindkey.New(); w.registerAll() }})
	w.must(w.db.Where("1 = 0").Find(&[]User{}).Error)
	if changed := w.changes(func() { w.must(w.db.Exec("UPDATE logs SET event = 'x'").Error) }); changed != "analytics.logs" {
		t.Errorf("changed %s", changed)
	}
	err := w.db.Exec("UPDATE users SET name = 'x' WHERE id IN (SELECT user_id FROM profiles)").Error
	if !errors.Is(err, bindkey.ErrCrossBind) {
		t.Error(err)
	}
}
