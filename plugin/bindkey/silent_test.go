package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A Use of a key that nobody registered is an error for every finisher, also where
// a new session has dropped the clause.
func TestUnknownUseIsKept(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		ctx := context.Background()
		for name, run := range map[string]func(tx *gorm.DB) error{
			"a new session": func(tx *gorm.DB) error { return tx.Session(&gorm.Session{NewDB: true}).Create(&Team{Name: "x"}).Error },
			"Exec": func(tx *gorm.DB) error {
				return tx.Session(&gorm.Session{NewDB: true}).Exec("UPDATE teams SET name = 'x'").Error
			},
			"generics":     func(tx *gorm.DB) error { return gorm.G[Team](tx).Create(ctx, &Team{Name: "x"}) },
			"the migrator": func(tx *gorm.DB) error { return tx.Session(&gorm.Session{NewDB: true}).AutoMigrate(&migratedTeam{}) },
			"the pool": func(tx *gorm.DB) error {
				_, err := tx.Statement.ConnPool.ExecContext(ctx, "UPDATE teams SET name = 'x'")
				return err
			},
			"a model with a key": func(tx *gorm.DB) error { return tx.Create(&LogEntry{}).Error },
		} {
			for _, inTx := range []bool{false, true} {
				var err error
				changed := w.changes(func() {
					if inTx {
						_ = w.db.Transaction(func(tx *gorm.DB) error { err = run(tx.Clauses(bindkey.Use("nowhere"))); return nil })
					} else {
						err = run(w.db.Clauses(bindkey.Use("nowhere")))
					}
				})
				if changed != "" || !errors.Is(err, bindkey.ErrUnknownBind) {
					t.Errorf("%s, in a transaction %v: changed %q: %v", name, inTx, changed, err)
				}
			}
		}
	}
}

// A Use in a chain inside a transaction is where what has no key goes, as outside:
// in new sessions, generics, and what is asked of the pool itself.
func TestAmbientInTransaction(t *testing.T) {
	ctx := context.Background()
	for _, config := range []gorm.Config{{}, {PrepareStmt: true}, {SkipDefaultTransaction: true}} {
		for name, run := range map[string]func(tx *gorm.DB) error{
			"generics":      func(tx *gorm.DB) error { return gorm.G[Team](tx).Create(ctx, &Team{Name: "x"}) },
			"generics Exec": func(tx *gorm.DB) error { return gorm.G[Team](tx).Exec(ctx, "UPDATE teams SET name = 'x'") },
			"generics Delete": func(tx *gorm.DB) error {
				_, err := gorm.G[Team](tx).Where("id = ?", 1).Delete(ctx)
				return err
			},
			"generics CreateInBatches": func(tx *gorm.DB) error {
				return gorm.G[Team](tx).CreateInBatches(ctx, &[]Team{{Name: "x"}, {Name: "y"}}, 1)
			},
			"a new session": func(tx *gorm.DB) error { return tx.Session(&gorm.Session{NewDB: true}).Create(&Team{Name: "x"}).Error },
			"nested, a new session": func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error { return tx.Session(&gorm.Session{NewDB: true}).Create(&Team{Name: "x"}).Error })
			},
			"nested twice": func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error {
					return tx.Session(&gorm.Session{NewDB: true}).Transaction(func(tx *gorm.DB) error { return tx.Create(&Team{Name: "x"}).Error })
				})
			},
			"the pool": func(tx *gorm.DB) error {
				_, err := tx.Statement.ConnPool.ExecContext(ctx, "INSERT INTO teams (name) VALUES ('x')")
				return err
			},
			"the pool, nested": func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error {
					_, err := tx.Statement.ConnPool.ExecContext(ctx, "INSERT INTO teams (name) VALUES ('x')")
					return err
				})
			},
			"DB": func(tx *gorm.DB) error {
				db, err := tx.DB()
				if err == nil && originOf(db) != "archive" {
					err = fmt.Errorf("it is %s", originOf(db))
				}
				return err
			},
		} {
			for way, in := range map[string]func(w *world) error{
				"Use in the chain": func(w *world) error {
					return w.db.Transaction(func(tx *gorm.DB) error { return run(tx.Clauses(bindkey.Use("archive"))) })
				},
				"a session": func(w *world) error {
					return w.db.Transaction(func(tx *gorm.DB) error {
						return run(tx.Session(&gorm.Session{PrepareStmt: true}).Clauses(dbresolver.Use("archive")).Session(&gorm.Session{}))
					})
				},
				"Use of the transaction": func(w *world) error { return w.db.Clauses(bindkey.Use("archive")).Transaction(run) },
			} {
				config := config
				w := newWorld(t, worldConfig{gorm: config})
				changed := w.changes(func() {
					if err := in(w); err != nil {
						t.Errorf("%s, %s, %+v: %v", name, way, config.PrepareStmt, err)
					}
				})
				if changed != "archive.teams" && name != "DB" {
					t.Errorf("%s, %s, PrepareStmt %v: changed %q", name, way, config.PrepareStmt, changed)
				}
			}
		}
	}
}

// What is asked of a transaction's pool itself is looked at, too.
func TestPoolOfTransactionIsGuarded(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, worldConfig{})
	failed := errors.New("roll back")
	if changed := w.changes(func() {
		_ = w.db.Clauses(bindkey.Use("analytics")).Transaction(func(tx *gorm.DB) error {
			w.must(tx.Create(&LogEntry{Event: "x"}).Error)
			for _, sql := range []string{"COMMIT", "SAVEPOINT a", "ROLLBACK"} {
				if _, err := tx.Statement.ConnPool.ExecContext(ctx, sql); !errors.Is(err, bindkey.ErrTransactionControl) {
					t.Errorf("%s: %v", sql, err)
				}
			}
			if _, err := tx.Statement.ConnPool.PrepareContext(ctx, "COMMIT"); !errors.Is(err, bindkey.ErrTransactionControl) {
				t.Errorf("prepared: %v", err)
			}
			if _, err := tx.Statement.ConnPool.QueryContext(ctx, "SELECT 1 FROM logs WHERE id IN (SELECT id FROM users)"); !errors.Is(err, bindkey.ErrCrossBind) {
				t.Errorf("a crossing: %v", err)
			}
			return failed
		})
	}); changed != "" {
		t.Errorf("changed %s", changed)
	}
}

// Use without the plugin fails in subqueries, too, and never panics.
func TestUseWithoutThePluginInside(t *testing.T) {
	w := newWorld(t, worldConfig{})
	db := w.plain["main"]
	use := func() *gorm.DB { return db.Clauses(bindkey.Use("analytics")) }
	changed := w.changes(func() {
		for name, run := range map[string]func() error{
			"NOT IN": func() error {
				return db.Where("id NOT IN (?)", use().Model(&Team{}).Select("id")).Delete(&Order{}).Error
			},
			"IN": func() error {
				return db.Where("id IN (?)", db.Model(&Team{}).Clauses(bindkey.Use("analytics")).Select("id")).Find(&[]User{}).Error
			},
			"generics": func() error {
				_, err := gorm.G[Order](db).Where("id NOT IN (?)", use().Model(&Team{}).Select("id")).Delete(context.Background())
				return err
			},
			"Row":         func() error { return use().Raw("SELECT 1").Row().Scan(new(int)) },
			"Rows":        func() error { _, err := use().Raw("SELECT 1").Rows(); return err },
			"AutoMigrate": func() error { return use().AutoMigrate(&migratedTeam{}) },
			"DropTable":   func() error { return use().Migrator().DropTable("teams") },
			"DB":          func() error { _, err := use().DB(); return err },
			"Connection":  func() error { return use().Connection(func(*gorm.DB) error { return nil }) },
			"Count":       func() error { return use().Model(&Team{}).Count(new(int64)).Error },
			"a session":   func() error { return use().Session(&gorm.Session{NewDB: true}).Create(&Team{}).Error },
			"DryRun": func() error {
				return db.Session(&gorm.Session{DryRun: true}).Clauses(bindkey.Use("analytics")).Find(&[]Team{}).Error
			},
		} {
			if err := run(); !errors.Is(err, bindkey.ErrInstall) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if use().Migrator().HasTable("teams") {
			t.Error("HasTable answers")
		}
	})
	if changed != "" {
		t.Errorf("changed %s", changed)
	}
}

// A table that each database has tells nothing of one: a session is asked as if no
// table were named.
func TestTablesOfEachDatabase(t *testing.T) {
	for _, options := range [][]bindkey.Option{nil, {bindkey.Strict()}} {
		w := newWorld(t, worldConfig{install: func(w *world) {
			w.plugin = bindkey.New(options...)
			w.registerAll()
		}})
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			entry := LogEntry{Event: "x"}
			w.must(tx.Create(&entry).Error)
			for _, sql := range []string{"SELECT max(last_insert_rowid()) FROM sqlite_master", "SELECT max(last_insert_rowid()) FROM pragma_user_version",
				"SELECT max(last_insert_rowid()) FROM main.sqlite_schema"} {
				var id uint
				if err := tx.Raw(sql).Scan(&id).Error; err != nil || id != entry.ID {
					t.Errorf("%s: %d, want %d: %v", sql, id, entry.ID, err)
				}
			}
			return nil
		}))
		w.must(w.db.Raw("SELECT count(*) FROM sqlite_master").Scan(new(int)).Error)
	}
}

// A byte order mark, which SQLite skips, hides nothing.
func TestByteOrderMark(t *testing.T) {
	w := newWorld(t, worldConfig{})
	if changed := w.changes(func() { w.must(w.db.Exec("\ufeffUPDATE logs SET event = 'x'").Error) }); changed != "analytics.logs" {
		t.Errorf("changed %s", changed)
	}
	if err := w.db.Exec("\ufeffCOMMIT").Error; !errors.Is(err, bindkey.ErrTransactionControl) {
		t.Error(err)
	}
}

// A hook's SQL that names no table is that of its statement's database, with
// GORM's default transaction and without.
func TestSessionSQLInHooks(t *testing.T) {
	for _, skip := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{SkipDefaultTransaction: skip}})
		log := hookedLog{Event: "x"}
		w.must(w.db.Create(&log).Error)
		if log.before != nil || log.after != nil {
			t.Errorf("skip %v: %+v", skip, log)
		}
	}
}

// A bind of the application's dbresolver that nobody has asked for at db.Use has
// all that others have.
func TestLateAdoptedBind(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}, install: func(w *world) {
			w.plugin = bindkey.New()
			w.must(w.db.Use(dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "analytics").
				Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, "archive")))
		}})
		if changed := w.changes(func() {
			w.must(w.db.Transaction(func(tx *gorm.DB) error {
				w.must(tx.Create(&LogEntry{Event: "x"}).Error)
				return tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&LogEntry{Event: "y"}).Error })
			}))
			w.must(w.db.AutoMigrate(&Note{}))
			site := w.db.Clauses(bindkey.Use("archive")).Session(&gorm.Session{})
			w.must(site.AutoMigrate(&migratedTeam{}))
			w.must(site.Transaction(func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&migratedTeam{}).Error })
			}))
		}); changed != "analytics.logs archive.migrated_teams" {
			t.Errorf("changed %s", changed)
		}
		if _, err := w.plugin.Plan(&Note{}); err != nil {
			t.Error(err)
		}
		if !w.db.Migrator().HasTable(&Note{}) {
			t.Error("HasTable")
		}
	}
}

// On a connection of the program's own, GORM's default transaction works as in
// plain GORM.
func TestConnectionWrites(t *testing.T) {
	for _, config := range []gorm.Config{{}, {PrepareStmt: true}, {SkipDefaultTransaction: true}} {
		config := config
		w := newWorld(t, worldConfig{gorm: config})
		for want, db := range map[string]*gorm.DB{"main.orders main.teams": w.db, "archive.orders archive.teams": w.db.Clauses(bindkey.Use("archive"))} {
			if changed := w.changes(func() {
				w.must(db.Connection(func(tx *gorm.DB) error {
					tx = tx.Session(&gorm.Session{})
					return errors.Join(tx.Create(&Team{Name: "x"}).Error, tx.Model(&Team{}).Where("name = 'x'").Update("name", "y").Error,
						tx.Create(&auditedNothing{Name: "z"}).Error,
						tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&Order{Item: "x"}).Error }))
				}))
			}); changed != want {
				t.Errorf("changed %s, want %s", changed, want)
			}
			if stats := w.plugin.Stats(); stats["main"]["source"].InUse+stats["archive"]["source"].InUse != 0 {
				t.Errorf("in use: %+v", stats)
			}
		}
	}
}

// auditedNothing has hooks, which run on the connection, too.
type auditedNothing struct {
	ID   uint
	Name string
}

func (auditedNothing) TableName() string { return "teams" }

func (*auditedNothing) AfterCreate(tx *gorm.DB) error {
	return tx.Exec("UPDATE teams SET name = name").Error
}

// What is sent through the pool of a session that prepares statements does not
// poison the statements of another database.
func TestPreparedStatementsOfPools(t *testing.T) {
	ctx := context.Background()
	const insert = "INSERT INTO teams (name) VALUES (?)"
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}, install: func(w *world) {
			w.plugin.Register("main", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("main"), w.dialector("main")}}).
				Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}).
				Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
		}})
		session := func(db *gorm.DB) *gorm.DB { return db.Session(&gorm.Session{PrepareStmt: true}) }
		site := session(w.db.Clauses(bindkey.Use("archive")))
		if _, err := site.Statement.ConnPool.ExecContext(ctx, insert, "a"); !errors.Is(err, bindkey.ErrForeignPool) {
			t.Errorf("a store of another database: %v", err)
		}
		if changed := w.changes(func() {
			_, err := session(w.db).Statement.ConnPool.ExecContext(ctx, insert, "b")
			w.must(err)
			w.must(session(w.db).Exec(insert, "c").Error)
			w.must(w.db.Transaction(func(tx *gorm.DB) error { return session(tx).Exec(insert, "d").Error }))
		}); changed != "main.teams" {
			t.Errorf("changed %s", changed)
		}
		if changed := w.changes(func() { w.must(site.Exec(insert, "e").Error) }); changed != "archive.teams" {
			t.Errorf("changed %s", changed)
		}
		pool := session(w.db).ConnPool.(*gorm.PreparedStmtDB)
		if keys := strings.Join(pool.Stmts.Keys(), " "); !strings.Contains(keys, "INSERT INTO teams") {
			t.Errorf("prepared: %s", keys)
		}
		pool.Close()
		w.must(session(w.db).Exec(insert, "f").Error)
	}
}

// The program's own statements in GormValue, and in callbacks before gorm:create,
// are not derived: models with a key go by it, whatever Use is around.
func TestUseAndValues(t *testing.T) {
	w := newWorld(t, worldConfig{})
	audit := func(db *gorm.DB) {
		if db.Statement.Table == "users" {
			_ = db.AddError(db.Session(&gorm.Session{NewDB: true}).Create(&Order{Item: "audit"}).Error)
		}
	}
	w.must(w.db.Callback().Create().Before("gorm:create").Register("audit", audit))
	w.must(w.db.Callback().Update().Before("gorm:update").Register("audit", audit))
	if changed := w.changes(func() { w.must(w.db.Clauses(bindkey.Use("archive")).Create(&User{Name: "x"}).Error) }); changed != "archive.users main.orders" {
		t.Errorf("a callback: changed %s", changed)
	}
	var seen string
	value := valuerFunc(func(db *gorm.DB) clause.Expr {
		var order Order
		_ = db.AddError(db.Session(&gorm.Session{NewDB: true}).First(&order).Error)
		seen = order.Origin
		return clause.Expr{SQL: "?", Vars: []any{"x"}}
	})
	w.must(w.db.Clauses(bindkey.Use("archive")).Model(&User{}).Where("id = 1").Update("name", value).Error)
	if !strings.HasPrefix(seen, "main") {
		t.Errorf("a value: %s answered", seen)
	}
}

type valuerFunc func(*gorm.DB) clause.Expr

func (f valuerFunc) GormValue(_ context.Context, db *gorm.DB) clause.Expr { return f(db) }

// A *sql.DB that somebody puts into the statement is named, and not taken for the
// pool of an old session.
func TestForeignPoolIsNamed(t *testing.T) {
	w := newWorld(t, worldConfig{})
	tx := w.db.Session(&gorm.Session{Context: context.Background()})
	tx.Statement.ConnPool = w.plain["archive"].ConnPool
	err := tx.Create(&LogEntry{}).Error
	if !errors.Is(err, bindkey.ErrForeignPool) || !strings.Contains(err.Error(), "*sql.DB") || strings.Contains(err.Error(), "made before") {
		t.Error(err)
	}
}

// dbresolver's Read and Write keep a Use that a new session has dropped the clause
// of.
func TestWriteKeepsTheUse(t *testing.T) {
	ctx := context.Background()
	for _, config := range []gorm.Config{{}, {PrepareStmt: true}, {SkipDefaultTransaction: true}} {
		config := config
		w := newWorld(t, worldConfig{gorm: config})
		for name, run := range map[string]func(site *gorm.DB) error{
			"Create": func(site *gorm.DB) error {
				return site.Session(&gorm.Session{NewDB: true}).Clauses(dbresolver.Write).Create(&Team{Name: "x"}).Error
			},
			"generics": func(site *gorm.DB) error { return gorm.G[Team](site, dbresolver.Write).Create(ctx, &Team{Name: "x"}) },
			"Transaction": func(site *gorm.DB) error {
				return site.Session(&gorm.Session{NewDB: true}).Clauses(dbresolver.Write).Transaction(func(tx *gorm.DB) error { return tx.Create(&Team{Name: "x"}).Error })
			},
			"a result": func(site *gorm.DB) error {
				result := site.Create(&Team{Name: "x"})
				return errors.Join(result.Error, result.Session(&gorm.Session{NewDB: true}).Clauses(dbresolver.Write).Create(&Team{Name: "y"}).Error)
			},
		} {
			if changed := w.changes(func() { w.must(run(w.db.Clauses(bindkey.Use("archive")))) }); changed != "archive.teams" {
				t.Errorf("%s: changed %q", name, changed)
			}
			if err := run(w.db.Clauses(bindkey.Use("nowhere"))); !errors.Is(err, bindkey.ErrUnknownBind) {
				t.Errorf("%s of an unknown key: %v", name, err)
			}
		}
		if tx := w.db.Clauses(dbresolver.Read).Begin(); !errors.Is(tx.AutoMigrate(&Team{}), bindkey.ErrReadOnly) || tx.Rollback().Error != nil {
			t.Error("it migrates a replica")
		}
	}
}

// On a connection taken with Use, what has no key stays there.
func TestConnectionOfUse(t *testing.T) {
	w := newWorld(t, worldConfig{})
	if changed := w.changes(func() {
		w.must(w.db.Clauses(bindkey.Use("archive")).Connection(func(tx *gorm.DB) error {
			return errors.Join(gorm.G[Team](tx).Create(context.Background(), &Team{Name: "x"}),
				tx.Session(&gorm.Session{NewDB: true}).Exec("UPDATE teams SET name = 'y' WHERE name = 'x'").Error,
				originIs(tx.Session(&gorm.Session{NewDB: true}), "archive"))
		}))
	}); changed != "archive.teams" {
		t.Errorf("changed %s", changed)
	}
}

// A subquery of a model without a key, made from the handle, is in the bind that the
// statement around it is in.
func TestSubqueryWithoutKey(t *testing.T) {
	for _, models := range [][]any{worldModels, nil} {
		w := newWorld(t, worldConfig{install: func(w *world) { w.plugin = bindkey.New(bindkey.Models(models...)); w.registerAll() }})
		w.must(w.db.Clauses(bindkey.Use("archive")).Transaction(func(tx *gorm.DB) error {
			var teams []Team
			w.must(tx.Where("id IN (?)", w.db.Model(&Team{}).Select("id")).Find(&teams).Error)
			if len(teams) == 0 || teams[0].Origin != "archive" {
				t.Errorf("%+v", teams)
			}
			return tx.Exec("UPDATE teams SET name = name WHERE id IN (?)", w.db.Model(&Team{}).Select("id")).Error
		}))
		if err := w.db.Where("id IN (?)", w.db.Model(&Team{}).Select("id")).Find(&[]LogEntry{}).Error; !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("a model with a key around it: %v", err)
		}
	}
}

// A hook's session question is its statement's, and refused where another branch
// has begun as well. One in a derived table is a session question, too.
func TestSessionOfTheStatement(t *testing.T) {
	for _, config := range []gorm.Config{{}, {PrepareStmt: true}, {SkipDefaultTransaction: true}} {
		config := config
		w := newWorld(t, worldConfig{gorm: config})
		for name, c := range map[string]struct {
			run     func(tx *gorm.DB, log *hookedLog) error
			several bool // with branches in several binds
		}{
			"alone": {func(tx *gorm.DB, log *hookedLog) error { return tx.Create(log).Error }, false},
			"in a transaction": {func(tx *gorm.DB, log *hookedLog) error {
				return tx.Transaction(func(tx *gorm.DB) error { return tx.Create(log).Error })
			}, false},
			"behind another branch": {func(tx *gorm.DB, log *hookedLog) error {
				return tx.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&User{Name: "x"}).Error, tx.Create(log).Error)
				})
			}, true},
			"behind two": {func(tx *gorm.DB, log *hookedLog) error {
				return tx.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&User{Name: "x"}).Error, tx.Create(&Note{Text: "x"}).Error, tx.Create(log).Error)
				})
			}, true},
			"in batches": {func(tx *gorm.DB, log *hookedLog) error {
				logs := []*hookedLog{{Event: "a"}, log}
				return errors.Join(tx.CreateInBatches(logs, 1).Error, logs[0].before, logs[0].after)
			}, false},
			"an association": {func(tx *gorm.DB, log *hookedLog) error {
				user := hookedUser{Name: "x", Logs: []hookedLog{*log}}
				err := tx.Create(&user).Error
				*log = user.Logs[0]
				return err
			}, !config.SkipDefaultTransaction},
		} {
			log := hookedLog{Event: name}
			err := c.run(w.db, &log)
			switch {
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case c.several:
				if !errors.Is(log.before, bindkey.ErrAmbiguousSession) || !errors.Is(log.after, bindkey.ErrAmbiguousSession) {
					t.Errorf("%s: %v, %v", name, log.before, log.after)
				}
			case log.before != nil || log.after != nil || !config.SkipDefaultTransaction && log.last != log.ID:
				t.Errorf("%s: %+v", name, log)
			}
		}
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			entry := LogEntry{Event: "x"}
			w.must(tx.Create(&entry).Error)
			for name, table := range map[string]*gorm.DB{
				"text":    tx.Table("(SELECT last_insert_rowid() AS x) AS q"),
				"raw":     tx.Table("(?) AS q", tx.Raw("SELECT last_insert_rowid() AS x")),
				"an Expr": tx.Table("(?) AS q", gorm.Expr("SELECT last_insert_rowid() AS x")),
				"catalog": tx.Table("(SELECT last_insert_rowid() AS x FROM sqlite_master LIMIT 1) AS q"),
			} {
				var id uint
				if err := table.Select("x").Scan(&id).Error; err != nil || id != entry.ID {
					t.Errorf("a derived table, %s: %d, want %d: %v", name, id, entry.ID, err)
				}
			}
			return nil
		}))
	}
}

// What a finished statement leaves behind, its result or a batch, is no place to
// ask while another branch has begun.
func TestSessionOfAResult(t *testing.T) {
	for _, config := range []gorm.Config{{}, {PrepareStmt: true}, {SkipDefaultTransaction: true}} {
		config := config
		w := newWorld(t, worldConfig{gorm: config})
		ask := func(tx *gorm.DB) error {
			var id uint
			return errors.Join(tx.Create(&LogEntry{Event: "x"}).Error, tx.Raw("SELECT last_insert_rowid()").Scan(&id).Error)
		}
		fresh := &gorm.Session{NewDB: true}
		for name, run := range map[string]func(db *gorm.DB) error{
			"batch in a transaction": func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error {
					return tx.FindInBatches(&[]User{}, 50, func(tx *gorm.DB, _ int) error { return ask(tx) }).Error
				})
			},
			"transaction in a batch": func(db *gorm.DB) error {
				return db.FindInBatches(&[]Note{}, 50, func(tx *gorm.DB, _ int) error { return tx.Transaction(ask) }).Error
			},
			"result in a transaction": func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error { return ask(tx.First(&User{}).Session(fresh)) })
			},
			"transaction of a result": func(db *gorm.DB) error {
				return db.Find(&[]Note{}).Session(fresh).Transaction(ask)
			},
		} {
			if err := run(w.db); !errors.Is(err, bindkey.ErrAmbiguousSession) {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			result := tx.First(&User{})
			w.must(result.Error)
			w.must(tx.Create(&LogEntry{Event: "x"}).Error)
			route, err := w.plugin.Explain(result.WithContext(context.Background()).Raw("SELECT last_insert_rowid()"))
			if err != nil || route.Key != "main" {
				t.Errorf("a session that keeps a user's statement: %+v, %v", route, err)
			}
			return nil
		}))
	}
}

// hookedUser has hookedLogs, in another bind.
type hookedUser struct {
	_    struct{} `bind:"main"`
	ID   uint
	Name string
	Logs []hookedLog `gorm:"foreignKey:UserID"`
}

func (hookedUser) TableName() string { return "users" }
