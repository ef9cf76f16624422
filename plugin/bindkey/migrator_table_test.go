package bindkey_test

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	gormmigrator "gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

type (
	// Session has no key. Its table web_sessions is one of analytics.
	Session struct {
		ID      uint
		Name    string `gorm:"size:40;index:idx_session;check:session_named,name <> ''"`
		Code    string `gorm:"size:20;unique"`
		Extra   int    `gorm:"default:7"`
		OwnerID *uint
		Owner   *sessionOwner
		Hits    []sessionHit `gorm:"foreignKey:SessionID"`
	}
	sessionOwner struct {
		_  struct{} `bind:"main"`
		ID uint
	}
	sessionHit struct {
		_         struct{} `bind:"archive"`
		ID        uint
		SessionID uint
	}
	// replySession has no key, and refers to its model's own table, in main.
	replySession struct {
		ID      uint
		ReplyID *uint
		Reply   *replySession
	}
)

// tableMigratorSteps are the methods of gorm.Migrator that go by the model and
// the table that Table(…) names for it; later steps need the earlier.
var tableMigratorSteps = []struct {
	name string
	run  func(m gorm.Migrator) error
}{
	{"AutoMigrate", func(m gorm.Migrator) error { return m.AutoMigrate(&Session{}) }},
	{"HasTable", func(m gorm.Migrator) error { return expectAll(m.HasTable(&Session{}), true) }},
	{"DropTable", func(m gorm.Migrator) error {
		return errors.Join(m.DropTable(&Session{}), expectAll(m.HasTable(&Session{}), false))
	}},
	{"CreateTable", func(m gorm.Migrator) error {
		return errors.Join(m.CreateTable(&Session{}), expectAll(m.HasTable(&Session{}), true))
	}},
	{"AutoMigrate again", func(m gorm.Migrator) error { return m.AutoMigrate(&Session{}) }},
	{"HasColumn", func(m gorm.Migrator) error {
		return expectAll(m.HasColumn(&Session{}, "Extra"), true, m.HasColumn(&Session{}, "wrong"), false)
	}},
	{"DropColumn", func(m gorm.Migrator) error {
		return errors.Join(m.DropColumn(&Session{}, "Extra"), expectAll(m.HasColumn(&Session{}, "Extra"), false))
	}},
	{"AddColumn", func(m gorm.Migrator) error {
		return errors.Join(m.AddColumn(&Session{}, "Extra"), expectAll(m.HasColumn(&Session{}, "Extra"), true))
	}},
	{"AlterColumn", func(m gorm.Migrator) error { return m.AlterColumn(&Session{}, "Extra") }},
	{"RenameColumn", func(m gorm.Migrator) error {
		err := m.RenameColumn(&Session{}, "Extra", "surplus")
		return errors.Join(err, expectAll(m.HasColumn(&Session{}, "surplus"), true), m.RenameColumn(&Session{}, "surplus", "extra"))
	}},
	{"ColumnTypes", func(m gorm.Migrator) error {
		types, err := m.ColumnTypes(&Session{})
		return errors.Join(err, expectAll(len(types), 5))
	}},
	{"MigrateColumn", func(m gorm.Migrator) error {
		types, err := m.ColumnTypes(&Session{})
		s, err2 := schema.Parse(&Session{}, &schemas, schema.NamingStrategy{})
		err = errors.Join(err, err2)
		for _, columnType := range types {
			field := s.LookUpField(columnType.Name())
			err = errors.Join(err, m.MigrateColumn(&Session{}, field, columnType), m.MigrateColumnUnique(&Session{}, field, columnType))
		}
		return err
	}},
	{"constraints", func(m gorm.Migrator) error {
		had := m.HasConstraint(&Session{}, "session_named")
		err := m.DropConstraint(&Session{}, "session_named")
		dropped := m.HasConstraint(&Session{}, "session_named")
		return errors.Join(err, m.CreateConstraint(&Session{}, "session_named"),
			expectAll(had, true, dropped, false, m.HasConstraint(&Session{}, "session_named"), true))
	}},
	{"indexes", func(m gorm.Migrator) error {
		err := m.AutoMigrate(&Session{}) // SQLite has lost it, when it made the table anew
		had := m.HasIndex(&Session{}, "Name")
		err = errors.Join(err, m.DropIndex(&Session{}, "Name"))
		dropped := m.HasIndex(&Session{}, "Name")
		err = errors.Join(err, m.CreateIndex(&Session{}, "Name"), m.RenameIndex(&Session{}, "idx_session", "idx_other"), m.RenameIndex(&Session{}, "idx_other", "idx_session"))
		indexes, err2 := m.GetIndexes(&Session{})
		return errors.Join(err, err2, expectAll(had, true, dropped, false, m.HasIndex(&Session{}, "Name"), true, len(indexes), 1))
	}},
	{"TableType", func(m gorm.Migrator) error {
		_, err := m.TableType(&Session{})
		return expectAll(fmt.Sprint(err), "not support") // by SQLite's migrator
	}},
	{"FullDataTypeOf", func(m gorm.Migrator) error {
		s, err := schema.Parse(&Session{}, &schemas, schema.NamingStrategy{})
		return errors.Join(err, expectAll(m.FullDataTypeOf(s.LookUpField("Name")).SQL, "text"))
	}},
	{"BuildIndexOptions", func(m gorm.Migrator) error {
		s, err := schema.Parse(&Session{}, &schemas, schema.NamingStrategy{})
		options := m.(gormmigrator.BuildIndexOptionsInterface).BuildIndexOptions([]schema.IndexOption{{Field: s.LookUpField("Name")}},
			&gorm.Statement{DB: &gorm.DB{Config: &gorm.Config{Dialector: sqlite.Dialector{}}}, Schema: s})
		return errors.Join(err, expectAll(fmt.Sprint(options), "[{`name` [] false}]"))
	}},
	{"GetTables", func(m gorm.Migrator) error {
		tables, err := m.GetTables()
		sort.Strings(tables)
		return errors.Join(err, expectAll(fmt.Sprint(tables), "[sqlite_sequence web_sessions]"))
	}},
	{"CurrentDatabase", func(m gorm.Migrator) error { return expectAll(m.CurrentDatabase(), "main") }}, // SQLite calls them all so
	{"RenameTable", func(m gorm.Migrator) error {
		err := m.RenameTable("web_sessions", "web_sessions_old")
		return errors.Join(err, expectAll(m.HasTable(&Session{}), false), m.RenameTable("web_sessions_old", "web_sessions"))
	}},
}

// newSessions is an empty world where web_sessions is a table of analytics. The
// other databases have one, too, which answers otherwise.
func newSessions(t *testing.T, options ...bindkey.Option) (*world, *logs) {
	t.Helper()
	log := &logs{}
	w := newEmptyWorld(t, worldConfig{options: options, gorm: gorm.Config{Logger: log}, install: func(w *world) {
		w.plugin.
			Register("main", dbresolver.Config{}, "reports").
			Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("analytics")}}, "web_sessions", "reports").
			Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
	}})
	for _, file := range []string{"main", "archive"} {
		w.must(w.plain[file].Exec("CREATE TABLE web_sessions (wrong integer)").Error)
	}
	return w, log
}

// A model without a key says nothing of a table that is known: every method of a
// migrator goes to the table's bind, also with Strict.
func TestMigratorOfAKnownTable(t *testing.T) {
	run := func(w *world, db *gorm.DB) {
		w.Helper()
		for _, step := range tableMigratorSteps {
			if err := step.run(db.Table("web_sessions").Migrator()); err != nil {
				w.Errorf("%s: %v", step.name, err)
			}
		}
	}
	for _, options := range [][]bindkey.Option{nil, {bindkey.Strict()}} {
		strict := fmt.Sprintf("strict=%t", len(options) > 0)
		newSessions := func(t *testing.T) (*world, *logs) { return newSessions(t, options...) }
		t.Run(strict, func(t *testing.T) {
			w, log := newSessions(t)
			if got := w.altered(func() { run(w, w.db) }); got != "analytics" {
				t.Errorf("it altered %q", got)
			}
			if strings.Contains(log.String(), "error: ") {
				t.Errorf("log: %s", log)
			}
		})
		t.Run(strict+"/committed", func(t *testing.T) {
			w, _ := newSessions(t)
			if got := w.altered(func() {
				w.must(w.db.Transaction(func(tx *gorm.DB) error { run(w, tx); return nil }))
			}); got != "analytics" {
				t.Errorf("it altered %q", got)
			}
		})
		t.Run(strict+"/rolled back", func(t *testing.T) {
			w, _ := newSessions(t)
			if got := w.altered(func() {
				tx := w.db.Begin()
				run(w, tx)
				w.must(tx.Rollback().Error)
			}); got != "" {
				t.Errorf("it altered %q", got)
			}
		})
		t.Run(strict+"/DryRun", func(t *testing.T) {
			w, _ := newSessions(t)
			w.must(w.db.Table("web_sessions").AutoMigrate(&Session{}))
			dry := w.db.Session(&gorm.Session{DryRun: true})
			if got := w.altered(func() {
				printed := stdout(t, func() {
					w.must(dry.Table("web_sessions").AutoMigrate(&Session{}))
				})
				if strings.Contains(printed, "TABLE") {
					t.Errorf("there is a table, and it prints %s", printed)
				}
				m := func() gorm.Migrator { return dry.Table("web_sessions").Migrator() }
				for name, err := range map[string]error{
					"CreateTable": m().CreateTable(&Session{}), "DropTable": m().DropTable(&Session{}), "AddColumn": m().AddColumn(&Session{}, "Extra"),
					"RenameColumn": m().RenameColumn(&Session{}, "Extra", "surplus"), "CreateIndex": m().CreateIndex(&Session{}, "Name"),
					"DropIndex": m().DropIndex(&Session{}, "Name"), "RenameTable": m().RenameTable("web_sessions", "web_sessions_old"),
				} {
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}); got != "" {
				t.Errorf("it altered %q", got)
			}
		})
	}
}

// What Table says of a model, weighed as in statements.
func TestMigratorWeighsTable(t *testing.T) {
	w, _ := newSessions(t)
	if got := w.altered(func() { w.must(w.db.Table("sessions_2026").AutoMigrate(&Team{})) }); got != "main" {
		t.Errorf("an unknown name of a model without a key: altered %q", got)
	}
	if got := w.altered(func() { w.must(w.db.Table("Web_Sessions").Migrator().DropTable(&Session{})) }); got != "" {
		t.Errorf("analytics has no table yet: altered %q", got)
	}
	var crossing *bindkey.CrossBindError
	if err := w.db.Table("web_sessions").AutoMigrate(&sessionOwner{}); !errors.As(err, &crossing) {
		t.Errorf("a table of analytics for a model of main: %v", err)
	}
	if got := w.altered(func() { w.must(w.db.Table("reports").AutoMigrate(&sessionOwner{})) }); got != "main" {
		t.Errorf("a name of two binds, with a model that has a key: altered %q", got)
	}
	var ambiguous *bindkey.AmbiguousTableError
	if err := w.db.Table("reports").AutoMigrate(&Session{}); !errors.As(err, &ambiguous) {
		t.Errorf("a name of two binds: %v", err)
	}
	if got := w.altered(func() {
		w.must(w.db.Clauses(bindkey.Use("archive")).Table("web_sessions").Migrator().DropTable(&Session{}))
	}); got != "archive" {
		t.Errorf("with Use: altered %q", got)
	}
	// GORM renames a model's own table, whatever Table says.
	w.must(w.plain["main"].Exec("CREATE TABLE sessions (id integer)").Error)
	if got := w.altered(func() { w.must(w.db.Table("web_sessions").Migrator().RenameTable(&Session{}, "sessions_old")) }); got != "main" {
		t.Errorf("RenameTable: altered %q", got)
	}

	strict, log := newSessions(t, bindkey.Strict())
	if err := strict.db.Table("sessions_2026").AutoMigrate(&Team{}); !errors.Is(err, bindkey.ErrUnbound) {
		t.Errorf("Strict, an unknown name: %v", err)
	}
	if strict.db.Table("sessions_2026").Migrator().HasTable(&Team{}) || !strings.Contains(log.String(), "error: ") {
		t.Errorf("Strict, HasTable of an unknown name: log %s", log)
	}
}

// Foreign keys of a table that Table names are those of the table's bind: its
// relations are to tables of other binds, whatever the bind of the model's own
// table is.
func TestForeignKeysOfAKnownTable(t *testing.T) {
	for name, migrate := range map[string]func(*gorm.DB) error{
		"AutoMigrate": func(db *gorm.DB) error { return db.AutoMigrate(&Session{}) },
		"CreateTable": func(db *gorm.DB) error { return db.Migrator().CreateTable(&Session{}) },
		"with Use": func(db *gorm.DB) error {
			return db.Clauses(bindkey.Use("analytics")).Migrator().CreateTable(&Session{})
		},
		"transaction": func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.AutoMigrate(&Session{}) })
		},
		"its own next": func(db *gorm.DB) error {
			return errors.Join(db.AutoMigrate(&Session{}), db.Session(&gorm.Session{NewDB: true}).AutoMigrate(&sessionHit{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, log := newSessions(t)
			w.must(migrate(w.db.Table("web_sessions").Session(&gorm.Session{})))
			if ddl := w.ddl("analytics"); !strings.Contains(ddl, "web_sessions") || strings.Contains(ddl, "FOREIGN KEY") || strings.Contains(ddl, "session_owners") {
				t.Errorf("analytics has %s", ddl)
			}
			if ddl := w.ddl("archive"); strings.Contains(ddl, "FOREIGN KEY") {
				t.Errorf("archive has %s", ddl)
			}
			told := `left out the foreign key fk_web_sessions_owner from web_sessions(owner_id) in "analytics" to session_owners(id) in "main"`
			if strings.Count(log.String(), told) != 1 {
				t.Errorf("it told not: %s; but %s", told, log)
			}
			if strings.Contains(log.String(), "from sessions(") {
				t.Errorf("it told of the model's own table: %s", log)
			}
			var crossing *bindkey.CrossBindError
			if err := w.db.Table("web_sessions").Migrator().CreateConstraint(&Session{}, "Owner"); !errors.As(err, &crossing) {
				t.Errorf("CreateConstraint: %v", err)
			}
		})
	}
	t.Run("its own table", func(t *testing.T) {
		w, log := newSessions(t)
		w.must(w.db.Table("web_sessions").AutoMigrate(&replySession{}))
		w.must(w.db.AutoMigrate(&replySession{}))
		if ddl := w.ddl("analytics"); !strings.Contains(ddl, "reply_id") || strings.Contains(ddl, "FOREIGN KEY") {
			t.Errorf("analytics has %s", ddl)
		}
		if ddl := w.ddl("main"); !strings.Contains(ddl, "CONSTRAINT `fk_reply_sessions_reply` FOREIGN KEY") {
			t.Errorf("main has %s", ddl)
		}
		if told := `from web_sessions(reply_id) in "analytics" to reply_sessions(id) in "main"`; !strings.Contains(log.String(), told) {
			t.Errorf("it told not: %s; but %s", told, log)
		}
	})
}
