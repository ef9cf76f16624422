package bindkey_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A mode is one way to run a statement.
type mode struct {
	name   string
	config gorm.Config
	run    func(db *gorm.DB, statement func(*gorm.DB))
	inTx   bool // reads go to the source
}

func modes() []mode {
	plain := func(db *gorm.DB, statement func(*gorm.DB)) { statement(db) }
	session := func(s gorm.Session) func(*gorm.DB, func(*gorm.DB)) {
		return func(db *gorm.DB, statement func(*gorm.DB)) { statement(db.Session(&s)) }
	}
	inTransaction := func(s gorm.Session) func(*gorm.DB, func(*gorm.DB)) {
		return func(db *gorm.DB, statement func(*gorm.DB)) {
			if err := db.Session(&s).Transaction(func(tx *gorm.DB) error {
				statement(tx)
				return nil
			}); err != nil {
				panic(err)
			}
		}
	}
	return []mode{
		{name: "plain", run: plain},
		{name: "PrepareStmt", config: gorm.Config{PrepareStmt: true}, run: plain},
		{name: "Session PrepareStmt", run: session(gorm.Session{PrepareStmt: true})},
		{name: "WithContext", run: session(gorm.Session{Context: context.Background()})},
		{name: "SkipDefaultTransaction", config: gorm.Config{SkipDefaultTransaction: true}, run: plain},
		{name: "QueryFields", config: gorm.Config{QueryFields: true}, run: plain},
		{name: "Transaction", run: inTransaction(gorm.Session{}), inTx: true},
		{name: "Transaction PrepareStmt", config: gorm.Config{PrepareStmt: true}, run: inTransaction(gorm.Session{}), inTx: true},
		{name: "Transaction Session PrepareStmt", run: inTransaction(gorm.Session{PrepareStmt: true}), inTx: true},
		{name: "PrepareStmt in Transaction", inTx: true, run: func(db *gorm.DB, statement func(*gorm.DB)) {
			inTransaction(gorm.Session{})(db, func(tx *gorm.DB) { statement(tx.Session(&gorm.Session{PrepareStmt: true})) })
		}},
		{name: "nested Transaction", inTx: true, run: func(db *gorm.DB, statement func(*gorm.DB)) {
			inTransaction(gorm.Session{})(db, func(tx *gorm.DB) { inTransaction(gorm.Session{})(tx, statement) })
		}},
	}
}

// A readCase is a statement that reads: the origins of the rows it finds prove
// who answered. main and analytics have a replica, archive has none.
type readCase struct {
	name string
	run  func(tx *gorm.DB) (origins []string, err error)
	want string // the bind that answers; "" where the case tells itself
}

func readCases() []readCase {
	ctx := context.Background()
	return []readCase{
		{"First", func(tx *gorm.DB) ([]string, error) {
			var log LogEntry
			err := tx.First(&log).Error
			return []string{log.Origin}, err
		}, "analytics"},
		{"First default bind", func(tx *gorm.DB) ([]string, error) {
			var team Team
			err := tx.First(&team).Error
			return []string{team.Origin}, err
		}, "main"},
		{"First main", func(tx *gorm.DB) ([]string, error) {
			var user User
			err := tx.First(&user).Error
			return []string{user.Origin}, err
		}, "main"},
		{"First without replica", func(tx *gorm.DB) ([]string, error) {
			var note Note
			err := tx.First(&note).Error
			return []string{note.Origin}, err
		}, "archive"},
		{"Last, Take with conditions", func(tx *gorm.DB) ([]string, error) {
			var last, taken LogEntry
			err := tx.Last(&last).Error
			if err == nil {
				err = tx.Take(&taken, "event = ?", "event2").Error
			}
			return []string{last.Origin, taken.Origin}, err
		}, "analytics"},
		{"Find slice of pointers", func(tx *gorm.DB) ([]string, error) {
			var logs []*LogEntry
			err := tx.Where("id > ?", 1).Order("id").Find(&logs).Error
			var origins []string
			for _, log := range logs {
				origins = append(origins, log.Origin)
			}
			return origins, err
		}, "analytics"},
		{"Find array", func(tx *gorm.DB) ([]string, error) {
			var profiles [2]Profile
			err := tx.Limit(2).Find(&profiles).Error
			return []string{profiles[0].Origin, profiles[1].Origin}, err
		}, "analytics"},
		{"FindInBatches", func(tx *gorm.DB) ([]string, error) {
			var logs []LogEntry
			var origins []string
			err := tx.FindInBatches(&logs, 2, func(batch *gorm.DB, _ int) error {
				for _, log := range logs {
					origins = append(origins, log.Origin)
				}
				var user User // a nested query has its own bind
				if err := batch.First(&user).Error; err != nil {
					return err
				}
				if !strings.HasPrefix(user.Origin, "main") {
					return fmt.Errorf("user from %s", user.Origin)
				}
				return nil
			}).Error
			return origins, err
		}, "analytics"},
		{"FirstOrInit, FirstOrCreate of what is there", func(tx *gorm.DB) ([]string, error) {
			var a, b LogEntry
			err := tx.FirstOrInit(&a, LogEntry{Event: "event1"}).Error
			if err == nil {
				err = tx.FirstOrCreate(&b, LogEntry{Event: "event2"}).Error
			}
			return []string{a.Origin, b.Origin}, err
		}, "analytics"},
		{"Pluck", func(tx *gorm.DB) ([]string, error) {
			var origins []string
			err := tx.Model(&LogEntry{}).Pluck("origin", &origins).Error
			return origins, err
		}, "analytics"},
		{"Count", func(tx *gorm.DB) ([]string, error) {
			var origins []string
			for _, origin := range []string{"analytics", "analytics-replica"} {
				var n int64
				if err := tx.Model(&LogEntry{}).Where("origin = ?", origin).Count(&n).Error; err != nil {
					return nil, err
				}
				if n > 0 {
					origins = append(origins, origin)
				}
			}
			return origins, nil
		}, "analytics"},
		{"Row", func(tx *gorm.DB) ([]string, error) {
			var origin string
			err := tx.Model(&LogEntry{}).Select("origin").Limit(1).Row().Scan(&origin)
			return []string{origin}, err
		}, "analytics"},
		{"Rows, ScanRows", func(tx *gorm.DB) ([]string, error) {
			rows, err := tx.Model(&LogEntry{}).Rows()
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			var origins []string
			for rows.Next() {
				var log LogEntry
				if err := tx.ScanRows(rows, &log); err != nil {
					return nil, err
				}
				origins = append(origins, log.Origin)
			}
			return origins, rows.Err()
		}, "analytics"},
		{"Scan into a DTO", func(tx *gorm.DB) ([]string, error) {
			var dto []struct{ Origin string }
			err := tx.Model(&LogEntry{}).Scan(&dto).Error
			return []string{dto[0].Origin, dto[1].Origin}, err
		}, "analytics"},
		{"Find into a DTO", func(tx *gorm.DB) ([]string, error) {
			type View struct{ Origin string }
			var dto []View
			err := tx.Model(&LogEntry{}).Find(&dto).Error
			return []string{dto[0].Origin}, err
		}, "analytics"},
		{"Find into a map", func(tx *gorm.DB) ([]string, error) {
			dto := map[string]any{}
			err := tx.Model(&LogEntry{}).Take(&dto).Error
			return []string{fmt.Sprint(dto["origin"])}, err
		}, "analytics"},
		{"Table", func(tx *gorm.DB) ([]string, error) {
			var dto []map[string]any
			err := tx.Table("logs").Find(&dto).Error
			return []string{fmt.Sprint(dto[0]["origin"])}, err
		}, "analytics"},
		{"Table AS", func(tx *gorm.DB) ([]string, error) {
			type View struct{ Origin string }
			var dto []View
			err := tx.Table("logs AS l").Select("l.origin").Where("l.id = ?", 1).Find(&dto).Error
			return []string{dto[0].Origin}, err
		}, "analytics"},
		{"Table alias", func(tx *gorm.DB) ([]string, error) {
			var origins []string
			err := tx.Table("logs l").Where("l.id = ?", 1).Pluck("l.origin", &origins).Error
			return origins, err
		}, "analytics"},
		{"Table subquery", func(tx *gorm.DB) ([]string, error) {
			var origins []string
			err := tx.Table("(?) AS x", tx.Session(&gorm.Session{NewDB: true}).Model(&LogEntry{}).Select("origin")).Pluck("origin", &origins).Error
			return origins, err
		}, "analytics"},
		{"Table generic subquery", func(tx *gorm.DB) ([]string, error) {
			var origins []string
			err := tx.Table("(?) AS x", gorm.G[LogEntry](tx).Where("id > ?", 1)).Pluck("origin", &origins).Error
			return origins, err
		}, "analytics"},
		{"unknown Table falls back to the model", func(tx *gorm.DB) ([]string, error) {
			var logs []LogEntry
			err := tx.Table("logs_2026 AS logs").Find(&logs).Error
			if err == nil || !strings.Contains(err.Error(), "logs_2026") {
				return nil, fmt.Errorf("no table logs_2026 asked for: %w", err)
			}
			return nil, nil
		}, ""},
		{"Raw", func(tx *gorm.DB) ([]string, error) {
			var origins []string
			err := tx.Raw("SELECT origin FROM logs WHERE id > ?", 1).Scan(&origins).Error
			return origins, err
		}, "analytics"},
		{"Raw with a DTO", func(tx *gorm.DB) ([]string, error) {
			type Log struct{ Origin string }
			var dto []Log
			err := tx.Raw(`SELECT l.origin FROM "logs" l /* users */ WHERE l.event <> 'users'`).Find(&dto).Error
			return []string{dto[0].Origin}, err
		}, "analytics"},
		{"Raw with CTE", func(tx *gorm.DB) ([]string, error) {
			var origins []string
			err := tx.Raw("WITH users AS (SELECT * FROM logs) SELECT origin FROM users").Scan(&origins).Error
			return origins, err
		}, "analytics"},
		{"Raw Row", func(tx *gorm.DB) ([]string, error) {
			var origin string
			err := tx.Raw("SELECT origin FROM profiles LIMIT 1").Row().Scan(&origin)
			return []string{origin}, err
		}, "analytics"},
		{"Raw without known tables", func(tx *gorm.DB) ([]string, error) {
			var file string
			err := tx.Raw("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file).Error
			return []string{strings.TrimSuffix(file[strings.LastIndexByte(file, '/')+1:], ".db")}, err
		}, "main"},
		{"generics", func(tx *gorm.DB) ([]string, error) {
			first, err := gorm.G[LogEntry](tx).First(ctx)
			if err != nil {
				return nil, err
			}
			found, err := gorm.G[Profile](tx).Where("id > ?", 1).Find(ctx)
			if err != nil {
				return nil, err
			}
			taken, err := gorm.G[LogEntry](tx).Raw("SELECT * FROM logs").Find(ctx)
			if err != nil {
				return nil, err
			}
			return []string{first.Origin, found[0].Origin, taken[0].Origin}, nil
		}, "analytics"},
		{"Scopes", func(tx *gorm.DB) ([]string, error) {
			var origins []string
			err := tx.Scopes(func(db *gorm.DB) *gorm.DB { return db.Model(&LogEntry{}) }).Pluck("origin", &origins).Error
			return origins, err
		}, "analytics"},
		{"Unscoped", func(tx *gorm.DB) ([]string, error) {
			var log LogEntry
			err := tx.Unscoped().First(&log).Error
			return []string{log.Origin}, err
		}, "analytics"},
		{"chained on a result", func(tx *gorm.DB) ([]string, error) {
			var users []User
			result := tx.Where("id > ?", 0).Find(&users)
			var log LogEntry
			err := result.Session(&gorm.Session{NewDB: true}).First(&log).Error
			return []string{log.Origin}, err
		}, "analytics"},
		{"chained on a Row", func(tx *gorm.DB) ([]string, error) {
			var n int
			chain := tx.Model(&User{}).Select("count(*)")
			if err := chain.Row().Scan(&n); err != nil {
				return nil, err
			}
			var log LogEntry
			err := chain.Session(&gorm.Session{NewDB: true}).First(&log).Error
			return []string{log.Origin}, err
		}, "analytics"},
		{"Use", func(tx *gorm.DB) ([]string, error) {
			var user User
			err := tx.Clauses(bindkey.Use("analytics")).First(&user).Error
			return []string{user.Origin}, err
		}, "analytics"},
		{"dbresolver.Use", func(tx *gorm.DB) ([]string, error) {
			var user User
			err := tx.Clauses(dbresolver.Use("analytics")).First(&user).Error
			return []string{user.Origin}, err
		}, "analytics"},
		{"Use with raw SQL", func(tx *gorm.DB) ([]string, error) {
			var origins []string
			err := tx.Clauses(bindkey.Use("analytics")).Raw("SELECT origin FROM users").Scan(&origins).Error
			return origins, err
		}, "analytics"},
		{"Preload across binds", func(tx *gorm.DB) ([]string, error) {
			var user User
			err := tx.Preload("Logs").Preload("Profile").Preload("Notes").First(&user).Error
			if err != nil || !strings.HasPrefix(user.Origin, "main") || user.Notes[0].Origin != "archive" || len(user.Logs) != 3 {
				return nil, fmt.Errorf("%+v: %w", user, err)
			}
			return []string{user.Logs[0].Origin, user.Profile.Origin}, err
		}, "analytics"},
		{"Preload back", func(tx *gorm.DB) ([]string, error) {
			var log LogEntry
			err := tx.Preload("User").First(&log).Error
			if err != nil || !strings.HasPrefix(log.Origin, "analytics") {
				return nil, fmt.Errorf("%+v: %w", log, err)
			}
			return []string{log.User.Origin}, err
		}, "main"},
		{"Preload nested, with conditions", func(tx *gorm.DB) ([]string, error) {
			var log LogEntry
			err := tx.Preload("User.Team").Preload("User.Logs", "id > ?", 2).Preload("User", func(db *gorm.DB) *gorm.DB { return db.Order("id") }).First(&log).Error
			if err != nil || len(log.User.Logs) != 1 || !strings.HasPrefix(log.User.Logs[0].Origin, "analytics") {
				return nil, fmt.Errorf("%+v: %w", log.User, err)
			}
			return []string{log.User.Origin, log.User.Team.Origin}, err
		}, "main"},
		{"Preload many2many", func(tx *gorm.DB) ([]string, error) {
			var user User
			err := tx.Preload("Tags").First(&user).Error
			if err != nil || len(user.Tags) != 2 { // the join table of main has two rows, the others one
				return nil, fmt.Errorf("%+v: %w", user, err)
			}
			return []string{user.Tags[0].Origin, user.Tags[1].Origin}, err
		}, "analytics"},
		{"Preload many2many back", func(tx *gorm.DB) ([]string, error) {
			var tag Tag
			err := tx.Preload("Users").First(&tag, 2).Error
			if err != nil || len(tag.Users) != 1 {
				return nil, fmt.Errorf("%+v: %w", tag, err)
			}
			return []string{tag.Users[0].Origin}, err
		}, "main"},
		{"Preload associations", func(tx *gorm.DB) ([]string, error) {
			var user User
			err := tx.Preload(clause.Associations).First(&user).Error
			if err != nil || user.Logs[0].Origin == "" || !strings.HasPrefix(user.Logs[0].Origin, "analytics") {
				return nil, fmt.Errorf("%+v: %w", user, err)
			}
			return []string{user.Origin, user.Team.Origin, user.Orders[0].Origin}, err
		}, "main"},
		{"Association Find", func(tx *gorm.DB) ([]string, error) {
			var logs []LogEntry
			err := tx.Model(&User{ID: 1}).Association("Logs").Find(&logs)
			return []string{logs[0].Origin}, err
		}, "analytics"},
	}
}

// ways are the two ways to install the plugin.
var ways = map[string]func(*world){
	"Register": nil,
	"dbresolver of the application": func(w *world) {
		w.must(w.db.Use(dbresolver.
			Register(dbresolver.Config{Replicas: []gorm.Dialector{w.dialector("main-replica")}}).
			Register(dbresolver.Config{
				Sources:  []gorm.Dialector{w.dialector("analytics")},
				Replicas: []gorm.Dialector{w.dialector("analytics-replica")},
			}, "analytics").
			Register(dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}}, "archive")))
	},
	"two dialects": func(w *world) {
		w.registerBut("analytics archive")
		accented := func(name string) gorm.Dialector { return accent{w.dialector(name).(*sqlite.Dialector)} }
		w.plugin.Register("analytics", dbresolver.Config{
			Sources: []gorm.Dialector{accented("analytics")}, Replicas: []gorm.Dialector{accented("analytics-replica")}})
		w.plugin.Register("archive", dbresolver.Config{Sources: []gorm.Dialector{w.dialector("archive")}})
	},
}

// A setting is a way to install the plugin, and a mode to run statements in.
type setting struct {
	mode
	install func(*world)
}

// settings are what the tables of statements run in: all modes, where the plugin
// opens the binds; every second with a dbresolver of the application, and every
// fourth with two dialects, since internal/conformance has more of these.
func settings() (list []setting) {
	for _, way := range []struct {
		name string
		step int
	}{{"Register", 1}, {"dbresolver of the application", 2}, {"two dialects", 4}} {
		all := modes()
		for i := 0; i < len(all); i += way.step {
			s := setting{all[i], ways[way.name]}
			s.name = way.name + "/" + s.name
			list = append(list, s)
		}
	}
	return list
}

func TestReads(t *testing.T) {
	cases := readCases()
	for m, s := range settings() {
		m, s := m, s
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, worldConfig{gorm: s.config, install: s.install})
			for i, c := range cases {
				if testkit.Runs(i, len(cases), m, len(settings())) {
					t.Run(c.name, func(t *testing.T) { testRead(t, w, s.mode, c) })
				}
			}
		})
	}
}

func testRead(t *testing.T, w *world, mode mode, c readCase) {
	want := c.want
	if !mode.inTx && want != "" && want != "archive" {
		want += "-replica"
	}
	for range [2]int{} { // twice, for prepared statements
		var origins []string
		var err error
		changed := w.changes(func() {
			mode.run(w.db, func(tx *gorm.DB) { origins, err = c.run(tx) })
		})
		if err != nil {
			t.Fatal(err)
		}
		if c.want != "" && len(origins) == 0 {
			t.Fatal("nobody answered")
		}
		for _, origin := range origins {
			if origin != want {
				t.Errorf("%s answered, want %s", origin, want)
			}
		}
		if changed != "" {
			t.Errorf("a read changed %s", changed)
		}
	}
}
