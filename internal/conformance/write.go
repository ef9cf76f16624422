package conformance

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// writes are the finishers that write.
func writes() group {
	return group{name: "write", each: true, cases: []testCase{
		{name: "Create", run: func(r *run) {
			p := Person{Name: "new", Age: 5, Origin: "new"}
			r.done(r.db.Create(&p), &p)
			team := Team{Name: "new", Origin: "new"}
			r.done(r.db.Create(&team), &team)
			given := Team{ID: 77, Name: "given"}
			r.done(r.db.Create(&given), &given)
			country := Country{Code: "xx", Name: "new"}
			r.done(r.db.Create(&country), &country)
			slot := Slot{Day: "sun", Hour: 0, Room: "none"}
			r.done(r.db.Create(&slot), &slot)
		}},
		{name: "Create batches", run: func(r *run) {
			teams := []Team{{Name: "a"}, {Name: "b"}, {Name: "c"}}
			r.done(r.db.Create(&teams), &teams)
			pointers := []*Person{{Name: "pa"}, {Name: "pb"}}
			r.done(r.db.Create(&pointers), &pointers)
			var array = [2]Letter{{Title: "x"}, {Title: "y"}}
			r.done(r.db.Create(&array), &array)
			mixed := []Team{{Name: "d"}, {ID: 90, Name: "e"}}
			r.done(r.db.Create(&mixed))
		}},
		{name: "CreateInBatches", run: func(r *run) {
			teams := []Team{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}}
			r.done(r.db.CreateInBatches(&teams, 2), &teams)
			people := []Person{{Name: "pa"}, {Name: "pb"}, {Name: "pc"}}
			r.done(r.db.CreateInBatches(&people, 2), &people)
			r.done(r.db.Session(&gorm.Session{CreateBatchSize: 2}).Create(&[]Letter{{Title: "1"}, {Title: "2"}, {Title: "3"}}))
		}},
		{name: "Create from maps", run: func(r *run) {
			r.done(r.db.Model(&Team{}).Create(map[string]any{"name": "m", "Origin": "map"}))
			r.done(r.db.Model(&Person{}).Create(&[]map[string]any{{"Name": "m1", "Age": 1}, {"Name": "m2", "Age": 2}}))
			r.done(r.db.Table("clubs").Create(map[string]any{"name": "m", "origin": gorm.Expr("?", "expr")}))
			r.done(r.db.Model(&Team{}).Create(map[string]any{"name": clause.Expr{SQL: "upper(?)", Vars: []any{"up"}}}))
		}},
		{name: "Create with Select and Omit", run: func(r *run) {
			p := Person{Name: "selected", Age: 5, Origin: "new", Letters: []Letter{{Title: "no"}}}
			r.done(r.db.Select("Name", "Origin").Create(&p), p.ID)
			p = Person{Name: "omitted", Age: 5, Origin: "new", Letters: []Letter{{Title: "no"}}}
			r.done(r.db.Omit("Age", "Letters").Create(&p), p.ID)
		}},
		{name: "Create in a table", run: func(r *run) {
			club := Club{Name: "t"}
			r.done(r.db.Table("clubs").Create(&club), &club)
			type row struct {
				ID   uint
				Name string
			}
			other := row{Name: "other"}
			r.done(r.db.Table(r.schema("teams")+".teams").Create(&other), &other)
		}},
		{name: "Save", run: func(r *run) {
			var team Team
			r.done(r.db.First(&team, 2))
			team.Name = "saved"
			r.done(r.db.Save(&team), &team)
			made := Person{Name: "saved", Age: 7}
			r.done(r.db.Save(&made), &made)
			absent := Team{ID: 88, Name: "upserted"}
			r.done(r.db.Save(&absent), &absent)
			several := []Team{{ID: 1, Name: "s1"}, {Name: "s2"}}
			r.done(r.db.Save(&several))
			slot := Slot{Day: "tue", Hour: 9, Room: "saved"}
			r.done(r.db.Save(&slot), &slot)
			country := Country{Code: "zz", Name: "saved"}
			r.done(r.db.Save(&country), &country)
		}},
		{name: "FirstOrCreate", run: func(r *run) {
			var found, made Team
			r.done(r.db.Where(Team{Name: "team1"}).FirstOrCreate(&found), &found)
			r.done(r.db.Where(Team{Name: "made"}).Attrs(Team{Origin: "attrs"}).FirstOrCreate(&made), &made)
			var assigned, again Person
			r.done(r.db.Where(Person{Name: "person1"}).Assign(Person{Age: 55}).FirstOrCreate(&assigned), assigned.Age)
			r.done(r.db.Where("name = ?", "made").Attrs("origin", "attrs").Assign(map[string]any{"age": 4}).FirstOrCreate(&again), again.Age, again.Origin)
		}},
		{name: "Update", run: func(r *run) {
			r.done(r.db.Model(&Team{}).Where("id = ?", 1).Update("name", "u"))
			p := Person{ID: 2}
			r.done(r.db.Model(&p).Update("age", 66), p.Age)
			r.done(r.db.Model(&p).Update("age", gorm.Expr("age * ? + ?", 2, 1)))
			r.done(r.db.Model(&Person{}).Where("age > ?", 1).Update("team_id", nil))
			r.done(r.db.Table("teams").Where("id IN ?", []int{2, 3}).Update("origin", "table"))
			r.done(r.db.Table(r.schema("clubs")+".clubs").Where("id = ?", 2).Update("name", "full"))
			r.done(r.db.Model(&Team{}).Where("1 = 1").Update("name", "all"))
		}},
		{name: "Updates", run: func(r *run) {
			team := Team{ID: 1}
			r.done(r.db.Model(&team).Updates(Team{Name: "u", Origin: "struct"}), &team)
			r.done(r.db.Model(&Person{}).Where("id > ?", 1).Updates(map[string]any{"age": 0, "Origin": "map", "boss_id": nil}))
			r.done(r.db.Model(&Person{ID: 1}).Select("Age", "Origin").Updates(Person{Name: "not", Origin: "select"}))
			r.done(r.db.Model(&Person{ID: 2}).Omit("Origin").Updates(map[string]any{"name": "renamed", "origin": "not"}))
			r.done(r.db.Model(&Team{ID: 3}).Select("*").Omit("id").Updates(Team{Name: "star"}))
			r.done(r.db.Updates(&Team{ID: 2, Name: "itself"}))
		}},
		{name: "Updates with subqueries in one bind", run: func(r *run) {
			r.done(r.db.Model(&Person{ID: 1}).Update("origin", r.db.Table("stamps").Select("origin").Where("id = ?", 1)))
			r.done(r.db.Model(&Team{ID: 1}).Updates(map[string]any{"name": r.db.Model(&Club{}).Select("name").Where("id = ?", 2), "origin": "sub"}))
		}},
		{name: "UpdateColumn, UpdateColumns", run: func(r *run) {
			r.done(r.db.Model(&Person{ID: 1}).UpdateColumn("age", 70))
			r.done(r.db.Model(&Person{}).Where("id > ?", 1).UpdateColumns(map[string]any{"age": gorm.Expr("age + ?", 1), "origin": "columns"}))
			r.done(r.db.Model(&Team{ID: 1}).UpdateColumns(Team{Name: "columns"}))
			r.done(r.db.Model(&Order{ID: 1}).UpdateColumn("item", "no hooks"))
		}},
		{name: "Delete", run: func(r *run) {
			r.done(r.db.Delete(&Team{}, 1))
			r.done(r.db.Delete(&Team{ID: 2}))
			r.done(r.db.Where("price > ?", 20).Delete(&Stamp{}))
			r.done(r.db.Delete(&[]Club{{ID: 1}, {ID: 2}}))
			r.done(r.db.Delete(&Slot{Day: "tue", Hour: 9}))
			r.done(r.db.Delete(&Country{}, "code = ?", "at"))
			r.done(r.db.Table("notes").Where("id = ?", 1).Delete(nil))
		}},
		{name: "soft delete", run: func(r *run) {
			p := Person{ID: 1}
			r.done(r.db.Delete(&p), &p)
			r.done(r.db.Where("title = ?", "letter2").Delete(&Letter{}))
			var people []Person
			r.done(r.db.Order("id").Find(&people), len(people))
			r.done(r.db.Unscoped().Where("id = ?", 4).Delete(&Person{}))
			r.done(r.db.Unscoped().Delete(&Letter{}, []int{3, 4}))
			r.done(r.db.Unscoped().Model(&Person{ID: 1}).Update("deleted_at", nil))
		}},
		{name: "without conditions", alone: true, run: func(r *run) {
			r.refused(r.db.Delete(&Team{}).Error)
			r.refused(r.db.Model(&Person{}).Update("age", 1).Error)
			r.done(r.db.Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&Person{}).Update("age", 1))
			r.done(r.db.Session(&gorm.Session{AllowGlobalUpdate: true}).Delete(&Team{}))
		}},
	}}
}
