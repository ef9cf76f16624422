package conformance

import (
	"time"

	"gorm.io/gorm"
)

// values are kinds of columns, written and read again.
func values() group {
	again := func(r *run, s Specimen) {
		var read Specimen
		r.done(r.db.First(&read, s.ID), &read)
	}
	return group{name: "value", each: true, cases: []testCase{
		{name: "every kind", run: func(r *run) {
			s := specimen(1, "new")
			s.ID = 0
			r.done(r.db.Create(&s), &s)
			again(r, s)
			s = specimen(2, "new")
			s.ID, s.Blob, s.Labels = 0, nil, nil
			r.done(r.db.Create(&s), &s)
			again(r, s)
		}},
		{name: "no value", run: func(r *run) {
			s := Specimen{At: moment, Unix: 1}
			r.done(r.db.Create(&s), &s)
			again(r, s)
		}},
		{name: "microseconds", run: func(r *run) {
			for _, part := range []time.Duration{1, 999, 1_000, 999_999, 500_000} {
				s := Specimen{At: moment.Truncate(time.Second).Add(part * time.Microsecond), Maybe: ref(moment.Add(-part * time.Microsecond)), Unix: 1}
				r.done(r.db.Create(&s))
				again(r, s)
			}
		}},
		{name: "updates of every kind", run: func(r *run) {
			s := specimen(2, "updated")
			s.ID = 1
			r.done(r.db.Model(&Specimen{ID: 1}).Updates(&s))
			again(r, s)
			r.done(r.db.Model(&Specimen{ID: 2}).Updates(map[string]any{
				"Yes": false, "Blob": []byte{9}, "At": moment.Add(time.Microsecond), "Maybe": nil, "Perhaps": nil, "Count": 8,
				"Number": gorm.Expr("number + ?", 1), "size_width": 100, "other_name": "x", "Ratio": 1e-3, "Small": -128, "secret": "not written",
			}))
			again(r, Specimen{ID: 2})
			s = specimen(1, "saved")
			s.Labels, s.Extra = []string{}, nil
			r.done(r.db.Save(&s))
			again(r, s)
		}},
		{name: "update from a serializer", run: func(r *run) {
			r.done(r.db.Model(&Specimen{ID: 1}).Select("Labels").Updates(Specimen{Labels: []string{"x", "y"}}))
			r.done(r.db.Model(&Specimen{ID: 2}).Select("Extra", "Unix").Updates(Specimen{Extra: map[string]any{"a": []int{1}}, Unix: 1}))
			var all []Specimen
			r.done(r.db.Order("id").Find(&all), &all)
		}},
		{name: "into maps and columns", reads: true, run: func(r *run) {
			var rows []map[string]any
			r.done(r.db.Model(&Specimen{}).Omit("Labels", "Extra", "Unix").Order("id").Find(&rows), &rows)
			r.done(r.db.Table("specimens").Order("id").Find(&rows), &rows)
			var at []time.Time
			r.done(r.db.Model(&Specimen{}).Order("id").Pluck("at", &at), &at)
			var blobs [][]byte
			r.done(r.db.Model(&Specimen{}).Order("id").Pluck("blob", &blobs), len(blobs))
		}},
		{name: "times of GORM's own", run: func(r *run) {
			p := Person{Name: "timed"}
			r.done(r.db.Create(&p), p.CreatedAt, p.UpdatedAt)
			r.done(r.db.Model(&Person{ID: 1}).Update("age", 1))
			r.done(r.db.Delete(&Person{ID: 2}))
			s := Specimen{At: moment, Unix: 1}
			r.done(r.db.Create(&s), s.Changed)
			var people []Person
			r.done(r.db.Unscoped().Order("id").Find(&people), &people)
		}},
	}}
}

// defaults are values that the database makes, and GORM reads back.
func defaults() group {
	return group{name: "default", each: true, cases: []testCase{
		{name: "read back", run: func(r *run) {
			ticket := Ticket{Title: "t"}
			r.done(r.db.Create(&ticket), &ticket)
			given := Ticket{Title: "g", State: "new", Priority: 9, Points: 1, Done: ref(true)}
			r.done(r.db.Create(&given), &given)
			var all []Ticket
			r.done(r.db.Order("id").Find(&all), &all)
		}},
		{name: "of batches", only: []string{postgres, mariadb}, run: func(r *run) {
			tickets := []Ticket{{Title: "a"}, {Title: "b", Points: 2, State: "x"}, {Title: "c", Done: ref(false)}}
			r.done(r.db.Create(&tickets), &tickets)
			var all []Ticket
			r.done(r.db.Order("id").Find(&all), &all)
		}},
		{name: "of omitted columns", run: func(r *run) {
			ticket := Ticket{Title: "t", State: "ignored"}
			r.done(r.db.Select("Title").Create(&ticket))
			var read Ticket
			r.done(r.db.Last(&read), &read)
			r.done(r.db.Omit("Points", "Priority").Create(&Ticket{Title: "o", Points: 3, Priority: 4}))
			r.done(r.db.Model(&Ticket{}).Create(map[string]any{"title": "m"}))
			var all []Ticket
			r.done(r.db.Order("id").Find(&all), &all)
		}},
		{name: "of nothing", run: func(r *run) {
			r.done(r.db.Omit("Title", "Origin", "Comment").Create(&Ticket{}))
			r.done(r.db.Create(&Owner{}))
		}},
	}}
}
