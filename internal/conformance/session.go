package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// sessions are the switches of gorm.Session, and statements that are made but
// not run.
func sessions() group {
	made := func(r *run, tx *gorm.DB) {
		r.ok(tx.Error)
		r.note(tx.Statement.SQL.String(), tx.Statement.Vars)
	}
	return group{name: "session", each: true, cases: []testCase{
		{name: "DryRun", reads: true, run: func(r *run) {
			dry := r.db.Session(&gorm.Session{DryRun: true})
			made(r, dry.Where("name = ?", "x").Limit(3).Find(&[]Person{}))
			made(r, dry.First(&Team{}, 1))
			made(r, dry.Create(&Person{Name: "x", CreatedAt: moment}))
			made(r, dry.Create(&[]Team{{Name: "x"}, {Name: "y"}}))
			made(r, dry.Clauses(clause.OnConflict{UpdateAll: true}).Create(&Team{ID: 1, Name: "x"}))
			made(r, dry.Model(&Team{ID: 1}).Updates(map[string]any{"name": "x", "origin": gorm.Expr("upper(?)", "y")}))
			made(r, dry.Delete(&Letter{ID: 1}))
			made(r, dry.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&Team{}))
			made(r, dry.Raw("SELECT * FROM teams WHERE id = ? AND name IN ?", 1, []string{"a", "b"}).Find(&[]Team{}))
			made(r, dry.Exec("UPDATE people SET name = @n WHERE id = @id", map[string]any{"n": "x", "id": 1}))
			made(r, dry.Table("(?) AS t", r.db.Model(&Team{}).Where("id > ?", 1)).Where("t.id < ?", 9).Find(&[]Team{}))
			made(r, dry.Model(&Person{}).Where("id IN (?)", r.db.Model(&Person{}).Select("boss_id").Where("age > ?", 1)).Count(new(int64)))
			made(r, dry.Table(r.schema("teams")+".teams AS t").Where("t.id = ?", 1).Find(&[]map[string]any{}))
		}},
		{name: "ToSQL", reads: true, run: func(r *run) {
			at := time.Date(2020, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
			for _, query := range []func(tx *gorm.DB) *gorm.DB{
				func(tx *gorm.DB) *gorm.DB { return tx.Where("name = ? AND age > ?", "it's", 3).Find(&[]Person{}) },
				func(tx *gorm.DB) *gorm.DB {
					return tx.Where("created_at > ?", at).Or("updated_at IS ?", nil).Find(&[]Person{})
				},
				func(tx *gorm.DB) *gorm.DB { return tx.Where("id IN ?", []int{1, 2, 3}).Delete(&Team{}) },
				func(tx *gorm.DB) *gorm.DB { return tx.Create(&Team{Name: `q"u'o`, Origin: "`x` $1 ?"}) },
				func(tx *gorm.DB) *gorm.DB { return tx.Model(&Letter{ID: 1}).Update("title", "x") },
				func(tx *gorm.DB) *gorm.DB {
					return tx.Raw("SELECT ? FROM teams WHERE name = ?", 1.5, []byte("b")).Scan(&[]int{})
				},
				func(tx *gorm.DB) *gorm.DB {
					return tx.Table("people AS p").Select("p.id").Where("p.id = ?", 12).Scan(&[]int{})
				},
				func(tx *gorm.DB) *gorm.DB {
					return tx.Exec("UPDATE specimens SET yes = ?, `blob` = ?", true, []byte{0, 1})
				},
				func(tx *gorm.DB) *gorm.DB {
					return tx.Where("a = ? AND b = ? AND c = ? AND d = ? AND e = ? AND f = ? AND g = ? AND h = ? AND i = ? AND j = ? AND k = ?",
						1, 2, 3, 4, 5, 6, 7, 8, 9, "$1", "ten").Find(&[]Stamp{})
				},
			} {
				r.note(r.db.ToSQL(query))
			}
		}},
		{name: "PrepareStmt", run: func(r *run) {
			db := r.db.Session(&gorm.Session{PrepareStmt: true})
			for i := 1; i < 4; i++ {
				var p Person
				var team Team
				r.done(db.Take(&p, "id = ?", i), &p)
				r.done(db.Take(&team, "id = ?", i), &team)
				r.done(db.Model(&team).Update("name", "prepared"))
				r.done(db.Create(&Letter{Title: "prepared"}))
			}
			var names []string
			r.done(db.Raw("SELECT name FROM teams WHERE id = ?", 1).Scan(&names), &names)
		}},
		{name: "QueryFields", reads: true, run: func(r *run) {
			db := r.db.Session(&gorm.Session{QueryFields: true})
			var teams []Team
			r.done(db.Order("id").Find(&teams), &teams)
			var people []Person
			r.done(db.Preload("Letters").Preload("Clubs").Order("id").Find(&people), &people)
		}},
		{name: "NewDB, Context and Debug", reads: true, run: func(r *run) {
			chain := r.db.Where("id = ?", 1)
			var team Team
			r.done(chain.Session(&gorm.Session{NewDB: true}).Last(&team), &team)
			ctx, cancel := context.WithCancel(background)
			var p Person
			r.done(r.db.WithContext(ctx).Take(&p, 2), &p)
			r.done(r.db.Debug().Take(&Team{}, 2))
			cancel()
			err := r.db.WithContext(ctx).Take(&Team{}, 2).Error
			r.note(err != nil)
		}},
		{name: "Set and Get", run: func(r *run) {
			tx := r.db.Set("mine", "value").Take(&Team{}, 1)
			value, ok := tx.Get("mine")
			r.done(tx, value, ok)
			r.done(r.db.Set("gorm:insert_option", "").Create(&Team{Name: "x"}))
			r.done(r.db.Set("gorm:query_option", "").Take(&Team{}, 1))
		}},
		{name: "PropagateUnscoped", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Session(&gorm.Session{PropagateUnscoped: true}).Unscoped().Preload("Letters").Order("id").Find(&people), &people)
		}},
		{name: "MapColumns", reads: true, run: func(r *run) {
			var teams []Team
			r.done(r.db.MapColumns(map[string]string{"name": "origin", "origin": "name"}).Order("id").Find(&teams), &teams)
		}},
		{name: "Connection", alone: true, reads: true, together: true, run: func(r *run) {
			take := func(tx *gorm.DB) error {
				var team Team
				return tx.Session(&gorm.Session{NewDB: true}).Take(&team, 2).Error
			}
			tx := r.db
			if !r.twin && r.target.at("teams").label == analyticsKey {
				tx = tx.Clauses(useOf(analyticsKey))
				if r.suite.tenants { // GORM asks for the pool without a context: docs/limits.md
					if err := tx.Connection(take); !errors.Is(err, bindkey.ErrNoTenant) {
						r.ok(fmt.Errorf("a connection of no tenant: %v", err))
					}
					r.ok(tx.Transaction(take))
					return
				}
			}
			r.ok(tx.Connection(take))
		}},
	}}
}
