package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// joined is a clause of the application's own that joins a table.
func joined(join clause.Join) clause.Expression { return clause.From{Joins: []clause.Join{join}} }

// within is an expression of the application's own that holds a subquery.
type within struct{ query *gorm.DB }

func (w within) Build(builder clause.Builder) {
	_, _ = builder.WriteString("EXISTS (")
	builder.AddVar(builder, w.query)
	_ = builder.WriteByte(')')
}

// crossings are statements of users, or of no model, that need the table logs of
// analytics, too.
func crossings(use func(string) clause.Expression) map[string]func(tx *gorm.DB) *gorm.DB {
	logs := func(tx *gorm.DB) *gorm.DB {
		return tx.Session(&gorm.Session{NewDB: true}).Model(&LogEntry{}).Select("user_id")
	}
	users := func(tx *gorm.DB) *gorm.DB { return tx.Find(&[]User{}) }
	return map[string]func(tx *gorm.DB) *gorm.DB{
		"Joins":             func(tx *gorm.DB) *gorm.DB { return tx.Joins("User").Find(&[]LogEntry{}) },
		"nested Joins":      func(tx *gorm.DB) *gorm.DB { return tx.Joins("User").Joins("User.Team").Find(&[]LogEntry{}) },
		"InnerJoins":        func(tx *gorm.DB) *gorm.DB { return tx.InnerJoins("Profile").Find(&[]User{}) },
		"a raw join":        func(tx *gorm.DB) *gorm.DB { return users(tx.Joins("LEFT JOIN logs l ON l.user_id = users.id")) },
		"a quoted raw join": func(tx *gorm.DB) *gorm.DB { return users(tx.Joins("LEFT JOIN `Logs` l ON l.user_id = users.id")) },
		"a join of a subquery": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Joins("JOIN (?) AS l ON l.user_id = users.id", logs(tx)))
		},
		"a clause.Join": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Clauses(joined(clause.Join{Table: clause.Table{Name: "logs"}, ON: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "true"}}}})))
		},
		"a clause.From": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Clauses(clause.From{Tables: []clause.Table{{Name: "users"}, {Name: "logs"}}}))
		},
		"several tables":    func(tx *gorm.DB) *gorm.DB { return tx.Table("users, logs").Find(&[]map[string]any{}) },
		"Where":             func(tx *gorm.DB) *gorm.DB { return users(tx.Where("id IN (?)", logs(tx))) },
		"Where, text":       func(tx *gorm.DB) *gorm.DB { return users(tx.Where("id IN (SELECT user_id FROM logs)")) },
		"Where, lower case": func(tx *gorm.DB) *gorm.DB { return users(tx.Where("id in (select user_id from Logs)")) },
		"Where, a raw one": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Where("id IN (?)", tx.Session(&gorm.Session{NewDB: true}).Raw("SELECT user_id FROM logs WHERE id = ?", 1)))
		},
		"Where, EXISTS": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Where("EXISTS (?)", logs(tx).Where("logs.user_id = users.id")))
		},
		"Where, own type":                    func(tx *gorm.DB) *gorm.DB { return users(tx.Where(within{logs(tx)})) },
		"Where, a map":                       func(tx *gorm.DB) *gorm.DB { return users(tx.Where(map[string]any{"id": logs(tx)})) },
		"Where, an unknown table of a model": func(tx *gorm.DB) *gorm.DB { return users(tx.Where("id IN (?)", logs(tx).Table("logs_2026"))) },
		"Where, a Use": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Where("id IN (?)", tx.Session(&gorm.Session{NewDB: true}).Clauses(use("archive")).Model(&User{}).Select("id")))
		},
		"Not": func(tx *gorm.DB) *gorm.DB { return users(tx.Not("id IN (?)", logs(tx))) },
		"Or":  func(tx *gorm.DB) *gorm.DB { return users(tx.Where("id = 1").Or("id IN (?)", logs(tx))) },
		"a group of conditions": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Where(tx.Session(&gorm.Session{NewDB: true}).Where("id = 1").Or("id IN (?)", logs(tx))))
		},
		"a subquery in a subquery": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Where("id IN (?)", tx.Session(&gorm.Session{NewDB: true}).Model(&User{}).Select("id").Where("id IN (?)", logs(tx))))
		},
		"inline condition": func(tx *gorm.DB) *gorm.DB { return tx.Find(&[]User{}, "id IN (?)", logs(tx)) },
		"Having": func(tx *gorm.DB) *gorm.DB {
			return tx.Model(&User{}).Select("name").Group("name").Having("count(*) > (?)", logs(tx).Select("count(*)")).Find(&[]string{})
		},
		"Select": func(tx *gorm.DB) *gorm.DB {
			return tx.Model(&User{}).Select("(?) AS n", logs(tx).Limit(1)).Find(&[]string{})
		},
		"Select, text": func(tx *gorm.DB) *gorm.DB {
			return tx.Model(&User{}).Select("(SELECT event FROM logs LIMIT 1)").Find(&[]string{})
		},
		"Order": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Order(clause.OrderBy{Expression: clause.Expr{SQL: "(?)", Vars: []any{logs(tx).Limit(1)}}}))
		},
		"Table": func(tx *gorm.DB) *gorm.DB {
			return tx.Table("(?) AS u, (?) AS l", tx.Session(&gorm.Session{NewDB: true}).Model(&User{}), logs(tx)).Find(&[]map[string]any{})
		},
		"Table and model": func(tx *gorm.DB) *gorm.DB { return tx.Table("(?) AS l", logs(tx)).Find(&[]User{}) },
		"Update":          func(tx *gorm.DB) *gorm.DB { return tx.Model(&User{ID: 1}).Update("name", logs(tx).Limit(1)) },
		"Updates": func(tx *gorm.DB) *gorm.DB {
			return tx.Model(&User{ID: 1}).Updates(map[string]any{"name": gorm.Expr("(?)", logs(tx).Limit(1))})
		},
		"Update, text": func(tx *gorm.DB) *gorm.DB {
			return tx.Model(&User{ID: 1}).Update("name", gorm.Expr("(SELECT event FROM logs LIMIT 1)"))
		},
		"Update, where": func(tx *gorm.DB) *gorm.DB { return tx.Model(&User{}).Where("id IN (?)", logs(tx)).Update("name", "x") },
		"Delete":        func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN (?)", logs(tx)).Delete(&User{}) },
		"soft Delete": func(tx *gorm.DB) *gorm.DB {
			return tx.Where("user_id IN (?)", tx.Session(&gorm.Session{NewDB: true}).Model(&User{}).Select("id")).Delete(&LogEntry{})
		},
		"IN, a tab":           func(tx *gorm.DB) *gorm.DB { return tx.Where("id\tIN logs").Delete(&User{}) },
		"IN, a parenthesis":   func(tx *gorm.DB) *gorm.DB { return tx.Where("(id)IN logs").Delete(&User{}) },
		"IN, a quoted name":   func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN\"logs\"").Delete(&User{}) },
		"IN, comments around": func(tx *gorm.DB) *gorm.DB { return tx.Where("id/**/IN/**/logs").Delete(&User{}) },
		"NOT IN, lines":       func(tx *gorm.DB) *gorm.DB { return tx.Where("id NOT\nIN\n logs").Delete(&User{}) },
		"Delete, joins": func(tx *gorm.DB) *gorm.DB {
			return tx.Joins("JOIN logs ON logs.user_id = users.id").Where("1 = 1").Delete(&User{})
		},
		"Create": func(tx *gorm.DB) *gorm.DB {
			return tx.Model(&User{}).Create(map[string]any{"name": clause.Expr{SQL: "(SELECT event FROM logs LIMIT 1)"}})
		},
		"an upsert": func(tx *gorm.DB) *gorm.DB {
			return tx.Clauses(clause.OnConflict{DoUpdates: clause.Assignments(map[string]any{"name": gorm.Expr("(?)", logs(tx).Limit(1))})}).Create(&User{ID: 1})
		},
		"Count": func(tx *gorm.DB) *gorm.DB { return tx.Model(&User{}).Where("id IN (?)", logs(tx)).Count(new(int64)) },
		"Pluck": func(tx *gorm.DB) *gorm.DB {
			return tx.Model(&User{}).Where("id IN (?)", logs(tx)).Pluck("name", &[]string{})
		},
		"Scopes": func(tx *gorm.DB) *gorm.DB {
			return users(tx.Scopes(func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN (SELECT user_id FROM logs)") }))
		},

		"Raw": func(tx *gorm.DB) *gorm.DB {
			return tx.Raw("SELECT * FROM users JOIN logs ON true").Find(&[]map[string]any{})
		},
		"Raw, comma": func(tx *gorm.DB) *gorm.DB {
			return tx.Raw("SELECT * FROM users u, \"logs\" l").Find(&[]map[string]any{})
		},
		"Raw, CTE": func(tx *gorm.DB) *gorm.DB {
			return tx.Raw("WITH l AS (SELECT * FROM logs) SELECT * FROM users, l").Find(&[]map[string]any{})
		},
		"Raw, union": func(tx *gorm.DB) *gorm.DB {
			return tx.Raw("SELECT id FROM users UNION SELECT id FROM main.logs").Find(&[]map[string]any{})
		},
		"Raw, insert":      func(tx *gorm.DB) *gorm.DB { return tx.Exec("INSERT INTO users (name) SELECT event FROM logs") },
		"Raw, update":      func(tx *gorm.DB) *gorm.DB { return tx.Exec("UPDATE users SET name = (SELECT event FROM logs)") },
		"Raw, delete":      func(tx *gorm.DB) *gorm.DB { return tx.Exec("DELETE FROM users WHERE id IN (SELECT user_id FROM logs)") },
		"Raw, two at once": func(tx *gorm.DB) *gorm.DB { return tx.Exec("DELETE FROM users; DELETE FROM logs") },
		"Raw, a subquery": func(tx *gorm.DB) *gorm.DB {
			return tx.Raw("SELECT * FROM users WHERE id IN (?)", logs(tx)).Find(&[]map[string]any{})
		},
		"Raw, a Use inside": func(tx *gorm.DB) *gorm.DB {
			return tx.Raw("SELECT * FROM users WHERE id IN (?)", tx.Session(&gorm.Session{NewDB: true}).Clauses(use("archive")).Model(&User{}).Select("id")).Find(&[]map[string]any{})
		},
		"generics": func(tx *gorm.DB) *gorm.DB {
			_, err := gorm.G[User](tx).Where("id IN (?)", logs(tx)).Find(context.Background())
			_ = tx.AddError(err)
			return tx
		},
	}
}

// TestGuard runs each crossing on databases that record what they are asked: nothing
// is sent but, around a write, the BEGIN and ROLLBACK of GORM's default transaction.
func TestGuard(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.name, func(t *testing.T) {
			w := newTxWorld(t, worldConfig{gorm: mode.config})
			for name, run := range crossings(bindkey.Use) {
				mode.run(w.db, func(tx *gorm.DB) {
					w.calls.Start(nil)
					err := run(tx.Session(&gorm.Session{})).Error
					for _, call := range w.calls.Stop() {
						if call.Kind != testkit.Begin && call.Kind != testkit.Rollback {
							t.Errorf("%s: it asks %s", name, call)
						}
					}
					var crossing *bindkey.CrossBindError
					if !errors.As(err, &crossing) || !errors.Is(err, bindkey.ErrCrossBind) || len(crossing.Claims) < 2 {
						t.Errorf("%s: err = %v", name, err)
					}
				})
			}
			w.idle()
		})
	}
}

// In DryRun the SQL is there, beside the error.
func TestGuardInDryRun(t *testing.T) {
	w := newWorld(t, worldConfig{})
	plains := crossings(dbresolver.Use) // which says nothing to a handle without one
	for name, run := range crossings(bindkey.Use) {
		if name == "generics" {
			continue // has no SQL to show
		}
		plain := plains[name](w.plain["main"].Session(&gorm.Session{DryRun: true})).Statement.SQL.String()
		tx := run(w.db.Session(&gorm.Session{DryRun: true}))
		if !errors.Is(tx.Error, bindkey.ErrCrossBind) {
			t.Errorf("%s: err = %v", name, tx.Error)
		}
		if sql := tx.Statement.SQL.String(); sql != plain {
			t.Errorf("%s: SQL is\n%s, not\n%s", name, sql, plain)
		}
		if told := w.db.ToSQL(func(tx *gorm.DB) *gorm.DB { return run(tx.Session(&gorm.Session{})) }); told == "" || strings.ContainsAny(told, "\x01\x02") {
			t.Errorf("%s: ToSQL is %q", name, told)
		}
	}
}

// What only looks like a crossing is none.
func TestGuardLetsThrough(t *testing.T) {
	w := newWorld(t, worldConfig{})
	fresh := func() *gorm.DB { return w.db.Session(&gorm.Session{NewDB: true}) }
	for name, tx := range map[string]*gorm.DB{
		"a subquery of the same bind":      w.db.Where("user_id IN (?)", fresh().Model(&Profile{}).Select("user_id")).Find(&[]LogEntry{}),
		"of a model without a key":         w.db.Where("team_id IN (?)", fresh().Model(&Team{}).Select("id")).Find(&[]User{}),
		"a column of a table's name":       w.db.Where("id IN (SELECT id AS logs FROM users)").Find(&[]User{}),
		"an alias of a table's name":       w.db.Where("id IN (SELECT logs.id FROM users AS logs)").Find(&[]User{}),
		"a CTE of a table's name":          w.db.Raw("WITH logs AS (SELECT * FROM users) SELECT * FROM users, logs").Find(&[]map[string]any{}),
		"a string":                         w.db.Where("name <> 'SELECT 1 FROM logs'").Find(&[]User{}),
		"a value":                          w.db.Where("name <> ?", "SELECT * FROM logs").Find(&[]User{}),
		"a comment":                        w.db.Where("1 = 1 /* SELECT 1 FROM logs */").Find(&[]User{}),
		"Use around it":                    w.db.Clauses(bindkey.Use("main")).Where("id IN (SELECT user_id FROM logs)").Find(&[]User{}),
		"Use of the same bind inside":      w.db.Where("id IN (?)", fresh().Clauses(bindkey.Use("main")).Model(&LogEntry{}).Select("user_id")).Find(&[]User{}),
		"AllowCrossBind":                   w.db.Clauses(bindkey.AllowCrossBind).Where("id IN (SELECT user_id FROM logs)").Find(&[]User{}),
		"AllowCrossBind, a relation":       w.db.Clauses(bindkey.AllowCrossBind).Joins("Profile").Find(&[]User{}),
		"AllowCrossBind, SQL with a model": w.db.Clauses(bindkey.AllowCrossBind).Model(&User{}).Raw("SELECT users.* FROM users JOIN logs ON true").Find(&[]User{}),
		"AllowCrossBind and Use":           w.db.Clauses(bindkey.AllowCrossBind, bindkey.Use("archive")).Raw("SELECT * FROM users JOIN logs ON true").Find(&[]map[string]any{}),
	} {
		if tx.Error != nil {
			t.Errorf("%s: %v", name, tx.Error)
		}
	}
	if err := w.db.Clauses(bindkey.AllowCrossBind).Raw("SELECT * FROM users JOIN logs ON true").Find(&[]map[string]any{}).Error; !errors.Is(err, bindkey.ErrCrossBind) {
		t.Errorf("AllowCrossBind without a model or Use: %v", err)
	}
	if err := w.db.Clauses(bindkey.AllowCrossBind).Preload("Orders", "id IN (SELECT id FROM logs)").Find(&[]User{}).Error; !errors.Is(err, bindkey.ErrCrossBind) {
		t.Errorf("AllowCrossBind holds for a preload: %v", err)
	}
}

// One database behind two keys is one: what names tables of both runs there.
func TestGuardOneDatabase(t *testing.T) {
	for name, config := range map[string]func(w *world) dbresolver.Config{
		"its pool": func(*world) dbresolver.Config { return dbresolver.Config{} },
		"its DSN": func(w *world) dbresolver.Config {
			return dbresolver.Config{Sources: []gorm.Dialector{w.dialector("main")}}
		},
		"a *sql.DB": func(w *world) dbresolver.Config {
			pool, err := w.plain["main"].DB()
			w.must(err)
			return dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: pool})}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldConfig{install: func(w *world) {
				w.registerBut("analytics")
				w.plugin.Register("analytics", config(w))
				if name == "a *sql.DB" {
					w.plugin.Register("more", config(w), &Order{})
				}
			}})
			run := func() error { return w.db.Where("id IN (SELECT user_id FROM logs)").Find(&[]User{}).Error }
			if name == "a *sql.DB" {
				run = func() error { return w.db.Where("id IN (SELECT user_id FROM orders)").Find(&[]LogEntry{}).Error }
			}
			if err := run(); err != nil {
				t.Error(err)
			}
			if name != "a *sql.DB" {
				w.must(w.db.Joins("User").Find(&[]LogEntry{}).Error)
				w.must(w.db.Raw("SELECT * FROM users JOIN logs ON true").Find(&[]map[string]any{}).Error)
				var tags []Tag
				w.must(w.db.Model(&User{ID: 1}).Association("Tags").Find(&tags))
				if fmt.Sprint(len(tags)) != "2" {
					t.Errorf("tags: %v", tags)
				}
			}
		})
	}
}

// AllowCrossBind lets SQLite's ATTACH do what it is for.
func TestAllowCrossBindAttached(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) { w.registerBut("main"); w.plugin.SetMaxOpenConns(1) }})
	pool, err := w.db.DB()
	w.must(err)
	pool.SetMaxOpenConns(1) // ATTACH is of one connection
	w.must(w.db.Clauses(bindkey.Use("main")).Exec("ATTACH ? AS analytics", w.file("analytics")).Error)
	var origins []string
	w.must(w.db.Clauses(bindkey.AllowCrossBind).Model(&User{}).Joins("JOIN analytics.logs l ON l.user_id = users.id").Pluck("l.origin", &origins).Error)
	if fmt.Sprint(origins) != "[analytics analytics analytics]" {
		t.Errorf("origins: %v", origins)
	}
}

// Pools that the application opened have no DSN in their dialectors, and are not
// one database for that.
func TestGuardSuppliedPools(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.registerBut("analytics archive")
		for _, key := range []string{"analytics", "archive"} {
			pool, err := w.plain[key].DB()
			w.must(err)
			w.plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: pool})}})
		}
	}})
	for name, err := range map[string]error{
		"a subquery": w.db.Where("id IN (SELECT owner_id FROM notes)").Find(&[]LogEntry{}).Error,
		"raw SQL":    w.db.Raw("SELECT * FROM logs JOIN notes ON true").Find(&[]map[string]any{}).Error,
	} {
		if !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What one statement is trusted with, no other is: not what is chained on its
// result, nor what a Valuer asks meanwhile.
func TestGuardTrustsOneStatement(t *testing.T) {
	w := newWorld(t, worldConfig{})
	crossing := func(tx *gorm.DB) error { return tx.Find(&[]LogEntry{}, "user_id IN (SELECT id FROM users)").Error }
	used := w.db.Clauses(bindkey.Use("main")).Model(&User{}).Find(&[]User{})
	w.must(used.Error)
	if err := crossing(used.Table("logs").Model(&LogEntry{})); !errors.Is(err, bindkey.ErrCrossBind) {
		t.Errorf("chained on Use: %v", err)
	}
	allowed := w.db.Clauses(bindkey.AllowCrossBind).Model(&User{}).Find(&[]User{})
	w.must(allowed.Error)
	if err := crossing(allowed.Table("logs").Model(&LogEntry{})); !errors.Is(err, bindkey.ErrCrossBind) {
		t.Errorf("chained on AllowCrossBind: %v", err)
	}
	var asked error
	asking := valuer(func(ctx context.Context, tx *gorm.DB) {
		asked = errors.Join(crossing(tx.Session(&gorm.Session{NewDB: true})), crossing(w.db.WithContext(ctx)))
	})
	w.must(w.db.Clauses(bindkey.Use("main")).Where("name <> ?", asking).Find(&[]User{}).Error)
	if !errors.Is(asked, bindkey.ErrCrossBind) {
		t.Errorf("a Valuer: %v", asked)
	}
}

// valuer is a gorm.Valuer that asks the database.
type valuer func(ctx context.Context, tx *gorm.DB)

func (v valuer) GormValue(ctx context.Context, tx *gorm.DB) clause.Expr {
	v(ctx, tx)
	return clause.Expr{SQL: "?", Vars: []any{"x"}}
}

// A Valuer in a soft delete of another dialect asks the right database.
func TestValuerInSoftDelete(t *testing.T) {
	w := newWorld(t, worldConfig{install: ways["two dialects"]})
	var users []User
	asking := valuer(func(_ context.Context, tx *gorm.DB) {
		w.must(tx.Session(&gorm.Session{NewDB: true}).Find(&users).Error)
	})
	w.must(w.db.Where("event <> ?", asking).Delete(&LogEntry{}).Error)
	if len(users) == 0 || users[0].Origin != "main" { // in the default transaction
		t.Errorf("users: %+v", users)
	}
}

// Nobody who chooses a name or a value can write a mark of the plugin's.
func TestMarksAreNotForged(t *testing.T) {
	for way, install := range map[string]func(*world){"one dialect": nil, "two dialects": ways["two dialects"]} {
		w := newWorld(t, worldConfig{install: install})
		changed := w.changes(func() {
			for _, name := range []string{"name\x01\" = 'x'; DELETE FROM users; -- \x02", "name\x02 = 'x'; DELETE FROM users; --"} {
				if err := w.db.Model(&User{}).Where(map[string]any{name: 1}).Update("name", "x").Error; err == nil {
					t.Errorf("%s: a column %q is there", way, name)
				}
			}
		})
		if changed != "" {
			t.Errorf("%s: changed %s", way, changed)
		}
		const value = "a\x01@analytics\x02b\x010\x02c"
		w.must(w.db.Exec("UPDATE users SET name = '" + value + "' WHERE id = 1").Error)
		var got string
		w.must(w.plain["main"].Raw("SELECT name FROM users WHERE id = 1").Scan(&got).Error)
		if got != value {
			t.Errorf("%s: a value became %q", way, got)
		}
	}
}

// A handle whose logger is Discard has subqueries all the same.
func TestGuardWithDiscard(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.registerAll()
		w.plugin.Configure("analytics", func(c *gorm.Config) { c.Logger = logger.Default.LogMode(logger.Silent) })
	}})
	if err := w.db.Where("id IN (?)", w.db.Model(&LogEntry{}).Table("logs_2026").Select("user_id")).Find(&[]User{}).Error; !errors.Is(err, bindkey.ErrCrossBind) {
		t.Errorf("err = %v", err)
	}
}

// A view over tables of two binds is refused, and one with a Use inside is made.
func TestGuardOfViews(t *testing.T) {
	for way, install := range map[string]func(*world){"one dialect": nil, "two dialects": ways["two dialects"]} {
		w := newWorld(t, worldConfig{install: install})
		fresh := func() *gorm.DB { return w.db.Session(&gorm.Session{NewDB: true}) }
		crossing := fresh().Model(&User{}).Where("id IN (SELECT user_id FROM logs)")
		if err := w.db.Migrator().CreateView("v", gorm.ViewOption{Query: crossing}); !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("%s: %v", way, err)
		}
		used := fresh().Clauses(bindkey.Use("analytics")).Model(&LogEntry{}).Where("event = ?", "event1")
		w.must(w.db.Migrator().CreateView("w", gorm.ViewOption{Query: used}))
		var n int64
		w.must(w.plain["analytics"].Table("w").Count(&n).Error)
		if n != 1 {
			t.Errorf("%s: the view has %d rows", way, n)
		}
	}
}

// What is left in a refused statement has no marks: callbacks and tracers see it.
func TestRefusedStatementHasNoMarks(t *testing.T) {
	w := newWorld(t, worldConfig{})
	var seen []string
	w.must(w.db.Callback().Query().After("gorm:query").Register("app:see", func(db *gorm.DB) {
		if !db.DryRun {
			seen = append(seen, db.Statement.SQL.String())
		}
	}))
	err := w.db.Where("id IN (?)", w.db.Model(&Team{}).Select("id")).Find(&[]LogEntry{}).Error
	if !errors.Is(err, bindkey.ErrCrossBind) {
		t.Errorf("error %v", err)
	}
	if len(seen) != 1 || strings.Contains(seen[0], "\x01") {
		t.Errorf("a callback sees %q", seen)
	}
}
