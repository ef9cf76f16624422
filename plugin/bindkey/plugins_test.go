package bindkey_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// wrapping is a plugin that wraps each statement's pool, as gorm.io/sharding does.
type wrapping struct {
	wraps func(gorm.ConnPool) gorm.ConnPool
}

func (wrapping) Name() string { return "wrapping" }

func (p wrapping) Initialize(db *gorm.DB) error {
	wrap := func(db *gorm.DB) { db.Statement.ConnPool = p.wraps(db.Statement.ConnPool) }
	c := db.Callback()
	return errors.Join(
		c.Create().Before("*").Register("wrapping", wrap), c.Query().Before("*").Register("wrapping", wrap),
		c.Update().Before("*").Register("wrapping", wrap), c.Delete().Before("*").Register("wrapping", wrap),
		c.Row().Before("*").Register("wrapping", wrap), c.Raw().Before("*").Register("wrapping", wrap))
}

// wrappedPool is a pool around another; begins has it begin and end transactions, as
// sharding's does.
type wrappedPool struct{ gorm.ConnPool }

type wrappedBeginner struct{ wrappedPool }

func (w wrappedBeginner) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	if pool, ok := w.ConnPool.(gorm.ConnPoolBeginner); ok {
		return pool.BeginTx(ctx, opts)
	}
	return w, nil
}

func (w wrappedBeginner) Commit() error   { return nil }
func (w wrappedBeginner) Rollback() error { return nil }

// A pool that another plugin puts around the plugin's, in either order, is an
// error before anything is sent, and so before a transaction begins.
func TestWrappedPools(t *testing.T) {
	for name, wraps := range map[string]func(gorm.ConnPool) gorm.ConnPool{
		"a pool":                  func(pool gorm.ConnPool) gorm.ConnPool { return &wrappedPool{pool} },
		"one that begins":         func(pool gorm.ConnPool) gorm.ConnPool { return &wrappedBeginner{wrappedPool{pool}} },
		"the handle's own again":  nil,
		"a *sql.DB of its own":    nil,
		"a transaction of itself": nil,
	} {
		for _, first := range []bool{true, false} {
			for _, config := range []gorm.Config{{}, {PrepareStmt: true}, {SkipDefaultTransaction: true}} {
				config := config
				var w *world
				wraps := wraps
				switch name {
				case "the handle's own again":
					wraps = func(gorm.ConnPool) gorm.ConnPool { return w.db.Config.ConnPool }
				case "a *sql.DB of its own":
					wraps = func(gorm.ConnPool) gorm.ConnPool { return w.plain["main"].ConnPool }
				case "a transaction of itself":
					wraps = func(gorm.ConnPool) gorm.ConnPool {
						tx, err := w.plain["main"].ConnPool.(*sql.DB).Begin()
						w.must(err)
						t.Cleanup(func() { _ = tx.Rollback() })
						return tx
					}
				}
				if !first && wraps == nil || !first && name != "a pool" && name != "one that begins" {
					continue // routing takes these for what they are
				}
				w = newWorld(t, worldConfig{gorm: config, install: func(w *world) {
					if first {
						w.must(w.db.Use(wrapping{wraps}))
					}
					w.registerAll()
				}})
				if !first {
					w.must(w.db.Use(wrapping{wraps}))
				}
				for _, db := range []*gorm.DB{w.db, w.db.Session(&gorm.Session{PrepareStmt: true})} {
					changed := w.changes(func() {
						for finisher, run := range map[string]func(tx *gorm.DB) error{
							"Create": func(tx *gorm.DB) error { return tx.Create(&LogEntry{Event: "x"}).Error },
							"Update": func(tx *gorm.DB) error { return tx.Model(&LogEntry{ID: 1}).Update("event", "x").Error },
							"Delete": func(tx *gorm.DB) error { return tx.Delete(&LogEntry{}, 1).Error },
							"First":  func(tx *gorm.DB) error { return tx.First(&LogEntry{}).Error },
							"Exec":   func(tx *gorm.DB) error { return tx.Exec("DELETE FROM logs").Error },
							"Row":    func(tx *gorm.DB) error { return tx.Model(&LogEntry{}).Select("id").Row().Scan(new(int)) },
							"Rows":   func(tx *gorm.DB) error { _, err := tx.Model(&LogEntry{}).Rows(); return err },
							"in a transaction": func(tx *gorm.DB) error {
								return tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&LogEntry{Event: "x"}).Error })
							},
						} {
							err := run(db)
							if !errors.Is(err, bindkey.ErrForeignPool) || strings.Contains(err.Error(), "before bindkey") {
								t.Errorf("%s, first %v, %s: %v", name, first, finisher, err)
							}
						}
					})
					if changed != "" {
						t.Errorf("%s, first %v: changed %s", name, first, changed)
					}
				}
			}
		}
	}

	// What the error advises.
	w := newWorld(t, worldConfig{install: func(w *world) {
		conn, err := w.plain["archive"].DB()
		w.must(err)
		w.plugin.Register("main", dbresolver.Config{}).Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}).
			Register("archive", dbresolver.Config{Sources: []gorm.Dialector{sqlite.New(sqlite.Config{Conn: &wrappedPool{conn}})}})
	}})
	if changed := w.changes(func() { w.must(w.db.Create(&Note{Text: "x"}).Error) }); changed != "archive.notes" {
		t.Errorf("a pool as Conn: changed %s", changed)
	}
}

// Explain runs no callback, and tells a statement in its own callbacks and hooks
// for what it is.
func TestExplainInCallbacks(t *testing.T) {
	w := newWorld(t, worldConfig{})
	var told []string
	depth := 0
	explain := func(db *gorm.DB) {
		if depth++; depth > 1 {
			t.Fatal("Explain runs callbacks")
		}
		defer func() { depth-- }()
		route, err := w.plugin.Explain(db)
		told = append(told, fmt.Sprint(route.Key, " ", route.Operation, " ", route.Why, err))
	}
	c := w.db.Callback()
	for _, p := range []interface {
		Register(string, func(*gorm.DB)) error
	}{
		c.Create().Before("gorm:create"), c.Create().After("gorm:create"), c.Query().Before("gorm:query"), c.Query().After("gorm:query"),
		c.Update().Before("gorm:update"), c.Update().After("gorm:update"), c.Delete().Before("gorm:delete"), c.Delete().After("gorm:delete"),
		c.Raw().Before("gorm:raw"), c.Row().Before("gorm:row"),
	} {
		w.must(p.Register(fmt.Sprint("explain", len(told)), explain))
		told = append(told, "")
	}
	for _, inTx := range []bool{false, true} {
		for _, s := range []struct {
			run  func(tx *gorm.DB) error
			want string
		}{
			{func(tx *gorm.DB) error { return tx.Create(&LogEntry{Event: "x"}).Error }, "analytics write method<nil>"},
			{func(tx *gorm.DB) error { return tx.Clauses(bindkey.Use("archive")).Create(&LogEntry{Event: "x"}).Error }, "archive write use<nil>"},
			{func(tx *gorm.DB) error { return tx.Find(&[]Note{}).Error }, "archive read method<nil>"},
			{func(tx *gorm.DB) error { return tx.Clauses(dbresolver.Write).Find(&[]Note{}).Error }, "archive write method<nil>"},
			{func(tx *gorm.DB) error { return tx.Model(&Note{ID: 1}).Update("text", "x").Error }, "archive write method<nil>"},
			{func(tx *gorm.DB) error { return tx.Delete(&Note{ID: 1}).Error }, "archive write method<nil>"},
			{func(tx *gorm.DB) error { return tx.Delete(&LogEntry{ID: 1}).Error }, "analytics write method<nil>"},
			{func(tx *gorm.DB) error { return tx.Exec("UPDATE notes SET text = 'x'").Error }, "archive write raw SQL<nil>"},
			{func(tx *gorm.DB) error { return tx.Raw("SELECT 1 FROM notes").Row().Scan(new(int)) }, "archive read raw SQL<nil>"},
			{func(tx *gorm.DB) error {
				return tx.Table("(?) AS x", tx.Session(&gorm.Session{NewDB: true}).Table("logs")).Find(&[]map[string]any{}).Error
			}, "analytics read table<nil>"},
		} {
			told = nil
			run := s.run
			if inTx {
				run = func(tx *gorm.DB) error { return tx.Transaction(s.run) }
			}
			w.must(run(w.db))
			for _, one := range told {
				if inTx {
					one = strings.Replace(one, "archive write method", "archive write method", 1)
				}
				if one != s.want {
					t.Errorf("in a transaction %v: explained as %q, want %q", inTx, told, s.want)
				}
			}
			if len(told) == 0 {
				t.Errorf("nobody explained %s", s.want)
			}
		}
	}
}

// Other plugins' callbacks see the statements that a plain handle would show them,
// and no others: not what Explain asks, nor what weighing a subquery in Table does,
// nor the question to the join table of an association across binds.
func TestCallbacksSeeTheProgramsStatements(t *testing.T) {
	programs := map[string]func(tx *gorm.DB) error{
		"a subquery in Table": func(tx *gorm.DB) error {
			return tx.Table("(?) AS x", tx.Session(&gorm.Session{NewDB: true}).Model(&LogEntry{}).Where("id < 3")).Find(&[]map[string]any{}).Error
		},
		"a subquery in Where": func(tx *gorm.DB) error {
			return tx.Where("id IN (?)", tx.Session(&gorm.Session{NewDB: true}).Model(&Order{}).Select("user_id")).Find(&[]User{}).Error
		},
		"a join of a subquery": func(tx *gorm.DB) error {
			return tx.Joins("JOIN (?) AS o ON o.user_id = users.id", tx.Session(&gorm.Session{NewDB: true}).Model(&Order{})).Find(&[]User{}).Error
		},
		"Preload":      func(tx *gorm.DB) error { return tx.Preload("Logs").Preload("Tags").Find(&[]User{}).Error },
		"associations": func(tx *gorm.DB) error { return tx.Create(&User{Name: "x", Logs: []LogEntry{{Event: "x"}}}).Error },
		"Association": func(tx *gorm.DB) error {
			return tx.Model(&User{ID: 1}).Association("Tags").Find(&[]Tag{})
		},
		"Explain": func(tx *gorm.DB) error {
			if p, ok := tx.Plugins["bindkey"].(*bindkey.Plugin); ok {
				for _, chain := range []*gorm.DB{tx.Model(&LogEntry{}), tx.Raw("SELECT 1"), tx.Where("id IN (?)", tx.Session(&gorm.Session{NewDB: true}).Model(&Order{}))} {
					if _, err := p.Explain(chain.Session(&gorm.Session{})); err != nil && chain.Statement.Model != nil {
						return err
					}
				}
			}
			return nil
		},
		"migrator": func(tx *gorm.DB) error { return tx.Migrator().DropTable("absent") },
	}
	record := func(db *gorm.DB) *[]string {
		var seen []string
		see := func(db *gorm.DB) {
			err := ""
			if db.Error != nil {
				err = db.Error.Error()
			}
			seen = append(seen, fmt.Sprint(db.Statement.Table, " ", db.DryRun, " ", err))
		}
		c := db.Callback()
		for _, err := range []error{
			c.Create().After("gorm:create").Register("see", see), c.Query().After("gorm:query").Register("see", see),
			c.Update().After("gorm:update").Register("see", see), c.Delete().After("gorm:delete").Register("see", see),
			c.Row().After("gorm:row").Register("see", see), c.Raw().After("gorm:raw").Register("see", see),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return &seen
	}
	for name, run := range programs {
		if name == "migrator" {
			continue // of a bind's plain handle
		}
		w := newWorld(t, worldConfig{})
		plain, routed := record(w.plain["main"]), record(w.db)
		w.must(run(w.plain["main"]))
		w.must(run(w.db))
		if fmt.Sprint(*plain) != fmt.Sprint(*routed) {
			t.Errorf("%s: callbacks see\n%q, want\n%q", name, *routed, *plain)
		}
	}
}

// A refused statement is logged once, with the program's line, as a failed one is.
func TestRefusalsAreLogged(t *testing.T) {
	for name, run := range map[string]func(tx *gorm.DB) error{
		"Joins and Find": func(tx *gorm.DB) error { return tx.Joins("Profile").Find(&[]User{}).Error },
		"Create":         func(tx *gorm.DB) error { return tx.Clauses(bindkey.Use("nowhere")).Create(&User{}).Error },
		"Update": func(tx *gorm.DB) error {
			return tx.Clauses(bindkey.Use("nowhere")).Model(&User{ID: 1}).Update("name", "x").Error
		},
		"Delete": func(tx *gorm.DB) error { return tx.Clauses(bindkey.Use("nowhere")).Delete(&User{ID: 1}).Error },
		"Row":    func(tx *gorm.DB) error { return tx.Joins("Profile").Model(&User{}).Row().Err() },
		"Count":  func(tx *gorm.DB) error { return tx.Joins("Profile").Model(&User{}).Count(new(int64)).Error },
		"Exec": func(tx *gorm.DB) error {
			return tx.Exec("DELETE FROM users WHERE id IN (SELECT user_id FROM logs)").Error
		},
		"a subquery": func(tx *gorm.DB) error { return tx.Where("id IN (SELECT user_id FROM logs)").Find(&[]User{}).Error },
		"in a transaction": func(tx *gorm.DB) (err error) {
			_ = tx.Transaction(func(tx *gorm.DB) error {
				err = tx.Joins("Profile").Find(&[]User{}).Error
				return nil
			})
			return err
		},
	} {
		var lines bytes.Buffer
		w := newWorld(t, worldConfig{gorm: gorm.Config{Logger: logger.New(log.New(&lines, "", 0), logger.Config{LogLevel: logger.Error})}})
		err := run(w.db)
		if err == nil {
			t.Fatalf("%s: not refused", name)
		}
		if n := strings.Count(lines.String(), err.Error()); n != 1 || !strings.Contains(lines.String(), "plugins_test.go:") {
			t.Errorf("%s: logged %d times: %s", name, n, &lines)
		}
	}
}

// The advice of a CrossBindError fits the statement.
func TestCrossingAdvice(t *testing.T) {
	w := newWorld(t, worldConfig{})
	for name, c := range map[string]struct {
		err  error
		way  string
		none string
	}{
		"a query":              {w.db.Joins("Profile").Find(&[]User{}).Error, "Preload", "Pluck"},
		"SQL that reads":       {w.db.Raw("SELECT 1 FROM users JOIN logs").Scan(new(int)).Error, "each database in a statement of its own", "Preload"},
		"an UPDATE":            {w.db.Model(&User{}).Where("id IN (?)", w.db.Model(&LogEntry{}).Select("user_id")).Update("name", "x").Error, "Pluck", "Preload"},
		"SQL that writes":      {w.db.Exec("DELETE FROM users WHERE id IN (SELECT user_id FROM logs)").Error, "Pluck", "Preload"},
		"AllowCrossBind alone": {w.db.Clauses(bindkey.AllowCrossBind).Exec("DELETE FROM users WHERE id IN (SELECT user_id FROM logs)").Error, "has to know", "Pluck"},
		"a DELETE":             {w.db.Where("id IN (SELECT user_id FROM logs)").Delete(&User{}).Error, "Pluck", "Preload"},
	} {
		var crossing *bindkey.CrossBindError
		if !errors.As(c.err, &crossing) || !strings.Contains(crossing.Way, c.way) || strings.Contains(crossing.Way, c.none) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
}

// A handle that prepares its statements shows GORM's own pool, with the default
// bind's statements, and Close closes them.
func TestPreparedStmtDB(t *testing.T) {
	for name, open := range map[string]func(w *world) *gorm.DB{
		"config":               func(w *world) *gorm.DB { return w.db },
		"session":              func(w *world) *gorm.DB { return w.db.Session(&gorm.Session{PrepareStmt: true}) },
		"a result":             func(w *world) *gorm.DB { return w.db.Session(&gorm.Session{PrepareStmt: true}).Find(&[]Team{}) },
		"session, transaction": func(w *world) *gorm.DB { return w.db.Session(&gorm.Session{PrepareStmt: true}).Begin() },
	} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: name == "config"}, install: func(w *world) {
			w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}).
				Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
		}})
		db := open(w)
		use := db
		if name == "a result" {
			use = db.Session(&gorm.Session{NewDB: true})
		}
		w.must(use.Create(&User{Name: "x"}).Error)
		w.must(use.First(&Team{}).Error)
		w.must(use.First(&LogEntry{}).Error)
		if name == "session, transaction" {
			w.must(use.Commit().Error)
		}
		pool, ok := db.ConnPool.(*gorm.PreparedStmtDB)
		if !ok {
			t.Errorf("%s: the pool is a %T", name, db.ConnPool)
			continue
		}
		keys := strings.Join(pool.Stmts.Keys(), "\n")
		if !strings.Contains(keys, "INSERT INTO `users`") || !strings.Contains(keys, "FROM `teams`") || strings.Contains(keys, "logs") {
			t.Errorf("%s: prepared\n%s", name, keys)
		}
		pool.Close()
		if n := len(pool.Stmts.Keys()); n != 0 {
			t.Errorf("%s: %d statements after Close", name, n)
		}
		w.must(w.db.Session(&gorm.Session{PrepareStmt: true}).First(&User{}).Error)
	}
}

// The dialector of a handle with Use has the name of its bind's dialect, for
// libraries that branch on it while a chain is built.
func TestDialectorName(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{accent{w.dialector("analytics").(*sqlite.Dialector)}}}).
			Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
	}})
	for _, use := range []func(string) clause.Expression{bindkey.Use, dbresolver.Use} {
		analytics := w.db.Clauses(use("analytics"))
		for name, db := range map[string]*gorm.DB{
			"the chain":     analytics,
			"a session":     analytics.Session(&gorm.Session{}),
			"a new session": analytics.Session(&gorm.Session{NewDB: true}),
			"another Use":   w.db.Clauses(use("archive")).Clauses(use("analytics")),
		} {
			if got := db.Dialector.Name(); got != "accent" {
				t.Errorf("%s: %s", name, got)
			}
		}
		if got := w.db.Clauses(use("archive")).Dialector.Name(); got != "sqlite" {
			t.Errorf("archive: %s", got)
		}
		if got := analytics.Clauses(use("archive")).Dialector.Name(); got != "sqlite" {
			t.Errorf("archive after analytics: %s", got)
		}
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			if got := tx.Clauses(use("analytics")).Dialector.Name(); got != "accent" {
				t.Errorf("in a transaction: %s", got)
			}
			return nil
		}))
		tx := w.db.Clauses(use("analytics")).Begin()
		if got := tx.Dialector.Name(); got != "accent" {
			t.Errorf("Begin: %s", got)
		}
		w.must(tx.Rollback().Error)
		w.must(w.db.Clauses(use("analytics")).Where("id = ?", 1).First(&LogEntry{}).Error)
	}
	if got := w.db.Dialector.Name(); got != "sqlite" {
		t.Errorf("the handle: %s", got)
	}
}

// gorm.io/gen renders parts of a statement with a statement of its own and
// Dialector.Explain, before the bind is known: names stay neutral until it is.
func TestExplainedParts(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) {
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{accent{w.dialector("analytics").(*sqlite.Dialector)}}}).
			Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
	}})
	part := func(db *gorm.DB, exprs ...clause.Expression) string { // as gen's toOrderValue
		stmt := &gorm.Statement{DB: db.Statement.DB, Table: db.Statement.Table, Schema: db.Statement.Schema}
		for i, expr := range exprs {
			if i > 0 {
				_ = stmt.WriteByte(',')
			}
			expr.Build(stmt)
		}
		return db.Dialector.Explain(stmt.SQL.String(), stmt.Vars...)
	}
	columns := []clause.Expression{
		clause.Expr{SQL: "? DESC", Vars: []any{clause.Column{Name: "id"}}},
		clause.Expr{SQL: "CASE WHEN ? = ? THEN ? ELSE 1 END", Vars: []any{clause.Column{Name: "origin"}, "it's", 2}},
	}
	for model, quoted := range map[any]string{&LogEntry{}: `ORDER BY "id" DESC,CASE WHEN "origin" = 'it''s' THEN 2 ELSE 1 END`,
		&Note{}: "ORDER BY `id` DESC,CASE WHEN `origin` = 'it''s' THEN 2 ELSE 1 END"} {
		chain := w.db.Model(model)
		chain = chain.Order(part(chain, columns...)).Where("id > ?", 0)
		sql := chain.Session(&gorm.Session{DryRun: true}).Find(&[]map[string]any{}).Statement.SQL.String()
		if !strings.Contains(sql, quoted) || strings.ContainsAny(sql, "\x01\x02") {
			t.Errorf("%T: %q", model, sql)
		}
		var n []int
		w.must(chain.Pluck("id", &n).Error)
		if len(n) != 3 || n[0] != 3 {
			t.Errorf("%T: %v", model, n)
		}
	}
}
