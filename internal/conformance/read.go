package conformance

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// reads are the finishers that read.
func reads() group {
	return group{name: "read", each: true, cases: []testCase{
		{name: "First", reads: true, run: func(r *run) {
			var p Person
			r.done(r.db.First(&p), &p)
			var team Team
			r.done(r.db.First(&team, 2), &team)
			r.done(r.db.First(&Team{}, "name = ?", "team3"))
		}},
		{name: "First of a slice, Take, Last", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.First(&people), &people)
			var taken, last Person
			r.done(r.db.Take(&taken, "name = ?", "person2"), &taken)
			r.done(r.db.Last(&last), &last)
		}},
		{name: "Find", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Order("id DESC").Find(&people), &people)
			var pointers []*Team
			r.done(r.db.Where("id > ?", 1).Order("id").Find(&pointers), &pointers)
			var array [2]Team
			r.done(r.db.Limit(2).Order("id").Find(&array), &array)
			var none []Team
			r.done(r.db.Find(&none, "name = ?", "nobody"), &none)
		}},
		{name: "Find by keys", reads: true, run: func(r *run) {
			var teams []Team
			r.done(r.db.Order("id").Find(&teams, []int{1, 3}), &teams)
			p := Person{ID: 2}
			r.done(r.db.Take(&p), &p)
			var country Country
			r.done(r.db.First(&country, "code = ?", "be"), &country)
			slot := Slot{Day: "tue", Hour: 9}
			r.done(r.db.First(&slot), &slot)
		}},
		{name: "Find into maps", reads: true, run: func(r *run) {
			one := map[string]any{}
			r.done(r.db.Model(&Team{}).Order("id").Take(&one), &one)
			var many []map[string]any
			r.done(r.db.Model(&City{}).Order("id").Find(&many), &many)
		}},
		{name: "Find and Scan into other structs", reads: true, run: func(r *run) {
			type named struct{ Name, Origin string }
			var found, scanned []named
			r.done(r.db.Model(&Person{}).Order("id").Find(&found), &found)
			r.done(r.db.Model(&Team{}).Order("id").Scan(&scanned), &scanned)
			var one named
			r.done(r.db.Table("teams").Where("id = ?", 2).Scan(&one), &one)
		}},
		{name: "FindInBatches", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Where("age > ?", 0).FindInBatches(&people, 2, func(tx *gorm.DB, batch int) error {
				r.note(batch, tx.RowsAffected, &people)
				var team Team
				r.done(tx.Session(&gorm.Session{NewDB: true}).First(&team), &team)
				return nil
			}))
			var letters []Letter
			err := r.db.FindInBatches(&letters, 1, func(*gorm.DB, int) error { return errChanged }).Error
			r.note(errors.Is(err, errChanged))
		}},
		{name: "FirstOrInit", reads: true, run: func(r *run) {
			var found, made Team
			r.done(r.db.Where(Team{Name: "team1"}).Attrs(Team{Origin: "attrs"}).FirstOrInit(&found), &found)
			r.done(r.db.Where(Team{Name: "none"}).Attrs(Team{Origin: "attrs"}).Assign("name", "assigned").FirstOrInit(&made), &made)
		}},
		{name: "Pluck", reads: true, run: func(r *run) {
			var names []string
			r.done(r.db.Model(&Person{}).Order("id").Pluck("name", &names), &names)
			var ids []uint
			r.done(r.db.Model(&Team{}).Order("id").Pluck("id", &ids), &ids)
			r.done(r.db.Table("teams").Order("id").Pluck("origin", &names), &names)
			r.done(r.db.Model(&Person{}).Distinct().Order("origin").Pluck("origin", &names), &names)
		}},
		{name: "Count", reads: true, run: func(r *run) {
			var n int64
			r.done(r.db.Model(&Person{}).Count(&n), n)
			r.done(r.db.Model(&Team{}).Where("origin = ?", real).Count(&n), n)
			r.done(r.db.Unscoped().Model(&Person{}).Count(&n), n)
			r.done(r.db.Model(&Person{}).Distinct("team_id").Count(&n), n)
			r.done(r.db.Model(&Person{}).Group("team_id").Count(&n), n)
			r.done(r.db.Table("letters").Count(&n), n)
			r.done(r.db.Model(&Person{}).Select("name").Count(&n), n)
		}},
		{name: "Row, Rows, ScanRows", reads: true, run: func(r *run) {
			var origin string
			r.ok(r.db.Model(&Person{}).Select("origin").Where("id = ?", 1).Row().Scan(&origin))
			r.note(origin)
			r.ok(r.db.Table("teams").Select("name").Where("id = ?", 1).Row().Scan(&origin))
			r.note(origin)
			for _, model := range []any{&Person{}, &Team{}} {
				rows, err := r.db.Model(model).Where("id > ?", 1).Order("id").Rows()
				r.ok(err)
				columns, err := rows.Columns()
				r.ok(err)
				r.note(columns)
				for rows.Next() {
					var row struct{ Name, Origin string }
					r.ok(r.db.ScanRows(rows, &row))
					r.note(row)
				}
				r.ok(errors.Join(rows.Err(), rows.Close()))
			}
		}},
		{name: "Scan into columns", reads: true, run: func(r *run) {
			var n int64
			r.done(r.db.Model(&Team{}).Select("count(*)").Scan(&n), n)
			var names []string
			r.done(r.db.Model(&Team{}).Select("name").Order("id").Scan(&names), &names)
			var pair struct {
				Least uint
				Most  uint
			}
			r.done(r.db.Model(&Letter{}).Select("min(id) AS least, max(id) AS most").Scan(&pair), pair)
		}},
		{name: "Select, Omit, Distinct", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Select("id", "name").Order("id").Find(&people), &people)
			r.done(r.db.Select([]string{"name", "age"}).Order("id").Find(&people), &people)
			r.done(r.db.Select("id, age + ? AS age", 100).Order("id").Find(&people), &people)
			r.done(r.db.Omit("created_at", "UpdatedAt").Order("id").Find(&people), &people)
			var origins []Team
			r.done(r.db.Distinct("origin").Find(&origins), &origins)
		}},
		{name: "Group, Having, Order, Limit, Offset", reads: true, run: func(r *run) {
			var groups []struct {
				TeamID *uint
				N      int
			}
			r.done(r.db.Model(&Person{}).Select("team_id, count(*) AS n").Where("team_id IS NOT NULL").Group("team_id").
				Having("count(*) > ?", 0).Order("team_id").Scan(&groups), &groups)
			var letters []Letter
			r.done(r.db.Order("title DESC").Limit(2).Offset(1).Find(&letters), &letters)
			r.done(r.db.Order("id").Limit(-1).Find(&letters), &letters)
			r.done(r.db.Order("id").Limit(10).Offset(2).Limit(1).Find(&letters), &letters)
		}},
		{name: "Offset without Limit", reads: true, only: []string{sqlite, postgres}, run: func(r *run) {
			var people []Person
			r.done(r.db.Order("id").Offset(1).Find(&people), &people)
		}},
		{name: "soft-deleted rows", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Unscoped().Order("id").Find(&people), &people)
			err := r.db.First(&Person{}, 4).Error
			r.refused(err)
		}},
		{name: "Table", reads: true, run: func(r *run) {
			var rows []struct{ Name, Origin string }
			for _, name := range []string{"teams", "people"} {
				for _, spelled := range []string{name, name + " AS t", name + " t", r.schema(name) + "." + name} {
					r.done(r.db.Table(spelled).Select("name", "origin").Where("id < ?", 3).Order("id").Find(&rows), &rows)
				}
				r.done(r.db.Table(name+" AS t").Select("t.name").Where("t.id = ?", 2).Scan(&rows), &rows)
				r.done(r.db.Table(r.schema(name)+"."+name+" AS t").Where("t.id = ?", 2).Scan(&rows), &rows)
				r.done(r.db.Table(r.schema(name)+"."+name+" AS t").Where("t.id > ?", 1).Order("id").Limit(1).Scan(&rows), &rows)
			}
			var teams []Team
			r.done(r.db.Table("teams AS t").Order("t.id").Find(&teams), &teams)
			r.done(r.db.Table(r.schema("teams")+".teams").Order("id").Find(&teams, "name LIKE ?", "team%"), &teams)
			r.done(r.db.Model(&Person{}).Table("people AS p").Where("p.age > ?", 1).Order("p.id").Pluck("name", &[]string{}))
		}},
		{name: "Table with a subquery", reads: true, run: func(r *run) {
			var rows []struct{ Name string }
			for _, model := range []any{&Team{}, &Person{}} {
				inner := r.db.Model(model).Select("id", "name").Where("id > ?", 1)
				r.done(r.db.Table("(?) AS t", inner).Where("t.name <> ?", "x").Order("t.id").Find(&rows), &rows)
				r.done(r.db.Table("(?) AS t", r.db.Raw("SELECT name FROM teams WHERE id = ?", 2)).Find(&rows), &rows)
			}
			r.done(r.db.Table("(?) AS a, (?) AS b", r.db.Model(&Team{}).Where("id = ?", 1), r.db.Model(&Club{}).Where("id = ?", 2)).
				Where("a.id < b.id").Select("a.name").Find(&rows), &rows)
		}},
		{name: "Scopes", reads: true, run: func(r *run) {
			adult := func(tx *gorm.DB) *gorm.DB { return tx.Where("age >= ?", 22) }
			ordered := func(column string) func(*gorm.DB) *gorm.DB {
				return func(tx *gorm.DB) *gorm.DB { return tx.Order(column) }
			}
			var people []Person
			r.done(r.db.Scopes(adult, ordered("id")).Find(&people), &people)
			from := func(name string) func(*gorm.DB) *gorm.DB {
				return func(tx *gorm.DB) *gorm.DB { return tx.Table(r.schema(name) + "." + name) }
			}
			var names []string
			r.done(r.db.Scopes(from("teams"), ordered("id")).Pluck("name", &names), &names)
			r.done(r.db.Scopes(from("people"), ordered("id")).Where("age > ?", 21).Pluck("name", &names), &names)
		}},
		{name: "joins of tables", reads: true, together: true, run: func(r *run) {
			var rows []struct{ Name, Team string }
			r.done(r.db.Model(&Person{}).Select("people.name, teams.name AS team").
				Joins("LEFT JOIN teams ON teams.id = people.team_id AND teams.id > ?", 1).Order("people.id").Scan(&rows), &rows)
			r.done(r.db.Table("letters AS l").Select("p.name").Joins("JOIN people p ON p.id = l.person_id").Where("l.id = ?", 4).Scan(&rows), &rows)
			r.done(r.db.Model(&Person{}).Select("people.name").Joins("JOIN (?) AS t ON t.id = people.team_id",
				r.db.Model(&Team{}).Where("name = ?", "team2")).Where("people.age > ?", 0).Order("people.id").Scan(&rows), &rows)
		}},
		{name: "joins in one bind", reads: true, run: func(r *run) {
			var rows []struct{ Owner, Pet string }
			r.done(r.db.Table("owners").Select("owners.name AS owner, pets.name AS pet").
				Joins("JOIN pets ON pets.owner_id = owners.id AND pets.id >= ?", 1).Where("owners.id = ?", 1).Order("pets.id").Scan(&rows), &rows)
			var people []Person
			r.done(r.db.Joins("Boss").Where("people.id > ?", 1).Order("people.id").Find(&people), &people)
			r.done(r.db.InnerJoins("Boss", r.db.Where(&Person{Name: "person1"})).Order("people.id").Find(&people), &people)
		}},
		{name: "joins of relations", reads: true, together: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Joins("Team").Order("people.id").Find(&people), &people)
			r.done(r.db.Joins("Team", r.db.Where(&Team{Name: "team2"})).Joins("Passport").Order("people.id").Find(&people), &people)
			r.done(r.db.InnerJoins("Team").Where(clause.Eq{Column: clause.Column{Table: "Team", Name: "name"}, Value: "team2"}).Limit(0).Find(&people), &people)
			var letters []Letter
			r.done(r.db.Joins("Person").Joins("Person.Team").Order("letters.id").Find(&letters), &letters)
			r.done(r.db.Joins("Person", r.db.Select("name")).Preload("Stamps").Order("letters.id").Find(&letters), &letters)
		}},
		{name: "ErrRecordNotFound", reads: true, run: func(r *run) {
			r.refused(r.db.First(&Person{}, 999).Error)
			r.refused(r.db.Take(&Team{}, "name = ?", "none").Error)
			r.refused(r.db.Last(&Letter{}, "id < ?", 0).Error)
			tx := r.db.Limit(1).Find(&Team{}, "id = ?", -1)
			r.done(tx)
		}},
		{name: "one chain, several finishers", reads: true, run: func(r *run) {
			chain := r.db.Model(&Team{}).Where("id > ?", 1).Session(&gorm.Session{})
			var n int64
			r.done(chain.Count(&n), n)
			var teams []Team
			r.done(chain.Order("id").Find(&teams), &teams)
			r.done(chain.Where("name = ?", "team3").Find(&teams), &teams)
			// one statement after the other on the same handle, of both binds
			for i := 1; i < 4; i++ {
				var p Person
				var team Team
				r.done(r.db.Take(&p, i), p.Name)
				r.done(r.db.Take(&team, i), team.Name)
			}
		}},
		{name: "a result used again", reads: true, run: func(r *run) {
			var n int64
			tx := r.db.Model(&Team{}).Where("id > ?", 1)
			var teams []Team
			r.done(tx.Count(&n), n)
			r.done(tx.Order("id").Find(&teams), &teams)
			var count int64
			people := r.db.Where("age > ?", 20).Limit(5).Order("id")
			var found []Person
			people = people.Find(&found)
			r.done(people, &found)
			r.done(people.Offset(-1).Count(&count), count)
		}},
	}}
}

var (
	errForever = errors.New("this one stays for ever")
	errChanged = errors.New("the program changed its mind")
)
