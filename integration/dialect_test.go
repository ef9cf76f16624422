package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The compiled models: each case below runs on both, on a routed handle and on
// a plain one of the model's own dialect, and must be compiled alike.
type (
	compiledMain struct {
		_        struct{} `bind:"main"`
		ID       uint
		Name     string
		Size     int `gorm:"default:7"`
		Seen     time.Time
		ParentID *uint
		Parent   *compiledMain
		Deleted  gorm.DeletedAt
	}
	compiledThere struct {
		_        struct{} `bind:"there"`
		ID       uint
		Name     string
		Size     int `gorm:"default:7"`
		Seen     time.Time
		ParentID *uint
		Parent   *compiledThere
		Deleted  gorm.DeletedAt
	}
)

func (compiledMain) TableName() string  { return "compiled_mains" }
func (compiledThere) TableName() string { return "compiled_theres" }

// existing is an expression of the application's own, that holds a subquery.
type existing struct{ query *gorm.DB }

func (e existing) Build(builder clause.Builder) {
	_, _ = builder.WriteString("EXISTS (")
	builder.AddVar(builder, e.query)
	_ = builder.WriteByte(')')
}

// A compiling is a case: a statement about a model with the table's name given.
type compiling struct {
	name string
	run  func(db *gorm.DB, model any, table string) *gorm.DB
}

var seen = time.Date(2026, 11, 22, 10, 30, 0, 123456000, time.UTC)

func compilings() []compiling {
	list := func(model any) any {
		return reflect.New(reflect.SliceOf(reflect.TypeOf(model).Elem())).Interface()
	}
	return []compiling{
		{"First", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.First(m, "name = ?", "x") }},
		{"Find", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Where(map[string]any{"name": []string{"a", "b"}, "size": 3}).Not("size = ?", 9).Or("id IN ?", []int{1, 2}).
				Order("name").Limit(3).Offset(4).Find(list(m))
		}},
		{"offset alone", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Offset(4).Find(list(m)) }},
		{"locking", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Clauses(clause.Locking{Strength: "UPDATE"}).Find(list(m))
		}},
		{"locking share", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Clauses(clause.Locking{Strength: "SHARE"}).Find(list(m))
		}},
		{"Joins", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Joins("Parent", db.Where("size > ?", 2)).Where("name = ?", "x").Find(list(m))
		}},
		{"raw join", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Joins("JOIN "+table+" AS p ON p.id = ?", 4).Find(list(m))
		}},
		{"Select, Group, Having", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Model(m).Select("name, count(*) AS n, ? AS z", 5).Group("name").Having("count(*) > ?", 1).Find(&[]map[string]any{})
		}},
		{"Count", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Model(m).Distinct("name").Count(new(int64)) }},
		{"Pluck", func(db *gorm.DB, m any, _ string) *gorm.DB { return db.Model(m).Pluck("name", &[]string{}) }},
		{"Scopes", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Scopes(func(db *gorm.DB) *gorm.DB { return db.Where("size = ?", 1).Table(db.Statement.Table) }).Find(list(m))
		}},
		{"Create", func(db *gorm.DB, m any, _ string) *gorm.DB {
			set(m, "Name", "n")
			set(m, "Seen", seen)
			return db.Create(m)
		}},
		{"Create with id", func(db *gorm.DB, m any, _ string) *gorm.DB {
			set(m, "ID", uint(4))
			set(m, "Size", 2)
			set(m, "Seen", seen)
			return db.Create(m)
		}},
		{"upsert", func(db *gorm.DB, m any, _ string) *gorm.DB {
			set(m, "ID", uint(4))
			set(m, "Seen", seen)
			return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(m)
		}},
		{"upsert, do nothing", func(db *gorm.DB, m any, _ string) *gorm.DB {
			set(m, "Seen", seen)
			return db.Clauses(clause.OnConflict{DoNothing: true}).Create(m)
		}},
		{"Save", func(db *gorm.DB, m any, _ string) *gorm.DB {
			set(m, "ID", uint(4))
			set(m, "Seen", seen)
			return db.Save(m)
		}},
		{"Create map", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Model(m).Create(map[string]any{"name": clause.Expr{SQL: "upper(?)", Vars: []any{"x"}}})
		}},
		{"Update", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Model(m).Where("name = ?", "x").Update("size", gorm.Expr("size + ?", 2))
		}},
		{"Updates, returning", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Model(m).Clauses(clause.Returning{}).Where("id = ?", 3).Updates(map[string]any{"name": "y", "size": 2})
		}},
		{"update from a subquery", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Model(m).Where("id = ?", 3).Update("name", db.Model(m).Select("max(name)").Where("size < ?", 3))
		}},
		{"update limited", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Model(m).Where("id > ?", 3).Order("id").Limit(2).Update("name", "z")
		}},
		{"soft delete", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Where("name = ?", "x").Order("id").Limit(1).Delete(m)
		}},
		{"Delete", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Unscoped().Where("name = ?", "x").Limit(1).Delete(m)
		}},
		{"Delete, returning", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Unscoped().Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}}}).Delete(m, 7)
		}},

		{"Raw", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT * FROM "+table+" WHERE name = ? AND id IN ? AND (id) IN (?) AND seen < ?", "a", []int{1, 2}, []int{3}, seen).Find(list(m))
		}},
		{"Raw, named", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT * FROM "+table+" WHERE name = @name OR size = @size OR name = @name", sql.Named("name", "a"), map[string]any{"size": 2}).Find(list(m))
		}},
		{"Raw, struct", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT * FROM "+table+" WHERE name = @Name", struct{ Name string }{"q"}).Find(list(m))
		}},
		{"Raw, a question mark", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT * FROM "+table+" WHERE id = ? AND name = '?'", 3).Find(list(m))
		}},
		{"Raw, expressions", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT ? FROM ? WHERE ? AND ?", clause.Column{Table: table, Name: "name"}, clause.Table{Name: table},
				clause.Eq{Column: clause.Column{Name: "size"}, Value: 3}, clause.IN{Column: "id", Values: []any{1, 2}}).Find(list(m))
		}},
		{"Raw, a subquery", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT * FROM "+table+" WHERE size = ? AND id IN (?) AND name = ?", 1, db.Model(m).Select("id").Where("name = ?", "s").Limit(2), "t").Find(list(m))
		}},
		{"Raw, a raw subquery", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT * FROM "+table+" WHERE size = ? AND id IN (?) AND name = ?", 1,
				db.Raw("SELECT id FROM "+table+" WHERE size = ? AND name IN ?", 2, []string{"u", "v"}), "t").Find(list(m))
		}},
		{"Raw, a subquery of an unknown table", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT * FROM "+table+" WHERE id IN (?)", db.Table("unknown AS u").Select("u.id").Where("u.x = ?", 4)).Find(list(m))
		}},
		{"Raw, Scan", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Raw("SELECT name FROM "+table+" WHERE id = ?", 3).Find(&[]string{})
		}},
		{"Exec", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Exec("UPDATE "+table+" SET name = ?, size = @size WHERE id = ?", "a", sql.Named("size", 1), 3)
		}},
		{"Exec, positions", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Exec("UPDATE "+table+" SET name = ? WHERE id = ? AND size IN ?", "a", 3, []any{4, nil})
		}},
		{"Exec, column", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Exec("UPDATE ? SET ? = ?", clause.Table{Name: table}, clause.Column{Name: "name"}, []byte("b"))
		}},

		{"Where, a subquery", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Where("name = ?", "a").Where("id IN (?)", db.Model(m).Select("parent_id").Where("size = ?", 2)).Where("size = ?", 5).Find(list(m))
		}},
		{"Where, a subquery of an unknown table", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Where("id IN (?)", db.Table("unknown").Select("id").Where("x = ?", 2)).Where("size = ?", 5).Find(list(m))
		}},
		{"Where, a raw subquery", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Where("name = ?", "a").Where("id IN (?)", db.Raw("SELECT id FROM "+table+" WHERE size = ? OR name = @n", 2, sql.Named("n", "z"))).Find(list(m))
		}},
		{"Where, subqueries in subqueries", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Where("id IN (?)", db.Model(m).Select("id").Where("parent_id IN (?)", db.Raw("SELECT id FROM "+table+" WHERE name = ?", "deep")).Where("size = ?", 1)).Find(list(m))
		}},
		{"Where, an expression of the application's", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Where("size = ?", 1).Where(existing{db.Model(m).Select("id").Where("name = ?", "e")}).Where("size = ?", 2).Find(list(m))
		}},
		{"Where, a raw one in an expression", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Where("size = ?", 1).Where(existing{db.Raw("SELECT id FROM "+table+" WHERE name = ?", "e")}).Where("size = ?", 2).Find(list(m))
		}},
		{"Having and Select, subqueries", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Model(m).Select("name, (?) AS top", db.Model(m).Select("max(size)").Where("size < ?", 100)).Group("name").
				Having("count(*) > (?)", db.Model(m).Select("avg(size)").Where("size > ?", 0)).Find(&[]map[string]any{})
		}},
		{"a join of a subquery", func(db *gorm.DB, m any, _ string) *gorm.DB {
			return db.Joins("JOIN (?) AS p ON p.id = ?", db.Model(m).Select("id").Where("size = ?", 6), 8).Find(list(m))
		}},

		{"Table", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Table(table).Where("id = ?", 1).Find(&[]map[string]any{})
		}},
		{"Table, schema", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Table("public."+table).Where("id = ?", 1).Find(list(m))
		}},
		{"Table, alias", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Table(table+" AS t").Where("t.id = ?", 1).Find(list(m))
		}},
		{"Table, a subquery", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Table("(?) AS t, (?) AS u", db.Model(m).Select("id").Where("size = ?", 1), db.Raw("SELECT id FROM "+table+" WHERE size = ?", 2)).
				Where("t.id = ?", 3).Find(&[]map[string]any{})
		}},
		{"Table, update", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Table(table).Where("id = ?", 1).Update("name", "q")
		}},
		{"a Quote of the application's", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Model(m).Select(db.Statement.Quote("name")).Where(db.Statement.Quote(clause.Column{Table: table, Name: "size"})+" = ?", 3).Find(&[]map[string]any{})
		}},
		{"rows", func(db *gorm.DB, m any, table string) *gorm.DB {
			db = db.Model(m).Where("id = ?", 1)
			_, _ = db.Rows()
			return db
		}},
		{"a valuer", func(db *gorm.DB, m any, table string) *gorm.DB {
			return db.Where("name = ?", shout("hi")).Find(list(m))
		}},
	}
}

// shout is a gorm.Valuer and a driver.Valuer.
type shout string

func (s shout) GormValue(context.Context, *gorm.DB) clause.Expr {
	return clause.Expr{SQL: "upper(?)", Vars: []any{string(s)}}
}
func (s shout) Value() (driver.Value, error) { return string(s), nil }

func set(model any, field string, value any) {
	reflect.ValueOf(model).Elem().FieldByName(field).Set(reflect.ValueOf(value))
}

// A lineLog keeps the SQL that GORM logs.
type lineLog struct {
	logger.Interface
	lines []string
}

func (l *lineLog) LogMode(logger.LogLevel) logger.Interface { return l }

func (l *lineLog) Trace(_ context.Context, _ time.Time, line func() (string, int64), _ error) {
	sql, _ := line()
	l.lines = append(l.lines, sql)
}

// The dialects, each with a database to open.
func dialects(t *testing.T) map[string]func() gorm.Dialector {
	postgres, mariadb := servers.PostgreSQL.Shared(t, "dialect"), servers.MariaDB.Shared(t, "dialect")
	file := filepath.Join(t.TempDir(), "dialect.db")
	return map[string]func() gorm.Dialector{
		"sqlite":   func() gorm.Dialector { return sqlite.Open(file) },
		"postgres": postgres.Dialector,
		"mariadb":  mariadb.Dialector,
	}
}

func openDry(t *testing.T, d gorm.Dialector, log logger.Interface) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(d, &gorm.Config{DryRun: true, Logger: log, NowFunc: func() time.Time { return seen }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if sqlDB, err := db.DB(); err == nil {
			sqlDB.Close()
		}
	})
	return db
}

// TestCompiled compares what a routed handle of two dialects compiles with what
// a plain handle of the model's own dialect does, and what is logged and told by
// ToSQL.
func TestCompiled(t *testing.T) {
	all := dialects(t)
	for main := range all {
		for there := range all {
			t.Run(main+"+"+there, func(t *testing.T) {
				routedLog := lineLog{Interface: logger.Discard}
				routed := openDry(t, all[main](), &routedLog)
				plugin := bindkey.New(bindkey.Models(&compiledMain{}, &compiledThere{})).
					Register("there", dbresolver.Config{Sources: []gorm.Dialector{all[there]()}})
				if err := routed.Use(plugin); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = plugin.Close() })
				for _, side := range []struct {
					dialect string
					model   func() any
					table   string
				}{
					{main, func() any { return &compiledMain{} }, "compiled_mains"},
					{there, func() any { return &compiledThere{} }, "compiled_theres"},
				} {
					plainLog := lineLog{Interface: logger.Discard}
					plain := openDry(t, all[side.dialect](), &plainLog)
					for _, c := range compilings() {
						routedLog.lines, plainLog.lines = nil, nil
						got, want := compile(c, routed, side.model(), side.table), compile(c, plain, side.model(), side.table)
						if got != want {
							t.Errorf("%s of %s:\n got %s\nwant %s", c.name, side.table, got, want)
						}
						if g, w := strings.Join(routedLog.lines, "\n"), strings.Join(plainLog.lines, "\n"); g != w {
							t.Errorf("%s of %s logs:\n got %s\nwant %s", c.name, side.table, g, w)
						}
						tell := func(db *gorm.DB) string {
							return db.ToSQL(func(tx *gorm.DB) *gorm.DB { return c.run(tx.Session(&gorm.Session{}), side.model(), side.table) })
						}
						if g, w := tell(routed), tell(plain); g != w {
							t.Errorf("ToSQL of %s of %s:\n got %s\nwant %s", c.name, side.table, g, w)
						}
						discarded := routed.Session(&gorm.Session{Logger: logger.Discard})
						if g := compile(c, discarded, side.model(), side.table); g != want {
							t.Errorf("%s of %s, without a log:\n got %s\nwant %s", c.name, side.table, g, want)
						}
					}
				}
			})
		}
	}
}

func compile(c compiling, db *gorm.DB, model any, table string) string {
	tx := c.run(db, model, table)
	return fmt.Sprintf("%s %v %v", tx.Statement.SQL.String(), tx.Statement.Vars, tx.Error)
}
