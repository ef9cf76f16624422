package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	gormmigrator "gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The same model in two binds, with all that a migrator can be asked about.
type (
	MainThing struct {
		_        struct{} `bind:"main"`
		ID       uint
		Name     string `gorm:"size:40;index:idx_name;check:name_given,name <> ''"`
		Code     string `gorm:"size:20;unique"`
		Extra    int    `gorm:"default:7;comment:not much"`
		ParentID *uint
		Parent   *MainThing
	}
	AnalyticsThing struct {
		_        struct{} `bind:"analytics"`
		ID       uint
		Name     string `gorm:"size:40;index:idx_name;check:name_given,name <> ''"`
		Code     string `gorm:"size:20;unique"`
		Extra    int    `gorm:"default:7;comment:not much"`
		ParentID *uint
		Parent   *AnalyticsThing
	}
)

// newEmptyWorld is a world whose databases have no tables, and whose replicas
// fail the test when they are asked.
func newEmptyWorld(t *testing.T, config worldConfig) *world {
	t.Helper()
	w := &world{T: t, plain: map[string]*gorm.DB{}, dir: t.TempDir()}
	for _, name := range worldFiles {
		plain, err := gorm.Open(w.dialector(name), &gorm.Config{Logger: logger.Discard})
		w.must(err)
		w.plain[name] = plain
		t.Cleanup(func() { closeDB(plain) })
	}
	if config.gorm.Logger == nil {
		config.gorm.Logger = logger.Discard
	}
	db, err := gorm.Open(w.dialector("main"), &config.gorm)
	w.must(err)
	w.db = db
	t.Cleanup(func() { closeDB(db) })
	w.plugin = bindkey.New(config.options...)
	replica := func(name string) []gorm.Dialector {
		pool, err := w.plain[name].DB()
		w.must(err)
		return []gorm.Dialector{sqlite.New(sqlite.Config{Conn: untouched{pool, t}})}
	}
	if config.install != nil {
		config.install(w)
	} else {
		w.plugin.
			Register("main", dbresolver.Config{Replicas: replica("main-replica")}).
			Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}, Replicas: replica("analytics-replica")}).
			Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
	}
	w.must(db.Use(w.plugin))
	t.Cleanup(func() { _ = w.plugin.Close() })
	return w
}

// untouched is a pool that only answers when the dialector asks for SQLite's
// version.
type untouched struct {
	gorm.ConnPool
	t *testing.T
}

func (u untouched) touched(query string) {
	if query != "select sqlite_version()" {
		u.t.Errorf("a replica was asked %q", query)
	}
}

func (u untouched) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	u.touched(query)
	return u.ConnPool.PrepareContext(ctx, query)
}

func (u untouched) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	u.touched(query)
	return u.ConnPool.ExecContext(ctx, query, args...)
}

func (u untouched) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	u.touched(query)
	return u.ConnPool.QueryContext(ctx, query, args...)
}

func (u untouched) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	u.touched(query)
	return u.ConnPool.QueryRowContext(ctx, query, args...)
}

// ddl is the DDL in a file, sorted by name.
func (w *world) ddl(file string) string {
	w.Helper()
	var ddl []string
	w.must(w.plain[file].Raw("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, name").Scan(&ddl).Error)
	return strings.Join(ddl, "\n")
}

// altered runs something and tells which files have other DDL afterwards.
func (w *world) altered(run func()) string {
	w.Helper()
	before := map[string]string{}
	for _, file := range worldFiles {
		before[file] = w.ddl(file)
	}
	run()
	var altered []string
	for _, file := range worldFiles {
		if w.ddl(file) != before[file] {
			altered = append(altered, file)
		}
	}
	return strings.Join(altered, " ")
}

func expectAll(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		if !reflect.DeepEqual(pairs[i], pairs[i+1]) {
			return fmt.Errorf("got %v, want %v", pairs[i], pairs[i+1])
		}
	}
	return nil
}

// A migratorStep is one call of a migrator for a model, and what it answers.
type migratorStep struct {
	name string
	run  func(m gorm.Migrator, model any, table string) error
}

// migratorSteps are all methods of gorm.Migrator; later steps need the earlier.
var migratorSteps = []migratorStep{
	{"no table yet", func(m gorm.Migrator, model any, table string) error {
		return expectAll(m.HasTable(model), false, m.HasTable(table), false)
	}},
	{"CreateTable", func(m gorm.Migrator, model any, table string) error {
		return errors.Join(m.CreateTable(model), expectAll(m.HasTable(model), true, m.HasTable(table), true))
	}},
	{"AutoMigrate again", func(m gorm.Migrator, model any, _ string) error { return m.AutoMigrate(model) }},
	{"columns", func(m gorm.Migrator, model any, table string) error {
		err := m.DropColumn(model, "Extra")
		dropped := m.HasColumn(model, "Extra")
		return errors.Join(err, m.AddColumn(model, "Extra"), m.AlterColumn(model, "Extra"),
			m.RenameColumn(model, "Extra", "surplus"), expectAll(dropped, false, m.HasColumn(table, "extra"), false, m.HasColumn(table, "surplus"), true),
			m.RenameColumn(table, "surplus", "extra"), expectAll(m.HasColumn(model, "Extra"), true))
	}},
	{"ColumnTypes and MigrateColumn", func(m gorm.Migrator, model any, table string) error {
		types, err := m.ColumnTypes(model)
		byName, other := m.ColumnTypes(table)
		if err := errors.Join(err, other, expectAll(len(types), 5, len(byName), 5)); err != nil {
			return err
		}
		s, err := schema.Parse(model, &schemas, schema.NamingStrategy{})
		if err != nil {
			return err
		}
		for _, columnType := range types {
			field := s.LookUpField(columnType.Name())
			err = errors.Join(err, m.MigrateColumn(model, field, columnType), m.MigrateColumnUnique(model, field, columnType))
		}
		return err
	}},
	{"constraints", func(m gorm.Migrator, model any, table string) error {
		for _, name := range []string{"Parent", "name_given", "Code"} {
			has := m.HasConstraint(model, name)
			err := m.DropConstraint(model, name)
			dropped := m.HasConstraint(model, name)
			if err := errors.Join(err, m.CreateConstraint(model, name), expectAll(name, name, has, true, dropped, false, m.HasConstraint(model, name), true)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return expectAll(m.HasConstraint(table, "fk_"+table+"_parent"), true)
	}},
	{"indexes", func(m gorm.Migrator, model any, table string) error {
		err := m.AutoMigrate(model) // SQLite has lost it, when it made the table anew
		has := m.HasIndex(model, "Name")
		err = errors.Join(err, m.DropIndex(model, "Name"))
		dropped := m.HasIndex(table, "idx_name")
		err = errors.Join(err, m.CreateIndex(model, "Name"), m.RenameIndex(model, "idx_name", "idx_other"))
		renamed := m.HasIndex(table, "idx_other")
		err = errors.Join(err, m.RenameIndex(table, "idx_other", "idx_name"))
		indexes, err2 := m.GetIndexes(model)
		return errors.Join(err, err2, expectAll(has, true, dropped, false, renamed, true, m.HasIndex(model, "Name"), true, len(indexes), 1))
	}},
	{"RenameTable", func(m gorm.Migrator, model any, table string) error {
		err := m.RenameTable(model, "renamed_"+table)
		has := m.HasTable("renamed_" + table)
		return errors.Join(err, m.RenameTable("renamed_"+table, model), expectAll(has, true, m.HasTable(model), true))
	}},
	{"DropTable", func(m gorm.Migrator, model any, table string) error {
		err := m.DropTable(model)
		dropped := m.HasTable(model)
		err = errors.Join(err, m.AutoMigrate(model))
		again := m.HasTable(model)
		return errors.Join(err, m.DropTable(table), expectAll(dropped, false, again, true, m.HasTable(table), false), m.CreateTable(model))
	}},
	{"TableType", func(m gorm.Migrator, model any, _ string) error {
		_, err := m.TableType(model)
		return expectAll(fmt.Sprint(err), "not support") // by SQLite's migrator
	}},
}

var schemas sync.Map

// Every method of a migrator goes to the bind of the model or table: on its
// source, in a transaction on its branch, and with Use on that of Use.
func TestMigratorMethods(t *testing.T) {
	for _, subject := range []struct {
		model any
		table string
		file  string
	}{
		{&MainThing{}, "main_things", "main"},
		{&AnalyticsThing{}, "analytics_things", "analytics"},
	} {
		known := worldConfig{options: []bindkey.Option{bindkey.Models(&MainThing{}, &AnalyticsThing{})}}
		run := func(w *world, db *gorm.DB) {
			w.Helper()
			for _, step := range migratorSteps {
				if err := step.run(db.Migrator(), subject.model, subject.table); err != nil {
					w.Fatalf("%s: %v", step.name, err)
				}
			}
		}
		for _, prepare := range []bool{false, true} {
			known := known
			known.gorm.PrepareStmt = prepare
			name := fmt.Sprintf("%s/prepare=%t", subject.file, prepare)
			t.Run(name, func(t *testing.T) {
				w := newEmptyWorld(t, known)
				if got := w.altered(func() { run(w, w.db) }); got != subject.file {
					t.Errorf("it altered %q", got)
				}
				w.must(w.db.Model(subject.model).Create(map[string]any{"Name": "a", "Code": "b"}).Error) // no statement from before the DDL is left
			})
			t.Run(name+"/committed", func(t *testing.T) {
				w := newEmptyWorld(t, known)
				if got := w.altered(func() {
					w.must(w.db.Transaction(func(tx *gorm.DB) error { run(w, tx); return nil }))
				}); got != subject.file {
					t.Errorf("it altered %q", got)
				}
			})
			t.Run(name+"/rolled back", func(t *testing.T) {
				w := newEmptyWorld(t, known)
				if got := w.altered(func() {
					tx := w.db.Begin()
					run(w, tx)
					w.must(tx.Rollback().Error)
				}); got != "" {
					t.Errorf("it altered %q", got)
				}
			})
			t.Run(name+"/Use", func(t *testing.T) {
				w := newEmptyWorld(t, known)
				if got := w.altered(func() { run(w, w.db.Clauses(bindkey.Use("archive")).Session(&gorm.Session{})) }); got != "archive" {
					t.Errorf("it altered %q", got)
				}
				if route, err := w.plugin.Explain(w.db.Raw("SELECT * FROM " + subject.table)); err != nil || route.Key != subject.file {
					t.Errorf("the table is now in %q, %v: a copy made with Use is not its home", route.Key, err)
				}
			})
			t.Run(name+"/Use in a transaction", func(t *testing.T) {
				w := newEmptyWorld(t, known)
				if got := w.altered(func() {
					tx := w.db.Begin()
					run(w, tx.Clauses(bindkey.Use("archive")).Session(&gorm.Session{}))
					w.must(tx.Commit().Error)
				}); got != "archive" {
					t.Errorf("it altered %q", got)
				}
			})
		}
	}
}

// What names no table is asked of the default bind, of Use's, or of the bind
// that the field or index belongs to.
func TestMigratorWithoutTable(t *testing.T) {
	w := newEmptyWorld(t, worldConfig{options: []bindkey.Option{bindkey.Strict()}, gorm: gorm.Config{}})
	w.must(w.db.AutoMigrate(&MainThing{}, &AnalyticsThing{}))
	tables := func(db *gorm.DB) string {
		tables, err := db.Migrator().GetTables()
		return fmt.Sprint(tables, err)
	}
	analytics := w.db.Clauses(bindkey.Use("analytics")).Session(&gorm.Session{})
	if got, want := tables(w.db), "[main_things sqlite_sequence] <nil>"; got != want {
		t.Errorf("the default bind has %s", got)
	}
	if got, want := tables(analytics), "[analytics_things sqlite_sequence] <nil>"; got != want {
		t.Errorf("analytics has %s", got)
	}
	if _, err := w.db.Clauses(bindkey.Use("nowhere")).Migrator().GetTables(); !errors.Is(err, bindkey.ErrUnknownBind) {
		t.Errorf("Use of an unknown bind: %v", err)
	}
	if got := w.db.Migrator().CurrentDatabase(); got != "main" { // SQLite calls them all so
		t.Errorf("the database is %q", got)
	}
	if got := w.db.Migrator().GetTypeAliases("int"); got != nil { // SQLite has none
		t.Errorf("int is %q", got)
	}
	for _, model := range []any{&MainThing{}, &AnalyticsThing{}, &Team{}} {
		stmt := gorm.Statement{DB: w.db}
		w.must(stmt.Parse(model))
		if got := w.db.Migrator().FullDataTypeOf(stmt.Schema.LookUpField("Name")).SQL; got != "text" {
			t.Errorf("%T has names of type %q", model, got)
		}
		builder := w.db.Migrator().(gormmigrator.BuildIndexOptionsInterface)
		options := builder.BuildIndexOptions([]schema.IndexOption{{Field: stmt.Schema.LookUpField("Name"), Sort: "desc"}}, &stmt)
		if got := fmt.Sprint(options); got != "[{`name` desc [] false}]" {
			t.Errorf("%T has an index of %s", model, got)
		}
	}
}

// A name that is not known goes to the default bind, and is an error with
// Strict. A bool has none, so it is logged.
func TestMigratorUnknownTable(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%t", strict), func(t *testing.T) {
			log := &logs{}
			config := worldConfig{gorm: gorm.Config{Logger: log}}
			if strict {
				config.options = append(config.options, bindkey.Strict())
			}
			w := newEmptyWorld(t, config)
			w.must(w.plain["main"].Exec("CREATE TABLE strays (id integer)").Error)
			has := w.db.Migrator().HasTable("strays")
			_, err := w.db.Migrator().ColumnTypes("strays")
			if has == strict || errors.Is(err, bindkey.ErrUnbound) != strict || strings.Contains(log.String(), "error: ") != strict {
				t.Errorf("%t, %v; log: %s", has, err, log)
			}
			for call, err := range map[string]error{
				"DropTable": w.db.Migrator().DropTable("strays"), "AutoMigrate": w.db.AutoMigrate(&Team{}),
				"RenameTable": w.db.Migrator().RenameTable(&Team{}, "strays"),
			} {
				if errors.Is(err, bindkey.ErrUnbound) != strict || !strict && err != nil {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}

// logs is a logger that keeps what it is told.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) LogMode(logger.LogLevel) logger.Interface { return l }

func (l *logs) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, format+"\n", args...)
}

func (l *logs) Info(_ context.Context, format string, args ...any)  { l.add("info: "+format, args...) }
func (l *logs) Warn(_ context.Context, format string, args ...any)  { l.add("warn: "+format, args...) }
func (l *logs) Error(_ context.Context, format string, args ...any) { l.add("error: "+format, args...) }
func (l *logs) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	sql, _ := statement()
	l.add("sql: %s", sql)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// DryRun prints and changes nothing, and teaches no table.
func TestMigratorDryRun(t *testing.T) {
	w := newEmptyWorld(t, worldConfig{})
	dry := w.db.Session(&gorm.Session{DryRun: true})
	var printed string
	if got := w.altered(func() {
		printed = stdout(t, func() {
			for _, db := range []*gorm.DB{dry, w.db.Begin().Session(&gorm.Session{DryRun: true})} {
				w.must(db.AutoMigrate(&MainThing{}, &AnalyticsThing{}))
				w.must(db.Migrator().CreateTable(&AnalyticsThing{}))
				w.must(db.Migrator().DropTable(&AnalyticsThing{}))
				w.must(db.Migrator().RenameTable(&AnalyticsThing{}, "analytics_others"))
				w.must(db.Migrator().AddColumn(&AnalyticsThing{}, "Extra"))
				w.must(db.Migrator().CreateIndex(&AnalyticsThing{}, "Name"))
				w.must(db.Migrator().CreateView("some_things", gorm.ViewOption{Query: db.Model(&AnalyticsThing{})}))
				if tx, ok := db.Statement.ConnPool.(gorm.TxCommitter); ok {
					w.must(tx.Rollback())
				}
			}
		})
	}); got != "" {
		t.Errorf("it altered %q", got)
	}
	for _, want := range []string{"CREATE TABLE `main_things`", "CREATE TABLE `analytics_things`"} {
		if strings.Count(printed, want) != 2 {
			t.Errorf("it did not print %s: %s", want, printed)
		}
	}
	for _, table := range []string{"analytics_others", "some_things"} {
		if route, err := w.plugin.Explain(w.db.Table(table)); err != nil || route.Why != bindkey.ReasonDefault {
			t.Errorf("%s is known: %v, %v", table, route, err)
		}
	}
}

func stdout(t *testing.T, run func()) string {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	kept := os.Stdout
	os.Stdout = writer
	printed := make(chan string)
	go func() {
		all, _ := io.ReadAll(reader)
		printed <- string(all)
	}()
	defer func() { os.Stdout = kept }()
	run()
	_ = writer.Close()
	return <-printed
}

type AnalyticsEvent struct {
	_    struct{} `bind:"analytics"`
	ID   uint
	Text string `gorm:"index"`
}

// Table names another table for a model: it must not be one of another bind.
func TestMigratorTable(t *testing.T) {
	w := newEmptyWorld(t, worldConfig{options: []bindkey.Option{bindkey.Models(&MainThing{}, &AnalyticsThing{})}})
	if got := w.altered(func() {
		m := w.db.Table("things_2026").Migrator()
		w.must(m.CreateTable(&AnalyticsThing{}))
		w.must(w.db.Table("things_2027").AutoMigrate(&AnalyticsEvent{})) // GORM panics for a model that refers to itself
		w.must(w.db.Table("things_2027").AutoMigrate(&AnalyticsEvent{}))
		w.must(expectAll(m.HasTable(&AnalyticsThing{}), true, m.HasColumn(&AnalyticsThing{}, "Name"), true, w.db.Migrator().HasTable(&AnalyticsThing{}), false))
		w.must(m.DropColumn(&AnalyticsThing{}, "Extra"))
	}); got != "analytics" {
		t.Errorf("it altered %q", got)
	}
	if route, err := w.plugin.Explain(w.db.Raw("SELECT * FROM things_2026, things_2027")); err != nil || route.Key != "analytics" {
		t.Errorf("they are in %q, %v", route.Key, err)
	}
	var crossing *bindkey.CrossBindError
	if err := w.db.Table("main_things").Migrator().CreateTable(&AnalyticsThing{}); !errors.As(err, &crossing) {
		t.Errorf("main_things of a model of analytics: %v", err)
	}
}

// Views live where the tables of their query do, or in the bind of Use.
func TestMigratorViews(t *testing.T) {
	w := newEmptyWorld(t, worldConfig{options: []bindkey.Option{bindkey.Models(&MainThing{}, &AnalyticsThing{})}})
	w.must(w.db.AutoMigrate(&MainThing{}, &AnalyticsThing{}))
	m := w.db.Migrator()
	queries := map[string]*gorm.DB{
		"model":    w.db.Model(&AnalyticsThing{}).Where("extra > ?", 1),
		"table":    w.db.Table("analytics_things").Select("name"),
		"raw":      w.db.Raw("SELECT * FROM analytics_things WHERE name = ? OR name = @n", "it's", sql.Named("n", "n")),
		"subquery": w.db.Table("(?) AS x", w.db.Model(&AnalyticsThing{})),
	}
	for name, query := range queries {
		view := "view_" + name
		if got := w.altered(func() { w.must(m.CreateView(view, gorm.ViewOption{Query: query})) }); got != "analytics" {
			t.Errorf("%s: it altered %q", name, got)
		}
		var n int64
		w.must(w.db.Clauses(dbresolver.Write).Table(view).Count(&n).Error) // known now
		if got := w.altered(func() { w.must(m.DropView(view)) }); got != "analytics" {
			t.Errorf("%s: dropping it altered %q", name, got)
		}
		if got := w.altered(func() {
			tx := w.db.Begin()
			w.must(tx.Migrator().CreateView(view+"_tx", gorm.ViewOption{Query: query}))
			w.must(tx.Rollback().Error)
		}); got != "" {
			t.Errorf("%s: rolled back, it altered %q", name, got)
		}
	}
	if got := w.altered(func() {
		w.must(w.db.Clauses(bindkey.Use("archive")).Migrator().CreateView("view_use", gorm.ViewOption{Query: queries["model"]}))
	}); got != "archive" {
		t.Errorf("with Use, it altered %q", got)
	}
	for name, test := range map[string]struct {
		query *gorm.DB
		want  error
	}{
		"no query": {nil, gorm.ErrSubQueryRequired},
		"crossing": {w.db.Table("analytics_things").Joins("JOIN main_things ON true"), bindkey.ErrCrossBind},
		"unknown":  {w.db.Clauses(bindkey.Use("nowhere")).Model(&MainThing{}), bindkey.ErrUnknownBind},
	} {
		if err := m.CreateView("view_bad", gorm.ViewOption{Query: test.query}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A migrator stays on a connection that the application took, if that is the
// bind's, and refuses one that is another's.
func TestMigratorOnOwnConnections(t *testing.T) {
	w := newEmptyWorld(t, worldConfig{})
	pool, err := w.db.DB()
	w.must(err)
	pool.SetMaxOpenConns(1) // another connection would wait for ever
	w.must(w.db.Connection(func(tx *gorm.DB) error {
		if err := tx.AutoMigrate(&AnalyticsThing{}); !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("analytics on a connection of main: %v", err)
		}
		if tx.Migrator().HasTable(&AnalyticsThing{}) {
			t.Error("HasTable is true")
		}
		return tx.AutoMigrate(&MainThing{})
	}))
	own, err := pool.Begin()
	w.must(err)
	if got := w.altered(func() {
		tx := w.db.WithContext(context.Background()).Session(&gorm.Session{Initialized: true})
		tx.Statement.ConnPool = own
		w.must(tx.Migrator().DropTable(&MainThing{}))
		w.must(own.Rollback())
	}); got != "" {
		t.Errorf("it altered %q", got)
	}
	tx := w.db.Begin(&sql.TxOptions{ReadOnly: true})
	defer tx.Rollback()
	if err := tx.Migrator().DropTable(&MainThing{}); !errors.Is(err, bindkey.ErrReadOnly) {
		t.Errorf("in a read-only transaction: %v", err)
	}
}

type (
	crossAuthor struct {
		_     struct{} `bind:"main"`
		ID    uint
		Posts []crossPost `gorm:"foreignKey:AuthorID"`
		Image crossImage  `gorm:"polymorphic:Owner"`
		Likes []crossPost `gorm:"many2many:cross_likes"`
	}
	crossPost struct {
		_        struct{} `bind:"analytics"`
		ID       uint
		AuthorID uint
		Author   *crossAuthor
		ReplyID  *uint
		Reply    *crossPost
		Editor   *crossAuthor
		EditorID *uint
	}
	crossImage struct {
		_         struct{} `bind:"archive"`
		ID        uint
		OwnerID   uint
		OwnerType string
	}
)

// Foreign keys across binds can't be made one by one either. What exists is
// found, and dropped, where the table lives that has it.
func TestMigratorConstraintsAcross(t *testing.T) {
	w := newEmptyWorld(t, worldConfig{})
	w.must(w.db.AutoMigrate(&crossAuthor{}, &crossPost{}, &crossImage{}))
	m := w.db.Migrator()
	for name, model := range map[string]any{
		"Posts": &crossAuthor{}, "Editor": &crossPost{}, "fk_cross_posts_editor": &crossPost{},
	} {
		for call, change := range map[string]func(any, string) error{
			"CreateConstraint": m.CreateConstraint, "DropConstraint": m.DropConstraint,
			"DropConstraint in DryRun": w.db.Session(&gorm.Session{DryRun: true}).Migrator().DropConstraint,
		} {
			var crossing *bindkey.CrossBindError
			if got := w.altered(func() {
				if err := change(model, name); !errors.As(err, &crossing) {
					t.Errorf("%s(%T, %s): %v", call, model, name, err)
				}
			}); got != "" || m.HasConstraint(model, name) {
				t.Errorf("%s(%T, %s) altered %q", call, model, name, got)
			}
		}
	}
	if !m.HasConstraint(&crossPost{}, "Reply") || !m.HasConstraint("cross_likes", "fk_cross_likes_cross_author") {
		t.Error("foreign keys inside a bind are missing")
	}
	// A database that was made without the plugin, with rows of both.
	for _, name := range []string{"Posts", "Editor"} {
		w.must(w.plain["analytics"].Migrator().CreateConstraint(map[string]any{"Posts": &crossAuthor{}, "Editor": &crossPost{}}[name], name))
	}
	if got := w.altered(func() {
		if !m.HasConstraint(&crossAuthor{}, "Posts") || !m.HasConstraint(&crossPost{}, "Editor") {
			t.Error("foreign keys across are not found")
		}
		w.must(m.DropConstraint(&crossAuthor{}, "Posts"))
		w.must(m.DropConstraint(&crossPost{}, "Editor"))
	}); got != "analytics" {
		t.Errorf("dropping them altered %q", got)
	}
	if ddl := w.ddl("analytics"); strings.Contains(ddl, "cross_authors") {
		t.Errorf("foreign keys across are left: %s", ddl)
	}
}
