package conformance

import (
	"database/sql"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// generics is GORM's generics API.
func generics() group {
	ctx := background
	return group{name: "generics", each: true, cases: []testCase{
		{name: "reads", reads: true, run: func(r *run) {
			team, err := gorm.G[Team](r.db).Where("name = ?", "team2").First(ctx)
			r.ok(err)
			r.note(team)
			people, err := gorm.G[Person](r.db).Where("age > ?", 21).Order("id").Find(ctx)
			r.ok(err)
			r.note(people)
			n, err := gorm.G[Team](r.db).Where("id > ?", 1).Count(ctx, "*")
			r.ok(err)
			r.note(n)
			last, err := gorm.G[Letter](r.db).Last(ctx)
			r.ok(err)
			r.note(last)
			taken, err := gorm.G[Person](r.db).Select("id", "name").Where("id = ?", 2).Take(ctx)
			r.ok(err)
			r.note(taken)
			_, err = gorm.G[Team](r.db).Where("id = ?", 99).First(ctx)
			r.refused(err)
		}},
		{name: "Scan, Row, Rows, FindInBatches", reads: true, run: func(r *run) {
			var rows []struct{ Name string }
			r.ok(gorm.G[Team](r.db).Select("name").Order("id").Scan(ctx, &rows))
			r.note(rows)
			var name string
			r.ok(gorm.G[Person](r.db).Select("name").Where("id = ?", 3).Row(ctx).Scan(&name))
			r.note(name)
			cursor, err := gorm.G[Team](r.db).Select("name").Where("id > ?", 1).Order("id").Rows(ctx)
			r.ok(err)
			for cursor.Next() {
				r.ok(cursor.Scan(&name))
				r.note(name)
			}
			r.ok(cursor.Close())
			r.ok(gorm.G[Person](r.db).Where("age > ?", 0).FindInBatches(ctx, 2, func(people []Person, batch int) error {
				r.note(batch, people)
				return nil
			}))
		}},
		{name: "Raw and Exec", run: func(r *run) {
			names, err := gorm.G[string](r.db).Raw("SELECT name FROM teams WHERE id IN ? ORDER BY id", []int{1, 2}).Find(ctx)
			r.ok(err)
			r.note(names)
			p, err := gorm.G[Person](r.db).Raw("SELECT * FROM people WHERE name = @name", sql.Named("name", "person2")).First(ctx)
			r.ok(err)
			r.note(p)
			r.ok(gorm.G[any](r.db).Exec(ctx, "UPDATE teams SET name = ? WHERE id = ?", "exec", 1))
			r.ok(gorm.G[Person](r.db).Exec(ctx, "UPDATE ? SET name = ? WHERE id = ?", clause.Table{Name: "people"}, "exec", 1))
		}},
		{name: "writes", run: func(r *run) {
			team := Team{Name: "g"}
			r.ok(gorm.G[Team](r.db).Create(ctx, &team))
			r.note(team)
			people := []Person{{Name: "g1"}, {Name: "g2"}, {Name: "g3", Letters: []Letter{{Title: "gl"}}}}
			r.ok(gorm.G[Person](r.db).CreateInBatches(ctx, &people, 2))
			r.note(people)
			n, err := gorm.G[Team](r.db).Where("id = ?", team.ID).Update(ctx, "name", "updated")
			r.ok(err)
			r.note(n)
			n, err = gorm.G[Person](r.db).Where("age > ?", 21).Updates(ctx, Person{Age: 1})
			r.ok(err)
			r.note(n)
			n, err = gorm.G[Stamp](r.db).Where("price > ?", 20).Delete(ctx)
			r.ok(err)
			r.note(n)
			n, err = gorm.G[Letter](r.db).Where("id = ?", 1).Delete(ctx)
			r.ok(err)
			r.note(n)
		}},
		{name: "with options", run: func(r *run) {
			result := gorm.WithResult()
			team := Team{ID: 1, Name: "conflict"}
			r.ok(gorm.G[Team](r.db, clause.OnConflict{UpdateAll: true}, result).Create(ctx, &team))
			r.note(result.RowsAffected)
			result = gorm.WithResult()
			_, err := gorm.G[Person](r.db, result, clause.Locking{Strength: "UPDATE"}).Order("id").Find(ctx)
			r.ok(err)
			r.note(result.RowsAffected)
		}},
		{name: "Preload", reads: true, run: func(r *run) {
			people, err := gorm.G[Person](r.db).Preload("Letters", func(q gorm.PreloadBuilder) error {
				q.Where("title <> ?", "letter1").Order("id")
				return nil
			}).Preload("Team", nil).Preload("Clubs", nil).Order("id").Find(ctx)
			r.ok(err)
			r.note(people)
			limited, err := gorm.G[Person](r.db).Preload("Letters", func(q gorm.PreloadBuilder) error {
				q.LimitPerRecord(1).Order("id")
				return nil
			}).Order("id").Find(ctx)
			r.ok(err)
			r.note(limited)
		}},
		{name: "Joins", reads: true, together: true, run: func(r *run) {
			people, err := gorm.G[Person](r.db).Joins(clause.LeftJoin.Association("Team"), nil).Order("people.id").Find(ctx)
			r.ok(err)
			r.note(people)
			people, err = gorm.G[Person](r.db).Joins(clause.InnerJoin.AssociationFrom("Team", gorm.G[Team](r.db).Where("name = ?", "team2")).As("t"),
				func(q gorm.JoinBuilder, joined, current clause.Table) error {
					q.Where("?.id = ?.team_id AND ?.id > ?", joined, current, joined, 1)
					return nil
				}).Order("people.id").Find(ctx)
			r.ok(err)
			r.note(len(people))
		}},
		{name: "Set", run: func(r *run) {
			ok := func(n int, err error) { r.ok(err); r.note(n) }
			ok(gorm.G[Team](r.db).Where("id = ?", 1).Set(clause.Assignment{Column: clause.Column{Name: "name"}, Value: "set"}).Update(ctx))
			r.ok(gorm.G[Team](r.db).Set(clause.Assignment{Column: clause.Column{Name: "name"}, Value: "set"}).Create(ctx))
		}},
		{name: "Table and subqueries", reads: true, run: func(r *run) {
			teams, err := gorm.G[Team](r.db).Table("teams AS t").Where("t.id > ?", 1).Order("t.id").Find(ctx)
			r.ok(err)
			r.note(teams)
			inner := gorm.G[Person](r.db).Select("id").Where("age > ?", 21)
			people, err := gorm.G[Person](r.db).Where("id IN (?)", inner).Order("id").Find(ctx)
			r.ok(err)
			r.note(people)
			named, err := gorm.G[struct{ Name string }](r.db).Table("(?) AS x", gorm.G[Team](r.db).Where("id > ?", 1)).Find(ctx)
			r.ok(err)
			r.note(len(named))
		}},
	}}
}
