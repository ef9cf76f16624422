package conformance

import (
	"database/sql"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// conditions are what stands in Where, Not, Or and Having, and the values there.
func conditions() group {
	return group{name: "condition", each: true, cases: []testCase{
		{name: "struct and map", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Where(&Person{Name: "person1", Age: 21}).Find(&people), &people)
			r.done(r.db.Where(&Person{Name: "person1"}, "Name", "Age").Find(&people), &people)
			r.done(r.db.Where(map[string]any{"name": "person2", "age": 22}).Find(&people), &people)
			r.done(r.db.Where(map[string]any{"id": []int{1, 2}}).Order("id").Find(&people), &people)
			r.done(r.db.Where([]Person{{ID: 1}, {ID: 3}}).Order("id").Find(&people), &people)
			var teams []Team
			r.done(r.db.Order("id").Find(&teams, Team{Origin: real}), &teams)
			r.done(r.db.Order("id").Find(&teams, map[string]any{"name": []string{"team1", "team3"}}), &teams)
			var slots []Slot
			r.done(r.db.Where([]Slot{{Day: "tue", Hour: 9}, {Day: "mon", Hour: 10}}).Order("hour").Find(&slots), &slots)
			r.done(r.db.Where("(day, hour) IN ?", [][]any{{"tue", 9}, {"mon", 10}}).Order("hour").Find(&slots), &slots)
		}},
		{name: "Or and Not", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Where("age > ?", 30).Or("name = ?", "person1").Or(Person{Name: "person2"}).Order("id").Find(&people), &people)
			r.done(r.db.Not("age = ?", 21).Order("id").Find(&people), &people)
			r.done(r.db.Not(map[string]any{"name": []string{"person1", "person2"}}).Order("id").Find(&people), &people)
			r.done(r.db.Not([]int{1, 2}).Order("id").Find(&people), &people)
			r.done(r.db.Where(r.db.Where("age < ?", 22).Or("age > ?", 22)).Where(r.db.Where("name LIKE ?", "p%").Or("id IN ?", []int{9})).
				Order("id").Find(&people), &people)
			var teams []Team
			r.done(r.db.Not(Team{Name: "team1"}).Not("id = ?", 3).Find(&teams), &teams)
		}},
		{name: "named arguments", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Where("name = @name OR age = @age", sql.Named("name", "person1"), sql.Named("age", 22)).Order("id").Find(&people), &people)
			r.done(r.db.Where("name = @name OR origin = @name", map[string]any{"name": "person3"}).Find(&people), &people)
			var teams []Team
			r.done(r.db.Where("name = @Name", Team{Name: "team2"}).Find(&teams), &teams)
			r.done(r.db.Where("id IN @ids AND name <> @none", map[string]any{"ids": []int{1, 2}, "none": nil}).Find(&teams), &teams)
			r.done(r.db.Having("count(*) > @n", sql.Named("n", 0)).Group("origin").Select("origin").Find(&teams), &teams)
		}},
		{name: "slices, nil, bytes, times and bools", reads: true, run: func(r *run) {
			var specimens []Specimen
			at := moment.Add(456 * time.Microsecond)
			r.done(r.db.Where("at = ?", at).Order("id").Find(&specimens), &specimens)
			r.done(r.db.Where("at BETWEEN ? AND ?", at.Add(-time.Microsecond), &at).Order("id").Find(&specimens), len(specimens))
			r.done(r.db.Where(map[string]any{"maybe": nil}).Find(&specimens), len(specimens))
			r.done(r.db.Where("yes = ?", true).Find(&specimens), len(specimens))
			r.done(r.db.Where(&Specimen{Yes: true}).Or("yes = ? AND id = ?", false, 2).Find(&specimens), len(specimens))
			r.done(r.db.Where(clause.Eq{Column: "blob", Value: []byte{0, 1, 0xfe, 0xff}}).Find(&specimens), len(specimens))
			r.done(r.db.Where("id IN ?", []uint64{1, 2}).Where("small IN (?)", []int8{-1, -2}).Find(&specimens), len(specimens))
			r.done(r.db.Where("id IN ?", []int{}).Find(&specimens), len(specimens))
			r.done(r.db.Where("id NOT IN (?)", []int{7}).Find(&specimens), len(specimens))
			r.done(r.db.Where("ratio > ? AND ratio < ?", 0.2, float32(0.5)).Find(&specimens), len(specimens))
			r.done(r.db.Where("perhaps = ?", sql.NullString{String: "yes", Valid: true}).Find(&specimens), len(specimens))
			r.done(r.db.Where("text = ?", specimen(1, "").Text).Find(&specimens), len(specimens))
			r.done(r.db.Where("text LIKE ? AND text <> '?'", "%\"quoted\"%").Find(&specimens), len(specimens))
		}},
		{name: "expressions", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Clauses(clause.Eq{Column: "name", Value: "person1"}).Find(&people), &people)
			r.done(r.db.Where(clause.Or(clause.Gt{Column: clause.Column{Name: "age"}, Value: 22}, clause.Like{Column: "name", Value: "%1"})).
				Order("id").Find(&people), &people)
			r.done(r.db.Where(clause.IN{Column: clause.Column{Table: clause.CurrentTable, Name: "id"}, Values: []any{1, 2}}).Order("id").Find(&people), &people)
			r.done(r.db.Where(gorm.Expr("age + ? = ?", 1, 22)).Find(&people), &people)
			r.done(r.db.Where("age = ?", gorm.Expr("20 + ?", 1)).Find(&people), &people)
			r.done(r.db.Clauses(clause.OrderBy{Expression: clause.Expr{SQL: "CASE WHEN id = ? THEN 0 ELSE 1 END, id", Vars: []any{2}}}).Find(&people), &people)
			var teams []Team
			r.done(r.db.Order(clause.OrderByColumn{Column: clause.Column{Name: "name"}, Desc: true}).Find(&teams), &teams)
			r.done(r.db.Where(clause.Not(clause.Eq{Column: clause.PrimaryColumn, Value: 1})).Order(clause.PrimaryColumn.Name).Find(&teams), &teams)
		}},
		{name: "subqueries", reads: true, together: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Where("team_id IN (?)", r.db.Model(&Team{}).Select("id").Where("name = ?", "team2")).Order("id").Find(&people), &people)
			r.done(r.db.Where("team_id = (?)", r.db.Table("teams").Select("max(id)").Where("id < ?", 3)).Order("id").Find(&people), &people)
			r.done(r.db.Where("EXISTS (?)", r.db.Table("letters").Select("1").Where("letters.person_id = people.id AND title <> ?", "x")).
				Where("age < ?", 99).Order("id").Find(&people), &people)
			r.done(r.db.Select("name, (?) AS origin", r.db.Model(&Team{}).Select("name").Where("teams.id = people.team_id")).
				Where("age > ?", 1).Order("id").Find(&people), &people)
			r.done(r.db.Where("id IN (?)", r.db.Raw("SELECT person_id FROM letters WHERE id > ?", 2)).Order("id").Find(&people), &people)
		}},
		{name: "subqueries in one bind", reads: true, run: func(r *run) {
			for _, model := range []string{"people", "teams"} {
				var names []string
				r.done(r.db.Table(model).Where("id < (?)", r.db.Table(model).Select("max(id)").Where("id > ?", 0)).Where("name <> ?", "x").
					Order("id").Pluck("name", &names), &names)
			}
			var groups []struct {
				Origin string
				N      int
			}
			r.done(r.db.Model(&Letter{}).Select("origin, count(*) AS n").Group("origin").
				Having("count(*) > (?)", r.db.Model(&Letter{}).Select("count(*) - ?", 3)).Find(&groups), &groups)
			var people []Person
			sub := r.db.Model(&Person{}).Select("avg(age)").Where("age > ?", 0)
			r.done(r.db.Where("age >= (?) AND name <> ?", sub, "none").Order("id").Find(&people), &people)
			r.done(r.db.Where("age >= (@average) AND name <> @name", sql.Named("average", sub), sql.Named("name", "none")).Order("id").Find(&people), &people)
			r.done(r.db.Where("id IN (?)", r.db.Where("id = ?", 1).Or("id = ?", 2).Table("people").Select("id")).Order("id").Find(&people), &people)
		}},
	}}
}
