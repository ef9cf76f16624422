package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// countingPolicy picks the last pool, and counts how often it was asked.
type countingPolicy struct{ asked *atomic.Int64 }

func (p countingPolicy) Resolve(pools []gorm.ConnPool) gorm.ConnPool {
	p.asked.Add(1)
	return pools[len(pools)-1]
}

// policyWorld has an analytics bind of two sources and two replicas.
func policyWorld(t *testing.T, config gorm.Config) (*world, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	w := newWorld(t, worldConfig{gorm: config, install: func(w *world) {
		w.plugin.Register("analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{w.dialector("archive"), w.dialector("analytics")},
			Replicas: []gorm.Dialector{w.dialector("main-replica"), w.dialector("analytics-replica")},
			Policy:   countingPolicy{&asked},
		})
		w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
	}})
	asked.Store(0)
	return w, &asked
}

func TestReadsAndWrites(t *testing.T) {
	origin := func(tx *gorm.DB) string {
		var log LogEntry
		if err := tx.First(&log).Error; err != nil {
			return err.Error()
		}
		return log.Origin
	}
	rawOrigin := func(sql string) func(*gorm.DB) string {
		return func(tx *gorm.DB) string {
			var origin string
			if err := tx.Raw(sql).Scan(&origin).Error; err != nil {
				return err.Error()
			}
			return origin
		}
	}
	for _, prepare := range []bool{false, true} {
		for _, c := range []struct {
			name  string
			run   func(tx *gorm.DB) string
			want  string
			asked int64
		}{
			{"a read goes to a replica", origin, "analytics-replica", 1},
			{"Write", func(tx *gorm.DB) string { return origin(tx.Clauses(dbresolver.Write)) }, "analytics", 1},
			{"Read", func(tx *gorm.DB) string { return origin(tx.Clauses(dbresolver.Read)) }, "analytics-replica", 1},
			{"Use and Write", func(tx *gorm.DB) string {
				return origin(tx.Clauses(dbresolver.Use("analytics"), dbresolver.Write))
			}, "analytics", 1},
			{"Use", func(tx *gorm.DB) string { return origin(tx.Clauses(bindkey.Use("analytics"))) }, "analytics-replica", 1},
			{"dbresolver.Use", func(tx *gorm.DB) string { return origin(tx.Clauses(dbresolver.Use("analytics"))) }, "analytics-replica", 1},
			{"locking clause", func(tx *gorm.DB) string { return origin(tx.Clauses(clause.Locking{Strength: "UPDATE"})) }, "analytics", 1},
			{"raw select", rawOrigin("SELECT origin FROM logs"), "analytics-replica", 1},
			{"raw select in parentheses and comments", rawOrigin("/* FOR UPDATE */ SELECT origin FROM (SELECT * FROM logs) -- for share"), "analytics-replica", 1},
			{"raw select with a CTE", rawOrigin("WITH l AS (SELECT * FROM logs) SELECT origin FROM l"), "analytics-replica", 1},
			{"raw write with RETURNING", rawOrigin("UPDATE logs SET event = 'x' WHERE id = 1 RETURNING origin"), "analytics", 1},
			{"raw write in a CTE's guise", rawOrigin("WITH l AS (SELECT 1 AS id) UPDATE logs SET event = 'x' WHERE id IN (SELECT id FROM l) RETURNING origin"), "analytics", 1},
			{"raw select with Write", func(tx *gorm.DB) string {
				return rawOrigin("SELECT origin FROM logs")(tx.Clauses(dbresolver.Write))
			}, "analytics", 1},
			{"raw anything with Read", func(tx *gorm.DB) string {
				return rawOrigin("SELECT origin FROM logs")(tx.Clauses(dbresolver.Read))
			}, "analytics-replica", 1},
			{"a transaction reads from its source, picked once", func(tx *gorm.DB) (found string) {
				_ = tx.Transaction(func(tx *gorm.DB) error {
					origin(tx)
					found = origin(tx)
					return nil
				})
				return found
			}, "analytics", 1},
			{"a read-only transaction reads from a replica", func(tx *gorm.DB) (found string) {
				_ = tx.Transaction(func(tx *gorm.DB) error {
					found = origin(tx)
					return nil
				}, &sql.TxOptions{ReadOnly: true})
				return found
			}, "analytics-replica", 1},
			{"DryRun asks no policy", func(tx *gorm.DB) string {
				return fmt.Sprint(tx.Session(&gorm.Session{DryRun: true}).First(&LogEntry{}).Error)
			}, "<nil>", 0},
			{"ToSQL asks no policy", func(tx *gorm.DB) string {
				return tx.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Model(&LogEntry{}).Select("id").Find(&[]LogEntry{}) })
			}, "SELECT `id` FROM `logs` WHERE `logs`.`deleted_at` IS NULL", 0},
			{"a subquery asks no policy of its own", func(tx *gorm.DB) string {
				return origin(tx.Where("id IN (?)", tx.Session(&gorm.Session{NewDB: true}).Model(&LogEntry{}).Select("id")))
			}, "analytics-replica", 1},
			{"a create asks once", func(tx *gorm.DB) string {
				log := LogEntry{Event: "x", Origin: "x"}
				return fmt.Sprint(tx.Create(&log).Error)
			}, "<nil>", 1},
			{"preload asks once each", func(tx *gorm.DB) string {
				var user User
				_ = tx.Preload("Logs").Preload("Profile").First(&user)
				return user.Logs[0].Origin
			}, "analytics-replica", 2},
			{"DB", func(tx *gorm.DB) string {
				db, err := tx.Clauses(bindkey.Use("analytics")).DB()
				if err != nil {
					return err.Error()
				}
				return originOf(db)
			}, "analytics", 1},
			{"Connection", func(tx *gorm.DB) (found string) {
				err := tx.Clauses(dbresolver.Use("analytics")).Connection(func(tx *gorm.DB) error {
					found = origin(tx)
					return nil
				})
				if err != nil {
					return err.Error()
				}
				return found
			}, "analytics", 1},
			{"Begin", func(tx *gorm.DB) string {
				tx = tx.Clauses(dbresolver.Use("analytics")).Begin()
				defer tx.Rollback()
				if tx.Error != nil {
					return tx.Error.Error()
				}
				return origin(tx)
			}, "analytics", 1},
		} {
			t.Run(fmt.Sprintf("%s, PrepareStmt %v", c.name, prepare), func(t *testing.T) {
				w, asked := policyWorld(t, gorm.Config{PrepareStmt: prepare})
				if got := c.run(w.db); got != c.want {
					t.Errorf("%q answered, want %q", got, c.want)
				}
				if asked.Load() != c.asked {
					t.Errorf("the policy was asked %d times, want %d", asked.Load(), c.asked)
				}
			})
		}
	}
}

func originOf(db *sql.DB) string {
	var origin string
	if err := db.QueryRow("SELECT origin FROM users LIMIT 1").Scan(&origin); err != nil {
		return err.Error()
	}
	return origin
}

func TestUnknownBind(t *testing.T) {
	type Lost struct {
		_  struct{} `bind:"nowhere"`
		ID uint
	}
	w := newWorld(t, worldConfig{})
	for name, run := range map[string]func(tx *gorm.DB) error{
		"query":           func(tx *gorm.DB) error { return tx.First(&User{}).Error },
		"Create":          func(tx *gorm.DB) error { return tx.Create(&User{Name: "x"}).Error },
		"Update":          func(tx *gorm.DB) error { return tx.Model(&User{ID: 1}).Update("name", "x").Error },
		"Delete":          func(tx *gorm.DB) error { return tx.Delete(&User{ID: 1}).Error },
		"Exec":            func(tx *gorm.DB) error { return tx.Exec("DELETE FROM users").Error },
		"Raw":             func(tx *gorm.DB) error { return tx.Raw("SELECT 1").Scan(new(int)).Error },
		"Row":             func(tx *gorm.DB) error { return tx.Raw("SELECT 1").Row().Scan(new(int)) },
		"Rows":            func(tx *gorm.DB) error { rows, err := tx.Raw("SELECT 1").Rows(); _ = rows; return err },
		"Begin":           func(tx *gorm.DB) error { return tx.Begin().Error },
		"Transaction":     func(tx *gorm.DB) error { return tx.Transaction(func(*gorm.DB) error { return nil }) },
		"DB":              func(tx *gorm.DB) error { _, err := tx.DB(); return err },
		"Connection":      func(tx *gorm.DB) error { return tx.Connection(func(*gorm.DB) error { return nil }) },
		"AutoMigrate":     func(tx *gorm.DB) error { return tx.AutoMigrate(&User{}) },
		"CreateInBatches": func(tx *gorm.DB) error { return tx.CreateInBatches(batch(3), 2).Error },
	} {
		for useName, use := range map[string]clause.Expression{"bindkey": bindkey.Use("nowhere"), "dbresolver": dbresolver.Use("nowhere")} {
			t.Run(name+" with "+useName, func(t *testing.T) {
				var err error
				changed := w.changes(func() { err = run(w.db.Clauses(use)) })
				var unknown *bindkey.UnknownBindError
				if !errors.Is(err, bindkey.ErrUnknownBind) || !errors.As(err, &unknown) || unknown.Key != "nowhere" {
					t.Errorf("err = %v", err)
				} else if fmt.Sprint(unknown.Known) != "[analytics archive main]" {
					t.Errorf("known %v", unknown.Known)
				}
				if changed != "" {
					t.Errorf("changed %s", changed)
				}
			})
		}
	}
	for name, run := range map[string]func(tx *gorm.DB) error{
		"query":       func(tx *gorm.DB) error { return tx.First(&Lost{}).Error },
		"Create":      func(tx *gorm.DB) error { return tx.Create(&Lost{}).Error },
		"Row":         func(tx *gorm.DB) error { return tx.Model(&Lost{}).Select("id").Row().Scan(new(int)) },
		"AutoMigrate": func(tx *gorm.DB) error { return tx.AutoMigrate(&Lost{}) },
		"in a transaction": func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error { return tx.First(&Lost{}).Error })
		},
	} {
		t.Run("model, "+name, func(t *testing.T) {
			var unknown *bindkey.UnknownBindError
			err := run(w.db)
			if !errors.As(err, &unknown) || unknown.Key != "nowhere" || !strings.HasSuffix(unknown.Model, "Lost") {
				t.Errorf("err = %v", err)
			}
		})
	}
}

// A transaction that Use opens has that bind's branch at once, and routes
// every model by its own key.
func TestUseAndBegin(t *testing.T) {
	for useName, use := range map[string]clause.Expression{"bindkey": bindkey.Use("archive"), "dbresolver": dbresolver.Use("archive")} {
		for _, prepare := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, PrepareStmt %v", useName, prepare), func(t *testing.T) {
				w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
				changed := w.changes(func() {
					tx := w.db.Clauses(use).Begin()
					w.must(tx.Error)
					stats := w.plugin.Stats()
					if stats["archive"]["source"].InUse != 1 || stats["main"]["source"].InUse != 0 || stats["analytics"]["source"].InUse != 0 {
						t.Errorf("after Begin: %+v", stats)
					}
					w.must(tx.Create(&User{Name: "u", Logs: []LogEntry{{Event: "e"}}}).Error)
					w.must(tx.Create(&Team{Name: "t"}).Error)
					w.must(tx.Clauses(bindkey.Use("analytics")).Create(&Note{Text: "a new Use inside counts"}).Error)
					w.must(tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&Note{Text: "nested"}).Error }))
					w.must(tx.CreateInBatches(batch(3), 2).Error)
					w.must(tx.Commit().Error)
				})
				if want := "analytics.logs analytics.notes archive.notes archive.teams main.users"; changed != want {
					t.Errorf("changed %s, want %s", changed, want)
				}
			})
		}
	}
}

// hooked writes a log entry and a team from its hooks.
type hooked struct {
	_    struct{} `bind:"archive"`
	ID   uint
	Name string
	Note string
}

func (h *hooked) BeforeCreate(tx *gorm.DB) error {
	return tx.Create(&LogEntry{Event: "before " + h.Name}).Error
}

func (h *hooked) AfterCreate(tx *gorm.DB) error {
	if h.Name == "fails" {
		return errors.New("hook failed")
	}
	return tx.Create(&Team{Name: "after " + h.Name}).Error
}

func (h *hooked) AfterFind(tx *gorm.DB) error {
	var user User
	if err := tx.First(&user).Error; err != nil {
		return err
	}
	h.Note = user.Origin
	return nil
}

func (h *hooked) BeforeUpdate(tx *gorm.DB) error {
	return tx.Exec("INSERT INTO notes (text) VALUES ('updated')").Error
}

func (h *hooked) AfterDelete(tx *gorm.DB) error {
	return tx.Model(&LogEntry{}).Where("id = 1").Update("event", "deleted").Error
}

func TestHooks(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.name, func(t *testing.T) {
			w := newWorld(t, worldConfig{gorm: mode.config})
			w.must(w.db.AutoMigrate(&hooked{}))
			w.must(w.plain["analytics"].AutoMigrate(&hooked{}))
			step := func(name, want string, run func(tx *gorm.DB) error) {
				t.Helper()
				var err error
				if changed := w.changes(func() { mode.run(w.db, func(tx *gorm.DB) { err = run(tx) }) }); changed != want {
					t.Errorf("%s changed %s, want %s", name, changed, want)
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			step("create", "analytics.logs archive.hookeds main.teams", func(tx *gorm.DB) error { return tx.Create(&hooked{Name: "a"}).Error })
			step("create with Use", "analytics.hookeds analytics.logs analytics.teams", func(tx *gorm.DB) error {
				return tx.Clauses(bindkey.Use("analytics")).Create(&hooked{Name: "b"}).Error
			})
			step("find", "", func(tx *gorm.DB) error {
				var found hooked
				err := tx.First(&found).Error
				want := "main-replica"
				if mode.inTx {
					want = "main"
				}
				if err == nil && found.Note != want {
					err = fmt.Errorf("the hook's query was answered by %s, want %s", found.Note, want)
				}
				return err
			})
			step("update", "archive.hookeds archive.notes", func(tx *gorm.DB) error { return tx.Model(&hooked{ID: 1}).Update("name", "c").Error })
			step("delete", "analytics.logs archive.hookeds", func(tx *gorm.DB) error { return tx.Delete(&hooked{ID: 1}).Error })
		})
	}
	t.Run("a failing hook rolls every bind back", func(t *testing.T) {
		w := newWorld(t, worldConfig{})
		w.must(w.db.AutoMigrate(&hooked{}))
		if changed := w.changes(func() {
			if err := w.db.Create(&hooked{Name: "fails"}).Error; err == nil {
				t.Error("no error")
			}
		}); changed != "" {
			t.Errorf("changed %s", changed)
		}
	})
}

// Evidence of different binds is an error, and nothing reaches a database.
func TestCrossBindEvidence(t *testing.T) {
	w := newWorld(t, worldConfig{})
	type users struct{ Origin string } // a DTO by the name of a table
	for name, run := range map[string]func(tx *gorm.DB) error{
		"raw SQL of two binds": func(tx *gorm.DB) error {
			return tx.Raw("SELECT * FROM users JOIN logs ON logs.user_id = users.id").Scan(&[]users{}).Error
		},
		"Exec of two binds": func(tx *gorm.DB) error {
			return tx.Exec("INSERT INTO users (name) SELECT event FROM logs").Error
		},
		"a keyed model and raw SQL of another bind": func(tx *gorm.DB) error {
			return tx.Raw("SELECT * FROM logs").Find(&[]User{}).Error
		},
		"generics with raw SQL of another bind": func(tx *gorm.DB) error {
			if len(tx.Statement.Clauses) > 0 { // generics drop the handle's clauses, and take their own
				return gorm.G[User](tx, bindkey.Use("main")).Exec(context.Background(), "DELETE FROM logs WHERE 0")
			}
			return gorm.G[User](tx).Exec(context.Background(), "DELETE FROM logs")
		},
		"a keyed model and a table of another bind": func(tx *gorm.DB) error {
			return tx.Model(&User{}).Table("logs").Find(&[]users{}).Error
		},
		"a raw join of another bind": func(tx *gorm.DB) error {
			return tx.Joins("JOIN logs ON logs.user_id = users.id").Find(&[]User{}).Error
		},
		"Table of two binds": func(tx *gorm.DB) error {
			return tx.Table("users, logs").Find(&[]map[string]any{}).Error
		},
		"Row": func(tx *gorm.DB) error {
			return tx.Raw("SELECT 1 FROM users, logs").Row().Scan(new(int))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			changed := w.changes(func() { err = run(w.db) })
			var crossing *bindkey.CrossBindError
			if !errors.Is(err, bindkey.ErrCrossBind) || !errors.As(err, &crossing) || len(crossing.Claims) < 2 {
				t.Errorf("err = %v", err)
			}
			if changed != "" {
				t.Errorf("changed %s", changed)
			}
			if err := run(w.db.Clauses(bindkey.Use("main"))); errors.Is(err, bindkey.ErrCrossBind) {
				t.Errorf("Use does not silence it: %v", err)
			}
		})
	}
}

type archivedUser struct {
	_      struct{} `bind:"archive"`
	ID     uint
	Name   string
	Origin string
}

func (archivedUser) TableName() string { return "users" }

// Two binds may have a table of one name: the models tell them apart.
func TestOneTableNameInTwoBinds(t *testing.T) {
	w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.Models(&archivedUser{})}})
	var user User
	var archived archivedUser
	w.must(w.db.First(&user).Error)
	w.must(w.db.First(&archived).Error)
	if user.Origin != "main-replica" || archived.Origin != "archive" {
		t.Errorf("%s and %s", user.Origin, archived.Origin)
	}
	w.must(w.db.Raw("SELECT * FROM users").Find(&archived).Error)
	if archived.Origin != "archive" {
		t.Errorf("raw SQL with a model: %s", archived.Origin)
	}
	var origins []string
	w.must(w.db.Raw("SELECT users.origin FROM users JOIN notes ON notes.id = users.id").Scan(&origins).Error)
	if origins[0] != "archive" {
		t.Errorf("raw SQL with a table of one bind: %s", origins[0])
	}
	w.must(w.db.Clauses(bindkey.Use("main")).Raw("SELECT origin FROM users").Scan(&origins).Error)
	if origins[0] != "main-replica" {
		t.Errorf("raw SQL with Use: %s", origins[0])
	}
	for name, err := range map[string]error{
		"Raw":      w.db.Raw("SELECT origin FROM users").Scan(&origins).Error,
		"Exec":     w.db.Exec("DELETE FROM users").Error,
		"Table":    w.db.Table("users").Find(&[]map[string]any{}).Error,
		"HasTable": w.db.Migrator().DropTable("users"),
	} {
		var ambiguous *bindkey.AmbiguousTableError
		if !errors.Is(err, bindkey.ErrAmbiguousTable) || !errors.As(err, &ambiguous) || fmt.Sprint(ambiguous.Keys) != "[archive main]" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStrict(t *testing.T) {
	w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.Strict()}, install: func(w *world) {
		w.plugin.Register("main", dbresolver.Config{}, &Team{})
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}})
		w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
	}})
	type stranger struct{ ID uint }
	for name, err := range map[string]error{
		"model":          w.db.First(&stranger{}).Error,
		"Table":          w.db.Table("strangers").Find(&[]map[string]any{}).Error,
		"Table, DTO":     w.db.Table("strangers").Find(&[]stranger{}).Error,
		"AutoMigrate":    w.db.AutoMigrate(&stranger{}),
		"Migrator table": w.db.Migrator().DropTable("strangers"),
	} {
		var unbound *bindkey.UnboundError
		if !errors.Is(err, bindkey.ErrUnbound) || !errors.As(err, &unbound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.must(w.db.First(&Team{}).Error)
	w.must(w.db.Raw("SELECT 1").Scan(new(int)).Error)
	w.must(w.db.Raw("SELECT 1 AS id").Find(&stranger{}).Error)
	w.must(w.db.Clauses(bindkey.Use("main")).Table("users").Find(&[]map[string]any{}).Error)
	w.must(w.db.Model(&User{ID: 1}).Association("Tags").Append(&Tag{ID: 3})) // the join table has its declarer's key
}

func TestExplain(t *testing.T) {
	w, asked := policyWorld(t, gorm.Config{})
	dry := w.db.Session(&gorm.Session{DryRun: true})
	for _, c := range []struct {
		name string
		tx   *gorm.DB
		want string
	}{
		{"method", w.db.Model(&LogEntry{}), "analytics method read [replica replica-2]"},
		{"tag", w.db.Model(&User{}).Where("id = ?", 1), "main tag read [source]"},
		{"default", w.db.Model(&Team{}), "main default read [source]"},
		{"use", w.db.Clauses(bindkey.Use("archive")).Model(&User{}), "archive use read [source]"},
		{"table", w.db.Table("logs"), "analytics table read [replica replica-2]"},
		{"raw SQL", w.db.Raw("SELECT * FROM logs"), "analytics raw SQL read [replica replica-2]"},
		{"raw write", w.db.Raw("DELETE FROM logs"), "analytics raw SQL write [source source-2]"},
		{"scopes", w.db.Scopes(func(db *gorm.DB) *gorm.DB { return db.Model(&LogEntry{}) }), "analytics method read [replica replica-2]"},
		{"Write", w.db.Model(&LogEntry{}).Clauses(dbresolver.Write), "analytics method write [source source-2]"},
		{"locking", w.db.Model(&LogEntry{}).Clauses(clause.Locking{Strength: "UPDATE"}), "analytics method write [source source-2]"},
		{"finished query", dry.Find(&[]LogEntry{}), "analytics method read [replica replica-2]"},
		{"finished create", dry.Create(&LogEntry{}), "analytics method write [source source-2]"},
		{"finished update", dry.Model(&LogEntry{ID: 1}).Update("event", "x"), "analytics method write [source source-2]"},
		{"finished delete", dry.Delete(&Note{ID: 1}), "archive method write [source]"},
		{"finished soft delete", dry.Delete(&LogEntry{ID: 1}), "analytics method write [source source-2]"},
		{"finished Exec", dry.Exec("DELETE FROM notes"), "archive raw SQL write [source]"},
	} {
		route, err := w.plugin.Explain(c.tx)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := fmt.Sprint(route.Key, " ", route.Why, " ", route.Operation, " ", route.Roles); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if _, err := w.plugin.Explain(w.db.Clauses(bindkey.Use("nowhere")).Model(&User{})); !errors.Is(err, bindkey.ErrUnknownBind) {
		t.Errorf("unknown bind: %v", err)
	}
	tx := w.db.Begin()
	route, err := w.plugin.Explain(tx.Model(&LogEntry{}))
	if err != nil || fmt.Sprint(route.Roles) != "[source source-2]" {
		t.Errorf("in a transaction: %+v, %v", route, err)
	}
	if inUse := w.plugin.Stats()["analytics"]["source"].InUse; inUse != 0 {
		t.Error("Explain began a branch")
	}
	tx.Rollback()
	if asked.Load() != 0 {
		t.Errorf("the policy was asked %d times", asked.Load())
	}
}

// A transaction or connection of the application's own stays where it is.
func TestOwnConnections(t *testing.T) {
	w := newWorld(t, worldConfig{})
	resolver, err := w.plugin.Resolver("analytics")
	w.must(err)
	analytics, err := resolver.DB.DB()
	w.must(err)
	stranger, err := w.plain["archive"].DB()
	w.must(err)
	with := func(pool gorm.ConnPool) *gorm.DB {
		tx := w.db.Session(&gorm.Session{NewDB: true, Context: context.Background()})
		tx.Statement.ConnPool = pool
		return tx
	}
	begin := func(db *sql.DB) *sql.Tx {
		tx, err := db.Begin()
		w.must(err)
		t.Cleanup(func() { _ = tx.Rollback() })
		return tx
	}
	var log LogEntry
	w.must(with(begin(analytics)).First(&log).Error)
	if log.Origin != "analytics" {
		t.Errorf("%s answered", log.Origin)
	}
	w.must(with(begin(analytics)).Transaction(func(tx *gorm.DB) error { return tx.First(&log).Error })) // a savepoint
	if err := with(begin(analytics)).First(&User{}).Error; !errors.Is(err, bindkey.ErrCrossBind) {
		t.Errorf("another bind's model on a transaction of analytics: %v", err)
	}
	var team Team
	w.must(with(begin(stranger)).First(&team).Error)
	if team.Origin != "archive" {
		t.Errorf("%s answered", team.Origin)
	}
	if err := with(begin(stranger)).First(&log).Error; !errors.Is(err, bindkey.ErrCrossBind) {
		t.Errorf("a model of analytics on a stranger's transaction: %v", err)
	}
	w.must(with(begin(stranger)).Clauses(bindkey.Use("analytics")).First(&log).Error)

	w.must(w.db.Connection(func(tx *gorm.DB) error {
		if err := tx.Session(&gorm.Session{NewDB: true}).First(&User{}).Error; err != nil {
			return err
		}
		err := tx.Session(&gorm.Session{NewDB: true}).First(&LogEntry{}).Error
		if !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("a model of analytics on a connection of main: %v", err)
		}
		return nil
	}))
	if err := with(&customPool{w.plain["main"].ConnPool}).First(&User{}).Error; !errors.Is(err, bindkey.ErrForeignPool) {
		t.Errorf("a pool of another plugin: %v", err)
	}
}

type customPool struct{ gorm.ConnPool }

func TestSQLTx(t *testing.T) {
	w := newWorld(t, worldConfig{})
	if _, err := bindkey.SQLTx(w.db, "main"); !errors.Is(err, gorm.ErrInvalidTransaction) {
		t.Errorf("outside a transaction: %v", err)
	}
	changed := w.changes(func() {
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			if _, err := bindkey.SQLTx(tx, "nowhere"); !errors.Is(err, bindkey.ErrUnknownBind) {
				t.Errorf("unknown bind: %v", err)
			}
			sqlTx, err := bindkey.SQLTx(tx, "archive")
			if err != nil {
				return err
			}
			if _, err := sqlTx.Exec("INSERT INTO notes (text) VALUES ('x')"); err != nil {
				return err
			}
			var note Note
			return tx.Last(&note, "text = 'x'").Error
		}))
	})
	if changed != "archive.notes" {
		t.Errorf("changed %s", changed)
	}
}

// A Row after a routing error carries it, instead of panicking in Scan.
func TestRowCarriesTheError(t *testing.T) {
	w := newWorld(t, worldConfig{})
	if err := w.db.Raw("SELECT 1 FROM users, logs").Row().Err(); !errors.Is(err, bindkey.ErrCrossBind) {
		t.Error(err)
	}
}
