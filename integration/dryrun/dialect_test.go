package dryrun

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/clickhouse"
	"gorm.io/driver/sqlite"
	"gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The models: one lives in the handle's own database, the other in the bind
// "there". All else is the same.
type (
	rowMain struct {
		_        struct{} `bind:"main"`
		ID       uint
		Name     string
		Active   bool
		Size     int `gorm:"default:7"`
		Seen     time.Time
		ParentID *uint
		Parent   *rowMain
		Deleted  gorm.DeletedAt
	}
	rowThere struct {
		_        struct{} `bind:"there"`
		ID       uint
		Name     string
		Active   bool
		Size     int `gorm:"default:7"`
		Seen     time.Time
		ParentID *uint
		Parent   *rowThere
		Deleted  gorm.DeletedAt
	}
)

func (rowMain) TableName() string  { return "row_mains" }
func (rowThere) TableName() string { return "row_theres" }

// A statement is run about a model, whose table's name is given.
type statement struct {
	name string
	run  func(db *gorm.DB, model any, table string) *gorm.DB
}

var seen = time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)

// row fills a model.
func row(model any, id uint, name string) any {
	value := reflect.ValueOf(model).Elem()
	value.FieldByName("ID").SetUint(uint64(id))
	value.FieldByName("Name").SetString(name)
	value.FieldByName("Active").SetBool(true)
	value.FieldByName("Seen").Set(reflect.ValueOf(seen))
	return model
}

// rows are several of a model.
func rows(model any, names ...string) any {
	of := reflect.TypeOf(model).Elem()
	list := reflect.New(reflect.SliceOf(of))
	for _, name := range names {
		list.Elem().Set(reflect.Append(list.Elem(), reflect.ValueOf(row(reflect.New(of).Interface(), 0, name)).Elem()))
	}
	return list.Interface()
}

var statements = []statement{
	{"Create", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Create(row(m, 0, "n")) }},
	{"Create with id", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Create(row(m, 4, "n")) }},
	{"Create slice", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Create(rows(m, "a", "b", "c")) }},
	{"CreateInBatches", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.CreateInBatches(rows(m, "a", "b", "c"), 2) }},
	{"Create map", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Model(m).Create(map[string]any{"name": "n", "active": true})
	}},
	{"upsert", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(row(m, 4, "n"))
	}},
	{"upsert of columns", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"name"})}).Create(row(m, 4, "n"))
	}},
	{"upsert, do nothing", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Clauses(clause.OnConflict{DoNothing: true}).Create(row(m, 4, "n"))
	}},
	{"Save", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Save(row(m, 4, "n")) }},

	{"First", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.First(m, "name = ? AND active = ?", "x", true) }},
	{"Take", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Take(m, 7) }},
	{"Find", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Where(map[string]any{"name": []string{"a", "b"}}).Not("size = ?", 9).Or("id IN ?", []int{1, 2}).Order("name").Limit(3).Offset(4).Find(rows(m))
	}},
	{"Limit", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Limit(3).Find(rows(m)) }},
	{"Offset", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Offset(4).Order("name").Find(rows(m)) }},
	{"Limit of a table", func(db *gorm.DB, _ any, table string) *gorm.DB {
		return db.Table(table).Limit(2).Offset(1).Find(&[]map[string]any{})
	}},
	{"Joins", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Joins("Parent", db.Where("size > ?", 2)).Where("name = ?", "x").Limit(2).Find(rows(m))
	}},
	{"Group, Having, Count", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Model(m).Select("name, count(*) AS n").Group("name").Having("count(*) > ?", 1).Count(new(int64))
	}},
	{"Row", func(db *gorm.DB, m any, _ string) *gorm.DB {
		db = db.Model(m).Where("id = ?", 1)
		if found, err := db.Rows(); err == nil && found != nil {
			found.Close()
		}
		return db
	}},

	{"Update", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Model(m).Where("name = ?", "x").Update("size", gorm.Expr("size + ?", 2))
	}},
	{"Updates", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Model(row(m, 3, "")).Updates(map[string]any{"name": "y", "active": false})
	}},
	{"Updates, returning", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Model(m).Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}}}).Where("id = ?", 3).Update("name", "y")
	}},
	{"Update from a subquery", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Model(m).Where("id = ?", 3).Update("name", db.Model(m).Select("max(name)").Where("size < ?", 3))
	}},
	{"soft delete", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Where("name = ?", "x").Delete(m) }},
	{"soft delete, returning", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}}}).Where("name = ?", "x").Delete(m)
	}},
	{"Delete", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Unscoped().Where("name = ?", "x").Delete(m, 4) }},
	{"Delete, returning", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Unscoped().Clauses(clause.Returning{}).Delete(m, 7)
	}},
	{"Delete from a table", func(db *gorm.DB, _ any, table string) *gorm.DB { return db.Table(table).Where("id = ?", 4).Delete(nil) }},

	{"Raw", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Raw("SELECT * FROM "+table+" WHERE name = ? AND id IN ? AND active = ?", "a", []int{1, 2}, true).Find(rows(m))
	}},
	{"Raw, named", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Raw("SELECT * FROM "+table+" WHERE name = @name OR size = @size OR name = @name", sql.Named("name", "a"), map[string]any{"size": 2}).Find(rows(m))
	}},
	{"Raw, expressions", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Raw("SELECT ? FROM ? WHERE ?", clause.Column{Table: table, Name: "name"}, clause.Table{Name: table},
			clause.IN{Column: "id", Values: []any{1, 2}}).Scan(&[]string{})
	}},
	{"Raw, a subquery", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Raw("SELECT * FROM "+table+" WHERE size = ? AND id IN (?) AND name = ?", 1, db.Model(m).Select("id").Where("name = ?", "s").Limit(2), "t").Find(rows(m))
	}},
	{"Raw, a raw subquery", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Raw("SELECT * FROM "+table+" WHERE size = ? AND id IN (?) AND name = ?", 1,
			db.Raw("SELECT id FROM "+table+" WHERE size = ? AND name IN ?", 2, []string{"u", "v"}), "t").Find(rows(m))
	}},
	{"Exec", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Exec("UPDATE "+table+" SET name = ?, active = ? WHERE id IN ?", "a", false, []int{3, 4})
	}},
	{"Exec, named", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Exec("UPDATE "+table+" SET name = @name WHERE id = @id", sql.Named("id", 3), sql.Named("name", "a"))
	}},
	{"Exec, columns", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Exec("UPDATE ? SET ? = ?", clause.Table{Name: table}, clause.Column{Name: "name"}, "b")
	}},

	{"subqueries", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Where("name = ?", "a").Where("id IN (?)", db.Model(m).Select("parent_id").Where("size = ?", 2)).
			Where("id IN (?)", db.Raw("SELECT id FROM "+table+" WHERE size = @s", sql.Named("s", 3))).Where("size = ?", 5).Find(rows(m))
	}},
	{"a subquery in a subquery", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Where("id IN (?)", db.Model(m).Select("id").Where("parent_id IN (?)", db.Raw("SELECT id FROM "+table+" WHERE name = ?", "deep")).Where("size = ?", 1)).Find(rows(m))
	}},
	{"subqueries of an unknown table", func(db *gorm.DB, m any, _ string) *gorm.DB {
		return db.Where("name = ?", "a").Where("id IN (?)", db.Table("unknown").Select("id").Where("x = ?", 2)).
			Where("id IN (?)", db.Raw("SELECT id FROM unknown WHERE y = ?", 3)).Where("size = ?", 5).Find(rows(m))
	}},
	{"Raw, a subquery of an unknown table", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Raw("SELECT * FROM "+table+" WHERE size = ? AND id IN (?)", 1, db.Table("unknown AS u").Select("u.id").Where("u.x = ?", 4)).Find(rows(m))
	}},
	{"Table", func(db *gorm.DB, _ any, table string) *gorm.DB {
		return db.Table(table).Where("id = ?", 1).Find(&[]map[string]any{})
	}},
	{"Table, schema", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Table("dbo."+table).Where("id = ?", 1).Find(rows(m))
	}},
	{"Table, alias", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Table(table+" AS t").Where("t.id = ?", 1).Find(rows(m))
	}},
	{"Table, a subquery", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Table("(?) AS t, (?) AS u", db.Model(m).Select("id").Where("size = ?", 1), db.Raw("SELECT id FROM "+table+" WHERE size = ?", 2)).
			Where("t.id = ?", 3).Find(&[]map[string]any{})
	}},
	{"Quote", func(db *gorm.DB, m any, table string) *gorm.DB {
		return db.Model(m).Select(db.Statement.Quote("name")).Where(db.Statement.Quote(clause.Column{Table: table, Name: "size"})+" = ?", 3).Find(&[]map[string]any{})
	}},
	{"local table", func(db *gorm.DB, m any, _ string) *gorm.DB { // of ClickHouse, which has addresses for it if there is a DSN
		return db.Clauses(clickhouse.UpdateLocalTable{Suffix: "_local"}).Model(m).Where("id = ?", 3).Update("name", "x")
	}},
}

// dialects open GORM's dialectors on a stub.
var dialects = map[string]func(*server) gorm.Dialector{
	"sqlite":     func(s *server) gorm.Dialector { return sqlite.New(sqlite.Config{Conn: s.pool()}) },
	"sqlserver":  func(s *server) gorm.Dialector { return sqlserver.New(sqlserver.Config{Conn: s.pool()}) },
	"clickhouse": func(s *server) gorm.Dialector { return clickhouse.New(clickhouse.Config{Conn: s.pool()}) },
}

// lines is a log of the SQL that GORM logs.
type lines struct {
	logger.Interface
	logged []string
}

func (l *lines) LogMode(logger.LogLevel) logger.Interface { return l }

func (l *lines) Trace(_ context.Context, _ time.Time, line func() (string, int64), err error) {
	sql, affected := line()
	l.logged = append(l.logged, fmt.Sprint(sql, " ", affected, " ", err))
}

func (l *lines) take() string {
	logged := strings.Join(l.logged, "\n")
	l.logged = nil
	return logged
}

type handle struct {
	*gorm.DB
	log *lines
}

func open(t *testing.T, d gorm.Dialector, config gorm.Config) handle {
	t.Helper()
	log := &lines{Interface: logger.Discard}
	config.Logger, config.NowFunc = log, func() time.Time { return seen }
	db, err := gorm.Open(d, &config)
	if err != nil {
		t.Fatal(err)
	}
	return handle{db, log}
}

// TestCompiled runs every statement in a handle of two dialects, and in a plain
// handle of the model's own: both compile, log, tell and send the same, in
// DryRun and without, and no other database hears of it.
func TestCompiled(t *testing.T) {
	for main := range dialects {
		for there := range dialects {
			for name, config := range map[string]gorm.Config{"DryRun": {DryRun: true}, "sent": {}, "prepared": {PrepareStmt: true}} {
				t.Run(main+"+"+there+"/"+name, func(t *testing.T) {
					mainServer, thereServer := &server{}, &server{}
					routed := open(t, dialects[main](mainServer), config)
					plugin := bindkey.New(bindkey.Models(&rowMain{}, &rowThere{})).
						Register("there", dbresolver.Config{Sources: []gorm.Dialector{dialects[there](thereServer)}})
					if err := routed.Use(plugin); err != nil {
						t.Fatal(err)
					}
					for _, side := range []struct {
						dialect     string
						model       func() any
						table       string
						asked, idle *server
					}{
						{main, func() any { return &rowMain{} }, "row_mains", mainServer, thereServer},
						{there, func() any { return &rowThere{} }, "row_theres", thereServer, mainServer},
					} {
						plainServer := &server{}
						plain := open(t, dialects[side.dialect](plainServer), config)
						all := func(h handle, s *server, c statement) string {
							s.take()
							h.log.take()
							tx := c.run(h.DB, side.model(), side.table)
							told := fmt.Sprint("compiles ", tx.Statement.SQL.String(), tx.Statement.Vars, tx.Error,
								"\nsends    ", s.take(), "\nlogs     ", h.log.take())
							return told + "\ntells    " + h.ToSQL(func(tx *gorm.DB) *gorm.DB { return c.run(tx.Session(&gorm.Session{}), side.model(), side.table) })
						}
						for _, c := range statements {
							got, want := all(routed, side.asked, c), all(plain, plainServer, c)
							if got != want {
								t.Errorf("%s of %s:\n got %s\nwant %s", c.name, side.table, got, want)
							}
							if strings.ContainsAny(got, "\x01\x02") {
								t.Errorf("%s of %s: %q", c.name, side.table, got)
							}
							if sent := side.idle.take(); sent != "" {
								t.Errorf("%s of %s: the other database was sent %s", c.name, side.table, sent)
							}
						}
					}
				})
			}
		}
	}
}

// TestSavepoints: each branch of a transaction is saved in the words of its own
// dialect, and ClickHouse, which has none, says so.
func TestSavepoints(t *testing.T) {
	mainServer := &server{}
	for there, want := range map[string]string{
		"sqlserver":  "BEGIN\nQUERY %s\nEXEC SAVE TRANSACTION here []\nEXEC ROLLBACK TRANSACTION here []\nROLLBACK",
		"clickhouse": "BEGIN\nQUERY %s\nROLLBACK",
	} {
		t.Run(there, func(t *testing.T) {
			thereServer := &server{}
			routed := open(t, dialects["sqlite"](mainServer), gorm.Config{})
			plugin := bindkey.New(bindkey.Models(&rowMain{}, &rowThere{})).
				Register("there", dbresolver.Config{Sources: []gorm.Dialector{dialects[there](thereServer)}})
			if err := routed.Use(plugin); err != nil {
				t.Fatal(err)
			}
			mainServer.take()
			tx := routed.Begin()
			tx.Where("1 = 1").Find(&[]rowMain{})
			tx.Where("1 = 1").Find(&[]rowThere{})
			err := tx.SavePoint("here").Error
			if there == "clickhouse" {
				if !errors.Is(err, gorm.ErrUnsupportedDriver) || !strings.Contains(err.Error(), `"there"`) {
					t.Errorf("err = %v", err)
				}
			} else if err = errors.Join(err, tx.RollbackTo("here").Error); err != nil {
				t.Error(err)
			}
			tx.Rollback()
			query := map[string]string{
				"sqlserver":  `SELECT * FROM "row_theres" WHERE 1 = 1 AND "row_theres"."deleted" IS NULL []`,
				"clickhouse": "SELECT * FROM `row_theres` WHERE 1 = 1 AND `row_theres`.`deleted` IS NULL []",
			}[there]
			if got, want := thereServer.take(), fmt.Sprintf(want, query); got != want {
				t.Errorf("sent %s\nwant %s", got, want)
			}
			if sent := mainServer.take(); there == "sqlserver" && !strings.Contains(sent, "EXEC SAVEPOINT here []\nEXEC ROLLBACK TO SAVEPOINT here []\nROLLBACK") {
				t.Errorf("main was sent %s", sent)
			}
		})
	}
}

// ClickHouse's dialector keeps the addresses of its own servers, for the clause
// UpdateLocalTable: two binds share no callbacks, though they compile alike.
func TestServersOfUpdateLocalTable(t *testing.T) {
	listeners := map[string]*listener{"main": listen(t), "there": listen(t)}
	at := func(key string) gorm.Dialector {
		return clickhouse.New(clickhouse.Config{DSN: "clickhouse://" + listeners[key].address + "/db?dial_timeout=1s", Conn: (&server{}).pool()})
	}
	for name, main := range map[string]gorm.Dialector{"of one dialect": at("main"), "of two": dialects["sqlite"](&server{})} {
		t.Run(name, func(t *testing.T) {
			routed := open(t, main, gorm.Config{})
			plugin := bindkey.New(bindkey.Models(&rowMain{}, &rowThere{}))
			if name == "of two" {
				plugin.Register("main", dbresolver.Config{Sources: []gorm.Dialector{at("main")}})
			}
			if err := routed.Use(plugin.Register("there", dbresolver.Config{Sources: []gorm.Dialector{at("there")}})); err != nil {
				t.Fatal(err)
			}
			for key, model := range map[string]any{"main": &rowMain{}, "there": &rowThere{}} {
				err := routed.Clauses(clickhouse.UpdateLocalTable{Suffix: "_local"}).Model(model).Where("id = ?", 3).Update("name", "x").Error
				if err == nil {
					t.Error("a server that answers nothing was updated")
				}
				for at, listener := range listeners {
					if called := listener.calls.Swap(0) > 0; called != (at == key) {
						t.Errorf("an update in %s: the server of %s was called: %v", key, at, called)
					}
				}
			}
		})
	}
}

// A listener hangs up on who calls.
type listener struct {
	address string
	calls   atomic.Int32
}

func listen(t *testing.T) *listener {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	l := &listener{address: socket.Addr().String()}
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			l.calls.Add(1)
			conn.Close()
		}
	}()
	return l
}

// The sources of one bind may be upgraded one after the other.
func TestVersionsOfSources(t *testing.T) {
	old, new := &server{version: "23.8.1"}, &server{version: "23.8.2"}
	routed := open(t, dialects["sqlite"](&server{}), gorm.Config{})
	plugin := bindkey.New().Register("there", dbresolver.Config{Sources: []gorm.Dialector{dialects["clickhouse"](old), dialects["clickhouse"](new)}})
	if err := routed.Use(plugin); err != nil {
		t.Error(err)
	}
}
