package conformance

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// relations are what GORM saves, deletes and preloads with a model. In a layout
// across binds, Person and what it has are in different databases.
func relations() group {
	family := func() Person {
		return Person{
			Name: "head", Origin: "new",
			Team:     &Team{Name: "team", Origin: "new"},
			Boss:     &Person{Name: "boss", Team: &Team{Name: "team of the boss"}},
			Reports:  []Person{{Name: "report", Passport: &Passport{Number: "R1"}}},
			Passport: &Passport{Number: "N1", Origin: "new"},
			Letters:  []Letter{{Title: "one", Stamps: []Stamp{{Price: 1}, {Price: 2}}}, {Title: "two"}},
			Clubs:    []Club{{Name: "old", ID: 1}, {Name: "new", Origin: "new"}},
			Friends:  []*Person{{Name: "friend"}},
			Notes:    []Note{{Text: "note", Origin: "new"}},
		}
	}
	everything := func(tx *gorm.DB) *gorm.DB {
		byID := func(tx *gorm.DB) *gorm.DB { return tx.Order("id") }
		return tx.Preload("Team").Preload("Boss.Team").Preload("Reports", byID).Preload("Reports.Passport").Preload("Passport").Preload("Letters", byID).
			Preload("Letters.Stamps", byID).Preload("Letters.Person").Preload("Clubs", byID).Preload("Friends", byID).Preload("Notes", byID)
	}
	return group{name: "relation", cases: []testCase{
		{name: "Create saves all", run: func(r *run) {
			p := family()
			r.done(r.db.Create(&p), &p)
			var read Person
			r.done(everything(r.db).First(&read, p.ID), &read)
		}},
		{name: "Create saves those of batches", run: func(r *run) {
			people := []Person{
				{Name: "a", Team: &Team{Name: "ta"}, Letters: []Letter{{Title: "la"}}},
				{Name: "b", Clubs: []Club{{Name: "cb"}, {Name: "cc"}}, Notes: []Note{{Text: "nb"}}},
				{Name: "c", Passport: &Passport{Number: "c"}},
			}
			r.done(r.db.Create(&people), &people)
			r.done(r.db.CreateInBatches(&[]Person{{Name: "d", Letters: []Letter{{Title: "ld"}}}, {Name: "e"}, {Name: "f", Team: &Team{Name: "tf"}}}, 2))
		}},
		{name: "belongs to from the far side", run: func(r *run) {
			letter := Letter{Title: "back", Person: &Person{Name: "writer"}, Stamps: []Stamp{{Price: 3}}}
			r.done(r.db.Create(&letter), &letter)
			var read Letter
			r.done(r.db.Preload("Person").Preload("Stamps").First(&read, letter.ID), &read)
		}},
		{name: "string and composite keys", run: func(r *run) {
			city := City{Name: "new", Country: &Country{Code: "zz", Name: "made"}}
			r.done(r.db.Create(&city), &city)
			slot := Slot{Day: "sat", Hour: 7, Bookings: []Booking{{Guest: "x"}, {Guest: "y"}}}
			r.done(r.db.Create(&slot), &slot)
			var cities []City
			r.done(r.db.Preload("Country").Order("id").Find(&cities), &cities)
			var slots []Slot
			r.done(r.db.Preload("Bookings", func(tx *gorm.DB) *gorm.DB { return tx.Order("id") }).Order("day, hour").Find(&slots), &slots)
		}},
		{name: "Save and FullSaveAssociations", run: func(r *run) {
			var p Person
			r.done(everything(r.db).First(&p, 1))
			p.Team.Name, p.Passport.Number, p.Letters[0].Title = "t", "n", "l"
			p.Letters = append(p.Letters, Letter{Title: "added"})
			r.done(r.db.Save(&p), p.Letters[len(p.Letters)-1].ID)
			// A person that stays the same would be no row for MariaDB, and then GORM tries an upsert.
			p.Age++
			r.done(r.db.Session(&gorm.Session{FullSaveAssociations: true}).Omit("Boss", "Reports", "Friends").Save(&p))
			p.Age++
			p.Letters[0].Title = "again"
			r.done(r.db.Session(&gorm.Session{FullSaveAssociations: true}).Omit("Boss", "Reports", "Friends").Updates(&p))
		}},
		{name: "Update with associations", run: func(r *run) {
			r.done(r.db.Model(&Person{ID: 2}).Updates(Person{Age: 3, Team: &Team{Name: "updated in"}, Letters: []Letter{{Title: "more"}}}))
			r.done(r.db.Model(&Person{ID: 3}).Update("Age", 4))
		}},
		{name: "Select and Omit of associations", run: func(r *run) {
			p := family()
			r.done(r.db.Select("Name", "Letters", "Clubs").Omit("Letters.Stamps").Create(&p), p.ID)
			p = family()
			p.Name = "other"
			r.done(r.db.Omit(clause.Associations).Create(&p), p.ID)
			p = family()
			p.Name = "third"
			r.done(r.db.Omit("Clubs.*", "Team", "Boss", "Reports", "Friends", "Passport", "Letters", "Notes").Create(&Person{
				Name: p.Name, Clubs: []Club{{ID: 1}, {ID: 3}}}))
		}},
		{name: "Preload", reads: true, run: func(r *run) {
			var people []Person
			r.done(everything(r.db).Order("id").Find(&people), &people)
			var p Person
			r.done(everything(r.db).First(&p, 1), &p)
			r.done(r.db.Preload("Letters").Preload("Letters.Stamps").Unscoped().Order("id").Find(&people), &people)
		}},
		{name: "Preload of all", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Preload(clause.Associations).Order("id").Find(&people), &people)
			var letters []Letter
			r.done(r.db.Preload(clause.Associations).Preload("Person."+clause.Associations).Order("id").Find(&letters), &letters)
		}},
		{name: "Preload with conditions", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Preload("Letters", "title <> ?", "letter1").Preload("Team", "name IN ?", []string{"team2"}).
				Preload("Clubs", func(tx *gorm.DB) *gorm.DB { return tx.Where("clubs.name <> ?", "club1").Order("clubs.id DESC") }).
				Preload("Letters.Stamps", func(tx *gorm.DB) *gorm.DB {
					return tx.Select("id", "letter_id", "price").Where("price > ?", 10).Limit(3)
				}).
				Order("id").Find(&people), &people)
			var one Person
			r.done(r.db.Preload("Notes", &Note{Text: "note2"}).Preload("Friends", "people.age > ?", 0).Take(&one, 1), &one)
		}},
		{name: "Preload of a result", reads: true, run: func(r *run) {
			var letters []*Letter
			r.done(r.db.Preload("Person.Team").Preload("Person.Clubs").Order("id").Find(&letters), &letters)
			var stamps []Stamp
			r.done(r.db.Order("id").Find(&stamps, "letter_id IN ?", []uint{letters[0].ID, letters[1].ID}), &stamps)
		}},
		{name: "Preload with a lock", run: func(r *run) {
			var p Person
			r.done(r.db.Clauses(clause.Locking{Strength: "UPDATE"}).Preload("Letters", func(tx *gorm.DB) *gorm.DB {
				return tx.Clauses(clause.Locking{Strength: "SHARE"}).Order("id")
			}).Preload("Clubs").Take(&p, 1), &p)
		}},
		{name: "Joins with Preload", reads: true, run: func(r *run) {
			var people []Person
			r.done(r.db.Joins("Boss").Preload("Boss.Team").Preload("Team").Order("people.id").Find(&people), &people)
		}},
		{name: "Delete of associations", shuffled: true, run: func(r *run) {
			r.done(r.db.Select("Passport", "Letters", "Clubs", "Notes").Delete(&Person{ID: 1}))
			r.done(r.db.Select(clause.Associations).Delete(&Person{ID: 2}))
			r.done(r.db.Unscoped().Select("Letters", "Friends").Delete(&Person{ID: 3}))
			r.done(r.db.Select("Stamps").Delete(&Letter{ID: 1}))
			r.done(r.db.Select("Bookings").Delete(&Slot{Day: "tue", Hour: 9}))
		}},
		{name: "upsert of associations", run: func(r *run) {
			r.done(r.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&Person{ID: 1, Name: "person1", Team: &Team{ID: 1, Name: "upserted"},
				Letters: []Letter{{ID: 1, Title: "moved"}, {Title: "fresh"}}}))
			r.done(r.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&Person{ID: 2, Name: "person2", Clubs: []Club{{ID: 1, Name: "x"}}}))
		}},
	}}
}
