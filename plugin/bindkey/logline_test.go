package bindkey_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

type (
	lineUser struct {
		ID     uint
		Name   string `gorm:"index;check:line_user_named,name <> ''"`
		TeamID *uint
		Team   *lineTeam
		Posts  []linePost `gorm:"foreignKey:UserID"`
		Tags   []lineTag  `gorm:"many2many:line_user_tags"`
	}
	lineTeam struct {
		ID      uint
		Name    string
		Sponsor *lineSponsor `gorm:"foreignKey:TeamID"`
	}
	lineSponsor struct {
		ID     uint
		TeamID uint
	}
	linePost struct {
		ID       uint
		UserID   uint
		Comments []lineComment `gorm:"foreignKey:PostID"`
	}
	lineComment struct {
		ID     uint
		PostID uint
	}
	lineTag struct {
		ID   uint
		Name string
	}
	// lineAudit writes in its hooks.
	lineAudit struct {
		ID   uint
		Text string
	}
)

func (*lineAudit) BeforeCreate(tx *gorm.DB) error {
	return tx.Create(&lineTag{Name: "before"}).Error
}

func (*lineAudit) AfterCreate(tx *gorm.DB) error {
	return tx.Create(&lineTeam{Name: "after", Sponsor: &lineSponsor{}}).Error
}

func (*lineAudit) AfterDelete(tx *gorm.DB) error {
	return tx.Where("name = ?", "before").Delete(&lineTag{}).Error
}

// lineSteps are a program: each runs on a plain handle and on routed ones, from
// the same line. Later steps need the earlier.
var lineSteps = []struct {
	name string
	run  func(*gorm.DB) error
}{
	{"AutoMigrate", func(db *gorm.DB) error {
		return db.AutoMigrate(&lineUser{}, &lineTeam{}, &lineSponsor{}, &linePost{}, &lineComment{}, &lineTag{}, &lineAudit{})
	}},
	{"AutoMigrate again", func(db *gorm.DB) error { return db.AutoMigrate(&lineTeam{}, &lineTag{}, &lineUser{}) }},
	{"Migrator().AutoMigrate", func(db *gorm.DB) error { return db.Migrator().AutoMigrate(&lineTeam{}, &lineTag{}) }},
	{"HasTable", func(db *gorm.DB) error {
		return expectAll(db.Migrator().HasTable(&lineTag{}), true, db.Migrator().HasTable("line_teams"), true)
	}},
	{"HasColumn", func(db *gorm.DB) error { return expectAll(db.Migrator().HasColumn(&lineTag{}, "Name"), true) }},
	{"DropColumn", func(db *gorm.DB) error { return db.Migrator().DropColumn(&lineTag{}, "Name") }},
	{"AddColumn", func(db *gorm.DB) error { return db.Migrator().AddColumn(&lineTag{}, "Name") }},
	{"AlterColumn", func(db *gorm.DB) error { return db.Migrator().AlterColumn(&lineTag{}, "Name") }},
	{"RenameColumn", func(db *gorm.DB) error {
		if err := db.Migrator().RenameColumn(&lineTag{}, "name", "title"); err != nil {
			return err
		}
		return db.Migrator().RenameColumn(&lineTag{}, "title", "name")
	}},
	{"ColumnTypes", func(db *gorm.DB) error { _, err := db.Migrator().ColumnTypes(&lineTag{}); return err }},
	{"constraints", func(db *gorm.DB) error {
		m := db.Migrator()
		if err := m.DropConstraint(&lineUser{}, "line_user_named"); err != nil {
			return err
		}
		if err := m.CreateConstraint(&lineUser{}, "line_user_named"); err != nil {
			return err
		}
		return expectAll(m.HasConstraint(&lineUser{}, "line_user_named"), true)
	}},
	{"indexes", func(db *gorm.DB) error {
		m := db.Migrator()
		if !m.HasIndex(&lineUser{}, "Name") { // SQLite has lost it, when it made the table anew
			if err := m.CreateIndex(&lineUser{}, "Name"); err != nil {
				return err
			}
		}
		if err := m.RenameIndex(&lineUser{}, "idx_line_users_name", "idx_other"); err != nil {
			return err
		}
		if _, err := m.GetIndexes(&lineUser{}); err != nil {
			return err
		}
		return m.DropIndex("line_users", "idx_other")
	}},
	{"GetTables", func(db *gorm.DB) error { _, err := db.Migrator().GetTables(); return err }},
	{"CurrentDatabase", func(db *gorm.DB) error { return expectAll(db.Migrator().CurrentDatabase(), "main") }},
	{"DropTable", func(db *gorm.DB) error { return db.Migrator().DropTable(&lineComment{}) }},
	{"CreateTable", func(db *gorm.DB) error { return db.Migrator().CreateTable(&lineComment{}) }},
	{"RenameTable", func(db *gorm.DB) error {
		if err := db.Migrator().RenameTable(&lineComment{}, "line_renamed"); err != nil {
			return err
		}
		return db.Migrator().RenameTable("line_renamed", &lineComment{})
	}},
	{"views", func(db *gorm.DB) error {
		if err := db.Migrator().CreateView("line_view", gorm.ViewOption{Query: db.Model(&lineTag{})}); err != nil {
			return err
		}
		return db.Migrator().DropView("line_view")
	}},
	{"migrator in a transaction", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			if err := tx.AutoMigrate(&lineTag{}); err != nil {
				return err
			}
			return tx.Migrator().AlterColumn(&lineTag{}, "Name")
		})
	}},
	{"Create", func(db *gorm.DB) error { return db.Create(&lineTag{Name: "t"}).Error }},
	{"belongs to", func(db *gorm.DB) error { return db.Create(&lineUser{Name: "u", Team: &lineTeam{}}).Error }},
	{"has many", func(db *gorm.DB) error { return db.Create(&lineUser{Name: "u", Posts: []linePost{{}, {}}}).Error }},
	{"many2many", func(db *gorm.DB) error { return db.Create(&lineUser{Name: "u", Tags: []lineTag{{}, {}}}).Error }},
	{"nested has many", func(db *gorm.DB) error {
		return db.Create(&lineUser{Name: "u", Posts: []linePost{{Comments: []lineComment{{}}}}}).Error
	}},
	{"nested belongs to", func(db *gorm.DB) error {
		return db.Create(&lineUser{Name: "u", Team: &lineTeam{Sponsor: &lineSponsor{}}}).Error
	}},
	{"Save", func(db *gorm.DB) error {
		return db.Session(&gorm.Session{FullSaveAssociations: true}).Save(&lineUser{ID: 1, Name: "v", Team: &lineTeam{ID: 1}, Posts: []linePost{{ID: 1}}}).Error
	}},
	{"Updates", func(db *gorm.DB) error {
		return db.Model(&lineUser{ID: 1}).Updates(lineUser{Name: "w", Posts: []linePost{{}}}).Error
	}},
	{"hooks", func(db *gorm.DB) error { return db.Create(&lineAudit{Text: "a"}).Error }},
	{"hook of Delete", func(db *gorm.DB) error { return db.Delete(&lineAudit{ID: 1}).Error }},
	{"CreateInBatches", func(db *gorm.DB) error {
		return db.CreateInBatches([]lineUser{{Name: "a", Posts: []linePost{{}}}, {Name: "b", Tags: []lineTag{{}}}, {Name: "c", Team: &lineTeam{}}}, 2).Error
	}},
	{"Preload", func(db *gorm.DB) error { return db.Preload("Posts.Comments").Preload("Tags").Find(&[]lineUser{}).Error }},
	{"Association", func(db *gorm.DB) error {
		if err := db.Model(&lineUser{ID: 1}).Association("Posts").Append(&linePost{}); err != nil {
			return err
		}
		return db.Model(&lineUser{ID: 1}).Association("Tags").Replace(&lineTag{})
	}},
	{"Delete with associations", func(db *gorm.DB) error {
		return db.Select("Posts", "Tags").Delete(&lineUser{ID: 1}).Error
	}},
	{"Delete with all associations", func(db *gorm.DB) error {
		return db.Select(clause.Associations).Delete(&lineUser{ID: 2}).Error
	}},
	{"savepoints", func(db *gorm.DB) error {
		tx := db.Begin()
		tx.Create(&lineUser{Name: "u", Posts: []linePost{{}}})
		tx.SavePoint("a")
		tx.Create(&linePost{})
		tx.RollbackTo("a")
		return tx.Commit().Error
	}},
	{"nested transactions", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&lineUser{Name: "u", Posts: []linePost{{}}}).Error; err != nil {
				return err
			}
			_ = tx.Transaction(func(tx *gorm.DB) error {
				return fmt.Errorf("undone: %w", tx.Create(&linePost{}).Error)
			})
			return tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&lineTag{}).Error })
		})
	}},
	{"raw SQL", func(db *gorm.DB) error { return db.Exec("UPDATE line_tags SET name = ''").Error }},
	{"an error", func(db *gorm.DB) error { db.First(&lineTag{}, 1000); return nil }},
}

// A lineLog is a writer of GORM's logger: it keeps the line of the program that
// each entry names.
type lineLog struct {
	mu    sync.Mutex
	lines []string
	texts []string
}

func (l *lineLog) Printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, filepath.Base(args[0].(string)))
	l.texts = append(l.texts, fmt.Sprintf(format, args...))
}

func (l *lineLog) taken() (lines, texts []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines, texts, l.lines, l.texts = l.lines, l.texts, nil, nil
	return lines, texts
}

func openLogged(t *testing.T) (*gorm.DB, *lineLog) {
	t.Helper()
	log := &lineLog{}
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.New(log, logger.Config{LogLevel: logger.Info})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDB(db) })
	return db, log
}

func useTwoBinds(t *testing.T, db *gorm.DB, options ...bindkey.Option) {
	t.Helper()
	plugin := bindkey.New(options...).Register("analytics", dbresolver.Config{
		Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(t.TempDir(), "analytics.db"))},
	}, &linePost{}, &lineComment{}, &lineTag{})
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plugin.Close() })
}

// GORM's log names the program's line, and not one of the plugin: the same as on
// a plain handle.
func TestLogLines(t *testing.T) {
	for name, install := range map[string]func(*testing.T, *gorm.DB){
		"one bind": func(t *testing.T, db *gorm.DB) {
			if err := db.Use(bindkey.New().Register("main", dbresolver.Config{})); err != nil {
				t.Fatal(err)
			}
		},
		"two binds":           func(t *testing.T, db *gorm.DB) { useTwoBinds(t, db) },
		"two binds, LogBinds": func(t *testing.T, db *gorm.DB) { useTwoBinds(t, db, bindkey.LogBinds()) },
	} {
		t.Run(name, func(t *testing.T) {
			plain, plainLog := openLogged(t)
			routed, routedLog := openLogged(t)
			install(t, routed)
			for _, db := range []*gorm.DB{plain, routed} {
				db.Exec("PRAGMA synchronous = OFF")
			}
			plainLog.taken()
			routedLog.taken()
			for _, step := range lineSteps {
				for _, db := range []*gorm.DB{plain, routed} {
					if err := step.run(db); err != nil {
						t.Fatalf("%s: %v", step.name, err)
					}
				}
				want, _ := plainLog.taken()
				got, texts := routedLog.taken()
				same := fmt.Sprint(distinct(want)) == fmt.Sprint(distinct(got))
				if name == "one bind" {
					same = fmt.Sprint(want) == fmt.Sprint(got)
				}
				if !same || len(want) == 0 {
					t.Errorf("%s: the lines are %q, want %q: %s", step.name, got, want, strings.Join(texts, "\n"))
				}
			}
		})
	}
}

func distinct(lines []string) []string {
	seen := map[string]bool{}
	for _, line := range lines {
		seen[line] = true
	}
	found := make([]string, 0, len(seen))
	for line := range seen {
		found = append(found, line)
	}
	sort.Strings(found)
	return found
}

// What the plugin itself has to say of a call of the migrator names the
// program's line, too.
func TestLogLinesOfThePlugin(t *testing.T) {
	db, log := openLogged(t)
	plugin := bindkey.New(bindkey.Strict()).Register("main", dbresolver.Config{}, &lineUser{}, &lineTeam{}, &lineSponsor{}).Register("analytics", dbresolver.Config{
		Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(t.TempDir(), "analytics.db"))},
	}, &linePost{}, &lineComment{}, &lineTag{})
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plugin.Close() })
	ctx, analytics := context.Background(), []string{"analytics"}
	for _, test := range []struct {
		name string
		run  func() string // the line it is in
		told string
	}{
		{"AutoMigrate", func() string { _ = db.AutoMigrate(&lineUser{}); return here() }, "left out"},
		{"Plugin.AutoMigrate", func() string { _ = plugin.AutoMigrate(ctx, analytics, &linePost{}); return here() }, "left out"},
		{"CreateTable", func() string { _ = db.Migrator().CreateTable(&linePost{}); return here() }, "left out"},
		{"HasTable", func() string { db.Migrator().HasTable("strangers"); return here() }, "[error]"},
		{"HasColumn", func() string { db.Migrator().HasColumn("strangers", "id"); return here() }, "[error]"},
		{"HasIndex", func() string { db.Migrator().HasIndex("strangers", "id"); return here() }, "[error]"},
		{"HasConstraint", func() string { db.Migrator().HasConstraint("strangers", "id"); return here() }, "[error]"},
		{"CurrentDatabase", func() string { db.Clauses(bindkey.Use("nowhere")).Migrator().CurrentDatabase(); return here() }, "[error]"},
	} {
		log.taken()
		want := test.run()
		lines, texts := log.taken()
		if got := fmt.Sprint(distinct(lines)); got != "["+want+"]" || !strings.Contains(strings.Join(texts, "\n"), test.told) {
			t.Errorf("%s: the lines are %s, want %s: %s", test.name, got, want, strings.Join(texts, "\n"))
		}
	}
}

// here is the file and line of its caller.
func here() string {
	_, file, line, _ := runtime.Caller(1)
	return fmt.Sprintf("%s:%d", filepath.Base(file), line)
}
