package conformance

import (
	"gorm.io/gorm"
)

// associations are GORM's association mode.
func associations() group {
	// Every relation of Person, with a new target.
	kinds := []struct {
		name   string
		one    bool
		far    bool                           // Find and Count join a join table to it
		target func(id uint, name string) any // ids are given: MariaDB spends more than it uses
		there  func() any
	}{
		{"Team", true, false, func(id uint, name string) any { return &Team{ID: id, Name: name} }, func() any { return &Team{ID: 2} }},
		{"Boss", true, false, func(id uint, name string) any { return &Person{ID: id, Name: name} }, func() any { return &Person{ID: 2} }},
		{"Passport", true, false, func(id uint, name string) any { return &Passport{ID: id, Number: name} }, func() any { return &Passport{ID: 2} }},
		{"Reports", false, false, func(id uint, name string) any { return &Person{ID: id, Name: name} }, func() any { return &Person{ID: 2} }},
		{"Letters", false, false, func(id uint, name string) any { return &Letter{ID: id, Title: name} }, func() any { return &Letter{ID: 1} }},
		{"Notes", false, false, func(id uint, name string) any { return &Note{ID: id, Text: name} }, func() any { return &Note{ID: 1} }},
		{"Friends", false, false, func(id uint, name string) any { return &Person{ID: id, Name: name} }, func() any { return &Person{ID: 2} }},
		{"Clubs", false, true, func(id uint, name string) any { return &Club{ID: id, Name: name} }, func() any { return &Club{ID: 1} }},
	}
	var cases []testCase
	for _, k := range kinds {
		k := k
		load := func(r *run) *Person {
			p := Person{ID: 1}
			r.done(r.db.Preload(k.name, func(tx *gorm.DB) *gorm.DB { return tx.Order("id") }).First(&p))
			return &p
		}
		cases = append(cases,
			testCase{name: k.name, run: func(r *run) {
				for _, change := range []func(of *gorm.Association) error{
					func(of *gorm.Association) error { return of.Append(k.target(501, "appended")) },
					func(of *gorm.Association) error { return of.Replace(k.target(502, "replaced")) },
					func(of *gorm.Association) error { return of.Append(k.there()) },
					func(of *gorm.Association) error { return of.Delete(k.there()) },
					func(of *gorm.Association) error { return of.Clear() },
				} {
					r.ok(change(r.db.Model(load(r)).Association(k.name)))
					var people []Person
					r.done(r.db.Preload(k.name).Order("id").Find(&people), &people)
				}
			}},
			testCase{name: "Count and Find of " + k.name, reads: true, split: k.far, run: func(r *run) {
				r.note(r.db.Model(load(r)).Association(k.name).Count())
				r.note(r.db.Model(&[]Person{{ID: 1}, {ID: 2}}).Association(k.name).Count())
				var found []map[string]any
				r.ok(r.db.Model(load(r)).Order("id").Association(k.name).Find(&found))
				r.note(len(found))
			}},
		)
	}
	cases = append(cases,
		testCase{name: "Find into the model", reads: true, run: func(r *run) {
			var letters []Letter
			r.ok(r.db.Model(&Person{ID: 1}).Where("title <> ?", "letter1").Order("id").Association("Letters").Find(&letters))
			r.note(&letters)
			var team Team
			r.ok(r.db.Model(&Person{ID: 2, TeamID: ref(uint(2))}).Association("Team").Find(&team))
			r.note(&team)
			r.ok(r.db.Model(&[]Person{{ID: 1}, {ID: 2}}).Order("id").Association("Letters").Find(&letters, "id > ?", 1))
			r.note(&letters)
		}},
		testCase{name: "Find of many to many", reads: true, split: true, run: func(r *run) {
			var clubs []Club
			r.ok(r.db.Model(&Person{ID: 1}).Where("clubs.name <> ?", "club1").Association("Clubs").Find(&clubs))
			r.note(&clubs)
		}},
		testCase{name: "Append to several", run: func(r *run) {
			people := []Person{{ID: 1, Name: "person1"}, {ID: 2, Name: "person2"}}
			r.ok(r.db.Model(&people).Association("Clubs").Append(&Club{ID: 3}, &[]Club{{Name: "a"}, {Name: "b"}}))
			r.ok(r.db.Model(&people).Association("Letters").Append(&Letter{Title: "a"}, &[]Letter{{Title: "b"}}))
			var read []Person
			r.done(r.db.Preload("Clubs").Preload("Letters").Order("id").Find(&read), &read)
		}},
		testCase{name: "Unscoped", run: func(r *run) {
			r.ok(r.db.Model(&Person{ID: 1}).Association("Notes").Unscoped().Clear())
			r.ok(r.db.Model(&Person{ID: 1}).Association("Letters").Unscoped().Delete(&Letter{ID: 1}))
			r.ok(r.db.Model(&Person{ID: 1}).Association("Passport").Unscoped().Clear())
		}},
		testCase{name: "string and composite keys", run: func(r *run) {
			r.ok(r.db.Model(&City{ID: 1}).Association("Country").Replace(&Country{Code: "yy", Name: "new"}))
			r.ok(r.db.Model(&Slot{Day: "tue", Hour: 9}).Association("Bookings").Append(&Booking{Guest: "appended"}))
			r.note(r.db.Model(&Slot{Day: "tue", Hour: 9}).Association("Bookings").Count())
			r.ok(r.db.Model(&Slot{Day: "tue", Hour: 9}).Association("Bookings").Unscoped().Clear())
		}},
		testCase{name: "with Omit and Select", run: func(r *run) {
			r.ok(r.db.Omit("Clubs.*").Model(&Person{ID: 2}).Association("Clubs").Append(&Club{ID: 2, Name: "not written"}))
			r.ok(r.db.Session(&gorm.Session{FullSaveAssociations: true}).Model(&Person{ID: 2}).Association("Clubs").Append(&Club{ID: 3, Name: "written"}))
		}},
	)
	return group{name: "association", cases: cases}
}
