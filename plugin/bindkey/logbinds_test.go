package bindkey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

var (
	logMarks = regexp.MustCompile(`\[[^\]]*\] (?:SELECT|INSERT|UPDATE|DELETE|CREATE|SAVEPOINT|ROLLBACK|--)`)
	colours  = regexp.MustCompile(`\x1b\[[0-9;]*m`)
)

// marks are what stands before the SQL in a log: "[main source] SELECT", …
func marksOf(texts []string) string {
	var found []string
	for _, text := range texts {
		found = append(found, logMarks.FindAllString(colours.ReplaceAllString(text, ""), -1)...)
	}
	return strings.Join(found, ", ")
}

var bindsLogged = []struct {
	name string
	run  func(db *gorm.DB)
	want string
}{
	{"First", func(db *gorm.DB) { db.First(&LogEntry{}) }, "[analytics replica] SELECT"},
	{"Scan", func(db *gorm.DB) { db.Raw("SELECT id FROM notes").Scan(&[]uint{}) }, "[archive source] SELECT"},
	{"Rows", func(db *gorm.DB) {
		if rows, err := db.Model(&Note{}).Rows(); err == nil {
			_ = rows.Close()
		}
	}, "[archive source] SELECT"},
	{"Preload", func(db *gorm.DB) { db.Preload("Notes").Find(&[]User{}) }, "[archive source] SELECT, [main replica] SELECT"},
	{"Create", func(db *gorm.DB) { db.Create(&User{Logs: []LogEntry{{}}}) }, "[analytics source] INSERT, [main source] INSERT"},
	{"Exec", func(db *gorm.DB) { db.Exec("UPDATE notes SET text = ?", "[x]") }, "[archive source] UPDATE"},
	{"Use", func(db *gorm.DB) { db.Clauses(bindkey.Use("archive")).Delete(&Team{ID: 3}) }, "[archive source] DELETE"},
	{"an error", func(db *gorm.DB) { db.Exec("UPDATE notes SET nothing = 1") }, "[archive source] UPDATE"},
	{"a refused preload", func(db *gorm.DB) {
		db.Preload("Logs", "id IN (?)", db.Model(&Note{}).Select("id")).Find(&[]User{})
	}, "[rows:0] SELECT, [main replica] SELECT"},
	{"refused by its route", func(db *gorm.DB) { db.Clauses(bindkey.Use("nowhere")).Find(&[]User{}) }, "[rows:0] --"},
	{"a transaction", func(db *gorm.DB) {
		_ = db.Transaction(func(tx *gorm.DB) error {
			tx.Create(&Note{})
			_ = tx.Transaction(func(tx *gorm.DB) error {
				tx.Create(&LogEntry{})
				return context.Canceled
			})
			return nil
		})
	}, "[archive source] INSERT, [archive source] SAVEPOINT, [analytics source] INSERT, [archive source] ROLLBACK"},
	{"Migrator", func(db *gorm.DB) { db.Migrator().HasTable(&Note{}) }, "[archive source] SELECT"},
	{"Migrator, which scans", func(db *gorm.DB) { _, _ = db.Migrator().ColumnTypes(&Note{}) }, "[archive source] SELECT, [archive source] SELECT"},
	{"Association", func(db *gorm.DB) { _ = db.Model(&User{ID: 1}).Association("Tags").Find(&[]Tag{}) }, "[main replica] SELECT, [analytics replica] SELECT"},
	{"Debug", func(db *gorm.DB) { db.Debug().First(&Team{}) }, "[main replica] SELECT"},
	{"subquery", func(db *gorm.DB) { db.Where("id IN (?)", db.Model(&Note{}).Select("id")).Find(&[]Note{}) }, "[archive source] SELECT"},
	{"PrepareStmt", func(db *gorm.DB) { db.Session(&gorm.Session{PrepareStmt: true}).Create(&Note{}) }, "[archive source] INSERT"},
}

// GORM's default logger tells the bind and role before the SQL, with colour and without,
// also where a session brings it.
func TestLogBinds(t *testing.T) {
	for name, colour := range map[string]bool{"plain": false, "colour": true} {
		for _, session := range []bool{false, true} {
			log := &lineLog{}
			texts := logger.New(log, logger.Config{LogLevel: logger.Info, Colorful: colour})
			config := worldConfig{gorm: gorm.Config{Logger: texts}, options: []bindkey.Option{bindkey.LogBinds()}}
			if session {
				config.gorm.Logger = logger.Default.LogMode(logger.Silent)
			}
			w := newWorld(t, config)
			db := w.db
			if session {
				db = db.Session(&gorm.Session{Logger: texts})
			}
			log.taken()
			for _, c := range bindsLogged {
				c.run(db)
				if _, texts := log.taken(); marksOf(texts) != c.want {
					t.Errorf("%s, session %v, %s: %s\nwant %s: %q", name, session, c.name, marksOf(texts), c.want, texts)
				}
			}
		}
	}
}

// A slog line, as JSON.
type slogLine struct {
	Level string
	Msg   string
	Bind  string
	Role  string
	Tx    uint64
	Trace struct{ SQL string }
}

// slogLines is a slog logger's output, by line. Several goroutines may log.
type slogLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *slogLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *slogLines) taken(t *testing.T) (lines []slogLine) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for decoder := json.NewDecoder(&l.text); decoder.More(); {
		var line slogLine
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	l.text.Reset()
	return lines
}

func slogTo(out *slogLines) logger.Interface {
	return logger.NewSlogLogger(slog.New(slog.NewJSONHandler(out, nil)), logger.Config{LogLevel: logger.Info})
}

// GORM's slog logger has bind, role and tx as attributes.
func TestLogBindsWithSlog(t *testing.T) {
	for _, session := range []bool{false, true} {
		out := &slogLines{}
		l := slogTo(out)
		config := worldConfig{gorm: gorm.Config{Logger: l}, options: []bindkey.Option{bindkey.LogBinds()}}
		if session {
			config.gorm.Logger = nil // discards
		}
		w := newWorld(t, config)
		db := w.db
		if session {
			db = db.Session(&gorm.Session{Logger: l})
		}
		out.taken(t)
		for _, c := range bindsLogged {
			c.run(db)
			var found []string
			for _, line := range out.taken(t) {
				word, _, _ := strings.Cut(line.Trace.SQL, " ")
				if session && c.name == "Scan" { // what it logs with is the session's own
					continue
				}
				if line.Bind == "" {
					found = append(found, "[rows:0] "+word)
				} else {
					found = append(found, fmt.Sprintf("[%s %s] %s", line.Bind, line.Role, word))
				}
			}
			want := c.want
			if session && c.name == "Scan" {
				want = ""
			}
			if got := strings.Join(found, ", "); got != want {
				t.Errorf("session %v, %s: %s\nwant %s", session, c.name, got, want)
			}
		}

		w.must(db.Create(&User{Logs: []LogEntry{{}}}).Error)
		first := out.taken(t)
		w.must(db.Transaction(func(tx *gorm.DB) error {
			return tx.Create(&Note{}).Find(&[]Note{}).Error
		}))
		second := out.taken(t)
		if len(first) != 2 || len(second) != 2 || first[0].Tx == 0 || first[0].Tx != first[1].Tx || second[0].Tx == 0 || second[0].Tx != second[1].Tx || first[0].Tx == second[0].Tx {
			t.Errorf("numbers of transactions: %+v, %+v", first, second)
		}
		w.must(db.First(&Note{}).Error)
		if alone := out.taken(t); len(alone) != 1 || alone[0].Tx != 0 {
			t.Errorf("outside of transactions: %+v", alone)
		}
	}
}

// ownLogger is a logger of the program's own that knows nothing of ParamsFilter.
type ownLogger struct {
	texts *[]string
	mode  logger.LogLevel
}

func (l ownLogger) LogMode(mode logger.LogLevel) logger.Interface { l.mode = mode; return l }
func (ownLogger) Info(context.Context, string, ...any)            {}
func (ownLogger) Warn(context.Context, string, ...any)            {}
func (ownLogger) Error(context.Context, string, ...any)           {}
func (l ownLogger) Trace(_ context.Context, _ time.Time, fc func() (string, int64), _ error) {
	if l.mode == logger.Info {
		sql, _ := fc()
		*l.texts = append(*l.texts, sql)
	}
}

// What a logger leaves out, and what it is told, stays as it is.
func TestLogBindsKeepsTheLogger(t *testing.T) {
	open := func(l logger.Interface, options ...bindkey.Option) *world {
		return newWorld(t, worldConfig{gorm: gorm.Config{Logger: l}, options: append(options, bindkey.LogBinds())})
	}
	log := &lineLog{}
	w := open(logger.New(log, logger.Config{LogLevel: logger.Info, ParameterizedQueries: true}))
	w.db.Where("text = ?", "secret").Find(&[]Note{})
	if _, texts := log.taken(); len(texts) != 1 || !strings.Contains(texts[0], "[archive source] SELECT") || strings.Contains(texts[0], "secret") || !strings.Contains(texts[0], "?") {
		t.Errorf("ParameterizedQueries: %q", texts)
	}

	w = open(logger.New(log, logger.Config{LogLevel: logger.Warn, IgnoreRecordNotFoundError: true}))
	w.db.First(&Note{}, 99)
	w.db.Find(&[]Note{})
	if _, texts := log.taken(); len(texts) != 0 {
		t.Errorf("level Warn, IgnoreRecordNotFoundError: %q", texts)
	}
	w.db.Debug().Find(&[]Note{})
	if _, texts := log.taken(); marksOf(texts) != "[archive source] SELECT" {
		t.Errorf("Debug: %q", texts)
	}

	var texts []string
	w = open(ownLogger{&texts, logger.Silent})
	w.db.Find(&[]Note{})
	w.db.Debug().Where("id = ?", 1).Find(&[]Note{})
	if len(texts) != 1 || texts[0] != "[archive source] SELECT * FROM `notes` WHERE id = 1" {
		t.Errorf("a logger of the program's: %q", texts)
	}
	w.db.Logger = logger.New(log, logger.Config{LogLevel: logger.Info}) // by the program, after db.Use
	w.db.Find(&[]Note{})
	w.db.Raw("SELECT id FROM logs").Scan(&[]uint{})
	if _, texts := log.taken(); marksOf(texts) != "[archive source] SELECT, [analytics replica] SELECT" {
		t.Errorf("a logger set after db.Use: %q", texts)
	}
	if got := w.db.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Find(&[]Note{}) }); got != "SELECT * FROM `notes`" {
		t.Errorf("ToSQL: %s", got)
	}
}

// A bind's own logger tells the bind, too, and dbresolver's mode stays beside it.
func TestLogBindsBesideOthers(t *testing.T) {
	log, own := &lineLog{}, &lineLog{}
	texts := func(l *lineLog) logger.Interface { return logger.New(l, logger.Config{LogLevel: logger.Info}) }
	w := newWorld(t, worldConfig{gorm: gorm.Config{Logger: texts(log)}, options: []bindkey.Option{bindkey.LogBinds()}, install: func(w *world) {
		w.registerAll()
		w.plugin.Configure("archive", func(c *gorm.Config) { c.Logger = texts(own) })
	}})
	log.taken()
	w.db.Find(&[]Note{})
	w.db.Find(&[]LogEntry{})
	if _, texts := own.taken(); marksOf(texts) != "[archive source] SELECT" {
		t.Errorf("a bind's own: %q", texts)
	}
	if _, texts := log.taken(); marksOf(texts) != "[analytics replica] SELECT" {
		t.Errorf("the handle's, beside it: %q", texts)
	}

	traced := func(w *world, name string) dbresolver.Config {
		return dbresolver.Config{Sources: []gorm.Dialector{w.dialector(name)}, Replicas: []gorm.Dialector{w.dialector(name + "-replica")}, TraceResolverMode: true}
	}
	for name, install := range map[string]func(w *world){
		"registered": func(w *world) {
			w.plugin.Register("analytics", traced(w, "analytics")).Register("archive", dbresolver.Config{})
		},
		"adopted": func(w *world) {
			w.must(w.db.Use(dbresolver.Register(traced(w, "analytics"), "analytics").Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, "archive")))
		},
	} {
		for kind, l := range map[string]logger.Interface{"text": texts(log), "slog": nil} {
			slogged := &slogLines{}
			if l == nil {
				l = slogTo(slogged)
			}
			w := newWorld(t, worldConfig{gorm: gorm.Config{Logger: l}, options: []bindkey.Option{bindkey.LogBinds()}, install: install})
			log.taken()
			slogged.taken(t)
			w.must(w.db.First(&LogEntry{}).Error)
			if _, texts := log.taken(); kind == "text" && (len(texts) != 1 || !strings.Contains(texts[0], "[replica] [analytics replica] SELECT")) {
				t.Errorf("%s, TraceResolverMode: %q", name, texts)
			}
			if lines := slogged.taken(t); kind == "slog" && (len(lines) != 1 || lines[0].Bind != "analytics" || !strings.HasPrefix(lines[0].Trace.SQL, "[replica] SELECT")) {
				t.Errorf("%s, TraceResolverMode with slog: %+v", name, lines)
			}
		}
	}
}

// What is chained on results for ever does not make their contexts longer.
func TestLogBindsKeepsContextsShort(t *testing.T) {
	out := &slogLines{}
	l := slogTo(out)
	w := newWorld(t, worldConfig{gorm: gorm.Config{Logger: l}, options: []bindkey.Option{bindkey.LogBinds()}})
	db := w.db.Find(&[]Note{})
	once := fmt.Sprint(db.Statement.Context)
	for i := 0; i < 5; i++ {
		db = db.Find(&[]Note{})
	}
	out.taken(t)
	if again := fmt.Sprint(db.Statement.Context); len(again) > len(once)+20 {
		t.Errorf("after one statement %s, after six %s", once, again)
	}
}
