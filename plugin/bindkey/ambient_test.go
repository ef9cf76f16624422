package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// auditedTeam has no key, and writes from its hooks: a row without a key, one with
// a key, one by SQL that names a table without a key.
type auditedTeam struct {
	ID   uint
	Name string
}

func (auditedTeam) TableName() string { return "teams" }

func (a *auditedTeam) BeforeCreate(tx *gorm.DB) error {
	return tx.Create(&Team{Name: "before " + a.Name}).Error
}

func (a *auditedTeam) AfterCreate(tx *gorm.DB) error {
	var n int
	return errors.Join(
		tx.Exec("UPDATE teams SET name = name || '!' WHERE name = ?", "before "+a.Name).Error,
		tx.Session(&gorm.Session{NewDB: true}).Create(&LogEntry{Event: a.Name}).Error,
		tx.Raw("SELECT count(*) FROM teams WHERE name = ?", "before "+a.Name+"!").Scan(&n).Error,
		map[bool]error{false: fmt.Errorf("%d rows are seen in the hook", n)}[n == 1])
}

// keyedNote has a key, and its hook writes a row that has none.
type keyedNote struct {
	_    struct{} `bind:"analytics"`
	ID   uint
	Text string
}

func (keyedNote) TableName() string { return "notes" }

func (*keyedNote) AfterCreate(tx *gorm.DB) error { return tx.Create(&Team{Name: "of a note"}).Error }

// What has no key goes to the bind of the Use around it; models with a key go by it.
func TestAmbientBind(t *testing.T) {
	type setting struct {
		name   string
		use    clause.Expression
		config gorm.Config
		models []any
	}
	var settings []setting
	for _, models := range [][]any{worldModels, nil} {
		for _, config := range []gorm.Config{{}, {PrepareStmt: true}, {SkipDefaultTransaction: true}} {
			name := fmt.Sprint("/", config.PrepareStmt, config.SkipDefaultTransaction, "/", len(models), "/")
			settings = append(settings, setting{"bindkey" + name, bindkey.Use("archive"), config, models},
				setting{"dbresolver" + name, dbresolver.Use("archive"), config, models})
		}
	}
	for m, in := range settings {
		use := in.use
		cases := []struct {
			name string
			run  func(site *gorm.DB) error
			want string
		}{
			{"a model without a key", func(site *gorm.DB) error { return site.Create(&Team{Name: "x"}).Error }, "archive.teams"},
			{"hooks", func(site *gorm.DB) error { return site.Create(&auditedTeam{Name: "x"}).Error }, "analytics.logs archive.teams"},
			{"hooks, in batches", func(site *gorm.DB) error {
				return site.CreateInBatches([]auditedTeam{{Name: "x"}, {Name: "y"}, {Name: "z"}}, 2).Error
			}, "analytics.logs archive.teams"},
			{"a hook of a keyed model, in a hook's way", func(site *gorm.DB) error {
				return site.Transaction(func(tx *gorm.DB) error { return tx.Create(&keyedNote{Text: "x"}).Error })
			}, "analytics.notes archive.teams"},
			{"a transaction", func(site *gorm.DB) error {
				return site.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&Team{Name: "x"}).Error, tx.Create(&User{Name: "x"}).Error,
						tx.Exec("UPDATE teams SET name = 'y' WHERE name = 'x'").Error,
						tx.Table("teams").Where("name = 'y'").Update("name", "z").Error,
						tx.Model(&Team{}).Where("name = 'z'").Update("name", "w").Error,
						tx.Create(&auditedTeam{Name: "t"}).Error)
				})
			}, "analytics.logs archive.teams main.users"},
			{"a new session of a transaction", func(site *gorm.DB) error {
				return site.Transaction(func(tx *gorm.DB) error {
					return tx.Session(&gorm.Session{NewDB: true, Context: context.Background()}).Create(&Team{Name: "x"}).Error
				})
			}, "archive.teams"},
			{"a nested transaction", func(site *gorm.DB) error {
				return site.Transaction(func(tx *gorm.DB) error {
					return tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&Team{Name: "x"}).Error })
				})
			}, "archive.teams"},
			{"a nested transaction with another Use", func(site *gorm.DB) error {
				return site.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Clauses(bindkey.Use("analytics")).Transaction(func(tx *gorm.DB) error {
						return errors.Join(tx.Create(&auditedTeam{Name: "n"}).Error,
							tx.Session(&gorm.Session{NewDB: true}).Create(&Team{Name: "new"}).Error)
					}), tx.Create(&Team{Name: "x"}).Error)
				})
			}, "analytics.logs analytics.teams archive.teams"},
			{"Begin, Write", func(site *gorm.DB) error {
				tx := site.Clauses(dbresolver.Write).Begin()
				return errors.Join(tx.Create(&Team{Name: "x"}).Error, tx.Commit().Error)
			}, "archive.teams"},
			{"Use and Write in one Clauses, Begin", func(site *gorm.DB) error {
				tx := site.Session(&gorm.Session{NewDB: true}).Clauses(use, dbresolver.Write).Begin()
				return errors.Join(tx.Create(&Team{Name: "x"}).Error, tx.Commit().Error)
			}, "archive.teams"},
			{"FindInBatches", func(site *gorm.DB) error {
				var users []User
				return site.FindInBatches(&users, 2, func(tx *gorm.DB, batch int) error {
					return errors.Join(tx.Create(&Team{Name: "x"}).Error, tx.Create(&LogEntry{Event: "x"}).Error)
				}).Error
			}, "analytics.logs archive.teams"},
			{"a new session of a handle with Use", func(site *gorm.DB) error {
				return site.Session(&gorm.Session{NewDB: true}).Create(&Team{Name: "x"}).Error
			}, "archive.teams"},
			{"what is chained on the result", func(site *gorm.DB) error {
				var teams []Team
				result := site.Find(&teams)
				return result.Session(&gorm.Session{NewDB: true}).Create(&Team{Name: "x"}).Error
			}, "archive.teams"},
			{"Use of one statement in a transaction", func(site *gorm.DB) error {
				return site.Session(&gorm.Session{NewDB: true}).Transaction(func(tx *gorm.DB) error {
					return tx.Clauses(use).Create(&auditedTeam{Name: "x"}).Error
				})
			}, "analytics.logs archive.teams"},
			{"AutoMigrate", func(site *gorm.DB) error {
				return errors.Join(site.AutoMigrate(&migratedTeam{}), site.Create(&migratedTeam{}).Error,
					site.Exec("UPDATE migrated_teams SET id = 7").Error,
					site.Transaction(func(tx *gorm.DB) error {
						return errors.Join(tx.AutoMigrate(&migratedToo{}), tx.Create(&migratedToo{}).Error)
					}))
			}, "archive.migrated_teams archive.migrated_toos"},
		}
		for i, c := range cases {
			if !testkit.Runs(i, len(cases), m, len(settings)) {
				continue
			}
			in, c := in, c
			t.Run(in.name+c.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, worldConfig{gorm: in.config, install: func(w *world) {
					w.plugin = bindkey.New(bindkey.Models(in.models...))
					w.registerAll()
				}})
				site := w.db.Clauses(in.use).Session(&gorm.Session{})
				if changed := w.changes(func() { w.must(c.run(site)) }); changed != c.want {
					t.Errorf("changed %s, want %s", changed, c.want)
				}
			})
		}
	}
}

type (
	migratedTeam struct{ ID uint }
	migratedToo  struct{ ID uint }
)

// A table that was migrated with Use, for a model without a key, is in every bind
// that a Use says.
func TestAmbientTableOfTwoSites(t *testing.T) {
	w := newWorld(t, worldConfig{})
	for _, key := range []string{"archive", "analytics"} {
		site := w.db.Clauses(bindkey.Use(key)).Session(&gorm.Session{})
		w.must(site.AutoMigrate(&migratedTeam{}))
		if changed := w.changes(func() {
			w.must(site.Transaction(func(tx *gorm.DB) error { return tx.Exec("INSERT INTO migrated_teams DEFAULT VALUES").Error }))
		}); changed != key+".migrated_teams" {
			t.Errorf("%s: changed %s", key, changed)
		}
	}
}

// The guard looks at what is inside an ambient bind, too.
func TestAmbientIsGuarded(t *testing.T) {
	w := newWorld(t, worldConfig{})
	w.must(w.db.Clauses(bindkey.Use("archive")).Transaction(func(tx *gorm.DB) error {
		for name, err := range map[string]error{
			"a subquery": tx.Model(&Team{}).Where("id IN (SELECT user_id FROM logs)").Update("name", "x").Error,
			"SQL":        tx.Exec("UPDATE teams SET name = 'x' WHERE id IN (SELECT user_id FROM logs)").Error,
			"Joins":      tx.Joins("JOIN logs ON logs.id = teams.id").Find(&[]Team{}).Error,
		} {
			if !errors.Is(err, bindkey.ErrCrossBind) {
				t.Errorf("%s: %v", name, err)
			}
		}
		return tx.Model(&Team{}).Where("id IN (SELECT id FROM teams) OR id IN (SELECT id FROM notes)").Update("name", "x").Error
	}))
}

// Clauses(Read).Begin() is at a replica, as dbresolver's README has it.
func TestReadBegin(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		for _, c := range []struct {
			chain  []clause.Expression
			origin string
		}{
			{[]clause.Expression{dbresolver.Read}, "main-replica"},
			{[]clause.Expression{dbresolver.Write}, "main"},
			{[]clause.Expression{dbresolver.Use("analytics"), dbresolver.Read}, "analytics-replica"},
			{[]clause.Expression{dbresolver.Read, bindkey.Use("analytics")}, "analytics-replica"},
			{[]clause.Expression{dbresolver.Use("analytics"), dbresolver.Write}, "analytics"},
			{[]clause.Expression{dbresolver.Use("analytics")}, "analytics"},
		} {
			tx := w.db.Clauses(c.chain...).Begin()
			var team Team
			w.must(tx.First(&team).Error)
			if team.Origin != c.origin {
				t.Errorf("%v: %s answered, want %s", c.chain, team.Origin, c.origin)
			}
			err := tx.Create(&Team{Name: "x"}).Error
			if replica := c.origin != "main" && c.origin != "analytics"; errors.Is(err, bindkey.ErrReadOnly) != replica || !replica && err != nil {
				t.Errorf("%v: a write: %v", c.chain, err)
			}
			w.must(tx.Rollback().Error)
		}
	}
}

// SQL that names no table asks a session: that of the one branch that has begun.
func TestSessionSQL(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		lastID := func(tx *gorm.DB) (id uint, err error) {
			return id, tx.Raw("SELECT last_insert_rowid()").Scan(&id).Error
		}
		check := func(name string, tx *gorm.DB, want uint) {
			t.Helper()
			if id, err := lastID(tx); err != nil || id != want {
				t.Errorf("%s: id %d, want %d: %v", name, id, want, err)
			}
		}
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			check("nothing has begun", tx, 0)
			return nil
		}))
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			entry := LogEntry{Event: "x"}
			w.must(tx.Create(&entry).Error)
			check("one branch", tx, entry.ID)
			w.must(tx.Transaction(func(tx *gorm.DB) error {
				entry := LogEntry{Event: "y"}
				w.must(tx.Create(&entry).Error)
				check("nested", tx, entry.ID)
				return nil
			}))
			route, err := w.plugin.Explain(tx.Raw("SELECT last_insert_rowid()"))
			if err != nil || route.Key != "analytics" || route.Why != bindkey.ReasonTransaction {
				t.Errorf("explained %+v: %v", route, err)
			}
			note := Note{Text: "x"}
			w.must(tx.Create(&note).Error)
			var ambiguous *bindkey.AmbiguousSessionError
			if _, err := lastID(tx); !errors.As(err, &ambiguous) || fmt.Sprint(ambiguous.Keys) != "[analytics archive]" {
				t.Errorf("two branches: %v", err)
			}
			check("Use", tx.Clauses(bindkey.Use("archive")), note.ID)
			check("a model", tx.Model(&Note{}), note.ID)
			return nil
		}))
		w.must(w.db.Clauses(bindkey.Use("archive")).Transaction(func(tx *gorm.DB) error {
			team := Team{Name: "x"}
			w.must(tx.Create(&team).Error)
			w.must(tx.Create(&LogEntry{Event: "x"}).Error)
			check("ambient, two branches", tx, team.ID)
			return nil
		}))
		// A branch that is rolled back to a savepoint has not begun.
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			w.must(tx.Exec("UPDATE teams SET name = name").Error)
			_ = tx.Transaction(func(tx *gorm.DB) error {
				w.must(tx.Create(&LogEntry{Event: "x"}).Error)
				return errors.New("roll back")
			})
			_, err := lastID(tx)
			return err
		}))
		// GORM's own transaction around a statement, in its hooks.
		hooks := hookedLog{Event: "x"}
		w.must(w.db.Create(&hooks).Error)
		if hooks.before != nil || hooks.after != nil || hooks.last != hooks.ID {
			t.Errorf("hooks: %+v", hooks)
		}
	}
}

// hookedLog asks its session from its hooks.
type hookedLog struct {
	_             struct{} `bind:"analytics"`
	ID            uint
	UserID        uint
	Event         string
	before, after error
	last          uint
}

func (hookedLog) TableName() string { return "logs" }

func (h *hookedLog) BeforeCreate(tx *gorm.DB) error {
	h.before = originIs(tx, "analytics")
	return nil
}

func (h *hookedLog) AfterCreate(tx *gorm.DB) error {
	h.after = tx.Raw("SELECT last_insert_rowid()").Scan(&h.last).Error
	return nil
}

// originIs proves which database answers SQL that names no table.
func originIs(tx *gorm.DB, want string) error {
	var file string
	if err := tx.Raw("PRAGMA database_list").Row().Scan(new(int), new(string), &file); err != nil {
		return err
	}
	if len(file) < len(want)+4 || file[len(file)-len(want)-4:] != "/"+want+".db"[:3] && file[len(file)-len(want)-3:] != want+".db" {
		return fmt.Errorf("%s answered, want %s", file, want)
	}
	return nil
}

// SQL that controls a transaction is refused, but on a connection of the
// program's own, and in a script that ends what it begins.
func TestTransactionControl(t *testing.T) {
	w := newWorld(t, worldConfig{})
	for _, sql := range []string{"SAVEPOINT a", "savepoint a;", "/* x */ ROLLBACK TO a", "RELEASE a", "COMMIT", "ROLLBACK", "END", "BEGIN IMMEDIATE", "UPDATE logs SET event = 'x'; COMMIT"} {
		var control *bindkey.TransactionControlError
		changed := w.changes(func() {
			w.must(w.db.Transaction(func(tx *gorm.DB) error {
				for _, tx := range []*gorm.DB{tx, tx.Clauses(bindkey.Use("analytics"))} {
					if err := tx.Exec(sql).Error; !errors.As(err, &control) {
						t.Errorf("%s in a transaction: %v", sql, err)
					}
				}
				if err := tx.Raw(sql).Scan(new(int)).Error; !errors.As(err, &control) {
					t.Errorf("%s in Raw: %v", sql, err)
				}
				return nil
			}))
			for _, db := range []*gorm.DB{w.db, w.db.Clauses(bindkey.Use("analytics"))} {
				if err := db.Exec(sql).Error; !errors.As(err, &control) {
					t.Errorf("%s: %v", sql, err)
				}
			}
		})
		if changed != "" {
			t.Errorf("%s changed %s", sql, changed)
		}
	}
	script := "BEGIN; UPDATE logs SET event = 'script'; COMMIT"
	if changed := w.changes(func() { w.must(w.db.Exec(script).Error) }); changed != "analytics.logs" {
		t.Errorf("a script changed %s", changed)
	}
	w.must(w.db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Exec(script).Error; !errors.Is(err, bindkey.ErrTransactionControl) {
			t.Errorf("a script in a transaction: %v", err)
		}
		return nil
	}))
	if changed := w.changes(func() {
		w.must(w.db.Clauses(bindkey.Use("analytics")).Connection(func(tx *gorm.DB) error {
			return errors.Join(tx.Exec("BEGIN IMMEDIATE").Error, tx.Exec("SAVEPOINT a").Error, tx.Exec("UPDATE logs SET event = 'own'").Error, tx.Exec("COMMIT").Error)
		}))
	}); changed != "analytics.logs" {
		t.Errorf("Connection changed %s", changed)
	}
}

// Use without the plugin is an error, and not a statement in another database.
func TestUseWithoutThePlugin(t *testing.T) {
	w := newWorld(t, worldConfig{})
	resolver, err := w.plugin.Resolver("analytics")
	w.must(err)
	for name, db := range map[string]*gorm.DB{"a plain handle": w.plain["main"], "the handle of a bind": resolver.DB} {
		if changed := w.changes(func() {
			begun := db.Clauses(bindkey.Use("analytics")).Begin()
			err := begun.Error
			for finisher, err := range map[string]error{
				"Begin":       err,
				"Create":      db.Clauses(bindkey.Use("analytics")).Create(&LogEntry{Event: "x"}).Error,
				"Exec":        db.Clauses(bindkey.Use("analytics")).Exec("DELETE FROM logs").Error,
				"First":       db.Clauses(bindkey.Use("analytics")).First(&LogEntry{}).Error,
				"Transaction": db.Clauses(bindkey.Use("analytics")).Transaction(func(tx *gorm.DB) error { return tx.Create(&LogEntry{}).Error }),
			} {
				if !errors.Is(err, bindkey.ErrInstall) {
					t.Errorf("%s of %s: %v", finisher, name, err)
				}
			}
		}); changed != "" {
			t.Errorf("%s: changed %s", name, changed)
		}
	}
	tx := w.db.Begin()
	w.must(tx.Clauses(bindkey.Use("analytics")).First(&LogEntry{}).Error)
	w.must(tx.Rollback().Error)
}
