package conformance

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// A Shout is written in capital letters by the database, and its column's type
// is made for the dialect, as the types of gorm.io/datatypes are.
type Shout string

// GormValue is of gorm.Valuer.
func (s Shout) GormValue(_ context.Context, db *gorm.DB) clause.Expr {
	switch db.Dialector.Name() {
	case "postgres":
		return clause.Expr{SQL: "upper(CAST(? AS text))", Vars: []any{string(s)}}
	case "mysql":
		return clause.Expr{SQL: "ucase(?)", Vars: []any{string(s)}}
	default:
		return clause.Expr{SQL: "upper(? || ?)", Vars: []any{string(s), ""}}
	}
}

// GormDBDataType is of migrator.GormDataTypeInterface.
func (Shout) GormDBDataType(db *gorm.DB, _ *schema.Field) string {
	switch db.Dialector.Name() {
	case "postgres":
		return "character varying(31)"
	case "mysql":
		return "varchar(33)"
	default:
		return "text"
	}
}

// Echo is near, and its dialect shows.
type Echo struct {
	ID   uint
	Call Shout
	Name string `gorm:"size:16"`
	Seen string `gorm:"-"`
}

// BeforeCreate tells the dialect of the handle that hooks get.
func (e *Echo) BeforeCreate(tx *gorm.DB) error {
	e.Name = tx.Dialector.Name()
	return nil
}

// AfterFind tells it, too.
func (e *Echo) AfterFind(tx *gorm.DB) error {
	e.Seen = tx.Dialector.Name()
	return nil
}

// Bang is far, and otherwise an Echo.
type Bang struct {
	ID   uint
	Call Shout
	Name string `gorm:"size:16"`
	Seen string `gorm:"-"`
}

// BeforeCreate tells the dialect of the handle that hooks get.
func (b *Bang) BeforeCreate(tx *gorm.DB) error {
	b.Name = tx.Dialector.Name()
	return nil
}

// AfterFind tells it, too.
func (b *Bang) AfterFind(tx *gorm.DB) error {
	b.Seen = tx.Dialector.Name()
	return nil
}

// A longer is a condition that is written for the dialect, as those of
// gorm.io/datatypes are.
type longer struct {
	column string
	than   int
}

func (l longer) Build(builder clause.Builder) {
	stmt, ok := builder.(*gorm.Statement)
	if !ok {
		return
	}
	function := map[string]string{"postgres": "char_length", "mysql": "character_length"}[stmt.Dialector.Name()]
	if function == "" {
		function = "length"
	}
	builder.WriteString(function + "(")
	builder.WriteQuoted(clause.Column{Table: clause.CurrentTable, Name: l.column})
	builder.WriteString(") > ")
	builder.AddVar(builder, l.than)
}

// dialects are what programs and libraries make of the dialect themselves.
func dialects() group {
	return group{name: "dialect", each: true, cases: []testCase{
		{name: "values and types of the program's own", ddl: true, alone: true, run: func(r *run) {
			r.ok(r.db.AutoMigrate(&Echo{}, &Bang{}))
			r.placed("echos", "bangs")
			r.done(r.db.Create(&Echo{Call: "ho"}))
			r.done(r.db.Create(&Bang{Call: "ho"}))
			r.done(r.db.Create(&[]Bang{{Call: "a"}, {Call: "b"}}))
			r.done(r.db.Model(&Echo{}).Where("id = ?", 1).Update("call", Shout("he")))
			r.done(r.db.Model(&Bang{}).Where(map[string]any{"call": Shout("ho")}).Updates(map[string]any{"call": Shout("hu")}))
			var echoes []Echo
			r.done(r.db.Where(&Echo{Call: "he"}).Find(&echoes), &echoes)
			var bangs []Bang
			r.done(r.db.Where(clause.Eq{Column: "call", Value: Shout("hu")}).Order("id").Find(&bangs), &bangs)
			r.done(r.db.Where("id IN (?)", r.db.Model(&Bang{}).Select("id").Where(clause.Neq{Column: "call", Value: Shout("hu")})).Order("id").Find(&bangs), &bangs)
			r.done(r.db.Save(&Bang{ID: 1, Call: "saved"}))
			r.done(r.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&Echo{ID: 1, Call: "upserted"}))
			r.done(r.db.Order("id").Find(&echoes), &echoes)
		}},
		{name: "conditions of the program's own", reads: true, run: func(r *run) {
			var teams []Team
			r.done(r.db.Where(longer{"name", 3}).Order("id").Find(&teams), &teams)
			var people []Person
			r.done(r.db.Where(longer{"name", 3}, longer{"origin", 1}).Or(longer{"name", 99}).Order("id").Find(&people), &people)
			r.done(r.db.Clauses(longer{"name", 6}).Order("id").Find(&people), &people)
			r.done(r.db.Where("age < ?", 99).Not(longer{"name", 99}).Order("id").Find(&people), &people)
			var n int64
			r.done(r.db.Model(&Team{}).Where(longer{"name", 3}).Count(&n), n)
			r.done(r.db.Model(&Team{}).Where("id IN (?)", r.db.Model(&Team{}).Select("id").Where(longer{"name", 4})).Count(&n), n)
			r.done(r.db.Table("(?) AS people", r.db.Model(&Person{}).Where(longer{"name", 4})).Count(&n), n)
			r.done(r.db.Model(&Team{}).Session(&gorm.Session{DryRun: true}).Where(longer{"name", 4}).Update("name", gorm.Expr("?", "x")))
		}},
		{name: "the result's dialect", reads: true, run: func(r *run) {
			for _, tx := range []*gorm.DB{
				r.db.Find(&[]Team{}), r.db.Find(&[]Person{}), r.db.Model(&Team{}).Count(new(int64)),
				r.db.Raw("SELECT name FROM teams WHERE id = ?", 1).Scan(new(string)), r.db.Table("people").Find(&[]map[string]any{}),
				r.db.Session(&gorm.Session{DryRun: true}).Create(&Team{}), r.db.Session(&gorm.Session{DryRun: true}).Delete(&Person{ID: 1}),
			} {
				r.note(tx.Dialector.Name(), tx.Dialector.Explain("SELECT 'x'"))
			}
		}},
		{name: "what is chained on a result of the other bind", run: func(r *run) {
			fresh := func(tx *gorm.DB) *gorm.DB { return tx.Session(&gorm.Session{NewDB: true}) }
			far := func() *gorm.DB { return fresh(r.db.Take(&Team{}, 1)) }
			near := func() *gorm.DB { return fresh(r.db.Take(&Person{}, 1)) }
			for _, after := range []func() *gorm.DB{far, near} {
				for _, table := range []string{"teams", "people"} {
					var names []string
					r.done(after().Raw("SELECT name FROM "+table+" WHERE id IN ? AND name <> ? ORDER BY id", []int{1, 2}, "x").Scan(&names), &names)
					r.done(after().Table(r.schema(table)+"."+table+" AS t").Where("t.id = ?", 2).Pluck("t.name", &names), &names)
					r.done(after().Table("(?) AS t", after().Table(table).Where("id > ?", 1)).Order("t.id").Pluck("name", &names), &names)
					r.done(after().Exec("UPDATE "+table+" SET origin = ? WHERE id = ?", "after", 3))
				}
				r.done(after().Create(&Team{Name: "after"}))
				r.done(after().Clauses(clause.OnConflict{UpdateAll: true}).Create(&Person{ID: 3, Name: "person3"}))
				r.done(after().Where("name = @name", map[string]any{"name": "after"}).Delete(&Team{}))
				r.done(after().Clauses(clause.Locking{Strength: "UPDATE"}).Take(&Person{}, 2))
			}
		}},
		{name: "names that the program quotes", reads: true, run: func(r *run) {
			for _, table := range []string{"teams", "people"} {
				var names []string
				stmt := r.db.Session(&gorm.Session{}).Statement
				quoted := stmt.Quote(clause.Column{Table: table, Name: "name"})
				r.done(r.db.Table(table).Where(quoted+" <> ?", "x").Order("id").Pluck("name", &names), &names)
				r.done(r.db.Table(table).Where("id > ?", 0).Order(stmt.Quote("id")+" DESC").Pluck("name", &names), &names)
				r.done(r.db.Table(stmt.Quote(table)+" AS t").Where("t.id > ?", 1).Order("t.id").Pluck("t.name", &names), &names)
				r.done(r.db.Raw("SELECT "+quoted+" FROM "+stmt.Quote(table)+" WHERE id = ?", 2).Scan(&names), &names)
				r.done(r.db.Table(table).Select(quoted).Where("id = ?", 2).Scan(&names), &names)
				r.done(r.db.Table(table).Order("id").Pluck(stmt.Quote("name"), &names), &names)
				r.done(r.db.Table(table).Where(clause.Neq{Column: stmt.Quote("name"), Value: "x"}).Order("id").Pluck("name", &names), &names)
				r.done(r.db.Table(table).Select("count(*)").Group(stmt.Quote("origin")).Scan(&names), &names)
				r.done(r.db.Table(table).Where(gorm.Expr("? = ?", clause.Column{Name: "id"}, 1)).Pluck("name", &names), &names)
				r.done(r.db.Table(table).Where(quoted+" = ?", "x").Or(stmt.Quote("id")+" IN ?", []int{1, 2}).Order("id").Pluck("name", &names), &names)
			}
		}},
		{name: "a session's own logger and clock", run: func(r *run) {
			own := &recorder{}
			db := r.db.Session(&gorm.Session{Logger: own, NowFunc: func() time.Time { return moment.Add(5 * time.Second) }})
			r.done(db.Take(&Team{}, 1))
			p := Person{Name: "clock", Letters: []Letter{{Title: "clock"}}}
			r.done(db.Create(&p), p.CreatedAt)
			r.done(db.Delete(&Letter{ID: 1}))
			r.done(db.Raw("SELECT name FROM teams WHERE id = ?", 2).Scan(new(string)))
			r.note(own.count())
			r.target.log.add(own.take()) // to be compared with the twin's
		}},
		{name: "callbacks of the program's own", alone: true, run: func(r *run) {
			name := fmt.Sprintf("conformance:%d", len(r.notes))
			var seen []string
			see := func(tx *gorm.DB) {
				seen = append(seen, tx.Dialector.Name()+" "+tx.Statement.Table+" "+tx.Statement.SQL.String())
			}
			r.ok(r.db.Callback().Query().Before("gorm:query").Register(name, see))
			r.ok(r.db.Callback().Create().After("gorm:create").Register(name, see))
			r.ok(r.db.Callback().Raw().Before("gorm:raw").Register(name, see))
			r.done(r.db.Take(&Team{}, 1))
			r.done(r.db.Create(&Person{Name: "seen"}))
			r.done(r.db.Create(&Team{Name: "seen"}))
			r.done(r.db.Exec("UPDATE letters SET title = ? WHERE id = ?", "seen", 1))
			r.done(r.db.Exec("UPDATE stamps SET price = ? WHERE id = ?", 0, 1))
			r.ok(r.db.Callback().Query().Remove(name))
			r.ok(r.db.Callback().Create().Remove(name))
			r.ok(r.db.Callback().Raw().Remove(name))
			for _, line := range seen {
				r.note(line)
			}
		}},
		{name: "Raw in the callback of batches", run: func(r *run) {
			var teams []Team
			r.done(r.db.FindInBatches(&teams, 2, func(tx *gorm.DB, _ int) error {
				var name string
				r.done(r.db.Raw("SELECT name FROM people WHERE id = ?", teams[0].ID).Scan(&name), name)
				fresh := tx.Session(&gorm.Session{NewDB: true})
				r.done(fresh.Exec("UPDATE people SET origin = ? WHERE id = ?", "batch", teams[0].ID))
				return fresh.Create(&Letter{Title: "batch"}).Error
			}))
		}},
	}}
}
