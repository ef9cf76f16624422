package conformance

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// clauses are those that dialects build in their own way: locks, upserts,
// RETURNING, and hints of the program.
func clauses() group {
	return group{name: "clause", each: true, cases: []testCase{
		{name: "Locking", run: func(r *run) {
			for _, strength := range []string{clause.LockingStrengthUpdate, clause.LockingStrengthShare} {
				var team Team
				var p Person
				r.done(r.db.Clauses(clause.Locking{Strength: strength}).Take(&team, 2), &team)
				r.done(r.db.Clauses(clause.Locking{Strength: strength}).Order("id").Limit(1).Take(&p, "age > ?", 21), &p)
			}
			var people []Person
			r.done(r.db.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsNoWait}).Order("id").Find(&people), &people)
			r.done(r.db.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked}).Order("id").Find(&people), &people)
		}},
		{name: "Locking of a table", only: []string{postgres, sqlite}, run: func(r *run) {
			var people []Person
			r.done(r.db.Clauses(clause.Locking{Strength: "UPDATE", Table: clause.Table{Name: clause.CurrentTable}}).Order("id").Find(&people), &people)
		}},
		{name: "OnConflict DoNothing", run: func(r *run) {
			r.done(r.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&Team{ID: 1, Name: "again"}))
			r.done(r.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&Person{Name: "person1"}))
			r.done(r.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&[]Country{{Code: "at", Name: "again"}, {Code: "zz", Name: "new"}}))
			r.done(r.db.Clauses(clause.Insert{Modifier: "IGNORE"}).Session(&gorm.Session{DryRun: true}).Create(&Team{ID: 1, Name: "again"}))
		}},
		{name: "OnConflict UpdateAll", run: func(r *run) {
			team := Team{ID: 2, Name: "all", Origin: "new"}
			r.done(r.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&team), &team)
			teams := []Team{{ID: 1, Name: "one"}, {ID: 50, Name: "fifty"}}
			r.done(r.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&teams), &teams)
			slot := Slot{Day: "tue", Hour: 9, Room: "other"}
			r.done(r.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&slot), &slot)
			p := Person{ID: 1, Name: "person1", Age: 99}
			r.done(r.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&p), &p)
			ticket := Ticket{ID: 1, Title: "upsert"}
			r.done(r.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&ticket), &ticket)
		}},
		{name: "OnConflict Columns and DoUpdates", run: func(r *run) {
			r.done(r.db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "code"}},
				DoUpdates: clause.AssignmentColumns([]string{"name"})}).Create(&[]Country{{Code: "at", Name: "updated"}, {Code: "zz", Name: "new"}}))
			r.done(r.db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}},
				DoUpdates: clause.Assignments(map[string]any{"name": "assigned", "origin": gorm.Expr("?", "expr")})}).Create(&Team{ID: 1, Name: "ignored"}))
			r.done(r.db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "name"}},
				DoUpdates: clause.Assignments(map[string]any{"age": gorm.Expr("people.age + ?", 10)})}).Create(&Person{ID: 77, Name: "person2"}))
		}},
		{name: "OnConflict Where", only: []string{postgres, sqlite}, run: func(r *run) {
			r.done(r.db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"name"}),
				Where: clause.Where{Exprs: []clause.Expression{clause.Eq{Column: clause.Column{Table: "teams", Name: "origin"}, Value: "none"}}}}).
				Create(&Team{ID: 1, Name: "not"}))
		}},
		{name: "OnConflict OnConstraint", only: []string{postgres}, run: func(r *run) {
			r.done(r.db.Clauses(clause.OnConflict{OnConstraint: "teams_pkey", DoNothing: true}).Create(&Team{ID: 1, Name: "not"}))
		}},
		{name: "Returning of Create", run: func(r *run) {
			ticket := Ticket{Title: "t"}
			r.done(r.db.Clauses(clause.Returning{}).Create(&ticket), &ticket)
			team := Team{Name: "t"}
			r.done(r.db.Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}}}).Create(&team), &team)
		}},
		{name: "Returning of Delete", run: func(r *run) {
			var teams []Team
			r.done(r.db.Clauses(clause.Returning{}).Where("id > ?", 1).Delete(&teams), len(teams))
			var letters []Stamp
			r.done(r.db.Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}, {Name: "price"}}}).Where("id = ?", 2).Delete(&letters), &letters)
		}},
		{name: "Returning of Update", only: []string{postgres, sqlite}, run: func(r *run) {
			var teams []Team
			r.done(r.db.Model(&teams).Clauses(clause.Returning{}).Where("id = ?", 1).Update("name", "returned"), &teams)
			p := Person{ID: 1}
			r.done(r.db.Model(&p).Clauses(clause.Returning{Columns: []clause.Column{{Name: "name"}, {Name: "age"}}}).Update("age", gorm.Expr("age + ?", 1)), &p)
		}},
		{name: "From and Limit of Update and Delete", only: []string{mariadb}, run: func(r *run) {
			r.done(r.db.Model(&Team{}).Where("id > ?", 0).Order("id DESC").Limit(1).Update("name", "last"))
			r.done(r.db.Where("id > ?", 0).Order("id").Limit(1).Delete(&Stamp{}))
			r.done(r.db.Where("id > ?", 0).Order("id").Limit(1).Delete(&Letter{})) // a soft delete
		}},
		{name: "Select with a modifier", reads: true, run: func(r *run) {
			var teams []Team
			r.done(r.db.Clauses(clause.Select{Distinct: true, Columns: []clause.Column{{Name: "origin"}}}).Find(&teams), &teams)
			r.done(r.db.Clauses(clause.From{Tables: []clause.Table{{Name: "teams", Alias: "t"}}}).Select("t.name").Order("t.id").Find(&teams), &teams)
			r.done(r.db.Clauses(clause.Limit{Limit: ref(1), Offset: 1}).Order("id").Find(&teams), &teams)
		}},
	}}
}
