package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A pidgin is a dialect that SQLite understands, and that differs from
// SQLite's in all that a dialector of GORM can differ in: like SQL Server's and
// ClickHouse's, it replaces GORM's core callbacks by its own.
type pidgin struct {
	sqlite.Dialector
	Named   string // its name; a lexicon of the plugin, or none
	Limit   int    // of identifiers; 0 for none
	Year    int    // of its NowFunc; 0 for none
	Default string // what DefaultValueOf writes
	Heard   *heard
}

// heard are the core callbacks of a pidgin that ran, in order.
type heard struct {
	mu    sync.Mutex
	names []string
}

func (h *heard) add(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names = append(h.names, name)
}

// take is what was heard since the last take.
func (h *heard) take() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := strings.Join(h.names, " ")
	h.names = nil
	return names
}

func newPidgin(name string) pidgin { return pidgin{Named: name, Default: "42", Heard: &heard{}} }

// at is the pidgin's dialector for a file of a world.
func (a pidgin) at(w *world, file string) gorm.Dialector {
	a.Dialector = *w.dialector(file).(*sqlite.Dialector)
	return &a
}

func (a pidgin) Name() string { return a.Named }

// Apply is as MySQL's and PostgreSQL's: it sets what the application has not.
func (a pidgin) Apply(config *gorm.Config) error {
	if config.NowFunc == nil && a.Year > 0 {
		config.NowFunc = func() time.Time { return inYear(a.Year) }
	}
	if a.Limit > 0 {
		if config.NamingStrategy == nil {
			config.NamingStrategy = schema.NamingStrategy{}
		}
		if naming, ok := config.NamingStrategy.(schema.NamingStrategy); ok && naming.IdentifierMaxLength == 0 {
			naming.IdentifierMaxLength = a.Limit
			config.NamingStrategy = naming
		}
	}
	return nil
}

func inYear(year int) time.Time { return time.Date(year, 2, 3, 4, 5, 6, 0, time.UTC) }

func (a pidgin) Initialize(db *gorm.DB) error {
	if err := a.Dialector.Initialize(db); err != nil {
		return err
	}
	for name, builder := range a.ClauseBuilders() {
		db.ClauseBuilders[name] = builder
	}
	// It has no RETURNING.
	config := callbacks.Config{
		LastInsertIDReversed: true,
		CreateClauses:        []string{"INSERT", "VALUES", "ON CONFLICT"},
		UpdateClauses:        []string{"UPDATE", "SET", "WHERE"},
		DeleteClauses:        []string{"DELETE", "FROM", "WHERE"},
	}
	create, query, update := db.Callback().Create(), db.Callback().Query(), db.Callback().Update()
	remove, row, raw := db.Callback().Delete(), db.Callback().Row(), db.Callback().Raw()
	create.Clauses, update.Clauses, remove.Clauses = config.CreateClauses, config.UpdateClauses, config.DeleteClauses
	return errors.Join(
		create.Replace("gorm:create", a.hearing("create", callbacks.Create(&config))),
		query.Replace("gorm:query", a.hearing("query", callbacks.Query)),
		update.Replace("gorm:update", a.hearing("update", callbacks.Update(&config))),
		remove.Replace("gorm:delete", a.hearing("delete", callbacks.Delete(&config))),
		row.Replace("gorm:row", a.hearing("row", callbacks.RowQuery)),
		raw.Replace("gorm:raw", a.hearing("raw", callbacks.RawExec)),
	)
}

func (a pidgin) hearing(name string, callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		a.Heard.add(name)
		callback(db)
	}
}

func (a pidgin) ClauseBuilders() map[string]clause.ClauseBuilder {
	builders := a.Dialector.ClauseBuilders()
	builders["LIMIT"] = func(c clause.Clause, builder clause.Builder) {
		if limit, ok := c.Expression.(clause.Limit); ok {
			most := -1
			if limit.Limit != nil {
				most = *limit.Limit
			}
			_, _ = builder.WriteString(fmt.Sprintf("LIMIT /* from, at most */ %d, %d", limit.Offset, most))
		}
	}
	return builders
}

func (a pidgin) Migrator(db *gorm.DB) gorm.Migrator {
	return sqlite.Migrator{Migrator: migrator.Migrator{Config: migrator.Config{DB: db, Dialector: a, CreateIndexAfterCreateTable: true}}}
}

func (a pidgin) BindVarTo(writer clause.Writer, stmt *gorm.Statement, _ any) {
	_, _ = writer.WriteString("?" + strconv.Itoa(len(stmt.Vars)))
}

func (a pidgin) QuoteTo(writer clause.Writer, name string) {
	_, _ = writer.WriteString("[" + strings.ReplaceAll(name, ".", "].[") + "]")
}

var numbered = regexp.MustCompile(`\?(\d+)`)

func (a pidgin) Explain(sql string, vars ...any) string {
	return logger.ExplainSQL(sql, numbered, `'`, vars...)
}

func (a pidgin) DefaultValueOf(field *schema.Field) clause.Expression {
	if field.AutoIncrement {
		return clause.Expr{SQL: "NULL"}
	}
	return clause.Expr{SQL: a.Default}
}

func (a pidgin) DataTypeOf(field *schema.Field) string {
	if field.DataType == schema.String {
		return "varchar(99)"
	}
	return a.Dialector.DataTypeOf(field)
}

// A pidginError is what the pidgin translates a driver's errors to.
type pidginError struct{ error }

func (e pidginError) Unwrap() error { return e.error }

func (a pidgin) Translate(err error) error {
	if translated := a.Dialector.Translate(err); translated != err {
		return pidginError{translated}
	}
	return err
}

// A tongue is the dialect of a world's files: plain SQLite, or a pidgin.
type tongue func(w *world, file string) gorm.Dialector

var plainly tongue = (*world).dialector

// tongues are pairs of a handle's dialect and that of its other binds.
func tongues() map[string]struct{ main, there speaker } {
	one, other := newPidgin("sqlserver"), newPidgin("other")
	return map[string]struct{ main, there speaker }{
		"sqlite, pidgin":  {speaker{}, speaker{&one}},
		"pidgin, sqlite":  {speaker{&one}, speaker{}},
		"pidgin, another": {speaker{&one}, speaker{&other}},
	}
}

type speaker struct{ pidgin *pidgin }

func (a speaker) tongue() tongue {
	if a.pidgin == nil {
		return plainly
	}
	return a.pidgin.at
}

// heard is what a pidgin heard; plain SQLite's callbacks don't count.
func (a speaker) heard() string {
	if a.pidgin == nil {
		return "-"
	}
	return a.pidgin.Heard.take()
}

// newMixedWorld is a world whose handle speaks one dialect and whose other binds
// speak another.
func newMixedWorld(t *testing.T, config gorm.Config, main, there tongue) *world {
	t.Helper()
	w := &world{T: t, plain: map[string]*gorm.DB{}, dir: t.TempDir()}
	for _, name := range worldFiles {
		w.openSeeded(name)
	}
	if config.Logger == nil {
		config.Logger = logger.Discard
	}
	db, err := gorm.Open(main(w, "main"), &config)
	w.must(err)
	w.db = db
	t.Cleanup(func() { closeDB(w.db) })
	w.plugin = bindkey.New(bindkey.Models(worldModels...)).
		Register("main", dbresolver.Config{Replicas: []gorm.Dialector{main(w, "main-replica")}}).
		Register("analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{there(w, "analytics")},
			Replicas: []gorm.Dialector{there(w, "analytics-replica")},
		}).
		Register("archive", dbresolver.Config{Sources: []gorm.Dialector{there(w, "archive")}})
	w.must(db.Use(w.plugin))
	t.Cleanup(func() { _ = w.plugin.Close() })
	return w
}

// TestMixedDialects runs all statements of TestReads and TestWrites in handles of
// two dialects.
func TestMixedDialects(t *testing.T) {
	type mixed struct {
		mode
		main, there tongue
	}
	var list []mixed
	for _, mode := range modes() {
		if mode.name != "plain" && mode.name != "Transaction PrepareStmt" {
			continue
		}
		for _, name := range []string{"sqlite, pidgin", "pidgin, sqlite", "pidgin, another"} {
			pair := tongues()[name]
			m := mixed{mode, pair.main.tongue(), pair.there.tongue()}
			m.name = name + "/" + m.name
			list = append(list, m)
		}
	}
	reads, writes := readCases(), writeCases()
	for m, in := range list {
		m, in := m, in
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			w := newMixedWorld(t, in.config, in.main, in.there)
			for i, c := range reads {
				if testkit.Runs(i, len(reads), m, len(list)) {
					t.Run(c.name, func(t *testing.T) { testRead(t, w, in.mode, c) })
				}
			}
			for i, c := range writes {
				if testkit.Runs(i, len(writes), m, len(list)) {
					t.Run(c.name, func(t *testing.T) { testWrite(t, newMixedWorld(t, in.config, in.main, in.there), in.mode, c) })
				}
			}
		})
	}
}

// A spokenCase is a statement, and which core callbacks of each dialect it runs.
// User is in main; LogEntry and Note are in the binds of the other dialect.
type spokenCase struct {
	name        string
	run         func(tx *gorm.DB) error
	main, there string
}

func spokenCases() []spokenCase {
	ctx := context.Background()
	return []spokenCase{
		{"Create", func(tx *gorm.DB) error { return tx.Create(&LogEntry{Event: "e"}).Error }, "", "create"},
		{"Create of the handle's", func(tx *gorm.DB) error { return tx.Create(&User{Name: "u"}).Error }, "create", ""},
		{"Create slice, map", func(tx *gorm.DB) error {
			return errors.Join(tx.Create(batch(3)).Error, tx.Model(&Note{}).Create(map[string]any{"text": "t"}).Error)
		}, "", "create create"},
		{"CreateInBatches", func(tx *gorm.DB) error { return tx.CreateInBatches(batch(3), 2).Error }, "", "create create"},
		{"upsert", func(tx *gorm.DB) error {
			return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&LogEntry{ID: 1, Event: "e"}).Error
		}, "", "create"},
		{"Save old", func(tx *gorm.DB) error { return tx.Save(&LogEntry{ID: 1}).Error }, "", "update"},
		{"Save missing", func(tx *gorm.DB) error { return tx.Save(&LogEntry{ID: 77}).Error }, "", "update create"},
		{"Update", func(tx *gorm.DB) error { return tx.Model(&LogEntry{ID: 1}).Update("event", "e").Error }, "", "update"},
		{"Update of the handle's", func(tx *gorm.DB) error { return tx.Model(&User{ID: 1}).Update("name", "n").Error }, "update", ""},
		{"soft delete", func(tx *gorm.DB) error { return tx.Delete(&LogEntry{ID: 1}).Error }, "", "delete"},
		{"Delete", func(tx *gorm.DB) error { return tx.Unscoped().Delete(&LogEntry{}, 1).Error }, "", "delete"},
		{"Delete of the handle's", func(tx *gorm.DB) error { return tx.Delete(&Team{ID: 1}).Error }, "delete", ""},

		{"First, Take, Find, Count, Pluck", func(tx *gorm.DB) error {
			var n int64
			return errors.Join(tx.First(&LogEntry{}).Error, tx.Take(&LogEntry{}).Error, tx.Find(&[]LogEntry{}).Error,
				tx.Model(&LogEntry{}).Count(&n).Error, tx.Model(&LogEntry{}).Pluck("event", &[]string{}).Error)
		}, "", "query query query query query"},
		{"First of the handle's", func(tx *gorm.DB) error { return tx.First(&User{}).Error }, "query", ""},
		{"FindInBatches", func(tx *gorm.DB) error {
			return tx.FindInBatches(&[]LogEntry{}, 2, func(tx *gorm.DB, _ int) error { return tx.First(&User{}).Error }).Error
		}, "query query", "query query"},
		{"FirstOrCreate", func(tx *gorm.DB) error { return tx.FirstOrCreate(&LogEntry{}, LogEntry{Event: "absent"}).Error }, "", "query create"},
		{"Row, Rows, Scan", func(tx *gorm.DB) error {
			rows, err := tx.Model(&LogEntry{}).Rows()
			if err == nil {
				err = rows.Close()
			}
			var event string
			return errors.Join(err, tx.Model(&LogEntry{}).Select("event").Limit(1).Row().Scan(&event), tx.Model(&LogEntry{}).Scan(&[]LogEntry{}).Error)
		}, "", "row row row"},
		{"Row of the handle's", func(tx *gorm.DB) error {
			var name string
			return tx.Model(&User{}).Select("name").Limit(1).Row().Scan(&name)
		}, "row", ""},
		{"Raw", func(tx *gorm.DB) error {
			return errors.Join(tx.Raw("SELECT * FROM logs WHERE id IN ? AND event <> @no", []int{1, 2}, sql.Named("no", "x")).Find(&[]LogEntry{}).Error,
				tx.Raw("SELECT event FROM logs WHERE id = ?", 1).Scan(new(string)).Error)
		}, "", "query row"},
		{"Exec", func(tx *gorm.DB) error { return tx.Exec("UPDATE logs SET event = ? WHERE id = ?", "e", 1).Error }, "", "raw"},
		{"Exec of the handle's", func(tx *gorm.DB) error { return tx.Exec("UPDATE users SET name = ? WHERE id = ?", "e", 1).Error }, "raw", ""},
		{"Use", func(tx *gorm.DB) error { return tx.Clauses(bindkey.Use("archive")).First(&User{}).Error }, "", "query"},
		{"a bind of its own, and Use of the handle's", func(tx *gorm.DB) error {
			return tx.Clauses(bindkey.Use("main")).First(&LogEntry{}).Error
		}, "query", ""},
		{"subqueries", func(tx *gorm.DB) error {
			return tx.Where("id IN (?)", tx.Model(&LogEntry{}).Select("id").Where("id > ?", 1)).Where("event <> ?", "x").
				Where("id IN (?)", tx.Raw("SELECT id FROM logs WHERE id > ?", 0)).Find(&[]LogEntry{}).Error
		}, "", "query query"},
		{"generics", func(tx *gorm.DB) error {
			_, err := gorm.G[LogEntry](tx).Where("id > ?", 1).First(ctx)
			return errors.Join(err, gorm.G[LogEntry](tx).Create(ctx, &LogEntry{}), gorm.G[LogEntry](tx).Exec(ctx, "DELETE FROM logs WHERE id = ?", 2))
		}, "", "query create raw"},

		{"associations of the other dialect", func(tx *gorm.DB) error {
			return tx.Create(&User{Name: "u", Logs: []LogEntry{{Event: "a"}}, Notes: []Note{{Text: "n"}}}).Error
		}, "create", "create create"},
		{"associations of the handle's", func(tx *gorm.DB) error {
			return tx.Create(&LogEntry{Event: "e", User: &User{Name: "u"}}).Error
		}, "create", "create"},
		{"deleted associations", func(tx *gorm.DB) error { return tx.Select("Logs").Delete(&User{ID: 1}).Error }, "delete", "delete"},
		{"Preload", func(tx *gorm.DB) error {
			return errors.Join(tx.Preload("Logs").Preload("Notes").First(&User{}).Error, tx.Preload("User").First(&LogEntry{}).Error)
		}, "query query", "query query query"},
		{"Association", func(tx *gorm.DB) error {
			return tx.Model(&User{ID: 1}).Association("Logs").Append(&LogEntry{Event: "a"})
		}, "update", "create"}, // as in GORM, which touches the user without sending anything
		{"hooks", func(tx *gorm.DB) error { return tx.Create(&talkative{}).Error }, "query create", "create query"},
		{"a transaction", func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error {
				return errors.Join(tx.Create(&User{}).Error, tx.Create(&LogEntry{}).Error, tx.Create(&Note{}).Error, tx.First(&User{}).Error)
			})
		}, "create query", "create create"},
		{"a savepoint in every branch", func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error {
				return errors.Join(tx.Create(&LogEntry{}).Error, tx.SavePoint("here").Error, tx.First(&User{}).Error)
			})
		}, "query", "create raw"},
	}
}

// talkative is in main. Its hooks ask both dialects.
type talkative struct {
	_  struct{} `bind:"main"`
	ID uint
}

func (talkative) TableName() string { return "teams" }

func (talkative) BeforeCreate(tx *gorm.DB) error {
	return errors.Join(tx.First(&User{}).Error, tx.Create(&LogEntry{Event: "by a hook"}).Error)
}

func (talkative) AfterCreate(tx *gorm.DB) error { return tx.First(&Note{}).Error }

// TestOwnCallbacks proves that every statement runs the core callbacks of its
// bind's dialect, and of no other.
func TestOwnCallbacks(t *testing.T) {
	for name, pair := range tongues() {
		t.Run(name, func(t *testing.T) {
			w := newMixedWorld(t, gorm.Config{}, pair.main.tongue(), pair.there.tongue())
			pair.main.heard()
			pair.there.heard()
			for _, c := range spokenCases() {
				for range [2]int{} { // the second time with all that the first has kept
					tx := w.db.Begin()
					if err := c.run(tx); err != nil {
						t.Errorf("%s: %v", c.name, err)
					}
					w.must(tx.Rollback().Error)
					if got := pair.main.heard(); got != c.main && got != "-" {
						t.Errorf("%s: the handle's dialect heard %q, want %q", c.name, got, c.main)
					}
					if got := pair.there.heard(); got != c.there && got != "-" {
						t.Errorf("%s: the bind's dialect heard %q, want %q", c.name, got, c.there)
					}
				}
			}
		})
	}
}

// TestCompiledAsByItsOwn compares what a handle of two dialects compiles with
// what a plain handle of the model's own dialect does. The module integration
// has the same with the dialects of servers, and more statements.
func TestCompiledAsByItsOwn(t *testing.T) {
	type compiled func(db *gorm.DB, model any, table string) *gorm.DB
	cases := map[string]compiled{
		"First": func(db *gorm.DB, m any, _ string) *gorm.DB { return db.First(m, "name = ?", "x") },
		"conditions": func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Model(m).Where(map[string]any{"id": []int{1, 2}}).Or("name LIKE ?", "a%").Order("name").Limit(3).Offset(4).Find(&[]map[string]any{})
		},
		"Create": func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Create(m) },
		"upsert": func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(m)
		},
		"Updates": func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Model(m).Where("id = ?", 3).Update("name", gorm.Expr("upper(?)", "x"))
		},
		"Delete": func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Where("id > ?", 3).Delete(m) },
		"Raw": func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT ? FROM ? WHERE id IN ? AND name = @n", clause.Column{Name: "name"}, clause.Table{Name: table}, []int{1, 2}, sql.Named("n", "x")).Scan(&[]string{})
		},
		"Exec": func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Exec("UPDATE "+table+" SET name = ? WHERE id = ?", "x", 3)
		},
		"subqueries": func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Model(m).Where("name = ?", "a").Where("id IN (?)", db.Model(m).Select("id").Where("id > ?", 1).Limit(2)).
				Where("id IN (?)", db.Raw("SELECT id FROM "+table+" WHERE id < ?", 9)).Where("name <> ?", "b").Find(&[]map[string]any{})
		},
		"subqueries of an unknown table": func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Model(m).Where("name = ?", "a").Where("id IN (?)", db.Table("unknown").Select("id").Where("x = ?", 2)).
				Where("id IN (?)", db.Raw("SELECT id FROM unknown WHERE y = ?", 3)).Where("name <> ?", "b").Find(&[]map[string]any{})
		},
		"Raw with a subquery of an unknown table": func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT * FROM "+table+" WHERE id = ? AND id IN (?)", 1, db.Table("unknown AS u").Select("u.id").Where("u.x = ?", 4)).Scan(&[]string{})
		},
		"Table": func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Table("(?) AS t", db.Model(m).Where("id = ?", 1)).Joins("JOIN "+table+" AS o ON o.id = ?", 2).Where("t.id = ?", 3).Find(&[]map[string]any{})
		},
		"Quote": func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Model(m).Where(db.Statement.Quote(table+".name")+" = ?", "x").Find(&[]map[string]any{})
		},
	}
	for name, pair := range tongues() {
		t.Run(name, func(t *testing.T) {
			dry := gorm.Config{DryRun: true, SkipDefaultTransaction: true}
			w := newMixedWorld(t, dry, pair.main.tongue(), pair.there.tongue())
			for _, side := range []struct {
				tongue tongue
				model  any
				table  string
			}{
				{pair.main.tongue(), Team{}, "teams"},
				{pair.there.tongue(), Tag{}, "tags"},
			} {
				config := dry
				plain := openPlain(t, side.tongue(w, "archive"), &config)
				for name, run := range cases {
					compile := func(db *gorm.DB) string {
						model := reflect.New(reflect.TypeOf(side.model))
						model.Elem().FieldByName("Name").SetString("n")
						tx := run(db, model.Interface(), side.table)
						stmt := tx.Statement
						return fmt.Sprint(stmt.SQL.String(), stmt.Vars, tx.Error, "\n", tx.Dialector.Explain(stmt.SQL.String(), stmt.Vars...))
					}
					if got, want := compile(w.db), compile(plain); got != want {
						t.Errorf("%s of %s:\n got %s\nwant %s", name, side.table, got, want)
					}
				}
			}
		})
	}
}

// The models of what a dialector is asked for beside SQL.
type (
	askedMain struct {
		_         struct{} `bind:"main"`
		ID        uint
		Name      string `gorm:"uniqueIndex"`
		Size      int    `gorm:"default:(abs(-7))"`
		CreatedAt time.Time
	}
	askedThere struct {
		_         struct{} `bind:"analytics"`
		ID        uint
		Name      string `gorm:"uniqueIndex"`
		Size      int    `gorm:"default:(abs(-7))"`
		CreatedAt time.Time
	}
)

// TestDialectorIsAsked proves that types, default values and errors are the
// bind's own dialect's.
func TestDialectorIsAsked(t *testing.T) {
	plain := speaker{}
	for name, pair := range tongues() {
		t.Run(name, func(t *testing.T) {
			w := newMixedWorld(t, gorm.Config{TranslateError: true}, pair.main.tongue(), pair.there.tongue())
			w.must(w.db.AutoMigrate(&askedMain{}, &askedThere{}))
			for _, side := range []struct {
				speaker
				file, table       string
				batch, first      any
				again, lateUnique any
			}{
				{pair.main, "main", "asked_mains", []askedMain{{Size: 1}, {Name: "b"}}, &askedMain{Name: "u"}, &askedMain{Name: "u"}, &askedMain{Name: "v"}},
				{pair.there, "analytics", "asked_theres", []askedThere{{Size: 1}, {Name: "b"}}, &askedThere{Name: "u"}, &askedThere{Name: "u"}, &askedThere{Name: "v"}},
			} {
				var ddl string
				w.must(w.plain[side.file].Raw("SELECT sql FROM sqlite_master WHERE name = ?", side.table).Scan(&ddl).Error)
				if got := strings.Contains(ddl, "varchar(99)"); got != (side.speaker != plain) {
					t.Errorf("%s was made by %s", side.table, ddl)
				}

				err := w.db.Create(side.batch).Error
				if side.speaker == plain {
					if err == nil || !strings.Contains(err.Error(), `near "DEFAULT"`) { // as SQLite's dialector says of its DefaultValueOf
						t.Errorf("default value of %s: %v", side.table, err)
					}
				} else {
					var sizes []int
					w.must(err)
					w.must(w.plain[side.file].Table(side.table).Order("id").Pluck("size", &sizes).Error)
					if fmt.Sprint(sizes) != "[1 42]" {
						t.Errorf("default value of %s: %v", side.table, sizes)
					}
				}

				translated := func(how string, err error) {
					t.Helper()
					var own pidginError
					if !errors.Is(err, gorm.ErrDuplicatedKey) || errors.As(err, &own) != (side.speaker != plain) {
						t.Errorf("%s, %s: %v", side.table, how, err)
					}
				}
				w.must(w.db.Create(side.first).Error)
				translated("Create", w.db.Create(side.again).Error)
				w.must(w.db.Create(side.lateUnique).Error)
				translated("Update", w.db.Model(side.lateUnique).Update("name", "u").Error)
				translated("Exec", w.db.Exec("INSERT INTO "+side.table+" (name) VALUES (?)", "u").Error)
				translated("in a transaction", w.db.Transaction(func(tx *gorm.DB) error {
					return tx.Model(side.lateUnique).Update("name", "u").Error
				}))
			}
		})
	}
}

// TestNowFunc proves that a dialect's NowFunc is for its own models, and the
// application's and a session's for all.
func TestNowFunc(t *testing.T) {
	inThe := func(name string, year int) tongue {
		a := newPidgin(name)
		a.Year = year
		return a.at
	}
	application := func() time.Time { return inYear(1980) }
	this := time.Now().Year()
	for name, c := range map[string]struct {
		main, there tongue
		config      gorm.Config
		want        [2]int
	}{
		"none":                                {plainly, newPidgin("other").at, gorm.Config{}, [2]int{this, this}},
		"of the bind":                         {plainly, inThe("other", 2002), gorm.Config{}, [2]int{this, 2002}},
		"of the handle":                       {inThe("one", 2001), plainly, gorm.Config{}, [2]int{2001, this}},
		"of both":                             {inThe("one", 2001), inThe("other", 2002), gorm.Config{}, [2]int{2001, 2002}},
		"of both, by one name":                {inThe("one", 2001), inThe("one", 2002), gorm.Config{}, [2]int{2001, 2002}},
		"the application's":                   {plainly, inThe("other", 2002), gorm.Config{NowFunc: application}, [2]int{1980, 1980}},
		"the application's, handle's dialect": {inThe("one", 2001), plainly, gorm.Config{NowFunc: application}, [2]int{1980, 1980}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMixedWorld(t, c.config, c.main, c.there)
			w.must(w.db.AutoMigrate(&askedMain{}, &askedThere{}))
			created := func(db *gorm.DB, name string) [2]int {
				main, there := askedMain{Name: name}, askedThere{Name: name}
				w.must(db.Create(&main).Error)
				w.must(db.Create(&there).Error)
				return [2]int{main.CreatedAt.Year(), there.CreatedAt.Year()}
			}
			if got := created(w.db, "handle"); got != c.want {
				t.Errorf("created in %v, want %v", got, c.want)
			}
			session := w.db.Session(&gorm.Session{NowFunc: func() time.Time { return inYear(1999) }})
			if got := created(session, "session"); got != [2]int{1999, 1999} {
				t.Errorf("a session's own: created in %v", got)
			}
		})
	}
}

// TestCallbacksOfTheApplication proves that what an application registers runs
// for the statements of every dialect, in its place.
func TestCallbacksOfTheApplication(t *testing.T) {
	for name, pair := range tongues() {
		for when, before := range map[string]bool{"before the plugin": true, "after it": false} {
			t.Run(name+", "+when, func(t *testing.T) {
				var ran []string
				note := func(name string) func(*gorm.DB) {
					return func(db *gorm.DB) {
						if db.Error == nil && db.Statement.Schema != nil {
							ran = append(ran, name+" "+db.Statement.Table)
						}
					}
				}
				register := func(db *gorm.DB) error {
					create, query := db.Callback().Create(), db.Callback().Query()
					return errors.Join(
						create.Before("gorm:create").Register("app:before", note("before")),
						create.After("gorm:create").Register("app:after", note("after")),
						query.After("gorm:query").Register("app:query", note("query")),
						create.Replace("gorm:after_create", note("instead of hooks")),
					)
				}
				main := pair.main.tongue()
				if before {
					main = func(w *world, file string) gorm.Dialector {
						if file != "main" {
							return pair.main.tongue()(w, file)
						}
						return registering{pair.main.tongue()(w, file), register}
					}
				}
				w := newMixedWorld(t, gorm.Config{}, main, pair.there.tongue())
				if !before {
					w.must(register(w.db))
				}
				w.must(w.db.Create(&Team{Name: "t"}).Error)
				w.must(w.db.Create(&Tag{Name: "t"}).Error)
				w.must(w.db.First(&Team{}).Error)
				w.must(w.db.First(&Tag{}).Error)
				want := "before teams, instead of hooks teams, after teams, before tags, instead of hooks tags, after tags, query teams, query tags"
				if got := strings.Join(ran, ", "); got != want {
					t.Errorf("ran  %s\nwant %s", got, want)
				}
			})
		}
	}
}

// registering registers an application's callbacks on the handle once it is
// open, which is before the plugin is used.
type registering struct {
	gorm.Dialector
	register func(*gorm.DB) error
}

func (r registering) Initialize(db *gorm.DB) error {
	return errors.Join(r.Dialector.Initialize(db), r.register(db))
}

func (r registering) Translate(err error) error {
	return r.Dialector.(gorm.ErrorTranslator).Translate(err)
}

// A bind's sources and replicas are compiled for alike. Binds need not be, and
// what their dialectors connect to makes no difference.
func TestSourcesOfOneDialect(t *testing.T) {
	w := newWorld(t, worldConfig{})
	pidgin, other, defaults := newPidgin("pidgin"), newPidgin("other"), newPidgin("pidgin")
	defaults.Default = "43"
	for name, c := range map[string]struct {
		config dbresolver.Config
		role   string // that is refused; "" for none
	}{
		"alike": {dbresolver.Config{Sources: []gorm.Dialector{pidgin.at(w, "analytics"), pidgin.at(w, "archive")},
			Replicas: []gorm.Dialector{pidgin.at(w, "analytics-replica")}}, ""},
		"by name":                   {dbresolver.Config{Sources: []gorm.Dialector{pidgin.at(w, "analytics"), other.at(w, "archive")}}, "source-2"},
		"by a setting":              {dbresolver.Config{Sources: []gorm.Dialector{pidgin.at(w, "analytics"), defaults.at(w, "archive")}}, "source-2"},
		"SQLite's and another":      {dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics"), pidgin.at(w, "archive")}}, "source-2"},
		"the replica's":             {dbresolver.Config{Sources: []gorm.Dialector{pidgin.at(w, "analytics")}, Replicas: []gorm.Dialector{other.at(w, "archive")}}, "replica"},
		"the handle's own, replica": {dbresolver.Config{Replicas: []gorm.Dialector{pidgin.at(w, "archive")}}, "replica"},
		"wrapped alike":             {dbresolver.Config{Sources: []gorm.Dialector{wrapped{w.dialector("analytics")}, wrapped{w.dialector("archive")}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			db := openPlain(t, w.dialector("main"), &gorm.Config{})
			plugin := bindkey.New().Register("there", c.config)
			err := db.Use(plugin)
			t.Cleanup(func() { _ = plugin.Close() })
			var refused *bindkey.OpenError
			if !errors.As(err, &refused) {
				if c.role != "" || err != nil {
					t.Errorf("err = %v, want one of the %s", err, c.role)
				}
				return
			}
			if refused.Key != "there" || refused.Role != c.role || !strings.Contains(err.Error(), "key of its own") {
				t.Errorf("err = %v, want one of the %q", err, c.role)
			}
			if err := db.First(&Team{}).Error; err != nil { // the handle is as it was
				t.Errorf("the handle is broken: %v", err)
			}
		})
	}
}

// wrapped is a dialector in an application's own, which adds nothing to its SQL.
type wrapped struct{ gorm.Dialector }

// A namer is an application's own naming strategy.
type namer struct{ schema.NamingStrategy }

// TestIdentifierLimit proves that the shortest limit of all binds' dialects holds
// for the names that GORM makes.
func TestIdentifierLimit(t *testing.T) {
	limited := func(limit int) tongue {
		a := newPidgin(fmt.Sprint("limit ", limit))
		a.Limit = limit
		return a.at
	}
	const long = "idx_a_table_with_a_name_of_some_length_and_then_its_column" // 58 bytes
	for name, c := range map[string]struct {
		naming      schema.Namer
		main, there tongue
		longest     int    // of the names of indexes
		warns       string // "" for no warning
	}{
		"no limits":                 {nil, plainly, newPidgin("other").at, 58, ""},
		"within the limit":          {nil, plainly, limited(64), 58, ""},
		"the bind's is shorter":     {nil, plainly, limited(30), 30, ""}, // nobody has chosen GORM's own
		"the handle's is shorter":   {nil, limited(30), limited(40), 30, ""},
		"both, the bind's shortest": {nil, limited(40), limited(30), 30, ""},
		"a strategy of the application's": {schema.NamingStrategy{TablePrefix: "p_", IdentifierMaxLength: 63}, plainly, limited(30), 30,
			"limit 30 limits identifiers to 30 bytes, and the naming strategy allows more; that limit holds for all binds; give gorm.Config a NamingStrategy with IdentifierMaxLength: 30"},
		"one that is shorter":    {schema.NamingStrategy{IdentifierMaxLength: 25}, plainly, limited(30), 25, ""},
		"a pointer":              {&schema.NamingStrategy{TablePrefix: "p_"}, plainly, limited(30), 30, ""},
		"a pointer with a limit": {&schema.NamingStrategy{TablePrefix: "p_", IdentifierMaxLength: 100}, plainly, limited(30), 30, "that limit holds for all binds"},
		"a Namer of its own":     {namer{schema.NamingStrategy{IdentifierMaxLength: 63}}, plainly, limited(30), 58, "make bindkey_test.namer keep to that"},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			w := &world{T: t, dir: t.TempDir()}
			open := func() *gorm.DB {
				db := openPlain(t, c.main(w, "main"), &gorm.Config{NamingStrategy: c.naming})
				db.Config.Logger = logger.New(printer{&log}, logger.Config{LogLevel: logger.Warn})
				return db
			}
			register := func(options ...bindkey.Option) *bindkey.Plugin {
				plugin := bindkey.New(options...)
				for i, there := range []tongue{limited(64), c.there, limited(64)} { // the shortest is neither first nor last
					key := fmt.Sprint("there", i)
					plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{there(w, key)}})
				}
				t.Cleanup(func() { _ = plugin.Close() })
				return plugin
			}

			failing := open()
			before := failing.NamingStrategy
			if err := failing.Use(register(bindkey.CommitOrder("nowhere"))); !errors.Is(err, bindkey.ErrUnknownBind) {
				t.Fatalf("err = %v", err)
			}
			if failing.NamingStrategy != before {
				t.Errorf("a failing Use leaves %#v, not %#v", failing.NamingStrategy, before)
			}

			log.Reset()
			db := open()
			w.must(db.Use(register()))
			if got := log.String(); (c.warns == "") != (got == "") || !strings.Contains(got, c.warns) {
				t.Errorf("logged %q, want %q", got, c.warns)
			}
			names := db.NamingStrategy
			if got := names.IndexName("a_table_with_a_name_of_some_length", "and_then_its_column"); len(got) != c.longest || c.longest == len(long) && got != long {
				t.Errorf("%s has %d bytes, want %d", got, len(got), c.longest)
			}
			prefix := ""
			if strings.HasPrefix(fmt.Sprintf("%+v", c.naming), "{TablePrefix:p_") || strings.HasPrefix(fmt.Sprintf("%+v", c.naming), "&{TablePrefix:p_") {
				prefix = "p_"
			}
			if got := names.TableName("Team"); got != prefix+"teams" {
				t.Errorf("the table of Team is %s", got)
			}
			if got := names.IndexName("teams", "name"); got != "idx_teams_name" {
				t.Errorf("a name within the limit is now %s", got)
			}
			if pointer, ok := c.naming.(*schema.NamingStrategy); ok && pointer.IdentifierMaxLength != 0 && pointer.IdentifierMaxLength != 100 {
				t.Error("the application's own strategy was changed")
			}
		})
	}
}
